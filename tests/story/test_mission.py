"""The whole mission on one page: forms out, three training days in, deliverables in hand."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from conftest import REPO

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.store import schema
from kobo_sync.store.database import open_store
from kobo_sync.store.tables.layout import flat_tables
from kobo_sync.workspace.folders import Workspace, find

ZONES = ("bertat", "zaouiat_sidi_hamza", "oumjniba")


def _texts(archive: bytes) -> Iterator[tuple[str, str]]:
    """Every file of a zip as plain text, Office files opened."""
    with zipfile.ZipFile(io.BytesIO(archive)) as outer:
        for name in outer.namelist():
            content = outer.read(name)
            if name.endswith((".docx", ".xlsx")):
                with zipfile.ZipFile(io.BytesIO(content)) as inner:
                    yield (
                        name,
                        "\n".join(
                            inner.read(part).decode("utf-8", "ignore")
                            for part in inner.namelist()
                            if part.endswith((".xml", ".rels"))
                        ),
                    )
            else:
                yield name, content.decode("utf-8", "ignore")


def test_the_mirror_is_complete_and_says_so(told: tuple[Path, Report, dict[str, Report]]) -> None:
    _, _, steps = told
    for line in steps["pull"].lines:
        n, same, missing = re.search(r"server (\d+) = local (\d+) .* (\d+) files missing", line).groups()  # type: ignore[union-attr]
        assert n == same and missing == "0"
    assert steps["roster"].counts["participants"] == 73
    assert {finding.rule for finding in steps["check"].findings} >= {"DATA001", "DATA002"}


def test_the_days_had_their_mishaps(told: tuple[Path, Report, dict[str, Report]]) -> None:
    output, report, _ = told
    assert report.counts["edits"] == 2 and report.counts["deletions"] == 1
    store = open_store(output / ".kobo_sync" / "mirror.sqlite")
    with store.begin() as connection:
        edited = connection.execute(
            sa.select(sa.func.count())
            .select_from(schema.submissions)
            .where(schema.submissions.c.uuid != schema.submissions.c.root_uuid)
        ).scalar_one()
        late = connection.execute(
            sa.select(sa.func.count())
            .select_from(schema.attachments)
            .where(schema.attachments.c.filename.like("photo-%"), schema.attachments.c.sha256.is_not(None))
        ).scalar_one()
    store.close()
    assert edited == 2 and late == 9


def test_every_zone_has_its_set_and_its_zips(told: tuple[Path, Report, dict[str, Report]]) -> None:
    output, _, _ = told
    for zone in ZONES:
        manifest = json.loads((output / zone / "MANIFEST.json").read_bytes())
        assert {"liste-presence.docx", "evaluations.docx", "besoins-prioritaires.docx", "donnees.xlsx"} <= set(
            manifest["files"]
        )
        assert manifest["as_of"].startswith("2025-02-1") and manifest["form_versions"]["presence"]
        for name in (f"{zone}.zip", f"{zone}-nominatif.zip"):
            with zipfile.ZipFile(output / name) as archive:
                listed = json.loads(archive.read("MANIFEST.json"))["files"]
                assert set(listed) == set(archive.namelist()) - {"MANIFEST.json"} and listed
                for path, told_of in listed.items():
                    assert hashlib.sha256(archive.read(path)).hexdigest() == told_of["sha256"]
                    assert (told_of["class"] == "nominative") == ("nominatif" in name)
                    assert (
                        told_of["class"] != "internal"
                    )  # part 7, A4, A5: it counts single persons and names accounts and rows


def test_no_name_and_no_phone_number_leaves_with_the_zip_to_send(told: tuple[Path, Report, dict[str, Report]]) -> None:
    output, _, _ = told
    mission = Mission(Workspace(find(REPO).root, output / ".kobo_sync", output), {})
    table = mission.store.read_table(flat_tables(mission.forms["inscription"])[0])
    mission.close()
    people = [
        (row["nom"], row["prenom"], row["nom_ar"], row["telephone"]) for row in table.to_dict("records") if row["nom"]
    ]
    assert len(people) > 70
    for zone in ZONES:
        for name, text in _texts((output / f"{zone}.zip").read_bytes()):
            for family, given, arabic, phone in people:
                assert f"{family} {given}" not in text and f"{family.upper()} {given}" not in text, name
                assert arabic not in text and phone not in text, name


def test_arabic_and_tifinagh_survive_to_the_documents(told: tuple[Path, Report, dict[str, Report]]) -> None:
    output, _, _ = told
    texts = "".join(text for zone in ZONES for _, text in _texts((output / f"{zone}.zip").read_bytes()))
    assert "ⵉⵖⵓⴷⴰ" in texts and "w:rtl" in texts and "w:bidi" in texts
    assert "2025" in texts

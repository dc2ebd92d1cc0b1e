"""Part 7, A3: after purge, build and export no byte of the workspace holds a marked name, phone or number, wherever a purge was killed."""

from __future__ import annotations

import gzip
import io
import json
import re
import sqlite3
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ATTENDED, PERSONNES, Field, field_in, write_workspace
from digests import without_digests

from kobo_sync.desk import runs
from kobo_sync.desk.notices import Notice, raise_notice
from kobo_sync.desk.runs import Order
from kobo_sync.desk.worklist import page, set_state
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.steps import purge as purge_step
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.export import export
from kobo_sync.steps.pull import pull
from kobo_sync.steps.purge import purge
from kobo_sync.steps.purging.places import texts_in
from kobo_sync.store import schema
from kobo_sync.workspace.folders import Workspace
from kobo_sync.workspace.private import UNFINISHED

SETTINGS = """
[forms.avis]
role = "satisfaction"
file = "avis.md"
open_questions = ["fort"]
[forms.avis.fields]
zone = "zone"

[forms.route]
role = "road_map"
file = "route.md"
[forms.route.fields]
zone = "zone"
action = "action"
objective = "objectif"
responsible_function = "responsable"
deadline = "echeance"
indicator = "indicateur"
risk = "risque"
status = "statut"
need = "besoin"
kind = "genre"
target = "cible"
level = "niveau"
allies = "allies"

[retention]
files_months = 3
personal_months = 6

[deliverables]
zone = ["attendance_list", "data_workbook", "evaluations", "road_map", "zone_sheet", "data_quality"]
mission = ["final_report"]
"""
AVIS = """
| survey |
| | type | name | label::Français (fr) |
| | select_one_from_file zones.csv | zone | Zone |
| | text | fort | Le mieux ? |
| settings |
| | form_title | form_id | version | default_language |
| | Avis | avis | 1 | Français (fr) |
"""
ROUTE = """
| survey |
| | type | name | label::Français (fr) |
| | select_one_from_file zones.csv | zone | Zone |
| | text | objectif | Objectif |
| | text | action | Action |
| | text | responsable | Fonction |
| | text | risque | Risque |
| settings |
| | form_title | form_id | version | default_language |
| | Route | route | 1 | Français (fr) |
"""
NAMED = PERSONNES.replace(
    "|        | select_one groupe              | groupe |",
    "|        | text | prenom | Prénom | الاسم الشخصي | | ${accord} = 'oui' |\n|        | text | telephone | Téléphone | الهاتف | | ${accord} = 'oui' |\n"
    "|        | text | cin | CIN | البطاقة | | ${accord} = 'oui' |\n|        | select_one groupe              | groupe |",
)
MARKS = re.compile(rb"qwortalub|zzyxien|vexilmarg|61239988|61239977|129988|0661 23 99 88|06 61 23 99")
SAID = "Zzyxien Qwortalub et M. VEXILMARG, 06 61 23 99 88, AB129988, merci zzyxienqwortalub"


# What pages kept: a list and a report that name somebody, and settings.
EARLIER = (
    f"code,label_fr\nx,{SAID}\n".encode(),
    b"user,name\nsalma,Salma X\n",
    b"\xd0\xcf\x11\xe0old",
    SETTINGS.encode(),
)


def zipped(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"<w:p><w:t>{text}</w:t></w:p>")
    return out.getvalue()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Field]:
    with field_in(tmp_path, written) as field:
        yield field


def written(root: Path) -> Workspace:
    workspace = write_workspace(root)
    settings = ATTENDED.replace(
        'family_name = "nom"', 'family_name = "nom"\ngiven_name = "prenom"\nphone = "telephone"'
    )
    (workspace.root / "config" / "mission.toml").write_text(settings + SETTINGS, "utf-8")
    for name, text in (("avis", AVIS), ("route", ROUTE), ("personnes", NAMED)):
        (workspace.root / "forms" / f"{name}.md").write_text(text, "utf-8")
    return workspace


def person(number: int, **more: str) -> dict[str, Any]:
    names = {
        "nom": f"Autre{number}",
        "prenom": "Quelqu’un",
        "telephone": f"06550000{number:02}",
        "cin": f"BK44000{number}",
    }
    return {"zone": "nord", "accord": "oui", "code": f"NOR-0{number}", "groupe": "a", **names, **more}


def filled(team: Field) -> Mission:
    marked = {"nom": "Qwortalub", "prenom": "Zzyxien", "telephone": "0661239988", "cin": "AB129988"}
    first = team.submit("personnes", person(1, note=SAID, **marked))
    for number in (2, 3, 4):
        team.submit("personnes", person(number))
    avis = team.submit("avis", {"zone": "nord", "fort": f"D’abord {SAID}"})
    for text in ("voir QWORTALUB Zzyxien", "rien", "tél 0661 23 99 77", "la salle"):
        team.submit("avis", {"zone": "nord", "fort": text})
    team.submit(
        "route",
        {
            "zone": "nord",
            "objectif": "Un bus",
            "action": SAID,
            "responsable": "Zzyxien Qwortalub",
            "risque": "Vexilmarg part",
        },
    )
    mission = team.mission
    pull(mission)
    team.submit("personnes", person(1, **{**marked, "nom": "Vexilmarg"}), edits=first)
    team.submit("avis", {"zone": "nord", "fort": "Rien de plus, dit Zzyxien"}, edits=avis)
    team.clock.forward(hours=3)
    pull(mission)
    check(mission)
    odd = json.dumps({"_id": 99, "fort": SAID, "x": "Zzyxien Qwortalub"}).encode()
    with mission.store.begin() as connection:
        for number, raw in ((99, odd), (98, SAID.encode())):
            values = {"form_id": "avis", "submission_id": number, "raw": raw, "reason": f"odd: {SAID}"}
            connection.execute(schema.quarantine.insert().values(**values, seen_at=team.clock.now))
    item = next(iter(page(mission.desk, states=()).items), None)
    if item:
        set_state(mission.desk, [item.key], "accepted", "awa", f"c’est {SAID}", team.clock.now)
    raise_notice(
        mission.desk, Notice("e", "digest", "S", "Bonjour Zzyxien Qwortalub 0661239988", ("a@b.ma",)), team.clock.now
    )
    run_id = runs.start_run(mission.desk, "check", Order(), team.clock.now, "h", 1)
    runs.end_run(mission.desk, run_id, team.clock.now, "done", {"lines": ["Zzyxien Qwortalub"]})
    analyse(mission)
    build(mission)
    deliver(mission)
    for nominative in (False, True):
        for shape in ("csv", "xlsx"):
            export(mission, shape, nominative=nominative)
    out, state = mission.workspace.out, mission.workspace.state
    (out / "donnees" / "anciennes.csv").write_text(SAID)
    (out / ".sauvegardes").mkdir(exist_ok=True)
    (out / ".sauvegardes" / "x.txt").write_text(SAID)
    (out / "badges").mkdir()
    (out / "badges" / "b.pdf").write_text(SAID)
    for folder in (out, out / "nord", state, mission.workspace.root / "config"):  # what killed writers left there
        (folder / f".demi-1234{UNFINISHED}").write_text(SAID)
    root = mission.workspace.root
    for folder in (state / "copy-1234", root.parent / f".{root.name}.decrypted-1234"):
        folder.mkdir()
        (folder / "desk.sqlite").write_text(SAID)  # of a backup that was killed, of one that was being restored
    (state / "previews").mkdir()
    (state / "previews" / "p.png").write_text(SAID)
    for content in (*EARLIER, zipped(SAID)):
        mission.workspace.earlier_files.keep(content)
    mission.workspace.expected_roster.write_text(json.dumps([{"name": "N9", "label": "Zzyxien Qwortalub"}]))
    # A paper of an older program, in which nothing was masked.
    manifest = json.loads((out / "nord" / "MANIFEST.json").read_bytes())
    import hashlib

    (out / "nord" / "vieux.csv").write_text(SAID)
    manifest["files"]["vieux.csv"] = {
        "sha256": hashlib.sha256(SAID.encode()).hexdigest(),
        "bytes": 9,
        "class": "aggregate",
        "by": "x",
    }
    (out / "nord" / "MANIFEST.json").write_text(json.dumps(manifest))
    return mission


def found(root: Path) -> dict[str, bytes]:
    """Where a mark lies, in whatever it is packed: every byte of every file, unpacked too."""
    hits = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        for content in unpacked(path.name, path.read_bytes(), path):
            folded = "".join(
                c
                for c in unicodedata.normalize("NFKD", content.decode("utf-8", "ignore").casefold())
                if not unicodedata.combining(c)
            )
            if hit := MARKS.search(without_digests(folded).encode()):
                hits[str(path.relative_to(root))] = hit[0]
    return hits


def unpacked(name: str, content: bytes, path: Path) -> Iterator[bytes]:
    yield content
    yield "\n".join(texts_in(name, content)).encode()
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                yield from unpacked(inner, archive.read(inner), path)
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL) if content[:4] == b"%PDF" else ():
        try:
            yield zlib.decompress(stream)
        except zlib.error:
            continue
    if content[:6] == b"SQLite":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in db.execute(f'SELECT * FROM "{table}"').fetchall():
                    for cell in row:
                        packed = isinstance(cell, bytes) and cell[:2] == b"\x1f\x8b"
                        yield (
                            zlib.decompress(cell, wbits=31)
                            if packed
                            else cell
                            if isinstance(cell, bytes)
                            else str(cell).encode()
                        )
        db.close()


def test_the_search_finds_what_is_there(team: Field) -> None:
    mission = filled(team)
    hits = found(mission.workspace.root)
    assert {
        ".kobo_sync/mirror.sqlite",
        ".kobo_sync/desk.sqlite",
        "exports/out/nord/liste-presence.docx",
        "exports/out/nord/vieux.csv",
    } <= set(hits)


def test_after_purge_build_and_export_no_byte_names_anybody(team: Field) -> None:
    mission = filled(team)
    team.clock.forward(days=190)
    before = found(mission.workspace.root)
    dry = purge(mission, dry_run=True)
    assert dry.counts["texts"] >= 8 and dry.counts["documents"] >= 8
    assert any("vieux.csv" in line for line in dry.lines) and found(mission.workspace.root) == before
    report = purge(mission)
    assert report.counts == dry.counts
    mission.close()
    assert not found(mission.workspace.root) and not list(mission.workspace.root.parent.glob(".*.decrypted-*"))
    mission = team.reopen()
    _all_again(mission)
    assert not found(mission.workspace.root)
    table = mission.store.read_table(mission.tables["avis"][0])
    assert sorted(text for text in table["fort"] if "masqué" not in text) == ["la salle", "rien"]
    assert len(table) == 5 and "[nom masqué]" in " ".join(table["fort"])
    again = pull(mission)
    assert not again.has_errors and not found(mission.workspace.root)


def _all_again(mission: Mission) -> None:
    check(mission)
    analyse(mission)
    build(mission)
    deliver(mission)
    for shape in ("csv", "xlsx", "geojson"):
        export(mission, shape)
    export(mission, "csv", nominative=True)


@pytest.mark.parametrize("point", ["redact", "mask_texts", "_documents", "forget_notes", "_answers", "dialect_of"])
@pytest.mark.parametrize("nth", [1, 3])
def test_a_purge_killed_anywhere_unmasks_nobody(
    team: Field, point: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = filled(team)
    team.clock.forward(days=190)
    calls = iter(range(1, 100))
    with monkeypatch.context() as dying:
        real = getattr(purge_step, point)

        def die(*args: Any, **given: Any) -> Any:
            if not given.get("dry_run") and next(calls) == nth:
                raise KeyboardInterrupt
            return real(*args, **given)

        dying.setattr(purge_step, point, die)
        try:
            recorded(mission, "purge", purge)
        except KeyboardInterrupt:
            build(mission)  # between the two, somebody builds
    team.clock.forward(hours=1)
    purge(mission)
    _all_again(mission)
    mission.close()
    assert not found(mission.workspace.root)


def test_what_people_edited_or_put_there_is_named_not_removed(team: Field) -> None:
    mission = filled(team)
    out = mission.workspace.out
    (out / "nord" / "notes.txt").write_text("Zzyxien Qwortalub a dit non")
    (mission.workspace.root / "exports" / "annexes").mkdir(parents=True, exist_ok=True)
    (mission.workspace.root / "exports" / "annexes" / "pv.txt").write_text("présents : Zzyxien Qwortalub")
    (mission.workspace.state / "backups" / "essai-20250211T110000Z").mkdir(parents=True)
    team.clock.forward(days=190)
    for dry_run in (True, False):
        report = purge(mission, dry_run=dry_run)
        named = {finding.where for finding in report.findings if finding.rule == "PURGE002"}
        assert {"nord/notes.txt", "exports/annexes/pv.txt"} <= named
        (backups,) = (f.where for f in report.findings if f.where.startswith("backups"))
        assert "essai-20250211T110000Z" in backups
    assert (out / "nord" / "notes.txt").is_file()


def test_of_what_pages_kept_settings_alone_outlive_the_names(team: Field) -> None:
    """Part 11: earlier lists of enumerators, lists and reports that name somebody, and what cannot be read, go."""
    mission = filled(team)
    kept, draft = mission.workspace.earlier_files, mission.workspace.form_drafts.folder / "avis" / "media" / "gens.csv"
    draft.parent.mkdir(parents=True)
    draft.write_text(SAID)
    before = {path.name for path in kept.paths()}
    team.clock.forward(days=190)
    purge(mission, dry_run=True)
    assert {path.name for path in kept.paths()} == before
    report = purge(mission)
    assert {path.read_bytes() for path in kept.paths()} == {SETTINGS.encode()}
    assert "drafts/avis/media/gens.csv" in {finding.where for finding in report.findings if finding.rule == "PURGE002"}
    receipt = json.loads(next((mission.workspace.state / "receipts").glob("*.json")).read_bytes())
    gone = [name for name in receipt["documents"] if name.startswith("earlier/")]
    assert len(gone) == 4 and all(receipt["documents"][name] == name.rpartition("/")[2] for name in gone)

"""A participant's rights: what is held about them in one file; after an erasure no byte names them, nor does a pull bring them back."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_purge_unmasks_nobody as marked
from conftest import Field, field_in
from test_purge_unmasks_nobody import SAID, filled, found, written

from kobo_sync.desk import journal
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.steps import person
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.export import export
from kobo_sync.steps.person import NobodyThere, erase, erase_all, erase_upstream, show
from kobo_sync.steps.personal import erasing
from kobo_sync.steps.pull import pull, rebuild
from kobo_sync.steps.purging.places import texts_in
from kobo_sync.store import schema
from kobo_sync.store.history import revisions_of

HERS = re.compile(rb"qwortalub|zzyxien|vexilmarg|61239988|129988|0661 23 99 88|06 61 23 99|nor-01\b")
PHOTO = b"\xff\xd8\xff\xe0" + b"of her alone" * 40


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    monkeypatch.setattr(marked, "MARKS", HERS)
    with field_in(tmp_path, written) as field:
        yield field


def lived(team: Field) -> Mission:
    """A mission that has her in every place: rows, edits, sentences of others, odd rows, findings, mails, papers, lists."""
    mission = filled(team)
    photo = {"photo.jpg": (PHOTO, "image/jpeg")}
    team.submit("visites", {"zone": "nord", "personne": "NOR-01", "photo": "photo.jpg"}, files=photo)
    team.submit("visites", {"zone": "nord", "personne": "NOR-02"})
    pull(mission)
    expected = [{"name": code, "label": label} for code, label in (("NOR-01", "Zzyxien Qwortalub (NOR-01)"), ("NOR-07", "Une Autre"))]  # fmt: skip
    mission.workspace.expected_roster.write_text(json.dumps([{**row, "zone": "nord", "group": "a", "sex": "", "consent": ""} for row in expected]))  # fmt: skip
    mission.workspace.earlier_files.keep(SAID.encode())
    build(mission)
    deliver(mission)
    return mission


def codes(mission: Mission) -> list[str]:
    table = mission.store.read_table(mission.tables["personnes"][0])
    return sorted(table["code"].dropna())


def test_what_is_held_is_one_file_with_rows_states_files_and_words(team: Field, tmp_path: Path) -> None:
    mission = lived(team)
    report = show(mission, "NOR-01", output=tmp_path / "remise.zip")
    with zipfile.ZipFile(tmp_path / "remise.zip") as archive:
        names = archive.namelist()
        (paper,) = (name for name in names if name.endswith(".docx"))
        text = "\n".join(texts_in(paper, archive.read(paper)))
        raws = [json.loads(archive.read(name)) for name in names if name.startswith("rows/personnes/")]
        (photo,) = (name for name in names if name.startswith("files/"))
        assert archive.read(photo) == PHOTO
    assert report.counts == {"rows": 2, "states": 3, "files": 1}
    assert {raw["nom"] for raw in raws} == {"Qwortalub", "Vexilmarg"}
    assert "Téléphone" in text and "0661239988" in text and "Autre2" not in text and "nord/" in text
    assert oct((tmp_path / "remise.zip").stat().st_mode)[-3:] == "600"
    (entry,) = journal.entries(mission.desk, acts=[person.SHOW])
    assert "NOR-01" not in entry.subject and "-" in entry.subject and entry.by == mission.doer
    for nobody in ("NOR-99", "", "x" * 70):
        with pytest.raises(NobodyThere):
            show(mission, nobody)


def test_after_an_erasure_no_byte_names_them_and_no_pull_brings_them_back(team: Field) -> None:
    mission = lived(team)
    newest = next(each.uuid for each in _registrations(mission) if each.root_uuid.endswith("000000000001"))
    others = [code for code in codes(mission) if code != "NOR-01"]
    assert {".kobo_sync/mirror.sqlite", ".kobo_sync/desk.sqlite"} <= set(found(mission.workspace.root))
    report = recorded(mission, "person", lambda opened: erase(opened, "NOR-01"))
    assert report.counts["rows"] == 2 and report.counts["files"] == 1 and report.counts["roster"] == 1
    assert any(line.startswith("to be issued again: nord/") for line in report.lines)
    mission.close()
    assert not found(mission.workspace.root)
    mission = team.reopen()
    assert codes(mission) == others and [row["name"] for row in mission.expected_participants()] == ["NOR-07"]
    _again(team, mission)
    again = pull(mission)
    assert not again.has_errors and again.counts.get("new", 0) == 0
    team.submit("personnes", marked.person(1, nom="Qwortalub", prenom="Zzyxien", note=SAID), edits=newest)
    pull(mission, full=True)
    rebuild(mission)
    assert codes(mission) == others
    _again(team, mission)
    with pytest.raises(NobodyThere):
        erase(mission, "NOR-01")


def _registrations(mission: Mission) -> list[Any]:
    with mission.store.read() as connection:
        return list(connection.execute(schema.submissions.select().where(schema.submissions.c.form_id == "personnes")))


def _again(team: Field, mission: Mission) -> None:
    """All is made once more, and looked through."""
    build(mission)
    deliver(mission)
    for shape in ("csv", "xlsx"):
        export(mission, shape)
        export(mission, shape, nominative=True)
    mission.close()
    assert not found(mission.workspace.root)


def test_a_mirror_read_from_nothing_does_not_have_them_either(team: Field) -> None:
    mission = lived(team)
    report = erase(mission, "NOR-01")
    assert {each.where for each in report.findings if each.rule == "PERSON005"} == {"avis", "route"}  # others' words
    others = codes(mission)
    with mission.store.begin() as connection:
        for table in (schema.submissions, schema.revisions, schema.cursors, schema.attachments, schema.bodies):
            connection.execute(table.delete())
    rebuild(mission)
    report = pull(mission)
    assert report.counts["new"] > 5 and not report.has_errors and codes(mission) == others
    (shell,) = (each.raw for each in revisions_of(mission.store, "00000000-0000-4000-8000-000000000001"))
    assert json.loads(shell)["_erased"] and "nom" not in json.loads(shell)
    with pytest.raises(NobodyThere):
        show(mission, "NOR-01")


def test_upstream_they_are_deleted_proved_and_the_counts_agree(team: Field) -> None:
    mission = lived(team)
    here = erase_all(mission, "NOR-01", upstream=False)
    assert any("the server (2 rows)" in finding.where for finding in here.findings)
    there = erase_all(mission, "NOR-01", upstream=True)  # later, by the same command
    assert there.counts["deleted"] == 2 and not there.has_errors
    assert {each.subject for each in journal.entries(mission.desk, acts=[person.UPSTREAM])} != {""}
    report = pull(mission)
    assert report.counts["deleted"] == 2 and not report.has_errors
    assert erase_upstream(mission).counts.get("deleted", 0) == 0
    with pytest.raises(NobodyThere):
        erase_all(mission, "NOR-01", upstream=True)


@pytest.mark.parametrize("point", ["forget_rows", "_erase_files", "Mirror", "scour", "deliver"])  # fmt: skip
def test_an_erasure_killed_anywhere_is_ended_by_the_next(
    team: Field, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = lived(team)
    module: Any = person if point in ("scour", "deliver") else erasing
    real, calls = getattr(module, point), iter(range(100))
    nth = 3 if point == "Mirror" else 0

    def dies(*arguments: Any, **options: Any) -> Any:
        if next(calls) == nth:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(module, point, dies)
        recorded(mission, "person", lambda opened: erase(opened, "NOR-01"))
    recorded(mission, "person", lambda opened: erase(opened, "NOR-01"))
    receipts = [json.loads(path.read_bytes()) for path in (mission.workspace.state / "receipts").iterdir()]
    assert receipts and all(receipt["ended_at"] for receipt in receipts)
    mission.close()
    assert not found(mission.workspace.root)


def test_the_receipt_has_counts_and_no_name_and_others_keep_what_is_theirs(team: Field) -> None:
    mission = lived(team)
    sister = marked.person(5, nom="Qwortalub", prenom="Autrement")
    team.submit("personnes", sister)
    pull(mission)
    erase(mission, "NOR-01")
    (receipt,) = (mission.workspace.state / "receipts").glob("person-*.json")
    content = json.loads(receipt.read_bytes())
    assert content["rows"] == {"personnes": 1, "visites": 1} and content["counts"]["rows"] == 2
    assert not re.search(rb"(?i)zzyxien|NOR-01", receipt.read_bytes())
    table = mission.store.read_table(mission.tables["personnes"][0])
    assert list(table.loc[table["code"] == "NOR-05", "nom"]) == ["Qwortalub"]  # her own answer to who she is
    assert not list(journal.breaks(mission.desk, {}))


def test_items_about_them_in_others_repeats_are_erased(team: Field) -> None:
    """Her name as an item of a repeat, in the row of a visit to somebody else."""
    mission = lived(team)
    items = [{"prenom": "Zzyxien Qwortalub"}, {"prenom": "Autrement"}]
    team.submit("visites", {"zone": "nord", "personne": "NOR-02", "membre": items})
    pull(mission)
    erase(mission, "NOR-01")
    (repeat,) = (each for each in mission.tables["visites"] if each.repeat)
    assert not any("Zzyxien" in str(cell) for cell in mission.store.read_table(repeat)["prenom"])
    assert "Autrement" in set(mission.store.read_table(repeat)["prenom"])
    mission.close()
    assert not found(mission.workspace.root)

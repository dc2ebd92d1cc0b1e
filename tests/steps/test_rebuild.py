"""What a rebuild leaves as it is and what it makes anew: after every kind of change it is what a build from nothing makes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import MISSION, Field
from docx import Document as open_docx

from kobo_sync.mission.mission import Mission
from kobo_sync.steps.build import build
from kobo_sync.steps.pull import pull

NAMES = """
[checks]
enumerator_min_n = 1
[deliverables]
zone = ["attendance_list", "evaluations", "data_quality", "data_workbook", "zone_sheet"]
mission = ["final_report"]
"""
ZONES = "code,label_fr,label_ar,prefix\nnord,Nord,الشمال,NOR\nsud,Sud,الجنوب,SUD\nest,Est,الشرق,EST\n"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def said(path: Path) -> list[str]:
    """The words of a report: bytes differ, as one was patched and the other begun."""
    document = open_docx(str(path))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return [p.text for p in document.element.body.iter("{*}t")] + cells


def from_nothing(field: Field, folder: Path) -> Path:
    """The whole set as a workspace makes it that never built before, from the same mirror."""
    here = field.mission.workspace
    state, out = folder / "state", folder / "out"
    shutil.copytree(here.state, state, ignore=shutil.ignore_patterns("kept", "lock"))
    fresh = Mission(replace(here, state=state, out=out), {"KOBO_TOKEN": "t"}, field.clock)
    build(fresh)
    fresh.close()
    return out


def an_edit(field: Field, ids: dict[str, str]) -> set[str]:
    field.submit("personnes", person("N2", "nord", age=61), edits=ids["N2"])
    return {"nord"}


def a_person_who_moves(field: Field, ids: dict[str, str]) -> set[str]:
    field.submit("personnes", person("N2", "sud"), edits=ids["N2"])
    return {"nord", "sud"}


def a_deletion(field: Field, ids: dict[str, str]) -> set[str]:
    rows = field.mission.store.live_marks("personnes")
    ((root, *_),) = [row for row in rows if row[0] == ids["S1"]]
    with field.mission.store.begin() as connection:
        query = "SELECT submission_id FROM submissions WHERE root_uuid = ?"
        number = connection.exec_driver_sql(query, (root,)).scalar_one()
    field.mission.reader().delete_submission(field.uid("personnes"), str(number))
    return {"sud"}


def the_same_code_elsewhere(field: Field, _ids: dict[str, str]) -> set[str]:
    field.submit("personnes", person("N1", "est"))
    return {"est"}


def a_row_of_no_zone(field: Field, _ids: dict[str, str]) -> set[str]:
    field.submit("visites", {"zone": "nulle-part"})
    return {"nord", "sud", "est"}  # a finding of the mission as a whole: each quality paper tells it


def a_refusal_by_the_reviewer(field: Field, ids: dict[str, str]) -> set[str]:
    with field.mission.store.begin() as connection:
        query = "SELECT submission_id FROM submissions WHERE root_uuid = ?"
        number = connection.exec_driver_sql(query, (ids["N3"],)).scalar_one()
    field.mission.reader().set_validations(field.uid("personnes"), [str(number)], "not_approved")
    return {"nord"}


def another_zone_file(field: Field, _ids: dict[str, str]) -> set[str]:
    path = field.mission.workspace.root / "config" / "zones.csv"
    path.write_text(path.read_text("utf-8").replace("Sud,", "Le Sud,"), "utf-8")
    return {"nord", "sud", "est"}  # forms show the list of zones: its labels stand in every data workbook


def another_threshold(field: Field, _ids: dict[str, str]) -> set[str]:
    path = field.mission.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("enumerator_min_n = 1", "enumerator_min_n = 2"), "utf-8")
    return {"nord", "sud", "est"}


def nothing(_field: Field, _ids: dict[str, str]) -> set[str]:
    return set()


CHANGES: list[Callable[[Field, dict[str, str]], set[str]]] = [
    nothing, an_edit, a_person_who_moves, a_deletion, the_same_code_elsewhere, a_row_of_no_zone, a_refusal_by_the_reviewer,
    another_zone_file, another_threshold,
]  # fmt: skip


def person(code: str, zone: str, **more: object) -> dict[str, object]:
    return {"zone": zone, "accord": "oui", "code": code, "nom": f"Nom {code}", "groupe": "a", "age": 30, **more}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_rebuild_is_what_a_build_from_nothing_makes(
    field_team: Field, tmp_path: Path, change: Callable[[Field, dict[str, str]], set[str]]
) -> None:
    root = field_team.mission.workspace.root
    (root / "config" / "mission.toml").write_text(MISSION + NAMES, "utf-8")
    (root / "config" / "zones.csv").write_text(ZONES, "utf-8")
    homes = {"N1": "nord", "N2": "nord", "N3": "nord", "S1": "sud", "S2": "sud", "S3": "sud", "E1": "est", "E2": "est"}
    ids = {code: field_team.submit("personnes", person(code, zone)) for code, zone in homes.items()}
    mission = field_team.reopen()
    pull(mission)
    build(mission)
    field_team.clock.forward(hours=1)
    field_team.mission = field_team.reopen()
    expected = change(field_team, ids)
    again = field_team.reopen()
    pull(again)
    before = files(again.workspace.out)
    report = build(again)
    rebuilt = {line.partition(":")[0] for line in report.lines if "unchanged" not in line} - {"mission"}
    assert rebuilt == expected
    field_team.mission = again
    fresh, out = from_nothing(field_team, tmp_path / "fresh"), again.workspace.out
    for zone in ("nord", "sud", "est"):
        assert files(out / zone) == files(fresh / zone), zone
    assert said(out / "mission" / "rapport-final.docx") == said(fresh / "mission" / "rapport-final.docx")
    manifests = [json.loads((folder / "mission" / "MANIFEST.json").read_bytes()) for folder in (out, fresh)]
    for key in ("figures", "fingerprint", "submissions", "as_of"):
        assert manifests[0][key] == manifests[1][key]
    if not expected:
        assert files(out) == before


@pytest.mark.parametrize("spoilt", [b"", b"no cache", None])
def test_what_was_kept_and_is_spoilt_is_worked_out_anew(field_team: Field, spoilt: bytes | None) -> None:
    (field_team.mission.workspace.root / "config" / "mission.toml").write_text(MISSION + NAMES, "utf-8")
    field_team.person("N1")
    mission = field_team.reopen()
    pull(mission)
    build(mission)
    folder, before = mission.workspace.cache.folder, files(mission.workspace.out)
    assert {"findings", "checked-zones", "form-personnes.md"} <= {path.name for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o077 == 0
    for path in folder.iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:-1] if spoilt is None else spoilt)
    report = build(field_team.reopen())
    assert report.counts["unchanged"] == 2
    assert files(mission.workspace.out) == before

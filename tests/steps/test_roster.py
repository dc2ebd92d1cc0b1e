"""The roster: prepared by staff, taken over by registrations, checked for twins."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from conftest import Field

from kobo_sync.errors import FormError
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import import_roster, refresh_roster


def _sheet(folder: Path, rows: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    path = folder / "liste.xlsx"
    path.write_bytes(out.getvalue())
    return path


HEADER: list[object] = ["Code", "Nom", "Prénom", "Nom (arabe)", "Zone", "Groupe", "Sexe"]


def test_a_prepared_roster_reaches_phones_and_registrations_take_over(field_team: Field, tmp_path: Path) -> None:
    path = _sheet(
        tmp_path,
        [
            HEADER,
            ["nor-01", "Tazi", "Ali", "علي التازي", "الشمال", "Groupe A", "Homme"],
            ["NOR-02", "Baha", None, None, "nord", "b", "F"],
        ],
    )
    assert import_roster(field_team.mission, path).counts == {"imported": 2}
    field_team.clock.forward(minutes=30)
    refresh_roster(field_team.mission)
    visites = next(form for form in field_team.phone.forms() if form.name == "Visites")
    lines = field_team.phone.media(visites)["participants.csv"].decode().splitlines()[1:]
    assert lines == ["NOR-01,Tazi Ali / علي التازي (NOR-01),nord,a,m,", "NOR-02,Baha (NOR-02),nord,b,f,"]
    field_team.person("NOR-02", nom="Aït Baha")
    pull(field_team.mission)
    assert [row["label"] for row in field_team.mission.participants().rows] == [
        "Tazi Ali / علي التازي (NOR-01)",
        "Aït Baha (NOR-02)",
    ]


def test_a_row_at_fault_is_named_and_nothing_is_taken_in(field_team: Field, tmp_path: Path) -> None:
    rows = [
        HEADER,
        ["NOR-01", "Secret", "", "", "Est", "a", ""],
        ["NOR-01", "", "", "", "nord", "zz", ""],
        ["é!", "X", "", "", "sud", "", ""],
    ]
    report = import_roster(field_team.mission, _sheet(tmp_path, rows))
    assert [(finding.where.split(", ", 1)[1]) for finding in report.findings] == [
        "row 2, Zone",
        "row 3, Code",
        "row 3, Nom",
        "row 3, Groupe",
        "row 4, Code",
    ]
    assert (
        report.has_errors
        and "Secret" not in str(report.findings)
        and not field_team.mission.workspace.expected_participants()
    )


def test_a_sheet_without_its_columns_or_broken_is_refused(field_team: Field, tmp_path: Path) -> None:
    with pytest.raises(FormError, match="code"):
        import_roster(field_team.mission, _sheet(tmp_path, [["Nom", "Zone"], ["Tazi", "nord"]]))
    (tmp_path / "faux.xlsx").write_bytes(b"no workbook")
    with pytest.raises(FormError, match=r"faux\.xlsx"):
        import_roster(field_team.mission, tmp_path / "faux.xlsx")


def test_likely_twins_are_reported_by_code_and_kept(field_team: Field) -> None:
    field_team.person("NOR-01", nom="Mohamed Tazi")
    field_team.person("NOR-02", nom="Mohammed Tazi")
    field_team.person("SUD-01", zone="sud", nom="Mohamed Tazi")
    pull(field_team.mission)
    plan = field_team.mission.participants()
    assert len(plan.rows) == 3
    (finding,) = plan.findings
    assert (
        finding.rule == "ROSTER002"
        and finding.message.startswith("NOR-02 and NOR-01")
        and "Tazi" not in finding.message
    )


def test_many_likely_twins_are_one_finding_with_the_first_of_them(field_team: Field) -> None:
    for n in range(1, 5):
        field_team.person(f"NOR-{n:02}", nom="Mohamed Tazi")
    pull(field_team.mission)
    plan = field_team.mission.participants()
    (finding,) = plan.findings
    assert len(plan.rows) == 4 and finding.rule == "ROSTER002" and finding.where == "personnes"
    assert finding.message.startswith("6 pairs of participants") and "Tazi" not in finding.message
    assert finding.message.endswith(
        "NOR-02 = NOR-01, NOR-03 = NOR-01, NOR-03 = NOR-02, NOR-04 = NOR-01, NOR-04 = NOR-02, …"
    )


def test_what_turns_the_direction_of_a_text_is_in_no_label(field_team: Field, tmp_path: Path) -> None:
    field_team.person("NOR-01", nom="Awa\u202e\u2066 Tazi\u200f")
    pull(field_team.mission)
    import_roster(field_team.mission, _sheet(tmp_path, [HEADER, ["S1", "El\u202d Amrani", "Idir", "", "sud", "a", ""]]))
    labels = [row["label"] for row in field_team.mission.participants().rows]
    assert labels == ["Awa Tazi (NOR-01)", "El Amrani Idir (S1)"]


def test_the_roster_never_publishes_a_form_that_is_being_edited(field_team: Field) -> None:
    root = field_team.mission.workspace.root
    deployed = field_team.mission.store.deployments()["visites"].form_sha256
    field_team.person("NOR-01")
    pull(field_team.mission)
    path = root / "forms" / "visites.md"
    path.write_text(path.read_text("utf-8").replace("| Photo ", "| Image "), "utf-8")
    field_team.clock.forward(minutes=30)
    mission = field_team.reopen()
    assert refresh_roster(mission, dry_run=True).lines[0].startswith("visites: media")
    assert refresh_roster(mission).counts["published"] == 1
    visites = next(form for form in field_team.phone.forms() if form.name == "Visites")
    assert "NOR-01" in field_team.phone.media(visites)["participants.csv"].decode()
    assert "Image" not in field_team.phone.xform(visites)
    assert mission.store.deployments()["visites"].form_sha256 == deployed
    assert deploy(field_team.reopen()).counts["replace"] == 1
    assert deploy(field_team.reopen()).counts["skip"] == 2


def test_the_roster_does_not_wake_an_archived_form(field_team: Field) -> None:
    field_team.person("NOR-01")
    pull(field_team.mission)
    uid = field_team.uid("visites")
    url = f"{field_team.url}/api/v2/assets/{uid}/deployment/"
    field_team.mission.deployer()._send("PATCH", url, json={"active": False})
    field_team.clock.forward(minutes=30)
    report = refresh_roster(field_team.mission)
    assert [finding.rule for finding in report.findings] == ["DEPLOY005"]
    assert {form.name for form in field_team.phone.forms()} == {"Personnes"}


def test_twins_are_looked_for_in_the_imported_roster_too(field_team: Field, tmp_path: Path) -> None:
    rows = [
        HEADER,
        ["N1", "El Amrani", "Mohamed", "", "nord", "a", ""],
        ["N2", "Al Amrani", "Mohammed", "", "nord", "a", ""],
    ]
    import_roster(field_team.mission, _sheet(tmp_path, rows))
    assert [finding.rule for finding in field_team.mission.participants().findings] == ["ROSTER002"]

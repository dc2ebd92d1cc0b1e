"""No document stops the others, what changed is told by whichever run comes, what is unfinished is not sent: part 7, C14, C16, C20."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ATTENDED, MISSION, PERSONNES, Field
from docx import Document as open_docx
from test_build import built, rules  # noqa: F401

from kobo_sync.deliverables import zone_sheet
from kobo_sync.documents.word import writer
from kobo_sync.errors import DocumentError
from kobo_sync.steps import build as build_step
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.pull import pull

ALL = ("REPORT002", "REPORT003", "REPORT004")


def _told(out: Path) -> str:
    document = open_docx(str(out / "mission" / "changements.docx"))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def test_a_document_that_cannot_be_made_stops_none_of_its_set_and_its_set_is_not_sent(
    built: SimpleNamespace,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_facts: object) -> object:
        raise ValueError("NOR-01 Nom secret")

    deliver(built.mission)
    old = (built.out / "nord.zip").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(zone_sheet, "build", broken)
        _, report = built.again("NOR-03")
        assert {(each.rule, each.where) for each in report.findings if each.rule == "BUILD003"} == {
            ("BUILD003", "nord/zone_sheet"),
        }
        assert report.has_errors and "ValueError" in str(report.findings) and "secret" not in str(report.findings)
        there = {path.name for path in (built.out / "nord").iterdir()}
        assert "liste-presence.docx" in there and "fiche-zone.pdf" not in there
        delivered = deliver(built.mission)
        assert "DELIVER004" in rules(delivered) and "nord: not zipped" in delivered.lines
        assert delivered.counts["zips"] == len(delivered.lines) - 1
        assert (built.out / "nord.zip").read_bytes() == old
    _, healed = built.again()
    assert not healed.has_errors and (built.out / "nord" / "fiche-zone.pdf").is_file()
    assert "DELIVER004" not in rules(deliver(built.mission))
    with zipfile.ZipFile(built.out / "nord.zip") as archive:
        assert "fiche-zone.pdf" in archive.namelist()


def test_what_a_cut_build_made_is_told_by_the_next(built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The paper named the zones of the last run only: what a killed run had made was never told."""
    built.again("NOR-03")

    class Killed(BaseException): ...

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(build_step._Run, "mission_set", dies)
        with pytest.raises(Killed):
            built.again("NOR-04")
    built.again("SUD-02", "sud")
    told = _told(built.out)
    # Three registrations became four: no count as it is printed says so, and the zone is named all the same.
    assert "Nord" in told and "Sud" in told and "Des réponses ont changé" in told
    built.again()
    assert _told(built.out) == told


def test_an_unfinished_final_report_is_refused_unless_each_lack_is_named(built: SimpleNamespace) -> None:  # noqa: F811
    with pytest.raises(DocumentError) as refusal:
        deliver(built.mission, final=True)
    lacks = sorted({rule for rule in ALL if rule in str(refusal.value)})
    assert lacks and all(f"--despite {rule}" in refusal.value.hint for rule in lacks)
    assert not list(built.out.glob("*.zip"))
    if len(lacks) > 1:
        with pytest.raises(DocumentError):
            deliver(built.mission, final=True, despite=lacks[:1])
    assert deliver(built.mission, final=True, despite=lacks).counts["zips"] >= 3


def test_word_s_properties_hold_what_grows_with_the_mission() -> None:
    document = writer.new_document("T" * 400, provenance="formulaire v1, " * 200, author="A" * 300, subject="S" * 300)
    core = document.core_properties
    assert [len(text) for text in (core.title, core.comments, core.author, core.subject)] == [255, 255, 255, 255]
    assert core.comments.endswith("…") and "formulaire v1, " * 100 in document.sections[0].footer.paragraphs[0].text


@pytest.mark.parametrize("n", [10])
def test_ten_times_the_forms_zones_questions_and_names_build_all_documents(field_team: Field, n: int) -> None:
    """An eighth form made the provenance longer than a Word property, and a mission built nothing at all."""
    root = field_team.mission.workspace.root
    forms = []
    for number in range(8 * n):
        form_id = f"formulaire_au_nom_plutot_long_{number:03}"
        text = PERSONNES.replace("Personnes", f"Formulaire {number}").replace("personnes", form_id)
        text = text.replace("| 1       |", f"| 2025.{number:03} |")
        (root / "forms" / f"{form_id}.md").write_text(text, "utf-8")
        forms.append(f'[forms.{form_id}]\nfile = "{form_id}.md"\n[forms.{form_id}.fields]\nzone = "zone"\n')
    settings = ATTENDED + "\n".join(forms)
    settings += '\n[deliverables]\nzone = ["attendance_list", "data_workbook", "zone_sheet", "data_quality", "evaluations", "needs", "road_map"]\nmission = ["final_report", "evaluations", "data_quality"]\n'
    (root / "config" / "mission.toml").write_text(settings, "utf-8")
    zones = (root / "config" / "zones.csv").read_text("utf-8").splitlines()
    columns = zones[0].split(",")
    for number in range(2 * n):
        row = dict(zip(columns, zones[1].split(","), strict=True)) | {"code": f"zone_{number}"}
        row |= {key: f"Z{number:02}" for key in columns if key == "short"}
        row |= {key: f"Commune rurale de {'Très ' * 20}Longue {number}" for key in columns if key.startswith("label")}
        zones.append(",".join(row[key] for key in columns))
    (root / "config" / "zones.csv").write_text("\n".join(zones) + "\n", "utf-8")
    for number in range(n):
        field_team.person(f"NOR-{number:02}", nom=f"{'Abdelmounaim ' * n}{number}")
    mission = field_team.reopen()
    pull(mission, form_ids=["personnes", "visites"])
    report = build(mission)
    assert "BUILD003" not in rules(report), [each for each in report.findings if each.rule == "BUILD003"]
    nord = {path.name for path in (mission.workspace.out / "nord").iterdir()}
    assert {
        "liste-presence.docx",
        "fiche-zone.pdf",
        "donnees.xlsx",
        "evaluations.docx",
    } <= nord


@pytest.mark.parametrize(
    "text", ["a" * 40_000, "aa-" * 13_000, "Nom NOR-01 " * 3_000, "0" * 40_000, "a@" * 20_000, "سي " * 13_000]
)
def test_a_very_long_answer_ends_no_build(field_team: Field, text: str) -> None:
    """A pattern of the masking tried 40,000 letters from each of them on, and `build` did not end."""
    settings = MISSION + '\n[deliverables]\nzone = ["data_workbook", "data_quality"]\n'
    (field_team.mission.workspace.root / "config" / "mission.toml").write_text(settings, "utf-8")
    field_team.person("NOR-01", note=text)
    mission = field_team.reopen()
    pull(mission)
    assert "BUILD003" not in rules(build(mission))

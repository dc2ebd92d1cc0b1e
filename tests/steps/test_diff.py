"""A changed form, crossed with the answers that are held."""

from __future__ import annotations

from pathlib import Path

from conftest import PERSONNES, Field

from kobo_sync.mission.mission import Mission
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.deploy_plan import REFUSALS
from kobo_sync.steps.diff import diff
from kobo_sync.steps.pull import pull

AGE = "|        | integer                        | age    | Âge                    | السن                |          | ${accord} = 'oui' |\n"


def _with(field_team: Field, old: str, new: str) -> Mission:
    assert old in PERSONNES
    (field_team.mission.workspace.root / "forms" / "personnes.md").write_text(PERSONNES.replace(old, new), "utf-8")
    return field_team.reopen()


def test_nothing_differs_from_what_was_just_deployed(field_team: Field) -> None:
    report = diff(field_team.mission)
    assert report.lines == ("personnes: no difference", "visites: no difference")


def test_removing_an_answered_question_is_refused_with_its_cure(field_team: Field) -> None:
    for n in range(3):
        field_team.person(f"NOR-{n:02}", age=30 + n)
    field_team.person("NOR-09", age=None)
    pull(field_team.mission)
    mission = _with(field_team, AGE, "")
    report = diff(mission, form_ids=["personnes"])
    assert "personnes: removed age: integer" in report.lines
    (finding,) = report.findings
    assert "removing `age` orphans 3 answers" in finding.message and "relevant = false()" in finding.hint
    refused = deploy(mission)
    assert refused.counts["refuse"] == 1 and [f.rule for f in refused.findings] == ["DIFF001", "DEPLOY006"]
    assert deploy(field_team.reopen(), despite=REFUSALS).counts["replace"] == 1
    assert pull(field_team.reopen()).counts["unchanged"] == 4


def test_a_removed_choice_counts_those_who_took_it(field_team: Field) -> None:
    field_team.person("NOR-01", group="b")
    field_team.person("NOR-02", group="a")
    pull(field_team.mission)
    mission = _with(field_team, "|        | groupe    | b    | B                    | ب                   |\n", "")
    (finding,) = diff(mission, form_ids=["personnes"]).findings
    assert finding.message == "removing the choice b of groupe orphans 1 answers" and "keep the choice" in finding.hint


def test_a_breaking_change_asks_for_a_pull_first(field_team: Field) -> None:
    field_team.person("NOR-01", age=30)
    report = deploy(_with(field_team, AGE, ""))
    assert [finding.rule for finding in report.findings] == ["DIFF002", "DEPLOY006"] and "pull" in report.findings[
        0
    ].hint


def test_a_harmless_change_is_deployed(field_team: Field) -> None:
    field_team.person("NOR-01", age=30)
    pull(field_team.mission)
    mission = _with(field_team, "| Âge  ", "| L’âge")
    assert diff(mission, form_ids=["personnes"]).findings == ()
    assert deploy(mission).counts["replace"] == 1


def test_another_file_can_be_compared(field_team: Field, tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text(PERSONNES.replace("| note   |", "| notes  |"), "utf-8")
    report = diff(field_team.mission, form_ids=["personnes"], against=tmp_path / "old.md")
    assert report.lines == ("personnes: renamed note: from notes (a guess)",)


def test_content_that_the_server_cannot_deploy_gives_way_to_the_previous(
    field_team: Field, monkeypatch: object
) -> None:
    import pytest

    from kobo_sync.steps import deploy as step

    assert isinstance(monkeypatch, pytest.MonkeyPatch)
    monkeypatch.setattr(step, "gate", lambda *_args, **_options: None)
    mission = _with(
        field_team,
        "${accord} = 'oui' |\n|        | select_one groupe",
        "${absent} = 'oui' |\n|        | select_one groupe",
    )
    report = deploy(mission)
    assert [(each.rule, each.form_id) for each in report.findings] == [("DEPLOY013", "personnes")]
    assert "cannot deploy" in report.findings[0].message
    offered = next(form for form in field_team.phone.forms() if form.name == "Personnes")
    assert "absent" not in field_team.phone.xform(offered)
    field_team.person("NOR-01")
    (field_team.mission.workspace.root / "forms" / "personnes.md").write_text(PERSONNES, "utf-8")
    assert deploy(field_team.reopen()).counts["replace"] == 1
    assert deploy(field_team.reopen()).counts["skip"] == 2

"""A mirror whose rows came from another project: its forms and names go there only when a person says so."""

from __future__ import annotations

from central_field import CentralField, assert_same, rules
from test_central_deploy import acts, empty, listed, registered, rewrite, there

from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.person import erase_all, erase_upstream
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import refresh_roster

__all__ = ["empty", "listed", "there"]  # fixtures


def move_to(there: CentralField, project: int) -> None:
    rewrite(there, f"project = {3 - project}\n", f"project = {project}\n", "config/mission.toml")


def test_another_project_gets_neither_forms_nor_names_while_rows_of_the_first_are_here(there: CentralField) -> None:
    there.person()
    there.pull()
    there.office.add_project("Mission B")
    move_to(there, 2)
    before = len(there.office.requests)
    report = deploy(there.reopen(), validate=False)
    assert rules(report) == ["DEPLOY012", "DEPLOY012"] and report.counts["refuse"] == 2
    finding = report.findings[0]
    assert "1 submissions here came from" in finding.message and "projects/1" in finding.message
    assert "--despite DEPLOY012" in finding.hint and "kobo-sync init" in finding.hint
    assert len(there.office.requests) == before  # nothing was asked there
    assert rules(pull(there.reopen())) == ["PULL017"]
    assert rules(deploy(there.reopen(), validate=False))[:1] == ["DEPLOY012"]  # a pull that saw nothing changes nothing
    assert not there.office.projects[2].forms
    assert acts(there, there.reopen(), despite=["DEPLOY012"]) == ["create", "create"]
    move_to(there, 1)
    assert acts(there) == ["skip", "media"] and not there.pull().findings
    assert_same(there)


def test_names_do_not_go_to_the_entity_list_of_another_project(listed: CentralField) -> None:
    there = listed
    registered(there, "N1")
    refresh_roster(there.reopen())
    there.office.add_project("Mission B")
    move_to(there, 2)
    report = refresh_roster(there.reopen(), force=True)
    assert rules(report) == ["DEPLOY012"] and "not sent" in report.findings[0].message
    assert not there.office.projects[2].datasets
    move_to(there, 1)
    assert not refresh_roster(there.reopen()).findings


def test_a_mirror_without_rows_may_go_to_another_project(there: CentralField) -> None:
    there.pull()
    there.office.add_project("Mission B")
    move_to(there, 2)
    assert acts(there, there.reopen()) == ["create", "create"]


def test_what_was_erased_here_is_not_asked_for_in_another_project(there: CentralField) -> None:
    """Part 12: the row is not found there, which counted as its deletion, with a receipt."""
    for code in ("N1", "N2"):
        there.person(code)
    there.pull()
    erase_all(there.mission, "N1", upstream=False)
    there.office.add_project("Mission B")
    move_to(there, 2)
    report = erase_upstream(there.reopen())
    assert rules(report) == ["PERSON003"] and "projects/1" in report.findings[0].message
    assert len(there.office.form("personnes").live) == 2 and not report.counts.get("deleted")
    move_to(there, 1)
    assert erase_upstream(there.reopen()).counts["deleted"] == 1 and len(there.office.form("personnes").live) == 1

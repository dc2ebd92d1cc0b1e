"""A mirror whose rows came from another project: its forms and names go there only when a person says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from central_field import PERSON, CentralField, assert_same, rules
from test_central_deploy import acts, empty, listed, registered, rewrite, there

from kobo_sync.desk.holds import holds_of
from kobo_sync.errors import KoboRefused, KoboRejected
from kobo_sync.steps.check import check
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.person import erase_all, erase_upstream
from kobo_sync.steps.phones import phones
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


def two_of_one_name(there: CentralField) -> None:
    there.office.submit("personnes", {**PERSON, "nom": "Tazi"}, at=there.office.now() - timedelta(seconds=5))
    there.person("N3", nom="Tazi")
    there.pull()


@pytest.mark.parametrize("is_there", [True, False])
def test_holds_of_another_project_are_told_and_not_forgotten(there: CentralField, is_there: bool) -> None:
    two_of_one_name(there)
    assert check(there.mission, write_back=True).counts["held"] == 1
    there.office.add_project("Mission B")
    if is_there:
        there.office.deploy(there.office.form("personnes").versions[-1].xml, {"zones.csv": b"name,label\n"}, project=2)
    move_to(there, 2)
    for dry_run in (True, False):
        report = check(there.reopen(), write_back=True, dry_run=dry_run)
        assert report.has_errors
        told = next(each for each in report.findings if each.rule == "CHECK003")
        assert "came from" in told.message and "projects/1" in told.message and "project back" in told.hint
    move_to(there, 1)
    assert [hold.state for hold in holds_of(there.reopen().desk, "personnes")] == ["placed"]
    assert not [each for each in check(there.reopen(), write_back=True).findings if each.rule == "CHECK003"]


def test_a_form_that_is_seen_no_more_is_told_by_write_back(there: CentralField) -> None:
    two_of_one_name(there)
    for form in there.office.projects[1].forms:
        form.deleted_at = there.office.now()
    report = check(there.reopen(), write_back=True)
    assert [each.form_id for each in report.findings if each.rule == "CHECK003"] == ["personnes"]


def test_what_a_wrong_project_number_refuses_names_the_number_and_the_right(there: CentralField) -> None:
    there.office.add_project("Mission B")
    there.office.add_user("chef@example.org", "a long secret", "manager", project=1)
    move_to(there, 2)
    for verb in (pull, phones):
        with pytest.raises(KoboRefused) as refused:
            verb(there.reopen(CENTRAL_EMAIL="chef@example.org", CENTRAL_PASSWORD="a long secret"))
        assert refused.value.status == 403
        assert "server.project" in refused.value.hint and "role" in refused.value.hint


def test_a_project_number_that_is_nobodys_is_told_by_every_verb(there: CentralField) -> None:
    acts(there)
    rewrite(there, "project = 1\n", "project = 77\n", "config/mission.toml")
    for verb in (pull, phones):
        with pytest.raises(KoboRejected) as no:
            verb(there.reopen())
        assert no.value.status == 404
        assert no.value.hint == "the server has no such project: check server.project in config/mission.toml"
    report = refresh_roster(there.reopen(), force=True)
    assert [each.hint for each in report.findings if "404" in each.message] == [no.value.hint]

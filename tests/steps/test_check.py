"""Checks edge to edge: the worklist over runs, and holds on the server that never go over a human's decision."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from conftest import MISSION, READER_TOKEN, TOKEN, Field
from docx import Document

from kobo_sync.cli.verbs import cli
from kobo_sync.desk.holds import holds_of
from kobo_sync.desk.worklist import counts, key_of, page, set_state
from kobo_sync.errors import ConfigError
from kobo_sync.kobo.server import KoboServer
from kobo_sync.model import Report
from kobo_sync.steps import check as step
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pull import pull


@pytest.fixture
def team(field_team: Field) -> Field:
    field_team.person("N1", nom="Tazi")
    field_team.person("N2", nom="Bennani", group="b")
    pull(field_team.mission)
    return field_team


def twin(team: Field) -> str:
    """A second registration of the first person: DATA002, a rule that asks for a hold."""
    root = team.person("N3", nom="Tazi")
    pull(team.mission)
    return root


def written_back(team: Field, **how: bool) -> Report:
    return check(team.mission, write_back=True, **how)


def status(team: Field) -> dict[int, tuple[str, str]]:
    client = KoboServer(team.url, team.url, TOKEN)
    said = client.statuses(team.uid("personnes"), [str(number) for number in range(1, 10)])
    client.close()
    return {int(each.server_key): (each.validation, each.by) for each in said.values() if each.validation}


def reviewer(team: Field) -> KoboServer:
    """Somebody else, who may validate."""
    kf = f"{team.url}/api/v2"
    for codename in ("view_submissions", "validate_submissions"):
        body = {"user": f"{kf}/users/lecteur/", "permission": f"{kf}/permissions/{codename}/"}
        url = f"{kf}/assets/{team.uid('personnes')}/permission-assignments/"
        requests.post(url, json=body, headers={"Authorization": f"Token {TOKEN}"}, timeout=5).raise_for_status()
    return KoboServer(team.url, team.url, READER_TOKEN)


def test_findings_keep_their_state_over_runs_and_close_with_the_data(team: Field) -> None:
    root = twin(team)
    report = check(team.mission)
    assert report.counts["DATA002"] == 1 and report.counts["new"] == report.counts["open"] >= 1
    (item,) = page(team.mission.desk, rule="DATA002").items
    assert (item.zone, item.enumerator, item.root_uuid, item.state) == ("nord", "maha", root, "new")
    set_state(team.mission.desk, [item.key], "seen", "awa", "", team.clock.now)
    assert check(team.mission).counts["new"] == 0
    team.submit(
        "personnes", {"zone": "nord", "accord": "oui", "code": "N3", "nom": "Idrissi", "groupe": "a"}, edits=root
    )
    team.clock.forward(hours=3)
    pull(team.mission)
    assert check(team.mission).counts["closed"] >= 1
    assert counts(team.mission.desk)["corrected"] >= 1


def test_a_dry_run_changes_nothing(team: Field) -> None:
    twin(team)
    report = written_back(team, dry_run=True)
    assert report.counts["held"] == 1 and "would be put" in report.lines[-1]
    assert counts(team.mission.desk)["new"] == 0 and status(team) == {}


def test_rows_are_held_with_a_reason_and_released_when_mended(team: Field) -> None:
    root = twin(team)
    assert written_back(team).counts["held"] == 1
    assert status(team) == {3: ("on_hold", "maha")}
    (hold,) = holds_of(team.mission.desk, "personnes")
    assert hold.state == "placed" and hold.reason.startswith("DATA002: same name in submission 1")
    assert written_back(team).counts["held"] == 0
    pull(team.mission)
    assert written_back(team).counts["held"] == 0
    team.submit(
        "personnes", {"zone": "nord", "accord": "oui", "code": "N3", "nom": "Idrissi", "groupe": "a"}, edits=root
    )
    team.clock.forward(hours=3)
    pull(team.mission)
    assert written_back(team).counts["released"] == 1
    assert status(team) == {} and holds_of(team.mission.desk, "personnes") == []


def test_a_false_alarm_or_an_accepted_finding_releases_too(team: Field) -> None:
    twin(team)
    written_back(team)
    (item,) = page(team.mission.desk, rule="DATA002").items
    set_state(team.mission.desk, [item.key], "false_alarm", "awa", "deux cousins", team.clock.now)
    report = written_back(team)
    assert report.counts["released"] == 1 and report.counts["false_alarms"] == 1
    assert "DATA002" not in {finding.rule for finding in report.findings} and status(team) == {}


@pytest.mark.parametrize("decision", ["approved", "not_approved", "on_hold"])
def test_what_somebody_else_decided_stays(team: Field, decision: Any) -> None:
    root = twin(team)
    other = reviewer(team)
    other.set_validations(team.uid("personnes"), [str(3)], decision)
    report = written_back(team)
    assert (report.counts["held"], report.counts["left"]) == (0, 1)
    assert status(team) == {3: (decision, "lecteur")}
    team.submit(
        "personnes", {"zone": "nord", "accord": "oui", "code": "N3", "nom": "Idrissi", "groupe": "a"}, edits=root
    )
    team.clock.forward(hours=3)
    pull(team.mission)
    assert written_back(team).counts["released"] == 0 and status(team) == {3: (decision, "lecteur")}
    other.close()


def test_a_decision_over_our_hold_stays(team: Field) -> None:
    root = twin(team)
    other = reviewer(team)
    written_back(team)
    other.set_validations(team.uid("personnes"), [str(3)], "approved")
    assert written_back(team).counts["left"] == 1
    assert status(team) == {3: ("approved", "lecteur")}
    other.set_validations(team.uid("personnes"), [str(3)], "")
    assert written_back(team).counts["held"] == 0, "a hold that somebody cleared is not placed again"
    team.person("N4", nom="Tazi")
    team.submit("personnes", {"zone": "nord", "accord": "oui", "code": "N1", "nom": "Tazi", "groupe": "a"}, edits=root)
    team.clock.forward(hours=3)
    pull(team.mission)
    assert written_back(team).counts["held"] == 2, "other findings ask anew"
    other.close()


def test_one_row_that_is_gone_does_not_stop_the_others(team: Field) -> None:
    for n in range(3, 8):
        team.person(f"N{n}", nom="Tazi")
    pull(team.mission)
    client = team.mission.deployer()
    uid = team.uid("personnes")
    client.delete_submission(uid, str(5))
    assert client.set_validations(uid, ["3", "4", "5", "6", "7"], "on_hold") == ["5"]
    assert sorted(client.statuses(uid, ["3", "4", "5", "6", "7"])) == ["3", "4", "6", "7"]
    assert client.set_validations(uid, ["7", "5"], "") == ["5"] and client.set_validations(uid, [], "") == []
    report = written_back(team)
    assert report.counts["left"] == 3 and report.counts["held"] == 1, "holds that we did not note are not ours"


@pytest.mark.parametrize("point", range(6))
def test_a_write_back_that_dies_anywhere_is_finished_by_the_next(
    team: Field, point: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3, 6):
        team.person(f"N{n}", nom="Tazi")
    pull(team.mission)
    monkeypatch.setattr(step, "BATCH", 2)
    left = [point]

    def dying(act: Callable[..., Any], after: bool) -> Callable[..., Any]:
        def wrapped(*args: Any, **given: Any) -> Any:
            if not after and left[0] == 0:
                raise KeyboardInterrupt
            result = act(*args, **given)
            if after and left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return result

        return wrapped

    with monkeypatch.context() as dies:
        dies.setattr(step, "put_holds", dying(step.put_holds, after=False))
        dies.setattr(KoboServer, "set_validations", dying(KoboServer.set_validations, after=True))
        with pytest.raises(KeyboardInterrupt):
            written_back(team)
    written_back(team)
    assert status(team) == dict.fromkeys((3, 4, 5), ("on_hold", "maha"))
    assert [hold.state for hold in holds_of(team.mission.desk, "personnes")] == ["placed"] * 3
    assert written_back(team).counts["held"] == 0


def test_an_edit_of_an_approved_row_is_flagged_until_it_is_approved_again(team: Field) -> None:
    client, uid = team.mission.deployer(), team.uid("personnes")
    client.set_validations(uid, [str(1)], "approved")
    pull(team.mission)
    assert "DATA023" not in check(team.mission).counts
    root = f"00000000-0000-4000-8000-{1:012}"
    team.clock.forward(hours=1)
    team.submit("personnes", {"zone": "nord", "accord": "oui", "code": "N1", "nom": "Autre", "groupe": "a"}, edits=root)
    pull(team.mission)
    report = check(team.mission)
    assert [f.root_uuid for f in report.findings if f.rule == "DATA023"] == [root]
    assert status(team)[1] == ("approved", "maha"), "the decision itself is left alone"
    team.clock.forward(hours=1)
    client.set_validations(uid, [str(1)], "approved")
    pull(team.mission)
    assert "DATA023" not in check(team.mission).counts


def test_a_build_shows_findings_in_their_states(team: Field) -> None:
    twin(team)
    build(team.mission)
    assert counts(team.mission.desk)["new"] == 0, "a build does not write the worklist"
    check(team.mission)
    (item,) = page(team.mission.desk, rule="DATA002").items
    set_state(team.mission.desk, [item.key], "false_alarm", "awa", "", team.clock.now)
    from kobo_sync.mission.facts import gather_facts
    from kobo_sync.mission.findings import all_findings, with_states

    facts = gather_facts(team.mission)
    facts = with_states(team.mission, facts, all_findings(team.mission, facts))
    assert "DATA002" not in {f.rule for f in facts.findings} and facts.triage["nord"]["false_alarm"] == 1
    assert all(f.state == "new" for f in facts.findings) and key_of(facts.findings[0])


def test_the_quality_report_counts_statuses_states_and_enumerators(team: Field) -> None:
    (team.mission.workspace.root / "config" / "mission.toml").write_text(
        MISSION + '\n[deliverables]\nzone = ["data_quality"]\n', "utf-8"
    )
    twin(team)
    team.mission.deployer().set_validations(team.uid("personnes"), [str(1)], "approved")
    team.mission.deployer().set_validations(team.uid("personnes"), [str(2)], "on_hold")
    pull(team.mission)
    mission = team.reopen()
    check(mission)
    (item,) = page(mission.desk, rule="DATA002").items
    set_state(mission.desk, [item.key], "false_alarm", "awa", "", team.clock.now)
    build(mission)
    document = Document(str(mission.workspace.out / "nord" / "qualite-donnees.docx"))
    said = "\n".join(paragraph.text for paragraph in document.paragraphs).replace("\xa0", " ").replace("\u202f", " ")
    cells = [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]
    assert "fausse alerte : 1" in said and "Écartées des livrables par leur statut : non approuvées." in said
    # Received, refused, set aside, used; approved, on hold, not approved.
    assert ["3", "0", "0", "3", "1", "1", "0"] in [row[1:8] for row in cells]
    assert "DATA002" not in str(cells)
    assert ["maha", "Personnes", "3"] in [row[:3] for row in cells]
    assert build(mission).counts["unchanged"] == 2
    set_state(mission.desk, [item.key], "accepted", "awa", "", team.clock.now)
    assert build(mission).counts["unchanged"] == 1
    document = Document(str(mission.workspace.out / "nord" / "qualite-donnees.docx"))
    cells = [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]
    assert ["DATA002", "À vérifier", "accepté"] in [row[:3] for row in cells]


def test_the_command_says_who_where_and_why(team: Field) -> None:
    twin(team)
    root = str(team.mission.workspace.root)
    team.mission.close()
    result = CliRunner().invoke(cli, ["check", "--dry-run", "--workspace", root], catch_exceptions=False)
    assert (
        "DATA002 personnes, submission 3 (nord, maha, new)" in result.output
        and "one person registered twice?" in result.output
    )


OWN_CHECK = """
from kobo_sync.model import Finding

CODE, TITLE = "NORD001", "Trop de monde au nord"


def check(facts):
    n = sum(facts.tables["personnes"]["zone"] == "nord")
    if n > 1:
        yield Finding(CODE, "error", "nord", f"{n} inscrits", "compter", zone="nord", form_id="personnes")
"""


def test_a_check_of_the_mission_s_own_lies_in_its_folder(team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    root = team.mission.workspace.root
    (root / "controles_du_nord.py").write_text(OWN_CHECK, "utf-8")
    (root / "config" / "mission.toml").write_text(MISSION + '\n[checks]\nextra = ["controles_du_nord"]\n', "utf-8")
    report = check(team.reopen())
    assert report.counts["NORD001"] == 1 and report.has_errors
    monkeypatch.delitem(sys.modules, "controles_du_nord")
    (root / "controles_du_nord.py").write_text(OWN_CHECK.replace("personnes", "rien"), "utf-8")
    team.mission.close()
    report = check(team.reopen())  # it fails, and the product's own go on: part 7, C14
    (fault,) = [finding for finding in report.findings if finding.rule == "CHECK001"]
    assert "controles_du_nord" in fault.message and "KeyError, line" in fault.message and report.has_errors
    monkeypatch.delitem(sys.modules, "controles_du_nord")


def test_a_rule_to_hold_that_no_check_has_is_named(team: Field) -> None:
    (team.mission.workspace.root / "config" / "mission.toml").write_text(MISSION + '\n[checks]\nhold = ["DATA999"]\n')
    with pytest.raises(ConfigError, match="DATA999"):
        check(team.reopen())


def test_a_photo_that_was_named_and_never_sent_is_told(field_team: Field) -> None:
    field_team.submit("visites", {"zone": "nord", "photo": "late.jpg"})
    field_team.submit(
        "visites", {"zone": "nord", "photo": "here.png"}, files={"here.png": (b"\x89PNG\r\n", "image/png")}
    )
    pull(field_team.mission)
    (finding,) = [each for each in check(field_team.mission).findings if each.rule == "DATA024"]
    assert finding.severity == "warning" and "photo" in finding.message and "late" not in finding.message


def test_a_photo_of_a_repeat_that_was_never_sent_is_told_with_its_place(field_team: Field) -> None:
    form = field_team.mission.workspace.root / "forms" / "visites.md"
    asked = "|        | integer                               | annees   | Années               | السنوات             |            |\n"
    photo = (
        asked.replace("integer", "image  ").replace("annees", "carte ").replace("            |\n", "max-pixels=640 |\n")
    )
    form.write_text(
        form.read_text("utf-8").replace(asked, asked + photo).replace("| visites | 1 ", "| visites | 2 "), "utf-8"
    )
    field_team.mission.close()
    field_team.mission = field_team.reopen()
    deploy(field_team.mission, validate=False)
    members = [{"prenom": "A", "carte": "here.png"}, {"prenom": "B", "carte": "late.jpg"}, {"prenom": "C"}]
    root = field_team.submit(
        "visites", {"zone": "nord", "membre": members}, files={"here.png": (b"\x89PNG\r\n", "image/png")}
    )
    pull(field_team.mission)
    (finding,) = [each for each in check(field_team.mission).findings if each.rule == "DATA024"]
    assert (finding.root_uuid, finding.subject) == (root, "membre/carte/2") and "carte" in finding.message

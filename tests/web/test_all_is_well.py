"""What the pages and `status` say is true: failures, pauses, findings, figures that are not there yet. Part 7, C19."""

from __future__ import annotations

import os
import subprocess
import sys

from conftest import Field
from web_office import Office

from kobo_sync.desk import runs, schedules, worklist
from kobo_sync.desk.processes import machine
from kobo_sync.desk.runs import Order
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.analyse import analyse, then_figures
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.pull import pull
from kobo_sync.steps.status import status

DEAD = f"{machine()}.99999999.1.a"  # holds a lease, and no process has its number


def _ran(mission: Mission, job: str, outcome: str, **report: object) -> None:
    run_id = runs.start_run(mission.desk, job, Order(), mission.clock(), mission.host, 1)
    runs.end_run(mission.desk, run_id, mission.clock(), outcome, report)


def test_a_failure_is_shown_until_its_job_works_again_whatever_ran_since(office: Office) -> None:
    mission, browser = office.field.mission, office.client("maha")
    _ran(mission, "pull", "failed", error="the server is away")
    _ran(mission, "doctor", "done")
    _ran(mission, "build", "failed", error="no disk")
    home = browser.get("/").text
    assert "« Relève des réponses » a échoué" in home and "« Fabrication des documents » a échoué" in home
    lines = status(mission).lines
    assert any(line.startswith("! pull: its last run") and "the server is away" in line for line in lines)
    _ran(mission, "reconcile", "done")  # a complete pull makes up for the quick one
    _ran(mission, "build", "findings")
    assert "a échoué" not in browser.get("/").text
    assert not any(line.startswith("! pull") for line in status(mission).lines)


def test_pauses_and_open_findings_are_shown(office: Office) -> None:
    mission, browser = office.field.mission, office.client("maha")
    schedules.set_paused(mission.desk, "build", True, "maha", mission.clock())
    n_open = sum(n for state, n in worklist.counts(mission.desk).items() if state in worklist.OPEN)
    home = browser.get("/").text
    assert "« Fabrication des documents » est en pause" in home and n_open and f"Constats à traiter : {n_open}" in home
    lines = status(mission).lines
    assert "! build: paused by maha" in lines and any(
        line.startswith(f"! {n_open} findings are open") for line in lines
    )


def test_received_rows_without_figures_are_not_called_nothing(office: Office) -> None:
    mission = office.field.mission
    with mission.desk.begin() as connection:
        connection.exec_driver_sql("DELETE FROM snapshots")
    home = office.client("maha").get("/").text
    assert "Des réponses sont reçues" in home and "première relève" not in home
    analyse(mission)
    assert "Des réponses sont reçues" not in office.client("maha").get("/").text


def test_a_pull_by_hand_brings_the_pages_figures_up(field_team: Field) -> None:
    field_team.person("NOR-01")
    mission = field_team.mission
    assert not then_figures(mission, pull(mission)).has_errors
    snapshot = mission.desk.snapshot("dashboard")
    assert snapshot and snapshot[0]["mission"]["n_registered"] == 1


def test_a_label_changed_in_a_list_changes_the_figures(field_team: Field) -> None:
    mission = field_team.mission
    field_team.person("NOR-01")
    pull(mission)
    assert analyse(mission).counts["zones"] == 2 and analyse(mission).counts["zones"] == 0
    (mission.workspace.root / "config" / "besoins.csv").write_text("code,label_fr\neau,Eau potable\n", "utf-8")
    assert analyse(field_team.reopen()).counts["zones"] == 2
    (mission.workspace.root / "config" / "besoins.csv").write_text("code,label_fr\neau,Eau\n", "utf-8")
    assert analyse(field_team.reopen()).counts["zones"] == 2


def test_the_page_learns_of_a_run_that_began_and_ended_between_two_looks(office: Office) -> None:
    browser = office.client("maha")
    before = browser.get("/synchronisations/etat.json").json
    assert f'data-last="{before["last"]}"' in browser.get("/synchronisations").text
    _ran(office.field.mission, "pull", "done")
    now = browser.get("/synchronisations/etat.json").json
    assert now["run_id"] is None and now["last"] > before["last"]


def test_doctor_names_every_project_that_the_account_cannot_see_by_form(field_team: Field) -> None:
    mission = field_team.reopen()
    mission.environ = {**mission.environ, "KOBO_TOKEN": field_team.reader[1], "KOBO_DEPLOY_TOKEN": ""}
    ill = [finding for finding in doctor(mission).findings if finding.where.startswith("project ")]
    assert [finding.where for finding in ill] == ["project personnes", "project visites"]
    assert all("cannot see it (404)" in finding.message and "share it with lecteur" in finding.hint for finding in ill)


def test_status_marks_what_a_killed_process_left(field_team: Field) -> None:
    mission, root = field_team.mission, field_team.mission.workspace.root
    runs.take_lease(mission.desk, DEAD, mission.host, 1, mission.clock())
    runs.start_run(mission.desk, "pull", Order(), mission.clock(), mission.host, 1)
    command = [sys.executable, "-m", "kobo_sync", "status", "--workspace", str(root)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env={**os.environ, "NO_COLOR": "1"}
    )
    assert " · cut short · took " in ended.stdout and "at work" not in ended.stdout

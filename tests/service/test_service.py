"""The service: jobs by the clock and on a word, made up for after a sleep, one at a time, stopped in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from conftest import MISSION, ZONES, Field

from kobo_sync.cli.signals import StopSignal
from kobo_sync.config.config import parse_config
from kobo_sync.desk import notices, runs, schedules
from kobo_sync.desk.processes import machine
from kobo_sync.errors import Busy, ConfigError, RunStopped
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import end_dead_runs, recorded
from kobo_sync.model import Report
from kobo_sync.service import jobs
from kobo_sync.service.jobs import Job
from kobo_sync.service.loop import Service

SERVICE = (sys.executable, "-m", "kobo_sync", "service", "--workspace")
SCHEDULE = '\n[schedule]\npull = ["0 * * * *"]\njitter_s = 0\ngrace_minutes = 180\n'
DEAD = f"{machine()}.99999999.1.a"  # holds a lease, and no process has its number


def _said(mission: Mission, *_: object) -> Report:
    return mission.report("pull", mission.clock(), {}, [], [])


@contextmanager
def _service(field: Field, monkeypatch: pytest.MonkeyPatch, act: Callable[..., Report] = _said) -> Iterator[Service]:
    """A service over the small mission whose pull is *act*; its thread is not started: tests take each step."""
    path = field.mission.workspace.root / "config" / "mission.toml"
    if "[schedule]" not in path.read_text("utf-8"):
        path.write_text(path.read_text("utf-8") + SCHEDULE, "utf-8")
    monkeypatch.setitem(jobs.JOBS, "pull", Job("pull", act))  # type: ignore[index]
    service = Service(field.reopen)
    yield service
    service.stop()


def _runs(field: Field) -> list[tuple[str, str, str | None]]:
    return [(run.status, run.origin, run.slot) for run in reversed(runs.last_runs(field.mission.desk))]


def test_hours_are_the_mission_s_and_a_slot_runs_once(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    with _service(field_team, monkeypatch) as service:
        assert not service.carry_out_next()
        field_team.clock.forward(hours=1)
        assert service.carry_out_next() and not service.carry_out_next()
        # A second service of the same mission finds it done.
        with _service(field_team, monkeypatch) as second:
            assert not second.carry_out_next()
    assert _runs(field_team) == [("done", "schedule", "2025-02-11T10:00")]  # 09:00 UTC by Morocco's clock of 2025


def test_after_a_sleep_the_newest_slot_is_made_up_for(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    with _service(field_team, monkeypatch) as service:
        field_team.clock.forward(hours=5, minutes=30)
        assert service.carry_out_next() and not service.carry_out_next()
    assert _runs(field_team) == [("done", "catch_up", "2025-02-11T14:00")]


def test_what_was_due_while_no_service_ran_is_made_up_for_at_start(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _service(field_team, monkeypatch) as service:
        field_team.clock.forward(hours=1)
        assert service.carry_out_next()
    field_team.clock.forward(hours=2, minutes=10)
    with _service(field_team, monkeypatch) as later:
        assert later.carry_out_next() and not later.carry_out_next()
    assert [slot for _, _, slot in _runs(field_team)] == ["2025-02-11T10:00", "2025-02-11T12:00"]


def test_a_slot_beyond_its_grace_is_noted_as_missed(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    path = field_team.mission.workspace.root / "config" / "mission.toml"
    path.write_text(
        path.read_text("utf-8") + SCHEDULE.replace('"0 * * * *"', '"0 10 11 2 *"').replace("180", "60"), "utf-8"
    )
    with _service(field_team, monkeypatch) as service:
        field_team.clock.forward(hours=9)
        assert not service.carry_out_next() and not service.carry_out_next()
    assert _runs(field_team) == [("missed", "catch_up", "2025-02-11T10:00")]


def test_a_clock_set_back_repeats_nothing_and_set_forward_hides_nothing(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _service(field_team, monkeypatch) as service:
        field_team.clock.forward(hours=1)
        assert service.carry_out_next()
        field_team.clock.forward(hours=-1, minutes=30)
        assert not service.carry_out_next()
        field_team.clock.forward(days=300)
        assert service.carry_out_next()
        field_team.clock.forward(days=-300, hours=2)
        assert service.carry_out_next()
    newest = runs.last_runs(field_team.mission.desk)
    assert len({run.slot or run.report["slot"] for run in newest}) == 3


def test_a_clock_set_back_a_day_silences_nothing(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Part 7, C13: the hours that a clock a day ahead has recorded counted as done when they came."""
    field_team.clock.forward(days=1)
    with _service(field_team, monkeypatch) as service:
        field_team.clock.forward(hours=1)
        assert service.carry_out_next()
        field_team.clock.forward(days=-1)
        assert not service.carry_out_next()
        for _ in range(3):
            field_team.clock.forward(hours=1)
            assert service.carry_out_next() and not service.carry_out_next()
        field_team.clock.forward(hours=21)
        assert service.carry_out_next()  # the hour of the first run, now that it comes
    assert [status for status, _, _ in _runs(field_team)] == ["done"] * 5


def test_a_killed_evening_is_caught_up(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Part 7, C13: its process died in the middle; the service that starts next makes up for it, and says so."""
    path = field_team.mission.workspace.root / "config" / "mission.toml"
    mail = '\n[notices]\nstaff = ["equipe@exemple.org"]\n[notices.smtp]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\nsender = "a@exemple.org"\n'
    path.write_text(path.read_text("utf-8") + SCHEDULE + mail, "utf-8")
    field_team.clock.forward(hours=1)
    desk, now = field_team.mission.desk, field_team.clock()
    order = runs.Order("schedule", "", "2025-02-11T10:00", now)
    runs.take_lease(desk, DEAD, field_team.mission.host, 1, now)
    runs.start_run(desk, "pull", order, now, field_team.mission.host, 1)
    field_team.clock.forward(minutes=20)
    with _service(field_team, monkeypatch) as service:
        assert service.carry_out_next() and not service.carry_out_next()
    assert _runs(field_team) == [("lost", "schedule", None), ("done", "catch_up", "2025-02-11T10:00")]
    assert runs.at_work(desk) == (False, None)
    (notice,) = [each for each in notices.last_notices(desk) if each.event.startswith("interrupted:")]
    assert "Le service le rattrape" in notice.body


def test_a_live_process_is_no_dead_one(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    mission = field_team.reopen()
    with mission.workspace.exclusive():
        runs.take_lease(mission.desk, DEAD, mission.host, 1, mission.clock())
        runs.start_run(mission.desk, "pull", runs.Order(), mission.clock(), mission.host, 1)
        assert end_dead_runs(mission) == 0
    assert end_dead_runs(mission) == 1


def test_a_pause_holds_and_what_passed_meanwhile_is_not_made_up_for(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, clock = field_team.mission.desk, field_team.clock
    with _service(field_team, monkeypatch) as service:
        schedules.set_paused(desk, "pull", True, "maha", clock())
        clock.forward(hours=2)
        assert not service.carry_out_next() and "pull" not in service.next_runs()
        schedules.set_paused(desk, "pull", False, "maha", clock())
        assert not service.carry_out_next()
        clock.forward(hours=1)
        assert service.carry_out_next()


def test_hours_that_staff_set_replace_those_of_the_config(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, clock = field_team.mission.desk, field_team.clock
    with _service(field_team, monkeypatch) as service:
        schedules.set_expressions(desk, "pull", ["every 15 min"], "maha", clock())
        clock.forward(minutes=16)
        assert service.carry_out_next()
        schedules.set_expressions(desk, "pull", None, "maha", clock())
        clock.forward(minutes=16)
        assert not service.carry_out_next()


def test_a_person_s_wish_comes_first_and_for_one_form(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def act(mission: Mission, form_id: str) -> Report:
        asked.append(form_id)
        return _said(mission)

    with _service(field_team, monkeypatch, act) as service:
        field_team.clock.forward(hours=1)
        schedules.wish(
            field_team.mission.desk, "pull", form_id="visites", origin="person", asked_by="maha", now=field_team.clock()
        )
        assert service.carry_out_next() and service.carry_out_next() and not service.carry_out_next()
    assert asked == ["visites", ""]
    assert [origin for _, origin, _ in _runs(field_team)] == ["person", "schedule"]


def test_a_failure_is_recorded_with_its_cure_and_the_next_slot_runs(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(mission: Mission, _form_id: str) -> Report:
        if len(runs.last_runs(mission.desk)) == 1:
            raise ConfigError("broken", file="f", hint="mend")
        return _said(mission)

    with _service(field_team, monkeypatch, act) as service:
        for _ in range(2):
            field_team.clock.forward(hours=1)
            assert service.carry_out_next()
    newest, first = runs.last_runs(field_team.mission.desk)
    assert (newest.status, first.status) == ("done", "failed")
    assert first.report == {"error": "f: broken", "hint": "mend"}


def test_while_another_process_works_a_job_waits_and_is_not_lost(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _service(field_team, monkeypatch) as service:
        field_team.clock.forward(hours=1)
        with field_team.reopen().workspace.exclusive():
            assert not service.carry_out_next()
            with pytest.raises(Busy):
                recorded(field_team.mission, "pull", _said)
        field_team.clock.forward(seconds=40)
        assert service.carry_out_next()
    assert [status for status, _, _ in _runs(field_team)] == ["done"]


def test_a_pull_is_stopped_in_the_middle_and_the_next_goes_on(field_team: Field) -> None:
    from kobo_sync.steps.pull import pull

    for n in range(5):
        field_team.person(f"N{n}")
    mission = field_team.reopen()
    seen: list[str] = []
    mission.progress = lambda what, _done, _total: seen.append(what)
    mission.stop = lambda: len(seen) > 1
    with pytest.raises(RunStopped):
        recorded(mission, "pull", pull)
    (run,) = runs.last_runs(mission.desk)
    assert run.status == "stopped" and not run.has_failed
    again = recorded(field_team.reopen(), "pull", pull)
    assert not again.has_errors
    assert [holding.n_live for holding in field_team.mission.store.holdings(["personnes"])] == [5]


def test_a_run_ends_itself_when_another_machine_took_the_lease(field_team: Field) -> None:
    taken = threading.Event()

    def act(mission: Mission) -> Report:
        ticks = count(0, 60)
        runs.take_lease(
            mission.desk, "thief", mission.host, 1, mission.clock(), wait=lambda _: None, monotonic=lambda: next(ticks)
        )
        for n in range(200):
            mission.progress("rows", n, 200)
            taken.wait(0.05)
        return _said(mission)

    with pytest.raises(RunStopped, match="took the work over"):
        recorded(field_team.mission, "pull", act)


def test_an_interrupted_run_leaves_its_row(field_team: Field) -> None:
    def interrupted(_mission: Mission) -> Report:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(field_team.mission, "pull", interrupted)
    (run,) = runs.last_runs(field_team.mission.desk, 1)
    assert (run.status, run.report["error"]) == ("stopped", "KeyboardInterrupt")


def test_a_config_that_is_saved_wrong_does_not_stop_the_service(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = field_team.mission.workspace.root / "config" / "mission.toml"
    with _service(field_team, monkeypatch) as service:
        well = path.read_text("utf-8")
        path.write_text("[mission\n", "utf-8")
        field_team.clock.forward(hours=1)
        assert service.next_runs()
        path.write_text(well.replace('"0 * * * *"', '"30 * * * *"'), "utf-8")
        assert service.next_runs()["pull"].minute == 30


def test_a_wrong_schedule_is_named() -> None:
    for wrong in ('pull = ["* * * * *", "tous les jours"]', 'reconcile = ["75 * * * *"]', 'backup = ["every 1 s"]'):
        with pytest.raises(ConfigError, match=r"schedule\.(pull|reconcile|backup)"):
            parse_config(MISSION + f"\n[schedule]\n{wrong}\n", {"config/zones.csv": ZONES}, {})


# ── as a process ──


def _start(root: Path, *words: str) -> subprocess.Popen[str]:
    command = [*SERVICE, str(root), "--port", "0", *words]
    env = {**os.environ, "KOBO_TOKEN": "canary-token", "NO_COLOR": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)


def test_sigterm_ends_it_with_zero_and_the_pages_answered(field_team: Field) -> None:
    import requests

    root = field_team.mission.workspace.root
    path = root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8") + '\n[schedule]\nrun = ["0 6 * * *"]\n', "utf-8")
    with _start(root) as process:
        assert process.stderr is not None
        try:
            lines = iter(process.stderr.readline, "")
            url = next(line.split()[1] for line in lines if line.startswith("pages: "))
            assert any("run: next at" in line for line in lines)
            said = requests.get(f"{url}/health", timeout=10).json()
            assert said["ready"] is True and said["last_success_age_s"] is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_a_killed_service_leaves_a_run_that_the_next_calls_lost(field_team: Field) -> None:
    """SIGKILL in the middle of a job: its lease is taken over at once, its row says lost, the job runs again."""
    code = (
        "import sys, time; from pathlib import Path; from kobo_sync.mission.mission import open_mission\n"
        "from kobo_sync.mission.run_log import end_dead_runs, recorded\n"
        "def act(mission):\n    print('at work', flush=True)\n    time.sleep(600)\n"
        "with open_mission(Path(sys.argv[1])) as mission:\n    recorded(mission, 'pull', act)\n"
    )
    root = field_team.mission.workspace.root
    with subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        with pytest.raises(Busy):
            recorded(field_team.mission, "check", _said)
        process.kill()
        process.wait()
    recorded(field_team.mission, "check", _said)
    newest, killed = runs.last_runs(field_team.mission.desk)
    assert (newest.status, killed.status) == ("done", "lost")


def test_a_port_that_is_taken_is_said(field_team: Field) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = subprocess.run(
            [*SERVICE, str(field_team.mission.workspace.root), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "KOBO_TOKEN": "x", "NO_COLOR": "1"},
        )
    assert process.returncode == 3 and f"port {port}" in process.stderr and "Traceback" not in process.stderr


def test_a_signal_that_comes_before_the_wait_is_not_lost() -> None:
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = StopSignal()
        signal.raise_signal(signal.SIGTERM)
        stop.wait()
        assert stop.is_set
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def test_orders_differ_by_their_slot() -> None:
    order = runs.Order("schedule", "", "2025-02-11T10:00", datetime(2025, 2, 11, 9, tzinfo=UTC))
    assert replace(order, slot_at=datetime(2025, 2, 11, 9, tzinfo=UTC) + timedelta(hours=1)) != order

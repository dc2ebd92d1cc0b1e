"""The scheduler as a process: it runs by the clock, one job at a time, and stops cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import zoneinfo
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from conftest import MISSION, ZONES, Field

from kobo_sync.config import Config, parse_config
from kobo_sync.errors import ConfigError
from kobo_sync.ledger import recorded
from kobo_sync.mission import Mission
from kobo_sync.model import Report
from kobo_sync.service import JOBS, Service, triggers
from kobo_sync.signals import StopSignal
from kobo_sync.timezones import prefer_packaged_timezones


def _config(schedule: str) -> Config:
    return parse_config(MISSION + f"\n[schedule]\n{schedule}\n", {"config/zones.csv": ZONES}, {})


def test_morocco_s_new_rule_is_known() -> None:
    before = zoneinfo.TZPATH
    try:
        prefer_packaged_timezones()
        zone = ZoneInfo("Africa/Casablanca")
        assert datetime(2026, 12, 1, tzinfo=zone).utcoffset() == datetime(2026, 12, 1, tzinfo=UTC).utcoffset()
    finally:
        zoneinfo.reset_tzpath(before)
        ZoneInfo.clear_cache()


def test_hours_are_the_mission_s() -> None:
    ((job, trigger),) = triggers(_config('run = ["30 6 * * *"]'))
    at = trigger.get_next_fire_time(None, datetime(2025, 2, 10, 12, tzinfo=UTC))
    assert job == "run" and at.astimezone(UTC) == datetime(2025, 2, 11, 5, 30, tzinfo=UTC)


def test_a_wrong_cron_expression_is_named() -> None:
    with pytest.raises(ConfigError, match="tous les jours"):
        _config('pull = ["* * * * *", "tous les jours"]')
    with pytest.raises(ConfigError, match=r"schedule\.pull\[1\]"):
        list(triggers(_config('pull = ["* * * * *", "75 * * * *"]')))


def test_a_job_runs_is_recorded_and_a_failure_does_not_stop_the_next(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    calls: list[str] = []

    def job(mission: Mission) -> Report:
        calls.append("x")
        if len(calls) == 1:
            raise ConfigError("broken", file="f", hint="mend")
        done.set()
        return mission.report("pull", mission.clock(), {}, [], [])

    monkeypatch.setitem(JOBS, "pull", job)
    service = Service(_config('pull = ["* * * * *"]'), field_team.reopen)
    service._carry_out("pull")
    service._carry_out("pull")
    assert done.is_set()
    statuses = [(run.step, run.status) for run in field_team.reopen().store.last_runs(2)]
    assert statuses == [("pull", "done"), ("pull", "failed")]


def test_sigterm_finishes_and_exits_with_zero(field_team: Field) -> None:
    root = field_team.mission.workspace.root
    path = root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8") + '\n[schedule]\nrun = ["0 6 * * *"]\n', "utf-8")
    command = [sys.executable, "-m", "kobo_sync", "service", "--workspace", str(root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "KOBO_TOKEN": "x"}) as process:
        assert process.stderr is not None
        try:
            assert any("run: next at" in line for line in iter(process.stderr.readline, ""))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_an_interrupted_run_leaves_its_row(field_team: Field) -> None:
    def interrupted(_mission: Mission) -> Report:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(field_team.mission, "pull", interrupted)
    (run,) = field_team.mission.store.last_runs(1)
    assert (run.status, run.report["error"]) == ("failed", "KeyboardInterrupt")


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

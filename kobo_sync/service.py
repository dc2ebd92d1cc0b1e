"""The long-running process: runs the jobs of the config at their hours; the only module that knows APScheduler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from kobo_sync.config import MISSION_FILE, Config
from kobo_sync.errors import ConfigError, KoboSyncError
from kobo_sync.ledger import recorded
from kobo_sync.mission import Mission
from kobo_sync.model import Report
from kobo_sync.signals import StopSignal
from kobo_sync.steps.pull import quick_pull
from kobo_sync.steps.run import run

log = logging.getLogger("kobo_sync.service")
GRACE_S = 3600  # a job that the machine slept through still runs within the hour, once
JOBS: dict[str, Callable[[Mission], Report]] = {"run": run, "pull": quick_pull}


def triggers(config: Config) -> Iterator[tuple[str, CronTrigger]]:
    """(job, trigger) of every cron expression in [schedule].

    Raises: ConfigError for an expression that is none.
    """
    zone = ZoneInfo(config.mission.timezone)
    for job in JOBS:
        for at, expression in enumerate(getattr(config.schedule, job)):
            try:
                yield job, CronTrigger.from_crontab(expression, timezone=zone)
            except ValueError as error:
                raise ConfigError(
                    f"{expression!r} is no cron expression ({error})",
                    file=MISSION_FILE,
                    key=f"schedule.{job}[{at}]",
                    hint="write five fields, such as '0 6 * * *' for every day at six",
                ) from error


class Service:
    """The scheduler over a mission; *open_mission* gives a fresh one for each job, closed afterwards."""

    def __init__(self, config: Config, open_mission: Callable[[], Mission]) -> None:
        self._open = open_mission
        self._stop: StopSignal | None = None
        self._one_at_a_time = threading.Lock()
        self._scheduler = BackgroundScheduler(
            timezone=ZoneInfo(config.mission.timezone),
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE_S},
        )
        for job, trigger in triggers(config):
            self._scheduler.add_job(self._carry_out, trigger, args=[job], name=job)

    def next_runs(self) -> list[tuple[str, datetime]]:
        """(job, next time) of every schedule, soonest first; empty before `serve`."""
        jobs = [
            (job.name, job.next_run_time) for job in self._scheduler.get_jobs() if getattr(job, "next_run_time", None)
        ]
        return sorted(jobs, key=lambda pair: pair[1])

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT; a job at work is finished first."""
        self._stop = StopSignal()
        self._scheduler.start()
        for job, at in self.next_runs():
            log.info("%s: next at %s", job, at.isoformat())
        self._stop.wait()
        log.info("stopping once the job at work is done")
        self._scheduler.shutdown(wait=True)
        log.info("stopped")

    def _carry_out(self, job: str) -> None:
        if self._stop and self._stop.is_set:
            return
        with self._one_at_a_time:
            mission = self._open()
            try:
                report = recorded(mission, job, JOBS[job])
                log.info("%s: done, %d findings", job, len(report.findings))
            except KoboSyncError as error:
                log.error("%s: failed: %s", job, error)
            finally:
                mission.close()

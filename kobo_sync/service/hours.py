"""Which hours hold for a job: those that staff set on the page, else the config's; none while it is paused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from kobo_sync.config.config import Config
from kobo_sync.config.service import JOB_NAMES
from kobo_sync.config.timetable import next_at
from kobo_sync.desk.schedules import Setting


def hours(config: Config, settings: Mapping[str, Setting], job: str) -> tuple[str, ...]:
    """The expressions that hold for *job*: those that staff set, else the config's; none while it is paused."""
    set_here = settings.get(job)
    if set_here and set_here.paused:
        return ()
    return set_here.expressions if set_here and set_here.expressions is not None else config.schedule.of(job)


def next_runs(config: Config, settings: Mapping[str, Setting], now: datetime) -> dict[str, datetime]:
    """job → when it is next due, aware UTC; only jobs that have an hour."""
    zone = ZoneInfo(config.mission.timezone)
    moments = {job: next_at(hours(config, settings, job), now, zone) for job in JOB_NAMES}
    return {job: at for job, at in moments.items() if at is not None}

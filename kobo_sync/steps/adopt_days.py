"""The days of a mission that took over projects: those of their rows, as long as it has still the sample's of `init`."""

from __future__ import annotations

from datetime import date

from kobo_sync.checks.sheet import sheets
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.config.toml_values import with_values
from kobo_sync.errors import ConfigError
from kobo_sync.lazy import np
from kobo_sync.mission.config_files import alone, current_file, rewrite
from kobo_sync.mission.facts import gather_facts
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.init import STARTER_DAYS

_YEAR = 366  # days: what is dated longer before it was received is a clock's fault, not the mission's first day


def set_days(mission: Mission) -> Report:
    """Puts the first and last day of what was pulled in the settings of a mission that adopted projects and kept the sample's days.

    Nothing is done where somebody set the days, or a row lies within them. Killed anywhere, the same call again ends it.
    Raises: ConfigError, FormError, StoreError; Busy.
    """
    started_at, lines = mission.clock(), []
    days = _days_of_rows(mission) if mission.adopted and _has_sample_days(mission) else None
    if days and _write(mission, *days):
        first, last = days
        lines.append(
            f"the mission’s days are now those of its rows, {first} to {last}: look at starts_on and ends_on in {MISSION_FILE}"
        )
    return mission.report("days", started_at, {}, [], lines)


def _has_sample_days(mission: Mission) -> bool:
    settings = mission.config.mission
    return (settings.starts_on, settings.ends_on) == STARTER_DAYS and not any(
        zone.days for zone in mission.config.zones
    )


def _days_of_rows(mission: Mission) -> tuple[date, date] | None:
    """The first and the last day that rows are about; None without rows, or where one is about a day of the mission."""
    days = np.array([], dtype="datetime64[D]")
    for sheet in sheets(gather_facts(mission)):
        is_likely = (sheet.days <= sheet.received_on) & (sheet.days >= sheet.received_on - np.timedelta64(_YEAR, "D"))
        days = np.concatenate([days, np.where(is_likely, sheet.days, sheet.received_on)])
    days = days[~np.isnat(days)]
    first, last = (np.datetime64(day, "D") for day in STARTER_DAYS)
    if not len(days) or bool(((days >= first) & (days <= last)).any()):
        return None
    return days.min().item(), days.max().item()


def _write(mission: Mission, first: date, last: date) -> bool:
    """Whether the days could be written: not into a file that is written so that no key of it can be changed alone."""
    with alone(mission):
        now = current_file(mission, MISSION_FILE)
        try:
            text = with_values(now.text, {"mission.starts_on": first, "mission.ends_on": last})
        except ConfigError:
            return False
        rewrite(mission, now, text, by="adopt")
    mission.__dict__.pop("config", None)  # what follows in this run reads the new days
    return True

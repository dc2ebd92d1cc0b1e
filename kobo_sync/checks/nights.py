"""Interviews that began at night, when nobody is interviewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import sheets
from kobo_sync.lazy import np
from kobo_sync.model import Finding

CODE = "DATA013"
TITLE = "Interview at night"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row begun between ``checks.night_from`` and ``checks.night_to``, local time."""
    checks = facts.config.checks
    low, high = _minutes(checks.night_from), _minutes(checks.night_to)
    for sheet in sheets(facts):
        begun = sheet.moments("start").dt.tz_convert(facts.config.mission.timezone)
        at_minute = np.asarray(begun.dt.hour * 60 + begun.dt.minute, dtype=np.float64)
        late, early = at_minute >= low, at_minute < high
        night = (late | early) if low > high else (late & early)
        places = np.flatnonzero(night)
        hours = begun.iloc[places].dt.strftime("%Y-%m-%d %H:%M").tolist()
        for at, hour in zip(places, hours, strict=True):
            yield sheet.finding(
                int(at),
                CODE,
                "warning",
                f"interview begun at night, at {hour[11:]}",
                why="nobody is interviewed at that hour: entered afterwards, or the clock is wrong",
                hint="ask the enumerator; set the phone's clock",
                evidence=[hour],
            )


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute

"""Rows dated outside the mission's days, outside their zone's day, or after they were received."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.lazy import np
from kobo_sync.model import Finding

CODE = "DATA011"
TITLE = "Date outside the mission's days"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row; registrations may come ``checks.days_before`` the first day, rows without a date late."""
    for sheet in sheets(facts):
        yield from _outside(sheet)


def _outside(sheet: Sheet) -> Iterator[Finding]:
    mission, checks = sheet.config.mission, sheet.config.checks
    is_registration = sheet.settings.role in ("registration", "other")
    first = np.datetime64(mission.starts_on, "D") - np.timedelta64(checks.days_before if is_registration else 0, "D")
    last = np.datetime64(mission.ends_on, "D")
    days, own, received = sheet.days, sheet.has_own_day, sheet.received_on
    late = last + np.where(own, 0, checks.days_late).astype("timedelta64[D]")
    outside = (days < first) | (days > late)  # a comparison with a missing date is false
    future = own & (days > received)
    its_days = {zone.code: np.array(zone.days, dtype="datetime64[D]") for zone in sheet.config.zones if zone.days}
    other_day = np.zeros(len(sheet), dtype=bool)
    zones = np.array(sheet.zones, dtype=object)
    for code in set(sheet.zones) & its_days.keys() if not is_registration else ():
        other_day |= own & (zones == code) & ~np.isin(days, its_days[code])
    for at in np.flatnonzero(outside | future | other_day):
        if future[at]:
            message = "dated after it was received: the phone's clock is wrong"
        elif outside[at]:
            message = f"dated outside the mission's days ({first} to {last})"
        elif len(its_days[sheet.zones[at]]) == 1:
            message = f"dated another day than that of the training in the zone ({its_days[sheet.zones[at]][0]})"
        else:
            message = f"dated none of the zone's days ({', '.join(map(str, its_days[sheet.zones[at]]))})"
        yield sheet.finding(
            int(at),
            CODE,
            "warning",
            message,
            why="a wrong date puts the submission outside the day that it describes (a trial, a clock, or a late entry)",
            hint="delete a trial; else correct the date, or set the phone's clock",
            evidence=[days[at]],
        )

"""When jobs are due: cron expressions and intervals in the mission's time zone; knows APScheduler's triggers.

A slot is an hour at which a job is due. It is named by the wall clock (``2026-02-15T02:30``), so that the
hour which a change of the clocks repeats is one slot, run once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

INTERVAL = re.compile(r"every (\d+) (s|min|h|d)")
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NO_FIELD = {  # of cron, in its order
    "minute": "{text} is no minute: write 0-59, or */15",
    "hour": "{text} is no hour: write 0-23, or */2",
    "day": "{text} is no day of the month: write 1-31",
    "month": "{text} is no month: write 1-12",
    "day_of_week": "{text} is no day of the week: write 0-7 or sun-sat",
}
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
WINDOWS = tuple(timedelta(minutes=minutes) for minutes in (2, 60, 60 * 26, 60 * 24 * 8, 60 * 24 * 370))


@dataclass(frozen=True, order=True)
class Slot:
    """An hour at which a job is due; *at* is aware UTC."""

    at: datetime
    name: str


def trigger(expression: str, zone: tzinfo) -> BaseTrigger:
    """The trigger of ``0 6 * * 1-5`` (five fields, Sunday is 0 or 7 as in cron) or ``every 15 min``.

    Raises: ValueError saying what is wrong with the expression.
    """
    interval = INTERVAL.fullmatch(expression.strip())
    if interval:
        seconds = int(interval[1]) * UNITS[interval[2]]
        if not 10 <= seconds <= 366 * 86400:
            raise ValueError("an interval lies between 10 s and a year")
        return IntervalTrigger(seconds=seconds, start_date=EPOCH, timezone=UTC)
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError("neither five fields, as cron has, nor 'every N min'")
    minute, hour, day, month, weekday = fields
    try:
        named = {"minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": _weekdays(weekday)}
        return CronTrigger(**named, timezone=zone)
    except ValueError as error:
        raise ValueError(_wrong_field(fields)) from error


def checked(expression: str) -> BaseTrigger:
    """The trigger of *expression*, which comes at some time. Raises: ValueError saying what is wrong with it."""
    rule = trigger(expression, UTC)
    if rule.get_next_fire_time(None, EPOCH) is None:
        raise ValueError("no month has such a day: it would never come")
    return rule


def slots(expression: str, after: datetime, until: datetime, zone: tzinfo) -> Iterator[Slot]:
    """The slots in (*after*, *until*], oldest first, each name once."""
    rule, names = trigger(expression, zone), set()
    by_wall_clock = isinstance(rule, CronTrigger)
    moment = after.astimezone(UTC) + timedelta(microseconds=1)
    while (fires_at := rule.get_next_fire_time(None, moment)) is not None:
        at = fires_at.astimezone(UTC)
        if at > until:
            return
        name = f"{at.astimezone(zone):%Y-%m-%dT%H:%M}" if by_wall_clock else f"{at:%Y-%m-%dT%H:%M:%S}Z"
        if name not in names and at > after:
            names.add(name)
            yield Slot(at, name)
        # Where the clocks go back, the trigger may name an hour that lies behind: never go back with it.
        moment = max(at, moment) + timedelta(seconds=1)


def due(expressions: Sequence[str], after: datetime, now: datetime, zone: tzinfo) -> Slot | None:
    """The newest slot in (*after*, *now*]: those before it are made up for by the same run. None when none is."""
    for window in WINDOWS:
        start = max(after, now - window)
        moments = [slot for expression in expressions for slot in slots(expression, start, now, zone)]
        if moments:
            return max(moments)
        if start == after:
            break
    return None


def next_at(expressions: Sequence[str], now: datetime, zone: tzinfo) -> datetime | None:
    """When the job is next due, aware UTC; None when never."""
    times = [trigger(expression, zone).get_next_fire_time(None, now) for expression in expressions]
    moments = [at.astimezone(UTC) for at in times if at is not None]
    return min(moments, default=None)


def delay(mission: str, job: str, slot: Slot, jitter_s: float) -> timedelta:
    """How long after its slot a job of *mission* starts: always the same, and not the same as others' on that server."""
    drawn = hashlib.sha256(f"{mission} {job} {slot.name}".encode()).digest()
    return timedelta(seconds=jitter_s * int.from_bytes(drawn[:4], "big") / 2**32)


def _wrong_field(fields: Sequence[str]) -> str:
    """What is wrong with the first of five *fields* that means nothing."""
    for name, text in zip(_NO_FIELD, fields, strict=True):
        try:
            CronTrigger(**{name: _weekdays(text) if name == "day_of_week" else text})
        except ValueError:
            return _NO_FIELD[name].format(text=repr(text))
    return "neither five fields, as cron has, nor 'every N min'"


def _weekdays(field: str) -> str:
    """A cron weekday field by names: APScheduler counts from Monday = 0, cron from Sunday = 0."""
    if field == "*":
        return field
    days: list[str] = []
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0-6" if span == "*" else span).partition("-")
        low, high = _weekday(first), _weekday(last) if last else None
        if high is None:
            high = 6 if step else low
        if high < low:
            high += 7
        days += [WEEKDAYS[number % 7] for number in range(low, high + 1, int(step or 1))]
    return ",".join(dict.fromkeys(days))


def _weekday(text: str) -> int:
    if text in WEEKDAYS:
        return WEEKDAYS.index(text)
    if text.isdecimal() and int(text) <= 7:
        return int(text)
    raise ValueError(text)

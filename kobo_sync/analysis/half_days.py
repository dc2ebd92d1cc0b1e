"""Which session (half-day) of which day each attendance row is of: a second day with the same sessions overwrites none of the first.

The training days of a zone:

* Where the config gives the zone its days (``days`` of zones.csv, or a mission of one day), those are its days. Rows that say
  another, typed or corrected later, belong to the last of them before it; a session that is held on one day alone is that day's.
* Else they are the days within the mission that its rows say (a date question, else when the phone began, `days.row_days`);
  a row outside them belongs to the last of them before it.
* In both cases another day within the mission is a training day of its own when two persons at least sign a half-day on it
  that they had signed before: one such row is a repetition, two are a second day. Nothing else tells a day apart where rows
  do not say theirs and only their arrival is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from kobo_sync.analysis.facts import Facts
from kobo_sync.config.config import Config
from kobo_sync.model import Zone

SIGNED_AGAIN = 2  # persons who sign a half-day a second time: from so many on it is another day, not a slip


@dataclass(frozen=True)
class HalfDay:
    """A half-day, or another session. *day*: ISO date, empty where the zone has one day; *session*: its code, empty where none is asked."""

    day: str
    session: str

    @property
    def key(self) -> str:
        """The same as one text, days first in order."""
        return f"{self.day} {self.session}".strip()


class Mark(NamedTuple):
    """What one row signs: the person's key, the session's code, the day (None: not known) and whether the row says it itself."""

    person: str
    session: str
    day: date | None
    own: bool


def due(config: Config, zone: Zone, *, by_session: bool = True) -> list[HalfDay]:
    """The sessions of all days that the config gives *zone*, in order; those of one day, without a date, where it gives it none.

    Without *by_session*, or where the config has no sessions: the days alone, where there are several.
    """
    days = {number: day.isoformat() for number, day in enumerate(zone.days, 1)} if len(zone.days) > 1 else {1: ""}
    if by_session and config.sessions:
        return [HalfDay(day, each.code) for number, day in days.items() for each in config.sessions_on(number)]
    return [HalfDay(day, "") for day in days.values() if day]


def half_days(facts: Facts, zone: str, marks: Sequence[Mark]) -> list[HalfDay]:
    """The half-day of each of a zone's *marks*."""
    settings = facts.config.zone(zone)
    if settings and len(settings.days) > 1:
        fixed = {s.code: settings.days[s.days[0] - 1] for s in facts.config.sessions if len(s.days) == 1}
        marks = [mark._replace(day=fixed.get(mark.session, mark.day)) for mark in marks]
    training_days = _training_days(facts, zone, marks)
    if len(training_days) < 2:
        return [HalfDay("", mark.session) for mark in marks]
    return [HalfDay(_day_of(mark, training_days).isoformat(), mark.session) for mark in marks]


def _training_days(facts: Facts, zone: str, marks: Sequence[Mark]) -> list[date]:
    mission = facts.config.mission
    by_day: dict[date, set[tuple[str, str]]] = {}
    for mark in marks:
        if mark.day is not None:
            by_day.setdefault(mark.day, set()).add((mark.person, mark.session))
    within = [day for day in by_day if mission.starts_on <= day <= mission.ends_on]
    own = {mark.day for mark in marks if mark.own}
    settings = facts.config.zone(zone)
    configured = set(settings.days) if settings else set()
    if not configured and mission.starts_on == mission.ends_on:
        configured = {mission.starts_on}
    chosen = configured or {day for day in within if day in own} or set(_most_frequent(marks))
    signed = set().union(*(by_day.get(day, set()) for day in chosen))
    for day in sorted(within or by_day):
        if day not in chosen:
            again = {person for person, _ in by_day[day] & signed}
            if len(again) >= SIGNED_AGAIN:
                chosen.add(day)
            signed |= by_day[day]
    return sorted(chosen)


def _most_frequent(marks: Sequence[Mark]) -> list[date]:
    counts = Counter(mark.day for mark in marks if mark.day is not None)
    return [min(counts, key=lambda day: (-counts[day], day))] if counts else []


def _day_of(mark: Mark, training_days: Sequence[date]) -> date:
    earlier = [day for day in training_days if mark.day is not None and day <= mark.day]
    return earlier[-1] if earlier else training_days[0]


def ordered(places: Mapping[str, HalfDay], sessions: Sequence[str]) -> tuple[HalfDay, ...]:
    """Half-days by day, then in the order of the config's *sessions*."""
    order = {code: at for at, code in enumerate(sessions)}
    return tuple(
        sorted(places.values(), key=lambda each: (each.day, order.get(each.session, len(order)), each.session))
    )

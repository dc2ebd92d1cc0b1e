"""How many persons each figure rests on, as all papers of a mission may say it: exact, « ≈ », or not at all.

The publication plan begins here; `publication`, `published` and every paper, workbook and page build on it.

* A *population* is who was present, tested, answered. Its number is told when it is 0 or at least 3, and when it differs
  by 0 or at least 3 from each number that it is a part of, or has as a part (`_BESIDE`): who did not answer, or left, would
  else be had by subtraction. A number that comes too close is told as « ≈ » the other one, from 10 persons on, and what rests on
  it is rounded so coarsely that one person more or fewer does not show; below 10 neither it nor what rests on it is told.
* A zone's numbers are decided from its own rows alone: its papers never change because another zone's rows do. The
  mission's figures rest on the rows of those zones whose own number is told (`told`), and on no rows that lie in no zone:
  the mission's minus the zones' that are printed is nobody. Where a zone is left out, counts say « ≥ ».
* Respondents to the needs whose group counts fewer than 3 of them in their zone are left out of scores, zone and mission:
  a score is the mean over groups, and a group of one would weigh as much as any.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import learning, tests_by_zone
from kobo_sync.analysis.memo import memo_by_zone, memo_in_process, memo_over_runs
from kobo_sync.analysis.needs import ranked_by_zone
from kobo_sync.analysis.persons import registered_in
from kobo_sync.analysis.row_zones import row_zones
from kobo_sync.analysis.suppression import THRESHOLD, pinned, publishable
from kobo_sync.analysis.turnout import turnout
from kobo_sync.config.config import Role
from kobo_sync.model import ELSEWHERE

if TYPE_CHECKING:
    import pandas as pd

What = Literal[
    "present",
    "pairs",
    "satisfaction",
    "needs",
    "before",
    "after",
    "needs_rows",
    "registered",
    "full_day",
    "refused",
    "focus",
]
# Whose persons each population is a part of, or has a part in: their difference is a number of persons.
_BESIDE: Mapping[What, tuple[What, ...]] = {
    "pairs": ("present",),
    "satisfaction": ("present",),
    "needs": ("present",),
    "before": ("present", "pairs"),
    "after": ("present", "pairs"),
    "needs_rows": ("present", "needs"),
    "registered": ("present",),
    "full_day": ("present",),
}
NO_GROUP = ""
_APART = ("registered", "full_day", "refused")  # nothing rests on them: where they are too close they are not told
_NEAR_FROM = 10
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_RESTS_ON: Mapping[Role, What] = {
    "registration": "present",
    "attendance": "present",
    "test": "pairs",
    "satisfaction": "satisfaction",
    "needs": "needs",
    "focus_group": "focus",
}


@dataclass(frozen=True)
class Told:
    """A number of persons *n* as it may be told. *near*: another that is told, which it comes too close to; *partial*: zones are left out.

    *spread*: by how much it differs from *near* at most.
    """

    n: int
    near: int | None = None
    hidden: bool = False
    partial: bool = False
    spread: int = THRESHOLD - 1

    @property
    def exact(self) -> bool:
        """Whether the number itself may be printed."""
        return self.near is None and not self.hidden

    @property
    def shown(self) -> bool:
        """Whether figures that rest on these persons may be printed."""
        return not self.hidden and self.n >= THRESHOLD

    @property
    def candidates(self) -> tuple[int, ...]:
        """What a reader may take the number for: he knows on which side of the other one a part, or a whole, must lie."""
        if self.near is None:
            return (self.n,)
        if self.n < self.near:
            return tuple(range(self.near - self.spread, self.near))
        return tuple(range(self.near + 1, self.near + self.spread + 1))

    def step(self, marks: int = 1) -> float:
        """What shares (of *marks* per person) are rounded to, 0..1: a whole percent, or one person's weight where the number is « ≈ »."""
        weight = 1 / (max(1, min(self.candidates, default=self.n)) * max(1, marks))
        return _STEPS[0] if self.near is None else next((step for step in _STEPS if step >= weight), _STEPS[-1])


def coarse(n: int) -> int:
    """A number of submissions, to the ten above."""
    return -(-n // 10) * 10


def beside(n: int, others: Collection[Told], *, approximate: bool = True) -> Told:
    """How *n* may be told beside *others* that are told already."""
    if n and not publishable(n):
        return Told(n, hidden=True)
    exact = [other.n for other in others if other.exact]
    close = next((other for other in exact if 0 < abs(other - n) < THRESHOLD), None)
    if close is None:
        return Told(n)
    if not approximate or close < _NEAR_FROM:
        return Told(n, hidden=True)
    return Told(n, near=close)


@memo_over_runs
def told_number(facts: Facts, what: What) -> Told:
    """How many persons of the zone, or of the mission, a population counts, as it may be told."""
    if facts.zone is not None:
        return zone_number(facts, facts.zone.code, what)
    parts = [zone_number(facts, code, what) for code in _zones_with(facts, what)]
    apart = [part for part in parts if part.shown]
    n = _together(facts, what, sum(part.n for part in apart))
    partial = any(part.n and not part.shown for part in parts) or (
        what == "needs" and bool(_zones_without_groups(facts))
    )
    near = [part for part in apart if part.near is not None]
    whole = sum(part.n if part.near is None else part.near for part in apart)
    answer = beside(n, _others(what, lambda each: told_number(facts, each)), approximate=what not in _APART)
    if answer.hidden or not answer.shown:
        return replace(answer, partial=partial)
    # Persons tested in two zones, counted once: their number is a difference as any other. Of persons present it is told, by
    # sex and group too: how many were trained is the mission's first result, the report says that who came to two zones counts
    # once, and that somebody sat in two rooms is no answer, and known to all who sat there.
    doubled = sum(part.n for part in apart) - n if what in ("before", "after", "pairs") else 0
    if near and (doubled or any(pinned([p.candidates for p in near], n - sum(p.n for p in apart if p.near is None)))):
        beside_it = answer.near or whole
        spread = max((THRESHOLD - 1) * len(near) + abs(doubled), abs(n - beside_it))
        return Told(n, near=beside_it, partial=partial, spread=spread)
    if not near and 0 < abs(doubled) < THRESHOLD:
        return Told(n, near=whole, partial=partial) if whole >= _NEAR_FROM else Told(n, hidden=True, partial=partial)
    return replace(answer, partial=partial)


@memo_in_process
def zone_number(facts: Facts, code: str, what: What) -> Told:
    """`told_number` of a zone of the mission, as its own papers have it; of the rows in no zone under `ELSEWHERE`."""
    n, others = _n(facts, what, code), _others(what, lambda each: zone_number(facts, code, each))
    if what == "needs" and not n and code in ballots_by_zone(facts):
        return Told(0, hidden=True)  # all are of groups that are left out: that nobody answered would be wrong
    return beside(n, others, approximate=what not in _APART)


def _others(what: What, number: Callable[[What], Told]) -> list[Told]:
    """The numbers that *what* is told beside; for the tests after, also what would tell how many were never tested."""
    others = [number(each) for each in _BESIDE.get(what, ())]
    if what == "after":
        came, pairs, before = number("present"), number("pairs"), number("before")
        if came.exact and pairs.exact and before.exact:
            others.append(Told(came.n - before.n + pairs.n))
    return others


def _zones_without_groups(facts: Facts) -> list[str]:
    """The zones whose respondents to the needs are all of groups that are left out."""
    kept = numbers_by_zone(facts, "needs")
    return [zone.code for zone in facts.config.zones if zone.code in ballots_by_zone(facts) and not kept.get(zone.code)]


def _together(facts: Facts, what: What, total: int) -> int:
    """The persons of the zones that are told, each once; *total* is their number zone by zone."""
    if what == "present":
        return turnout(told(facts, "registration", "attendance")).n_present
    if what == "full_day":
        return turnout(told(facts, "registration", "attendance")).n_full_day
    if what in ("before", "after", "pairs"):
        return n_tested(told(facts, "test"), what)
    return total


def n_tested(facts: Facts, what: What) -> int:
    """Persons tested before, after or both times, over all rows of *facts*."""
    learnt = learning(facts)
    return {"before": learnt.n_before, "after": learnt.n_after}.get(what, learnt.n_pairs)


def _zones_with(facts: Facts, what: What) -> list[str]:
    """The zones that the mission's figures are about; where no row says its zone, all rows together."""
    codes = [zone.code for zone in facts.config.zones]
    return codes if any(_n(facts, what, code) for code in codes) else [ELSEWHERE]


# ── numbers by zone ─────────────────────────────────────────────────────────


def _n(facts: Facts, what: What, code: str) -> int:
    return numbers_by_zone(facts, what).get(code, 0)


@memo_over_runs
def numbers_by_zone(facts: Facts, what: What) -> Mapping[str, int]:
    """How many persons of each zone each population counts; those of no zone of the mission under `ELSEWHERE`."""
    if what in ("present", "full_day", "registered", "refused"):
        counts = _attendance_by_zone(facts, what)
    elif what in ("before", "after", "pairs"):
        counts = {
            zone: {"before": tests.n_before, "after": tests.n_after}.get(what, tests.n_pairs)
            for zone, tests in tests_by_zone(facts).items()
        }
    elif what == "needs":
        counts = {zone: sum(by.values()) for zone, by in ballots_by_zone(facts).items()}
        small = groups_left_out(facts)
        for zone, by in ballots_by_zone(facts).items():
            counts[zone] -= sum(n for group, n in by.items() if (zone, group) in small)
    elif what == "focus":
        counts = dict(_heads_by_zone(facts))
    else:
        counts = dict(meaning.usable_by_zone(facts, "satisfaction" if what == "satisfaction" else "needs"))
    return _in_zones(facts, counts)


def _attendance_by_zone(facts: Facts, what: What) -> dict[str, int]:
    if what == "refused":
        return dict(meaning.refused_by_zone(facts, "registration"))
    listed = turnout(facts)
    return {
        "present": listed.came_by_zone,
        "full_day": dict(listed.full_day_by_zone),
        "registered": dict(listed.registered_by_zone),
    }[what]


@memo_by_zone
def _heads_by_zone(facts: Facts) -> Mapping[str, int]:
    table = meaning.rows(facts, "focus_group").table
    heads: dict[str, int] = {}
    for zone, women, men in zip(table["zone"], table["women"], table["men"], strict=True):
        n = int(meaning.number(women) or 0) + int(meaning.number(men) or 0)
        heads[meaning.text(zone)] = heads.get(meaning.text(zone), 0) + n
    return heads


@memo_in_process
def ballots_by_zone(facts: Facts, trait: Literal["group", "sex"] = "group") -> Mapping[str, Mapping[str, int]]:
    """zone → group (or sex) → respondents with a ranking; those of no group of the mission under `NO_GROUP`."""
    codes = (
        {group.code for group in facts.config.groups}
        if trait == "group"
        else {facts.config.codes.female, facts.config.codes.male}
    )
    zones: dict[str, dict[str, int]] = {}
    for zone, ranked in ranked_by_zone(facts).items():
        for group, by_sex in ranked.by_group_and_sex.items():
            for sex, ballots in by_sex.items():
                code = group if trait == "group" else sex
                by = zones.setdefault(zone, {})
                by[code if code in codes else NO_GROUP] = by.get(code if code in codes else NO_GROUP, 0) + ballots.n
    return dict(sorted(zones.items()))


@memo_in_process
def groups_left_out(facts: Facts) -> frozenset[tuple[str, str]]:
    """The (zone, group) of fewer than 3 respondents with a ranking."""
    return frozenset(
        (zone, group) for zone, by in ballots_by_zone(facts).items() for group, n in by.items() if not publishable(n)
    )


def _in_zones(facts: Facts, counts: Mapping[str, int]) -> dict[str, int]:
    codes = [zone.code for zone in facts.config.zones]
    elsewhere = sum(n for zone, n in counts.items() if zone not in codes)
    return {code: counts[code] for code in codes if code in counts} | ({ELSEWHERE: elsewhere} if elsewhere else {})


# ── the rows that figures rest on ───────────────────────────────────────────


@memo_in_process
def told(facts: Facts, *roles: Role) -> Facts:
    """The facts whose rows of *roles* published figures rest on: without zones, and groups of the needs, that are not told.

    The same object where nothing is left out.
    """
    cuts = {role: cut for role in roles if (cut := _cut(facts, role, _RESTS_ON[role])).zones or cut.groups}
    if not cuts:
        return facts
    # Who is registered in a zone that is left out and came to one that is told is counted there as that zone's papers do.
    everybody = facts.registered or partial(registered_in, facts)
    return replace(facts, tables=_ToldTables(facts, cuts), registered=everybody)


@dataclass(frozen=True)
class _Cut:
    """The zones whose rows of a role are left out, and the (zone, group) of the needs."""

    zones: frozenset[str]
    groups: frozenset[tuple[str, str]]


@memo_over_runs
def _cut(facts: Facts, role: Role, what: What) -> _Cut:
    groups = groups_left_out(facts) if role == "needs" else frozenset()
    if facts.zone is not None:
        return _Cut(frozenset(), groups)
    telling = _zones_with(facts, what)
    left_out = set()
    for code in (*(zone.code for zone in facts.config.zones), ELSEWHERE):
        n = _n(facts, what, code)
        shown = publishable(n) if what == "focus" else zone_number(facts, code, what).shown
        if n and (code not in telling or not shown):
            left_out.add(code)
    return _Cut(frozenset(left_out), groups)


class _ToldTables(Mapping[str, "pd.DataFrame"]):
    """The tables without the rows that are left out; each cut when first asked for."""

    def __init__(self, facts: Facts, cuts: Mapping[Role, _Cut]) -> None:
        self._facts, self._cuts = facts, cuts
        self._tables: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            self._tables[name] = self._told(name)
        return self._tables[name]

    def _told(self, name: str) -> pd.DataFrame:
        table = self._facts.tables[name]
        form_id = self._facts.form_of(name)
        settings = self._facts.config.forms.get(form_id)
        cut = self._cuts.get(settings.role) if settings else None
        if settings is None or cut is None:
            return table
        if name != form_id:
            parent = self[form_id]
            if "root_uuid" not in table or "root_uuid" not in parent:
                return table
            return table[table["root_uuid"].isin(parent["root_uuid"])].reset_index(drop=True)
        zones = [meaning.text(zone) for zone in row_zones(self._facts, form_id)]
        codes = {zone.code for zone in self._facts.config.zones}
        groups = self._column(table, settings.fields.get("group", ""))
        known = {group.code for group in self._facts.config.groups}
        keep = [
            (zone if zone in codes else ELSEWHERE) not in cut.zones
            and (zone, group if group in known else NO_GROUP) not in cut.groups
            for zone, group in zip(zones, groups, strict=True)
        ]
        return table[keep].reset_index(drop=True)

    @staticmethod
    def _column(table: pd.DataFrame, name: str) -> list[str]:
        return [meaning.text(value) for value in table[name]] if name in table else [""] * len(table)

    def __contains__(self, name: object) -> bool:
        return name in self._facts.tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts.tables)

    def __len__(self) -> int:
        return len(self._facts.tables)

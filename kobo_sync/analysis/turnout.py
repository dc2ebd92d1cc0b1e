"""How many came: `attendance` counted, zone after zone, so that of a mission's many persons no more than one zone's are at hand at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kobo_sync.analysis.attendance import Attendance, attendance, listing, people_in_turn
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_over_runs
from kobo_sync.analysis.persons import Person

COUNTED = ("group", "age_band", "commune")  # traits that persons are counted by, each beside the sex
_TRAITS = (*COUNTED, "sex")
Cells = Mapping[str, Mapping[str, int]]  # the trait's code → the sex → persons; missing under an empty code


@dataclass(frozen=True)
class Turnout:
    """The numbers of an `Attendance`, and nobody's name.

    *n_listed*: its people; *n_present*, *n_full_day*: distinct persons, one who came to two zones once; *n_refused*, *n_declared* are its
    own, *n_unproved* the rows that are unsigned, unanswered or of no session. *persons* maps `COUNTED` to the distinct persons present,
    *visits* to one entry per zone that they came to; *zones* maps a zone to those who came there by group.
    """

    n_listed: int
    n_registered: int
    n_present: int
    n_full_day: int
    n_refused: int
    n_declared: int
    n_unproved: int
    registered_by_group: Mapping[str, int]
    registered_by_zone: Mapping[str, int]
    full_day_by_zone: Mapping[str, int]
    zones: Mapping[str, Cells]
    visits: Mapping[str, Cells]
    persons: Mapping[str, Cells]

    @property
    def came_by_zone(self) -> dict[str, int]:
        """Persons present by zone, all who came there."""
        return {zone: sum(_totals(cells).values()) for zone, cells in self.zones.items()}

    def counts(self, trait: str) -> dict[str, int]:
        """Persons present by *trait* (``sex`` or one of `COUNTED`), each once; per ``zone`` all who came there. Missing under an empty code."""
        if trait == "zone":
            return dict(sorted(self.came_by_zone.items()))
        if trait != "sex":
            return dict(sorted(_totals(self.persons[trait]).items()))
        return dict(sorted(by_sex(self.persons["group"]).items()))


def by_sex(cells: Cells) -> Counter[str]:
    """Persons by sex."""
    counts: Counter[str] = Counter()
    for by in cells.values():
        counts.update(by)
    return counts


def _totals(cells: Cells) -> dict[str, int]:
    return {code: sum(by.values()) for code, by in cells.items()}


@memo_over_runs
def turnout(facts: Facts) -> Turnout:
    """How many are registered, came, stayed. Raises: nothing; no rows give zeros."""
    if facts.zone:
        return counted(attendance(facts))
    return _counted(listing(facts), people_in_turn(facts))


def counted(listed: Attendance) -> Turnout:
    """The numbers of an attendance that is at hand."""
    return _counted(listed, listed.people)


def _counted(listed: Attendance, people: Iterable[Person]) -> Turnout:
    """The numbers of *listed*, whose people come one by one."""
    n_listed, by_group, by_zone = 0, Counter[str](), Counter[str]()
    full_day, stayed = Counter[str](), set[str]()
    visits, first = Counter[tuple[str, tuple[str, ...]]](), dict[str, tuple[str, ...]]()
    alike: dict[tuple[str, ...], tuple[str, ...]] = {}  # equal traits are held once
    for person in people:
        n_listed += 1
        if person.registered:
            by_group[person.traits["group"]] += 1
            by_zone[person.zone] += 1
        if listed.stayed(person):
            full_day[person.zone] += 1
            stayed.add(person.key)
        if person.present:
            traits = tuple([person.traits[trait] for trait in _TRAITS])
            visits[person.zone, alike.setdefault(traits, traits)] += 1
            before = first.setdefault(person.key, alike[traits])
            if before is not alike[traits]:  # as `persons.fuller` has it: what the first zone says wins
                both = tuple([old or new for old, new in zip(before, traits, strict=True)])
                first[person.key] = alike.setdefault(both, both)
    zones: dict[str, Counter[tuple[str, ...]]] = {}
    for (zone, traits), n in visits.items():
        zones.setdefault(zone, Counter())[traits] += n
    whole = Counter[tuple[str, ...]]()
    for (_, traits), n in visits.items():
        whole[traits] += n
    return Turnout(
        n_listed=n_listed,
        n_registered=by_zone.total(),
        n_present=len(first),
        n_full_day=len(stayed),
        n_refused=listed.n_refused,
        n_declared=listed.n_declared,
        n_unproved=listed.n_unsigned + listed.n_no_session + listed.n_unanswered,
        registered_by_group=by_group,
        registered_by_zone=by_zone,
        full_day_by_zone=full_day,
        zones={zone: _cells(mine, "group") for zone, mine in zones.items()},
        visits={trait: _cells(whole, trait) for trait in COUNTED},
        persons={trait: _cells(Counter(first.values()), trait) for trait in COUNTED},
    )


def _cells(counts: Mapping[tuple[str, ...], int], trait: str) -> dict[str, dict[str, int]]:
    at, cells = _TRAITS.index(trait), dict[str, dict[str, int]]()
    for traits, n in counts.items():
        by = cells.setdefault(traits[at], {})
        by[traits[-1]] = by.get(traits[-1], 0) + n
    return cells

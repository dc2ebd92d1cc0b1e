"""What aggregate papers may print of counts: a zone's alone, the mission's beside those of its zones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.memo import memo_in_process, memo_over_runs
from kobo_sync.analysis.needs import ballot, needs
from kobo_sync.analysis.suppression import Mask, hidden, hidden_over_zones, publishable, shown

What = Literal["present", "before", "after", "pairs", "satisfaction", "needs_rows", "needs"]
UNKNOWN = ""  # the row or column of those with another code or none, where there are any


@dataclass(frozen=True)
class Crosstab:
    """Persons present by *rows* and *columns* (codes; `UNKNOWN` last, where it is needed); *dashes* says which cells are hidden.

    Shape: *counts* rows × columns, *dashes* with the totals as `suppression.hidden` gives them.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    dashes: tuple[tuple[bool, ...], ...]

    @property
    def mask(self) -> Mask:
        """*dashes* as an array."""
        return np.array(self.dashes, dtype=np.bool_)

    def cells(self) -> list[list[str]]:
        """The table with its totals as text, hidden cells as a dash."""
        return shown(self.counts, mask=self.mask)

    def total(self, column: str) -> int | None:
        """Persons in *column*; None when that may not be printed."""
        if column not in self.columns:
            return 0
        place = self.columns.index(column)
        return None if self.mask[-1, place] else sum(row[place] for row in self.counts)


@memo_over_runs
def present_by_sex(facts: Facts, trait: str, codes: tuple[str, ...], printed_by_zones: bool = True) -> Crosstab:
    """Persons present by *trait* (its *codes*, in order) and sex; each person once, whoever has none of them apart.

    All persons are in the table, so that no small number can be had by taking its total from another's;
    *printed_by_zones*: nor by taking those of the zones' own papers from the mission's.
    """
    people = present.attendance(facts).distinct
    sexes = (facts.config.codes.female, facts.config.codes.male)
    pairs = [
        (
            person.zone,
            person.traits[trait] if person.traits[trait] in codes else UNKNOWN,
            person.traits["sex"] if person.traits["sex"] in sexes else UNKNOWN,
        )
        for person in people
    ]
    rows = (*codes, *((UNKNOWN,) if any(row == UNKNOWN for _, row, _ in pairs) or not codes else ()))
    columns = (*sexes, *((UNKNOWN,) if any(column == UNKNOWN for _, _, column in pairs) else ()))

    def table(chosen: Iterable[tuple[str, str, str]]) -> tuple[tuple[int, ...], ...]:
        counts: dict[tuple[str, str], int] = {}
        for _, row, column in chosen:
            counts[row, column] = counts.get((row, column), 0) + 1
        return tuple(tuple(counts.get((row, column), 0) for column in columns) for row in rows)

    counts = table(pairs)
    if not printed_by_zones:
        # Its totals are those of the table by group: what is hidden there stays hidden here.
        groups = tuple(group.code for group in facts.config.groups)
        totals = present_by_sex(facts, "group", groups).mask[-1]
        besides = np.zeros((len(rows) + 1, len(columns) + 1), dtype=np.bool_)
        besides[-1] = totals
        return _crosstab(rows, columns, counts, hidden(counts, besides=besides))
    if facts.zone is not None:
        return _crosstab(rows, columns, counts, hidden(counts, inside=True))
    zones: dict[str, list[tuple[str, str, str]]] = {}
    for pair in pairs:
        zones.setdefault(pair[0], []).append(pair)
    parts = [table(zones[zone]) for zone in sorted(zones)]
    return _crosstab(rows, columns, counts, hidden_over_zones(counts, parts, inside=True))


def _crosstab(
    rows: tuple[str, ...], columns: tuple[str, ...], counts: tuple[tuple[int, ...], ...], mask: Mask
) -> Crosstab:
    return Crosstab(rows, columns, counts, tuple(map(tuple, mask.tolist())))


@memo_in_process
def women_share(facts: Facts) -> float | None:
    """The share of women among the persons present, 0..1; None when a number that it tells may not be printed."""
    table = present_by_sex(facts, "group", tuple(group.code for group in facts.config.groups))
    totals = [table.total(column) for column in table.columns]
    women = table.total(facts.config.codes.female)
    n = 0 if None in totals else sum(total or 0 for total in totals)
    return women / n if women is not None and n else None


@memo_over_runs
def numbers_by_zone(facts: Facts, what: What) -> Mapping[str, int]:
    """How many of each zone were present, were tested, answered: the numbers that the zones' own papers print."""
    if what == "present":
        return present.attendance(facts).counts("zone")
    if what in ("before", "after", "pairs"):
        return _tested(facts, what)
    rows = meaning.rows(facts, "satisfaction" if what == "satisfaction" else "needs").table
    if what == "needs":
        rows = rows[rows["ranking"].notna()]
    return {str(zone): int(n) for zone, n in rows["zone"].dropna().value_counts().items()}


@memo_in_process
def small_zones(facts: Facts, what: What) -> frozenset[str]:
    """For the mission: the zones of one or two persons (complementary suppression: their number must not follow from the rest)."""
    if facts.zone is not None:
        return frozenset()
    codes = {zone.code for zone in facts.config.zones}
    return frozenset(
        zone for zone, n in numbers_by_zone(facts, what).items() if n and not publishable(n) and zone in codes
    )


def least(facts: Facts, what: What) -> int:
    """The persons of the zones that may be told: what is said of the mission where `small_zones` are not."""
    numbers = numbers_by_zone(facts, what)
    return sum(n for zone, n in numbers.items() if zone not in small_zones(facts, what))


@memo_over_runs
def mentions_hidden(facts: Facts) -> frozenset[str]:
    """The needs whose number of mentions may not be printed: one or two persons, or what tells it."""
    scores = needs(facts)
    codes = [need.code for need in scores.needs]
    counts = [[need.mentions] for need in scores.needs]
    if not codes:
        return frozenset()
    if facts.zone is not None:
        mask = hidden(counts)
    else:
        mask = hidden_over_zones(counts, [[[by.get(code, 0)] for code in codes] for by in _mentions(facts).values()])
    return frozenset(code for code, is_hidden in zip(codes, mask[:, 0], strict=False) if is_hidden)


@memo_over_runs
def sizes_hidden(facts: Facts, trait: Literal["group", "sex"]) -> frozenset[str]:
    """The groups (or sexes) of respondents whose number, and what rests on it, may not be printed."""
    scores = needs(facts)
    sizes = scores.n_by_group if trait == "group" else scores.n_by_sex
    # Whoever has no known group stands between the sum and the total, and is a part of it.
    whole = [*sizes.values(), scores.n - sum(sizes.values())]
    if facts.zone is not None:
        mask = hidden([whole])
    else:
        parts = [[_parts(by, tuple(sizes))] for by in _ballots(facts, trait).values()]
        mask = hidden_over_zones([whole], parts)
    return frozenset(code for code, is_hidden in zip(sizes, mask[0], strict=False) if is_hidden)


@memo_over_runs
def people_heard(facts: Facts) -> tuple[int | None, int | None, int | None]:
    """Persons, women and men of the focus groups; None for what may not be printed."""
    sessions = focus_groups(facts)
    whole = [[sessions.n_women, sessions.n_men]]
    if facts.zone is not None:
        mask = hidden(whole)
    else:
        table = meaning.rows(facts, "focus_group").table
        heads: dict[str, list[int]] = {}
        for zone, *persons in zip(table["zone"], table["women"], table["men"], strict=True):
            mine = heads.setdefault(meaning.text(zone), [0, 0])
            for place, n in enumerate(persons):
                mine[place] += int(meaning.number(n) or 0)
        mask = hidden_over_zones(whole, [[heads[zone]] for zone in sorted(heads)])
    counts = (sessions.n_women + sessions.n_men, sessions.n_women, sessions.n_men)
    people, women, men = (None if mask[0, place] else n for n, place in zip(counts, (2, 0, 1), strict=True))
    return people, women, men


def _parts(counts: Mapping[str, int], codes: Sequence[str]) -> list[int]:
    return [*(counts.get(code, 0) for code in codes), sum(n for code, n in counts.items() if code not in codes)]


def _ballots(facts: Facts, trait: str) -> dict[str, dict[str, int]]:
    """zone → code of *trait* → respondents with a ranking."""
    table = meaning.rows(facts, "needs").table
    ballots: dict[str, dict[str, int]] = {}
    for zone, code, ranking in zip(table["zone"], table[trait], table["ranking"], strict=True):
        if ranking is not None:
            mine = ballots.setdefault(meaning.text(zone), {})
            mine[meaning.text(code)] = mine.get(meaning.text(code), 0) + 1
    return dict(sorted(ballots.items()))


def _mentions(facts: Facts) -> dict[str, dict[str, int]]:
    """zone → need → respondents who put it among their first."""
    table = meaning.rows(facts, "needs").table
    mentions: dict[str, dict[str, int]] = {}
    for zone, ranking in zip(table["zone"], table["ranking"], strict=True):
        mine = mentions.setdefault(meaning.text(zone), {})
        for code in ballot(ranking):
            mine[code] = mine.get(code, 0) + 1
    return dict(sorted(mentions.items()))


def _tested(facts: Facts, what: What) -> dict[str, int]:
    codes = facts.config.codes
    table = meaning.rows(facts, "test").table
    persons: dict[str, dict[str, set[str]]] = {}
    for root, zone, person, moment in zip(
        table["root_uuid"], table["zone"], table["person"], table["moment"], strict=True
    ):
        code = meaning.text(person)
        unnamed = code in ("", codes.not_listed)
        keys = persons.setdefault(meaning.text(zone), {}).setdefault(meaning.text(moment), set())
        keys.add(f"?{root}" if unnamed else code)
    counts = {}
    for zone, by_moment in sorted(persons.items()):
        before, after = by_moment.get(codes.before, set()), by_moment.get(codes.after, set())
        named = {key for key in before & after if not key.startswith("?")}
        counts[zone] = len({"before": before, "after": after}.get(what, named))
    return counts

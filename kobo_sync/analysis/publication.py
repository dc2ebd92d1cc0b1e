"""What aggregate papers may print of persons by two traits, of focus groups, of what people wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import focus_groups
from kobo_sync.analysis.memo import memo_by_zone, memo_over_runs
from kobo_sync.analysis.populations import What, numbers_by_zone, told
from kobo_sync.analysis.suppression import Mask, hidden, hidden_over_zones, publishable, shown
from kobo_sync.analysis.turnout import Cells, turnout
from kobo_sync.lazy import np

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

    def row_totals(self) -> list[int | None]:
        """Persons of each row; None where that may not be printed."""
        return [None if self.mask[place, -1] else sum(row) for place, row in enumerate(self.counts)]


@memo_over_runs
def present_by_sex(facts: Facts, trait: str, codes: tuple[str, ...]) -> Crosstab:
    """Persons present by *trait* (its *codes*, in order) and sex; each person once, whoever has none of them apart.

    A mission that asks no sex has the column of those without one alone. All persons are in the table, so that no small number can be had by taking its total from another's;
    of groups, which the zones' own papers print: nor by taking theirs from the mission's.
    """
    came = turnout(told(facts, "registration", "attendance"))
    sexes = (facts.config.codes.female, facts.config.codes.male) if present.asks(facts, "sex") else ()
    persons, visits = (_known(each[trait], codes, sexes) for each in (came.persons, came.visits))
    rows = (*codes, *((UNKNOWN,) if any(row == UNKNOWN for row, _ in visits) or not codes else ()))
    columns = (*sexes, *((UNKNOWN,) if any(column == UNKNOWN for _, column in visits) or not sexes else ()))

    def table(counts: Mapping[tuple[str, str], int]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(counts.get((row, column), 0) for column in columns) for row in rows)

    counts = table(persons)
    if trait != "group":
        # Its totals are those of the table by group: what is hidden there stays hidden here.
        totals = present_by_sex(facts, "group", present.group_codes(facts)).mask[-1]
        besides = np.zeros((len(rows) + 1, len(columns) + 1), dtype=np.bool_)
        besides[-1] = totals
        return _crosstab(rows, columns, counts, hidden(counts, besides=besides))
    if facts.zone is not None:
        return _crosstab(rows, columns, counts, hidden(counts, inside=True))
    # As the zones' own papers count.
    parts = [table(_known(cells, codes, sexes)) for _, cells in sorted(came.zones.items())]
    return _crosstab(rows, columns, counts, hidden_over_zones(counts, parts, inside=True))


def _known(cells: Cells, codes: Sequence[str], sexes: Sequence[str]) -> dict[tuple[str, str], int]:
    """The *cells* of these codes and sexes; of others under `UNKNOWN`."""
    counts: dict[tuple[str, str], int] = {}
    for code, by in cells.items():
        for sex, n in by.items():
            place = (code if code in codes else UNKNOWN, sex if sex in sexes else UNKNOWN)
            counts[place] = counts.get(place, 0) + n
    return counts


def _crosstab(
    rows: tuple[str, ...], columns: tuple[str, ...], counts: tuple[tuple[int, ...], ...], mask: Mask
) -> Crosstab:
    return Crosstab(rows, columns, counts, tuple(map(tuple, mask.tolist())))


@memo_over_runs
def people_heard(facts: Facts) -> tuple[int | None, int | None, int | None]:
    """Persons, women and men of the focus groups; None for what may not be printed."""
    sessions = focus_groups(told(facts, "focus_group"))
    whole = [[sessions.n_women, sessions.n_men]]
    if facts.zone is not None:
        mask = hidden(whole)
    else:
        table = meaning.rows(told(facts, "focus_group"), "focus_group").table
        heads: dict[str, list[int]] = {}
        for zone, *persons in zip(table["zone"], table["women"], table["men"], strict=True):
            mine = heads.setdefault(meaning.text(zone), [0, 0])
            for place, n in enumerate(persons):
                mine[place] += int(meaning.number(n) or 0)
        mask = hidden_over_zones(whole, [[heads[zone]] for zone in sorted(heads)])
    counts = (sessions.n_women + sessions.n_men, sessions.n_women, sessions.n_men)
    people, women, men = (None if mask[0, place] else n for n, place in zip(counts, (2, 0, 1), strict=True))
    return people, women, men


def texts(facts: Facts, form_id: str, question: str) -> tuple[str, ...]:
    """What people wrote to an open question, as far as it may be quoted: nothing of a place where fewer than three wrote.

    In the mission's papers each zone is such a place: what its own paper does not quote could be had by subtraction.
    """
    by_zone = texts_by_zone(facts, form_id, question)
    role = facts.config.forms[form_id].role
    what: What = "needs_rows" if role == "needs" else "satisfaction"
    return tuple(
        text
        for zone, written in by_zone.items()
        if publishable(len(written))
        and (facts.zone is not None or publishable(numbers_by_zone(facts, what).get(zone, 0)))
        for text in written
    )


@memo_by_zone
def texts_by_zone(facts: Facts, form_id: str, question: str) -> Mapping[str, tuple[str, ...]]:
    """What people wrote to an open question, word for word, by the zone that their form says."""
    rows = meaning.rows(facts, facts.config.forms[form_id].role).table
    zone_of = {root: meaning.text(zone) for root, zone in zip(rows["root_uuid"], rows["zone"], strict=True)}
    by_zone: dict[str, list[str]] = {}
    for name in facts.tables_of(form_id):
        table = facts.tables[name]
        if question in table and "root_uuid" in table:
            for root, answer in zip(table["root_uuid"], table[question], strict=True):
                if root in zone_of and meaning.text(answer):
                    by_zone.setdefault(zone_of[root], []).append(meaning.text(answer))
    return {zone: tuple(written) for zone, written in by_zone.items()}

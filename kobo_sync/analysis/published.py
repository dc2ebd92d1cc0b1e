"""What papers print of the test, decided once for zone, mission, workbooks and pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import (
    ItemResult,
    ItemTally,
    Learning,
    class_gain,
    learning,
    mcnemar_exact,
    tests_by_zone,
)
from kobo_sync.analysis.memo import memo_in_process, memo_over_runs
from kobo_sync.analysis.populations import Told, What, beside, told, told_number, zone_number
from kobo_sync.analysis.shares import BAND, FEW, NOT_TOLD, Share, over_zones, rounded, share, whole_or_none
from kobo_sync.analysis.suppression import THRESHOLD, pinned

SPREAD_FROM = 10  # persons: of fewer, a mean and its deviation would tell each one's score
_PERCENT = 0.01
P_STEPS = (0.001, 0.01, 0.05)


def learnt(facts: Facts) -> Learning:
    """`learning` over the rows that published figures rest on."""
    return learning(told(facts, "test"))


def telling(facts: Facts, what: What) -> list[tuple[str, Told]]:
    """The zones whose figures are part of the mission's, with their numbers as their own papers have them."""
    numbers = [(zone.code, zone_number(facts, zone.code, what)) for zone in facts.config.zones]
    return [(code, number) for code, number in numbers if number.shown]


@memo_over_runs
def response_rate(facts: Facts, what: What) -> Share:
    """Of the persons present, the share that answered: not told where its numbers are not, rounded where one is « ≈ »."""
    number, came = told_number(facts, what), told_number(facts, "present")
    if not came.exact or came.partial or number.partial or number.hidden or not came.n:
        return NOT_TOLD
    if number.exact:
        return Share("", number.n / came.n, (number.n,))
    return Share("≈", rounded((number.near or 0) / came.n, 0.05), number.candidates)


# ── test ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class PrintedChange:
    """A score before and after, in percent, as papers print it: *about* says that it is rounded further than to the percent.

    Where *exact*, the change is told to the tenth and the gain to the hundredth.
    """

    before: float
    after: float
    change: float
    gain: float | None
    exact: bool
    about: bool

    @property
    def is_decline(self) -> bool:
        """Whether what is printed after is lower than before: then there is no gain to print."""
        return self.after < self.before


@memo_over_runs
def printed_change(facts: Facts, theme: str = "") -> PrintedChange | None:
    """The scores of the matched pairs, of one theme or of all; None where they may not be printed."""
    results, pairs = learnt(facts), told_number(facts, "pairs")
    change = results.themes[theme] if theme else results.change
    if not pairs.shown or change.before is None or change.after is None or change.change is None:
        return None
    if pairs.exact:
        return PrintedChange(change.before, change.after, change.change, change.gain, True, False)
    if facts.zone is not None:
        marks = sum(theme in ("", item.theme) for item in results.items)
        return _rounded_change(change.before, change.after, pairs.step(marks))
    # Of a mission whose number would tell a zone's: what its zones print, together.
    scores = [_zone_scores(facts, code, number, theme) for code, number in telling(facts, "pairs")]
    whole = sum(weight for weight, _, _ in scores)
    before, after = (sum(score[0] * score[side] for score in scores) / whole for side in (1, 2))
    return _rounded_change(before, after, 0.01)


def _rounded_change(before: float, after: float, step: float) -> PrintedChange:
    before, after = (100 * rounded(score / 100, step) for score in (before, after))
    return PrintedChange(before, after, after - before, class_gain(before, after), False, step > _PERCENT)


def _zone_scores(facts: Facts, code: str, pairs: Told, theme: str) -> tuple[int, float, float]:
    """A zone's pairs and its scores before and after, as its own papers print them."""
    themes = [item.theme for item in learnt(facts).items]
    places = [place for place, each in enumerate(themes) if theme in ("", each)]
    right = tests_by_zone(facts)[code].right
    n = pairs.n if pairs.near is None else pairs.near
    step = pairs.step(len(places))
    before, after = (
        100 * rounded(sum(side[place] for place in places) / (pairs.n * len(places)), step) for side in right
    )
    return n, before, after


@dataclass(frozen=True)
class PrintedItem:
    """One test item: over how many pairs, the shares right before and after, McNemar's p.

    *p* is None where it would tell who gained or lost; *p_band* is then the step of `P_STEPS` that it lies in, if that does not.
    """

    item: ItemResult
    told: Told
    before: Share
    after: Share
    p: float | None
    p_band: int | None


@dataclass(frozen=True)
class _ZoneItem:
    told: Told
    before: Share
    after: Share
    p_shown: bool


@memo_over_runs
def printed_items(facts: Facts) -> tuple[PrintedItem, ...]:
    """The items of the test as every paper prints them."""
    results, pairs = learnt(facts), told_number(facts, "pairs")
    if not pairs.shown:
        return tuple(
            PrintedItem(item, replace(pairs, hidden=True), NOT_TOLD, NOT_TOLD, None, None) for item in results.items
        )
    tallies = [_tally(item) for item in results.items]
    if facts.zone is not None:
        own = _items_of_zone([item.theme for item in results.items], tallies, pairs)
        return tuple(
            _printed_item(item, tally, mine.told, mine.before, mine.after, mine.p_shown)
            for item, tally, mine in zip(results.items, tallies, own, strict=True)
        )
    zones = _items_by_zone(facts)
    printed = []
    for place, (item, tally) in enumerate(zip(results.items, tallies, strict=True)):
        mine = [zone[place] for zone in zones]
        n = beside_pairs(tally.n, pairs)
        if any(not zone.told.exact for zone in mine) and n.exact and n.n != pairs.n:
            n = replace(n, hidden=True)
        before = over_zones(tally.before, n, [(zone.before, zone.told) for zone in mine])
        after = over_zones(tally.after, n, [(zone.after, zone.told) for zone in mine])
        few = sum(not zone.p_shown for zone in mine)
        p_shown = before.exact and after.exact and whole_or_none(_square(tally)) and not 0 < few < FEW
        printed.append(_printed_item(item, tally, n, before, after, p_shown))
    return tuple(printed)


def _printed_item(
    item: ItemResult, tally: ItemTally, n: Told, before: Share, after: Share, p_shown: bool
) -> PrintedItem:
    band = _p_band(tally) if before.exact and after.exact and not p_shown else None
    return PrintedItem(item, n, before, after, item.p if p_shown else None, band)


def _p_band(tally: ItemTally) -> int | None:
    """The step of McNemar's p, where the shares before and after and that step leave open how many gained and lost."""
    gained_more = tally.after - tally.before
    bands: dict[int, list[tuple[int, ...]]] = {}
    for lost in range(tally.before + 1):
        square = _square(ItemTally(tally.n, tally.before, tally.after, gained_more + lost, lost))
        if min(square) >= 0:
            bands.setdefault(p_step(mcnemar_exact(square[0], square[1])), []).append(square)
    own = _square(tally)
    band = p_step(mcnemar_exact(tally.gained, tally.lost))
    small = [place for place, count in enumerate(own) if 0 < count < THRESHOLD]
    is_open = all(len({square[place] for square in bands[band]}) > 1 for place in small)
    return band if is_open else None


def p_step(p: float | None) -> int:
    """Which of the steps between `P_STEPS` a p lies in, 0 the smallest."""
    return len(P_STEPS) if p is None else sum(p >= step for step in P_STEPS)


@memo_in_process
def _items_by_zone(facts: Facts) -> tuple[tuple[_ZoneItem, ...], ...]:
    themes = [item.theme for item in learnt(facts).items]
    tests = tests_by_zone(facts)
    return tuple(
        tuple(_items_of_zone(themes, tests[code].items, pairs))
        for code, pairs in telling(facts, "pairs")
        if code in tests
    )


def _tally(item: ItemResult) -> ItemTally:
    before, after = (round((each or 0) * item.n) for each in (item.before_share, item.after_share))
    return ItemTally(item.n, before, after, item.n_gained, item.n_lost)


def _square(tally: ItemTally) -> tuple[int, ...]:
    """Gained, lost, right both times, wrong both times."""
    return tally.gained, tally.lost, tally.before - tally.lost, tally.n - tally.before - tally.gained


def beside_pairs(n: int, pairs: Told) -> Told:
    """The pairs that answered an item: who left it out is a number of persons, too."""
    if pairs.near is not None:
        return pairs if n == pairs.n else Told(n, near=pairs.near, spread=max(pairs.spread, abs(n - pairs.near)))
    return beside(n, [pairs])


def _items_of_zone(themes: Sequence[str], tallies: Sequence[ItemTally], pairs: Told) -> list[_ZoneItem]:
    numbers = [beside_pairs(tally.n, pairs) for tally in tallies]
    sides = []
    all_rights = ([tally.before for tally in tallies], [tally.after for tally in tallies])
    for rights in all_rights:
        shares = [share(k, n) for k, n in zip(rights, numbers, strict=True)]
        for theme in dict.fromkeys(themes):
            _hide_beside(shares, rights, numbers, [place for place, each in enumerate(themes) if each == theme])
        sides.append(shares)
    if pairs.near is not None and not all(
        _open(shares, rights, themes, pairs) for shares, rights in zip(sides, all_rights, strict=True)
    ):
        sides = [[Share("–", 0.0, tuple(range(pairs.n + 1)))] * len(tallies)] * 2
    return [
        _ZoneItem(n, before, after, before.exact and after.exact and whole_or_none(_square(tally)))
        for n, tally, before, after in zip(numbers, tallies, *sides, strict=True)
    ]


def _hide_beside(shares: list[Share], rights: Sequence[int], numbers: Sequence[Told], places: Sequence[int]) -> None:
    """Hide more items of a theme as long as its mean tells one that is hidden: the mean is the sum of its items."""
    while True:
        hiding = [place for place in places if not shares[place].exact and shares[place].numerators]
        small = [
            place
            for place in hiding
            if shares[place].few and min(rights[place], numbers[place].n - rights[place]) < THRESHOLD
        ]
        if not small:
            return
        found = pinned([shares[place].numerators for place in hiding], sum(rights[place] for place in hiding))
        if not any(found[hiding.index(place)] for place in small):
            return
        left = [place for place in places if shares[place].exact]
        if not left:
            for place in hiding:
                shares[place] = replace(shares[place], sign="–")
            return
        next_place = min(left, key=lambda place: (min(rights[place], numbers[place].n - rights[place]), place))
        n = numbers[next_place].n
        shares[next_place] = Share("–", 0.0, tuple(range(n + 1)))


def _open(shares: Sequence[Share], rights: Sequence[int], themes: Sequence[str], pairs: Told) -> bool:
    """Whether items and themes of a rounded number of pairs, as they are printed, go with each number that it may be."""
    return all(_possible(n, shares, rights, themes, pairs) for n in pairs.candidates)


def _possible(n: int, shares: Sequence[Share], rights: Sequence[int], themes: Sequence[str], pairs: Told) -> bool:
    totals = (0, 0)
    item_step = max(pairs.step(), BAND)
    for theme in (*dict.fromkeys(themes), ""):
        places = [place for place, each in enumerate(themes) if theme in ("", each)]
        low, high = totals if not theme else (0, 0)
        for place in places if theme else ():
            k = _between(shares[place].value, item_step, n, 1) if shares[place].sign == "≈" else (0, n)
            low, high = low + k[0], high + k[1]
        step = pairs.step(len(places))
        score = rounded(sum(rights[place] for place in places) / (pairs.n * len(places)), step)
        mean = _between(score, step, n, len(places))
        low, high = max(low, mean[0]), min(high, mean[1])
        if low > high:
            return False
        totals = (totals[0] + low, totals[1] + high)
    return True


def _between(value: float, step: float, n: int, marks: int) -> tuple[int, int]:
    """The fewest and the most marks of *n* persons that a share of *value*, rounded to *step*, may stand for."""
    fewest = math.ceil((value - step / 2) * n * marks - 1e-9)
    most = math.ceil((value + step / 2) * n * marks - 1e-9) - 1
    return max(0, fewest), min(n * marks, most)


@memo_in_process
def spread_shown(facts: Facts) -> bool:
    """Whether intervals, p and effect sizes of the test may be printed: they tell deviations, and of few persons each score."""
    pairs = told_number(facts, "pairs")
    if not pairs.exact or pairs.n < SPREAD_FROM:
        return False
    small = sum(not n.exact or n.n < SPREAD_FROM for _, n in telling(facts, "pairs")) if facts.zone is None else 0
    return not 0 < small < FEW

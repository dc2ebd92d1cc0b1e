"""What the test before and after the training shows; there is no control group: an evolution, never an impact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_by_zone, memo_in_process, memo_over_runs
from kobo_sync.analysis.ranks import midranks
from kobo_sync.config.config import TestItem

_EXACT_UP_TO = 100
_NOISE = 1e-9  # percent: scores are floats, and two thirds twice are not quite one third and a whole


@dataclass(frozen=True)
class Change:
    """A paired comparison; scores in percent 0..100. None where nothing can be computed.

    *low*, *high*: 95 % interval of the mean change by paired t; *dz*: mean / standard deviation of the
    changes; *gain*: Hake's class gain (after − before) / (100 − before) of the means, None where it says nothing: before a
    decline (see *is_decline*), which is no small gain, and from 100 %, above which nobody can rise.
    Source: Hake (1998); Pratt (1959) for Wilcoxon's zeros.
    """

    n: int
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    t_p: float | None
    wilcoxon_p: float | None
    dz: float | None
    gain: float | None
    n_up: int
    n_down: int

    @property
    def is_decline(self) -> bool:
        """Whether the mean is lower after than before."""
        return self.change is not None and self.change < 0


@dataclass(frozen=True)
class ItemResult:
    """One test item over the matched pairs that answered it both times; shares 0..1, p by McNemar exact."""

    name: str
    theme: str
    n: int
    n_missing: int
    before_share: float | None
    after_share: float | None
    n_gained: int
    n_lost: int
    p: float | None


@dataclass(frozen=True)
class Learning:
    """The test of a zone or of the mission.

    *n_before*, *n_after*: persons (or unnamed tests) tested; *n_pairs*: persons tested both times;
    *n_duplicates*: tests repeated by a person, left out (the first counts); *n_unmatched*: tests without
    participant code. *mean_before*, *mean_after*: all tests, in percent; *change*: matched pairs only.
    """

    n_before: int
    n_after: int
    n_duplicates: int
    n_unmatched: int
    mean_before: float | None
    mean_after: float | None
    change: Change
    items: tuple[ItemResult, ...]
    themes: Mapping[str, Change]

    @property
    def n_pairs(self) -> int:
        """Persons tested both times."""
        return self.change.n

    @property
    def attrition_share(self) -> float | None:
        """Of the persons tested before, the share not tested after (or not matched)."""
        return 1 - self.n_pairs / self.n_before if self.n_before else None


_Marks = tuple[bool | None, ...]  # item by item: right, wrong, or not answered


@dataclass(frozen=True)
class ItemTally:
    """Of the pairs that answered an item both times: right before, right after, gained, lost."""

    n: int
    before: int
    after: int
    gained: int
    lost: int


@dataclass(frozen=True)
class ZoneTests:
    """How many persons of a zone were tested, and its pairs' answers to each item, in the items' order.

    *right*: how many pairs have each item right before and after, those that left it out the other time included.
    """

    n_before: int
    n_after: int
    n_pairs: int
    items: tuple[ItemTally, ...]
    right: tuple[tuple[int, ...], tuple[int, ...]]


@memo_by_zone
def tests_by_zone(facts: Facts) -> Mapping[str, ZoneTests]:
    """What `learning` finds in each zone alone, by the zone's code (empty: rows that say none)."""
    items, moments = _items(facts), (facts.config.codes.before, facts.config.codes.after)
    zones: dict[str, dict[str, dict[str, _Marks]]] = {}
    for _, zone, key, moment, marks in _tests(facts):
        if moment in moments and marks.count(None) < len(marks):
            zones.setdefault(zone, {each: {} for each in moments})[moment].setdefault(key, marks)
    by_zone = {}
    for zone, tests in sorted(zones.items()):
        before, after = (tests[moment] for moment in moments)
        pairs = [(before[key], after[key]) for key in before if key in after and not key.startswith("?")]
        tallies = tuple(_tally([(a[place], b[place]) for a, b in pairs]) for place in range(len(items)))
        right = [tuple(sum(pair[side][at] is True for pair in pairs) for at in range(len(items))) for side in (0, 1)]
        by_zone[zone] = ZoneTests(len(before), len(after), len(pairs), tallies, (right[0], right[1]))
    return by_zone


def _tally(pairs: Sequence[tuple[bool | None, bool | None]]) -> ItemTally:
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    right = [sum(answers[moment] is True for answers in both) for moment in (0, 1)]
    return ItemTally(len(both), right[0], right[1], both.count((False, True)), both.count((True, False)))


@memo_over_runs
def learning(facts: Facts) -> Learning:
    """The test's results. An unanswered item earns nothing in a score; a test without any answer is missing.

    Raises: nothing; no rows give n = 0 and None.
    """
    items = _items(facts)
    taken = _taken(facts)
    before, after = taken.marks
    pairs = [(before[key], after[key]) for key in sorted(before) if key in after and not key.startswith("?")]
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items.values()):
        places.setdefault(item.theme, []).append(place)
    return Learning(
        n_before=len(before),
        n_after=len(after),
        n_duplicates=taken.n_repeated,
        n_unmatched=sum(key.startswith("?") for each in taken.marks for key in each),
        mean_before=_mean([*map(_score, before.values())]),
        mean_after=_mean([*map(_score, after.values())]),
        change=_change_of(pairs),
        items=tuple(_item(name, item.theme, place, pairs) for place, (name, item) in enumerate(items.items())),
        themes={
            theme: _change_of([(_only(a, mine), _only(b, mine)) for a, b in pairs]) for theme, mine in places.items()
        },
    )


class _Taken(NamedTuple):
    """Person's key → the marks of their first test, before and after; how many more tests they took."""

    marks: tuple[dict[str, _Marks], dict[str, _Marks]]
    n_repeated: int


def _taken(facts: Facts) -> _Taken:
    """The tests that count, in the order received; zone after zone, of which each gives its own in order."""
    moments = (facts.config.codes.before, facts.config.codes.after)
    first: dict[str, dict[str, tuple[meaning.Order, _Marks]]] = {moment: {} for moment in moments}
    alike: dict[_Marks, _Marks] = {}  # equal marks are held once
    n = 0
    for mine in usable_tests(facts).values():
        for order, _, _, key, moment, marks in mine:
            if moment in first and marks.count(None) < len(marks):
                n += 1
                if key not in first[moment] or order < first[moment][key][0]:
                    first[moment][key] = order, alike.setdefault(marks, marks)
    n_first = sum(map(len, first.values()))
    before, after = ({key: marks for key, (_, marks) in first[moment].items()} for moment in moments)
    return _Taken((before, after), n - n_first)


def scores(facts: Facts) -> dict[str, tuple[float | None, float | None]]:
    """Participant code → scores before and after in percent, None for a test not taken."""
    before, after = _taken(facts).marks
    return {
        key: (
            _score(before[key]) if key in before else None,
            _score(after[key]) if key in after else None,
        )
        for key in sorted({*before, *after})
        if not key.startswith("?")
    }


@memo_in_process
def set_aside(facts: Facts) -> Mapping[str, str]:
    """The tests that enter no figure: root_uuid → ``no_moment`` (neither before nor after), ``unanswered``, or ``repeated`` (by the same person)."""
    moments = (facts.config.codes.before, facts.config.codes.after)
    aside: dict[str, str] = {}
    counted: set[tuple[str, str]] = set()
    for root, _, key, moment, marks in _tests(facts):
        if moment not in moments:
            aside[root] = "no_moment"
        elif marks.count(None) == len(marks):
            aside[root] = "unanswered"
        elif (key, moment) in counted:
            aside[root] = "repeated"
        elif root not in aside:
            counted.add((key, moment))
    return aside


def paired_change(before: Sequence[float], after: Sequence[float]) -> Change:
    """The change between paired scores in percent. Raises: ValueError when the lengths differ."""
    changes = [b - a for a, b in zip(before, after, strict=True)]
    n, mean_before, mean_after = len(changes), _mean(before), _mean(after)
    n_up, n_down = sum(c > 0 for c in changes), sum(c < 0 for c in changes)
    if mean_before is None or mean_after is None:
        return Change(0, None, None, None, None, None, None, None, None, None, 0, 0)
    if abs(mean_after - mean_before) < _NOISE:
        mean_after = mean_before  # as many right answers: neither a decline nor a gain
    mean = mean_after - mean_before
    gain = class_gain(mean_before, mean_after)
    low = high = t_p = dz = None
    deviation = math.sqrt(sum((c - mean) ** 2 for c in changes) / (n - 1)) if n > 1 else 0.0
    if deviation > 1e-9:
        from scipy import special  # a quarter of a second, for those who need it

        error = deviation / math.sqrt(n)
        half = float(special.stdtrit(n - 1, 0.975)) * error
        low, high, dz = mean - half, mean + half, mean / deviation
        t_p = float(2 * special.stdtr(n - 1, -abs(mean) / error))
    return Change(n, mean_before, mean_after, mean, low, high, t_p, wilcoxon_pratt(changes), dz, gain, n_up, n_down)


def class_gain(before: float, after: float) -> float | None:
    """Hake's gain of two means in percent, 0..1; None for a decline, or where nobody could rise."""
    return (after - before) / (100 - before) if before < 100 and after >= before else None


def wilcoxon_pratt(changes: Sequence[float]) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test, zeros ranked then dropped (Pratt); None when all are zero.

    Exact given the ties up to 100 pairs (the distribution over all sign changes), normal beyond.
    """
    rounded = [round(change, 9) for change in changes]
    if not any(rounded):
        return None
    # Midranks are halves: doubled they are whole numbers, and sums can be counted.
    ranks = [round(2 * rank) for rank in midranks([abs(change) for change in rounded])]
    if len(rounded) > _EXACT_UP_TO:
        return _pratt_normal(rounded, ranks)
    signed = [(rank, change > 0) for rank, change in zip(ranks, rounded, strict=True) if change]
    observed, total = sum(rank for rank, up in signed if up), sum(rank for rank, _ in signed)
    # One number whose digits (of *width* bytes) are the ways to reach each sum: adding a rank is one shift.
    width = len(signed) // 8 + 1
    ways = 1
    for rank, _ in signed:
        ways += ways << (8 * width * rank)
    digits = ways.to_bytes(width * (total + 1), "little")
    tail = min(observed, total - observed)
    below = sum(int.from_bytes(digits[k * width : (k + 1) * width], "little") for k in range(tail + 1))
    return float(min(1.0, 2 * below / 2 ** len(signed)))


def _pratt_normal(changes: Sequence[float], doubled_ranks: Sequence[int]) -> float:
    """The normal approximation of Wilcoxon–Pratt, corrected for ties. Source: Pratt (1959); Cureton (1967) for zeros."""
    n, zeros = len(changes), sum(change == 0 for change in changes)
    up = sum(rank for rank, change in zip(doubled_ranks, changes, strict=True) if change > 0) / 2
    mean = (n * (n + 1) - zeros * (zeros + 1)) / 4
    ties = Counter(abs(change) for change in changes if change)
    variance: float = n * (n + 1) * (2 * n + 1) - zeros * (zeros + 1) * (2 * zeros + 1)
    variance -= sum(t**3 - t for t in ties.values()) / 2
    return math.erfc(abs(up - mean) / math.sqrt(variance / 24) / math.sqrt(2))


def mcnemar_exact(n_gained: int, n_lost: int) -> float | None:
    """Two-sided exact p that gains and losses are equally likely; None when nobody changed."""
    changed = n_gained + n_lost
    if not changed:
        return None
    tail = ways = 1  # to choose none; then one more, from those before: each afresh costs a square of the persons
    for k in range(min(n_gained, n_lost)):
        ways = ways * (changed - k) // (k + 1)
        tail += ways
    return min(1.0, float(2 * tail / 2**changed))


def _items(facts: Facts) -> dict[str, TestItem]:
    items: dict[str, TestItem] = {}
    for form_id in facts.config.forms_with_role("test"):
        items.update(facts.config.forms[form_id].items)
    return items


class _Test(NamedTuple):
    """A usable test; *key* is its person's, and starts with « ? » for nobody's."""

    order: meaning.Order
    root_uuid: str
    zone: str
    key: str
    moment: str
    marks: _Marks


@memo_in_process
def _tests(facts: Facts) -> list[tuple[str, str, str, str, _Marks]]:
    """(root uuid, zone, person's key, moment, marks) of each usable test in the order received."""
    texts: dict[str, str] = {}  # equal texts and marks are held once
    alike: dict[_Marks, _Marks] = {}
    tests: list[tuple[meaning.Order, tuple[str, str, str, str, _Marks]]] = []
    for zone, mine in usable_tests(facts).items():
        for order, root, _, *own, marks in mine:
            key, moment = (texts.setdefault(text, text) for text in own)
            tests.append((order, (root, zone, key, moment, alike.setdefault(marks, marks))))
    return [test for _, test in sorted(tests, key=lambda test: test[0])]


@memo_by_zone
def usable_tests(facts: Facts) -> Mapping[str, tuple[_Test, ...]]:
    """The tests by zone, each zone's in the order received."""
    rows, items = meaning.rows(facts, "test").table, _items(facts)
    names = list(items)
    alike: dict[_Marks, _Marks] = {}  # equal marks are held once
    answers: dict[str, _Marks] = {}
    for form_id in facts.config.forms_with_role("test"):
        table = facts.tables.get(form_id)
        if table is not None and "root_uuid" in table:
            nothing = [None] * len(table)
            columns = [_marks(table[name].tolist(), items[name]) if name in table else nothing for name in names]
            marks = zip(*columns, strict=True)
            answers.update(
                (str(root), alike.setdefault(mine, mine))
                for root, mine in zip(table["root_uuid"].tolist(), marks, strict=False)
            )
    unanswered: _Marks = (None,) * len(names)
    tests: dict[str, list[_Test]] = {}
    columns_read = (rows[name].tolist() for name in ("root_uuid", "zone", "person", "moment"))
    nobody = ("", facts.config.codes.not_listed)
    for order, uuid, place, person, moment in zip(meaning.orders(rows), *columns_read, strict=True):
        code, zone = meaning.text(person), meaning.text(place)
        key = f"?{uuid}" if code in nobody else code
        marks_of = answers.get(str(uuid), unanswered)
        tests.setdefault(zone, []).append(_Test(order, meaning.text(uuid), zone, key, meaning.text(moment), marks_of))
    return {zone: tuple(mine) for zone, mine in tests.items()}


def _marks(answers: Sequence[object], item: TestItem) -> list[bool | None]:
    """Whether each answer is right; None where there is none."""
    texts = {answer: meaning.text(answer) for answer in set(answers)}  # few values, many cells
    marks = {answer: text == item.answer if text else None for answer, text in texts.items()}
    return [marks[answer] for answer in answers]


def _only(marks: _Marks, places: Sequence[int]) -> _Marks:
    return tuple([marks[place] for place in places])


def _score(marks: _Marks) -> float:
    return 100 * marks.count(True) / len(marks)


def _change_of(pairs: Sequence[tuple[_Marks, _Marks]]) -> Change:
    return paired_change([_score(a) for a, _ in pairs], [_score(b) for _, b in pairs])


def _item(name: str, theme: str, place: int, pairs: Sequence[tuple[_Marks, _Marks]]) -> ItemResult:
    both = [(a[place], b[place]) for a, b in pairs if a[place] is not None and b[place] is not None]
    gained, lost = both.count((False, True)), both.count((True, False))
    before = sum(a is True for a, _ in both) / len(both) if both else None
    after = sum(b is True for _, b in both) / len(both) if both else None
    p = mcnemar_exact(gained, lost)
    return ItemResult(name, theme, len(both), len(pairs) - len(both), before, after, gained, lost, p)


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None

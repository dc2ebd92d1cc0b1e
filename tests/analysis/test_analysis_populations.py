"""Part 7, A5: how numbers of persons and shares may be told, so that nothing small is had from others."""

from __future__ import annotations

import random

import pytest
from printed_set import small_mission

from kobo_sync.analysis.populations import Told, beside, coarse, told, told_number
from kobo_sync.analysis.published import printed_items
from kobo_sync.analysis.published_answers import printed_scales
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.shares import Share, over_zones, share
from kobo_sync.analysis.suppression import pinned


@pytest.mark.parametrize(
    ("n", "other", "told_as"),
    [
        (0, 25, Told(0)),
        (2, 25, Told(2, hidden=True)),
        (22, 25, Told(22)),
        (25, 25, Told(25)),
        (24, 25, Told(24, near=25)),
        (27, 25, Told(27, near=25)),
        (7, 8, Told(7, hidden=True)),
    ],
)
def test_a_number_stands_beside_another_only_when_their_difference_may_be_told(
    n: int, other: int, told_as: Told
) -> None:
    assert beside(n, [Told(other)]) == told_as


def test_submissions_are_counted_to_the_ten_above() -> None:
    assert [coarse(n) for n in (0, 1, 10, 11, 166)] == [0, 10, 10, 20, 170]


def test_a_share_of_few_is_a_band_that_holds_nobody_too() -> None:
    assert share(19, Told(25)) == Share("", 19 / 25, (19,))
    for k in (0, 1, 2):
        assert share(k, Told(25)) == Share("<", pytest.approx(0.15), (0, 1, 2))
        assert share(25 - k, Told(25)) == Share(">", pytest.approx(0.85), (23, 24, 25))
    assert share(4, Told(5)).sign == "–"
    near = share(18, Told(24, near=25))
    assert near.sign == "≈" and near.value == pytest.approx(0.75) and set(near.numerators) == {17, 18}


def test_the_mission_says_no_more_than_what_its_zones_say_together() -> None:
    exact, hiding = (share(15, Told(25)), Told(25)), (share(24, Told(25)), Told(25))
    assert over_zones(45, Told(75), [exact] * 3) == share(45, Told(75))
    one = over_zones(54, Told(75), [exact, exact, hiding])
    assert one.sign == ">" and one.value == pytest.approx(0.65) and one.numerators == (53, 54, 55)
    assert over_zones(15 + 3 * 24, Told(100), [exact, hiding, hiding, hiding]).sign == ""


def test_what_a_sum_pins() -> None:
    assert pinned([(1, 2), (1, 2)], 4) == [True, True]
    assert pinned([(1, 2), (1, 2)], 3) == [False, False]
    assert pinned([(0, 1, 2)], 1) == [True]
    draw = random.Random(7)
    for _ in range(50):
        supports = [sorted({draw.randint(0, 6) for _ in range(3)}) for _ in range(3)]
        total = sum(draw.choice(each) for each in supports)
        fitting = [(a, b, c) for a in supports[0] for b in supports[1] for c in supports[2] if a + b + c == total]
        assert pinned(supports, total) == [len({each[k] for each in fitting}) == 1 for k in range(3)]


def test_a_mission_leaves_its_small_zones_out_and_says_so() -> None:
    facts = small_mission(1, (25, 24, 1))
    number = told_number(facts, "present")
    assert (number.n, number.partial) == (49, True)
    assert set(told(facts, "test").tables["test"]["zone"]) == {"zonea", "zoneb"}
    assert told(facts, "test").tables["satisfaction"] is facts.tables["satisfaction"]
    whole = small_mission(1, (25, 24, 25))
    assert told(whole, "test") is whole and not told_number(whole, "present").partial


def test_a_group_of_one_is_in_no_score() -> None:
    facts = small_mission(1, (25, 24, 25))
    printed = printed_needs(facts)
    assert printed.ranked.n == len(facts.tables["besoins"]) - 1
    assert "cld" in printed.groups, "the other zones have more of them"


def test_an_ordinary_mission_keeps_its_figures() -> None:
    facts = small_mission(16, (25, 25, 25, 25))
    items, scales = printed_items(facts), printed_scales(facts)
    assert all(each.told.shown and each.favourable.sign != "–" for each in scales)
    assert told_number(facts, "present").exact and len(items) == 10

"""Satisfaction: shares, medians, and the recommendation's interval against the published example."""

from __future__ import annotations

from typing import Any

import pytest
from invented_facts import make_facts, table

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.rates import wilson
from kobo_sync.analysis.satisfaction import recommendation, satisfaction

COLUMNS = ["zone", "groupe", "objectifs", "contenu", "recommandation", "intention", "points_forts"]


def facts_of(rows: list[dict[str, Any]], columns: list[str] = COLUMNS) -> Facts:
    return make_facts(tables={"satisfaction": table([{"zone": "bertat"} | row for row in rows], columns)})


def test_recommendation_by_hand() -> None:
    # 12 promoters, 8 neutral, 5 detractors: 28. Adjusted: 12.75/28 − 5.75/28 = 0.25; variance
    # (18.5/28 − 0.0625) / 28 = 0.021365; 1.96 × 0.14617 = 0.28648: −3.6 to +53.6.
    found = recommendation([9] * 6 + [10] * 6 + [7] * 8 + [6] * 3 + [0] * 2)
    assert (found.n, found.n_promoters, found.n_detractors) == (25, 12, 5)
    assert found.score == pytest.approx(28)
    assert found.low == pytest.approx(-3.65, abs=0.01)
    assert found.high == pytest.approx(53.65, abs=0.01)


def test_recommendation_of_nobody_and_of_everybody_alike() -> None:
    nobody = recommendation([None, 11, -1])
    assert (nobody.n, nobody.n_missing, nobody.score, nobody.low) == (0, 3, None, None)
    alike = recommendation([10, 10, 10])
    assert alike.score == 100
    assert alike.low is not None and alike.low < 100
    assert alike.high == 100


def test_scales_count_missing_apart() -> None:
    rows: list[dict[str, Any]] = [{"objectifs": code} for code in ("plutot", "plutot", "tout_a_fait", "neutre")] + [
        {"objectifs": None}
    ]
    scale = satisfaction(facts_of(rows)).scales[0]
    assert (scale.n, scale.n_missing, scale.counts) == (4, 1, (0, 0, 1, 2, 1))
    assert scale.shares == (0, 0, 0.25, 0.5, 0.25)
    assert scale.favourable_share == pytest.approx(0.75)
    assert scale.median == 4
    assert scale.label == "Les objectifs étaient clairs"


def test_median_between_two_levels() -> None:
    scale = satisfaction(facts_of([{"objectifs": "neutre"}, {"objectifs": "plutot"}])).scales[0]
    assert scale.median == 3.5


def test_an_absent_column_is_missing_for_everybody() -> None:
    found = satisfaction(facts_of([{"groupe": "ed"}], ["zone", "groupe"]))
    assert (found.n, found.scales[0].n, found.scales[0].n_missing) == (1, 0, 1)
    assert found.recommendation.n_missing == 1
    assert found.scales[0].shares == ()


def test_marks_come_as_numbers_of_any_kind() -> None:
    found = satisfaction(facts_of([{"recommandation": 9.0}, {"recommandation": 10}, {"recommandation": None}]))
    assert (found.recommendation.n, found.recommendation.n_missing) == (2, 1)


def test_nothing_received() -> None:
    found = satisfaction(make_facts(tables={}))
    assert (found.n, found.recommendation.score) == (0, None)
    assert all(scale.median is None for scale in found.scales)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_newcombe_1998(k: int, n: int, low: float, high: float) -> None:
    """Table I of Newcombe, « Two-sided confidence intervals for the single proportion », method 3."""
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_wilson_of_nobody_is_nothing() -> None:
    assert wilson(0, 0) is None
    assert wilson(3, 3) == pytest.approx((3 / (3 + 1.959964**2), 1.0))

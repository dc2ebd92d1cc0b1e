"""The test before and after: published examples and values worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from invented_facts import ITEMS, make_config, make_facts, table
from scipy import stats

from kobo_sync.analysis import learning
from kobo_sync.analysis.facts import Facts

KEY = {name: item.answer for name, item in make_config().forms["test"].items.items()}


def sheet(who: str, moment: str, right: int, answered: int = 10) -> dict[str, Any]:
    """A test with the first *right* of *answered* items right."""
    answers = {name: KEY[name] if i < right else "z" for i, name in enumerate(ITEMS) if i < answered}
    return {"zone": "bertat", "participant": who, "moment": moment} | answers


def facts_of(rows: list[dict[str, Any]]) -> Facts:
    return make_facts(tables={"test": table(rows, ["zone", "participant", "moment", *ITEMS])})


def test_only_matched_pairs_make_the_change() -> None:
    rows = [sheet("A", "avant", 4), sheet("A", "apres", 8), sheet("B", "avant", 2), sheet("C", "apres", 10)]
    rows += [sheet("D", "avant", 6), sheet("D", "apres", 6), sheet("hors_liste", "avant", 5), sheet("", "apres", 5)]
    found = learning.learning(facts_of(rows))
    assert (found.n_before, found.n_after, found.n_pairs, found.n_unmatched) == (4, 4, 2, 2)
    assert found.attrition_share == pytest.approx(0.5)
    # Pairs: 40 → 80 and 60 → 60: means 50 → 70, Hake (70 − 50) / (100 − 50) = 0.4.
    assert (found.change.before, found.change.after) == (pytest.approx(50), pytest.approx(70))
    assert found.change.gain == pytest.approx(0.4)
    # All tests: before (40 + 20 + 60 + 50) / 4 = 42.5.
    assert found.mean_before == pytest.approx(42.5)


def test_a_repeated_test_counts_once_the_first() -> None:
    found = learning.learning(facts_of([sheet("A", "avant", 3), sheet("A", "avant", 9), sheet("A", "apres", 5)]))
    assert (found.n_before, found.n_duplicates, found.change.before) == (1, 1, pytest.approx(30))


def test_unanswered_items_earn_nothing_and_an_empty_test_is_missing() -> None:
    found = learning.learning(facts_of([sheet("A", "avant", 5, answered=5), sheet("B", "avant", 0, answered=0)]))
    assert (found.n_before, found.mean_before) == (1, pytest.approx(50))


def test_paired_t_and_effect_size_of_student_1908() -> None:
    # Cushny and Peebles' sleep data, the first paired t ever published: t = 4.0621, df = 9, p = 0.002833,
    # mean 1.58, 95 % interval 0.7001 to 2.4599 (R: t.test(sleep, paired)).
    drug_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    drug_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = learning.paired_change(drug_1, drug_2)
    assert found.change == pytest.approx(1.58)
    assert found.low == pytest.approx(0.7001142, abs=1e-6)
    assert found.high == pytest.approx(2.4598858, abs=1e-6)
    assert found.t_p == pytest.approx(0.00283289, abs=1e-7)
    assert found.dz == pytest.approx(4.0621277 / 10**0.5, abs=1e-6)
    # One zero, no way down: 2 / 2^9.
    assert found.wilcoxon_p == pytest.approx(2 / 2**9)


def test_wilcoxon_with_pratt_zeros_by_hand() -> None:
    # |d| of 0, 1, −1, 2, 3 have ranks 1, 2.5, 2.5, 4, 5; without the zero's: W− = 2.5 of 14.
    # Sign patterns with a sum of at most 2.5: none, either of the two 2.5: 3 of 16; two-sided 6/16.
    assert learning.wilcoxon_pratt([0, 1, -1, 2, 3]) == pytest.approx(6 / 16)
    # Dropping zeros first (Wilcoxon) would rank 1.5, 1.5, 3, 4: the same order, another sum.
    assert learning.wilcoxon_pratt([0, 0, 0]) is None
    assert learning.wilcoxon_pratt([]) is None


def test_wilcoxon_without_ties_is_the_published_table() -> None:
    # n = 8, W = 3: two-sided exact p = 0.0390625 (any printed table: 0.039).
    changes = [1.0, -2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert learning.wilcoxon_pratt([*changes]) == pytest.approx(2 * 3 / 2**8)
    assert learning.wilcoxon_pratt(changes) == pytest.approx(float(stats.wilcoxon(changes, method="exact").pvalue))


def test_wilcoxon_of_many_pairs_is_near_the_exact() -> None:
    changes = [(-1) ** i * (i % 7) for i in range(100)]
    exact = learning.wilcoxon_pratt(changes)
    normal = float(stats.wilcoxon(changes, zero_method="pratt", method="asymptotic").pvalue)
    assert exact == pytest.approx(normal, abs=0.02)
    assert learning.wilcoxon_pratt([*changes, 3.0]) is not None


def test_mcnemar_exact_by_hand() -> None:
    # Ten changed, one of them for the worse: 2 × (1 + 10) / 2^10.
    assert learning.mcnemar_exact(9, 1) == pytest.approx(22 / 1024)
    assert learning.mcnemar_exact(0, 0) is None
    assert learning.mcnemar_exact(5, 5) == pytest.approx(1)


def test_items_are_over_pairs_that_answered_both_times() -> None:
    rows = [
        sheet("A", "avant", 0),
        sheet("A", "apres", 10),
        sheet("B", "avant", 10),
        sheet("B", "apres", 10, answered=3),
    ]
    found = learning.learning(facts_of(rows))
    last = found.items[-1]
    assert (last.n, last.n_missing, last.before_share, last.after_share, last.n_gained) == (1, 1, 0, 1, 1)
    first = found.items[0]
    assert (first.n, first.before_share, first.after_share) == (2, 0.5, 1)


def test_themes_have_their_own_gain() -> None:
    found = learning.learning(
        facts_of([sheet("A", "avant", 0), sheet("A", "apres", 4), sheet("B", "avant", 2), sheet("B", "apres", 4)])
    )
    # Four advocacy items: 0 and 2 of 4 before, 4 of 4 after: 25 → 100, gain 1.
    assert found.themes["plaidoyer"].before == pytest.approx(25)
    assert found.themes["plaidoyer"].gain == pytest.approx(1)
    assert found.themes["lobbying"].change == pytest.approx(0)


@pytest.mark.parametrize("rows", [[], [sheet("A", "avant", 5)], [sheet("A", "avant", 5), sheet("A", "apres", 5)]])
def test_few_or_identical_answers_give_none_not_errors(rows: list[dict[str, Any]]) -> None:
    found = learning.learning(facts_of(rows))
    assert found.change.low is None
    assert found.change.t_p is None
    assert found.change.wilcoxon_p is None


def test_everybody_identical_and_all_right() -> None:
    rows = [sheet(who, moment, 10) for who in "ABC" for moment in ("avant", "apres")]
    change = learning.learning(facts_of(rows)).change
    assert (change.n, change.gain, change.dz, change.change) == (3, None, None, 0)


def test_an_absent_table_gives_nothing() -> None:
    found = learning.learning(make_facts(tables={}))
    assert (found.n_before, found.n_pairs, found.attrition_share, found.mean_after) == (0, 0, None, None)
    assert len(found.items) == 10


def test_as_many_right_answers_are_no_decline() -> None:
    # Part 8, A25: thirds of a score are floats; 2 + 2 + 3 + 3 right and 1 + 3 + 3 + 3 are the same mean.
    thirds = [0.0, 100 / 3, 200 / 3, 100.0]
    before, after = [thirds[right] for right in (2, 2, 3, 3)], [thirds[right] for right in (1, 3, 3, 3)]
    for one, other in ((before, after), (after, before)):
        change = learning.paired_change(one, other)
        assert (change.change, change.gain, change.is_decline) == (0.0, 0.0, False)
        assert change.before == change.after

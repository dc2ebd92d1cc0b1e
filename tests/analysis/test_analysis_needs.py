"""Needs: Borda, the mean over groups, Kendall's W, common priorities."""

from __future__ import annotations

from typing import Any

import pytest
from invented_facts import make_facts, table

from kobo_sync.analysis import needs
from kobo_sync.analysis.facts import Facts

COLUMNS = ["zone", "groupe", "sexe", "classement", "proposition"]


def vote(group: str | None, ranking: str | None, sex: str = "f") -> dict[str, Any]:
    return {"zone": "bertat", "groupe": group, "sexe": sex, "classement": ranking}


def facts_of(rows: list[dict[str, Any]], details: list[dict[str, Any]] | None = None) -> Facts:
    tables = {"besoins": table(rows, COLUMNS)}
    if details is not None:
        tables["besoins__evaluation"] = table(details, ["besoin", "gravite", "menages", "faisabilite"], repeat=True)
    return make_facts(tables=tables)


def score(found: needs.Needs, code: str) -> float | None:
    return next(need.score for need in found.needs if need.code == code)


def test_a_big_group_does_not_outvote_small_ones() -> None:
    # Four of « ed » want transport first; one each of the others want internat, then transport.
    rows = [vote("ed", "transport internat")] * 4 + [
        vote("sante", "internat transport"),
        vote("cld", "internat transport"),
    ]
    found = needs.needs(facts_of(rows))
    # transport (3 + 2 + 2) / 3, internat (2 + 3 + 3) / 3; a plain count would say 16 against 14.
    assert score(found, "transport") == pytest.approx(7 / 3)
    assert score(found, "internat") == pytest.approx(8 / 3)
    assert found.needs[0].code == "internat"
    assert (found.needs[0].mentions, found.n) == (6, 6)


def test_only_the_first_three_earn_points_and_short_ballots_their_places() -> None:
    assert needs.borda([["a"], ["b", "a"]], ["a", "b", "c"]) == {"a": 2.5, "b": 1.5, "c": 0}
    found = needs.needs(facts_of([vote("ed", "transport internat classes ambulance medicaments")]))
    assert score(found, "classes") == pytest.approx(1)
    assert score(found, "ambulance") == 0
    assert next(need.rank for need in found.needs if need.code == "ambulance") is None


def test_ties_share_a_rank() -> None:
    assert needs.ranking({"a": 2, "b": 1, "c": 1, "d": 0.5, "e": 0}) == {"a": 1, "b": 2, "c": 2, "d": 4}


def test_kendall_w_by_hand_and_with_ties() -> None:
    # Three judges, four objects, ranks 1234, 1243, 2134: sums 4, 5, 10, 11; S = 12.25+6.25+6.25+12.25 = 37;
    # W = 12 × 37 / (9 × 60) = 0.8222.
    assert needs.kendall_w([[4, 3, 2, 1], [4, 3, 1, 2], [3, 4, 2, 1]]) == pytest.approx(0.82222, abs=1e-5)
    # Two judges, ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: sums 2, 4.5, 5.5, 8, S = 18.5; ties 2³ − 2 = 6:
    # W = 12 × 18.5 / (4 × 60 − 2 × 6) = 0.97368.
    assert needs.kendall_w([[4, 2, 2, 1], [4, 3, 2, 1]]) == pytest.approx(222 / 228)
    assert needs.kendall_w([[3, 2, 1], [3, 2, 1]]) == pytest.approx(1)
    assert needs.kendall_w([[3, 2, 1], [1, 2, 3]]) == pytest.approx(0)


def test_kendall_w_needs_two_judges_and_something_to_order() -> None:
    assert needs.kendall_w([]) is None
    assert needs.kendall_w([[1, 2]]) is None
    assert needs.kendall_w([[1, 1], [2, 2]]) is None


def test_common_priorities_need_every_group() -> None:
    rows = [vote("ed", "transport internat"), vote("sante", "transport ambulance"), vote("cld", "transport internat")]
    assert needs.needs(facts_of(rows)).common == ("transport",)
    assert needs.needs(facts_of(rows[:2])).common is None


def test_rows_without_group_count_in_mentions_only() -> None:
    found = needs.needs(
        facts_of([vote("ed", "transport"), vote(None, "internat"), vote("ailleurs", "internat"), vote("ed", None)])
    )
    assert (found.n, found.n_missing, found.n_no_group) == (3, 1, 2)
    assert score(found, "internat") == 0
    assert next(need.mentions for need in found.needs if need.code == "internat") == 2


def test_severity_has_its_own_n() -> None:
    details = [
        {"root_uuid": "u0001", "position": 1, "besoin": "transport", "gravite": 5, "menages": 10, "faisabilite": None},
        {"root_uuid": "u0002", "position": 1, "besoin": "transport", "gravite": 2, "menages": 50, "faisabilite": None},
        {"root_uuid": "u0002", "position": 2, "besoin": "internat", "gravite": None, "menages": 30, "faisabilite": 4},
        {"root_uuid": "inconnu", "position": 1, "besoin": "transport", "gravite": 1, "menages": 1, "faisabilite": 1},
    ]
    found = needs.needs(facts_of([vote("ed", "transport"), vote("cld", "transport")], details))
    transport = found.needs[0]
    assert transport.severity == needs.Rating(3.5, 2)
    assert transport.households == needs.Rating(30, 2)
    assert transport.feasibility == needs.Rating(None, 0)


def test_ranks_per_group_and_sex() -> None:
    rows = [vote("ed", "transport internat", "f"), vote("cld", "internat transport", "h")]
    transport = next(need for need in needs.needs(facts_of(rows)).needs if need.code == "transport")
    assert transport.rank_by_group == {"ed": 1, "sante": None, "cld": 2}
    assert transport.rank_by_sex == {"f": 1, "h": 2}


def test_nothing_received_still_lists_the_catalogue() -> None:
    found = needs.needs(make_facts(tables={}))
    assert (found.n, found.agreement, found.common, len(found.needs)) == (0, None, None, 7)
    assert all(need.score is None and need.rank is None for need in found.needs)

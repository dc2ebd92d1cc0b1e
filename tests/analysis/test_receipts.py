"""Part 8, A25: one table received = used + each reason set aside; ties, declines and who is responsible."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pandas as pd
import pytest
from invented_facts import GROUPS, make_facts, table

from kobo_sync.analysis.attendance import attendance
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import learning, paired_change
from kobo_sync.analysis.needs import first_with_ties, is_tied, needs, ranking, ties
from kobo_sync.analysis.persons import registered_in
from kobo_sync.analysis.receipts import receipts
from kobo_sync.analysis.roadmap import SMART, road_map


def odd(seed: int) -> Facts:
    """A mission whose rows are repeated, refused, rejected, emptied and miscoded at random."""
    draw = random.Random(seed)
    facts = make_facts(draw.choice((0, 3, 25, 40)), seed=seed)
    tables = {}
    for name, whole in facts.tables.items():
        rows = whole.copy().astype(object)
        for column in rows.columns.difference(["root_uuid", "submission_id", "submitted_at", "position"]):
            if draw.random() < 0.6:
                rows[column] = [draw.choice((value, value, None, "?")) for value in rows[column]]
        if "validation" in rows:
            rows["validation"] = [draw.choice(("", "", "not_approved")) for _ in range(len(rows))]
            again = rows.sample(frac=0.2, random_state=seed).assign(root_uuid=lambda t: "9" + t["root_uuid"].str[1:])
            rows = pd.concat([rows, again], ignore_index=True)
            rows["submitted_at"] = pd.to_datetime(rows["submitted_at"], utc=True)
        tables[name] = rows
    return replace(facts, tables=tables)


@pytest.mark.parametrize("seed", range(10))
def test_every_row_received_is_used_or_set_aside_for_one_reason(seed: int) -> None:
    facts = odd(seed)
    by_table = {each.table: each for each in receipts(facts)}
    for name, each in by_table.items():
        assert each.received == len(facts.tables[name]) == each.used + sum(each.set_aside.values()), name
        assert each.used >= 0
    listed, learnt = attendance(facts), learning(facts)
    assert by_table["presence"].used == listed.n_counted == sum(len(p.signatures) for p in listed.people)
    assert listed.n_rows == listed.n_counted + listed.n_unsigned + listed.n_no_session + listed.n_repeated
    assert by_table["inscription"].used == len(registered_in(facts)) == listed.n_registered
    assert by_table["test"].used == learnt.n_before + learnt.n_after
    assert by_table["test"].set_aside.get("repeated", 0) == learnt.n_duplicates
    assert by_table["route__actions"].used == len(road_map(facts).actions)


def test_repeated_tests_are_not_used() -> None:
    facts = make_facts(12)
    first = facts.tables["test"].iloc[:3].assign(root_uuid=["r1", "r2", "r3"])
    both = pd.concat([facts.tables["test"], first], ignore_index=True)
    received = {each.form_id: each for each in receipts(replace(facts, tables={**facts.tables, "test": both}))}["test"]
    assert (received.received, received.used, received.set_aside) == (len(both), len(both) - 3, {"repeated": 3})


def ballots(rankings: list[str]) -> Facts:
    """Each ranking given once in every group."""
    rows = [{"zone": "bertat", "groupe": g, "sexe": "f", "classement": r} for g in GROUPS for r in rankings]
    return make_facts(tables={"besoins": table(rows, ["zone", "groupe", "sexe", "classement"])})


def test_no_tie_at_the_border_is_cut() -> None:
    """Part 8, A24: four needs share the first place; the others share the fifth."""
    first, others = ("transport", "internat", "classes", "ambulance"), ("eau_ecole", "sage_femme", "medicaments")
    rankings = [f"{first[n]} {first[(n + 1) % 4]}" for n in range(4)] + list(others)
    ranked = needs(ballots(rankings))
    assert {need.code: need.rank for need in ranked.needs} == {**dict.fromkeys(first, 1), **dict.fromkeys(others, 5)}
    assert {need.code for need in first_with_ties(ranked.needs, 1)} == set(first)
    assert {need.code for need in first_with_ties(ranked.needs, 3)} == set(first)
    assert len(first_with_ties(ranked.needs, 5)) == 7
    assert all(is_tied(ranked.needs, need) for need in ranked.needs)
    assert {rank: len(mine) for rank, mine in ties(ranked.needs).items()} == {1: 4, 5: 3}
    assert ranked.common is not None and len(ranked.common) == 7
    assert ranked.common_is_tied and ranked.n_first_by_group == dict.fromkeys(GROUPS, 7)


def test_equal_means_are_a_tie_whatever_floats_make_of_them() -> None:
    thirds = {"a": Fraction(1, 10) + Fraction(2, 10), "b": Fraction(3, 10), "c": Fraction(1, 3), "d": Fraction(0)}
    assert ranking(thirds) == {"a": 2, "b": 2, "c": 1}
    near = {"a": Fraction(1), "b": Fraction(1) + Fraction(1, 10**12)}
    assert ranking(near) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("before", "after", "gain", "is_decline"),
    [
        ([50.0, 60.0], [60.0, 70.0], Fraction(10, 45), False),
        ([50.0, 60.0], [50.0, 60.0], 0, False),
        ([80.0, 90.0], [0.0, 1.0], None, True),
        ([100.0, 100.0], [100.0, 100.0], None, False),
        ([100.0, 100.0], [90.0, 100.0], None, True),
    ],
)
def test_a_decline_is_no_gain(before: list[float], after: list[float], gain: Fraction | None, is_decline: bool) -> None:
    change = paired_change(before, after)
    assert change.gain == (None if gain is None else pytest.approx(float(gain)))
    assert change.is_decline is is_decline


def test_a_group_alone_is_not_responsible() -> None:
    facts = make_facts(7)
    actions = facts.tables["route__actions"]
    complete = sum(action.smart_complete for action in road_map(facts).actions)
    assert complete == 5
    without = replace(facts, tables={**facts.tables, "route__actions": actions.assign(fonction_responsable=None)})
    assert not any(action.smart_complete for action in road_map(without).actions)
    assert all("responsible_function" in action.lacking for action in road_map(without).actions)
    groupless = replace(facts, tables={**facts.tables, "route__actions": actions.assign(groupe_responsable=None)})
    assert sum(action.smart_complete for action in road_map(groupless).actions) == complete
    for name, question in zip(
        SMART, ("objectif", "cible", "fonction_responsable", "echeance", "indicateur"), strict=True
    ):
        emptied = replace(facts, tables={**facts.tables, "route__actions": actions.assign(**{question: None})})
        assert all(name in action.lacking for action in road_map(emptied).actions)

"""The road map: completeness, delays, order."""

from __future__ import annotations

from datetime import date

import pytest
from invented_facts import make_actions, make_facts

from kobo_sync.analysis.roadmap import road_map


def test_an_action_without_indicator_is_not_complete() -> None:
    found = road_map(make_facts(tables=make_actions(6)))
    assert found.smart_share == pytest.approx(4 / 6)


def test_overdue_leaves_closed_actions_out() -> None:
    # Deadlines 15 January, February, March, April, January, February; every third is done.
    found = road_map(make_facts(tables=make_actions(6)))
    assert len(found.overdue(date(2025, 2, 16))) == 3
    assert not found.overdue(date(2025, 1, 15))
    assert len(found.overdue(date(2030, 1, 1))) == 4


def test_actions_go_by_the_catalogue_then_deadline() -> None:
    found = road_map(make_facts(tables=make_actions(6)))
    needs = [action.values["need"] for action in found.actions]
    assert needs == ["transport"] * 2 + ["sage_femme"] * 2 + ["ambulance"] * 2
    assert found.actions[0].deadline == date(2025, 1, 15)
    assert found.counts("level") == {"commune": 3, "province": 3}


def test_nothing_planned_and_odd_dates() -> None:
    assert road_map(make_facts(tables={})).smart_share is None
    tables = make_actions(1)
    tables["route__actions"]["echeance"] = "bientôt"
    found = road_map(make_facts(tables=tables))
    assert (found.actions[0].deadline, found.actions[0].smart_complete) == (None, False)

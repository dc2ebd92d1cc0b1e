"""The list of all numbers: complete, each with its n, and equal to what the parts say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from invented_facts import make_facts

from kobo_sync.analysis.attendance import attendance
from kobo_sync.analysis.indicators import indicators


def test_every_number_has_its_n_and_a_unique_name() -> None:
    found = indicators(make_facts(25))
    names = [item.name for item in found]
    assert len(names) == len(set(names))
    by_name = {item.name: item for item in found}
    assert (by_name["present"].value, by_name["present"].n) == (25, 26)
    assert by_name["refusals"].value == 1
    assert by_name["quota_completion"].value == pytest.approx(1)
    assert by_name["response_rate:satisfaction"].value == pytest.approx(24 / 25)
    assert by_name["gain"].n == by_name["change"].n == 24
    assert {item.zone for item in found} == {"bertat"}


def test_disaggregation_sums_to_the_persons_present() -> None:
    facts = make_facts(25)
    found = indicators(facts)
    sexes = [item for item in found if item.name.startswith("present:sex:")]
    assert sum(item.value or 0 for item in sexes) + sexes[0].n_missing == attendance(facts).n_present


def test_nothing_received_gives_none_not_zero() -> None:
    by_name = {item.name: item for item in indicators(replace(make_facts(tables={}), zone=None))}
    assert by_name["present"].value == 0
    assert by_name["gain"].value is None
    assert by_name["response_rate:needs"].value is None
    assert by_name["smart_share"].value is None
    assert by_name["overdue"].value is None

"""Part 7, A5: nothing printed in a mission's set tells of one or two persons, whatever is taken from whatever."""

from __future__ import annotations

import pytest
from attacker import Attack, truth_of
from printed_set import read_set, small_mission, whole_set

from kobo_sync.analysis import populations, published, published_answers, published_needs, shares, suppression
from kobo_sync.analysis.memo import forget

MISSIONS = {1: (25, 24, 1), 2: (24, 2, 13, 25), 3: (12, 25, 2, 1)}


@pytest.mark.parametrize("seed", MISSIONS)
def test_nothing_is_recovered_from_everything_printed(seed: int) -> None:
    facts = small_mission(seed, MISSIONS[seed])
    assert Attack(read_set(whole_set(facts)), truth_of(facts)).recovered() == []


@pytest.mark.parametrize("seed", MISSIONS)
def test_the_attacker_recovers_what_is_not_suppressed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same missions printed with a threshold of one person: the attack is worth something."""
    facts = small_mission(seed, MISSIONS[seed])
    for module in (suppression, populations, published, published_answers, published_needs, shares):
        monkeypatch.setattr(module, "THRESHOLD", 1)
    forget()
    recovered = Attack(read_set(whole_set(facts)), truth_of(facts)).recovered()
    monkeypatch.undo()
    forget()
    kinds = (
        "'before'",
        "'after'",
        "'favourable'",
        "'mentions'",
        "'detractors'",
        "'cell'",
        " − ",
        "gained and lost",
    )
    missed = [kind for kind in kinds if not any(kind in each for each in recovered)]
    assert len(recovered) > 100 and not missed

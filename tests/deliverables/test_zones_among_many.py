"""A zone's papers cost the same among hundreds of zones as among few: what all zones share is not gone through for each of them."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from types import CodeType, FrameType

import pytest
from invented_facts import make_facts

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget
from kobo_sync.analysis.people import names_in
from kobo_sync.analysis.persons import registered_in
from kobo_sync.deliverables import deliverable, names
from kobo_sync.model import Choice

FEW, MANY = 10, 600


def among(n: int, facts: Facts) -> Facts:
    """*facts* of a zone as one of *n*, which phones choose from a list of them."""
    first, *others = facts.config.zones
    zones = [*(replace(others[0], code=f"zone_{at}") for at in range(n - 1 - len(others))), *others, first]
    choices = tuple(Choice(zone.code, zone.labels) for zone in zones)
    config = facts.config.model_copy(update={"zones": zones})
    names, people = names_in(facts), registered_in(facts)  # the mission's, as a build has them
    return replace(
        facts,
        config=config,
        zone=first,
        catalogues={**facts.catalogues, "zones.csv": choices},
        names=lambda: names,
        registered=lambda: people,
    )


def calls(name: str, facts: Facts) -> Counter[CodeType]:
    """How often each function is called while the papers of a zone are made that is not the mission's first."""
    paper = deliverable(name)
    paper.build(facts)
    forget()
    counted: Counter[CodeType] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            counted[frame.f_code] += 1

    tables = dict(facts.tables)  # another zone's, as they are read anew for each
    sys.setprofile(count)
    try:
        paper.build(replace(facts, tables=tables))
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("name", [name for name in names() if deliverable(name).scope == "zone"])
def test_a_zones_papers_do_not_go_through_all_zones(name: str) -> None:
    few, many = (calls(name, among(n, make_facts(3))) for n in (FEW, MANY))
    more = {code.co_qualname: n - few[code] for code, n in many.items() if n - few[code] >= MANY - FEW}
    assert not more

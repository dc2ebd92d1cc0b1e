"""Part 8, A26: the same focus groups are told in the same words throughout a paper."""

from __future__ import annotations

from dataclasses import replace

from invented_facts import make_facts
from test_presence_words import words_of

from kobo_sync.deliverables import needs, sentences


def test_who_came_to_several_sessions_is_no_person_more() -> None:
    facts = make_facts(25)
    assert " participations (" in sentences.groups_heard(facts)
    for paper in (facts, replace(facts, zone=None)):
        told = next(line for line in words_of(paper, needs).splitlines() if line.startswith("3 séances"))
        assert " participations : " in told and "personne" not in told

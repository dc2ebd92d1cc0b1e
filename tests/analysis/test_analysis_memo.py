"""What an analysis rests on is noted, whoever read it for it, and when."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget, memo_in_process, memo_over_runs, note


class PreviousSet:
    """A memory for as long as the test lasts; *states* say how often each form changed."""

    def __init__(self) -> None:
        self.states = {"a": 0, "b": 0}
        self.cache: dict[str, tuple[Any, dict[str, int]]] = {}

    def get(self, name: str, kind: Any) -> tuple[Any, Collection[str]] | None:
        value, states = self.cache.get(name, (None, {"": 0}))
        assert kind is int
        return (value, states.keys()) if all(self.states.get(form) == n for form, n in states.items()) else None

    def put(self, name: str, value: object, forms: Collection[str]) -> None:
        self.cache[name] = (value, {form: self.states[form] for form in forms})


class Tables(dict[str, int]):
    """Tables that are one number each, and tell when they are read."""

    def __init__(self, memory: PreviousSet | None) -> None:
        super().__init__(a=1, b=10)
        self.memory = memory

    def __getitem__(self, form: str) -> int:
        note(form)
        return super().__getitem__(form)


def facts_of(memory: PreviousSet | None, **changed: int) -> Facts:
    tables = Tables(memory)
    tables.update(changed)
    return cast(
        Facts,
        SimpleNamespace(tables=tables, config=1, forms=2, catalogues=3, earlier_choices=4, zone=None, as_of=None),
    )


@memo_over_runs
def of_b(facts: Facts) -> int:
    return cast(int, facts.tables["b"])


@memo_in_process
def b_again(facts: Facts) -> int:
    return of_b(facts)


@memo_over_runs
def of_both(facts: Facts) -> int:
    return cast(int, facts.tables["a"]) + b_again(facts)


@pytest.mark.parametrize("asked_before", [False, True])
def test_who_asks_for_what_is_kept_rests_on_it_too(asked_before: bool) -> None:
    """A parent that was worked out from a child that was kept is stale when what the child read changes."""
    memory = PreviousSet()
    assert of_both(facts_of(memory)) == 11
    memory.states["a"] += 1
    second = facts_of(memory, a=2)
    if asked_before:
        assert b_again(second) == 10
    assert of_both(second) == 12
    memory.states["b"] += 1
    assert of_both(facts_of(memory, a=2, b=20)) == 22
    forget()


def test_without_a_memory_and_for_a_zone_nothing_is_kept() -> None:
    memory = PreviousSet()
    assert of_both(facts_of(None)) == 11
    zone = facts_of(memory)
    zone.__dict__["zone"] = SimpleNamespace(code="nord")
    assert of_both(zone) == 11 and not memory.cache
    forget()

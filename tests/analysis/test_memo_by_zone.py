"""Of what zones give one by one only those that changed are read again, and it is what all rows would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget, memo_by_zone, note
from kobo_sync.model import ELSEWHERE
from kobo_sync.workspace import result_cache
from kobo_sync.workspace.result_cache import AnalysisCache, ResultCache

Rows = dict[str, dict[str, list[int]]]  # form → zone as its rows say it → numbers
ZONES = [f"z{number:02}" for number in range(30)]


class Tables(dict[str, dict[str, list[int]]]):
    """The numbers of each form by zone; *read* tells which zones were looked at."""

    memory: AnalysisCache | None = None

    most = 0

    def __init__(self, rows: Rows, read: set[str], zones: Sequence[str] | None = None) -> None:
        def mine(zone: str) -> bool:
            is_elsewhere = zone not in ZONES
            return zones is None or (is_elsewhere if list(zones) == [ELSEWHERE] else zone in zones)

        super().__init__({form: {zone: ns for zone, ns in by.items() if mine(zone)} for form, by in rows.items()})
        self.seen, self.zones = read, zones
        Tables.most = max(Tables.most, len(zones or ()))

    def __getitem__(self, form: str) -> dict[str, list[int]]:
        note(form)
        self.seen.update(["all"] if self.zones is None else self.zones)
        return super().__getitem__(form)


def facts_of(folder: Path, rows: Rows, read: set[str]) -> Facts:
    tables = Tables(rows, read)
    states: dict[str, dict[str, str]] = {}
    for form, by in rows.items():
        for zone, numbers in by.items():
            states.setdefault(zone if zone in ZONES else ELSEWHERE, {})[form] = f"{zone} {numbers}"
    whole = {form: repr(by) for form, by in rows.items()}
    pieces = [[zone] for zone in ZONES]
    tables.memory = AnalysisCache(ResultCache(folder), "", whole, states, partial(Tables, rows, read), pieces)
    config = SimpleNamespace(zones=[SimpleNamespace(code=zone) for zone in ZONES], forms=rows)
    facts = Facts(cast(Any, config), None, datetime(2026, 1, 1, tzinfo=UTC), {}, cast(Any, tables), cast(Any, None))
    forget()
    return facts


@memo_by_zone
def totals(facts: Facts) -> Mapping[str, int]:
    """The sum of form a by zone, spaces around its name aside."""
    by_zone: dict[str, int] = {}
    for zone, numbers in cast(Any, facts.tables["a"]).items():
        by_zone[zone.strip()] = by_zone.get(zone.strip(), 0) + sum(numbers)
    return by_zone


def largest(facts: Facts) -> Mapping[str, str]:
    """What another zone says of all others: the largest number of form b."""
    most = max((number for numbers in cast(Any, facts.tables["b"]).values() for number in numbers), default=0)
    return dict.fromkeys(ZONES, str(most))


@partial(memo_by_zone, others=largest)
def beside_the_largest(facts: Facts) -> Mapping[str, int]:
    """The same, where a zone's value rests on others' rows."""
    return dict(totals(facts))


@pytest.fixture
def rows() -> Iterator[Rows]:
    yield {"a": {zone: [number] for number, zone in enumerate(ZONES)}, "b": {ZONES[0]: [5]}}
    forget()


def asked(folder: Path, rows: Rows) -> tuple[Mapping[str, int], set[str]]:
    read: set[str] = set()
    found = totals(facts_of(folder, rows, read))
    assert list(found) == sorted(found)
    bare = {zone.strip(): 0 for zone in rows["a"]}
    for zone, numbers in rows["a"].items():
        bare[zone.strip()] += sum(numbers)
    assert found == bare
    return found, read


def test_only_zones_that_changed_are_read(tmp_path: Path, rows: Rows) -> None:
    assert asked(tmp_path, rows)[1] == set(ZONES)
    assert asked(tmp_path, rows)[1] == set()
    rows["a"]["z03"] = [7, 7]
    assert asked(tmp_path, rows)[1] == {"z03"}
    del rows["a"]["z04"]
    rows["b"]["z05"] = [1]  # a form that it does not read
    assert asked(tmp_path, rows)[1] == {"z04"}


def test_rows_of_no_zone_are_read_by_themselves(tmp_path: Path, rows: Rows) -> None:
    rows["a"]["nowhere"] = [9]
    assert asked(tmp_path, rows)[1] == {*ZONES, ELSEWHERE}
    rows["a"]["nowhere"] = [10]
    assert asked(tmp_path, rows)[1] == {ELSEWHERE}
    rows["a"]["z01"] = [3]
    assert asked(tmp_path, rows)[1] == {"z01"}
    del rows["a"]["nowhere"]
    asked(tmp_path, rows)


def test_a_zone_in_another_spelling_is_counted_with_its_zone(tmp_path: Path, rows: Rows) -> None:
    asked(tmp_path, rows)
    rows["a"]["z02 "] = [100]
    for number in range(2):
        rows["a"]["z02"] = [number]
        assert "all" in asked(tmp_path, rows)[1]
    del rows["a"]["z02 "]
    asked(tmp_path, rows)


def test_where_many_changed_few_are_read_at_once(tmp_path: Path, rows: Rows) -> None:
    asked(tmp_path, rows)
    Tables.most = 0
    for zone in ZONES:
        rows["a"][zone] = [-1]
    assert asked(tmp_path, rows)[1] == set(ZONES)
    assert 0 < Tables.most <= result_cache._PIECES < len(ZONES)


@memo_by_zone
def numbers(facts: Facts) -> Mapping[str, list[int]]:
    """The numbers of form a by zone."""
    return dict(cast(Any, facts.tables["a"]))


def test_what_is_held_of_many_zones_is_made_anew_when_it_is_asked_for(tmp_path: Path, rows: Rows) -> None:
    given = numbers(facts_of(tmp_path, rows, set()))
    assert given["z03"] == [3]
    assert given["z03"] is not given["z03"]


def test_what_was_damaged_on_disk_is_worked_out_again(tmp_path: Path, rows: Rows) -> None:
    numbers(facts_of(tmp_path, rows, set()))
    (kept,) = tmp_path.glob("*numbers*")
    content = kept.read_bytes()
    for at in (len(content) - 1, len(content) - 90, len(content) // 2):
        kept.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert dict(numbers(facts_of(tmp_path, rows, set()))) == rows["a"]


@memo_by_zone
def words(facts: Facts) -> Mapping[str, str]:
    """Per zone what no file can hold: half a character, as an old phone may send it."""
    return {zone: f"{zone} \ud83d" for zone in cast(Any, facts.tables["a"])}


def test_what_cannot_be_kept_is_given_all_the_same(tmp_path: Path, rows: Rows) -> None:
    for _ in range(2):
        assert words(facts_of(tmp_path, rows, set())) == {zone: f"{zone} \ud83d" for zone in ZONES}
    assert not [*tmp_path.glob("*words*")]


def test_what_other_zones_say_is_looked_at(tmp_path: Path, rows: Rows) -> None:
    beside_the_largest(facts_of(tmp_path, rows, set()))
    read: set[str] = set()
    beside_the_largest(facts_of(tmp_path, rows, read))
    assert read == {"all"}  # `largest` itself, which keeps nothing
    rows["b"]["z07"] = [6]
    previous = memo_by_zone_calls(tmp_path)
    assert beside_the_largest(facts_of(tmp_path, rows, set()))["z03"] == 3
    assert memo_by_zone_calls(tmp_path) != previous


def memo_by_zone_calls(folder: Path) -> bytes:
    (kept,) = folder.glob("*beside_the_largest*")
    return kept.read_bytes()

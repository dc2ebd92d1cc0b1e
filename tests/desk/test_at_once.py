"""Writes of several threads at one moment, each on a connection of its own as the processes of a server have them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import TypeVar

from kobo_sync.desk import accounts
from kobo_sync.desk.database import Desk

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
T = TypeVar("T")
AT_ONCE = 5  # as many connections as an engine's pool gives at once


def _at_once(act: Callable[[int], T]) -> list[T]:
    barrier = Barrier(AT_ONCE)

    def in_step(number: int) -> T:
        barrier.wait(60)
        return act(number)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(in_step, range(AT_ONCE)))


def test_the_first_tries_of_a_guesser_are_counted_one_by_one_also_when_they_come_at_once(desk: Desk) -> None:
    """On PostgreSQL each of them was the first: a row that is not there cannot be locked."""
    for name in ("jean", "zohra", "maha"):
        seconds = _at_once(lambda _, name=name: accounts.sign_in(desk, name, "guessed-wrong", "192.0.2.9", NOW).wait_s)
        assert sorted(seconds)[: accounts.FREE_TRIES + 1] == [0] * (accounts.FREE_TRIES + 1)
        assert accounts.sign_in(desk, name, "guessed-wrong", "192.0.2.9", NOW).wait_s > 0


def test_what_is_first_written_by_several_at_once_is_written(desk: Desk) -> None:
    for place in ("one", "two", "three", "four"):
        _at_once(lambda number, place=place: desk.put_snapshot(place, {"n": number}, "mark", NOW))
        snapshot = desk.snapshot(place)
        assert snapshot is not None and snapshot[0]["n"] in range(AT_ONCE)

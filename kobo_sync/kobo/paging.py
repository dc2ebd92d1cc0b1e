"""Pages of a long list: how many rows to ask for, the fetching thread's turns, and a page that does not advance."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kobo_sync.errors import KoboUnexpected

FIRST_PAGE = 250  # before a row is seen, its size is unknown: memory must hold whatever comes
MIN_PAGE = 25  # a server that cannot give so few rows cannot be read
TURN_S = 0.001  # see `_quick_turns`
PAGE_BYTES = (2 << 20, 4 << 20)  # memory follows a page's bytes, speed its rows


@contextmanager
def quick_turns() -> Iterator[None]:
    """Let the thread that fetches soon have its turn: Python's 5 ms, for each of hundreds of reads and hashes a page, are
    most of the time that a quick server's pages take.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class PageSize:
    """How many rows to ask for: half when the server is slow, and what makes a page of some megabytes."""

    def __init__(self, limit: int, *, light: bool) -> None:
        self.limit, self._most = limit if light else min(limit, FIRST_PAGE), limit

    def halve(self) -> None:
        """The server was too slow for so many."""
        self.limit = self._most = max(MIN_PAGE, self.limit // 2)

    def adapt(self, n_bytes: int) -> None:
        """A page of *n_bytes* came: ask for what makes one of some megabytes."""
        low, high = PAGE_BYTES
        if n_bytes > high:
            self.limit = max(MIN_PAGE, min(self.limit, self.limit * (low + high) // 2 // n_bytes))
        elif n_bytes < low:
            self.limit = min(self._most, self.limit * 2)


def repeats(what: str, path: str) -> KoboUnexpected:
    """An answer to another question than the one asked: without this, the same page is asked for without end."""
    hint = "a cache or proxy between here and the server answers in its place: let it pass the API through (no caching)"
    return KoboUnexpected(what, method="GET", url=path, hint=hint)

"""How fast a server is asked: all who ask one server in this process wait for each other, in the order in which they came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

BURST_S = 5.0  # after a pause so many seconds' worth of requests may go at once


class Pace:
    """Requests to one server: no more than its lowest figure of requests a minute, over all who ask.

    Each request is given its moment when it comes, so nobody who asks much can hold up one who asks little for
    longer than its own requests that are under way.
    """

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep, self._monotonic = sleep, monotonic
        self._lock = threading.Lock()
        self._figures: dict[str, float] = {}  # who says so → requests a minute
        self._next_at = float("-inf")  # when the next request may go, if there were no burst

    def agree(self, who: str, per_minute: float | None) -> Pace:
        """From now on *who* wants no more than *per_minute* (None: does not mind); the lowest figure of all holds."""
        with self._lock:
            self._figures.pop(who, None)
            if per_minute:
                self._figures[who] = per_minute
        return self

    def __call__(self) -> None:
        """Wait until one more request may go."""
        with self._lock:
            if not self._figures:
                return
            every_s = 60.0 / min(self._figures.values())
            now = self._monotonic()
            at = max(self._next_at, now - BURST_S)
            self._next_at = at + every_s
        if at > now:
            self._sleep(at - now)


class Paces:
    """The pace of each server that this process asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_server: dict[tuple[str, str, int], Pace] = {}

    def of(self, address: str) -> Pace:
        """The pace of the server at *address*, the same object for all its spellings."""
        parts = urlsplit(address)
        key = (parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80))
        with self._lock:
            return self._by_server.setdefault(key, Pace())


PACES = Paces()  # of this process: a mission is opened anew for each job, and a server counts all that it is asked

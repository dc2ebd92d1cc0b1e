"""Keeps the room's board up to date beside a station: looks again when something has changed, and never stops the station."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from kobo_sync.errors import KoboSyncError

log = logging.getLogger(__name__)
EVERY_S = 2.0  # between two looks at whether something has changed
# Before the first look: nothing is known, which is not to be read as nothing received.
EMPTY: Mapping[str, Any] = {
    "is_loading": True,
    "n": 0,
    "forms": [],
    "zones": [],
    "arrivals": [],
    "checks": [],
    "n_checks": 0,
}


class RoomWatch:
    """A thread of its own; *look* works the board out, *mark* says cheaply whether that is worth while.

    *mark* is asked in that thread alone. A look that fails is logged and shown (``is_stale``), and tried again at the
    next change, or after *retry_s*.
    """

    def __init__(
        self,
        look: Callable[[], dict[str, Any]],
        mark: Callable[[], object],
        *,
        every_s: float = EVERY_S,
        retry_s: float = 30.0,
    ) -> None:
        self._look, self._mark, self._every_s, self._retry_s = look, mark, every_s, retry_s
        self._board: Mapping[str, Any] = EMPTY
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kobo-sync-room", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look that is under way."""
        self._stop.set()
        self._thread.join(timeout=30)

    def board(self) -> Mapping[str, Any]:
        """The board as it was worked out last; ``is_stale`` when that failed since."""
        return self._board

    def _run(self) -> None:
        seen: object = None
        failed_rounds = 0
        while not self._stop.is_set():
            mark = self._mark()
            if mark != seen or failed_rounds * self._every_s >= self._retry_s:
                seen = mark  # before the look: what comes meanwhile is another change
                failed_rounds = 0 if self._refresh() else 1
            elif failed_rounds:
                failed_rounds += 1
            self._stop.wait(self._every_s)

    def _refresh(self) -> bool:
        try:
            self._board = self._look()
        except KoboSyncError as error:
            log.error("the room's board cannot be worked out: %s", error)
        except Exception as error:  # where, not what: it may quote an answer
            log.error("the room's board failed: %s", type(error).__name__, exc_info=log.isEnabledFor(logging.DEBUG))
        else:
            return True
        self._board = {**self._board, "is_stale": True}
        return False

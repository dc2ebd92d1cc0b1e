"""SIGTERM and Ctrl-C, waited for by the long-running verbs."""

from __future__ import annotations

import signal
import time
from types import FrameType

HEARTBEAT_S = 0.5


class StopSignal:
    """Catches SIGTERM and SIGINT from its making on; make it in the main thread.

    A plain flag and short sleeps, not a threading.Event: a signal that arrives just before an Event
    blocks wakes nothing, and setting one inside a handler can lock the waiting thread out.
    """

    def __init__(self) -> None:
        self.is_set = False
        for name in ("SIGTERM", "SIGINT"):
            signal.signal(getattr(signal, name), self._catch)

    def wait(self) -> None:
        """Return once a signal has come; within half a second of it."""
        while not self.is_set:
            time.sleep(HEARTBEAT_S)

    def _catch(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True

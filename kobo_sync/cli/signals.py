"""SIGTERM and Ctrl-C, waited for by the long-running verbs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

from kobo_sync.cli.tongue import told

HEARTBEAT_S = 0.5
LAST_S = 75.0  # systemd kills after 90


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

    def end_soon(self) -> None:
        """From now on the process ends within `LAST_S`, whatever does not stop."""
        end_soon()

    def _catch(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True


def end_soon() -> None:
    """From now on the process ends within `LAST_S`, whatever does not stop."""
    text = told(f"something did not stop in {LAST_S:.0f} s: ended without it; what was stored is safe")
    last = threading.Timer(LAST_S, _leave, [text])
    last.daemon = True
    last.start()


def _leave(text: str) -> None:
    """What does not come to its safe point, a server's answer that never ends, keeps nobody from switching off."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
    os._exit(128 + signal.SIGTERM)

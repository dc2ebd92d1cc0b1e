"""SIGTERM and Ctrl-C: waited for by the long-running verbs, and ending the others wherever they fall."""

from __future__ import annotations

import _thread
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from kobo_sync.cli.tongue import told
from kobo_sync.errors import Terminated

HEARTBEAT_S = 0.5
AGAIN_S = 0.05  # after an interruption that was lost
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


def end_by_signals() -> None:
    """From now on SIGTERM ends the verb as Ctrl-C does: it raises `Terminated` in the main thread.

    Either may fall where Python can only ignore an exception (an object that is being taken down, a library's callback):
    the verb would go on to its end, as if nobody had asked. It is sent once more then, until it is heard.
    """
    signal.signal(signal.SIGTERM, _terminate)
    others = sys.unraisablehook

    def hear(ignored: sys.UnraisableHookArgs) -> None:
        if not isinstance(ignored.exc_value, KeyboardInterrupt):
            others(ignored)
            return
        number = signal.SIGTERM if isinstance(ignored.exc_value, Terminated) else signal.SIGINT
        with suppress(RuntimeError):  # the interpreter is ending anyway
            _thread.start_new_thread(_send_again, (number,))  # threading's own locks may be held where this falls

    sys.unraisablehook = hear


def is_no_interruption(record: logging.LogRecord) -> bool:
    """A library logs what falls while it closes a connection, and raises it again: that somebody ended the verb is no error."""
    return not (record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt))


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _send_again(number: int) -> None:
    time.sleep(AGAIN_S)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)  # what it waits for is broken off
    else:
        signal.raise_signal(number)


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

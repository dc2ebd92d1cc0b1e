"""The process of `zone_worker`: it makes the sets of the zones that its input names, and tells of each on its output."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from kobo_sync.mission.mission import Mission
from kobo_sync.steps.build import build_zones
from kobo_sync.steps.process_ends import end_with_parent
from kobo_sync.steps.zone_worker import Looked, Order, ZoneSet, line_of
from kobo_sync.workspace.folders import Workspace


def main() -> None:
    """Carry out the order on standard input. Raises: KoboSyncError."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the build, which ends this process
    signal.signal(signal.SIGTERM, _leave)
    end_with_parent()
    gc.set_threshold(50_000, 20, 100)  # as the command has it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a paper prints is no answer

    def tell(message: Looked | ZoneSet) -> None:
        answers.write(line_of(message))
        answers.flush()

    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_build, args=(sys.stdin.fileno(),), daemon=True).start()
    mission = Mission(Workspace(Path(order.root), Path(order.kept), Path(order.out)), os.environ)
    build_zones(mission, order.zones, order.state, tell)
    mission.close()


def _end_with_build(source: int) -> NoReturn:
    while os.read(source, 1):  # not by `sys.stdin`: Python could not end while a thread waits there
        pass
    os._exit(1)  # the build is gone, and its lock with it: nobody else may be at its sets


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)

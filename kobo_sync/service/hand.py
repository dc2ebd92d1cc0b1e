"""A hand of a worker: a process that carries out one piece after the other, told by its input, and ends with the worker."""

from __future__ import annotations

import gc
import json
import logging
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from kobo_sync.engine.pieces import piece_of
from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.federation import Federation
from kobo_sync.mission.mission import Mission
from kobo_sync.service.logs import of_mission, write_log
from kobo_sync.service.stages import Answer, carry_out
from kobo_sync.steps.process_ends import end_with_parent
from kobo_sync.workspace.folders import find
from kobo_sync.workspace.secret_files import with_secret_files

log = logging.getLogger("kobo_sync.service.hand")


def main() -> None:
    """Read orders, one JSON object a line, and answer each, until the input ends."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(50_000, 20, 100)  # as the command has it
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group: the worker says when to stop
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()
    _die_before_worker()
    answers = os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)  # whatever a step prints is no answer
    orders: queue.Queue[dict[str, Any]] = queue.Queue()
    stopping = threading.Event()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, orders, stopping), daemon=True).start()
    while True:
        order = orders.get()
        with of_mission(Path(order["folder"]).name if order.get("federation") else ""):
            answer = {**_carried_out(order, stopping).as_json(), "rss_mb": _rss_mb()}
        answers.write(json.dumps(answer).encode() + b"\n")


def _listen(source: BinaryIO, orders: queue.Queue[dict[str, Any]], stopping: threading.Event) -> None:
    for line in source:
        message = json.loads(line)
        if message.get("stop"):
            stopping.set()
        else:
            stopping.clear()
            orders.put(message)
    os._exit(1)  # the worker is gone: another takes the piece over, and nobody else may be at it


def _carried_out(order: dict[str, Any], stopping: threading.Event) -> Answer:
    try:
        mission = _opened(Path(order["folder"]), order.get("federation", ""))
        try:
            config = mission.config
            write_log(config.service.log_format, [value.get_secret_value() for value in config.secrets.values()])
            mission.stop = stopping.is_set
            return carry_out(mission, piece_of(order["piece"]), is_again=order["is_again"])
        finally:
            mission.close()
    except KoboSyncError as error:
        log.error("%s: %s", order["piece"].get("stage"), error)
        return Answer("failed", message=str(error))
    except Exception:
        log.exception("the program itself is at fault; the worker goes on")
        return Answer("failed")


def _opened(folder: Path, federation: str) -> Mission:
    """The mission in *folder*; one of many has its own secrets alone. Raises: ConfigError."""
    environ = with_secret_files(os.environ)
    if not federation:
        return Mission(find(folder), environ)
    many = Federation(Path(federation), environ)
    try:
        return many.open(folder.name)
    finally:
        many.close()


def _rss_mb() -> float:
    """The memory that the process holds now, in MB; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0


def _die_before_worker() -> None:
    """Have Linux end this process rather than its worker where memory runs out: the worker then knows which piece it was."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")

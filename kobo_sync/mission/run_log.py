"""Runs, one at a time over processes and machines, each leaving a row: start, end, counts, findings, or the error."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kobo_sync.desk import runs
from kobo_sync.desk.processes import holder_name, state_of
from kobo_sync.desk.runs import Order
from kobo_sync.errors import Busy, KoboSyncError, RunStopped, StoreError
from kobo_sync.mission.mission import Mission, random_uuid
from kobo_sync.model import Report

log = logging.getLogger("kobo_sync.mission.run_log")


def recorded(
    mission: Mission,
    job: str,
    act: Callable[[Mission], Report],
    order: Order = Order(),  # noqa: B008
) -> Report:
    """Carry out *act* alone in the workspace and record how it went.

    Raises: Busy when another run is at work here or on another machine; SlotTaken when the slot
    of *order* was run before; RunStopped when ``mission.stop`` says so or the lease was lost; whatever
    *act* raises, after recording it.
    """
    with mission.workspace.exclusive(), _at_work(mission, job, order) as tracker:
        try:
            report = act(mission)
        except BaseException as error:
            failure = (
                {"error": error.message, "hint": error.hint}
                if isinstance(error, KoboSyncError)
                else {"error": type(error).__name__, "hint": ""}
            )
            status = "stopped" if isinstance(error, RunStopped | KeyboardInterrupt) else "failed"
            runs.end_run(mission.desk, tracker.run_id, mission.clock(), status, failure)
            raise
        status = "findings" if report.has_errors else "done"
        runs.end_run(mission.desk, tracker.run_id, mission.clock(), status, report.as_json())
        return report


def end_dead_runs(mission: Mission, watch: runs.LeaseWatch | None = None) -> int:
    """Record as *lost* the runs whose process died, and free their lease; returns how many.

    A process of this machine is looked at; that of another is dead, with *watch*, when its beat stands still. Raises: StoreError.
    """
    is_running, lease = runs.at_work(mission.desk)
    if not (is_running or lease):
        return 0
    state = state_of(lease.holder) if lease else "dead"
    if state == "alive" or (state == "unknown" and not (watch and lease and watch.is_dead(lease))):
        return 0
    try:
        with mission.workspace.exclusive():
            return runs.end_dead_runs(mission.desk, lease, mission.clock())
    except Busy:  # it lives
        return 0


@contextmanager
def _at_work(mission: Mission, job: str, order: Order) -> Iterator[_Tracker]:
    holder, pid = holder_name(random_uuid()), os.getpid()
    runs.take_lease(mission.desk, holder, mission.host, pid, mission.clock())
    progress = mission.progress
    try:
        run_id = runs.start_run(mission.desk, job, order, mission.clock(), mission.host, pid)
        tracker = _Tracker(mission, holder, run_id)
        mission.progress = tracker.show
        with tracker:
            yield tracker
    finally:
        mission.progress = progress
        runs.give_back(mission.desk, holder)


class _Tracker:
    """Says every second that the run lives and how far it is; ends it at a safe point when it must."""

    def __init__(self, mission: Mission, holder: str, run_id: int) -> None:
        self.run_id = run_id
        self._mission, self._holder, self._shown = mission, holder, mission.progress
        self._progress: dict[str, Any] = {}
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="kobo-sync-beat", daemon=True)

    def __enter__(self) -> _Tracker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def show(self, what: str, done: int, total: int | None) -> None:
        """Note how far *what* is. Raises: RunStopped; steps call this only between two writes."""
        self._progress = {"what": what, "done": done, "total": total}
        self._shown(what, done, total)
        if self._lost:
            raise RunStopped("another machine took the work over", hint="look at the runs of that machine")
        if self._mission.stop():
            raise RunStopped("stopped, as asked", hint="what was received is stored; the next run goes on from there")

    def _beat(self) -> None:
        while not self._over.wait(runs.BEAT_S):
            with suppress(StoreError):  # a database that is away for a moment: the next beat tells
                self._lost = not runs.beat(self._mission.desk, self._holder, self.run_id, self._progress)

"""Runs, one at a time over processes and machines, each leaving a row: start, end, counts, findings, or the error."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kobo_sync.desk import pieces, runs
from kobo_sync.desk.processes import holder_name, state_of
from kobo_sync.desk.runs import Order
from kobo_sync.errors import Busy, KoboSyncError, RunStopped, StoreError
from kobo_sync.mission.mission import Mission, random_uuid
from kobo_sync.model import Report

log = logging.getLogger("kobo_sync.mission.run_log")
_STILL = pieces.StillWatch()  # of the pieces that others in the mission work on


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
        return _carried_out(mission, act, tracker)


def recorded_piece(mission: Mission, job: str, act: Callable[[Mission], Report], order: Order, lease: str) -> Report:
    """The same for a piece of the mission's work that the queue gave to this process alone, beside others at work.

    *lease* is its name (`pieces.name_of`). Raises: Busy when somebody works on the mission as a whole, or on what *lease*
    excludes; else as `recorded`.
    """
    holder, pid = holder_name(random_uuid()), os.getpid()
    pieces.take_piece(mission.desk, lease, holder, mission.host, pid, mission.clock(), _STILL)
    try:
        with _tracked(mission, job, order, holder, lease) as tracker:
            return _carried_out(mission, act, tracker)
    finally:
        with suppress(StoreError):  # a database that is away: the lease stands still, or the piece is taken again
            pieces.give_back(mission.desk, lease, holder)


def _carried_out(mission: Mission, act: Callable[[Mission], Report], tracker: _Tracker) -> Report:
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
    of_pieces = pieces.leases(mission.desk)
    pieces.forget(mission.desk, _STILL.dead(of_pieces), of_pieces)
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


def who(mission: Mission, order: Order) -> str:
    """Who the journal says began a run: an account, who is at the command line, or what is no person."""
    return order.asked_by or (mission.doer if order.origin == "command" else f"({order.origin})")


@contextmanager
def _at_work(mission: Mission, job: str, order: Order) -> Iterator[_Tracker]:
    holder, pid = holder_name(random_uuid()), os.getpid()
    runs.take_lease(mission.desk, holder, mission.host, pid, mission.clock())
    try:
        pieces.refuse_beside_pieces(mission.desk)
        with _tracked(mission, job, order, holder) as tracker:
            yield tracker
    finally:
        runs.give_back(mission.desk, holder)


@contextmanager
def _tracked(mission: Mission, job: str, order: Order, holder: str, lease: str = runs.LEASE) -> Iterator[_Tracker]:
    progress, doer = mission.progress, mission.doer
    try:
        mission.doer = who(mission, order)
        by = mission.doer if lease == runs.LEASE else None
        run_id = runs.start_run(mission.desk, job, order, mission.clock(), mission.host, os.getpid(), by)
        tracker = _Tracker(mission, holder, run_id, lease)
        mission.progress = tracker.show
        with tracker:
            yield tracker
    finally:
        mission.progress, mission.doer = progress, doer


class _Tracker:
    """Says every second that the run lives and how far it is; ends it at a safe point when it must."""

    def __init__(self, mission: Mission, holder: str, run_id: int, lease: str) -> None:
        self.run_id, self._lease = run_id, lease
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
                self._lost = not runs.beat(self._mission.desk, self._holder, self.run_id, self._progress, self._lease)

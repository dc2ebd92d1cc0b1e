"""The ledger of runs, and the lease that lets one run at a time work, over processes and machines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from kobo_sync.desk import journal, schema
from kobo_sync.desk.database import Desk, insert_once, put
from kobo_sync.desk.processes import state_of
from kobo_sync.errors import Busy

R, LEASES = schema.runs, schema.leases
BEAT_S = 1.0
DEAD_S = 30.0  # a holder on another machine that has not moved for so long is taken for dead
LEASE = "run"
COLLECTING = ("run", "pull", "reconcile")
MOST_LOST = 3  # so many runs of a slot may die before it counts as done: what kills its process must not do so for ever
AHEAD = timedelta(hours=1)  # a run that began so much after "now" was recorded before the clock was set back


@dataclass(frozen=True)
class Run:
    """One run, as recorded.

    *status* is running, done, findings (done, with findings of severity error), failed, stopped (asked to),
    lost (its process died), missed (its hour passed while nothing ran) or queued (handed to the workers, whose runs
    follow). *progress* has what, done, total.
    """

    run_id: int
    job: str
    slot: str | None
    origin: str
    asked_by: str
    started_at: datetime
    ended_at: datetime | None
    status: str
    progress: Mapping[str, Any]
    report: Mapping[str, Any]

    @property
    def has_failed(self) -> bool:
        """Whether the run broke off by a fault."""
        return self.status in ("failed", "lost")


@dataclass(frozen=True)
class Order:
    """Why a run takes place: *origin* is command, schedule, catch_up, person or hook; *slot* its hour by the schedule."""

    origin: str = "command"
    asked_by: str = ""
    slot: str | None = None
    slot_at: datetime | None = None
    is_dry: bool = False  # it only says what it would do


class SlotTaken(Exception):
    """Another process or machine already ran this slot: nothing to do."""


# ── the ledger ──────────────────────────────────────────────────────────────


def start_run(desk: Desk, job: str, order: Order, now: datetime, host: str, pid: int, by: str | None = None) -> int:
    """Record that a run began, and in the journal that *by* began it (None: it is a piece of one); returns its run_id.

    The caller holds the lease, so a row that still says running belongs to a process that died: it
    becomes *lost*. Raises: SlotTaken when the slot was run before.
    """
    with desk.begin() as connection:
        _lose(connection, now)
        run_id = _insert(connection, job, order, now, "running", host, pid)
        if by is not None:
            journal.append(connection, job, f"run {run_id}", by=by, now=now, **_dry(order))
    return run_id


def note_missed(desk: Desk, job: str, order: Order, now: datetime, host: str) -> None:
    """Record that a slot passed while nothing ran, and is too old to be made up for. Raises: SlotTaken."""
    with desk.begin() as connection:
        run_id = _insert(connection, job, order, order.slot_at or now, "missed", host, 0)
        connection.execute(R.update().where(R.c.run_id == run_id).values(ended_at=now))


def note_handed_over(desk: Desk, job: str, order: Order, now: datetime, host: str, by: str) -> None:
    """Record that *by* had a job put into the queue of the workers, whose runs are recorded by themselves. Raises: SlotTaken."""
    with desk.begin() as connection:
        run_id = _insert(connection, job, order, now, "queued", host, 0)
        connection.execute(R.update().where(R.c.run_id == run_id).values(ended_at=now))
        journal.append(connection, job, f"run {run_id}", by=by, now=now)


def _dry(order: Order) -> dict[str, str]:
    return {"dry_run": "yes"} if order.is_dry else {}


def _insert(connection: sa.Connection, job: str, order: Order, now: datetime, status: str, host: str, pid: int) -> int:
    values = {"job": job, "slot": order.slot, "slot_at": order.slot_at, "origin": order.origin}
    values |= {"asked_by": order.asked_by, "started_at": now, "status": status, "progress": "{}", "report": "{}"}
    try:
        with connection.begin_nested():
            row = connection.execute(R.insert().values(**values, host=host, pid=pid)).inserted_primary_key
    except IntegrityError:
        raise SlotTaken from None
    assert row is not None
    return int(row.run_id)  # its own number, never the newest: others record runs at the same moment


def end_run(desk: Desk, run_id: int, now: datetime, status: str, report: Mapping[str, Any]) -> None:
    """Record how a run ended; one that was stopped gives its slot back: it is still due."""
    with desk.begin() as connection:
        if status == "stopped":
            row = connection.execute(sa.select(R).where(R.c.run_id == run_id)).one()
            report = {**report, **_slot_given_back(connection, row)}
        report_json = json.dumps(report, ensure_ascii=False)
        connection.execute(
            R.update().where(R.c.run_id == run_id).values(ended_at=now, status=status, report=report_json)
        )


def end_dead_runs(desk: Desk, lease: Lease | None, now: datetime) -> int:
    """Record as *lost* what still says running, and free *lease*, whose holder the caller takes for dead.

    A run that was lost gives its slot back. Returns how many; none when the lease has moved or changed hands meanwhile.
    """
    with desk.begin() as connection:
        if _lease(connection) != lease:
            return 0
        connection.execute(LEASES.delete().where(LEASES.c.name == LEASE))
        return _lose(connection, now)


def free_slots_ahead(desk: Desk, host: str, now: datetime) -> int:
    """Give back the slots of this machine's runs that began after *now*: the clock was set back. Returns how many.

    Else each of these hours, when it comes, would count as done: a day's work, for a clock that was a day ahead.
    """
    ahead = (R.c.host == host) & R.c.slot.is_not(None) & (R.c.started_at > now + AHEAD)
    with desk.read() as connection:
        if not connection.execute(sa.select(sa.exists().where(ahead))).scalar():
            return 0
    with desk.begin() as connection:
        rows = connection.execute(sa.select(R).where(ahead)).all()
        for row in rows:
            report = {**json.loads(row.report), "slot": row.slot}
            values = {"slot": None, "report": json.dumps(report, ensure_ascii=False)}
            connection.execute(R.update().where(R.c.run_id == row.run_id).values(**values))
    return len(rows)


def _at_work() -> sa.ColumnElement[bool]:
    """Whether a run is recorded as running, those aside whose process has the lease of a piece (`pieces`)."""
    of_a_piece = (LEASES.c.name != LEASE) & (LEASES.c.host == R.c.host) & (LEASES.c.pid == R.c.pid)
    return (R.c.status == "running") & ~sa.exists().where(of_a_piece)


def _lose(connection: sa.Connection, now: datetime) -> int:
    rows = connection.execute(sa.select(R).where(_at_work())).all()
    for row in rows:
        report = json.dumps(_slot_given_back(connection, row))
        values = {"status": "lost", "ended_at": now, "report": report}
        connection.execute(R.update().where(R.c.run_id == row.run_id).values(**values))
    return len(rows)


def _slot_given_back(connection: sa.Connection, row: Any) -> dict[str, str]:
    """Take the slot's name off a run that did not end, so that it is due again; returns it for the run's report."""
    if row.slot is None:
        return {}
    lost = connection.execute(sa.select(R.c.report).where(R.c.job == row.job, R.c.status == "lost")).scalars()
    n_lost = sum(json.loads(report).get("slot") == row.slot for report in lost)
    if n_lost + 1 < MOST_LOST:
        connection.execute(R.update().where(R.c.run_id == row.run_id).values(slot=None))
    return {"slot": row.slot}


def last_runs(
    desk: Desk, limit: int = 10, *, job: str = "", before: int | None = None, with_reports: bool = True
) -> list[Run]:
    """The newest runs first; *before* a run_id to page on. Without reports these are empty: they can be long."""
    columns = [column for column in R.c if column.name != "report"]
    query = sa.select(*columns, R.c.report if with_reports else sa.literal("{}").label("report"))
    query = query.order_by(R.c.run_id.desc()).limit(limit)
    if job:
        query = query.where(R.c.job == job)
    if before is not None:
        query = query.where(R.c.run_id < before)
    with desk.begin() as connection:
        return [_run(row) for row in connection.execute(query)]


def run(desk: Desk, run_id: int) -> Run | None:
    """The run called *run_id*, or None."""
    with desk.begin() as connection:
        row = connection.execute(sa.select(R).where(R.c.run_id == run_id)).first()
    return _run(row) if row else None


def running(desk: Desk) -> Run | None:
    """The run at work, or None."""
    with desk.begin() as connection:
        row = connection.execute(
            sa.select(R).where(R.c.status == "running").order_by(R.c.run_id.desc()).limit(1)
        ).first()
    return _run(row) if row else None


def last_success(desk: Desk, jobs: Sequence[str]) -> datetime | None:
    """When one of *jobs* last ended well (findings are no failure), or None."""
    query = sa.select(sa.func.max(R.c.ended_at)).where(R.c.job.in_(jobs), R.c.status.in_(("done", "findings")))
    with desk.begin() as connection:
        return connection.execute(query).scalar()


def due_after(desk: Desk, job: str, now: datetime) -> datetime | None:
    """The moment after which slots of *job* are due: its newest slot that was run or missed; None when it has none.

    A slot in the future says nothing: a clock may have been wrong. Where no slot ended, the first that was given back is due.
    """
    past = (R.c.job == job) & (R.c.slot_at <= now)
    with desk.read() as connection:
        newest: datetime | None = connection.execute(
            sa.select(sa.func.max(R.c.slot_at)).where(past, R.c.slot.is_not(None))
        ).scalar()
        first: datetime | None = connection.execute(sa.select(sa.func.min(R.c.slot_at)).where(past)).scalar()
    return newest or (first - timedelta(seconds=1) if first else None)


def cut_short_since(desk: Desk, moment: datetime) -> list[Run]:
    """The runs that ended after *moment* without having ended well or failed: lost, stopped or missed; the newest first."""
    mine = R.c.status.in_(("lost", "stopped", "missed")) & (R.c.ended_at > moment)
    with desk.read() as connection:
        return [_run(row) for row in connection.execute(sa.select(R).where(mine).order_by(R.c.run_id.desc()))]


def failing(desk: Desk) -> list[Run]:
    """The newest run of each job, of those whose newest broke off; a collection that worked since makes up for another."""
    newest = sa.select(sa.func.max(R.c.run_id)).where(R.c.ended_at.is_not(None)).group_by(R.c.job)
    columns = [column for column in R.c if column.name != "report"]
    query = sa.select(*columns, R.c.report).where(R.c.run_id.in_(newest)).order_by(R.c.run_id.desc())
    with desk.read() as connection:
        last = [_run(row) for row in connection.execute(query)]
    collected = max((run.run_id for run in last if run.job in COLLECTING and not run.has_failed), default=0)
    return [run for run in last if run.has_failed and not (run.job in COLLECTING and run.run_id < collected)]


def counts_by_status(desk: Desk) -> dict[tuple[str, str], int]:
    """How many runs ended how: (job, status) → n."""
    query = sa.select(R.c.job, R.c.status, sa.func.count()).group_by(R.c.job, R.c.status)
    with desk.begin() as connection:
        return {(job, status): n for job, status, n in connection.execute(query)}


def forget_before(desk: Desk, moment: datetime) -> int:
    """Drop the runs that ended before *moment*, but the newest of each job; returns how many."""
    newest = sa.select(sa.func.max(R.c.run_id)).group_by(R.c.job)
    with desk.begin() as connection:
        return connection.execute(R.delete().where(R.c.ended_at < moment, R.c.run_id.not_in(newest))).rowcount


def _run(row: Any) -> Run:
    return Run(
        row.run_id,
        row.job,
        row.slot,
        row.origin,
        row.asked_by,
        row.started_at,
        row.ended_at,
        row.status,
        json.loads(row.progress),
        json.loads(row.report),
    )


# ── the lease ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Lease:
    """Who is at work; *beat* grows while it lives."""

    holder: str
    host: str
    beat: int


class LeaseWatch:
    """Tells a holder that lives from one that died, by its beat and our own monotonic clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lease: Lease | None = None
        self._since = monotonic()

    def is_dead(self, lease: Lease) -> bool:
        """Whether *lease*, just read, has stood still for `DEAD_S` since it was first shown."""
        if lease != self._lease:
            self._lease, self._since = lease, self._monotonic()
        return self._monotonic() - self._since >= DEAD_S


def at_work(desk: Desk) -> tuple[bool, Lease | None]:
    """Whether a run is recorded as running, and the lease that its process took."""
    with desk.read() as connection:
        is_running = connection.execute(sa.select(sa.exists(sa.select(R.c.run_id).where(_at_work())))).scalar()
        return bool(is_running), _lease(connection)


def _lease(connection: sa.Connection) -> Lease | None:
    columns = (LEASES.c.holder, LEASES.c.host, LEASES.c.beat)
    row = connection.execute(sa.select(*columns).where(LEASES.c.name == LEASE)).first()
    return Lease(*row) if row else None


def take_lease(
    desk: Desk,
    holder: str,
    host: str,
    pid: int,
    now: datetime,
    *,
    wait: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Become the one that works; *holder* is of `processes.holder_name`.

    The lease of a dead process of this machine is taken over at once, and one that lives is at work, whichever
    workspace it works in. That of another machine is watched: while its beat moves it is at work; when it stands still
    for `DEAD_S` by our own monotonic clock, whatever the clocks of both say, it is dead.
    Raises: Busy when another process is at work.
    """
    last_beat, since = None, monotonic()
    while True:
        with desk.begin() as connection:
            lease = connection.execute(sa.select(LEASES).where(LEASES.c.name == LEASE).with_for_update()).first()
            state = state_of(lease.holder) if lease else "dead"
            is_dead = state == "dead" or (state == "unknown" and monotonic() - since >= DEAD_S)
            if lease is None or is_dead:
                beat = lease.beat + 1 if lease else 0
                values = {"holder": holder, "host": host, "pid": pid, "beat": beat, "taken_at": now}
                if lease is None and not insert_once(connection, LEASES, {"name": LEASE, **values}):
                    continue  # another machine was faster
                if lease is not None:
                    put(connection, LEASES, {"name": LEASE}, values)
                return
        if state == "alive" or (last_beat is not None and lease.beat != last_beat):
            raise Busy(f"another run is at work on {lease.host}", hint="wait for its end (kobo-sync status shows it)")
        last_beat = lease.beat
        wait(BEAT_S)


def beat(desk: Desk, holder: str, run_id: int, progress: Mapping[str, Any], name: str = LEASE) -> bool:
    """Say that the holder lives, and how far its run is; False when the lease was taken over."""
    with desk.begin() as connection:
        mine = (LEASES.c.name == name) & (LEASES.c.holder == holder)
        alive = connection.execute(LEASES.update().where(mine).values(beat=LEASES.c.beat + 1)).rowcount == 1
        if alive and run_id:
            progress_json = json.dumps(progress, ensure_ascii=False)
            connection.execute(R.update().where(R.c.run_id == run_id).values(progress=progress_json))
    return alive


def give_back(desk: Desk, holder: str) -> None:
    """End the lease, if *holder* still has it."""
    with desk.begin() as connection:
        connection.execute(LEASES.delete().where((LEASES.c.name == LEASE) & (LEASES.c.holder == holder)))

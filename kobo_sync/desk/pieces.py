"""Leases of pieces of a mission's work, where a queue lets several processes work on different ones at once.

They lie in the table of the one lease (`runs.LEASE`, the whole mission's), which none of them may stand beside. Who takes one
writes it first and looks at the others then: of two that exclude each other at least one sees the other.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk, put
from kobo_sync.desk.processes import state_of
from kobo_sync.desk.runs import LEASE, Lease
from kobo_sync.errors import Busy

L, R = schema.leases, schema.runs
STILL_S = 10.0  # a holder whose beat stands still for so long is dead: it beats every second
_LONGEST = 32  # characters of a lease's name
_HINT = "wait for its end (kobo-sync status shows it)"


class StillWatch:
    """Since when the leases of other machines stand still, by our own monotonic clock; of one or several desks."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since: dict[Lease, float] = {}

    def dead(self, leases: dict[str, Lease]) -> set[str]:
        """The names of those of *leases*, just read, whose process is dead, or unknown and silent for `STILL_S`."""
        now = self._monotonic()
        self._since = {lease: since for lease, since in self._since.items() if now - since < 10 * STILL_S}
        states = {name: state_of(lease.holder) for name, lease in leases.items()}
        return {
            name
            for name, lease in leases.items()
            if states[name] == "dead"
            or (states[name] == "unknown" and now - self._since.setdefault(lease, now) >= STILL_S)
        }


def name_of(kind: str, part: str = "") -> str:
    """The name of the lease on *part* of *kind*; on all of that kind without a part."""
    name = f"{kind} {part}" if part else kind
    return name if len(name) <= _LONGEST else f"{kind} {hashlib.sha256(part.encode()).hexdigest()[:16]}"


def exclude(one: str, other: str) -> bool:
    """Whether two leases may not stand beside each other: the same, one the whole of the other, or one the mission's."""
    return LEASE in (one, other) or one == other or one.startswith(f"{other} ") or other.startswith(f"{one} ")


def leases(desk: Desk) -> dict[str, Lease]:
    """The leases of pieces, by name."""
    with desk.read() as connection:
        rows = connection.execute(sa.select(L.c.name, L.c.holder, L.c.host, L.c.beat).where(L.c.name != LEASE)).all()
    return {row.name: Lease(row.holder, row.host, row.beat) for row in rows}


def take_piece(desk: Desk, name: str, holder: str, host: str, pid: int, now: datetime, watch: StillWatch) -> None:
    """Become the one that works on *name*.

    The caller was given it by the queue, which gives it to one at a time: a lease of that name is a dead process's.
    Raises: Busy when somebody works on the mission, on the whole of it or on a part of it.
    """
    with desk.begin() as connection:
        values = {"holder": holder, "host": host, "pid": pid, "beat": 0, "taken_at": now}
        put(connection, L, {"name": name}, values)
    others = _others(desk, name)
    forget(desk, watch.dead(others), others)
    if others := _others(desk, name):
        give_back(desk, name, holder)
        raise Busy(f"another run is at work on {next(iter(others.values())).host}", hint=_HINT)


def _others(desk: Desk, name: str) -> dict[str, Lease]:
    with desk.read() as connection:
        rows = connection.execute(sa.select(L.c.name, L.c.holder, L.c.host, L.c.beat).where(L.c.name != name)).all()
    return {row.name: Lease(row.holder, row.host, row.beat) for row in rows if exclude(name, row.name)}


def refuse_beside_pieces(
    desk: Desk, *, wait: Callable[[float], None] = time.sleep, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """Return once no piece of the mission is at work: for who has just taken the whole. Raises: Busy as soon as one moves."""
    watch, first = StillWatch(monotonic), leases(desk)
    now = first
    while now:
        forget(desk, watch.dead(now), now)
        if not any(map(_is_alive, now.values())):
            wait(1.0)
        now = leases(desk)
        moved = next((each for name, each in now.items() if each != first.get(name) or _is_alive(each)), None)
        if moved:
            raise Busy(f"another run is at work on {moved.host}", hint=_HINT)


def _is_alive(lease: Lease) -> bool:
    return state_of(lease.holder) == "alive"


def forget(desk: Desk, names: set[str], leases: dict[str, Lease]) -> None:
    """End the leases called *names* as they stand in *leases*; one that has moved since stays. The whole's stays."""
    with desk.begin() as connection:
        for name in names - {LEASE}:
            lease = leases[name]
            same = (L.c.name == name) & (L.c.holder == lease.holder) & (L.c.beat == lease.beat)
            connection.execute(L.delete().where(same))


def give_back(desk: Desk, name: str, holder: str) -> None:
    """End the lease *name*, if *holder* still has it."""
    with desk.begin() as connection:
        connection.execute(L.delete().where((L.c.name == name) & (L.c.holder == holder)))


def forget_runs_before(desk: Desk, moment: datetime) -> int:
    """Drop the runs of pieces that the clock asked for and that ended well before *moment*, but the newest of each job.

    A mission of a thousand projects has a hundred thousand of them a day; the hours themselves, and what failed, stay.
    """
    newest = sa.select(sa.func.max(R.c.run_id)).group_by(R.c.job)
    of_clock = R.c.slot.is_(None) & R.c.origin.in_(("schedule", "catch_up")) & (R.c.status == "done")
    with desk.begin() as connection:
        old = of_clock & (R.c.ended_at < moment) & R.c.run_id.not_in(newest)
        return connection.execute(R.delete().where(old)).rowcount

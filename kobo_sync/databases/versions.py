"""A database's version, and the ordered steps that bring an older one to this program's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from kobo_sync.errors import StoreError

C = TypeVar("C")
State = Literal["empty", "older", "current", "newer", "trial"]


@dataclass(frozen=True)
class Versioned(Generic[C]):
    """The tables of one kind of database, over all their versions; *C* is its connection.

    Every change of a table raises *version* and adds a step. A step changes what an older file has, by SQL of its
    own that never changes afterwards; tables that are missing altogether are made by *create*, after the steps.
    """

    name: str  # as messages call it: the mirror, the desk
    version: int  # what this program knows
    read: Callable[[C], int]  # the version of a file; 0 when it is empty. Raises when it is none of ours
    record: Callable[[C, int], None]
    create: Callable[[C], None]
    steps: Mapping[int, Callable[[C], None]]  # version → the step that leads to it from the one before
    start_again: str = "restore a backup made with this program"  # the cure where no step leads on


def state_of(tables: Versioned[C], version: int) -> State:
    """What is to be done about a database of *version*; no step leads on from one of a trial version."""
    if version == tables.version:
        return "current"
    if version > tables.version:
        return "newer"
    if version == 0:
        return "empty"
    return "older" if set(range(version + 1, tables.version + 1)) <= tables.steps.keys() else "trial"


def is_current(tables: Versioned[C], connection: C, place: str) -> bool:
    """Whether the database needs nothing; only reads.

    Raises: StoreError, and the database is as it was, when it is newer than this program, or of a trial version.
    """
    version = tables.read(connection)
    state = state_of(tables, version)
    if state == "newer":
        raise StoreError(
            f"{place} was written by a newer kobo-sync: its tables are of version {version}, this program knows "
            f"version {tables.version}; nothing was changed",
            hint="update kobo-sync, or restore a backup made with this one",
        )
    if state == "trial":
        raise StoreError(
            f"{place} was written by a trial version of kobo-sync: its tables are of version {version}, this program "
            f"brings up version {min(tables.steps) - 1} and later; nothing was changed",
            hint=tables.start_again,
        )
    return state == "current"


def bring_up(tables: Versioned[C], connection: C, place: str) -> None:
    """Bring the database to this program's version: all of it, or nothing if anything fails.

    *connection* is in a transaction that no other writer shares: another process may have been faster, which is seen
    here. Raises: as `is_current`.
    """
    if is_current(tables, connection, place):
        return
    version = tables.read(connection)
    for step in range(version + 1, tables.version + 1) if version else ():
        tables.steps[step](connection)
    tables.create(connection)
    tables.record(connection, tables.version)

"""What doctor sees of the mirror, the desk and the station's file: version, rows, damage. Nothing is opened for writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from kobo_sync.databases.engines import Address, server_engine
from kobo_sync.databases.inspection import damage, read_only
from kobo_sync.databases.versions import State, Versioned, state_of
from kobo_sync.desk.migrations import DESK
from kobo_sync.errors import StoreError
from kobo_sync.station.database import STATION
from kobo_sync.store.migrations import MIRROR
from kobo_sync.workspace.folders import Workspace

COUNTED = {  # table → what its rows are called
    "mirror": {"submissions": "rows", "attachments": "files"},
    "desk": {"runs": "runs", "findings": "findings", "users": "accounts"},
    "station": {"submissions": "submissions"},
}

_FORBIDDEN = """SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(current_schema()::text)
 AND NOT (has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))"""


@dataclass(frozen=True)
class Database:
    """What was seen of one database: *reason* says why it cannot be read, *locked* why it can only be read."""

    name: str
    place: str
    tables: Versioned[Any]
    version: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    locked: str = ""

    @property
    def state(self) -> State | None:
        """What is to be done about its version; None when it cannot be read."""
        return None if self.reason else state_of(self.tables, self.version)

    @property
    def text(self) -> str:
        """What was seen, in a line."""
        if self.reason:
            return f"{self.place} cannot be read: {self.reason}"
        newest = self.tables.version
        verdict = {
            "current": "",
            "older": f"; will be brought up to version {newest} at the next run, and keeps all it has",
            "newer": f", newer than this program, which knows version {newest}",
            "trial": f", of a trial version; this program brings up version {min(self.tables.steps) - 1} and later",
            "empty": "; empty",
        }[state_of(self.tables, self.version)]
        counted = ", ".join(f"{n} {COUNTED[self.name][table]}" for table, n in self.rows.items())
        only_read = self.locked and f"; it can only be read: {self.locked}"
        return f"{self.place}, version {self.version}{counted and f', {counted}'}{verdict}{only_read}"

    @property
    def cure(self) -> str:
        """What to do; empty when it is well."""
        if self.reason:
            return "restore a backup (kobo-sync restore), or look at the disk and at the database's address"
        locked = "no run can store anything: let this account write there, or name the server that is written to"
        cures = {"newer": "update kobo-sync", "trial": self.tables.start_again}
        return cures.get(self.state or "") or (locked if self.locked else "")


def databases(workspace: Workspace, shared: Mapping[str, Address]) -> Iterator[Database]:
    """The mission's databases that are there, as they are: none is made, brought up or mended.

    *shared* are those that lie in PostgreSQL, by name. Raises: ConfigError.
    """
    kinds = (("mirror", MIRROR), ("desk", DESK), ("station", STATION))
    for name, tables in kinds:
        path = workspace.state / f"{name}.sqlite"
        if name in shared:
            yield _on_server(name, tables, shared[name])
        elif path.is_file():
            yield _in_file(name, tables, path)


def mirror_is_current(workspace: Workspace, shared: Mapping[str, Address]) -> bool:
    """Whether the mirror is there and as this program has it: it can then be read without making it or bringing it up."""
    return any(each.name == "mirror" and each.state == "current" for each in databases(workspace, shared))


def _in_file(name: str, tables: Versioned[Any], path: Path) -> Database:
    try:
        with read_only(path) as file:
            amiss = damage(file)
            if amiss:
                return Database(name, path.name, tables, reason=f"it is damaged ({amiss})")
            reading = sa.create_engine("sqlite://", creator=lambda: file, poolclass=sa.StaticPool)
            with reading.connect() as connection:
                version = tables.read(file if tables is STATION else connection)
                return Database(name, path.name, tables, version, _rows(name, connection), locked=_file_lock(path))
    except (sqlite3.Error, SQLAlchemyError) as error:
        return Database(name, path.name, tables, reason=_first_line(error))


def _on_server(name: str, tables: Versioned[Any], address: Address) -> Database:
    place = f"the database that {address.key} names"
    server = server_engine(address, place)
    try:
        with server.connect() as connection:
            locked = _server_lock(connection)
            return Database(name, place, tables, tables.read(connection), _rows(name, connection), locked=locked)
    except (SQLAlchemyError, StoreError) as error:
        return Database(name, place, tables, reason=_first_line(error))
    finally:
        server.dispose()


def _file_lock(path: Path) -> str:
    """Why this account cannot write the file; empty when it can."""
    if not os.access(path, os.W_OK):
        return "the file is protected, or the disk"
    return "" if os.access(path.parent, os.W_OK) else "its folder is protected"


def _server_lock(connection: sa.Connection) -> str:
    """Why this account cannot write the tables; empty when it can."""
    if connection.exec_driver_sql("SELECT current_setting('transaction_read_only')").scalar_one() == "on":
        return "the server is a copy, or set to read only"
    return "" if connection.exec_driver_sql(_FORBIDDEN).scalar_one() == 0 else "the account lacks rights on its tables"


def _rows(name: str, connection: sa.Connection) -> dict[str, int]:
    there = set(sa.inspect(connection).get_table_names())
    counts = {}
    for table in COUNTED[name]:
        if table in there:
            query = sa.select(sa.func.count()).select_from(sa.table(table))
            counts[table] = int(connection.execute(query).scalar_one())
    return counts


def _first_line(error: Exception) -> str:
    """The driver's own words, without the address: it may have a password."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]

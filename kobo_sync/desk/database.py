"""The desk's database, apart from the mirror: a long pull never makes a person wait who signs in or looks."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, IntegrityError

from kobo_sync import __version__
from kobo_sync.databases.dialects import BUSY_S
from kobo_sync.databases.engines import Address, prepare, refusal_of, server_engine
from kobo_sync.databases.moving import MOVED, refuse_moved
from kobo_sync.databases.versions import bring_up, is_current
from kobo_sync.desk import schema
from kobo_sync.desk.kept_head import HEAD, NOTED, KeptHead
from kobo_sync.desk.migrations import DESK, fact
from kobo_sync.errors import StoreError

LOCAL = "the desk's database"


class Desk:
    """The desk, open: *place* is a SQLite file, or a schema of a PostgreSQL database that machines share.

    Every write is one transaction. Raises (every method): StoreError when the database refuses, or was brought up by a newer
    program meanwhile.
    """

    def __init__(self, place: Path | Address, *, may_be_moving: bool = False) -> None:
        self._may_be_moving = may_be_moving
        self._head = KeptHead(place.with_name(HEAD)) if isinstance(place, Path) else None
        self._name = LOCAL if isinstance(place, Path) else f"{LOCAL} that {place.key} names"
        if isinstance(place, Path):
            settings = {"timeout": BUSY_S, "check_same_thread": False}
            self.engine = sa.create_engine(f"sqlite:///{place}", connect_args=settings)
            sa.event.listen(self.engine, "connect", _tune)
            sa.event.listen(self.engine, "begin", _begin)
        else:
            self.engine = server_engine(place, self._name)
        shown = f"the desk ({self.engine.url.database})"  # neither host nor password
        try:
            with self.read() as connection:
                needs_nothing = is_current(DESK, connection, shown)
            if not needs_nothing and isinstance(place, Address):
                prepare(self.engine, place, self._name, lambda connection: bring_up(DESK, connection, shown))
            elif not needs_nothing:
                with self._transaction() as connection:
                    bring_up(DESK, connection, shown)
            if not may_be_moving:
                with self.read() as connection:
                    refuse_moved(connection, schema.facts, self._name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the database back."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is stored, or nothing.

        Of two programs of different versions on one database the older writes no more, once the newer brought it up; and
        nobody writes where the rows were moved away from, also who had it open before.
        """
        with self._transaction() as connection:
            if fact(connection, MOVED) and not self._may_be_moving:
                refuse_moved(connection, schema.facts, self._name)
            version = fact(connection, "schema_version")
            if version != str(DESK.version):
                raise StoreError(
                    f"{self._name} was brought up by a newer kobo-sync while this one worked; nothing was changed",
                    hint="update kobo-sync on this machine, then run again",
                )
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.begin() as connection:
                connection.info.pop(NOTED, None)  # of a transaction that came to nothing
                yield connection
                is_noted = connection.info.pop(NOTED, False)
            if is_noted and self._head is not None:
                with self.read() as connection:
                    self._head.follow(connection)
        except DatabaseError as error:
            raise self._refusal(error) from error

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that only reads: it never waits for one that writes, nor makes it wait."""
        try:
            with self.engine.connect().execution_options(reads_only=True) as connection, connection.begin():
                yield connection
        except DatabaseError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: DatabaseError) -> StoreError:
        file = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        return refusal_of(error, self._name, file)

    def signing_key(self) -> str:
        """The key that signs cookies and links; made with the desk, never shown."""
        with self.begin() as connection:
            return fact(connection, "signing_key") or ""

    # ── files that machines share ──

    def shared_file(self, name: str) -> bytes | None:
        """The content of a file that machines of one mission must have alike; None when the desk never had it."""
        with self.read() as connection:
            text = fact(connection, f"file {name}")
        return None if text is None else b64decode(text)

    def offer_shared_file(self, name: str, content: bytes) -> bytes:
        """Keep *content* unless another machine was faster; returns what is kept, never what was erased."""
        text = b64encode(content).decode("ascii")
        with self.begin() as connection:
            values = {"name": f"file {name}", "value": text}
            if not insert_once(connection, schema.facts, values):
                mine = (schema.facts.c.name == values["name"]) & (schema.facts.c.value == "")
                connection.execute(schema.facts.update().where(mine).values(value=text))
            return b64decode(fact(connection, values["name"]) or text)

    def put_shared_file(self, name: str, content: bytes) -> None:
        """Keep *content*; nothing in it says that it was erased everywhere."""
        with self.begin() as connection:
            put(connection, schema.facts, {"name": f"file {name}"}, {"value": b64encode(content).decode("ascii")})

    # ── snapshots ──

    def snapshot(self, name: str) -> tuple[dict[str, Any], str, datetime] | None:
        """(content, fingerprint, made_at) of what pages show under *name*; None also when another version made it."""
        table = schema.snapshots
        with self.begin() as connection:
            row = connection.execute(sa.select(table).where(table.c.name == name)).first()
        version, _, fingerprint = row.fingerprint.rpartition(" ") if row else ("", "", "")
        return (json.loads(row.content), fingerprint, row.made_at) if row and version == __version__ else None

    def put_snapshot(self, name: str, content: Mapping[str, Any], fingerprint: str, now: datetime) -> None:
        """Keep *content* under *name* in place of the one before."""
        stamp = f"{__version__} {fingerprint}"  # what is in it changes with the pages
        values = {"made_at": now, "fingerprint": stamp, "content": json.dumps(content, ensure_ascii=False)}
        with self.begin() as connection:
            put(connection, schema.snapshots, {"name": name}, values)


def open_desk(place: Path | Address) -> Desk:
    """The desk in a SQLite file or a schema of a PostgreSQL database. Raises: StoreError, ConfigError."""
    return Desk(place)


def put(connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Write *values* at *key*, whether the row is there or not, or made by another at this moment; the same SQL on both databases."""
    mine = sa.and_(*(table.c[name] == value for name, value in key.items()))
    while not connection.execute(table.update().where(mine).values(**values)).rowcount:
        if insert_once(connection, table, {**key, **values}):
            return


def insert_once(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Add a row; False when one with its key is there already, also when another process was faster."""
    try:
        with connection.begin_nested():
            connection.execute(table.insert().values(**values))
    except IntegrityError:
        return False
    return True


def _begin(connection: sa.Connection) -> None:
    reads_only = connection.get_execution_options().get("reads_only")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _tune(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_S * 1000}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")

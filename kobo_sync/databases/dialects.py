"""SQLite and PostgreSQL: all that the two spell, bound or do differently stands here."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from kobo_sync.databases.storable import storable_column
from kobo_sync.errors import StoreError

if TYPE_CHECKING:
    import sqlalchemy as sa

Name = Literal["sqlite", "postgresql"]
Inserts = list[
    tuple[str, list[tuple[Any, ...] | bytes]]
]  # statements, and what each is run with: tuples of values, or bytes to copy
VALUES = 800  # so many in one statement of SQLite: fewer cost more, more gain nothing
ROWS_AT_ONCE = 2_000
FEW = 50  # rows that are changed one by one where a table of their own would cost more
BUSY_S = 30  # how long a transaction waits for another one


_number = count(1)


class DuplicateKey(Exception):
    """A row with this key is there already; nothing of what was tried stands."""


class Dialect(ABC):
    """One of the two. Values are marked ``?`` in every statement, whichever database it is for."""

    name: Name
    part_width: int  # columns of a flat table that one table of the database takes, whatever is in them
    view_width: int  # columns of a view
    name_bytes: int  # the longest name of a table or column
    temporary: str  # the schema of temporary tables
    row_id: str  # the type of a table's own number
    no_row = "1 = 0"
    as_they_lie = ""  # after a table's name: read it as its rows lie
    kinds: Mapping[str, str]  # kind of a flat column → type
    appends_unseen: bool  # whether a first reading is stored without an index over uuids

    @abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver itself raises, where SQLAlchemy stands not between."""

    def stored(self, name: str) -> str:
        """What a table or column of that name is called in the database."""
        return name

    def quoted(self, name: str) -> str:
        """A name as SQL writes it."""
        return '"' + self.stored(name).replace('"', '""') + '"'

    def run(self, connection: sa.Connection, statement: str, values: Sequence[Any] = ()) -> sa.CursorResult[Any]:
        """Run a statement once."""
        return connection.exec_driver_sql(statement, tuple(values)) if values else connection.exec_driver_sql(statement)

    @abstractmethod
    def batches(
        self, connection: sa.Connection, query: str, values: Sequence[Any] = (), *, at_once: int = ROWS_AT_ONCE
    ) -> Iterator[Sequence[Any]]:
        """The rows of *query*, some at a time, straight from the driver: memory does not grow with their number."""

    def rows(self, connection: sa.Connection, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of *query*, which are few, as the driver gives them."""
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(self.marked(query), tuple(values))
            return list(cursor.fetchall())

    @abstractmethod
    def among(self, column: str, values: Collection[Any]) -> tuple[str, Any]:
        """The condition that *column* is one of *values*, however many, and the one value to bind."""

    @abstractmethod
    def joined(self, text: str, separator: str) -> str:
        """The aggregate that puts the texts of a group side by side; *separator* is an expression."""

    @abstractmethod
    def utc(self, cell: str) -> str:
        """The moment that a cell holds as text, in UTC; NULL when it holds none."""

    @abstractmethod
    def columns(self, connection: sa.Connection, table: str) -> frozenset[str]:
        """The columns that a table has, in small letters; none when there is no such table."""

    @abstractmethod
    def lock(self, connection: sa.Connection, what: str) -> None:
        """Keep every other transaction that says *what* waiting until this one ends."""

    @abstractmethod
    def join_whole(self, connection: sa.Connection) -> None:
        """Until the transaction ends: tables are joined as wholes, never a row of one by one look into the other."""

    @abstractmethod
    def guarded(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """What is done inside stands whole or not at all. Raises: DuplicateKey."""

    @abstractmethod
    def inserts_of(
        self,
        table: str,
        names: Sequence[str],
        columns: Sequence[Sequence[object]],
        altered: set[str] | None = None,
    ) -> Inserts:
        """How to insert rows that lie side by side: a column of *columns* for each of *names*, all of one length.

        *altered* gathers the names of columns with characters that the database cannot keep, which are replaced by U+FFFD.
        """

    @abstractmethod
    def insert(self, connection: sa.Connection, inserts: Inserts) -> None:
        """Run what `inserts_of` made."""

    def insert_rows(
        self, connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Insert *rows*, values in the order of *names*."""
        if rows:
            self.insert(connection, self.inserts_of(table, names, list(zip(*rows, strict=True))))

    def update_rows(
        self,
        connection: sa.Connection,
        table: str,
        names: Sequence[str],
        key: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Set *names* in the rows of *table* that *key* tells: each of *rows* has the values of *names*, then those of *key*."""
        if rows:
            self._update_one_by_one(connection, table, names, key, rows)

    @abstractmethod
    def replace_rows(
        self, connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Insert *rows* in place of those with the same first column, which is the key of *table*; the last of several stays."""

    @abstractmethod
    def vacuum(self, engine: sa.Engine) -> None:
        """Write the tables anew without what was deleted, so that it cannot be read from the disk. Raises: StoreError."""

    def _update_one_by_one(
        self,
        connection: sa.Connection,
        table: str,
        names: Sequence[str],
        key: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        sets = ", ".join(f"{self.quoted(name)} = ?" for name in names)
        mine = " AND ".join(f"{self.quoted(name)} = ?" for name in key)
        statement = self.marked(f"UPDATE {self.quoted(table)} SET {sets} WHERE {mine}")
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])

    def marked(self, statement: str) -> str:
        """A statement with the driver's own marks for values."""
        return statement


class _SQLite(Dialect):
    name: Name = "sqlite"
    part_width = 1_900  # SQLite has 2,000 columns to a table, and to an answer
    view_width = 2_000
    name_bytes = 1 << 20
    temporary = "temp"
    row_id = "INTEGER"  # a BIGINT would get an index of its own
    as_they_lie = "NOT INDEXED"
    kinds: Mapping[str, str] = {"text": "TEXT", "integer": "BIGINT", "decimal": "FLOAT"}
    appends_unseen = True

    def errors(self) -> tuple[type[Exception], ...]:
        import sqlite3

        return (sqlite3.DatabaseError,)

    def batches(
        self, connection: sa.Connection, query: str, values: Sequence[Any] = (), *, at_once: int = ROWS_AT_ONCE
    ) -> Iterator[Sequence[Any]]:
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(query, tuple(values))
            while batch := cursor.fetchmany(at_once):
                yield batch

    def among(self, column: str, values: Collection[Any]) -> tuple[str, Any]:
        import json

        return f"{column} IN (SELECT value FROM json_each(?))", json.dumps(list(values))

    def joined(self, text: str, separator: str) -> str:
        return f"group_concat({text}, {separator})"

    def utc(self, cell: str) -> str:
        return f"strftime('%Y-%m-%dT%H:%M:%SZ', {cell})"

    def columns(self, connection: sa.Connection, table: str) -> frozenset[str]:
        rows = connection.exec_driver_sql(f"PRAGMA table_info({self.quoted(table)})").all()
        return frozenset(str(row[1]).lower() for row in rows)

    def join_whole(self, connection: sa.Connection) -> None:
        """Nothing to do: it makes itself an index where it needs one."""

    def lock(self, connection: sa.Connection, what: str) -> None:
        """Nothing to do: whoever writes has the whole file for itself."""

    def guarded(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Nothing to guard: without an index no row can be there already."""
        return nullcontext()

    def inserts_of(
        self,
        table: str,
        names: Sequence[str],
        columns: Sequence[Sequence[object]],
        altered: set[str] | None = None,
    ) -> Inserts:
        """Several rows to a statement, since a statement costs more than its values.

        Columns without a value are left out: of all values, None costs `sqlite3` the most (it looks for an adapter).
        """
        n = len(columns[0])
        if not n:
            return []
        filled = [at for at, column in enumerate(columns) if column[0] is not None or column.count(None) < n]
        names, columns = [names[at] for at in filled], [columns[at] for at in filled]
        width = len(names)
        values: list[Any] = [None] * (n * width)
        for at, column in enumerate(columns):
            values[at::width] = column
        step = max(1, VALUES // width) * width
        whole = len(values) - len(values) % step
        return [
            (
                self._insert(table, names, size // width),
                [tuple(values[at : at + size]) for at in range(start, end, size)],
            )
            for end, start, size in ((whole, 0, step), (len(values), whole, width))
            if start < end
        ]

    def _insert(self, table: str, names: Sequence[str], n_rows: int) -> str:
        row = f"({', '.join('?' * len(names))})"
        columns = ", ".join(map(self.quoted, names))
        return f"INSERT INTO {self.quoted(table)} ({columns}) VALUES {', '.join([row] * n_rows)}"

    def insert(self, connection: sa.Connection, inserts: Inserts) -> None:
        for statement, values in inserts:
            connection.exec_driver_sql(statement, values)

    def replace_rows(
        self, connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        columns, marks = ", ".join(map(self.quoted, names)), ", ".join("?" * len(names))
        statement = f"INSERT OR REPLACE INTO {self.quoted(table)} ({columns}) VALUES ({marks})"
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])

    def vacuum(self, engine: sa.Engine) -> None:
        """The file too, and its write-ahead log; not while another program reads it: what was erased could be found then."""
        from sqlite3 import OperationalError

        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("VACUUM")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.close()
        except OperationalError as error:
            raise StoreError(
                f"the local database refuses: {error}", hint="free some disk space, then purge again"
            ) from error
        finally:
            raw.close()
        if busy:
            raise StoreError("another program reads the local database", hint="close it, then purge again")


class _PostgreSQL(Dialect):
    name: Name = "postgresql"
    # A row must fit a page of 8 kB, with 25 bytes for each text that is kept elsewhere; 1,600 columns are allowed.
    part_width = 300
    view_width = 1_600
    name_bytes = 63
    temporary = "pg_temp"
    row_id = "BIGINT"
    kinds: Mapping[str, str] = {
        "text": 'TEXT COLLATE "C"',  # sorted as SQLite and Python do
        "integer": "BIGINT",
        "decimal": "DOUBLE PRECISION",
    }
    appends_unseen = False  # several forms may be read at once: an index that they share stays

    def errors(self) -> tuple[type[Exception], ...]:
        import psycopg

        return (psycopg.Error,)

    def stored(self, name: str) -> str:
        packed = name.encode("utf-8", "surrogatepass")
        if len(packed) <= self.name_bytes:
            return name
        mark = hashlib.sha256(packed).hexdigest()[:8]
        return packed[: self.name_bytes - 9].decode("utf-8", "ignore") + "~" + mark

    def marked(self, statement: str) -> str:
        return statement.replace("%", "%%").replace("?", "%s")

    def run(self, connection: sa.Connection, statement: str, values: Sequence[Any] = ()) -> sa.CursorResult[Any]:
        if values:
            return connection.exec_driver_sql(self.marked(statement), tuple(values))
        return connection.exec_driver_sql(statement.replace("%", "%%"), ())

    def batches(
        self, connection: sa.Connection, query: str, values: Sequence[Any] = (), *, at_once: int = ROWS_AT_ONCE
    ) -> Iterator[Sequence[Any]]:
        """By a cursor of the server: the client would hold the whole answer."""
        driver: Any = connection.connection.dbapi_connection
        with driver.cursor(name=f"kobo_sync_{next(_number)}") as cursor:
            cursor.execute(self.marked(query), tuple(values))
            while batch := cursor.fetchmany(at_once):
                yield batch

    def among(self, column: str, values: Collection[Any]) -> tuple[str, Any]:
        return f"{column} = ANY(?)", list(values)

    def joined(self, text: str, separator: str) -> str:
        return f"string_agg({text}, {separator.replace('char(', 'chr(')})"

    def utc(self, cell: str) -> str:
        return f"kobo_utc({cell})"

    def columns(self, connection: sa.Connection, table: str) -> frozenset[str]:
        query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped"
        return frozenset(str(row[0]).lower() for row in self.run(connection, query, (self.quoted(table),)))

    def lock(self, connection: sa.Connection, what: str) -> None:
        self.run(
            connection,
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || ?::text, 7069))",
            (what,),
        )

    def join_whole(self, connection: sa.Connection) -> None:
        """Right after a first reading the server has no statistics, takes 100,000 rows for few, and would need the square."""
        self.run(connection, "SET LOCAL enable_nestloop = off")

    @contextmanager
    def guarded(self, connection: sa.Connection) -> Iterator[None]:
        import psycopg.errors

        try:
            with connection.begin_nested():
                yield
        except psycopg.errors.UniqueViolation as error:
            raise DuplicateKey from error

    def inserts_of(
        self,
        table: str,
        names: Sequence[str],
        columns: Sequence[Sequence[object]],
        altered: set[str] | None = None,
    ) -> Inserts:
        """Whole rows for COPY: `insert` asks the server for their types."""
        if not columns[0]:
            return []
        clean = []
        for name, column in zip(names, columns, strict=True):
            clean.append(storable_column(column))
            if clean[-1] is not column and altered is not None:
                altered.add(name)
        return [(f"{self.quoted(table)} ({', '.join(map(self.quoted, names))})", list(zip(*clean, strict=True)))]

    def insert(self, connection: sa.Connection, inserts: Inserts) -> None:
        """By COPY in its binary form: a third of its text form's time, here and on the server."""
        driver: Any = connection.connection.dbapi_connection
        with driver.cursor() as cursor:
            for target, rows in inserts:
                table, _, names = target.rpartition(" (")
                cursor.execute(f"SELECT {names[:-1]} FROM {table} LIMIT 0".replace("%", "%%"), ())
                types = [column.type_code for column in cursor.description]
                with cursor.copy(f"COPY {target} FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(types)
                    for row in rows:
                        copy.write_row(row)

    def update_rows(
        self,
        connection: sa.Connection,
        table: str,
        names: Sequence[str],
        key: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        if len(rows) < FEW:
            super().update_rows(connection, table, names, key, rows)
            return
        columns = ", ".join(map(self.quoted, (*names, *key)))
        self.run(connection, f"CREATE TEMP TABLE changes AS SELECT {columns} FROM {self.quoted(table)} WITH NO DATA")
        self.insert_rows(connection, "changes", (*names, *key), rows)
        sets = ", ".join(f"{self.quoted(name)} = c.{self.quoted(name)}" for name in names)
        mine = " AND ".join(f"t.{self.quoted(name)} = c.{self.quoted(name)}" for name in key)
        self.run(connection, f"UPDATE {self.quoted(table)} t SET {sets} FROM changes c WHERE {mine}")
        self.run(connection, "DROP TABLE pg_temp.changes")

    def replace_rows(
        self, connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        columns = ", ".join(map(self.quoted, names))
        key, *others = map(self.quoted, names)
        sets = ", ".join(f"{name} = excluded.{name}" for name in others)
        self.run(connection, f"CREATE TEMP TABLE page AS SELECT {columns} FROM {self.quoted(table)} WITH NO DATA")
        self.insert_rows(connection, "page", names, list({row[0]: row for row in rows}.values()))
        replace = f"INSERT INTO {self.quoted(table)} ({columns}) SELECT {columns} FROM pg_temp.page ON CONFLICT ({key}) DO UPDATE SET {sets}"
        self.run(connection, replace)
        self.run(connection, "DROP TABLE pg_temp.page")

    def vacuum(self, engine: sa.Engine) -> None:
        """Not the server's own log nor its backups: they are its owner's."""
        from sqlalchemy.exc import DatabaseError

        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
                for name in list(connection.exec_driver_sql(tables).scalars()):
                    connection.exec_driver_sql(f'VACUUM (FULL) "{name}"')
        except DatabaseError as error:
            reason = str(error.orig).splitlines()[0]
            raise StoreError(f"the database refuses: {reason}", hint="purge again: it goes on from there") from error


SQLITE: Dialect = _SQLite()
POSTGRESQL: Dialect = _PostgreSQL()
DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (SQLITE, POSTGRESQL)}


def dialect_of(connection: sa.Connection | sa.Engine) -> Dialect:
    """The dialect of a connection."""
    return DIALECTS[connection.dialect.name]

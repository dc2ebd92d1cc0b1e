"""A database's rows from SQLite to PostgreSQL or back: some at a time, so that a killed move goes on, and proved equal."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.databases.storable import storable
from kobo_sync.errors import StoreError

ROWS_PER_STEP = 2_000
BYTES_PER_STEP = 16_000_000  # a table whose rows are pages is moved in fewer rows at once
MOVING = "moving"  # the fact of a database that is being filled: nobody else may work with it
MOVED = "moved to"  # the fact of one whose rows lie elsewhere now
Reading = Callable[[], AbstractContextManager[sa.Connection]]  # a connection to read by: a new one, or one moment's
_OWN = ("schema_version", MOVING, MOVED)


@dataclass(frozen=True)
class TableProof:
    """A table on both sides: how many rows, and the sum of their hashes, which no order changes."""

    table: str
    n_source: int
    n_target: int
    sha_source: str
    sha_target: str

    @property
    def is_equal(self) -> bool:
        """Whether both sides hold the same rows."""
        return (self.n_source, self.sha_source) == (self.n_target, self.sha_target)


def move_rows(
    source: Reading,
    target: sa.Engine,
    tables: Sequence[sa.Table],
    facts: sa.Table,
    progress: Callable[[str, int, int | None], None],
) -> list[TableProof]:
    """Bring the rows of *tables* from *source* to *target*, which holds nothing else, and prove that they are equal there.

    *facts* is the table of what each of the two knows of itself; it goes last, and how far the others came is kept in
    it: run again after a kill, the move goes on. A table that changed meanwhile is moved again, once.
    Raises: StoreError when it keeps changing.
    """
    others = [table for table in tables if table is not facts]
    for table in others:
        _move_table(source, target, table, facts, progress)
    _replace_facts(source, target, facts)
    proofs = []
    for table in tables:
        proof = _proof(source, target, table, facts)
        if not proof.is_equal and table is not facts:
            with target.begin() as connection:
                connection.execute(table.delete())
                _note(connection, facts, table, None)
            _move_table(source, target, table, facts, progress)
            proof = _proof(source, target, table, facts)
        if not proof.is_equal:
            raise StoreError(
                f"the table {table.name} changed while it was moved: {proof.n_source} rows there, {proof.n_target} here",
                hint="stop the service and other runs of this mission, then run the same command again",
            )
        proofs.append(proof)
    with target.begin() as connection:
        _set_numbers(connection, tables)
    return proofs


def open_for_all(connection: sa.Connection, facts: sa.Table) -> None:
    """End a move: what says how far it came goes, with what kept everybody else out."""
    connection.execute(facts.delete().where(facts.c.name.like("move %") | (facts.c.name == MOVING)))


def fact(connection: sa.Connection, facts: sa.Table, name: str) -> str | None:
    """What a database remembers under *name*."""
    value: str | None = connection.execute(sa.select(facts.c.value).where(facts.c.name == name)).scalar()
    return value


def put_fact(connection: sa.Connection, facts: sa.Table, name: str, value: str | None) -> None:
    """Have it remember *value*, or nothing."""
    connection.execute(facts.delete().where(facts.c.name == name))
    if value is not None:
        connection.execute(facts.insert().values(name=name, value=value))


def refuse_moved(connection: sa.Connection, facts: sa.Table, name: str) -> None:
    """Raises: StoreError when the database *name* is half filled by a move, or its rows were moved away."""
    rows = dict(map(tuple, connection.execute(sa.select(facts.c.name, facts.c.value).where(facts.c.name.in_(_OWN)))))
    if MOVING in rows:
        raise StoreError(
            f"{name} is half filled: a move to it was cut short",
            hint="run `kobo-sync store move` again as before: it goes on where it was",
        )
    if MOVED in rows:
        to, _, moment = rows[MOVED].partition(" ")
        raise StoreError(
            f"what {name} held was moved to {'the database that STORE_URL names' if to == 'server' else 'files'} on {moment[:10]}",
            hint="set STORE_URL in config/secrets.env (`kobo-sync store move --to files` brings it back)"
            if to == "server"
            else "take STORE_URL out of config/secrets.env (`kobo-sync store move --to server` brings it back)",
        )


def _move_table(
    source: Reading,
    target: sa.Engine,
    table: sa.Table,
    facts: sa.Table,
    progress: Callable[[str, int, int | None], None],
) -> None:
    key = list(table.primary_key.columns)
    with target.connect() as connection:
        last = _last(fact(connection, facts, f"move {table.name}"))
        n = int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    with source() as connection:
        total = int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    names, dialect = [column.name for column in table.columns], dialect_of(target)
    while True:
        progress(table.name, n, total)
        query = sa.select(*(_plain(column) for column in table.columns)).order_by(*key)
        if last is not None:
            query = query.where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, last)))
        with source() as connection:
            rows = _some(connection.execution_options(stream_results=True).execute(query.limit(ROWS_PER_STEP)))
        if not rows:
            return
        at = [names.index(column.name) for column in key]
        last = [rows[-1][place] for place in at]
        with target.begin() as connection:
            dialect.insert_rows(connection, table.name, names, [_typed(table, row) for row in rows])
            _note(connection, facts, table, last)
        n += len(rows)


def _plain(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """The column as the driver gives it: moments stay texts."""
    return sa.type_coerce(column, sa.Text()) if isinstance(column.type, sa.TypeDecorator) else column


def _typed(table: sa.Table, row: Sequence[Any]) -> tuple[Any, ...]:
    pairs = zip(row, table.columns, strict=True)
    return tuple(
        bool(value) if isinstance(column.type, sa.Boolean) and value is not None else value for value, column in pairs
    )


def _some(rows: sa.CursorResult[Any]) -> list[Sequence[Any]]:
    some: list[Sequence[Any]] = []
    n_bytes = 0
    for row in rows:
        some.append(tuple(row))
        n_bytes += sum(len(value) for value in row if isinstance(value, bytes))
        if n_bytes > BYTES_PER_STEP:
            break
    rows.close()
    return some


def _note(connection: sa.Connection, facts: sa.Table, table: sa.Table, last: Sequence[Any] | None) -> None:
    put_fact(connection, facts, f"move {table.name}", None if last is None else json.dumps(list(last)))


def _last(text: str | None) -> list[Any] | None:
    return json.loads(text) if text else None


def _replace_facts(source: Reading, target: sa.Engine, facts: sa.Table) -> None:
    own = facts.c.name.in_(_OWN) | facts.c.name.like("move %")
    with source() as connection:
        rows = [tuple(row) for row in connection.execute(sa.select(facts.c.name, facts.c.value).where(~own))]
    with target.begin() as connection:
        connection.execute(facts.delete().where(~own))
        dialect_of(target).insert_rows(connection, facts.name, ("name", "value"), rows)


def _proof(source: Reading, target: sa.Engine, table: sa.Table, facts: sa.Table) -> TableProof:
    n_source, sha_source = fingerprint(source, table, facts)
    n_target, sha_target = fingerprint(target.connect, table, facts)
    return TableProof(table.name, n_source, n_target, sha_source, sha_target)


def fingerprint(reading: Reading, table: sa.Table, facts: sa.Table) -> tuple[int, str]:
    """(rows, sum of their SHA-256 in hex) of a table: equal for equal rows in either database, in whatever order."""
    query = sa.select(*(_plain(column) for column in table.columns))
    if table is facts:
        query = query.where(~(facts.c.name.in_(_OWN) | facts.c.name.like("move %")))
    n = total = 0
    with reading() as connection:
        for row in connection.execution_options(stream_results=True, max_row_buffer=200).execute(query):
            n += 1
            total += int.from_bytes(hashlib.sha256(_bytes(table, row)).digest(), "big")
    return n, f"{total % (1 << 256):064x}"


def _bytes(table: sa.Table, row: Sequence[Any]) -> bytes:
    return b"\0".join(_value(value) for value in _typed(table, row))


def _value(value: Any) -> bytes:
    if isinstance(value, bytes):
        return b64encode(value)
    return repr(storable(value) if isinstance(value, str) else value).encode()


def _set_numbers(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    """Let PostgreSQL number new rows after those that came with a number; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        (column, *more) = table.primary_key.columns
        if more or not isinstance(column.type, sa.Integer):
            continue
        newest = sa.select(sa.func.max(column)).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
        connection.execute(
            sa.select(sa.func.setval(sequence, newest)).where(sequence.is_not(None), newest.is_not(None))
        )

"""Reads of flat tables, whatever number of tables of the database each is kept in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa

from kobo_sync.databases.dialects import Dialect, dialect_of
from kobo_sync.databases.storable import storable
from kobo_sync.store import schema
from kobo_sync.store.tables.layout import FlatTable, Kind, load_tables, part_name

Parts = Sequence[tuple[str, frozenset[str]]]  # name in the database, names of its columns in small letters


class Where(NamedTuple):
    """The rows of submissions whose *column*, in the flat table *table*, is one of *values*, or with *others* none of them.

    *of_items*: that table is a repeat's, of which the first item with an answer counts. Without a *column*: all rows.
    """

    column: str = ""
    values: Sequence[Any] = ()
    others: bool = False
    table: str = ""
    of_items: bool = False


EVERYWHERE = Where()


def stored_tables(connection: sa.Connection, form_id: str) -> tuple[FlatTable, ...]:
    """The flat tables that a form has in the database, over all its versions; none before its first pull."""
    layouts = schema.flat_layouts
    return load_tables(
        connection.execute(sa.select(layouts.c.layout).where(layouts.c.form_id == form_id)).scalar() or ""
    )


def stored_parts(connection: sa.Connection, table: str) -> Parts:
    """The tables of the database that a flat table is kept in now."""
    parts: list[tuple[str, frozenset[str]]] = []
    while True:
        name = part_name(table, len(parts) + 1)
        columns = dialect_of(connection).columns(connection, name)
        if not columns:
            return parts
        parts.append((name, columns))


def part_with(dialect: Dialect, parts: Parts, column: str) -> str:
    """The table of the database that has *column*; empty when none has."""
    return next((name for name, columns in parts if dialect.stored(column).lower() in columns), "")


def read_columns(
    connection: sa.Connection, table: FlatTable, kinds: Mapping[str, Kind], where: Where
) -> dict[str, list[Any]]:
    """The columns named by *kinds*, in order of submission; those that the database lacks hold nothing."""
    columns: dict[str, list[Any]] = {name: [] for name in kinds}
    parts = stored_parts(connection, table.name)
    dialect = dialect_of(connection)
    texts: dict[Any, Any] = {}  # equal texts are held once: codes, days and versions come thousands of times
    unread = dict.fromkeys(kinds)
    for at, (part, stored) in enumerate(parts):
        names = [name for name in unread if dialect.stored(name).lower() in stored]
        if not names:
            continue
        condition = _condition(connection, table, where)
        query = _query(dialect, table, parts[0][0], "" if at == 0 else part, names, condition[0])
        for batch in dialect.batches(connection, query, condition[1]):
            for name, values in zip(names, zip(*batch, strict=True), strict=True):
                columns[name].extend(map(texts.setdefault, values, values) if kinds[name] == "text" else values)
        for name in names:
            del unread[name]
    n = len(columns["root_uuid"])
    return columns | {name: [None] * n for name in unread}


def _query(dialect: Dialect, table: FlatTable, first: str, part: str, names: Sequence[str], condition: str) -> str:
    """Rows of a part in the order of the first, which is asked for alone when *part* is empty."""
    quoted = dialect.quoted
    order = "root_uuid, position" if table.repeat else "submission_id"
    where = condition and f"WHERE {condition}"
    if not part:
        return f"SELECT {', '.join(map(quoted, names))} FROM {quoted(first)} {where} ORDER BY {order}"
    same = "p.root_uuid = k.root_uuid" + (" AND p.position = k.position" if table.repeat else "")
    rows = f"SELECT root_uuid, {'position' if table.repeat else 'submission_id'} FROM {quoted(first)} {where}"
    ordered = ", ".join(f"k.{name}" for name in order.split(", "))
    shown = ", ".join(f"p.{quoted(name)}" for name in names)
    return f"SELECT {shown} FROM ({rows}) k LEFT JOIN {quoted(part)} p ON {same} ORDER BY {ordered}"


def first_answers(dialect: Dialect, part: str, column: str) -> str:
    """The query for root uuid and, as ``zone``, the first answer that the items of a repeat have in *column* of *part*."""
    answer, items = dialect.quoted(column), dialect.quoted(part)
    first = f"SELECT root_uuid, min(position) AS position FROM {items} WHERE {answer} IS NOT NULL GROUP BY root_uuid"
    return (
        f"SELECT i.root_uuid, i.{answer} AS zone FROM {items} i"
        f" JOIN ({first}) f ON f.root_uuid = i.root_uuid AND f.position = i.position"
    )


def _condition(connection: sa.Connection, table: FlatTable, where: Where) -> tuple[str, Sequence[Any]]:
    if not where.column:
        return "", ()
    dialect = dialect_of(connection)
    home = part_with(dialect, stored_parts(connection, where.table), where.column)
    if not where.values or not home:
        return ("" if where.others else dialect.no_row), ()
    column, marks = dialect.quoted(where.column), ",".join("?" * len(where.values))
    if where.of_items:
        chosen = f"SELECT z.root_uuid FROM ({first_answers(dialect, home, where.column)}) z WHERE z.zone IN ({marks})"
        return f"root_uuid {'NOT ' if where.others else ''}IN ({chosen})", where.values
    mine = f"({column} IS NULL OR {column} NOT IN ({marks}))" if where.others else f"{column} IN ({marks})"
    if home != part_name(table.name):
        mine = f"root_uuid IN (SELECT root_uuid FROM {dialect.quoted(home)} WHERE {mine})"
    return mine, where.values


def table_fingerprint(connection: sa.Connection, table: FlatTable) -> tuple[int, str]:
    """(rows, sum of their SHA-256 in hex) of a flat table: equal for equal rows, however the database keeps them."""
    kinds = dict(table.system) | {column.name: column.kind for column in table.columns}
    dialect, parts = dialect_of(connection), stored_parts(connection, table.name)
    rows: Iterable[Sequence[Any]]
    if len(parts) == 1:
        names = ", ".join(map(dialect.quoted, kinds))
        batches = dialect.batches(connection, f"SELECT {names} FROM {dialect.quoted(parts[0][0])}")
        rows = chain.from_iterable(batches)
    else:  # a wide form, of which there are never many rows
        rows = zip(*read_columns(connection, table, kinds, EVERYWHERE).values(), strict=True)
    n = total = 0
    for row in rows:
        n += 1
        total += int.from_bytes(hashlib.sha256(repr(_storable(row)).encode()).digest(), "big")
    return n, f"{total % (1 << 256):064x}"


def _storable(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(storable(value) if isinstance(value, str) else value for value in row)


def count_answers(connection: sa.Connection, tables: Sequence[FlatTable], question: str, codes: Sequence[str]) -> int:
    """How many answers a question has in *tables*; with *codes* those that chose one."""
    total, dialect = 0, dialect_of(connection)
    for table in tables:
        parts = stored_parts(connection, table.name)
        for column in table.columns:
            part = part_with(dialect, parts, column.name) if column.question == question and column.part <= 0 else ""
            if not part:
                continue
            stored = sa.table(dialect.stored(part), sa.column(dialect.stored(column.name)))
            answer = stored.c[dialect.stored(column.name)]
            cell = sa.cast(answer, sa.Text)
            chosen = [(" " + cell + " ").contains(f" {code} ", autoescape=True) for code in codes]
            query = (
                sa.select(sa.func.count())
                .select_from(stored)
                .where(answer.is_not(None), sa.or_(sa.false(), *chosen) if codes else sa.true())
            )
            total += int(connection.execute(query).scalar_one())
    return total

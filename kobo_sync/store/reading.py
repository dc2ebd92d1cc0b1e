"""Reads of flat tables, whatever number of tables of the database each is kept in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from kobo_sync.store import schema
from kobo_sync.store.tables.bulk import quoted
from kobo_sync.store.tables.layout import FlatTable, Kind, load_tables, part_name

ROWS_AT_ONCE = 2_000
SQL_TYPES: Mapping[Kind, type[sa.types.TypeEngine[Any]]] = {
    "text": sa.Text,
    "integer": sa.BigInteger,
    "decimal": sa.Float,
}
Parts = Sequence[tuple[str, frozenset[str]]]  # name in the database, names of its columns in small letters


class Where(NamedTuple):
    """The rows of submissions whose *column*, in the table of *form_id*, is one of *values*, or with *others* none of them.

    Without a *column*: all rows.
    """

    column: str = ""
    values: Sequence[str] = ()
    others: bool = False
    form_id: str = ""


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
        columns = connection.exec_driver_sql(f"PRAGMA table_info({quoted(name)})").all()
        if not columns:
            return parts
        parts.append((name, frozenset(str(row[1]).lower() for row in columns)))


def part_with(parts: Parts, column: str) -> str:
    """The table of the database that has *column*; empty when none has."""
    return next((name for name, columns in parts if column.lower() in columns), "")


def read_columns(
    connection: sa.Connection, table: FlatTable, kinds: Mapping[str, Kind], where: Where
) -> dict[str, list[Any]]:
    """The columns named by *kinds*, in order of submission; those that the database lacks hold nothing."""
    columns: dict[str, list[Any]] = {name: [] for name in kinds}
    parts = stored_parts(connection, table.name)
    texts: dict[Any, Any] = {}  # equal texts are held once: codes, days and versions come thousands of times
    unread = dict.fromkeys(kinds)
    for at, (part, stored) in enumerate(parts):
        names = [name for name in unread if name.lower() in stored]
        if not names:
            continue
        condition = _condition(connection, table, where)
        query = _query(table, parts[0][0], "" if at == 0 else part, names, condition[0])
        for batch in _batches(connection, query, condition[1]):
            for name, values in zip(names, zip(*batch, strict=True), strict=True):
                columns[name].extend(map(texts.setdefault, values, values) if kinds[name] == "text" else values)
        for name in names:
            del unread[name]
    n = len(columns["root_uuid"])
    return columns | {name: [None] * n for name in unread}


def _query(table: FlatTable, first: str, part: str, names: Sequence[str], condition: str) -> str:
    """Rows of a part in the order of the first, which is asked for alone when *part* is empty."""
    order = "root_uuid, position" if table.repeat else "submission_id"
    where = condition and f"WHERE {condition}"
    if not part:
        return f"SELECT {', '.join(map(quoted, names))} FROM {quoted(first)} {where} ORDER BY {order}"
    same = "p.root_uuid = k.root_uuid" + (" AND p.position = k.position" if table.repeat else "")
    rows = f"SELECT root_uuid, {'position' if table.repeat else 'submission_id'} FROM {quoted(first)} {where}"
    ordered = ", ".join(f"k.{name}" for name in order.split(", "))
    shown = ", ".join(f"p.{quoted(name)}" for name in names)
    return f"SELECT {shown} FROM ({rows}) k LEFT JOIN {quoted(part)} p ON {same} ORDER BY {ordered}"


def _condition(connection: sa.Connection, table: FlatTable, where: Where) -> tuple[str, Sequence[str]]:
    if not where.column:
        return "", ()
    home = part_with(stored_parts(connection, where.form_id), where.column)
    if not where.values or not home:
        return ("" if where.others else "0"), ()
    column, marks = quoted(where.column), ",".join("?" * len(where.values))
    mine = f"({column} IS NULL OR {column} NOT IN ({marks}))" if where.others else f"{column} IN ({marks})"
    if home != part_name(table.name):
        mine = f"root_uuid IN (SELECT root_uuid FROM {quoted(home)} WHERE {mine})"
    return mine, where.values


def _batches(connection: sa.Connection, query: str, values: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Rows, some thousands at a time, straight from the driver."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(query, tuple(values))
        while batch := cursor.fetchmany(ROWS_AT_ONCE):
            yield batch
    finally:
        cursor.close()


def count_answers(connection: sa.Connection, tables: Sequence[FlatTable], question: str, codes: Sequence[str]) -> int:
    """How many answers a question has in *tables*; with *codes* those that chose one."""
    total = 0
    for table in tables:
        parts = stored_parts(connection, table.name)
        for column in table.columns:
            part = part_with(parts, column.name) if column.question == question and column.part <= 0 else ""
            if not part:
                continue
            stored = sa.table(part, sa.column(column.name))
            cell = sa.cast(stored.c[column.name], sa.Text)
            chosen = [(" " + cell + " ").contains(f" {code} ", autoescape=True) for code in codes]
            query = (
                sa.select(sa.func.count())
                .select_from(stored)
                .where(stored.c[column.name].is_not(None), sa.or_(sa.false(), *chosen) if codes else sa.true())
            )
            total += int(connection.execute(query).scalar_one())
    return total

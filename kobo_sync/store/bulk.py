"""Many rows into a table: side by side, several to a statement, since a statement costs more than its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

VALUES = 800  # so many in one statement: fewer cost more, more gain nothing


def insert_rows(connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert *rows*, values in the order of *names*."""
    if rows:
        insert_columns(connection, table, names, list(zip(*rows, strict=True)))


def insert_columns(
    connection: sa.Connection, table: str, names: Sequence[str], columns: Sequence[Sequence[object]]
) -> None:
    """Insert rows that lie side by side: a column of *columns* for each of *names*, all of one length.

    Columns without a value are left out: of all values, None costs `sqlite3` the most (it looks for an adapter).
    """
    n = len(columns[0])
    if not n:
        return
    said = [at for at, column in enumerate(columns) if column[0] is not None or column.count(None) < n]
    names, columns = [names[at] for at in said], [columns[at] for at in said]
    width = len(names)
    values: list[Any] = [None] * (n * width)
    for at, column in enumerate(columns):
        values[at::width] = column
    step = max(1, VALUES // width) * width
    whole = len(values) - len(values) % step
    for end, start, size in ((whole, 0, step), (len(values), whole, width)):
        if start < end:
            several = [tuple(values[at : at + size]) for at in range(start, end, size)]
            connection.exec_driver_sql(_statement(table, names, size // width), several)


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _statement(table: str, columns: Sequence[str], n_rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))}) VALUES {', '.join([row] * n_rows)}"

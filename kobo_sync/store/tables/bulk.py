"""Many rows into a table: side by side, several to a statement, since a statement costs more than its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

VALUES = 800  # so many in one statement: fewer cost more, more gain nothing
Inserts = list[tuple[str, list[tuple[Any, ...]]]]  # statements, and the values that each is run with, time after time


def insert(connection: sa.Connection, inserts: Inserts) -> None:
    """Run what `inserts_of` made."""
    for statement, values in inserts:
        connection.exec_driver_sql(statement, values)


def insert_rows(connection: sa.Connection, table: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert *rows*, values in the order of *names*."""
    if rows:
        insert(connection, inserts_of(table, names, list(zip(*rows, strict=True))))


def inserts_of(table: str, names: Sequence[str], columns: Sequence[Sequence[object]]) -> Inserts:
    """How to insert rows that lie side by side: a column of *columns* for each of *names*, all of one length.

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
        (_statement(table, names, size // width), [tuple(values[at : at + size]) for at in range(start, end, size)])
        for end, start, size in ((whole, 0, step), (len(values), whole, width))
        if start < end
    ]


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _statement(table: str, columns: Sequence[str], n_rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))}) VALUES {', '.join([row] * n_rows)}"

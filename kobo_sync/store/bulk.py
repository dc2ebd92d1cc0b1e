"""Many rows into a table: narrow ones several to a statement, since a statement costs more than its values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import sqlalchemy as sa

VALUES = 200  # so many in one statement; above some twenty columns nothing is gained


def insert_rows(
    connection: sa.Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert *rows*, values in the order of *columns*."""
    several = VALUES // len(columns)
    whole = len(rows) - len(rows) % several if several >= 10 else 0
    if whole:
        joined = [tuple(chain.from_iterable(rows[at : at + several])) for at in range(0, whole, several)]
        connection.exec_driver_sql(_statement(table, columns, several), joined)
    if rows[whole:]:
        connection.exec_driver_sql(_statement(table, columns, 1), rows[whole:])


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _statement(table: str, columns: Sequence[str], n_rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))}) VALUES {', '.join([row] * n_rows)}"

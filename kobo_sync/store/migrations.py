"""From the schema of an older file to the next, in order, within one transaction: all that is held stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from kobo_sync.store import schema
from kobo_sync.store.tables.bulk import quoted


def _to_3(connection: sa.Connection) -> None:
    """Rows get a number of their own, so that new ones are appended, and the order of their ids."""
    connection.exec_driver_sql("DROP INDEX submissions_by_id")
    connection.exec_driver_sql("DROP INDEX IF EXISTS attachments_wanted")
    for table, order in ((schema.submissions, "form_id, submission_id"), (schema.attachments, "form_id, rowid")):
        connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO older")
        table.create(connection)
        names = ", ".join(quoted(column.name) for column in table.columns if column.name != "row_id")
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM older ORDER BY {order}")
        connection.exec_driver_sql("DROP TABLE older")


def _to_4(connection: sa.Connection) -> None:
    """Signatures tell the folder of the files: the next complete pull looks at rows with files once more."""
    connection.exec_driver_sql("UPDATE submissions SET raw_sha256 = x'' WHERE signature LIKE '% %'")


MIGRATIONS: Mapping[int, Callable[[sa.Connection], None]] = {2: _to_3, 3: _to_4}  # from each version to the next


def migrate(connection: sa.Connection, version: int) -> bool:
    """Bring a file of *version* to `schema.VERSION`; returns whether there is a way."""
    if not set(range(version, schema.VERSION)) <= MIGRATIONS.keys():
        return False
    for each in range(version, schema.VERSION):
        MIGRATIONS[each](connection)
    connection.execute(
        schema.facts.update().where(schema.facts.c.name == "schema_version").values(value=str(schema.VERSION))
    )
    return True

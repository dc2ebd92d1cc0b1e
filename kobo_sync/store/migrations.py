"""From the schema of an older file to the next, in order, within one transaction: all that is held stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from kobo_sync.databases.dialects import SQLITE
from kobo_sync.databases.engines import make_functions
from kobo_sync.databases.versions import Versioned
from kobo_sync.store import schema


def _to_3(connection: sa.Connection) -> None:
    """Rows get a number of their own, so that new ones are appended, and the order of their ids."""
    connection.exec_driver_sql("DROP INDEX submissions_by_id")
    connection.exec_driver_sql("DROP INDEX IF EXISTS attachments_wanted")
    for table, order in ((schema.submissions, "form_id, submission_id"), (schema.attachments, "form_id, rowid")):
        connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO older")
        table.create(connection)
        names = ", ".join(SQLITE.quoted(column.name) for column in table.columns if column.name != "row_id")
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM older ORDER BY {order}")
        connection.exec_driver_sql("DROP TABLE older")


def _to_4(connection: sa.Connection) -> None:
    """Signatures tell the folder of the files: the next complete pull looks at rows with files once more."""
    connection.exec_driver_sql("UPDATE submissions SET raw_sha256 = x'' WHERE signature LIKE '% %'")


def _to_5(connection: sa.Connection) -> None:
    """Rows are called what their server calls them, as text: KoboToolbox's number is one such name."""
    if not sa.inspect(connection).has_table("submissions"):
        return
    if "server_key" not in {column["name"] for column in sa.inspect(connection).get_columns("submissions")}:
        connection.exec_driver_sql("ALTER TABLE submissions ADD COLUMN server_key VARCHAR NOT NULL DEFAULT ''")
    connection.exec_driver_sql(
        "UPDATE submissions SET server_key = CAST(submission_id AS VARCHAR) WHERE server_key = ''"
    )


MIGRATIONS: Mapping[int, Callable[[sa.Connection], None]] = {
    2: _to_3,
    3: _to_4,
    4: _to_5,
}  # from each version to the next


def _version(connection: sa.Connection) -> int:
    facts = schema.facts
    query = sa.select(facts.c.value).where(facts.c.name == "schema_version")
    return int(connection.execute(query).scalar() or 0) if sa.inspect(connection).has_table(facts.name) else 0


def _record(connection: sa.Connection, version: int) -> None:
    facts = schema.facts
    connection.execute(facts.delete().where(facts.c.name == "schema_version"))
    connection.execute(facts.insert().values(name="schema_version", value=str(version)))


def _create(connection: sa.Connection) -> None:
    schema.metadata.create_all(connection)
    if connection.dialect.name == "postgresql":
        make_functions(connection)
        connection.exec_driver_sql("CREATE INDEX attachments_wanted ON attachments (form_id) WHERE sha256 IS NULL")
        # What is in it is packed already.
        connection.exec_driver_sql("ALTER TABLE bodies ALTER COLUMN packed SET STORAGE EXTERNAL")


MIRROR = Versioned(
    "the mirror",
    schema.VERSION,
    read=_version,
    record=_record,
    create=_create,
    steps={version + 1: step for version, step in MIGRATIONS.items()},
    start_again="move the file away and run `kobo-sync pull`: all that the server holds comes back",
)

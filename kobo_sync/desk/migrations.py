"""From the desk's older versions to today's tables: every row stays."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from kobo_sync.databases.versions import Versioned
from kobo_sync.desk import schema


def _to_2(connection: sa.Connection) -> None:
    """Three kinds of desks called themselves version 1: without the worklist, without the runs' `slot_at`, with both."""
    if "slot_at" not in {column["name"] for column in sa.inspect(connection).get_columns("runs")}:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN slot_at VARCHAR(32)")


def _to_3(connection: sa.Connection) -> None:
    """The row that a finding is compared with: the next check fills it in. A desk without a worklist gets one as it is today."""
    if not sa.inspect(connection).has_table("findings"):
        return
    connection.exec_driver_sql("ALTER TABLE findings ADD COLUMN other_row VARCHAR(160) DEFAULT '' NOT NULL")


def _to_4(connection: sa.Connection) -> None:
    """One-time links and the changes made on pages: tables of their own, which `_create` makes."""


def _to_5(connection: sa.Connection) -> None:
    """Rows on hold are called what their server calls them, as text: KoboToolbox's number is one such name."""
    if not sa.inspect(connection).has_table("holds"):
        return
    columns = {column["name"] for column in sa.inspect(connection).get_columns("holds")}
    if "submission_id" in columns:
        if "server_key" not in columns:
            connection.exec_driver_sql("ALTER TABLE holds ADD COLUMN server_key VARCHAR(255) DEFAULT '' NOT NULL")
        connection.exec_driver_sql("UPDATE holds SET server_key = CAST(submission_id AS VARCHAR)")
        connection.exec_driver_sql("ALTER TABLE holds DROP COLUMN submission_id")


def fact(connection: sa.Connection, name: str) -> str | None:
    """What the desk remembers under *name*."""
    query = sa.select(schema.facts.c.value).where(schema.facts.c.name == name)
    return connection.execute(query).scalar()


def _version(connection: sa.Connection) -> int:
    is_made = sa.inspect(connection).has_table(schema.facts.name)
    return int(fact(connection, "schema_version") or 0) if is_made else 0


def _put_fact(connection: sa.Connection, name: str, value: str) -> None:
    facts = schema.facts
    connection.execute(facts.delete().where(facts.c.name == name))
    connection.execute(facts.insert().values(name=name, value=value))


def _create(connection: sa.Connection) -> None:
    schema.metadata.create_all(connection)
    if fact(connection, "signing_key") is None:
        _put_fact(connection, "signing_key", secrets.token_hex(32))


DESK = Versioned(
    "the desk",
    schema.VERSION,
    read=_version,
    record=lambda connection, version: _put_fact(connection, "schema_version", str(version)),
    create=_create,
    steps={2: _to_2, 3: _to_3, 4: _to_4, 5: _to_5},
)

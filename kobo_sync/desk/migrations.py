"""From the desk's older versions to today's tables: every row stays."""

from __future__ import annotations

import json
import secrets

import sqlalchemy as sa

from kobo_sync.databases.versions import Versioned
from kobo_sync.desk import schema
from kobo_sync.desk.chain import NOTHING_BEFORE, seal


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
    connection.exec_driver_sql(
        "CREATE TABLE newer_holds (form_id VARCHAR(64) NOT NULL, root_uuid VARCHAR(64) NOT NULL,"
        " server_key VARCHAR(255) NOT NULL, state VARCHAR(16) NOT NULL, reason TEXT NOT NULL,"
        " evidence VARCHAR(64) NOT NULL, changed_at VARCHAR(32) NOT NULL, PRIMARY KEY (form_id, root_uuid))"
    )
    others = ", ".join(("state", "reason", "evidence", "changed_at"))
    connection.exec_driver_sql(
        f"INSERT INTO newer_holds (form_id, root_uuid, server_key, {others})"
        f" SELECT form_id, root_uuid, CAST(submission_id AS VARCHAR), {others} FROM holds"
    )
    connection.exec_driver_sql("DROP TABLE holds")
    connection.exec_driver_sql("ALTER TABLE newer_holds RENAME TO holds")


def _to_6(connection: sa.Connection) -> None:
    """Who took which file becomes the first part of the journal, in its order; the chain holds from here on."""
    if not sa.inspect(connection).has_table("downloads"):
        return
    connection.exec_driver_sql(
        'CREATE TABLE journal (number BIGINT NOT NULL, at VARCHAR(32) NOT NULL, "by" TEXT NOT NULL,'
        " act VARCHAR(32) NOT NULL, subject TEXT NOT NULL, details TEXT NOT NULL, sha256 VARCHAR(64) NOT NULL,"
        " PRIMARY KEY (number))"
    )
    rows = connection.exec_driver_sql(
        "SELECT at, username, share_id, path, classification, sha256 FROM downloads ORDER BY download_id"
    ).all()
    insert = sa.text("INSERT INTO journal VALUES (:number, :at, :by, :act, :subject, :details, :sha256)")
    before = NOTHING_BEFORE
    for number, (at, username, share_id, path, classification, file_sha256) in enumerate(rows, 1):
        by, act = username or f"(link {share_id})", "look" if path.startswith(("rows/", "qualite/")) else "download"
        details = json.dumps({"class": classification, "sha256": file_sha256}, ensure_ascii=False)
        before = seal(before, number, at, by, act, path, details)
        values = {"number": number, "at": at, "by": by, "act": act, "subject": path}
        connection.execute(insert, {**values, "details": details, "sha256": before})
    connection.exec_driver_sql("DROP TABLE downloads")


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
    steps={2: _to_2, 3: _to_3, 4: _to_4, 5: _to_5, 6: _to_6},
)

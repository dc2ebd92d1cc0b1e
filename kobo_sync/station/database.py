"""The station's SQLite file: schema, one writer at a time, one reader per thread."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kobo_sync.databases.versions import Versioned, bring_up, is_current
from kobo_sync.errors import StoreError

SCHEMA_VERSION = 4  # every change of a table raises it, with a step in STATION
_SCHEMA = """
CREATE TABLE assets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, owner TEXT NOT NULL,
    asset_type TEXT NOT NULL, settings TEXT NOT NULL, version_id TEXT NOT NULL,
    created_at TEXT NOT NULL, modified_at TEXT NOT NULL, modified_by TEXT);
CREATE TABLE versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, sheets TEXT NOT NULL,
    content TEXT NOT NULL, content_hash TEXT NOT NULL, created_at TEXT NOT NULL, deployed_at TEXT);
CREATE INDEX versions_asset ON versions (asset, id);
CREATE TABLE deployments (
    pk INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL UNIQUE, uuid TEXT NOT NULL, active INTEGER NOT NULL,
    version_id TEXT NOT NULL, stamp TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, xform BLOB NOT NULL,
    md5 TEXT NOT NULL, deployed_at TEXT NOT NULL, last_submission_at TEXT);
CREATE INDEX deployments_uuid ON deployments (uuid);
CREATE TABLE blobs (sha TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, username TEXT NOT NULL,
    file_type TEXT NOT NULL, description TEXT NOT NULL, filename TEXT NOT NULL, mimetype TEXT NOT NULL,
    md5 TEXT NOT NULL, blob TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE published (
    id INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, filename TEXT NOT NULL, mimetype TEXT NOT NULL,
    md5 TEXT NOT NULL, blob TEXT NOT NULL);
CREATE TABLE imports (
    uid TEXT PRIMARY KEY, username TEXT NOT NULL, status TEXT NOT NULL, messages TEXT NOT NULL,
    created_at TEXT NOT NULL);
CREATE TABLE submissions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, uuid TEXT NOT NULL, root_uuid TEXT NOT NULL,
    sha TEXT NOT NULL, head TEXT NOT NULL, attachments TEXT NOT NULL, validation TEXT NOT NULL,
    submission_time TEXT NOT NULL, created_at TEXT NOT NULL, submitted_by TEXT, xml BLOB NOT NULL);
CREATE INDEX submissions_asset ON submissions (asset, id);
CREATE UNIQUE INDEX submissions_uuid ON submissions (asset, uuid);
CREATE INDEX submissions_root ON submissions (asset, root_uuid);
CREATE TABLE retired (
    uuid TEXT NOT NULL, asset TEXT NOT NULL, submission_id INTEGER NOT NULL, in_ledger INTEGER NOT NULL DEFAULT 1);
CREATE INDEX retired_uuid ON retired (asset, uuid);
CREATE TABLE attachments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, submission_id INTEGER NOT NULL,
    name TEXT NOT NULL, stored_as TEXT NOT NULL, mimetype TEXT NOT NULL, blob TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL);
CREATE INDEX attachments_submission ON attachments (submission_id, id);
CREATE INDEX attachments_blob ON attachments (blob);
CREATE TABLE permissions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, username TEXT NOT NULL,
    codename TEXT NOT NULL, filters TEXT, UNIQUE (asset, username, codename));
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, username TEXT NOT NULL, action TEXT NOT NULL,
    metadata TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE INDEX history_asset ON history (asset, id);
CREATE TABLE hooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, settings TEXT NOT NULL,
    modified_at TEXT NOT NULL);
CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE pairings (
    asset TEXT PRIMARY KEY, form_id TEXT NOT NULL, kc TEXT NOT NULL, form_hash TEXT NOT NULL, version TEXT NOT NULL,
    form_uuid TEXT NOT NULL, paired_at TEXT NOT NULL, replaces TEXT, server TEXT NOT NULL DEFAULT '');
CREATE TABLE paired_media (
    asset TEXT NOT NULL, filename TEXT NOT NULL, hash TEXT NOT NULL, mimetype TEXT NOT NULL, blob TEXT NOT NULL,
    PRIMARY KEY (asset, filename));
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, submission_id INTEGER NOT NULL, uuid TEXT NOT NULL,
    root_uuid TEXT NOT NULL, deprecated TEXT NOT NULL, kind TEXT NOT NULL, sha TEXT NOT NULL, xml BLOB,
    address TEXT NOT NULL, sent_as BLOB, received_at TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0, next_try_at TEXT, status INTEGER, message TEXT NOT NULL DEFAULT '',
    relayed_at TEXT, settled_at TEXT, removed_at TEXT, server TEXT NOT NULL DEFAULT '', code TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX ledger_uuid ON ledger (submission_id, uuid);
CREATE INDEX ledger_state ON ledger (state, id);
CREATE TABLE ledger_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record INTEGER NOT NULL, name TEXT NOT NULL, mimetype TEXT NOT NULL,
    blob TEXT NOT NULL, relayed_at TEXT);
CREATE INDEX ledger_files_record ON ledger_files (record, id);
CREATE INDEX ledger_files_blob ON ledger_files (blob);
"""
_BLOB_USERS = ("attachments", "files", "published", "paired_media", "ledger_files")

Row = sqlite3.Row
Connection = sqlite3.Connection


def _version(connection: Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise sqlite3.DatabaseError("another program's database")
    return version


def _create(connection: Connection) -> None:
    for statement in _SCHEMA.split(";"):
        connection.execute(re.sub(r"CREATE (TABLE|INDEX|UNIQUE INDEX) ", r"CREATE \1 IF NOT EXISTS ", statement))


def _record(connection: Connection, version: int) -> None:
    connection.execute(f"PRAGMA user_version = {version}")


def _to_2(_connection: Connection) -> None:
    """Hooks: a table more, and no other change."""


_STEP_3 = """
ALTER TABLE retired ADD COLUMN in_ledger INTEGER NOT NULL DEFAULT 1;
UPDATE retired SET in_ledger = 0;
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, submission_id INTEGER NOT NULL, uuid TEXT NOT NULL,
    root_uuid TEXT NOT NULL, deprecated TEXT NOT NULL, kind TEXT NOT NULL, sha TEXT NOT NULL, xml BLOB,
    address TEXT NOT NULL, sent_as BLOB, received_at TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0, next_try_at TEXT, status INTEGER, message TEXT NOT NULL DEFAULT '',
    relayed_at TEXT, settled_at TEXT, removed_at TEXT);
CREATE TABLE ledger_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, record INTEGER NOT NULL, name TEXT NOT NULL, mimetype TEXT NOT NULL,
    blob TEXT NOT NULL, relayed_at TEXT);
INSERT INTO ledger (asset, address, submission_id, uuid, root_uuid, deprecated, kind, sha, received_at)
    SELECT asset, asset, id, uuid, root_uuid,
        ifnull((SELECT uuid FROM retired WHERE submission_id = submissions.id ORDER BY rowid DESC LIMIT 1), ''),
        CASE WHEN EXISTS (SELECT 1 FROM retired WHERE submission_id = submissions.id) THEN 'adopted' ELSE 'new' END,
        sha, created_at FROM submissions ORDER BY id;
INSERT INTO ledger_files (record, name, mimetype, blob)
    SELECT ledger.id, attachments.name, attachments.mimetype, attachments.blob FROM attachments
        JOIN ledger ON ledger.submission_id = attachments.submission_id WHERE NOT is_deleted ORDER BY attachments.id
"""


def _to_3(connection: Connection) -> None:
    """The ledger: what the station holds waits to be relayed. Of edits that were, the bytes of the original are lost:
    one record, ``adopted``, stands for all versions.
    """
    for statement in _STEP_3.split(";"):
        connection.execute(statement)


TO_REFILE = "to refile"  # a mark beside the secrets, until it is done
_STEP_4 = """
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pairings (
    asset TEXT PRIMARY KEY, form_id TEXT NOT NULL, kc TEXT NOT NULL, form_hash TEXT NOT NULL, version TEXT NOT NULL,
    form_uuid TEXT NOT NULL, paired_at TEXT NOT NULL, replaces TEXT);
ALTER TABLE pairings ADD COLUMN server TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN server TEXT NOT NULL DEFAULT '';
ALTER TABLE ledger ADD COLUMN code TEXT NOT NULL DEFAULT '';
UPDATE ledger SET code = '409.2' WHERE status = 409 AND message LIKE '%not currently accepting submissions%';
UPDATE ledger SET code = '409.9' WHERE status = 409 AND message LIKE '%is now out of date%';
UPDATE ledger SET code = '409.18' WHERE status = 409 AND message LIKE '%has been deleted%'
"""


def _to_4(connection: Connection) -> None:
    """Server and project of each pairing and record, empty where nobody noted them; the server's own code of a refusal.

    What phones filled with forms of ODK Central was filed under the first of them: `refile` is left to put that right.
    """
    for statement in _STEP_4.split(";"):
        connection.execute(statement)
    connection.execute("INSERT OR REPLACE INTO secrets (name, value) VALUES (?, '')", (TO_REFILE,))


STATION = Versioned(
    "the field station's file",
    SCHEMA_VERSION,
    read=_version,
    record=_record,
    create=_create,
    steps={2: _to_2, 3: _to_3, 4: _to_4},
)


class Database:
    """One file: write-ahead log, every commit flushed to the disk before it returns.

    Raises: StoreError when the file is not a station's or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # held by the one who writes
        self._opening = threading.Lock()
        self._local = threading.local()
        self._all: list[Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._prepare()
        except StoreError:
            self.close()
            raise
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreError(
                f"{path.name}: cannot be opened as a field station's file ({error})",
                hint="give another path, or restore a copy of the station's file",
            ) from error

    def _prepare(self) -> None:
        """Make or bring up the tables, whole or not at all: a phone may be waiting when power fails."""
        place = f"{STATION.name} {self._path.name}"
        if not is_current(STATION, self._writer, place):
            with self.writing() as connection:
                bring_up(STATION, connection, place)

    def _connect(self) -> Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        with self._opening:
            self._all.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a 201 must survive a pulled plug
        return connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: committed on leaving, undone when the block raises."""
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # a full disk may have ended it already
                    self._writer.execute("ROLLBACK")
                raise

    @property
    def reader(self) -> Connection:
        """This thread's own connection, for reads."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def shrink(self) -> bool:
        """Write the file anew without what was deleted in it; False when others read it, and older pages stay a while."""
        with self._lock:
            self._writer.execute("VACUUM")
            busy = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def close(self) -> None:
        """Close every connection; the file can be copied or opened again afterwards."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()


def one(connection: Connection, sql: str, *values: Any) -> Row | None:
    """The first row of a query, or None."""
    row: Row | None = connection.execute(sql, values).fetchone()
    return row


def store_blob(connection: Connection, content: bytes) -> str:
    """The key under which *content* is kept, once however often it is sent."""
    sha = hashlib.sha256(content).hexdigest()
    connection.execute("INSERT OR IGNORE INTO blobs (sha, content) VALUES (?, ?)", (sha, content))
    return sha


def load_blob(connection: Connection, sha: str) -> bytes:
    """The bytes kept under *sha*."""
    return bytes(connection.execute("SELECT content FROM blobs WHERE sha = ?", (sha,)).fetchone()[0])


def drop_unused_blobs(connection: Connection, shas: Iterable[str]) -> None:
    """Forget those of *shas* that nothing names any more."""
    unused = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {table} WHERE blob = :sha)" for table in _BLOB_USERS)
    connection.executemany(f"DELETE FROM blobs WHERE sha = :sha AND {unused}", [{"sha": sha} for sha in shas])

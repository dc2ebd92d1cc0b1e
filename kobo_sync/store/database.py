"""The mirror's database: engine, transactions, and reads; what is written together is in `mirror`."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from kobo_sync.databases.dialects import BUSY_S, ROWS_AT_ONCE, dialect_of
from kobo_sync.databases.engines import Address, prepare, refusal_of, server_engine
from kobo_sync.databases.moving import MOVED, refuse_moved
from kobo_sync.databases.versions import bring_up, is_current
from kobo_sync.errors import StoreError
from kobo_sync.model import Form
from kobo_sync.store import schema
from kobo_sync.store.migrations import MIRROR
from kobo_sync.store.raw_pages import RawPages
from kobo_sync.store.reading import EVERYWHERE, Where, count_answers, read_columns, stored_tables
from kobo_sync.store.tables.layout import FlatTable, flat_tables, merge_tables

if TYPE_CHECKING:
    import pandas as pd

LOCAL, SHARED = "the local database", "the database that STORE_URL names"


@dataclass(frozen=True)
class Deployment:
    """What we last deployed of a form; *media* maps file name → md5, *deployed_at* is None until it ended well."""

    form_id: str
    asset_uid: str
    server: str
    form_sha256: str
    media: Mapping[str, str]
    version_id: str
    deployed_at: datetime | None


@dataclass(frozen=True)
class Holding:
    """What the mirror holds of a form, and what the server said it has."""

    form_id: str
    n_live: int
    n_gone: int
    n_files: int
    n_files_missing: int
    n_quarantined: int
    server_n: int | None
    pulled_at: datetime | None
    reconciled_at: datetime | None = None


_OWN_FACTS = f"SELECT name, value FROM facts WHERE name IN ('schema_version', '{MOVED}')"
_OF_A_STATEMENT = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH)
_OF_A_STATEMENT_THERE = ("22", "23", "42", "54")  # PostgreSQL's classes of errors; 42501 is a missing right


class Store:
    """The mirror, open: *place* is a SQLite file, or a schema of a PostgreSQL database that machines share.

    Times are handed in; every write is one transaction. Raises (every method): StoreError when the database is damaged,
    locked for long, not to be reached, brought up by a newer program meanwhile, or its disk is full.
    """

    def __init__(self, place: Path | Address, *, may_be_moving: bool = False) -> None:
        self._flush: threading.Thread | None = None
        self._may_be_moving = may_be_moving
        self._name = LOCAL if isinstance(place, Path) else SHARED
        if isinstance(place, Path):
            self.engine = sa.create_engine(f"sqlite:///{place}", connect_args={"timeout": BUSY_S})
            sa.event.listen(self.engine, "connect", _tune)
            sa.event.listen(self.engine, "begin", _begin)
        else:
            self.engine = server_engine(place, SHARED)
        self.dialect = dialect_of(self.engine)
        self._errors: tuple[type[Exception], ...] = (DatabaseError, *self.dialect.errors())
        shown = str(place) if isinstance(place, Path) else SHARED
        try:
            with self.read() as connection:
                needs_nothing = is_current(MIRROR, connection, shown)
            if not needs_nothing and isinstance(place, Path):
                with self._transaction() as connection:
                    bring_up(MIRROR, connection, shown)
            elif not needs_nothing and isinstance(place, Address):
                prepare(self.engine, place, SHARED, lambda connection: bring_up(MIRROR, connection, shown))
            if not may_be_moving:
                with self.read() as connection:
                    refuse_moved(connection, schema.facts, self._name)
        except BaseException:
            self.engine.dispose()
            raise

    @property
    def is_past(self) -> bool:
        """Whether this is a mirror in memory, as the data were once: see `history.store_as_of`."""
        return self.engine.url.database == ":memory:"

    def close(self) -> None:
        """Give the file back."""
        if self._flush:
            self._flush.join()
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is stored, or nothing. It waits up to `BUSY_S` for another writer, before it reads.

        Of two programs of different versions on one database the older writes no more, once the newer brought it up; and
        nobody writes where the rows were moved away from, also who had it open before.
        """
        with self._transaction() as connection:
            own = dict(self.dialect.rows(connection, _OWN_FACTS))
            if MOVED in own and not self._may_be_moving:
                refuse_moved(connection, schema.facts, self._name)
            if own.get("schema_version") != str(MIRROR.version):
                raise StoreError(
                    f"{self._name} was brought up by a newer kobo-sync while this one worked; nothing was changed",
                    hint="update kobo-sync on this machine, then run again",
                )
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that only reads, all as it was at its begin: it never waits for one that writes, nor makes it wait."""
        isolation = {} if self.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        with self._transaction(reads_only=True, **isolation) as connection:
            yield connection

    @contextmanager
    def scan(self) -> Iterator[sa.Connection]:
        """One transaction that fills tables of its own for minutes, and looks at the mirror at its end."""
        with self._transaction(reads_only=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[sa.Connection]:
        try:
            with self.engine.execution_options(**options).begin() as connection:
                yield connection
        except self._errors as error:
            file = self.engine.url.database if self.dialect.name == "sqlite" else None
            raise refusal_of(error, self._name, file) from error

    def flush_behind(self) -> threading.Thread | None:
        """Let a thread copy what was committed from the log into the file, unless one is at it; returns that thread.

        Left to the transaction that fills the log, its page would wait for two flushes of the disk. A server does that itself.
        """
        if self.dialect.name != "sqlite":
            return None
        if self._flush is None or not self._flush.is_alive():
            self._flush = threading.Thread(target=self._copy_log, name="kobo-sync-flush")
            self._flush.start()
        return self._flush

    def _copy_log(self) -> None:
        with suppress(sqlite3.Error, DatabaseError):  # whoever writes next meets the same fault, and says so
            with self.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # ── flat tables ──

    def tables(self, form: Form) -> tuple[FlatTable, ...]:
        """The flat tables of *form* and of its versions before: a question that is asked no more keeps its column."""
        with self.read() as connection:
            return merge_tables(stored_tables(connection, form.form_id), flat_tables(form))[0]

    def read_table(
        self, table: FlatTable, *, only: Container[str] | None = None, where: Where = EVERYWHERE
    ) -> pd.DataFrame:
        """The rows of a flat table in order of submission: `model.Facts.tables` gives their columns.

        *only* names the question columns to read (all when None), *where* the rows.
        Shape: text columns are ``object`` with None, integers ``Int64``, decimals ``float64``;
        ``submitted_at`` is an aware UTC Timestamp.
        """
        return self.frame(table, self.read_cells(table, only=only, where=where))

    def read_cells(
        self, table: FlatTable, *, only: Container[str] | None = None, where: Where = EVERYWHERE
    ) -> dict[str, list[Any]]:
        """What `read_table` reads: the cells of each column as the database has them."""
        kinds = dict(table.system)
        kinds |= {column.name: column.kind for column in table.columns if only is None or column.name in only}
        with self.read() as connection:
            return read_columns(connection, table, kinds, where)

    @staticmethod
    def frame(table: FlatTable, columns: dict[str, list[Any]]) -> pd.DataFrame:
        """The table that has these *columns*, which are given up."""
        import pandas as pd  # here, because a pull needs none and its memory is bounded

        every = dict(table.system) | {column.name: column.kind for column in table.columns}
        kinds = {name: every[name] for name in columns}
        dtypes = {"text": "object", "integer": "Int64", "decimal": "float64"}
        # Each list goes as its column comes. Blocks of columns are quick to work on, and take a copy to make: of a
        # mission's tables that is too much.
        data = {name: pd.Series(columns.pop(name), dtype=dtypes[kind]) for name, kind in kinds.items()}
        frame = pd.DataFrame(data, columns=list(kinds), copy=len(next(iter(data.values()))) < ROWS_AT_ONCE)
        if "submitted_at" in frame and not table.repeat:
            frame["submitted_at"] = pd.to_datetime(frame["submitted_at"], utc=True)
        return frame

    def count_answers(self, form_id: str, question: str, codes: Sequence[str] = ()) -> int:
        """How many live answers a question has, whatever table its column is in; with *codes* those that chose one.

        The columns are those that the database holds, so a question that forms/ no longer has still counts.
        """
        with self.read() as connection:
            return count_answers(connection, stored_tables(connection, form_id), question, codes)

    # ── what is held ──

    def server_keys(self, form_id: str, root_uuids: Sequence[str]) -> dict[str, str]:
        """root_uuid → what the server calls the row, of those that are held, deleted ones too."""
        query = "SELECT root_uuid, server_key FROM submissions WHERE form_id = ? AND "
        with self.read() as connection:
            condition, roots = self.dialect.among("root_uuid", root_uuids)
            return dict(self.dialect.rows(connection, query + condition, (form_id, roots)))

    def holdings(self, form_ids: Sequence[str]) -> list[Holding]:
        """What is held of each form, in the given order."""
        s, a, q, c = schema.submissions, schema.attachments, schema.quarantine, schema.cursors
        holdings = []
        with self.read() as connection:

            def n(query: sa.Select[Any]) -> int:
                return int(connection.execute(query).scalar_one())

            for form_id in form_ids:
                rows = sa.select(sa.func.count()).select_from(s).where(s.c.form_id == form_id)
                live = s.c.gone_at.is_(None)
                files = (
                    sa.select(sa.func.count())
                    .select_from(a.join(s, (a.c.form_id == s.c.form_id) & (a.c.root_uuid == s.c.root_uuid)))
                    .where(a.c.form_id == form_id, a.c.is_current, ~a.c.is_deleted, live)
                )
                quarantined = sa.select(sa.func.count()).select_from(q).where(q.c.form_id == form_id)
                cursor = connection.execute(
                    sa.select(c.c.server_n, c.c.pulled_at, c.c.reconciled_at).where(c.c.form_id == form_id)
                ).first()
                holdings.append(
                    Holding(
                        form_id,
                        n(rows.where(live)),
                        n(rows.where(~live)),
                        n(files),
                        n(files.where(a.c.sha256.is_(None))),
                        n(quarantined),
                        cursor.server_n if cursor else None,
                        cursor.pulled_at if cursor else None,
                        cursor.reconciled_at if cursor else None,
                    )
                )
        return holdings

    def live_marks(self, form_id: str) -> list[tuple[str, str, str, datetime, int]]:
        """(root_uuid, content_sha256, form_version, submitted_at, validated_at) of the live rows, sorted."""
        s = schema.submissions
        query = (
            sa.select(s.c.root_uuid, s.c.content_sha256, s.c.form_version, s.c.submitted_at, s.c.validated_at)
            .where(s.c.form_id == form_id, s.c.gone_at.is_(None))
            .order_by(s.c.root_uuid)
        )
        ensure_hashes(self, form_id)
        with self.read() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def attachment_index(self, form_id: str = "", roots: Iterable[str] = ()) -> dict[tuple[str, str], str]:
        """(root_uuid, file name) → SHA-256 of the current files that are here; with *form_id* of its *roots* alone."""
        query = "SELECT root_uuid, filename, sha256 FROM attachments WHERE is_current AND sha256 IS NOT NULL"
        values: tuple[Any, ...] = ()
        if form_id:
            condition, listed = self.dialect.among("root_uuid", list(roots))
            query += f" AND form_id = ? AND {condition}"
            values = (form_id, listed)
        with self.read() as connection:
            return {(root, name): sha256 for root, name, sha256 in self.dialect.rows(connection, query, values)}

    def projects_read(self) -> dict[str, tuple[str, str]]:
        """form_id → (asset uid, server) of the project that the form was last read from."""
        c = schema.cursors.c
        with self.read() as connection:
            rows = connection.execute(sa.select(c.form_id, c.asset_uid, c.server)).all()
        return {form_id: (asset_uid, server) for form_id, asset_uid, server in rows}

    # ── deployments ──

    def deployments(self) -> dict[str, Deployment]:
        """What was deployed, by form_id."""
        with self.read() as connection:
            rows = connection.execute(sa.select(schema.deployments)).mappings().all()
        return {row["form_id"]: Deployment(**{**row, "media": json.loads(row["media"])}) for row in rows}

    def put_deployment(self, deployment: Deployment) -> None:
        """Remember *deployment* in place of the one before."""
        table = schema.deployments
        values = {**asdict(deployment), "media": json.dumps(dict(deployment.media), sort_keys=True)}
        with self.begin() as connection:
            connection.execute(table.delete().where(table.c.form_id == deployment.form_id))
            connection.execute(table.insert().values(**values))


def is_about_the_file(error: StoreError) -> bool:
    """Whether the disk or the file is at fault, and not what was asked of it (a table with too many columns, say)."""
    cause = getattr(error.__cause__, "orig", error.__cause__)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return state == "42501" or not state.startswith(_OF_A_STATEMENT_THERE)
    code = getattr(cause, "sqlite_errorcode", None)
    return code is None or code & 0xFF not in _OF_A_STATEMENT


def open_store(place: Path | Address) -> Store:
    """The mirror in a SQLite file or a schema of a PostgreSQL database, made if need be. Raises: StoreError, ConfigError."""
    return Store(place)


def ensure_hashes(store: Store, form_id: str) -> None:
    """Hash the contents of the rows that came or changed since this was last asked. Raises: StoreError."""
    s = schema.submissions
    unhashed = (s.c.form_id == form_id) & s.c.gone_at.is_(None) & (s.c.content_sha256 == "")
    columns = sa.select(s.c.root_uuid, s.c.body_id, s.c.body_at, s.c.body_n)
    with store.read() as connection:
        if not connection.execute(sa.select(sa.exists().where(unhashed))).scalar():
            return  # as nearly always: then nobody who writes is waited for
    from kobo_sync.rows.listing import content_hash, parse_submission

    with store.begin() as connection:
        bodies = RawPages(connection)
        hashed = [
            (content_hash(parse_submission(bodies.row((body_id, at, n)), form_id)), form_id, root_uuid)
            for root_uuid, body_id, at, n in connection.execute(
                columns.where(unhashed).order_by(s.c.body_id, s.c.body_at)
            ).all()
        ]
        store.dialect.update_rows(connection, s.name, ("content_sha256",), ("form_id", "root_uuid"), hashed)


def _begin(connection: sa.Connection) -> None:
    # A transaction that reads and then writes is refused at once when another one wrote meanwhile, however long it
    # would have waited: whoever may write says so before it reads.
    reads_only = connection.get_execution_options().get("reads_only")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _tune(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN, so that DDL is transactional too
    for pragma in (
        "page_size=16384",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"busy_timeout={BUSY_S * 1000}",
        "cache_size=-4096",  # kB; the system caches the file besides
        "wal_autocheckpoint=8000",  # 128 MB: each time costs two flushes of the disk
        f"journal_size_limit={64 << 20}",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")

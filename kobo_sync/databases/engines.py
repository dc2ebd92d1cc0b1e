"""How a database is opened: a SQLite file, or a schema of a PostgreSQL database that machines share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from kobo_sync.databases.dialects import BUSY_S
from kobo_sync.databases.refusals import refusal
from kobo_sync.databases.storable import storable
from kobo_sync.errors import ConfigError, StoreError

OLDEST_SERVER = 14  # PostgreSQL's major version: the oldest that is still cared for
SCHEME = "postgresql+psycopg"
CONNECT_S = 10
SILENT_S = (
    20  # a server that let a connection time out is not asked again so soon: of many missions each would wait for it
)
_silent_until: dict[tuple[str, str], float] = {}  # (host, port) → when it may be asked again, by `time.monotonic`
# Of a machine that went without a word (no current, no network) the system tells after 75 s, and not after two hours.
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 15, "keepalives_count": 3, "tcp_user_timeout": 75_000}
BRING_UP = 7069  # the lock of whoever makes or brings up tables
_UTC = """CREATE OR REPLACE FUNCTION kobo_utc(moment text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN to_char(moment::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
EXCEPTION WHEN others THEN RETURN NULL; END $$"""


@dataclass(frozen=True)
class Address:
    """A PostgreSQL database, the schema in it, and the secret that named it: *url* has a password and is never shown."""

    url: str
    schema: str
    key: str


def server_engine(address: Address, name: str) -> sa.Engine:
    """The engine for *address*; *name* is what messages call the database. Not connected yet.

    Every connection sees its schema alone. Raises (also when it connects): ConfigError, StoreError.
    """
    try:
        url = make_url(address.url)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername=SCHEME)
        if url.drivername != SCHEME or not url.database:
            raise ArgumentError
        settings = {"connect_timeout": CONNECT_S, "application_name": "kobo-sync", "prepare_threshold": None, **_ALIVE}
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=settings)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise ConfigError(
            "this is no database that can be used",
            file="config/secrets.env",
            key=address.key,
            hint="write postgresql://user:password@host/name, and pip install 'kobo-sync[postgres]'",
        ) from error
    sa.event.listen(engine, "do_connect", _connect)
    # Before SQLAlchemy's own first questions, which a server that keeps no UTF-8 answers otherwise than it expects.
    sa.event.listen(engine, "connect", _tuned_for(address.schema, name), insert=True)
    return engine


def _connect(dialect: sa.Dialect, _record: Any, arguments: Sequence[Any], settings: dict[str, Any]) -> Any:
    """A connection; refused at once while its server is one that has just let another time out."""
    from psycopg.errors import ConnectionTimeout

    server = (str(settings.get("host", "")), str(settings.get("port", "")))
    if time.monotonic() < _silent_until.get(server, 0.0):
        raise ConnectionTimeout("connection timeout expired")
    try:
        return dialect.connect(*arguments, **settings)
    except ConnectionTimeout:
        _silent_until[server] = time.monotonic() + SILENT_S
        raise


def _tuned_for(schema: str, name: str) -> Callable[[Any, Any], None]:
    def tune(connection: Any, _record: Any) -> None:
        major = connection.info.server_version // 10_000
        if major < OLDEST_SERVER:
            raise StoreError(
                f"{name}: the server is PostgreSQL {major}, this program needs {OLDEST_SERVER} or later",
                hint="upgrade the server, or take out the address to work with files on this machine",
            )
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreError(
                f"{name}: its texts are kept in {encoding}, which has not every letter",
                hint="create a database in UTF-8 (createdb --encoding UTF8 --template template0), and give its address",
            )
        connection.adapters.register_dumper(str, _StorableText())
        with closing(connection.cursor()) as cursor:
            if schema:
                cursor.execute("SELECT set_config('search_path', %s, false)", (f'"{schema}"',))
            cursor.execute(f"SET lock_timeout = '{BUSY_S}s'")
            cursor.execute("SET client_min_messages = warning")
            cursor.execute("SET jit = off")  # it costs more than our statements take
        connection.commit()

    return tune


def _StorableText() -> type[Any]:
    """psycopg's dumper of texts, for those that PostgreSQL would refuse; made here, because psycopg may be missing."""
    from psycopg.types.string import StrDumper

    class StorableText(StrDumper):
        """A text without NUL and halves of surrogate pairs."""

        def dump(self, obj: str) -> Any:
            """The text in UTF-8."""
            return super().dump(storable(obj))

    return StorableText


def prepare(engine: sa.Engine, address: Address, name: str, bring_up: Callable[[sa.Connection], None]) -> None:
    """Make the schema of *address* if need be, and *bring_up* its tables: one machine at a time, whole or not at all.

    Raises: StoreError.
    """
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (BRING_UP,))
            schema = address.schema
            query = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
            if schema and not connection.exec_driver_sql(query, (schema,)).first():
                connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
            bring_up(connection)
    except DatabaseError as error:
        raise refusal_of(error, name) from error


def make_functions(connection: sa.Connection) -> None:
    """Make the functions that the views for people use."""
    connection.exec_driver_sql(_UTC)


def refusal_of(error: Exception, name: str, file: str | None = None) -> StoreError:
    """What the database *name* refuses, in one message with its cure; *file* is where a SQLite one lies."""
    original: Any = getattr(error, "orig", None) or error
    if isinstance(original, StoreError):
        return original
    words = " ".join(str(original).split("\nDETAIL")[0].split())[:200]
    return refusal(name, words, file, getattr(original, "sqlstate", None))

"""The queue's own tables, in a PostgreSQL schema of their own: made, brought up, or refused with the cure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from kobo_sync.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import psycopg

    from kobo_sync.config.config import Config

SCHEMA = "kobo_engine"
VERSION = 1
OLDEST = 14  # PostgreSQL
CONNECT_S = 10
_ONE_AT_A_TIME = 7071  # of processes that make or change the tables
_OURS = """
CREATE TABLE engine_facts (name varchar(32) PRIMARY KEY, value text NOT NULL);
CREATE TABLE engine_workers (
    worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers(id) ON DELETE CASCADE,
    host varchar(255) NOT NULL, pid integer NOT NULL, at_once integer NOT NULL, missions text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now()
);
"""


def engine_url(config: Config) -> str:
    """Where the queue of this mission lies: ENGINE_URL, else STORE_URL when ``engine.enabled``; empty without an engine.

    Raises: ConfigError when it is enabled and neither is there.
    """
    url = config.secret("ENGINE_URL")
    if url or not config.engine.enabled:
        return url
    url = config.secret("STORE_URL")
    if not url:
        raise ConfigError(
            "the engine is enabled, but has no database",
            file="config/secrets.env",
            key="ENGINE_URL",
            hint="write ENGINE_URL=postgresql://user:password@host/name there, or set STORE_URL",
        )
    return url


def conninfo(url: str) -> str:
    """*url* as libpq takes it, with the queue's schema first. Raises: ConfigError."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    cure = "write postgresql://user:password@host/name, and pip install 'kobo-sync[cluster]'"
    try:
        from psycopg.conninfo import make_conninfo

        address = make_url(url)
        if address.drivername.partition("+")[0] not in ("postgresql", "postgres") or not address.database:
            raise ValueError
        parts: dict[str, Any] = {**address.translate_connect_args(username="user", database="dbname"), **address.query}
        parts["options"] = f"{parts.get('options', '')} -c search_path={SCHEMA}".strip()
        return make_conninfo(**{"connect_timeout": CONNECT_S, "application_name": "kobo-sync", **parts})
    except (ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            "this is no database that the queue can use", file="config/secrets.env", key="ENGINE_URL", hint=cure
        ) from error
    except Exception as error:  # psycopg's own: a part of the address that libpq does not know
        if type(error).__module__.startswith("psycopg"):
            raise ConfigError(
                "this is no database that the queue can use", file="config/secrets.env", key="ENGINE_URL", hint=cure
            ) from error
        raise


@contextmanager
def refusals() -> Iterator[None]:
    """What PostgreSQL refuses in the block, as a StoreError with its cure; never an address or a password."""
    import psycopg

    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(
            "the queue's tables are missing, and this account may not make them",
            hint="as the database's owner: GRANT CREATE ON DATABASE … TO … ; or start `kobo-sync worker` once as the owner",
        ) from error
    except psycopg.OperationalError as error:
        reason = _reason(str(error))
        raise StoreError(
            f"the queue's database cannot be reached: {reason}",
            hint="look at ENGINE_URL (or STORE_URL), and whether PostgreSQL runs; nothing is lost, work goes on when it is back",
        ) from error
    except psycopg.Error as error:
        detail = error.diag.message_primary or type(error).__name__
        raise StoreError(
            f"the queue's database refuses: {detail}", hint="look at PostgreSQL's log; nothing is lost"
        ) from error


def _reason(text: str) -> str:
    reasons = (
        "authentication failed",
        "does not exist",
        "Connection refused",
        "timeout",
        "resolve",
        "too many",
        "full",
    )
    return next((reason for reason in reasons if reason in text), "the connection was lost")


def prepare(url: str) -> None:
    """Make the tables, or bring them to what this program knows: whole or not at all. Raises: StoreError, ConfigError."""
    address = conninfo(url)
    import psycopg

    with refusals(), psycopg.connect(address) as connection:
        _look_at_server(connection)
        if _is_current(connection):
            return
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        if not _is_current(connection):  # another process may have been faster
            _bring_up(connection)


def look(url: str) -> Literal["missing", "older", "current"]:
    """How the tables are; nothing is made or brought up. Raises: StoreError, also when they can only be read; ConfigError."""
    address = conninfo(url)
    import psycopg

    with refusals(), psycopg.connect(address) as connection:
        _look_at_server(connection)
        if connection.execute("SHOW transaction_read_only").fetchone() == ("on",):
            raise StoreError(
                "the queue's database can only be read: the server is a copy, or set to read only",
                hint="name the server that is written to in ENGINE_URL (or STORE_URL)",
            )
        if _is_current(connection):
            return "current"
        return "older" if _facts(connection) else "missing"


def _look_at_server(connection: psycopg.Connection[Any]) -> None:
    major = connection.info.server_version // 10_000
    if major < OLDEST:
        raise StoreError(
            f"PostgreSQL {major} is too old for the queue: it needs {OLDEST} or newer",
            hint="upgrade the PostgreSQL server",
        )


def _has(connection: psycopg.Connection[Any], table: str) -> bool:
    # Not to_regclass: what it once did not find it does not find for the rest of the transaction.
    query = (
        "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"
    )
    return connection.execute(query, [SCHEMA, table]).fetchone() is not None


def _facts(connection: psycopg.Connection[Any]) -> dict[str, str]:
    if not _has(connection, "engine_facts"):
        return {}
    return dict(connection.execute("SELECT name, value FROM engine_facts").fetchall())


def _steps() -> list[str]:
    """The names of procrastinate's own migrations, in order: the last says which tables this installation knows."""
    folder = resources.files("procrastinate.sql") / "migrations"
    return sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))


def _is_current(connection: psycopg.Connection[Any]) -> bool:
    facts, steps = _facts(connection), _steps()
    if not facts:
        return False
    if int(facts["version"]) > VERSION or facts["procrastinate"] > steps[-1]:
        raise StoreError(
            "the queue was made by a newer kobo-sync or procrastinate; nothing was changed",
            hint="update kobo-sync here: pip install --upgrade 'kobo-sync[cluster]'",
        )
    return int(facts["version"]) == VERSION and facts["procrastinate"] == steps[-1]


def _bring_up(connection: psycopg.Connection[Any]) -> None:
    facts, steps = _facts(connection), _steps()
    sql = resources.files("procrastinate.sql")
    if facts:
        for step in steps:
            if step > facts["procrastinate"]:
                connection.execute((sql / "migrations" / step).read_text("utf-8").encode())
    else:
        if _has(connection, "procrastinate_jobs"):
            raise StoreError(
                f"the schema {SCHEMA} holds a queue that is none of kobo-sync's",
                hint="name another database in ENGINE_URL",
            )
        if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [SCHEMA]).fetchone():
            connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        connection.execute((sql / "schema.sql").read_text("utf-8").encode())
        connection.execute(_OURS.encode())
    for name, value in (("version", str(VERSION)), ("procrastinate", steps[-1])):
        connection.execute(
            "INSERT INTO engine_facts VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [name, value],
        )

"""Every database's version says its tables: `schemas/` has them as each version made them, and each is brought up.

A version that several commits made differently has a file for each, with the commit. Run as a program, this module
writes the file of a version that has none; one that is there is never changed: people have such databases.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kobo_sync.databases.engines import Address
from kobo_sync.databases.versions import Versioned
from kobo_sync.desk.database import Desk, open_desk
from kobo_sync.desk.migrations import DESK
from kobo_sync.errors import StoreError
from kobo_sync.station.database import STATION, Database
from kobo_sync.store.database import open_store
from kobo_sync.store.migrations import MIRROR

RECORDS = Path(__file__).parent / "schemas"
TABLES: dict[str, Versioned[Any]] = {"desk": DESK, "mirror": MIRROR, "station": STATION}
OPEN: dict[str, Callable[[Path], Any]] = {"desk": open_desk, "mirror": open_store, "station": Database}
# Nothing reads it since the desk records the runs; what older programs wrote there stays in the file.
RENAMED = {("holds", "submission_id"): "server_key"}  # what became a column of another name and kind
LEFT_IN_PLACE = {"mirror": {"runs"}}
INTO_THE_JOURNAL = ("downloads", "path")  # a table of older desks, whose rows became entries; and what these tell


def _version(record: str) -> int:
    return int(record.split("-")[1].partition(".")[0])


def _kind(record: str) -> str:
    return record.partition("-")[0]


def _older(suffix: str) -> list[str]:
    """The records of versions before today's that are to be brought up."""
    names = [path.name.removesuffix(suffix) for path in RECORDS.glob(f"*{suffix}")]
    lowest = {kind: min(tables.steps) - 1 for kind, tables in TABLES.items()}
    return sorted(
        name
        for name in names
        if "." not in name and lowest[_kind(name)] <= _version(name) < TABLES[_kind(name)].version
    )


def _written(path: Path) -> str:
    """The statements that make the tables of a SQLite file, as it keeps them."""
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY tbl_name, type DESC, name"
    with closing(sqlite3.connect(path)) as file:
        lines = [" ".join(sql.split()) for (sql,) in file.execute(query)]
    return "".join(line.replace("( ", "(").replace(" )", ")") + ";\n" for line in lines)


def _made(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.sqlite"
    OPEN[kind](path).close()
    return path


def _shapes(url: str) -> dict[str, Any]:
    """Table → all that its statements say but the order of its columns: every query names them."""
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)
        return {
            table: {
                "columns": {
                    column["name"]: (str(column["type"]), column["nullable"], str(column["default"]))
                    for column in inspector.get_columns(table)
                },
                "key": inspector.get_pk_constraint(table)["constrained_columns"],
                "unique": sorted(str(unique["column_names"]) for unique in inspector.get_unique_constraints(table)),
                "indexes": sorted(
                    (
                        str(index["name"]),
                        index["column_names"],
                        index["unique"],
                        str(index.get("dialect_options", {}).get("sqlite_where")),
                    )
                    for index in inspector.get_indexes(table)
                ),
            }
            for table in inspector.get_table_names()
        }
    finally:
        engine.dispose()


def _fill(connection: sa.Connection) -> dict[str, set[tuple[Any, ...]]]:
    """Write three rows into every table, each value of its column's kind; returns them by table."""
    rows = {}
    for table in sa.inspect(connection).get_table_names():
        columns = sa.inspect(connection).get_columns(table)
        quoted = [connection.dialect.identifier_preparer.quote(column["name"]) for column in columns]
        values = sa.text(
            f"INSERT INTO {table} ({', '.join(quoted)}) VALUES ({', '.join(f':v{n}' for n in range(len(columns)))})"
        )
        for row in range(1, 4):
            connection.execute(
                values, {f"v{n}": _value(str(column["type"]), column["name"], row) for n, column in enumerate(columns)}
            )
        rows[table] = _rows(connection, table, [column["name"] for column in columns])
    return rows


def _value(kind: str, column: str, row: int) -> Any:
    if "BOOL" in kind:
        return row % 2 == 0
    if "INT" in kind:
        return row
    text = f"{row}-{column}"[:8]  # the shortest column's length
    return text.encode() if kind == "BLOB" else text


def _rows(connection: sa.Connection, table: str, columns: list[str]) -> set[tuple[Any, ...]]:
    quoted = ", ".join(connection.dialect.identifier_preparer.quote(column) for column in columns)
    return {tuple(row) for row in connection.execute(sa.text(f"SELECT {quoted} FROM {table}"))}


def _make_older(url: str, record: str, suffix: str = ".sql") -> dict[str, tuple[list[str], set[tuple[Any, ...]]]]:
    """A database as *record* has it, with rows; returns columns and rows by table."""
    engine = sa.create_engine(url)
    kind, version = _kind(record), _version(record)
    with engine.begin() as connection:
        for statement in (RECORDS / f"{record}{suffix}").read_text("utf-8").splitlines():
            connection.exec_driver_sql(statement.rstrip(";"))
        rows = _fill(connection)
        names = {table: [column["name"] for column in sa.inspect(connection).get_columns(table)] for table in rows}
        if kind == "station":
            connection.exec_driver_sql(f"PRAGMA user_version = {version}")
        else:
            facts = {"desk": "desk_facts", "mirror": "facts"}[kind]
            connection.exec_driver_sql(f"INSERT INTO {facts} (name, value) VALUES ('schema_version', '{version}')")
    engine.dispose()
    return {table: (names[table], rows[table]) for table in rows}


def _assert_kept(url: str, before: dict[str, tuple[list[str], set[tuple[Any, ...]]]]) -> None:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        for table, (columns, rows) in before.items():
            if table == INTO_THE_JOURNAL[0]:
                told = {path for (path,) in _rows(connection, "journal", ["subject"])}
                assert told == {row[columns.index(INTO_THE_JOURNAL[1])] for row in rows}
                continue
            today = [RENAMED.get((table, name), name) for name in columns]
            # A number that became a text says the same.
            kept = {tuple(map(str, row)) for row in _rows(connection, table, today)}
            assert {tuple(map(str, row)) for row in rows} <= kept, table
    engine.dispose()


@pytest.mark.parametrize("kind", TABLES)
def test_the_tables_are_those_recorded_for_their_version(kind: str, tmp_path: Path) -> None:
    record = RECORDS / f"{kind}-{TABLES[kind].version}.sql"
    cure = f"raise the version, add a step from the one before, and run: python {Path(__file__).name}"
    assert record.is_file(), cure
    assert _written(_made(kind, tmp_path)) == record.read_text("utf-8"), cure


@pytest.mark.parametrize("record", _older(".sql"))
def test_an_older_file_gets_todays_tables_and_keeps_its_rows(record: str, tmp_path: Path) -> None:
    kind = _kind(record)
    path = tmp_path / "older" / "file.sqlite"
    path.parent.mkdir()
    before = _make_older(f"sqlite:///{path}", record)
    OPEN[kind](path).close()
    shapes = _shapes(f"sqlite:///{path}")
    for table in LEFT_IN_PLACE.get(kind, set()):
        shapes.pop(table, None)
    assert shapes == _shapes(f"sqlite:///{_made(kind, tmp_path)}")
    _assert_kept(f"sqlite:///{path}", before)
    assert _counted(path, kind) == TABLES[kind].version


def _counted(path: Path, kind: str) -> int:
    """The version that the file says, read without this program's help."""
    queries = {
        "station": "PRAGMA user_version",
        "desk": "SELECT value FROM desk_facts WHERE name = 'schema_version'",
        "mirror": "SELECT value FROM facts WHERE name = 'schema_version'",
    }
    with closing(sqlite3.connect(path)) as file:
        return int(file.execute(queries[kind]).fetchone()[0])


@pytest.mark.postgres
@pytest.mark.parametrize("record", _older(".postgresql.sql"))
def test_an_older_desk_on_postgresql_too(record: str, postgres: str) -> None:
    server = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    fresh, older = (f"{name}_{record.rpartition('-')[2]}" for name in ("fresh", "older"))
    with server.connect() as connection:
        for name in (fresh, older):
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    fresh_url, older_url = (postgres.replace("/postgres?", f"/{name}?") for name in (fresh, older))
    before = _make_older(older_url, record, ".postgresql.sql")
    for url in (fresh_url, older_url):
        Desk(Address(url, "", "DESK_URL")).close()
    assert _shapes(older_url) == _shapes(fresh_url)
    _assert_kept(older_url, before)
    with server.connect() as connection:
        for name in (fresh, older):
            connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()


def _renumber(path: Path, kind: str, version: int) -> None:
    with closing(sqlite3.connect(path)) as file:
        if kind == "station":
            file.execute(f"PRAGMA user_version = {version}")
        else:
            facts = {"desk": "desk_facts", "mirror": "facts"}[kind]
            file.execute(f"UPDATE {facts} SET value = '{version}' WHERE name = 'schema_version'")
        file.commit()


@pytest.mark.parametrize("kind", TABLES)
def test_a_newer_file_is_refused_unharmed_naming_both_versions(kind: str, tmp_path: Path) -> None:
    path = _made(kind, tmp_path)
    _renumber(path, kind, 99)
    before = path.read_bytes()
    with pytest.raises(StoreError) as refusal:
        OPEN[kind](path)
    assert "version 99" in refusal.value.message and f"version {TABLES[kind].version}" in refusal.value.message
    assert "update kobo-sync" in refusal.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", TABLES)
def test_a_step_that_fails_leaves_the_file_as_it_was(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.sqlite"
    record = next(name for name in _older(".sql") if _kind(name) == kind)
    _make_older(f"sqlite:///{path}", record)
    before = _shapes(f"sqlite:///{path}")

    def fails(_connection: object, _version: int) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    tables = TABLES[kind]
    with monkeypatch.context() as patch, pytest.raises((StoreError, sqlite3.Error)):
        patch.setitem(vars(tables), "record", fails)  # the dataclass is frozen
        OPEN[kind](path)
    assert _shapes(f"sqlite:///{path}") == before and _counted(path, kind) == _version(record)
    OPEN[kind](path).close()
    assert _counted(path, kind) == tables.version


@pytest.mark.parametrize("kind", TABLES)
def test_a_current_file_is_opened_while_another_writes(kind: str, tmp_path: Path) -> None:
    path = _made(kind, tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        OPEN[kind](path).close()  # a writer of its own would wait 30 s, then be refused
        assert writer.in_transaction and _counted(path, kind) == TABLES[kind].version
        writer.execute("ROLLBACK")


@pytest.mark.parametrize("kind", TABLES)
def test_programs_that_open_an_older_file_at_once_bring_it_up_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    record = next(name for name in _older(".sql") if _kind(name) == kind)
    before = _make_older(f"sqlite:///{path}", record)
    with ThreadPoolExecutor(4) as pool:
        for opened in [pool.submit(OPEN[kind], path) for _ in range(4)]:
            opened.result(timeout=60).close()
    assert _counted(path, kind) == TABLES[kind].version
    _assert_kept(f"sqlite:///{path}", before)


def test_a_station_takes_no_other_programs_database(tmp_path: Path) -> None:
    path = _made("mirror", tmp_path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's database"):
        Database(path)
    assert path.read_bytes() == before


if __name__ == "__main__":
    import tempfile

    for each, known in TABLES.items():
        target = RECORDS / f"{each}-{known.version}.sql"
        if not target.exists():
            with tempfile.TemporaryDirectory() as scratch:
                target.write_text(_written(_made(each, Path(scratch))), "utf-8")
            print(f"written: {target}", file=sys.stderr)

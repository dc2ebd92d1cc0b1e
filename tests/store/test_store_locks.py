"""Readers wait for nobody, writers for each other: part 7, C17."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from kobo_sync.store.database import Store, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    open_store(tmp_path / "mirror.sqlite").close()
    return tmp_path / "mirror.sqlite"


def test_a_mirror_is_opened_and_read_while_another_process_writes(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store = open_store(path)
        assert store.deployments() == {}
        assert [holding.n_live for holding in store.holdings(["besoins"])] == [0]
        assert store.live_marks("besoins") == []
        other.execute("COMMIT")
        store.close()


def test_a_writer_has_the_lock_before_it_reads(path: Path) -> None:
    store = Store(path)
    with store.begin(), closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    store.close()


def test_a_writer_waits_for_the_one_before_it(path: Path) -> None:
    """What the other process committed meanwhile is seen, and nothing is refused."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO facts (name, value) VALUES ('other', '1')")
        values: list[str] = []
        about_to_write = threading.Event()

        def write() -> None:
            store = Store(path)
            about_to_write.set()
            with store.begin() as connection:
                values.append(str(connection.exec_driver_sql("SELECT value FROM facts WHERE name = 'other'").scalar()))
                connection.exec_driver_sql("UPDATE facts SET value = '2' WHERE name = 'other'")
            store.close()

        thread = threading.Thread(target=write)
        thread.start()
        about_to_write.wait()
        other.execute("COMMIT")
        thread.join()
        assert values == ["1"]
        assert other.execute("SELECT value FROM facts WHERE name = 'other'").fetchone() == ("2",)

"""A look at a SQLite file that leaves it as it is: nothing is made, brought up or mended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, open for reading; also while another program writes it. Raises: sqlite3.Error."""
    # Without a log beside it nobody has the file open: then no lock is needed, and none of the log's files is made.
    is_open = path.with_name(f"{path.name}-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
    with closing(sqlite3.connect(address, uri=True, timeout=5, check_same_thread=False)) as connection:
        yield connection


def damage(connection: sqlite3.Connection) -> str:
    """What SQLite's own check finds amiss; empty when the file is sound. Raises: sqlite3.Error when it is no database."""
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if verdict == "ok" else " ".join(verdict.split())

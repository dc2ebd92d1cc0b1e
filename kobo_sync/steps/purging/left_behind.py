"""The files that a move to a server left, a whole copy of everybody: after an erasure they keep nothing but where their rows went."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from kobo_sync.databases.moving import MOVED, fact, put_fact
from kobo_sync.desk import schema as desk_schema
from kobo_sync.desk.database import Desk
from kobo_sync.errors import disk_error
from kobo_sync.mission.mission import Mission
from kobo_sync.store import schema as store_schema
from kobo_sync.store.database import Store
from kobo_sync.workspace.private import private_file


def empty_left_behind(mission: Mission) -> list[Path]:
    """Write mirror and desk of this machine anew, without rows, where these were moved to the server; returns the files that had some.

    They go on being refused with the same words. Raises: StoreError.
    """
    kinds: dict[str, tuple[type[Store] | type[Desk], ModuleType]] = {
        "mirror": (Store, store_schema),
        "desk": (Desk, desk_schema),
    }
    emptied = []
    for name, address in mission.shared_databases.items():
        (kind, schema), path = kinds[name], mission.workspace.state / f"{name}.sqlite"  # not to be made where none is
        if address.key != "STORE_URL" or not path.is_file():
            continue
        left = kind(path, may_be_moving=True)
        try:
            with left.engine.connect() as connection:
                moved = fact(connection, schema.facts, MOVED)
                has_rows = any(
                    connection.execute(sa.select(sa.exists(sa.select(sa.literal(1)).select_from(table)))).scalar()
                    for table in schema.metadata.sorted_tables
                    if table is not schema.facts
                )
        finally:
            left.close()
        if moved and has_rows:
            _put_empty(kind, path, schema.facts, moved)
            emptied.append(path)
    return emptied


def _put_empty(kind: type[Store] | type[Desk], path: Path, facts: sa.Table, moved: str) -> None:
    """Put an empty database in the place of *path*, at once: killed before, the old one is there, and the next run does it."""
    draft = path.with_name(f".{path.name}.new")
    try:
        _remove(draft)
        empty = kind(private_file(draft), may_be_moving=True)
        try:
            with empty.engine.begin() as connection:
                put_fact(connection, facts, MOVED, moved)
        finally:
            empty.close()
        for log in _logs(path):
            log.unlink(missing_ok=True)
        draft.replace(path)
        _remove(draft)
    except OSError as error:
        raise disk_error(error, path) from error


def _remove(path: Path) -> None:
    for each in (path, *_logs(path)):
        each.unlink(missing_ok=True)


def _logs(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")

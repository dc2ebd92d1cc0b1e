"""Missions of tests on PostgreSQL: every mission, also of a process that a test starts, has a schema of its own there.

`KOBO_SYNC_TEST_DATABASE` names the server; the tests set it for those that run on both databases.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from kobo_sync.databases import moving
from kobo_sync.databases.engines import Address
from kobo_sync.desk import schema as desk_schema
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.move import derive_tables
from kobo_sync.store import schema as store_schema

SERVER = "KOBO_SYNC_TEST_DATABASE"
_own = Mission.shared_databases


def address_of(state: Path, name: str = "mirror") -> Address:
    """Where the mirror (or desk) lies that would be a file in the folder *state*."""
    mark = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:16]
    schema = f"test_{mark}" if name == "mirror" else f"test_{mark}_{name}"
    return Address(os.environ[SERVER], schema, "STORE_URL")


def place(file: Path) -> Path | Address:
    """A file of a mirror or desk, or what stands for it where tests run on PostgreSQL."""
    return address_of(file.parent, file.stem) if SERVER in os.environ else file


def with_database(environ: Mapping[str, str]) -> dict[str, str]:
    """What a process of a test is to know besides *environ*, so that its missions use the same database."""
    return {**environ, SERVER: os.environ[SERVER]} if SERVER in os.environ else dict(environ)


def _shared_databases(mission: Mission) -> dict[str, Address]:
    if SERVER not in os.environ:
        return _own.fget(mission)  # type: ignore[attr-defined,no-any-return]
    state = mission.workspace.state
    return {name: address_of(state, name) for name in ("mirror", "desk")} | _own.fget(mission)  # type: ignore[attr-defined]


Mission.shared_databases = property(_shared_databases)  # type: ignore[assignment]


def copy_databases(mission: Mission, copy: Mission) -> None:
    """Give *copy*, which has nothing yet, the mirror and desk of *mission*, both on the server; it is closed."""
    for source, target, schema in (
        (mission.store, copy.store, store_schema),
        (mission.desk, copy.desk, desk_schema),
    ):
        tables = schema.metadata.sorted_tables
        moving.move_rows(source.engine.connect, target.engine, tables, schema.facts, lambda *_: None)
        with target.engine.begin() as connection:
            moving.open_for_all(connection, schema.facts)
    derive_tables(copy, copy.store)
    copy.close()

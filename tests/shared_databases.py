"""Missions of tests on PostgreSQL: every mission, also of a process that a test starts, has a schema of its own there.

`KOBO_SYNC_TEST_DATABASE` names the server; the tests set it for those that run on both databases.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from kobo_sync.databases.engines import Address
from kobo_sync.mission.mission import Mission

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


def _shared_databases(mission: Mission) -> dict[str, Address]:
    if SERVER not in os.environ:
        return _own.fget(mission)  # type: ignore[attr-defined,no-any-return]
    state = mission.workspace.state
    return {name: address_of(state, name) for name in ("mirror", "desk")} | _own.fget(mission)  # type: ignore[attr-defined]


Mission.shared_databases = property(_shared_databases)  # type: ignore[assignment]

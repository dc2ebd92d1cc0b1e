"""A backup put back: compared with its hashes first, then the whole mission at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk import journal
from kobo_sync.desk.database import Desk
from kobo_sync.errors import StoreError
from kobo_sync.mission.mission import operator
from kobo_sync.workspace.archive import restore_backup
from kobo_sync.workspace.folders import STATE, Workspace


def restore(archive: Path, target: Path, *, force: bool, now: datetime) -> list[str]:
    """Restore *archive* at *target*; returns what to tell. Raises: StoreError, and *target* is untouched then."""
    if force and (target / MISSION_FILE).is_file():
        with Workspace(target, target / STATE, target / "exports" / "out").exclusive():
            n_files, old = restore_backup(archive, target, force=True, now=now)
    else:
        n_files, old = restore_backup(archive, target, force=force, now=now)
    _note(Workspace(target, target / STATE, target / "exports" / "out").desk_database, archive.name, now)
    lines = [f"{n_files} files restored to {target}, each as its hash says"]
    if old is not None:
        lines.append(f"the mission that was there lies in {old}")
    else:
        lines.append("write the token to config/secrets.env: backups never hold it")
    return lines


def _note(desk_file: Path, archive: str, now: datetime) -> None:
    """Have the journal that came back say so: it goes on from an earlier head than the one that it replaces."""
    if not desk_file.is_file():
        return
    with suppress(StoreError):  # a newer program's: whoever opens the mission is told
        desk = Desk(desk_file)
        try:
            journal.note(desk, "restore", archive, by=operator(), now=now)
        finally:
            desk.close()

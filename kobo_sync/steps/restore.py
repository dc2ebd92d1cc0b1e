"""A backup put back: compared with its hashes first, then the whole mission at once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.workspace.archive import restore_backup
from kobo_sync.workspace.folders import STATE, Workspace


def restore(archive: Path, target: Path, *, force: bool, now: datetime) -> list[str]:
    """Restore *archive* at *target*; returns what to tell. Raises: StoreError, and *target* is untouched then."""
    if force and (target / MISSION_FILE).is_file():
        with Workspace(target, target / STATE, target / "exports" / "out").exclusive():
            n_files, old = restore_backup(archive, target, force=True, now=now)
    else:
        n_files, old = restore_backup(archive, target, force=force, now=now)
    lines = [f"{n_files} files restored to {target}, each as its hash says"]
    if old is not None:
        lines.append(f"the mission that was there lies in {old}")
    else:
        lines.append("write the token to config/secrets.env: backups never hold it")
    return lines

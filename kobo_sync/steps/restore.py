"""A backup put back: compared with its hashes first, then the whole mission at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk import journal
from kobo_sync.desk.database import Desk
from kobo_sync.errors import StoreError, disk_error
from kobo_sync.mission.mission import operator
from kobo_sync.workspace.archive import restore_backup
from kobo_sync.workspace.encryption import decrypt_folder
from kobo_sync.workspace.folders import STATE, Workspace
from kobo_sync.workspace.scratch import scratch_folder
from kobo_sync.workspace.showing import not_shown


def restore(archive: Path, target: Path, *, force: bool, now: datetime, key: Path | None = None) -> list[str]:
    """Restore *archive* at *target*; returns what to tell. *key* is the file of a private key, for one that is encrypted.

    Raises: StoreError, ConfigError, and *target* is untouched then.
    """
    if archive.is_file():
        beside = target.resolve().parent  # what is decrypted stays on the disk that it is for
        try:
            beside.mkdir(parents=True, exist_ok=True)
            with scratch_folder(decrypted(target), beside) as folder:
                decrypt_folder(archive, key, folder)
                return _restored(folder, target, archive.name, force=force, now=now)
        except OSError as error:
            raise disk_error(error, beside) from error
    return _restored(archive, target, archive.name, force=force, now=now)


def decrypted(target: Path) -> str:
    """How the names of folders begin, beside *target*, that hold a backup for it once it is decrypted; others may be restored beside it."""
    return f".{target.resolve().name}.decrypted-"


def _restored(archive: Path, target: Path, name: str, *, force: bool, now: datetime) -> list[str]:
    if force and (target / MISSION_FILE).is_file():
        there = Workspace(target, target / STATE, target / "exports" / "out")
        with not_shown(there), there.exclusive():
            n_files, old = restore_backup(archive, target, force=True, now=now)
    else:
        n_files, old = restore_backup(archive, target, force=force, now=now)
    _note(Workspace(target, target / STATE, target / "exports" / "out").desk_database, name, now)
    lines = [f"{n_files} files restored to {target}, each as its hash says"]
    if old is not None:
        lines.append(f"the mission that was there lies in {old}")
    else:
        lines.append(
            "write the server's secrets to config/secrets.env (config/secrets.env.example names them): backups never hold any"
        )
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

"""A backup put back: compared with its hashes first, then the whole mission at once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import disk_error
from kobo_sync.workspace.archive import restore_backup, sweep
from kobo_sync.workspace.encryption import decrypt_folder
from kobo_sync.workspace.folders import STATE, Workspace

_DECRYPTED = ".decrypted-"


def restore(archive: Path, target: Path, *, force: bool, now: datetime, key: Path | None = None) -> list[str]:
    """Restore *archive* at *target*; returns what to tell. *key* is the file of a private key, for one that is encrypted.

    Raises: StoreError, ConfigError, and *target* is untouched then.
    """
    if archive.is_file():
        beside = target.resolve().parent  # what is decrypted stays on the disk that it is for
        try:
            beside.mkdir(parents=True, exist_ok=True)
            sweep(beside, f"{_DECRYPTED}*")
            with TemporaryDirectory(prefix=_DECRYPTED, dir=beside) as folder:
                decrypt_folder(archive, key, Path(folder))
                return restore(Path(folder), target, force=force, now=now)
        except OSError as error:
            raise disk_error(error, beside) from error
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

"""Backups in the workspace made anew after an erasure: those of before hold what was erased."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from kobo_sync.errors import disk_error
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.backup import backup
from kobo_sync.workspace.archive import NAME, half_made, is_backup, sweep, sweep_half_made
from kobo_sync.workspace.encryption import ARCHIVE, HALF_MADE
from kobo_sync.workspace.folders import BACKUPS
from kobo_sync.workspace.private import FOLDER


def backups_inside(mission: Mission) -> list[Path]:
    """This mission's backups in its own workspace, the oldest first; those on other disks are out of reach, or not at hand."""
    root, code = mission.workspace.root.resolve(), mission.config.mission.code
    folders = {mission.workspace.state / BACKUPS, mission.workspace.root / (mission.config.backup.folder or ".")}
    inside = [
        each for each in folders if each.is_dir() and each.resolve() != root and each.resolve().is_relative_to(root)
    ]
    named = [(NAME.fullmatch(path.name.removesuffix(ARCHIVE)), path) for each in inside for path in each.iterdir()]
    theirs = [(name["at"], path) for name, path in named if name and name["mission"] == code and is_backup(path)]
    return [path for _at, path in sorted(theirs)]


def renew_backups(mission: Mission) -> tuple[int, Path | None]:
    """Make a backup of what is left, then remove those of before; a run that dies leaves them, or both, and the next ends it.

    Returns: how many gave way, and the new one; 0 and None where there was none. Raises: StoreError, ConfigError.
    """
    before = backups_inside(mission)
    if not before:
        return 0, None
    folder = before[-1].parent
    sweep_half_made(folder, mission.config.mission.code)
    staging = Path(tempfile.mkdtemp(prefix=HALF_MADE, dir=folder))
    staging.chmod(FOLDER)
    try:
        backup(mission, output=staging)
        (made,) = (path for path in staging.iterdir() if is_backup(path))
        _remove([path for path in before if path.name == made.name])  # of this very second
        new = made.replace(folder / made.name)
        _remove([path for path in before if path != new])
    except OSError as error:
        raise disk_error(error, folder) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return len(before), new


def _remove(backups: Collection[Path]) -> None:
    for path in backups:
        if path.exists():
            dying = half_made(path)  # half a removal must not look like a backup
            path.replace(dying)
            sweep(path.parent, dying.name)

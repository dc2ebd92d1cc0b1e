"""What a database refuses, as one message with its place and cure."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kobo_sync.errors import CURES as DISK
from kobo_sync.errors import StoreError

_CURES = {
    "full": DISK[errno.ENOSPC],
    "disk I/O": "free some disk space and look at the disk, then run again: nothing that was stored is lost",
    "locked": "another program holds the file (a SQL tool?): close it, then run again",
    "malformed": "restore a backup: `kobo-sync restore --help`",
    "not a database": "restore a backup: `kobo-sync restore --help`",
}
_NOT_OPENED = ("unable to open", "readonly")


def refusal(name: str, reason: str, path: str | None) -> StoreError:
    """The failure of the database *name* for SQLite's (or a server's) *reason*; *path* is its file, None when it has none."""
    file = Path(path) if path and path != ":memory:" else None
    cure = next((cure for word, cure in _CURES.items() if word in reason), "")
    if not cure and file and any(word in reason for word in _NOT_OPENED):
        cure = _cure_of_file(file)
    place = f"{name} ({file})" if file else name
    return StoreError(
        f"{place} refuses: {reason}",
        hint=cure or "check the disk, or the database server; restore a backup if it is damaged",
    )


def _cure_of_file(file: Path) -> str:
    """Why SQLite may not open or write *file*: it does not say."""
    if file.is_dir():
        return DISK[errno.EISDIR]
    if not file.parent.is_dir():
        return DISK[errno.ENOTDIR]
    if os.name == "posix" and os.statvfs(file.parent).f_flag & os.ST_RDONLY:
        return DISK[errno.EROFS]
    return DISK[errno.EACCES]

"""Files written whole, flushed to disk, or not at all; and taken away."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kobo_sync.errors import disk_error
from kobo_sync.workspace.private import FILE, FOLDER


def write_atomic(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write *content* to *path*: whole, flushed to disk, or not at all. Raises: StoreError.

    *private*: for this account's eyes, as the folders are that are made for it.
    """
    temporary = None
    try:
        for folder in reversed([each for each in (path.parent, *path.parent.parents) if not each.exists()]):
            folder.mkdir(exist_ok=True, mode=FOLDER if private else 0o777)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:40]}-", delete=False) as handle:
            temporary = Path(handle.name)
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.chmod(FILE if private else 0o644)
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:  # also when the verb is ended by a signal meanwhile
        if temporary:
            temporary.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Take the file *path* away, if there is one. Raises: StoreError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, path) from error

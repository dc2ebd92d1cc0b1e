"""Files written whole, flushed to disk, or not at all; and taken away."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from kobo_sync.errors import disk_error
from kobo_sync.workspace.locking import lock
from kobo_sync.workspace.private import FILE, FOLDER, UNFINISHED

_TRIES = 3


def write_atomic(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write *content* to *path*: whole, flushed to disk, or not at all. Raises: StoreError.

    *private*: for this account's eyes, as the folders are that are made for it.
    """
    try:
        for folder in reversed([each for each in (path.parent, *path.parent.parents) if not each.exists()]):
            folder.mkdir(exist_ok=True, mode=FOLDER if private else 0o777)
        _sweep_once(path.parent)
        for tries_left in reversed(range(_TRIES)):
            try:
                _write(path, content, FILE if private else 0o644)
                break
            except FileNotFoundError:  # swept, before it was locked
                if not tries_left:
                    raise
    except OSError as error:
        raise disk_error(error, path) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    unfinished = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name[:40]}-", suffix=UNFINISHED, delete=False
        ) as handle:
            unfinished = Path(handle.name)
            with suppress(OSError):  # a file system without locks: there nothing is swept either
                lock(handle.fileno())
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        unfinished.chmod(mode)
        unfinished.replace(path)
    finally:  # also when the verb is ended by a signal meanwhile
        if unfinished:
            unfinished.unlink(missing_ok=True)


def sweep_unfinished(folder: Path, *, below: bool = False) -> None:
    """Take away what killed processes were writing into *folder*, and *below*: it may name people. What is being written now stays."""
    for place, folders, names in os.walk(folder):  # what may not be listed, or goes meanwhile, is passed over
        if not below:
            folders.clear()
        for name in names:
            if name.startswith(".") and name.endswith(UNFINISHED):
                with suppress(OSError), Path(place, name).open("r+b") as handle:
                    lock(handle.fileno())  # whoever writes it has it
                    Path(place, name).unlink()


@lru_cache(maxsize=64)
def _sweep_once(folder: Path) -> None:
    """`sweep_unfinished`, once in a process."""
    sweep_unfinished(folder)


def remove(path: Path) -> None:
    """Take the file *path* away, if there is one. Raises: StoreError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, path) from error

"""What is its owner's only: folders that others may not enter, files that they may not read, a key made once."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from kobo_sync.errors import StoreError, disk_error
from kobo_sync.workspace.locking import lock

FILE, FOLDER = 0o600, 0o700
UNFINISHED = ".writing"  # how the names of files end that are not yet whole
_KEY_BYTES = 32
_TRIES = 3  # a key that is swept before it is locked is made again


def private_folder(path: Path) -> Path:
    """*path* as a folder of its owner's only, made with those above it if need be. Raises: StoreError."""
    try:
        _make(path)
        tighten(path)
    except OSError as error:
        raise disk_error(error, path) from error
    return path


def private_file(path: Path) -> Path:
    """*path* as a file that its owner alone may read, empty if there was none; what writes it later keeps it so. Raises: StoreError."""
    try:
        _make(path.parent)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE))
        tighten(path)
    except OSError as error:
        raise disk_error(error, path) from error
    return path


def refuse_emptied(desk: Path, mirror: Path) -> None:
    """Refuse a *desk* of zero bytes beside a *mirror* that holds something: a command killed at its very first start leaves none.

    Raises: StoreError.
    """
    if desk.is_file() and not desk.stat().st_size and mirror.is_file() and mirror.stat().st_size:
        raise StoreError(
            f"{desk} is empty: the accounts, the schedules and the journal that it held are gone",
            hint="restore a backup (`kobo-sync restore`); or delete the file, and begin without them",
        )


def _make(folder: Path) -> None:
    for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        each.mkdir(exist_ok=True, mode=FOLDER)


def tighten(path: Path) -> None:
    """Take from everybody but the owner what they may do with *path*; one that belongs to another stays as it is."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        with contextlib.suppress(PermissionError):
            path.chmod(mode & 0o700)


def key_in(path: Path) -> bytes:
    """The key in the file *path*, made at the first asking by whoever comes first. Raises: StoreError when it is damaged."""
    try:
        for _ in range(_TRIES):
            if not path.exists():
                private_folder(path.parent)
                _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise disk_error(error, path) from error
    if len(key) != _KEY_BYTES:
        hint = "restore it from a backup; or remove it: pseudonymised files then get other codes"
        raise StoreError(f"{path} is damaged: it is no key", hint=hint)
    return key


def _make_key(path: Path) -> None:
    part = path.with_name(f".{path.name}-{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE), "wb") as handle:
            with contextlib.suppress(OSError):  # a file system without locks
                lock(handle.fileno())  # a killed one's is swept
            handle.write(secrets.token_bytes(_KEY_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
            # Never in place of one that another process made meanwhile; or it was swept.
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(part, path)
    finally:
        part.unlink(missing_ok=True)

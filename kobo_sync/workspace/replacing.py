"""A set's folder replaced whole or not at all, by one process at a time; what a killed one left is mended."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from kobo_sync.errors import DocumentError
from kobo_sync.workspace.locking import wait_for_lock
from kobo_sync.workspace.private import FILE, FOLDER, private_file


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process is between these lines with the lock file *path*. Raises: OSError, StoreError."""
    with private_file(path).open("a+b") as handle:
        wait_for_lock(handle.fileno())
        yield


def put_folder(
    out: Path, name: str, files: Mapping[str, bytes], open_to_all: Callable[[str], bool], lock_file: Path
) -> None:
    """Put *files* (relative path → bytes) at ``out/name``: whole, or what was there is there still.

    A file is its owner's only unless it is *open_to_all*. Raises: DocumentError for a path outside the folder; OSError.
    """
    out.mkdir(parents=True, exist_ok=True)
    target, staging, old = out / name, out / f".{name}.new", out / f".{name}.old"
    with one_at_a_time(lock_file):
        try:
            _mend(out, name)
            staging.mkdir(mode=FOLDER)
            for relative, content in sorted(files.items()):
                pure = PurePosixPath(relative)
                if pure.is_absolute() or ".." in pure.parts:
                    raise DocumentError(f"{relative!r} leaves the folder of {name}", hint="use a relative path")
                path = staging / pure
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                path.chmod(0o644 if open_to_all(relative) else FILE)
            staging.chmod(0o755)
            if target.exists():
                target.replace(old)
            staging.replace(target)
            shutil.rmtree(old, ignore_errors=True)
        finally:  # also when the verb is ended by a signal meanwhile
            with contextlib.suppress(OSError):
                _mend(out, name)


def mend_folder(out: Path, name: str, lock_file: Path) -> None:
    """Mend what a killed run left of ``out/name``; what a process that lives is putting there is waited for. Raises: OSError, StoreError."""
    if any(each.exists() for each in (out / f".{name}.old", out / f".{name}.new")):
        with one_at_a_time(lock_file):
            _mend(out, name)


def _mend(out: Path, name: str) -> None:
    """The old set goes back when the new one never came; what is left of either goes."""
    target, old = out / name, out / f".{name}.old"
    if old.exists() and not target.exists():
        old.replace(target)
    for stale in (old, out / f".{name}.new"):
        if stale.exists():
            shutil.rmtree(stale, ignore_errors=True)

"""A folder for the length of a task, outside of every workspace: another program is to read and write files in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kobo_sync.workspace.locking import lock

_LOCK = "lock"


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """An empty folder of this account's only, gone at the end; those for *purpose* that killed processes left go as well.

    What lies in them may name people. Raises: OSError.
    """
    prefix = f"kobo-sync-{purpose}-"
    for abandoned in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError), (abandoned / _LOCK).open("r+b") as handle:
            lock(handle.fileno())  # whoever works there has it
            shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix) as name, (Path(name) / f".{_LOCK}").open("wb") as handle:
        with suppress(OSError):  # where it cannot be locked, nothing is swept either
            lock(handle.fileno())
            (Path(name) / f".{_LOCK}").rename(Path(name) / _LOCK)  # none sees it before it is locked
        folder = Path(name) / "work"
        folder.mkdir()
        yield folder

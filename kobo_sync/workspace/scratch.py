"""A folder for the length of a task: what lies in it may name people, so it never outlives its process for long."""

from __future__ import annotations

import glob
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kobo_sync.workspace.locking import lock

FOR_LIBREOFFICE, FOR_SPSS = "kobo-sync-pdf-", "kobo-sync-sav-"  # in the system's folder for temporary files
_LOCK = "lock"


@contextmanager
def scratch_folder(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """An empty folder of this account's only, gone at the end, in one called *prefix*… in *place* (None: the system's); `sweep_scratch` first.

    Raises: OSError.
    """
    sweep_scratch(prefix, place)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place) as name, (Path(name) / f".{_LOCK}").open("wb") as handle:
        with suppress(OSError):  # where it cannot be locked, nothing is swept either
            lock(handle.fileno())
            (Path(name) / f".{_LOCK}").rename(Path(name) / _LOCK)  # none sees it before it is locked
        folder = Path(name) / "work"
        folder.mkdir()
        yield folder


def sweep_scratch(prefix: str, place: Path | None = None) -> None:
    """Remove the folders called *prefix*… that killed processes left in *place*; one in which a process works stays.

    Those of older programs have no lock: they go from a mission's own *place*, not from the system's, where others may call theirs so.
    """
    for folder in (place or Path(tempfile.gettempdir())).glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError):
            names = {each.name for each in folder.iterdir()}
            if _LOCK in names:
                with (folder / _LOCK).open("r+b") as handle:
                    lock(handle.fileno())  # whoever works there has it
                    shutil.rmtree(folder, ignore_errors=True)
            elif place is not None and names and f".{_LOCK}" not in names:
                shutil.rmtree(folder, ignore_errors=True)

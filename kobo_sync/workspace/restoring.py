"""A restore that was killed between its renames, ended by whoever comes next."""

from __future__ import annotations

import shutil
from pathlib import Path

ASIDE_BY_RESTORE = ".before-"


def journal_of(target: Path) -> Path:
    """The file beside *target* that says, while its folder is being replaced, under which name the old one goes on."""
    return target.with_name(f".{target.name}.restore")


def finish_restore(target: Path, backups: str) -> None:
    """End what a restore of *target* began; nothing where none was. *backups* is their folder below *target*.

    What is to take its place is whole and compared with its hashes by then, and the old mission's backups go with it.
    Before the first rename there is nothing to end: the old mission stays. Raises: OSError.
    """
    journal = journal_of(target)
    try:
        old = target.with_name(journal.read_text("utf-8"))
    except FileNotFoundError:
        return
    staging = target.with_name(f".{target.name}.restoring")
    if old.exists():
        if not target.exists():
            staging.replace(target)
        if (old / backups).is_dir():
            (old / backups).replace(target / backups)
    else:
        shutil.rmtree(staging, ignore_errors=True)
    journal.unlink()

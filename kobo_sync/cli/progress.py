"""How far a step is: bars on a terminal, lines elsewhere when asked for."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from kobo_sync.cli.tongue import told

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_EVERY_S = 1.0


class Bars:
    """Progress bars on a terminal, nothing otherwise: steps print their own lines at the end."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, what: str, done: int, total: int | None) -> None:
        """Show how far *what* is."""
        if not self._shown:
            return
        if self._progress is None:
            self._progress = _started()
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(told(what), total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)


class Lines:
    """A progress that prints a line at most once a second, and each end."""

    def __init__(self) -> None:
        self._printed_at = 0.0

    def show(self, what: str, done: int, total: int | None) -> None:
        """Print how far *what* is, when it is time to."""
        from kobo_sync.cli.console import warn

        if time.monotonic() - self._printed_at >= _EVERY_S or done == total:
            self._printed_at = time.monotonic()
            warn(f"{what}: {done}/{total if total is not None else '?'}")


def _started() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR"))),
        transient=True,
    )
    progress.start()
    return progress

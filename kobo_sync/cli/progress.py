"""How far a step is: bars on a terminal, lines elsewhere when asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Bars:
    """Progress bars on a terminal, nothing otherwise: steps print their own lines at the end."""

    def __init__(self, console: Console, *, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._shown = console.is_terminal and shown
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        if self._shown:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()

    def show(self, what: str, done: int, total: int | None) -> None:
        """Show how far *what* is."""
        if not self._shown:
            return
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)


def lines_to(console: Console) -> Callable[[str, int, int | None], None]:
    """A progress that prints a line at most once a second, and each end."""
    last = 0.0

    def show(what: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= 1 or done == total:
            last = time.monotonic()
            console.print(f"{escape(what)}: {done} of {total if total is not None else '?'}")

    return show

"""Run as a program: relays that are killed (SIGKILL) at one point after another, each followed by an undisturbed one.

Reads from stdin lines of: workspace root, state folder, server, point (0: never killed); answers each with ``killed``,
``done`` or what went wrong. Points: before and after each request, before and after each commit.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conftest import TOKEN

from kobo_sync.mission.mission import Mission
from kobo_sync.station.database import Connection, Database
from kobo_sync.steps.relay import relay
from kobo_sync.transport import Transport
from kobo_sync.workspace.folders import Workspace

NOW = datetime(2025, 2, 12, 8, tzinfo=UTC)


def arm(kill_at: int) -> None:
    """Die at the n-th point."""
    passed = 0

    def point() -> None:
        nonlocal passed
        passed += 1
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    writing, send = Database.writing, Transport.send

    @contextmanager
    def killed_writing(self: Database) -> Iterator[Connection]:
        point()
        with writing(self) as connection:
            yield connection
        point()

    def killed_send(self: Transport, *arguments: Any, **options: Any) -> Any:
        point()
        answer = send(self, *arguments, **options)
        point()
        return answer

    Database.writing, Transport.send = killed_writing, killed_send  # type: ignore[method-assign]


def run(root: Path, state: Path, url: str, kill_at: int) -> str:
    child = os.fork()
    if child == 0:
        try:
            if kill_at:
                arm(kill_at)
            clock: Callable[[], datetime] = lambda: NOW  # noqa: E731
            relay(Mission(Workspace(root, state, state / "out"), {"KOBO_TOKEN": TOKEN}, clock, server=(url, url)))
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr)
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    return "done" if os.WEXITSTATUS(status) == 0 else "failed"


if __name__ == "__main__":
    for line in sys.stdin:
        root, state, url, point = line.rstrip("\n").split("\t")
        print(run(Path(root), Path(state), url, int(point)), flush=True)

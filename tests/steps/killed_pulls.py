"""Run as a program: pulls that are killed (SIGKILL) at one point after another, each followed by an undisturbed one.

Arguments: workspace, state folder to start from, server, folder for the copies, stride. Prints one JSON object:
the state after the pull that was never killed, and the states that differ from it by point.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from conftest import TOKEN
from mirror_truth import mirror_state
from page_size import ask_for
from shared_databases import SERVER, copy_databases

from kobo_sync.kobo.server import KoboServer
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.steps.pulling import attachments
from kobo_sync.store import schema
from kobo_sync.store.database import Store
from kobo_sync.workspace.folders import Workspace

NOW = datetime(2025, 2, 12, 8, tzinfo=UTC)


def main(root: Path, start: Path, url: str, copies: Path, stride: int) -> None:
    def copied(target: Path) -> Path:
        shutil.copytree(start, target)
        if SERVER in os.environ:
            of_start = mission_at(root, start, url)
            copy_databases(of_start, mission_at(root, target, url))
            of_start.close()
        return target

    assert _run(root, copied(copies / "whole"), url, 0)
    whole = state_of(root, copies / "whole", url)
    differing = {}
    n = 1
    while True:
        state = copied(copies / str(n))
        if _run(root, state, url, n) is None:
            break
        _run(root, state, url, 0)
        found = state_of(root, state, url)
        if found != whole:
            differing[n] = found
        shutil.rmtree(state)
        n += stride
    print(json.dumps({"points": n - 1, "whole": whole, "differing": differing}))


def _run(root: Path, state: Path, url: str, kill_at: int) -> Path | None:
    """Pull in a process of its own, killed at the n-th point; None when it ended before. 0: never killed."""
    child = os.fork()
    if child == 0:
        try:
            if kill_at:
                _arm(kill_at)
            mission = mission_at(root, state, url)
            pull_in_small_pages(mission)
            mission.close()
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr)
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL and kill_at
        return state
    assert os.WEXITSTATUS(status) == 0
    return None if kill_at else state


def pull_in_small_pages(mission: Mission) -> None:
    """Pull two rows at a time."""
    ask_for(mission, 2)
    pull(mission)


def mission_at(root: Path, state: Path, url: str) -> Mission:
    """The mission with the state folder *state*, at a time that stands still."""
    return Mission(Workspace(root, state, state / "out"), {"KOBO_TOKEN": TOKEN}, lambda: NOW, server=(url, url))


def _arm(kill_at: int) -> None:
    """Die before and after each commit, before each request, before and amid each file."""
    left = kill_at

    def point() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    begin, get, write, replace = Store.begin, KoboServer.get, attachments._write, Path.replace

    @contextmanager
    def begin_armed(self: Store) -> Iterator[sa.Connection]:
        with begin(self) as connection:
            yield connection
            point()
        point()

    def get_armed(*args: Any, **options: Any) -> Any:
        point()
        return get(*args, **options)

    def write_armed(part: Path, stream: Any) -> None:
        write(part, stream)
        with part.open("r+b") as handle:
            handle.truncate(part.stat().st_size // 2)  # as if the other half had never come
            point()
            handle.seek(0)
        part.unlink()
        point()
        raise attachments.KoboUnreachable("the line broke")

    def replace_armed(self: Path, target: Path) -> Path:
        point()
        return replace(self, target)

    Store.begin, KoboServer.get = begin_armed, get_armed  # type: ignore[method-assign,assignment]
    Path.replace = replace_armed  # type: ignore[method-assign,assignment]
    if kill_at % 2:
        attachments._write = write_armed
        attachments.ATTEMPTS = 1


def state_of(root: Path, state: Path, url: str) -> dict[str, Any]:
    """All that a mirror holds: rows, tables and files, revisions, cursors."""
    mission = mission_at(root, state, url)
    s, r, c = schema.submissions.c, schema.revisions.c, schema.cursors.c
    held = {form_id: repr(sorted(found.items())) for form_id, found in mirror_state(mission).items()}
    with mission.store.begin() as connection:
        rows = connection.execute(sa.select(s.root_uuid, s.submission_id, s.revision, s.gone_at).order_by(s.root_uuid))
        held["rows"] = repr([(row.root_uuid, row.submission_id, row.revision, bool(row.gone_at)) for row in rows])
        held["revisions"] = repr(
            connection.execute(sa.select(r.root_uuid, r.revision, r.kind).order_by(r.root_uuid, r.revision)).all()
        )
        held["cursors"] = repr(connection.execute(sa.select(c.form_id, c.last_id, c.n_live).order_by(c.form_id)).all())
    mission.close()
    return held


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))

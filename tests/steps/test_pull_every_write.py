"""Whatever a pull had on disk at any moment, the next one ends in the same state: every moment is looked at, none sampled.

What SIGKILL leaves is what the files held then. So one pull is watched: before each SQL statement (the commits among
them), between the chunks of each file and around each renaming, the files are copied if they differ from the copy
before; then the next pull starts from each copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Field
from killed_pulls import mission_at, pull_in_small_pages, state_of
from test_pull_killed import PHOTO, VISIT, only_deployments

from kobo_sync.steps.pulling import attachments
from kobo_sync.transport import Stream


class Watch:
    """Copies of *folder* in *copies*, one for each state that its files were in; *n_points* moments were looked at."""

    def __init__(self, folder: Path, copies: Path) -> None:
        self.folder, self.copies, self.n_points = folder, copies, 0
        self._seen: set[bytes] = set()
        self._lock = threading.Lock()

    def point(self, *_: object) -> None:
        with self._lock:
            self.n_points += 1
            digest = hashlib.sha256()
            for path in sorted(self.folder.rglob("*")):
                if path.is_file() and not path.name.endswith("-shm"):  # what another process would build anew
                    with contextlib.suppress(FileNotFoundError):  # another thread renamed it: a later point has it
                        digest.update(f"{path}\0".encode() + path.read_bytes())
            if digest.digest() not in self._seen:
                self._seen.add(digest.digest())
                target = self.copies / f"{len(self._seen):04}"
                shutil.copytree(self.folder, target, ignore_dangling_symlinks=True)


@contextmanager
def watched(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look at every write: SQL statements before they are carried out, chunks of files, renamings, removals."""

    def on_connect(connection: Any, _record: object) -> None:
        connection.set_trace_callback(watch.point)

    def around(act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*arguments: Any, **options: Any) -> Any:
            watch.point()
            try:
                return act(*arguments, **options)
            finally:
                watch.point()

        return acted

    write = attachments._write

    def write_watched(part: Path, stream: Stream) -> None:
        def chunks() -> Iterator[bytes]:
            for chunk in stream.chunks:
                for at in range(0, len(chunk), 4096):
                    yield chunk[at : at + 4096]
                    watch.point()

        write(part, Stream(stream.start, stream.length, chunks()))
        watch.point()

    with monkeypatch.context() as patch:
        patch.setattr(attachments, "_write", write_watched)
        patch.setattr(attachments, "AT_ONCE", 1)
        for name in ("replace", "unlink", "mkdir"):
            patch.setattr(Path, name, around(getattr(Path, name)))
        sa.event.listen(sa.Engine, "connect", on_connect)
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, "connect", on_connect)
    watch.point()


@pytest.mark.parametrize("first", [True, False], ids=["first reading", "changes"])
def test_every_state_the_disk_was_in_leads_to_the_same_end(
    field_team: Field, first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = [field_team.person(f"NOR-{n}", note="x") for n in range(3)]
    visit = field_team.submit("visites", {**VISIT, "photo": "a.png"}, files={"a.png": (PHOTO, "image/png")})
    start, work = tmp_path / "start", tmp_path / "work"
    root, url = field_team.mission.workspace.root, field_team.url
    if first:
        only_deployments(field_team, start)
    else:
        pull_in_small_pages(field_team.mission)
        field_team.mission.close()
        shutil.copytree(field_team.mission.workspace.state, start)
        given = {"zone": "nord", "accord": "oui", "code": "NOR-0", "groupe": "a", "nom": "Y", "note": None}
        field_team.submit("personnes", given, edits=roots[0])
        field_team.reopen().reader().delete_submission(field_team.uid("personnes"), str(roots[1]))
        field_team.person("SUD-1", zone="sud")
        more = {**VISIT, "photo": "b.png", "membre": [{"prenom": "Awa"}]}
        field_team.submit("visites", more, files={"b.png": (PHOTO[::-1], "image/png")}, edits=visit)
    shutil.copytree(start, work)
    (tmp_path / "copies").mkdir()
    watch = Watch(work, tmp_path / "copies")
    with watched(watch, monkeypatch), contextlib.closing(mission_at(root, work, url)) as mission:
        pull_in_small_pages(mission)
    whole = state_of(root, work, url)
    copies = sorted(watch.copies.iterdir())
    assert watch.n_points > 100 and len(copies) > 10
    for copy in copies:
        with contextlib.closing(mission_at(root, copy, url)) as mission:
            pull_in_small_pages(mission)
        assert state_of(root, copy, url) == whole, f"killed where {copy.name} was on disk"

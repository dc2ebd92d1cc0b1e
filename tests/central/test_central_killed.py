"""A pull from ODK Central that is killed, between any two requests or writes: the next one ends as if it had never been."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from central_field import (
    OTHER,
    PERSON,
    PHOTO,
    VISIT,
    CentralField,
    assert_same,
    central_field_in,
    history,
    mirror_truth,
)

from kobo_sync.central import server
from kobo_sync.central.asking import Asking
from kobo_sync.central.wire import protocol
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.steps.pulling import attachments
from kobo_sync.store import schema
from kobo_sync.store.database import Store

STRIDE = 3


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CentralField]:
    monkeypatch.setattr(protocol, "PAGE", 3)
    monkeypatch.setattr(server, "ROWS_PER_PAGE", 2)
    monkeypatch.setattr(server, "AT_ONCE", 1)
    monkeypatch.setattr(attachments, "AT_ONCE", 1)
    with central_field_in(tmp_path) as field:
        yield field


def first_reading(there: CentralField) -> bool:
    for n in range(5):
        there.person(f"N{n}")
    there.visit({"a.png": PHOTO}, photo="a.png", membre=[{"prenom": "Awa"}, {"prenom": "Ali"}])
    return False


def changes(there: CentralField) -> bool:
    """What can change, all at once, after a pull; to be read by a quick one."""
    rows = [there.person(f"N{n}", note="x") for n in range(5)]
    gone = there.person("N9")
    visit = there.visit({"a.png": PHOTO}, photo="a.png", membre=[{"prenom": "Awa"}, {"prenom": "Ali"}])
    there.pull()
    there.office.delete("personnes", gone)
    there.pull()
    there.forward(hours=4)
    there.office.edit("personnes", rows[0], {**PERSON, "note": None})
    there.office.review("personnes", rows[1], "approved")
    there.office.delete("personnes", rows[2])
    there.office.restore("personnes", gone)
    there.person("S1", zone="sud")
    there.office.edit("visites", visit, {**VISIT, "photo": "b.png", "membre": [{"prenom": "Ali"}]}, {"b.png": OTHER})
    return True


@contextmanager
def killed_at(n: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], bool]]:
    """Dies at the n-th point: before a request, before or after a commit, around a file's renaming; says whether it did."""
    left, is_dead, lock = n, False, threading.Lock()

    def point() -> None:
        nonlocal left, is_dead
        with lock:
            left -= 1
            is_dead = is_dead or left == 0
        if is_dead:
            raise Killed

    send, begin, replace = Asking.send, Store.begin, Path.replace

    def sent(*args: Any, **options: Any) -> Any:
        point()
        return send(*args, **options)

    @contextmanager
    def begun(self: Store) -> Iterator[sa.Connection]:
        with begin(self) as connection:
            yield connection
            point()
        point()

    def replaced(self: Path, target: Path) -> Path:
        point()
        replace(self, target)
        point()
        return target

    with monkeypatch.context() as patch:
        patch.setattr(Asking, "send", sent)
        patch.setattr(Store, "begin", begun)
        patch.setattr(Path, "replace", replaced)
        yield lambda: is_dead


def state_of(mission: Mission) -> dict[str, Any]:
    """All that a mirror holds: rows, tables and files, revisions, cursors."""
    s, c = schema.submissions.c, schema.cursors.c
    state: dict[str, Any] = {form_id: mirror_truth(mission, form_id) for form_id in mission.forms}
    state |= {f"revisions of {form_id}": history(mission, form_id) for form_id in mission.forms}
    with mission.store.begin() as connection:
        query = sa.select(s.root_uuid, s.submission_id, s.revision, s.gone_at.is_(None)).order_by(s.root_uuid)
        state["rows"] = connection.execute(query).all()
        state["cursors"] = connection.execute(sa.select(c.form_id, c.last_id, c.n_live).order_by(c.form_id)).all()
    return state


@pytest.mark.parametrize("scene", [first_reading, changes])
def test_killed_at_any_point_the_next_pull_ends_the_same(
    there: CentralField, scene: Callable[[CentralField], bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = scene(there)
    start = there.workspace.state
    there.mission.close()
    start.mkdir(exist_ok=True)

    def copy(name: str) -> Mission:
        shutil.copytree(start, tmp_path / "copies" / name)
        return there.reopen(tmp_path / "copies" / name)

    whole = copy("whole")
    pull(whole, quick=quick)
    assert_same(there, whole)
    expected, n = state_of(whole), 1 - STRIDE
    while True:
        n += STRIDE
        mission = copy(str(n))
        with killed_at(n, monkeypatch) as is_dead:
            with suppress(Killed):
                pull(mission, quick=quick)
        mission.close()
        if not is_dead():
            break
        mission = there.reopen(tmp_path / "copies" / str(n))
        pull(mission, quick=quick)
        assert state_of(mission) == expected, f"killed at point {n}"
        mission.close()
        shutil.rmtree(tmp_path / "copies" / str(n))
    assert n > 40

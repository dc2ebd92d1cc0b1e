"""Mirror and desk from files to PostgreSQL and back: equal, whenever it is killed. Part 10, 1."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import TOKEN, Field

from kobo_sync.databases import moving
from kobo_sync.databases.dialects import Dialect
from kobo_sync.desk import accounts, schedules, worklist
from kobo_sync.desk.database import Desk
from kobo_sync.errors import ConfigError, StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.history import history
from kobo_sync.steps.move import Direction, move
from kobo_sync.steps.person import erase
from kobo_sync.steps.pull import pull
from kobo_sync.store import schema
from kobo_sync.store.database import Store
from kobo_sync.workspace.folders import Workspace

pytestmark = pytest.mark.postgres
SVG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def moving_team(field_team: Field, postgres: str) -> Iterator[tuple[Field, str]]:
    """A mission with rows, revisions, files, odd answers, findings and accounts; and an address to move them to."""
    path = field_team.mission.workspace.root / "config" / "mission.toml"
    mark = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    path.write_text(path.read_text("utf-8").replace("[mission]\n", f'[mission]\nid = "{mark}"\n', 1), "utf-8")
    first = field_team.person("NOR-001", note="un ☺ deux")
    field_team.person("NOR-001")
    field_team.submit("visites", {"zone": "nord", "photo": "p.png"}, files={"p.png": (SVG, "image/png")})
    mission = field_team.reopen()
    recorded(mission, "pull", pull)
    field_team.person_edit = first  # type: ignore[attr-defined]
    field_team.submit(
        "personnes", {"zone": "sud", "accord": "oui", "code": "SUD-001", "nom": "B", "groupe": "b"}, edits=first
    )
    recorded(mission, "pull", pull)
    check(mission)
    accounts.add_user(
        mission.desk, "maha", "Maha", "staff", "une phrase bien longue 7", names=True, now=mission.clock(), by=""
    )
    mission.close()
    yield field_team, postgres


def _opened(field: Field, url: str = "") -> Mission:
    mission = field.reopen()
    if url:
        mission.environ["STORE_URL"] = url  # type: ignore[index]
    return mission


def _truth(mission: Mission) -> dict[str, Any]:
    store, desk = mission.store, mission.desk
    tables = {
        name: moving.fingerprint(store.engine.connect, table, schema.facts)
        for name, table in schema.metadata.tables.items()
    }
    frames = {form_id: store.read_table(store.tables(form)[0]).to_csv() for form_id, form in mission.forms.items()}
    return {"tables": tables, "frames": frames, "worklist": worklist.counts(desk), "key": desk.signing_key()}


def _built(mission: Mission) -> dict[str, str]:
    build(mission)
    out = mission.workspace.out
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file()
    }


def test_there_and_back_again(moving_team: tuple[Field, str]) -> None:
    field, url = moving_team
    here = _opened(field)
    before, built = _truth(here), _built(here)
    here.close()
    there = _opened(field, url)
    report = move(there, to="server")
    assert report.counts["tables"] > 15 and report.lines[-1] == "set STORE_URL on every machine"
    assert _truth(there) == before
    assert there.store.dialect.name == there.desk.engine.dialect.name == "postgresql"
    assert _built(there) == built
    field.person("NOR-002")
    assert pull(there).counts["new"] == 1  # new rows are numbered after those that came
    after = _truth(there)
    with pytest.raises(StoreError, match="was moved to the database that STORE_URL names"):
        pull(_opened(field))
    there.close()
    move(_opened(field, url), to="files")
    back = _opened(field)
    assert _truth(back) == after and back.store.dialect.name == "sqlite"
    field.person("NOR-003")
    assert pull(back).counts["new"] == 1
    with pytest.raises(StoreError, match="was moved to files"):
        pull(_opened(field, url))


@pytest.mark.parametrize("direction", ["server", "files"])
def test_a_move_that_is_killed_goes_on_where_it_was(
    moving_team: tuple[Field, str], monkeypatch: pytest.MonkeyPatch, direction: Any
) -> None:
    field, url = moving_team
    monkeypatch.setattr(moving, "ROWS_PER_STEP", 2)
    if direction == "files":
        move(_opened(field, url), to="server")
    before = _truth(_opened(field, url if direction == "files" else ""))
    put, n_puts = Dialect.insert_rows, 0

    def dies(*arguments: Any, **options: Any) -> None:
        nonlocal n_puts
        n_puts += 1
        if n_puts % 7 == 0:
            raise KeyboardInterrupt
        put(*arguments, **options)

    n_killed = 0
    with monkeypatch.context() as patched:
        patched.setattr(Dialect, "insert_rows", dies)
        while True:
            try:
                move(_opened(field, url), to=direction)
                break
            except KeyboardInterrupt:
                n_killed += 1
                with pytest.raises(StoreError, match="half filled"):
                    pull(_opened(field, url if direction == "server" else ""))
    assert n_killed > 3
    assert _truth(_opened(field, url if direction == "server" else "")) == before


@pytest.mark.parametrize("n_steps", range(4))
def test_a_move_that_is_killed_at_its_very_end_is_ended_by_the_next(
    moving_team: tuple[Field, str], monkeypatch: pytest.MonkeyPatch, n_steps: int
) -> None:
    """Two databases are closed behind and opened: killed after any of these four steps, the same command ends the move."""
    field, url = moving_team
    before, steps = _truth(_opened(field)), 0

    put_fact, open_for_all = moving.put_fact, moving.open_for_all

    def or_dies() -> None:
        nonlocal steps
        if steps == n_steps:
            raise KeyboardInterrupt
        steps += 1

    def closes(connection: Any, facts: Any, name: str, value: str | None) -> None:
        if name == moving.MOVED and value is not None:
            or_dies()
        put_fact(connection, facts, name, value)

    def opens(*arguments: Any) -> None:
        or_dies()
        open_for_all(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(moving, "put_fact", closes)
        patched.setattr(moving, "open_for_all", opens)
        with pytest.raises(KeyboardInterrupt):
            move(_opened(field, url), to="server")
    for address in ("", url) if n_steps else (url,):
        with pytest.raises(StoreError, match=r"half filled|was moved to"):
            check(_opened(field, address))  # neither side is used meanwhile
    move(_opened(field, url), to="server")
    assert _truth(_opened(field, url)) == before
    with pytest.raises(StoreError, match="everything was moved already"):
        move(_opened(field, url), to="server")


def test_a_mission_that_never_pulled_is_moved_once_too(workspace: Workspace, postgres: str) -> None:
    path = workspace.root / "config" / "mission.toml"
    mark = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    path.write_text(path.read_text("utf-8").replace("[mission]\n", f'[mission]\nid = "{mark}"\n', 1), "utf-8")
    directions: tuple[Direction, ...] = ("server", "files")
    for to in directions:
        with closing(Mission(workspace, {"KOBO_TOKEN": TOKEN, "STORE_URL": postgres})) as mission:
            move(mission, to=to)
            with pytest.raises(StoreError, match="everything was moved already"):
                move(mission, to=to)


def test_what_was_left_behind_is_moved_nowhere_else(moving_team: tuple[Field, str]) -> None:
    """After a move, STORE_URL or mission.id are changed by mistake: neither side loses rows, and the old ones are not used again."""
    field, url = moving_team
    there = _opened(field, url)
    move(there, to="server")
    field.person("NOR-002")
    pull(there)
    path = field.mission.workspace.root / "config" / "mission.toml"
    right = path.read_text("utf-8")
    path.write_text(right.replace('id = "', 'id = "f', 1), "utf-8")
    with pytest.raises(StoreError, match="moved already, and not to here"):
        move(_opened(field, url), to="server")
    with pytest.raises(StoreError, match="no mirror to be moved"):
        move(_opened(field, url), to="files")
    path.write_text(right, "utf-8")
    after = _truth(_opened(field, url))
    move(_opened(field, url), to="files")
    assert _truth(_opened(field)) == after


def test_what_changes_meanwhile_is_moved_again_or_told(
    moving_team: tuple[Field, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    field, url = moving_team
    others, replace_facts = _opened(field), moving._replace_facts

    def and_changes(*arguments: Any) -> None:
        replace_facts(*arguments)
        with others.desk.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE users SET name = 'Maha B.'")

    monkeypatch.setattr(moving, "_replace_facts", and_changes)
    there = _opened(field, url)
    move(there, to="server")
    assert [user.name for user in accounts.users(there.desk)] == ["Maha B."]


def test_who_had_the_old_side_open_writes_there_no_more(moving_team: tuple[Field, str]) -> None:
    """A service that was not stopped would go on with data that nobody looks at any more."""
    field, url = moving_team
    service = _opened(field)
    assert service.store.deployments() and service.desk.signing_key()
    move(_opened(field, url), to="server")
    for write in (
        lambda: pull(service),
        lambda: schedules.set_paused(service.desk, "pull", True, "maha", field.clock()),
    ):
        with pytest.raises(StoreError, match="was moved to the database"):
            write()


def test_a_target_that_is_not_empty_is_refused(moving_team: tuple[Field, str]) -> None:
    field, url = moving_team
    there = _opened(field, url)
    pull(there)
    with pytest.raises(StoreError, match="is not empty"):
        move(_opened(field, url), to="server")
    with pytest.raises(ConfigError, match="STORE_URL"):
        move(_opened(field), to="server")


def test_the_history_comes_along(moving_team: tuple[Field, str]) -> None:
    field, url = moving_team
    told = history(_opened(field), str(field.person_edit)).lines  # type: ignore[attr-defined]
    move(_opened(field, url), to="server")
    assert history(_opened(field, url), str(field.person_edit)).lines == told  # type: ignore[attr-defined]


def _rows_left(workspace: Workspace) -> int:
    store = Store(workspace.database, may_be_moving=True)
    with store.read() as connection:
        tables = [table for table in schema.metadata.sorted_tables if table is not schema.facts]
        n = sum(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables)
    store.close()
    return n


def test_who_is_erased_after_a_move_is_not_left_in_the_files_of_before(moving_team: tuple[Field, str]) -> None:
    field, url = moving_team
    workspace = field.mission.workspace
    mission = _opened(field, url)
    move(mission, to="server")
    mission.close()
    assert _rows_left(workspace) > 0
    mission = _opened(field, url)
    report = erase(mission, "NOR-001")
    assert sum(line.startswith("emptied") for line in report.lines) == 2
    assert _rows_left(workspace) == 0
    assert not [path for path in workspace.root.rglob("*") if path.is_file() and b"NOR-001" in path.read_bytes()]
    assert mission.store.engine.dialect.name == "postgresql" and check(mission).counts
    mission.close()
    for kind, path in ((Store, workspace.database), (Desk, workspace.desk_database)):
        with pytest.raises(StoreError, match="was moved to the database that STORE_URL names"):
            kind(path)
    mission = _opened(field, url)
    there = _truth(mission)
    move(mission, to="files")
    mission.close()
    assert _truth(_opened(field)) == there


def test_an_erasure_makes_no_files_where_a_move_left_none(moving_team: tuple[Field, str]) -> None:
    field, url = moving_team
    mission = _opened(field, url)
    move(mission, to="server")
    mission.close()
    state = field.mission.workspace.state
    for path in (*state.glob("mirror.sqlite*"), *state.glob("desk.sqlite*")):
        path.unlink()
    mission = _opened(field, url)
    assert not [line for line in erase(mission, "NOR-001", rebuild=False).lines if line.startswith("emptied")]
    mission.close()
    assert not [*state.glob("mirror.sqlite*"), *state.glob("desk.sqlite*")]

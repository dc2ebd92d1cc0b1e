"""Files that were damaged while nobody looked, clocks that are wrong, strangers in the server's place, two at once: what a pull makes of
each is a message with a cure, and after the cure the same as if nothing had been.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from conftest import Field
from mirror_truth import fresh_state, mirror_state, server_state
from notices.test_notices import certificate  # noqa: F401  # a fixture

from kobo_sync.desk import accounts
from kobo_sync.errors import Busy, KoboError, StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.steps.backup import backup
from kobo_sync.steps.check import check
from kobo_sync.steps.pull import pull
from kobo_sync.steps.purge import purge
from kobo_sync.steps.restore import restore
from kobo_sync.workspace.folders import find
from kobo_sync.workspace.showing import showing

pytestmark = pytest.mark.one_database
WHOLE = "TRUST_SEEDS" in os.environ  # `make trust`: all of the table; the suite looks at some of it
PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


def sent(field: Field, first: int = 0) -> list[str]:
    """Rows, a file, an edit and a deletion more on the server."""
    roots = [field.person(f"NOR-{first + n:03}", note="x" * 300) for n in range(6)]
    field.submit(
        "visites", {"zone": "nord", "personne": "NOR-001", "photo": "a.png"}, files={"a.png": (PHOTO, "image/png")}
    )
    field.submit(
        "personnes", {"zone": "nord", "accord": "oui", "code": "NOR-000", "nom": "Autre", "groupe": "a"}, edits=roots[0]
    )
    field.mission.deployer().delete_submission(field.uid("personnes"), roots[1])
    return roots


@pytest.fixture
def team(field_team: Field) -> Field:
    """A mission that has pulled and checked, with an account and a backup; more waits on the server."""
    sent(field_team)
    mission = field_team.mission
    for step in (pull, check):
        recorded(mission, step.__name__, step)
    accounts.add_user(
        mission.desk, "maha", "Maha", "staff", "une phrase assez longue", names=False, now=field_team.clock(), by=""
    )
    backup(mission)
    sent(field_team, 100)
    return field_team


def _wal_lost(path: Path) -> None:
    """Pages that were committed into the log and not copied yet, and then the log was deleted."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_autocheckpoint = 0")
        file.execute("CREATE TABLE beside (text)")
        file.commit()
        shutil.copy(path, path.with_suffix(".kept"))
    path.with_suffix(".kept").replace(path)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _page_overwritten(path: Path) -> None:
    content, chance = bytearray(path.read_bytes()), random.Random(4)
    page = int.from_bytes(content[16:18], "big")
    for number in (1, 2, 3, 4, 5):  # some pages hold the tables' roots
        content[number * page : (number + 1) * page] = chance.randbytes(page)
    path.write_bytes(content)


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _cut_to_its_head(path: Path) -> None:
    os.truncate(path, 60)


def _other_bytes(path: Path) -> None:
    path.write_bytes(b"a picture, say" * 4000)


def _emptied(path: Path) -> None:
    os.truncate(path, 0)


DAMAGES: tuple[Callable[[Path], None], ...] = (
    _wal_lost,
    _page_overwritten,
    _truncated,
    _cut_to_its_head,
    _other_bytes,
    _emptied,
)


def settled(mission: Mission) -> Path:
    """The mission closed, nothing in the log of its mirror; returns its folder."""
    mission.close()
    for name in ("mirror", "desk"):
        with closing(sqlite3.connect(mission.workspace.state / f"{name}.sqlite")) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return mission.workspace.state


@pytest.mark.parametrize("damage", DAMAGES if WHOLE else DAMAGES[:2], ids=lambda each: each.__name__.strip("_"))
def test_a_damaged_mirror_is_told_with_a_cure_after_which_it_is_as_undisturbed(
    team: Field, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    uids = {form_id: team.uid(form_id) for form_id in team.mission.forms}
    team.uid = uids.__getitem__  # type: ignore[method-assign]  # a mirror that was lost does not remember them
    path = settled(team.mission) / "mirror.sqlite"
    damage(path)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    mission = team.reopen()
    try:
        recorded(mission, "pull", pull)
    except StoreError as refusal:
        assert str(path) in refusal.message or "mirror" in refusal.message
        assert "kobo-sync pull" in refusal.hint and "move" in refusal.hint
        mission.close()
        path.rename(tmp_path / "away.sqlite")
        mission = team.reopen()
        recorded(mission, "pull", pull)
    assert mirror_state(mission) == server_state(team, mission)


@pytest.mark.parametrize("damage", DAMAGES[1:] if WHOLE else DAMAGES[-1:], ids=lambda each: each.__name__.strip("_"))
def test_a_damaged_desk_alone_is_told_and_a_backup_cures_it(
    team: Field, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    state = settled(team.mission)
    (copy,) = (state / "backups").iterdir()
    kept = tmp_path / "kept"
    shutil.copytree(copy, kept)
    damage(state / "desk.sqlite")
    mission = team.reopen()
    with pytest.raises(StoreError) as refusal:
        recorded(mission, "pull", pull)
        accounts.users(mission.desk)
    assert "desk" in refusal.value.message and "backup" in refusal.value.hint
    mission.close()
    restore(kept, mission.workspace.root, force=True, now=team.clock())
    mission = team.reopen()
    recorded(mission, "pull", pull)
    assert mirror_state(mission) == server_state(team, mission)
    assert [user.username for user in accounts.users(mission.desk)] == ["maha"]


@pytest.mark.parametrize("table", ["journal", "users", "runs"] if WHOLE else ["journal"])
def test_a_table_that_somebody_dropped_is_named_and_no_disk_is_blamed(team: Field, table: str) -> None:
    path = settled(team.mission) / "desk.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"DROP TABLE {table}")
        file.commit()
    mission = team.reopen()
    with pytest.raises(StoreError) as refusal:
        recorded(mission, "pull", pull)
        accounts.users(mission.desk)
        accounts.add_user(
            mission.desk, "lea", "Lea", "staff", "une phrase assez longue", names=False, now=team.clock(), by=""
        )
    assert (
        table in refusal.value.message and "disk" not in refusal.value.hint and "restore a backup" in refusal.value.hint
    )


def test_an_old_backup_pulled_is_as_if_it_had_never_been_away(team: Field, tmp_path: Path) -> None:
    (copy,) = (team.mission.workspace.state / "backups").iterdir()
    team.clock.forward(days=40)
    undisturbed = team.reopen()
    pull(undisturbed)
    restore(copy, tmp_path / "back", force=False, now=team.clock())
    restored = Mission(find(tmp_path / "back"), {"KOBO_TOKEN": team.token}, team.clock, server=(team.url, team.kc))
    assert mirror_state(restored) != mirror_state(undisturbed)
    assert not pull(restored).has_errors
    assert mirror_state(restored) == mirror_state(undisturbed) == fresh_state(team, tmp_path / "fresh")
    restored.close()


CLOCKS = {
    "a day back": ("2025-02-11T12:00", "2025-02-10T12:00", "2025-02-11T13:00"),  # and put right
    "a month ahead": ("2025-02-11T12:00", "2025-03-14T12:00", "2025-02-11T13:00"),
    # Morocco leaves UTC+1 for Ramadan at 02:00 UTC, and comes back.
    "an hour twice": ("2025-02-23T00:50", "2025-02-23T02:10", "2025-02-23T03:05"),
    "an hour left out": ("2025-04-06T01:30", "2025-04-06T02:30", "2025-04-06T03:30"),
}


@pytest.mark.parametrize("clock", CLOCKS if WHOLE else [*CLOCKS][:1])
def test_a_clock_that_is_wrong_or_changed_loses_no_row(field_team: Field, clock: str) -> None:
    mission = field_team.mission
    for n, moment in enumerate(CLOCKS[clock]):
        field_team.clock.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        sent(field_team, 100 * n)
        recorded(mission, "pull", pull)
        assert mirror_state(mission) == server_state(field_team, mission), moment
    recorded(mission, "pull", lambda opened: pull(opened, full=True))
    assert mirror_state(mission) == server_state(field_team, mission)


@contextmanager
def _stranger(pem: Path, key: Path) -> Iterator[tuple[str, list[str]]]:
    """Somebody in the server's place with a certificate that nobody vouches for; gives the address, and what they were told."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(str(self.headers))

        def log_message(self, *_words: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}", heard
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_wrong_certificate_gets_no_token_and_changes_nothing(team: Field, certificate: tuple[Path, Path]) -> None:  # noqa: F811
    before = mirror_state(team.mission)
    with _stranger(*certificate) as (url, heard):
        elsewhere = Mission(team.mission.workspace, {"KOBO_TOKEN": team.token}, team.clock, server=(url, url))
        with pytest.raises(KoboError) as refusal:
            recorded(elsewhere, "pull", pull)
        elsewhere.close()
    assert "certificate" in refusal.value.message and refusal.value.hint and heard == []
    mission = team.reopen()
    assert mirror_state(mission) == before
    recorded(mission, "pull", pull)
    assert mirror_state(mission) == server_state(team, mission)


def test_a_restore_over_a_running_service_is_refused(team: Field) -> None:
    root, state = team.mission.workspace.root, team.mission.workspace.state
    (copy,) = (state / "backups").iterdir()
    with showing(team.mission.workspace) as tell:
        tell("http://127.0.0.1:8000/")
        with pytest.raises(Busy, match="service is running") as refusal:
            restore(copy, root, force=True, now=team.clock())
        with pytest.raises(Busy, match="another process shows the pages"), showing(team.mission.workspace):
            raise AssertionError("two services at once")
    assert "stop the service" in refusal.value.hint
    assert not list(root.parent.glob(f"{root.name}.before-*"))
    team.mission.close()
    restore(copy, root, force=True, now=team.clock())
    mission = team.reopen()
    pull(mission)
    assert mirror_state(mission) == server_state(team, mission)


def test_a_purge_waits_for_no_pull_and_harms_none(team: Field) -> None:
    """Asked for while a pull is under way it is refused with a cure; afterwards it does its work."""
    path = team.mission.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8") + "\n[retention]\nfiles_months = 1\npersonal_months = 1\n", "utf-8")
    mission, other = team.reopen(), team.reopen()
    refused: list[Busy] = []

    def pull_and_be_disturbed(opened: Mission) -> object:
        report = pull(opened)
        with pytest.raises(Busy) as refusal:
            recorded(other, "purge", purge)
        refused.append(refusal.value)
        return report

    recorded(mission, "pull", pull_and_be_disturbed)  # type: ignore[arg-type]
    assert "wait" in refused[0].hint and mirror_state(mission) == server_state(team, mission)
    team.clock.forward(days=120)
    assert recorded(other, "purge", purge).counts
    assert not pull(team.reopen()).has_errors

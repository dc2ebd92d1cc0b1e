"""Many missions in one process: side by side, in fair order, none held up by another's server, secrets or faults."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from federated import ASSETS, HOURLY, PATIENCE_S, Together, at_station, wait_for, write_mission
from loopback import answer, loopback_server

from kobo_sync.databases import engines
from kobo_sync.desk import notices, runs, schedules
from kobo_sync.desk.notices import Notice
from kobo_sync.errors import ConfigError, StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.service import jobs
from kobo_sync.service.jobs import Job
from kobo_sync.service.logs import Hiding, Secrets, of_mission
from kobo_sync.service.missions import LOOK_AT_FAULT, LOOKS_AT_ONCE, Member, Missions


@pytest.fixture
def together(tmp_path: Path) -> Iterator[Together]:
    missions = Together(tmp_path / "missions")
    yield missions
    missions.close()


def _runs_of(together: Together, name: str) -> list[tuple[str, str]]:
    mission = together.federation().open(name)
    try:
        return [(run.job, run.status) for run in runs.last_runs(mission.desk)]
    finally:
        mission.close()


def _wish(missions: Missions, name: str, job: str = "pull") -> None:
    mission = missions.federation.open(name)
    schedules.wish(mission.desk, job, origin="person", asked_by="maha", now=mission.clock())
    mission.close()
    missions.wake(name)


def test_a_tarpit_and_a_refusal_hold_up_nobody_else(together: Together, tmp_path: Path) -> None:
    """Two missions at a server that never answers, one at a port that refuses: the fourth's server is asked meanwhile."""
    release = threading.Event()

    def never(handler: BaseHTTPRequestHandler, _n: int) -> None:
        release.wait(60)
        answer(handler, 404, b"{}")

    impatient = HOURLY + ASSETS
    with ExitStack() as servers:
        tarpit, asked = servers.enter_context(loopback_server(never))
        servers.callback(release.set)
        for name in ("bourbier1", "bourbier2", "bourbier3"):
            write_mission(together.root, name, tarpit, impatient)
        write_mission(together.root, "ferme", "http://127.0.0.1:1", impatient)
        servers.enter_context(at_station(together.root, "nord", together.clock))
        missions = together.start()
        together.clock.forward(hours=1)
        missions.wake()
        wait_for(lambda: ("pull", "done") in _runs_of(together, "nord"))
        wait_for(lambda: len(asked) >= 2)
        at_work = [member.name for member in missions.members() if member.doing]
        assert len([name for name in at_work if name.startswith("bourbier")]) == 2  # so many of one server at once
        wait_for(lambda: (member := missions.member("nord")) and member.state and member.state.n_live == 1)
        release.set()


def test_missions_that_look_for_their_projects_do_not_wait_for_each_other(together: Together, tmp_path: Path) -> None:
    """Neither knows its projects yet: one server never tells them, the other mission finds its own meanwhile."""
    release, is_asked = threading.Event(), threading.Event()

    def never(handler: BaseHTTPRequestHandler, _n: int) -> None:
        is_asked.set()
        release.wait(60)
        answer(handler, 404, b"{}")

    with ExitStack() as servers:
        tarpit, _asked = servers.enter_context(loopback_server(never))
        servers.callback(release.set)
        write_mission(together.root, "bourbier", tarpit)
        servers.enter_context(at_station(together.root, "bon", together.clock))
        lost = together.root / "bon" / ".kobo_sync" / "mirror.sqlite"  # what it knew of its projects
        for file in lost.parent.glob("mirror.sqlite*"):
            file.unlink()
        missions = together.start()
        _wish(missions, "bourbier")
        assert is_asked.wait(PATIENCE_S)
        _wish(missions, "bon")
        wait_for(lambda: ("pull", "done") in _runs_of(together, "bon"))
        assert not release.is_set()


def test_a_huge_project_holds_up_no_other_server(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job of one mission goes on and on; the others' clocks and clicks are served."""
    release, began = threading.Event(), threading.Event()

    def act(mission: Mission, _form_id: str) -> Report:
        if mission.workspace.root.name == "enorme":
            began.set()
            while not release.wait(0.01):
                mission.progress("rows", 1, 10_000_000)
        return mission.report("pull", mission.clock(), {}, [], [])

    monkeypatch.setitem(jobs.JOBS, "pull", Job("pull", act, asks_server=True))  # type: ignore[index]
    write_mission(together.root, "enorme", "http://127.0.0.1:2")
    for name in ("a", "b"):
        write_mission(together.root, name, "http://127.0.0.1:3")
    missions = together.start()
    together.clock.forward(hours=1)
    missions.wake()
    began.wait(60)
    for name in ("a", "b"):
        wait_for(lambda name=name: ("pull", "done") in _runs_of(together, name))
    assert _runs_of(together, "enorme") == [("pull", "running")]
    missions.stop()  # at its next safe point
    assert _runs_of(together, "enorme") == [("pull", "stopped")]


def test_databases_that_hang_hold_up_no_other_mission(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """More missions than are looked at at once lie on a server that answers no more: the other's clicks are served."""
    release, see, hanging = threading.Event(), Missions._see, set[str]()

    def or_hangs(missions: Missions, member: Member, now: datetime) -> None:
        if member.name.startswith("bourbier"):
            if member.fault:
                hanging.add(member.name)
                release.wait(60)
            raise StoreError("the database refuses: timeout expired")
        see(missions, member, now)

    monkeypatch.setattr(Missions, "_see", or_hangs)
    with ExitStack() as servers:
        servers.callback(release.set)
        for n in range(2 * LOOKS_AT_ONCE):
            write_mission(together.root, f"bourbier{n}")
        servers.enter_context(at_station(together.root, "nord", together.clock))
        missions = together.start()
        together.clock.forward(seconds=LOOK_AT_FAULT.total_seconds() + 1)
        missions.wake()
        wait_for(lambda: bool(hanging))
        missions.wake()
        _wish(missions, "nord")
        wait_for(lambda: ("pull", "done") in _runs_of(together, "nord"))
        assert not release.is_set()
        release.set()


def test_a_mail_server_that_is_silent_has_one_sender_of_its_mission(together: Together) -> None:
    """Six mails wait for it, and the mission is looked at again and again: the other senders are the other missions'."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        smtp = f'\n[notices.smtp]\nhost = "127.0.0.1"\nport = {silent.getsockname()[1]}\nsender = "a@example.org"\nsecurity = "none"\n'
        write_mission(together.root, "bourbier", more=HOURLY + smtp)
        mission = together.federation().open("bourbier")
        for n in range(6):
            notice = Notice(f"event {n}", "failure", "Sujet", "Texte", ("b@example.org",))
            notices.raise_notice(mission.desk, notice, together.clock())
        mission.close()
        missions = together.start()
        link, _ = silent.accept()
        for _ in range(LOOKS_AT_ONCE):
            together.clock.forward(seconds=1)
            missions.wake("bourbier")
            wait_for(
                lambda: (
                    (m := missions.member("bourbier"))
                    and m.is_free
                    and m.looked_at == together.clock()
                    and not m.is_called
                )
            )
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
        link.close()


def test_a_database_server_that_is_silent_is_not_waited_for_by_each_mission(
    together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve missions lie on a server that takes connections and says nothing: those looked at first wait for it, and no other."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    monkeypatch.setattr(engines, "CONNECT_S", 2)
    monkeypatch.setattr(engines, "_silent_until", {})
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        for n in range(3 * LOOKS_AT_ONCE):
            root = write_mission(together.root, f"m{n:02}")
            toml = root / "config" / "mission.toml"
            toml.write_text(toml.read_text("utf-8").replace("[mission]", f'[mission]\nid = "m{n:02}"', 1), "utf-8")
            with (root / "config" / "secrets.env").open("a", encoding="utf-8") as secrets:
                secrets.write(f"STORE_URL=postgresql://kobo:x@127.0.0.1:{port}/kobo\n")
        write_mission(together.root, "nord")
        missions = together.start()
        faults = [member.fault for member in missions.members() if member.name != "nord"]
        assert all(fault and "timeout" in fault.message for fault in faults), faults
        assert missions.member("nord").state  # type: ignore[union-attr]
        missions.stop()
        silent.setblocking(False)
        n_asked = 0
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                n_asked += 1
        assert 1 <= n_asked <= LOOKS_AT_ONCE


def test_turns_are_fair_and_persons_come_first(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    lock, gate = threading.Lock(), threading.Event()

    def act(mission: Mission, form_id: str) -> Report:
        with lock:
            order.append(f"{mission.workspace.root.name}{form_id and ' ' + form_id}")
        gate.wait(60)
        return mission.report("pull", mission.clock(), {}, [], [])

    monkeypatch.setitem(jobs.JOBS, "pull", Job("pull", act, asks_server=True))  # type: ignore[index]
    (together.root / "config").mkdir()
    (together.root / "config" / "federation.toml").write_text(
        '[servers."http://LOCALHOST:3"]\nat_once = 1\nper_minute = 600000\n', "utf-8"
    )
    for name in ("a", "b", "c", "z"):
        write_mission(together.root, name, "http://localhost:3")
    missions = together.start()
    _wish(missions, "z")
    wait_for(lambda: order == ["z"])  # the one turn of the server is taken
    for name in ("a", "b"):
        mission = missions.federation.open(name)
        for form_id in ("personnes", "visites"):  # a has much to do, and began to wait first
            schedules.wish(mission.desk, "pull", form_id=form_id, origin="hook", now=mission.clock())
            together.clock.forward(seconds=1)
        mission.close()
        missions.wake(name)
    _wish(missions, "c")
    for name in ("a", "b", "c"):
        wait_for(lambda name=name: (m := missions.member(name)) and m.due and m.is_free and not m.is_called)
    gate.set()
    wait_for(lambda: len(order) == 6)
    assert order == ["z", "c", "a personnes", "b personnes", "a visites", "b visites"]  # the click before the hooks


def test_missions_come_go_break_and_are_mended_without_a_restart(
    together: Together, caplog: pytest.LogCaptureFixture
) -> None:
    write_mission(together.root, "nord")
    broken = write_mission(together.root, "sud") / "config" / "mission.toml"
    text = broken.read_text("utf-8")
    broken.write_text(text.replace('code = "essai"', "code = 7"), "utf-8")
    (together.root / "pas une mission").mkdir()
    write_mission(together.root, "été 2025")
    (together.root / "nord.before-2025-02-11").mkdir()
    missions = together.start()
    assert [member.name for member in missions.members()] == ["nord", "sud", "été 2025"]
    named = missions.member("été 2025").fault  # type: ignore[union-attr]
    assert named is not None and "cannot stand in an address" in named.message
    fault = missions.member("sud").fault  # type: ignore[union-attr]
    assert fault is not None and "mission.code" in fault.message
    broken.write_text(text, "utf-8")
    missions.wake()
    wait_for(lambda: (member := missions.member("sud")) and not member.fault)
    write_mission(together.root, "est")
    missions.wake()
    wait_for(lambda: (member := missions.member("est")) and member.state)
    (together.root / "nord" / "config" / "mission.toml").unlink()
    missions.wake()
    wait_for(lambda: missions.member("nord") is None)


def test_a_damaged_database_and_a_missing_token_are_told_and_the_others_go_on(together: Together) -> None:
    for name in ("abime", "nord", "sans"):
        write_mission(together.root, name)
    (together.root / "sans" / "config" / "secrets.env").unlink()
    state = together.root / "abime" / ".kobo_sync"
    state.mkdir(mode=0o700)
    (state / "desk.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    missions = together.start()
    abime, nord, sans = missions.members()
    assert abime.fault is not None and abime.fault.exit_code == 6
    assert nord.state and nord.fault is None and nord.state.lacks is None
    assert sans.fault is None and sans.state and "there is no token" in str(sans.state.lacks)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_what_a_neighbour_s_folder_holds_keeps_nobody_waiting(together: Together) -> None:
    """Pipes where lists, secrets and workbooks should be, a file of no end, a link to another mission: each a fault of its own."""
    root = together.root
    spoilt = {"liste": "config/zones.csv", "jeton": "config/secrets.env", "classeur": "forms/visites.md"}
    for name, file in spoilt.items():
        path = write_mission(root, name) / file
        path.unlink()
        os.mkfifo(path, 0o600)
    with (write_mission(root, "sans-fin") / "config" / "mission.toml").open("r+b") as handle:
        handle.truncate(1 << 40)
    write_mission(root, "nord")
    (root / "lien").symlink_to(root / "nord")
    missions = together.start()
    faults = {member.name: str(member.fault) for member in missions.members() if member.fault}
    assert faults.keys() == {*spoilt, "sans-fin", "lien"}
    assert all("no plain file" in faults[name] for name in spoilt), faults
    assert "too large" in faults["sans-fin"] and "link" in faults["lien"]


def test_missions_that_would_share_a_database_are_told_apart(together: Together) -> None:
    """A folder copied with its id, and one DESK_URL for two: the second of each is at fault until the first is gone."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    ids = {"a": "un", "a-copie": "un", "b": "deux"}
    for name, key in ids.items():
        root = write_mission(together.root, name)
        toml = root / "config" / "mission.toml"
        toml.write_text(toml.read_text("utf-8").replace("[mission]", f'[mission]\nid = "{key}"', 1), "utf-8")
        with (root / "config" / "secrets.env").open("a", encoding="utf-8") as secrets:
            secrets.write(f"STORE_URL=postgresql://kobo:motdepasse-{name}@127.0.0.1:1/kobo\n")
    federation = together.federation()
    for name in ("a", "b", "a"):
        federation.open(name).close()
    with pytest.raises(ConfigError, match="the missions a and a-copie would share a database") as refused:
        federation.open("a-copie")
    assert "motdepasse" not in str(refused.value)
    (together.root / "a" / "config" / "mission.toml").unlink()
    federation.open("a-copie").close()


def test_a_token_goes_to_its_own_mission_s_server_alone(together: Together) -> None:
    """Each server writes down which tokens it was shown; a token without a mission's name is given to nobody."""
    shown: dict[str, set[str]] = {"a": set(), "b": set(), "c": set()}

    def keeping(name: str) -> object:
        def handle(handler: BaseHTTPRequestHandler, _n: int) -> None:
            shown[name].add(handler.headers.get("Authorization", ""))
            answer(handler, 403, b"{}")

        return handle

    together.environ = {"KOBO_TOKEN": "everybody-s-token", "KOBO_TOKEN__B_2": "token-of-b-by-environment"}
    with ExitStack() as servers:
        for name, folder in (("a", "a"), ("b", "b-2"), ("c", "c")):
            url, _ = servers.enter_context(loopback_server(keeping(name)))  # type: ignore[arg-type]
            write_mission(together.root, folder, url, HOURLY + ASSETS)
        (together.root / "c" / "config" / "secrets.env").unlink()
        missions = together.start()
        together.clock.forward(hours=1)
        missions.wake()
        for name in ("a", "b-2", "c"):
            wait_for(lambda name=name: any(status != "running" for _, status in _runs_of(together, name)))
        missions.stop()
    assert shown == {
        "a": {f"Token token-of-a-{'x' * 20}"},
        "b": {"Token token-of-b-by-environment"},
        "c": set(),
    }


def test_the_log_names_the_mission_and_hides_what_is_secret_in_any(together: Together) -> None:
    write_mission(together.root, "nord")
    write_mission(together.root, "sud")
    together.start()
    line = Hiding(logging.Formatter("%(place)s%(message)s"), together.secrets)
    record = logging.LogRecord("x", logging.INFO, "", 0, "token-of-sud-%s and token-of-nord-%s", ("x" * 20,) * 2, None)
    with of_mission("nord"):
        assert line.format(record) == "nord: ••• and •••"
    assert line.format(record) == "••• and •••"
    record.mission = "sud"  # as a worker's lines say it, which is at work on several at once
    assert line.format(record) == "sud: ••• and •••"
    assert Hiding(logging.Formatter("%(message)s"), Secrets(["abc"])).format(record).startswith("token-of-sud")


def test_a_mission_at_rest_keeps_nothing_open(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread and no open file for each of the missions, and no look where nothing changed."""
    names = [f"m{n:02}" for n in range(20)]
    for name in names:
        write_mission(together.root, name)
    missions = together.start()
    wait_for(lambda: all(member.is_free for member in missions.members()))
    missions.beat()
    wait_for(lambda: all(member.is_free for member in missions.members()))

    def is_open() -> bool:  # the beat may be looking at one just now
        opened = [str(path.resolve()) for path in Path("/proc/self/fd").iterdir() if path.exists()]
        return any("/m0" in path or "/m1" in path for path in opened)

    wait_for(lambda: not is_open())
    assert threading.active_count() < 15
    looked: list[str] = []
    monkeypatch.setattr(missions, "_look", lambda member: looked.append(member.name))
    missions.beat()
    assert looked == []

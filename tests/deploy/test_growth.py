"""The guide's way from one laptop to a server, and to several: its very blocks, against a real PostgreSQL."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from conftest import MISSION, POSTGRES, REPO, TOKEN, Field, field_in, write_workspace
from machines import Machine, blocks

from kobo_sync.workspace.folders import Workspace

pytest.importorskip("procrastinate", reason="procrastinate is not installed")
pytestmark = [pytest.mark.postgres, pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")]

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
WAYS = [(place, commands) for place, commands in blocks() if place != "containers"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stick with the wheel on it."""
    source, stick = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("usb")
    shutil.copytree(REPO / "kobo_sync", source / "kobo_sync", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(REPO / name, source / name)
    subprocess.run([sys.executable, "-c", BUILD, str(stick)], cwd=source, check=True, capture_output=True)
    return stick


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The folder of the server's socket; what the steps make there is taken away."""
    import psycopg

    (folder,) = parse_qs(urlsplit(postgres).query)["host"]
    yield folder
    with psycopg.connect(host=folder, user="desk", dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS kobo WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS kobo")


@pytest.fixture
def machines(tmp_path: Path, stick: Path, database: str) -> Iterator[dict[str, Machine]]:
    server = Machine(tmp_path / "server", stick, database)
    worker = Machine(tmp_path / "worker", stick, database, server.folder)
    every = {"laptop": Machine(tmp_path / "laptop", stick, database), "server": server, "worker": worker}
    yield every
    for machine in every.values():
        machine.end()


@pytest.fixture
def team(machines: dict[str, Machine]) -> Iterator[Field]:
    """The small mission on the laptop, deployed on a station that plays KoboToolbox, with two rows there."""

    def write(root: Path) -> Workspace:
        text = MISSION.replace('code = "essai"', 'code = "essai"\nid = "essai-1"')
        return write_workspace(root, text + f'\n[service]\nport = {_free_port()}\n[schedule]\ncheck = ["every 10 s"]\n')

    with field_in(machines["laptop"].folder / "home", write) as field:
        path = field.mission.workspace.root / "config" / "mission.toml"
        path.write_text(path.read_text("utf-8").replace("http://127.0.0.1:1", field.url), "utf-8")
        field.person("A1")
        field.person("B2", zone="sud")
        yield field


def _until(there: Callable[[], bool], within_s: float = 60) -> None:
    end = time.monotonic() + within_s
    while not there():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.1)


def _address(machine: Machine) -> str:
    port = re.search(r"^port = (\d+)$", (machine.mission / "config" / "mission.toml").read_text("utf-8"), re.M)
    assert port
    return f"http://127.0.0.1:{port[1]}/health"


def _answers(machine: Machine) -> bool:
    try:
        return bool(requests.get(_address(machine), timeout=5).json()["ready"])
    except requests.ConnectionError:
        return False


def _status(machine: Machine) -> dict[str, int]:
    done = machine.run("/srv/kobo-sync/.venv/bin/kobo-sync status --json --workspace /srv/mission")
    assert done.returncode in (0, 1), done.stderr
    counts: dict[str, int] = json.loads(done.stdout)["counts"]
    return counts


def test_the_guide_says_where_each_block_is_run() -> None:
    assert [place for place, _ in WAYS] == [
        "laptop",
        "server",
        "server",
        "server",
        "server",
        "worker",
        "worker",
        "server",
    ]


def test_each_command_from_one_laptop_to_several_machines(machines: dict[str, Machine], team: Field) -> None:
    (_, backup), (_, install), (_, serve), (_, move), (_, engine), (_, join), (_, check), (_, back) = WAYS
    laptop, server, worker = machines["laptop"], machines["server"], machines["worker"]

    def well(machine: Machine, commands: str, typed: str = "") -> str:
        done = machine.run(commands, typed)
        logs = "".join(path.read_text("utf-8")[-2000:] for path in machine.folder.glob("*.log"))
        assert done.returncode == 0, f"{commands}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{logs}"
        return done.stdout

    well(
        laptop,
        f'kobo-sync() {{ KOBO_TOKEN={TOKEN} PYTHONPATH={REPO} python3 -m kobo_sync "$@"; }}\nkobo-sync pull --workspace ~/mission\n{backup}',
    )
    well(server, install, f"{TOKEN}\n")
    assert (server.mission / "config" / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert _status(server)["live"] == 2
    well(server, serve)
    _until(lambda: _answers(server))

    well(server, move)
    _until(lambda: _answers(server))
    assert _status(server)["live"] == 2
    well(server, engine)
    _until(lambda: _answers(server))

    well(worker, "".join(install.splitlines(keepends=True)[:3]))
    well(worker, join)
    _until(lambda: worker.run(check).returncode == 0)
    _until(lambda: "check" in well(worker, "cat kobo-sync-worker@mission.log"))
    assert _status(server)["live"] == _status(worker)["live"] == 2
    assert not (worker.mission / ".kobo_sync" / "mirror.sqlite").exists()

    well(worker, "sudo systemctl stop kobo-sync-worker@mission")
    assert worker.run(check).returncode == 1
    well(server, back)
    _until(lambda: _answers(server))
    assert _status(server)["live"] == 2 and "kobo?host" not in (server.mission / "config" / "secrets.env").read_text(
        "utf-8"
    )
    well(server, "sudo systemctl stop kobo-sync")


def test_the_containers_block_makes_what_the_compose_file_names(tmp_path: Path) -> None:
    ((_, commands),) = [block for block in blocks() if block[0] == "containers"]
    machine = Machine(tmp_path / "host", tmp_path, "")
    (machine.folder / "docs" / "deploy").mkdir(parents=True)
    done = machine.run(commands, f"{TOKEN}\n")
    assert done.returncode == 0, done.stderr
    secrets = machine.folder / "docs" / "deploy" / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    named = re.findall(r"secrets\}/(\w+)", (REPO / "docs" / "deploy" / "compose.yaml").read_text("utf-8"))
    assert sorted(path.name for path in secrets.iterdir()) == sorted(named)
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o644}
    password = (secrets / "postgres_password").read_text("utf-8").strip()
    assert (secrets / "store_url").read_text("utf-8") == f"postgresql://kobo:{password}@postgres/kobo\n"

"""What the tests of several workers share: a PostgreSQL that can be stopped, missions on a station, workers as processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from conftest import MISSION, POSTGRES, REPO, TOKEN, VISITES, ZONES, Clock, write_workspace

from kobo_sync.mission.mission import Mission
from kobo_sync.station import Account, Station, serve
from kobo_sync.workspace.folders import Workspace

PASSWORD = "secret"
ENGINE = "\n[engine]\nenabled = true\nzones_at_once = 1\n"


class Postgres:
    """A PostgreSQL server of the test's own, on a socket and a port, that may be stopped and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kobo-sync-"))
        self._as: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self._data = str(self.folder / "data")
        self._run("initdb", "-D", self._data, "-U", "desk", "-A", "trust", "-E", "UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(POSTGRES[-1] / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", how, "stop")

    def url(self, database: str = "postgres", user: str = "desk") -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def make(self, *databases: str) -> None:
        import psycopg

        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            for name in databases:
                connection.execute(f"CREATE DATABASE {name}".encode())

    def conninfo(self, database: str = "postgres", user: str = "desk") -> str:
        return f"host={self.folder} user={user} dbname={database}"


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    try:
        yield server
    finally:
        with suppress(subprocess.CalledProcessError):  # a test left it stopped
            server.stop("immediate")
        shutil.rmtree(server.folder)


# ── missions ──


def zones_mission(root: Path, n_zones: int) -> Workspace:
    """The small mission with *n_zones* zones and documents for each."""
    documents = '[deliverables]\nzone = ["zone_sheet", "data_workbook"]\nmission = ["final_report"]\n'
    workspace = write_workspace(
        root, MISSION.replace('code = "essai"', 'code = "zones"\nid = "zones"') + ENGINE + documents
    )
    lines = [ZONES.splitlines()[0], *(f"z{n:03},Zone {n},منطقة {n},Z{n:03}" for n in range(n_zones))]
    (root / "config" / "zones.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return workspace


def projects_mission(root: Path, n_projects: int) -> Workspace:
    """A mission of *n_projects* forms, each a project of the server, besides the registration's."""
    names = [f"projet_{n:02}" for n in range(n_projects)]
    forms = "".join(f'\n[forms.{name}]\nfile = "{name}.md"\n[forms.{name}.fields]\nzone = "zone"\n' for name in names)
    workspace = write_workspace(
        root, MISSION.replace('code = "essai"', 'code = "projets"\nid = "projets"') + ENGINE + forms
    )
    for name in names:
        text = VISITES.replace("| visites ", f"| {name} ").replace("participants.csv", "zones.csv")
        (root / "forms" / f"{name}.md").write_text(text, "utf-8")
    return workspace


@dataclass
class Server:
    """The station that plays the server, with the requests that it was asked."""

    url: str
    station: Station
    clock: Clock


@contextmanager
def server_in(folder: Path) -> Iterator[Server]:
    clock, uids, uuids = Clock(), count(1), count(1)
    station = Station(
        folder / "station.sqlite",
        accounts=[Account("maha", PASSWORD, TOKEN)],
        clock=clock,
        new_uid=lambda prefix: f"{prefix}{next(uids):0{22 - len(prefix)}}",
        new_uuid=lambda: f"11111111-1111-4111-8111-{next(uuids):012}",
    )
    with serve(station) as running:
        yield Server(running.url, station, clock)
    station.close()


def name_server(workspace: Workspace, url: str) -> None:
    """Write the server's address, and a key that gives equal codes in every copy, into the workspace."""
    path = workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("http://127.0.0.1:1", url), "utf-8")
    workspace.state_folder()
    workspace.pseudonyms.write_bytes(hashlib.sha256(b"key").digest())
    workspace.pseudonyms.chmod(0o600)


def mission_of(workspace: Workspace, clock: Clock | None = None) -> Mission:
    return Mission(workspace, {"KOBO_TOKEN": TOKEN}, clock) if clock else Mission(workspace, {"KOBO_TOKEN": TOKEN})


def put_secrets(workspace: Workspace, **secrets: str) -> None:
    """The secrets as a machine has them."""
    path = workspace.root / "config" / "secrets.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in {"KOBO_TOKEN": TOKEN, **secrets}.items()))
    path.chmod(0o600)


def copied(workspace: Workspace, root: Path) -> Workspace:
    """The same mission in a folder of its own, with nothing but its definition and its key."""
    for name in ("config", "forms"):
        shutil.copytree(workspace.root / name, root / name)
    copy = Workspace(root, root / ".kobo_sync", root / "exports" / "out")
    (root / "config" / "secrets.env").unlink(missing_ok=True)
    copy.state_folder()
    shutil.copy(workspace.pseudonyms, copy.pseudonyms)
    return copy


def tree(folder: Path) -> dict[str, str]:
    """Every file below *folder* by its path, as a digest; what a kill may leave in hiding aside."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


# ── processes ──


@dataclass
class Processes:
    """Verbs as processes of their own, ended at the end of the test."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")]), **self.env}
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "kobo_sync", *arguments]
            self.running[name] = subprocess.Popen(
                command, cwd=REPO, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()

    def end(self, name: str, within_s: float = 60) -> int:
        process = self.running.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(within_s)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8")


@contextmanager
def processes_in(folder: Path) -> Iterator[Processes]:
    folder.mkdir(parents=True, exist_ok=True)
    processes = Processes(folder)
    try:
        yield processes
    finally:
        for process in processes.running.values():
            process.kill()
            process.wait()


def until(is_so: Callable[[], object], within_s: float, what: str) -> float:
    """Wait for *is_so*, looked at again and again; returns the seconds that it took."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > within_s:
            raise AssertionError(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began

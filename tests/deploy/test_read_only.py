"""Service and worker as compose starts them: another account, no capability, a read-only root, the mission's folder and /tmp writable.

The root is this machine's own in a mount namespace; with ``KOBO_SYNC_IMAGE=FOLDER`` what `containers.py` made of the Dockerfile.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from conftest import MISSION, POSTGRES, REPO, TOKEN, Field, field_in, write_workspace
from containers import FOLDER, command_of, stages

from kobo_sync.workspace.folders import Workspace

IMAGE = os.environ.get("KOBO_SYNC_IMAGE", "")
ACCOUNT = 10001
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]
_, STAGES = stages((FOLDER / "Dockerfile").read_text("utf-8"))
_MOUNTS = """
set -e
root=$1 mission=$2 socket=$3 secrets=$4; shift 4
mount --make-rprivate /
mount --bind "${IMAGE:-/}" "$root"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/root"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/postgresql" "$root/run/secrets"
mount --bind "$mission" "$root${PLACE}"
mount --bind "$socket" "$root/run/postgresql"
mount --bind "$secrets" "$root/run/secrets"
mount -t tmpfs -o mode=1777,size=512m tmpfs "$root/tmp"
while [ "$1" != -- ]; do
  mkdir -p "$root$1"; mount --bind "$1" "$root$1"; mount -o remount,bind,ro "$root$1"; shift
done
shift
for each in "$root/root" "$root/run" "$root/run/secrets" "$root"; do mount -o remount,bind,ro "$each"; done
exec chroot "$root" setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \\
  env --chdir="${PLACE}" "$@"
"""


def _namespaces() -> bool:
    command = ["unshare", "--mount", "--pid", "--fork", "true"]
    return (
        bool(shutil.which("unshare") and shutil.which("setpriv"))
        and not subprocess.run(command, check=False).returncode
    )


pytest.importorskip("procrastinate", reason="procrastinate is not installed")
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(os.geteuid() != 0 or not _namespaces(), reason="needs root's right to make mount namespaces"),
]


@dataclass
class Box:
    """A container's stand-in for the mission of *team*; commands run in it, or stay as processes."""

    folder: Path
    team: Field
    socket: str
    port: int = 0
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Where the mission lies inside."""
        return "/mission" if IMAGE else "/mnt"

    def _words(self, name: str, words: list[str]) -> list[str]:
        root = self.folder / name
        root.mkdir()
        environ = {"HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONTZPATH": ""}
        environ |= {key: str(value) for key, value in COMPOSE["service"]["environment"].items()}
        program, libraries = ["kobo-sync"], list[str]()
        if IMAGE:
            environ["PATH"] = "/opt/kobo-sync/bin:/usr/local/bin:/usr/bin:/bin"
        else:
            environ |= {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPO)}
            program = [sys.executable, "-m", "kobo_sync"]
            libraries = [sys.base_prefix, sys.prefix, str(REPO)]
        words = [{"python": "python" if IMAGE else sys.executable}.get(word, word) for word in words]
        command = [*program, *words[1:]] if words[0] == "kobo-sync" else words
        given = [f"{key}={value}" for key, value in environ.items()]
        own = [str(root), str(self.team.mission.workspace.root), self.socket, str(self.folder / "secrets"), *libraries]
        return [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _MOUNTS,
            "sh",
            *own,
            "--",
            *given,
            *command,
        ]

    def start(self, name: str, *words: str) -> subprocess.Popen[str]:
        """Start a process that stays; what it says goes to ``<name>.log``."""
        with (self.folder / f"{name}.log").open("w") as log:
            env = {**os.environ, "IMAGE": IMAGE, "PLACE": self.place}
            words_of = self._words(name, list(words))
            self.running.append(subprocess.Popen(words_of, stdout=log, stderr=log, text=True, env=env))
        return self.running[-1]

    def run(self, name: str, *words: str) -> tuple[int, str]:
        """Exit code and what it said."""
        process = self.start(name, *words)
        code = process.wait(120)
        return code, self.log(name)

    def log(self, name: str) -> str:
        """What process *name* said."""
        return (self.folder / f"{name}.log").read_text("utf-8")


@pytest.fixture
def box(tmp_path: Path, postgres: str) -> Iterator[Box]:
    import psycopg

    (socket,) = parse_qs(urlsplit(postgres).query)["host"]

    def write(root: Path) -> Workspace:
        text = MISSION.replace('code = "essai"', 'code = "boite"\nid = "boite-1"')
        return write_workspace(root, text + '\n[service]\nport = 8000\n[schedule]\ncheck = ["every 10 s"]\n')

    with psycopg.connect(host=socket, user="desk", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE boxed")
    with field_in(tmp_path, write) as team:
        path = team.mission.workspace.root / "config" / "mission.toml"
        path.write_text(path.read_text("utf-8").replace("http://127.0.0.1:1", team.url), "utf-8")
        team.person("A1")
        team.mission.close()
        shutil.rmtree(team.mission.workspace.state)
        secrets = tmp_path / "secrets"
        secrets.mkdir()
        (secrets / "kobo_token").write_text(f"{TOKEN}\n", "utf-8")
        (secrets / "store_url").write_text("postgresql://desk@/boxed?host=/run/postgresql\n", "utf-8")
        for place in (team.mission.workspace.root, *team.mission.workspace.root.rglob("*")):
            os.chown(place, ACCOUNT, ACCOUNT)
        opened = Box(tmp_path, team, socket)
        Path(socket).chmod(0o755)
        yield opened
        for process in opened.running:
            if process.poll() is None:
                process.kill()
            process.wait()
    with psycopg.connect(host=socket, user="desk", dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE boxed WITH (FORCE)")


def _until(there: Callable[[], bool], box: Box, *names: str) -> None:
    end = time.monotonic() + 90
    while not there():
        assert time.monotonic() < end, "\n".join(map(box.log, names))
        time.sleep(0.2)


def _stop(process: subprocess.Popen[str]) -> None:
    """As Docker does: SIGTERM to what runs inside, which is the child of `unshare`."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGTERM)
    process.wait(80)


def test_nothing_can_be_written_but_the_mission_and_tmp(box: Box) -> None:
    tries = " ".join(f"({place}/x)" for place in ("/etc", "/usr", "/var", "/root", "/opt", "/run", "/home", "/var/tmp"))
    script = f"for x in {tries.replace('(', '').replace(')', '')}; do touch $x 2>/dev/null && echo wrote $x; done; touch /tmp/x x && id -u; grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status"
    code, told = box.run("tries", "sh", "-c", script)
    assert code == 0 and "wrote" not in told and str(ACCOUNT) in told
    assert re.findall(r"Cap\w+:\s+(\w+)", told) == ["0" * 16] * 2 and re.search(r"NoNewPrivs:\s+1", told)


def test_service_and_worker_work_there_and_stop_when_told(box: Box) -> None:
    code, told = box.run("pull", "kobo-sync", "pull")
    assert code == 0, told
    service = box.start("service", "kobo-sync", *COMPOSE["service"]["command"], "--port", "0")
    _until(lambda: "pages: http" in box.log("service"), box, "service")
    port = re.search(r"pages: http://[^:]+:(\d+)", box.log("service"))
    assert port
    healthcheck = STAGES[-1].all_of("HEALTHCHECK")[0].partition("CMD ")[2]
    look = [word.replace(":8000", f":{port[1]}") for word in command_of(healthcheck)]
    assert box.run("health", *look)[0] == 0

    worker = box.start("worker", "kobo-sync", *COMPOSE["worker"]["command"])
    check = COMPOSE["worker"]["healthcheck"]["test"][1:]
    tries = iter(range(100))
    _until(lambda: box.run(f"check{next(tries)}", *check)[0] == 0, box, "worker")
    _until(lambda: "check" in box.log("worker"), box, "worker", "service")
    for process in (worker, service):
        _stop(process)
    assert "stopped" in box.log("worker") and "stopped" in box.log("service")
    assert worker.returncode == service.returncode == 0, (worker.returncode, service.returncode)
    assert box.run("gone", *check)[0] == 1
    assert "Traceback" not in box.log("service") + box.log("worker")


def test_documents_are_made_there(box: Box) -> None:
    words = ("pull",), ("build",), ("deliver",), *((("lint",),) if IMAGE else ())
    for (verb,) in words:
        code, told = box.run(verb, "kobo-sync", verb)
        assert code in (0, 1) and "Traceback" not in told, told
        assert "Java" not in told, told
    assert list((box.team.mission.workspace.out).glob("*.zip"))

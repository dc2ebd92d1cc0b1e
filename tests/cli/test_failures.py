"""What every verb says, and leaves behind, when the disk refuses or somebody ends it: part 7, C18."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Field, write_workspace

from kobo_sync.desk import runs
from kobo_sync.desk.database import open_desk

ENVIRON = {**os.environ, "KOBO_TOKEN": "canary-token", "NO_COLOR": "1"}


# A shell that starts the tests in the background lets their children ignore Ctrl-C.
HEARS_CTRL_C = """import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("kobo_sync", run_name="__main__")"""


def run_verb(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kobo_sync", *words, "--workspace", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRON)


def in_the_way(path: Path, *, folder: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        (path / "x").mkdir(parents=True)
    else:
        path.write_text("x")


OBSTACLES: dict[str, tuple[Callable[[Path], None], tuple[int, ...]]] = {
    "a file where the state folder belongs": (lambda root: in_the_way(root / ".kobo_sync", folder=False), (6,)),
    "a folder where the mirror belongs": (
        lambda root: in_the_way(root / ".kobo_sync" / "mirror.sqlite", folder=True),
        (6,),
    ),
    "a folder where the desk belongs": (
        lambda root: in_the_way(root / ".kobo_sync" / "desk.sqlite", folder=True),
        (6,),
    ),
    "a folder where the lock belongs": (lambda root: in_the_way(root / ".kobo_sync" / "lock", folder=True), (6,)),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
@pytest.mark.parametrize(
    "words", [("status",), ("check",), ("build",), ("backup",), ("export", "csv"), ("history", "1")]
)
def test_an_obstacle_on_the_disk_is_named_with_its_cure(tmp_path: Path, obstacle: str, words: tuple[str, ...]) -> None:
    root = write_workspace(tmp_path / "mission").root
    put, codes = OBSTACLES[obstacle]
    put(root)
    ended = run_verb(root, *words)
    if ended.returncode == 0 and words[0] in ("status", "export", "history"):
        return  # it does without what is in the way
    assert ended.returncode in codes, ended.stderr
    assert "→" in ended.stderr and str(root / ".kobo_sync") in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr and "disk space" not in ended.stderr


def test_documents_that_cannot_be_put_in_place_leave_nothing_behind(field_team: Field) -> None:
    root = field_team.mission.workspace.root
    field_team.mission.workspace.out.parent.mkdir(parents=True, exist_ok=True)
    field_team.mission.workspace.out.write_text("x")
    ended = run_verb(root, "build")
    assert ended.returncode == 6 and f"{root}/exports/out" in ended.stderr, ended.stderr
    assert "move it away" in ended.stderr
    assert sorted(path.name for path in (root / "exports").iterdir()) == ["out"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_verb_that_is_ended_says_so_and_leaves_no_run_at_work(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        root = write_workspace(tmp_path / "mission").root
        path = root / "config" / "mission.toml"
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        path.write_text(path.read_text("utf-8").replace("http://127.0.0.1:1", address), "utf-8")
        silent.settimeout(60)
        command = [sys.executable, "-c", HEARS_CTRL_C, "pull", "--workspace", str(root)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRON) as process:
            try:
                asked, _ = silent.accept()  # the run is at work, and waits for an answer
                with asked:
                    asked.recv(1)
                    process.send_signal(number)
                    _, stderr = process.communicate(timeout=60)
            finally:
                process.kill()
    assert process.returncode == code, stderr
    assert "what was stored is safe" in stderr and "Traceback" not in stderr
    desk = open_desk(root / ".kobo_sync" / "desk.sqlite")
    (run,) = runs.last_runs(desk)
    assert run.status == "stopped" and runs.at_work(desk) == (False, None)
    desk.close()


LOSES_A_SIGNAL = """
import os, signal, sys, time
from kobo_sync.cli import verbs

class TakenDown:
    def __del__(self):
        os.kill(os.getpid(), {number})
        for _ in range(10):
            pass  # the exception is raised here, where Python ignores it

def command(**_):
    TakenDown()
    signal.setitimer(signal.ITIMER_REAL, 60)  # a command that nobody ends is ended by SIGALRM
    while True:
        time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)
verbs.cli = command
verbs.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_that_falls_where_python_ignores_exceptions_is_heard_all_the_same(
    number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-c", LOSES_A_SIGNAL.format(number=int(number))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRON)
    assert ended.returncode == code, ended.stderr
    assert "what was stored is safe" in ended.stderr and "Traceback" not in ended.stderr


ENDED_WHILE_A_CONNECTION_CLOSES = """
import os, runpy, sys
from sqlalchemy.engine import default

close = default.DefaultDialect.do_close
def ended(dialect, connection):
    close(dialect, connection)
    os.kill(os.getpid(), 15)
    for _ in range(10):
        pass
default.DefaultDialect.do_close = ended
sys.argv = ["kobo-sync", "status", "--workspace", {root!r}]
runpy.run_module("kobo_sync", run_name="__main__")
"""


def test_a_signal_that_falls_while_a_connection_closes_is_told_without_a_traceback(field_team: Field) -> None:
    """SQLAlchemy logs what falls there, with all its frames, before it passes it on."""
    root = str(field_team.mission.workspace.root)
    command = [sys.executable, "-c", ENDED_WHILE_A_CONNECTION_CLOSES.format(root=root)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=ENVIRON)
    assert ended.returncode == 143, ended.stderr
    assert "what was stored is safe" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("words", [("person", "NOR-01", "--erase"), ("user", "add", "lea", "--role", "reader")])
def test_a_question_that_nobody_answers_is_no_ctrl_c(tmp_path: Path, words: tuple[str, ...]) -> None:
    """As from cron: the input has ended, and nothing was done."""
    root = write_workspace(tmp_path / "mission").root
    command = [sys.executable, "-m", "kobo_sync", *words, "--workspace", str(root)]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False, env=ENVIRON
    )
    assert ended.returncode == 2, ended.stderr
    assert "the input ended" in ended.stderr and "--yes" in ended.stderr and "Ctrl-C" not in ended.stderr


def test_a_reader_that_has_enough_is_no_failure(tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "mission").root
    line = f"{sys.executable} -m kobo_sync --help | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=ENVIRON, cwd=root)
    assert ended.stdout.split()[-1] in ("0", "141") and "Traceback" not in ended.stderr

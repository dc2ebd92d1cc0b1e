"""The station as a command: accounts and token of its own, refused passwords, an end that comes (part 7, B7, B8 and B9)."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from conftest import write_workspace
from requests.auth import HTTPDigestAuth

from kobo_sync.workspace.folders import Workspace

PASSWORD = "une tortue sur la colline"


@pytest.fixture
def mission(tmp_path: Path) -> Workspace:
    return write_workspace(tmp_path / "mission")


def _command(mission: Workspace, *words: str) -> list[str]:
    return [sys.executable, "-m", "kobo_sync", words[0], "--workspace", str(mission.root), *words[1:]]


@contextmanager
def _serving(mission: Workspace, *options: str, **secrets: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    env = {**os.environ, "STATION_PASSWORD": PASSWORD, **secrets}
    with subprocess.Popen(
        _command(mission, "station", "--port", "0", *options), stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        try:
            assert process.stderr is not None
            yield process, next(line for line in process.stderr if line.startswith("listening on ")).split()[2]
        finally:
            process.kill()


def _point_at(mission: Workspace, url: str) -> None:
    path = mission.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace('"http://127.0.0.1:1"', f'"{url}"'), "utf-8")


def test_the_other_verbs_use_the_stations_own_token_and_no_secret_is_one(mission: Workspace) -> None:
    with _serving(mission, KOBO_TOKEN="k" * 40) as (process, url):
        _point_at(mission, url)
        kept = mission.state / "station.token"
        token = kept.read_text("ascii").split()[1]
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and len(token) > 40 and token not in ("k" * 40, PASSWORD)
        for words in (("deploy",), ("pull",)):
            done = subprocess.run(_command(mission, *words), capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr
        phone = HTTPDigestAuth("station", PASSWORD)
        assert "personnes" in requests.get(f"{url}/formList", auth=phone, timeout=20).text.casefold()
        for value in ("k" * 40, PASSWORD):
            asked = requests.get(f"{url}/api/v2/assets/", headers={"Authorization": f"Token {value}"}, timeout=20)
            assert asked.status_code == 401
        assert requests.get(f"{url}/token/", auth=("station", PASSWORD), timeout=20).status_code == 401
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0 and token not in told
    with _serving(mission, "--api", "off") as (_, url):
        assert (mission.state / "station.token").read_text("ascii").split()[1] == token
        asked = requests.get(f"{url}/api/v2/assets/", headers={"Authorization": f"Token {token}"}, timeout=20)
        assert asked.status_code == 404
        listed = requests.get(f"{url}/formList", auth=HTTPDigestAuth("station", PASSWORD), timeout=20)
        assert "personnes" in listed.text.casefold()  # the forms need no API of anybody's


def test_sigterm_ends_it_whatever_is_under_way(mission: Workspace) -> None:
    with _serving(mission) as (process, url):
        host, _, port = url.removeprefix("http://").partition(":")
        opened = [socket.create_connection((host, int(port)), timeout=20) for _ in range(60)]
        for n, each in enumerate(opened):
            each.sendall(
                b"POST /submission HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n" + (b"\r\n<a>" if n % 2 else b"")
            )
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        for each in opened:
            each.close()


@pytest.mark.parametrize(
    ("password", "why"),
    [("court", "5 characters"), ("station2026", "easy to guess"), ("motdepasse1", "easy to guess"), ("k" * 40, "easy to guess"), ("la clef du serveur", "secret of the server")],
)  # fmt: skip
def test_a_password_of_phones_that_is_guessed_first_is_refused(mission: Workspace, password: str, why: str) -> None:
    env = {**os.environ, "STATION_PASSWORD": password, "KOBO_TOKEN": "la clef du serveur"}
    done = subprocess.run(
        _command(mission, "station", "--port", "0"), capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert done.returncode == 3 and why in done.stderr and "STATION_PASSWORD" in done.stderr and "→" in done.stderr
    assert password not in done.stderr


def test_what_never_stops_keeps_no_process_alive() -> None:
    code = (
        "import os, signal, threading; from kobo_sync.cli import signals; signals.LAST_S = 0.01\n"
        "stop = signals.StopSignal(); os.kill(os.getpid(), signal.SIGTERM); stop.wait(); stop.end_soon(); threading.Event().wait()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 143 and "what was stored is safe" in done.stderr

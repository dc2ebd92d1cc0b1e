"""Secrets that containers and systemd hand over as files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kobo_sync.errors import ConfigError
from kobo_sync.mission.federation import Federation
from kobo_sync.workspace.folders import Workspace
from kobo_sync.workspace.secret_files import with_secret_files

REPO = Path(__file__).parents[2]


def _file(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "secret"
    path.write_bytes(content)
    return str(path)


def test_a_secret_is_read_from_the_file_that_its_variable_names(tmp_path: Path) -> None:
    given = with_secret_files({"KOBO_TOKEN_FILE": _file(tmp_path, b"abc def\r\n"), "PATH": "/bin"})
    assert given["KOBO_TOKEN"] == "abc def" and given["PATH"] == "/bin"


def test_what_is_set_itself_stays_and_what_is_no_secret_is_not_read(tmp_path: Path) -> None:
    path = _file(tmp_path, b"from the file")
    given = with_secret_files(
        {"KOBO_TOKEN": "own", "KOBO_TOKEN_FILE": path, "SSL_CERT_FILE": "/nowhere", "STORE_URL_FILE": ""}
    )
    assert given["KOBO_TOKEN"] == "own"
    assert not {"SSL_CERT", "STORE_URL"} & set(given)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b" \n", "is empty"), (b"one\ntwo\n", "more than one line"), (b"\xff\xfe", "UTF-8")],
)
def test_a_file_at_fault_is_named_and_its_content_is_not(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = str(tmp_path / "none") if content is None else _file(tmp_path, content)
    with pytest.raises(ConfigError, match=words) as told:
        with_secret_files({"STORE_URL_FILE": path})
    assert told.value.key == "STORE_URL_FILE" and "two" not in str(told.value)


def test_a_mission_among_many_has_its_own_file(tmp_path: Path, workspace: Workspace) -> None:
    workspace.root.rename(tmp_path / "nord")
    environ = with_secret_files({"KOBO_TOKEN_FILE__NORD": _file(tmp_path, b"of the north\n")})
    federation = Federation(tmp_path, environ)
    try:
        assert federation.open("nord").config.secret("KOBO_TOKEN") == "of the north"
        name = "KOBO_TOKEN__NORD_FILE"  # the token of a mission called nord-file
        assert with_secret_files({name: "abc"}) == {name: "abc"}
    finally:
        federation.close()


def test_the_command_reads_it(tmp_path: Path, workspace: Workspace) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO), "KOBO_TOKEN_FILE": str(tmp_path / "none")}
    command = [sys.executable, "-m", "kobo_sync", "status", "--workspace", str(workspace.root)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)
    assert done.returncode == 3 and "KOBO_TOKEN_FILE" in done.stderr and "Traceback" not in done.stderr


def test_credentials_of_systemd_need_no_variable(tmp_path: Path) -> None:
    """`LoadCredential=kobo_token:…` makes a folder of files, which only the service can read."""
    (tmp_path / "kobo_token").write_text("of systemd\n", "utf-8")
    (tmp_path / "smtp_password__nord").write_text("of one mission\n", "utf-8")
    (tmp_path / "other-thing").write_bytes(b"\xff")
    given = with_secret_files({"CREDENTIALS_DIRECTORY": str(tmp_path), "SMTP_PASSWORD": "own"})
    assert (given["KOBO_TOKEN"], given["SMTP_PASSWORD__NORD"], given["SMTP_PASSWORD"]) == (
        "of systemd",
        "of one mission",
        "own",
    )
    assert with_secret_files({"CREDENTIALS_DIRECTORY": str(tmp_path), "KOBO_TOKEN": "own"})["KOBO_TOKEN"] == "own"
    with pytest.raises(ConfigError, match="CREDENTIALS_DIRECTORY"):
        with_secret_files({"CREDENTIALS_DIRECTORY": str(tmp_path / "gone")})

"""`--workspaces`: accounts with rights per mission, one status over all, one service as a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import REPO
from federated import write_mission

from kobo_sync.cli.verbs import cli

SENTENCE = "une phrase assez longue"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("nord", "sud"):
        write_mission(tmp_path / "missions", name)
    return tmp_path / "missions"


def _run(folder: Path, *arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, [*arguments, "--workspaces", str(folder)], input=given)


def test_accounts_have_a_role_in_all_missions_or_in_some(folder: Path) -> None:
    add = ("user", "add", "--password-stdin")
    assert _run(folder, *add, "maha", "--role", "staff", given=SENTENCE).exit_code == 0
    assert _run(folder, *add, "lea", "--role", "consultant", "--mission", "nord", given=SENTENCE).exit_code == 0
    assert _run(folder, "user", "change", "lea", "--mission", "sud", "--role", "reader").exit_code == 0
    assert _run(folder, "user", "change", "lea", "--mission", "nord", "--names").exit_code == 0
    listed = _run(folder, "user", "list").output.splitlines()
    assert listed == ["lea  -  lea  nord: consultant names  sud: reader", "maha  staff  maha  names"]
    assert _run(folder, "user", "change", "lea", "--mission", "nord", "--no-role").exit_code == 0
    assert _run(folder, "user", "change", "maha", "--no-role").exit_code == 0
    assert _run(folder, "user", "list").output.splitlines()[1].startswith("maha  -")
    assert _run(folder, "user", "password", "lea", "--password-stdin", given="encore une autre phrase").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("user", "change", "lea", "--mission", "est", "--role", "reader"), "there are: nord, sud"),
        (("user", "list", "--workspace", "."), "not both"),
        (("status", "--workspace", "."), "not both"),
    ],
)
def test_wrong_use_is_told(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    answer = _run(folder, *arguments)
    assert answer.exit_code == 2 and message in answer.output


def test_a_mission_is_none_of_a_single_one(folder: Path) -> None:
    options = ["user", "add", "lea", "--role", "reader", "--mission", "nord", "--workspace", str(folder / "nord")]
    assert CliRunner().invoke(cli, options).exit_code == 2


def test_one_status_over_all_ends_with_the_worst(folder: Path) -> None:
    well = _run(folder, "status")
    assert well.exit_code == 0 and well.output.splitlines() == [
        "✓ nord: 0 rows, 0 files missing, never pulled",
        "✓ sud: 0 rows, 0 files missing, never pulled",
    ]
    (folder / "sud" / "config" / "secrets.env").unlink()
    assert _run(folder, "status").exit_code == 3
    state = folder / "nord" / ".kobo_sync"
    (state / "mirror.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    broken = _run(folder, "status", "--json")
    report = json.loads(broken.stdout)
    assert broken.exit_code == 6 and report["counts"]["at_fault"] == 2
    assert [finding["where"] for finding in report["findings"]] == ["nord", "sud"]


def test_no_mission_and_no_folder_are_told(tmp_path: Path) -> None:
    assert "there is no mission here" in _run(tmp_path, "status").output
    from kobo_sync.errors import ConfigError

    answer = _run(tmp_path / "none", "status")
    assert isinstance(answer.exception, ConfigError) and answer.exception.hint


def test_the_service_of_many_starts_serves_and_stops(folder: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(REPO), "KOBO_TOKEN": "nobody-s-token", "NO_COLOR": "1"}
    command = (sys.executable, "-m", "kobo_sync", "service", "--workspaces", str(folder), "--port", "0")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("pages: "):
                break
        address = lines[-1].removeprefix("pages: ").strip()
        with urllib.request.urlopen(f"{address}/health") as answer:
            health = json.load(answer)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert health["ready"] and health["missions"] == 2
    assert process.returncode == 0 and rest.rstrip().endswith("stopped")
    assert any("KOBO_TOKEN is given to no mission" in line for line in lines) and "nobody-s-token" not in "".join(lines)

"""The command as people use it: real processes, exit codes, messages with a cure, never a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ATTENDED, Field, write_workspace

from kobo_sync.workspace.folders import Workspace


def _run(workspace: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_COLOR": "1", **environ}
    command = [sys.executable, "-m", "kobo_sync", words[0], "--workspace", str(workspace), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


def assert_fails(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "→" in done.stderr
    for text in said:
        assert text in done.stderr


def test_no_mission_here(tmp_path: Path) -> None:
    done = _run(tmp_path, "status")
    assert_fails(done, 3, "config/mission.toml", "--workspace")


def test_a_broken_workbook_is_named(workspace: Workspace) -> None:
    (workspace.root / "forms" / "personnes.md").rename(workspace.root / "forms" / "personnes.xlsx")
    mission = workspace.root / "config" / "mission.toml"
    mission.write_text(mission.read_text("utf-8").replace("personnes.md", "personnes.xlsx"), "utf-8")
    assert_fails(_run(workspace.root, "build"), 4, "personnes.xlsx")


def test_an_unknown_question_type_stops_the_deployment(workspace: Workspace) -> None:
    path = workspace.root / "forms" / "personnes.md"
    path.write_text(path.read_text("utf-8").replace("integer   ", "entierr   "), "utf-8")
    assert "entierr" in path.read_text("utf-8")
    done = _run(workspace.root, "deploy", KOBO_TOKEN="x")
    assert done.returncode in (4, 5) and "Traceback" not in done.stderr


def test_no_token_and_open_secrets(workspace: Workspace) -> None:
    assert_fails(_run(workspace.root, "pull"), 3, "KOBO_TOKEN", "secrets.env")
    secrets = workspace.root / "config" / "secrets.env"
    secrets.write_text("KOBO_TOKEN=abc\n", "utf-8")
    secrets.chmod(0o644)
    done = _run(workspace.root, "status")
    assert_fails(done, 3, "chmod 600")
    assert "abc" not in done.stderr
    secrets.chmod(0o600)
    assert _run(workspace.root, "status").returncode == 0


def test_an_unreachable_server(workspace: Workspace) -> None:
    mission = workspace.root / "config" / "mission.toml"
    mission.write_text(mission.read_text("utf-8").replace("[server]\n", "[server]\nretries = 1\n"), "utf-8")
    done = _run(workspace.root, "pull", KOBO_TOKEN="canary-token")
    assert_fails(done, 5, "127.0.0.1:1")
    assert "canary-token" not in done.stderr + done.stdout


def test_wrong_words_are_usage_errors(workspace: Workspace) -> None:
    assert _run(workspace.root, "pull", "inconnu", KOBO_TOKEN="x").returncode == 2
    assert_fails(_run(workspace.root, "build", "--zone", "ouest"), 3, "ouest", "nord, sud")


def test_a_workspace_without_data_still_builds_and_delivers(workspace: Workspace) -> None:
    mission = workspace.root / "config" / "mission.toml"
    names = '"attendance_list", "evaluations", "needs", "data_workbook"'
    mission.write_text(ATTENDED + f"\n[deliverables]\nzone = [{names}]\n", "utf-8")
    built = _run(workspace.root, "build", "--json")
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["counts"]["files"] >= 8
    assert _run(workspace.root, "deliver").returncode == 0
    names = sorted(path.name for path in workspace.out.iterdir())
    assert names == ["nord", "nord-nominatif.zip", "nord.zip", "sud", "sud-nominatif.zip", "sud.zip"]


OWN_DELIVERABLE = """
from kobo_sync.model import Document

NAME, TITLE, SCOPE, CLASS = "lettre", "Lettre", "zone", "public"


def build(facts):
    return [Document("lettre.txt", facts.zone.name.encode(), CLASS)]
"""


def test_a_mission_adds_a_deliverable_by_a_file_in_its_folder(workspace: Workspace) -> None:
    (workspace.root / "lettre.py").write_text(OWN_DELIVERABLE, "utf-8")
    mission = workspace.root / "config" / "mission.toml"
    before = mission.read_text("utf-8")
    mission.write_text(before + '\n[deliverables]\nzone = ["lettre"]\n', "utf-8")
    assert _run(workspace.root, "build").returncode == 0
    assert (workspace.out / "nord" / "lettre.txt").read_text("utf-8") == "Nord"
    (workspace.root / "lettre.py").write_text(OWN_DELIVERABLE.replace("zone.name", "zone.code"), "utf-8")
    assert _run(workspace.root, "build").returncode == 0
    assert (workspace.out / "nord" / "lettre.txt").read_text("utf-8") == "nord", "its source is one of the inputs"
    mission.write_text(before + '\n[deliverables]\nzone = ["letre"]\n', "utf-8")
    assert_fails(_run(workspace.root, "build"), 3, "letre", "mission's folder", "beside config/")


def test_pull_prints_json_and_records_the_run(field_team: Field) -> None:
    field_team.person("NOR-01")
    root = field_team.mission.workspace.root
    mission = root / "config" / "mission.toml"
    mission.write_text(mission.read_text("utf-8").replace("http://127.0.0.1:1", field_team.url), "utf-8")
    done = _run(root, "pull", "--json", KOBO_TOKEN="t" * 40)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["new"] == 1
    status = _run(root, "status")
    assert (
        "personnes: server 1 = local 1" in status.stdout
        and "run 1 of pull" in status.stdout
        and "ended well" in status.stdout
    )
    doctor = _run(root, "doctor", KOBO_TOKEN="t" * 40)
    assert "knows the token as maha" in doctor.stdout


def test_a_port_that_is_taken_is_said_in_one_line(workspace: Workspace) -> None:
    secrets = {"STATION_PASSWORD": "secret-word", "KOBO_TOKEN": "t" * 40}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _run(workspace.root, "station", "--port", str(taken.getsockname()[1]), **secrets)
    assert done.returncode == 2 and "--port" in done.stderr
    assert "Traceback" not in done.stderr and "secret-word" not in done.stderr


def test_a_second_run_at_once_is_refused(workspace: Workspace) -> None:
    with workspace.exclusive():
        assert_fails(_run(workspace.root, "build"), 6, "another run")


@pytest.mark.parametrize("seed", ["1"])
def test_the_demo_of_a_small_mission_is_reproducible(tmp_path: Path, seed: str) -> None:
    root = write_workspace(tmp_path / "m").root
    trees = []
    for name in ("one", "two"):
        done = _run(root, "demo", "--seed", seed, "--output", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file() and ".kobo_sync" not in path.parts]
        trees.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files})
    assert trees[0] == trees[1] and trees[0]
    assert not (root / ".kobo_sync").exists() and not (root / "exports").exists()


def test_the_demo_never_empties_a_folder_that_is_not_its_own(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x", "utf-8")
    assert_fails(_run(workspace.root, "demo", "--output", str(tmp_path / "precious")), 3, "no demo made")
    assert (tmp_path / "precious" / "file").exists()

"""Killed at any instant, the next pull ends in the same state as one that was never disturbed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Field
from shared_databases import place, with_database

from kobo_sync.errors import StoreError
from kobo_sync.steps.pull import pull
from kobo_sync.store.database import open_store

PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
VISIT = {"zone": "nord", "gps": "31.5 -5.1 1200 4"}


def test_killed_at_many_points_the_next_pull_ends_the_same(field_team: Field, tmp_path: Path) -> None:
    roots = [field_team.person(f"NOR-{n}", note="x") for n in range(5)]
    field_team.submit("visites", {**VISIT, "photo": "a.png"}, files={"a.png": (PHOTO, "image/png")})
    pull(field_team.mission)
    field_team.mission.close()
    field_team.clock.forward(hours=3)
    given = {"zone": "nord", "accord": "oui", "code": "NOR-0", "groupe": "a", "nom": "Y", "note": None}
    field_team.submit("personnes", given, edits=roots[0])
    client = field_team.reopen().reader()
    client.delete_submission(field_team.uid("personnes"), str(roots[1]))
    for n in range(3):
        field_team.person(f"SUD-{n}", zone="sud")
    more = {**VISIT, "photo": "b.png", "membre": [{"prenom": "Awa"}]}
    field_team.submit("visites", more, files={"b.png": (PHOTO[::-1], "image/png")})
    found = _killed(field_team, field_team.mission.workspace.state, tmp_path / "copies", 4)
    assert found["points"] > 30
    assert found["differing"] == {}


def test_a_first_reading_killed_at_many_points_ends_the_same(field_team: Field, tmp_path: Path) -> None:
    for n in range(5):
        field_team.person(f"NOR-{n}", note="x")
    field_team.submit("visites", {**VISIT, "photo": "a.png"}, files={"a.png": (PHOTO, "image/png")})
    field_team.submit("visites", {**VISIT, "membre": [{"prenom": "Awa"}]})
    start = tmp_path / "start"
    only_deployments(field_team, start)
    found = _killed(field_team, start, tmp_path / "copies", 3)
    assert found["points"] > 20
    assert found["differing"] == {}


def only_deployments(field_team: Field, state: Path) -> None:
    """Make a state folder where what was deployed is known, and no row is held."""
    state.mkdir()
    known = field_team.mission.store.deployments().values()
    with contextlib.closing(open_store(place(state / field_team.mission.workspace.database.name))) as store:
        for deployment in known:
            store.put_deployment(deployment)


def _killed(field_team: Field, start: Path, copies: Path, stride: int) -> dict[str, Any]:
    program = Path(__file__).with_name("killed_pulls.py")
    arguments = [str(field_team.mission.workspace.root), str(start), field_team.url, str(copies), str(stride)]
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=with_database({"PYTHONPATH": f"{program.parents[2]}:{program.parents[1]}:{program.parent}"}),
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_database_that_another_program_holds_is_told_with_its_cure(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    from kobo_sync.store import database

    monkeypatch.setattr(database, "BUSY_S", 0)
    field_team.person("NOR-1")
    mission = field_team.reopen()
    mission.store.holdings(["personnes"])
    other = sqlite3.connect(mission.workspace.database)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked") as refusal:
        pull(mission)
    other.close()
    assert "close it" in refusal.value.hint and refusal.value.exit_code == 6
    assert pull(field_team.reopen()).counts["new"] == 1


FULL = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from conftest import TOKEN
from kobo_sync.errors import StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
root, state, url, limit = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
mission = Mission(Workspace(root, state, state / "out"), {"KOBO_TOKEN": TOKEN}, lambda: datetime(2025, 2, 12, tzinfo=UTC), server=(url, url))
try:
    pull(mission)
except StoreError as error:
    print(error.exit_code, error.hint)
"""


def test_a_full_disk_is_told_with_its_cure_and_loses_nothing(field_team: Field, tmp_path: Path) -> None:
    for n in range(3):
        field_team.submit("visites", {**VISIT, "photo": "a.png"}, files={"a.png": (PHOTO * (n + 40), "image/png")})
    here = Path(__file__)
    paths = f"{here.parents[2]}:{here.parents[1]}:{here.parent}"
    told = set()
    for limit in (150_000, 450_000):
        arguments = [str(field_team.mission.workspace.root), str(tmp_path / "state"), field_team.url, str(limit)]
        done = subprocess.run(
            [sys.executable, "-c", FULL, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PYTHONPATH": paths},
        )
        assert done.returncode == 0, done.stderr
        told.add(done.stdout.partition(",")[0].strip())
    assert all(each.startswith("6 free some disk space") for each in told)
    arguments[-1] = str(1 << 30)
    done = subprocess.run(
        [sys.executable, "-c", FULL, *arguments], capture_output=True, text=True, check=False, env={"PYTHONPATH": paths}
    )
    assert (done.returncode, done.stdout) == (0, "")

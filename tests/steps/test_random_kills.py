"""The command, killed at moments drawn by chance (SIGKILL, SIGTERM): what it does the next time ends as if nothing had been.

TRUST_KILLS of them in all, over the verbs; `make trust` sets 360.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import ATTENDED, TOKEN, Field
from mirror_truth import State, mirror_state

from kobo_sync.mission.mission import Mission
from kobo_sync.workspace.folders import find

KILLS = int(os.environ.get("TRUST_KILLS", "6"))
PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
SCENES: dict[str, Sequence[Sequence[str]]] = {  # what is killed, in this order; each is run to its end afterwards
    "pull": (["pull"],),
    "check and build": (["check"], ["build"]),
    "deliver and export": (["deliver"], ["export", "xlsx"]),
    "run": (["run"],),
    "backup": (["backup", "--output", "BACKUPS"],),
    "deploy": (["deploy"],),
}
BEFORE: dict[str, Sequence[Sequence[str]]] = {
    "check and build": (["pull"],),
    "deliver and export": (["pull"], ["build"]),
    "backup": (["pull"], ["build"]),
    "deploy": (["pull"],),
}


@pytest.fixture
def prepared(field_team: Field) -> Path:
    """The small mission's folder, its server's address in its config, rows and files waiting there."""
    root = field_team.mission.workspace.root
    text = ATTENDED.replace("http://127.0.0.1:1", field_team.url)
    (root / "config" / "mission.toml").write_text(text, "utf-8")
    roots = [field_team.person(f"NOR-{n}", note="x") for n in range(4)]
    field_team.submit(
        "visites", {"zone": "nord", "personne": "NOR-1", "photo": "a.png"}, files={"a.png": (PHOTO, "image/png")}
    )
    field_team.submit("visites", {"zone": "nord", "personne": "NOR-2", "membre": [{"prenom": "Awa"}]})
    given = {"zone": "nord", "accord": "oui", "code": "NOR-0", "groupe": "a", "nom": "Y", "note": None}
    field_team.submit("personnes", given, edits=roots[0])
    field_team.mission.close()
    return root


def command(root: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "KOBO_TOKEN": TOKEN, "KOBO_SYNC_LANG": "en"}
    line = [word.replace("BACKUPS", str(root.parent / f"backups of {root.name}")) for word in words]
    return subprocess.Popen(
        [sys.executable, "-m", "kobo_sync", *line, "--workspace", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environ,
    )


def run_to_its_end(root: Path, words: Sequence[str]) -> float:
    """Seconds that it took; what it says when it fails is shown."""
    began = time.monotonic()
    process = command(root, words)
    _, errors = process.communicate(timeout=300)
    assert process.returncode in (0, 1), f"{words}: {errors.decode()}"
    assert b"Traceback" not in errors
    return time.monotonic() - began


def state_of(root: Path) -> tuple[State, dict[str, str], list[str]]:
    """What the mirror holds, each file that is to be sent with its hash, and what lies half written anywhere."""
    mission = Mission(find(root), {"KOBO_TOKEN": TOKEN})
    state = mirror_state(mission)
    mission.close()
    out = root / "exports" / "out"
    files = {
        str(path.relative_to(out)): hashlib.sha256(_without_moment(path)).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
    backups = root.parent / f"backups of {root.name}"
    halves = [
        str(path)
        for top in (out, backups)
        for path in top.rglob("*")
        if ".making-" in path.name or path.suffix == ".new"
    ]
    return state, files, halves


def _without_moment(path: Path) -> bytes:
    """The bytes; of a manifest the files it lists alone, for it says when the data were pulled."""
    content = path.read_bytes()
    return json.dumps(json.loads(content)["files"]).encode() if path.name == "MANIFEST.json" else content


@pytest.mark.parametrize("scene", SCENES)
def test_killed_at_any_moment_the_next_run_ends_the_same(
    scene: str, prepared: Path, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    rng = random.Random(f"1 {scene}")
    for words in BEFORE.get(scene, ()):
        run_to_its_end(prepared, words)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    shutil.copytree(prepared, undisturbed)
    took = [run_to_its_end(undisturbed, words) for words in SCENES[scene]]
    expected = state_of(undisturbed)
    assert expected[2] == []
    shutil.copytree(prepared, killed)
    n_kills, n_hit = max(1, KILLS // len(SCENES)), 0
    for n in range(n_kills):
        at = n % len(took)
        process = command(killed, SCENES[scene][at])
        try:
            process.wait(rng.uniform(0.1, 1.0) * took[at])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM if n % 4 == 3 else signal.SIGKILL)
            n_hit += 1
        _, errors = process.communicate(timeout=120)
        assert b"Traceback" not in errors, errors.decode()
        if n % 10 == 9 or n == n_kills - 1:
            for words in SCENES[scene]:
                run_to_its_end(killed, words)
            state = state_of(killed)
            assert state[0] == expected[0]
            assert state[1] == expected[1]
            assert state[2] == []
            if n < n_kills - 1:  # from the beginning, so that there is something to do again
                shutil.rmtree(killed)
                shutil.copytree(prepared, killed)
    record_property("kills", n_hit)

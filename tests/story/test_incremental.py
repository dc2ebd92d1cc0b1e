"""A build after edits is, byte for byte, a build from nothing of the same rows: whatever was edited, added or deleted, wherever."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import REPO

from kobo_sync.desk import worklist
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.workspace.folders import Workspace, find

ROUNDS = 12
FORMS = ("inscription", "presence", "test", "satisfaction", "besoins", "focus_groupe", "feuille_route")
ANSWERS = {  # what a form's answers are changed to, as SQL
    "inscription": "sexe = CASE sexe WHEN 'femme' THEN 'homme' ELSE 'femme' END",
    "presence": "signature = NULL",
    "test": "q01 = CASE q01 WHEN 'a' THEN 'b' ELSE 'a' END",
    "satisfaction": "recommandation = (recommandation + 5) % 11",
    "besoins": "groupe = NULL",
    "focus_groupe": "femmes = femmes + 4",
    "feuille_route": "zone = zone",
}
Edit = Callable[["Mirror", random.Random], None]


class Mirror:
    """The demo's mirror, changed as a pull would change it."""

    def __init__(self, database: Path) -> None:
        self.db = sqlite3.connect(database)
        names = [name for (name,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: [row[1] for row in self.db.execute(f'PRAGMA table_info("{name}")')] for name in names}
        self.keyed = {name: each for name, each in columns.items() if "root_uuid" in each}
        self.zones = [row[0] for row in self.db.execute("SELECT DISTINCT zone FROM data_presence ORDER BY 1") if row[0]]

    def row(self, form_id: str, chance: random.Random) -> str:
        rows = self.db.execute(f"SELECT root_uuid FROM data_{form_id} WHERE zone IS NOT NULL ORDER BY 1").fetchall()
        return str(chance.choice(rows)[0])

    def another_zone(self, form_id: str, root: str, chance: random.Random) -> str:
        (own,) = self.db.execute(f"SELECT zone FROM data_{form_id} WHERE root_uuid = ?", [root]).fetchone()
        return chance.choice([zone for zone in self.zones if zone != own])

    def touch(self, root: str) -> None:
        self.db.execute("UPDATE submissions SET content_sha256 = hex(randomblob(32)) WHERE root_uuid = ?", [root])

    def copied(self, root: str, chance: random.Random) -> str:
        """Another row with the same answers; returns its root uuid."""
        twin = f"{root}-{chance.getrandbits(32):08x}"
        for name, columns in self.keyed.items():
            for row in self.db.execute(f'SELECT * FROM "{name}" WHERE root_uuid = ?', [root]).fetchall():
                cells = dict(zip(columns, row, strict=True))
                shift = chance.randrange(10**6, 10**8)
                cells |= {key: f"{cells[key]}-{twin[-8:]}" for key in ("uuid", "attachment_uid") if cells.get(key)}
                cells |= {"submission_id": cells["submission_id"] + shift} if "submission_id" in cells else {}
                cells |= {"root_uuid": twin} | ({"row_id": None} if "row_id" in cells else {})
                marks = ",".join("?" * len(columns))
                self.db.execute(f'INSERT INTO "{name}" VALUES ({marks})', [cells[each] for each in columns])
        same_id = "UPDATE {0} SET submission_id = (SELECT submission_id FROM submissions WHERE root_uuid = ?) WHERE root_uuid = ?"
        for name, columns in self.keyed.items():
            if "submission_id" in columns and name != "submissions":
                self.db.execute(same_id.format(f'"{name}"'), [twin, twin])
        self.touch(twin)
        return twin


def edited(mirror: Mirror, chance: random.Random) -> None:
    form_id = chance.choice(FORMS)
    root = mirror.row(form_id, chance)
    mirror.db.execute(f"UPDATE data_{form_id} SET {ANSWERS[form_id]} WHERE root_uuid = ?", [root])
    mirror.touch(root)


def deleted(mirror: Mirror, chance: random.Random) -> None:
    root = mirror.row(chance.choice(FORMS), chance)
    for name in mirror.keyed:
        mirror.db.execute(f'DELETE FROM "{name}" WHERE root_uuid = ?', [root])


def added(mirror: Mirror, chance: random.Random) -> None:
    mirror.copied(mirror.row(chance.choice(FORMS), chance), chance)


def visited(mirror: Mirror, chance: random.Random) -> None:
    """Somebody comes to another zone as well."""
    root = mirror.row("presence", chance)
    twin = mirror.copied(root, chance)
    zone = mirror.another_zone("presence", root, chance)
    mirror.db.execute("UPDATE data_presence SET zone = ? WHERE root_uuid = ?", [zone, twin])


def walked_in(mirror: Mirror, chance: random.Random) -> None:
    """Somebody who is on no list bears the name of a person registered elsewhere."""
    name = mirror.db.execute(
        "SELECT nom, prenom FROM data_inscription WHERE root_uuid = ?", [mirror.row("inscription", chance)]
    ).fetchone()
    twin = mirror.copied(mirror.row("presence", chance), chance)
    mirror.db.execute(
        "UPDATE data_presence SET participant = NULL, nom = ?, prenom = ? WHERE root_uuid = ?", [*name, twin]
    )


def registered_twice(mirror: Mirror, chance: random.Random) -> None:
    root = mirror.row("inscription", chance)
    twin = mirror.copied(root, chance)
    zone = mirror.another_zone("inscription", root, chance)
    mirror.db.execute("UPDATE data_inscription SET zone = ? WHERE root_uuid = ?", [zone, twin])


def moved(mirror: Mirror, chance: random.Random) -> None:
    form_id = chance.choice(FORMS)
    root = mirror.row(form_id, chance)
    zone = mirror.another_zone(form_id, root, chance)
    mirror.db.execute(f"UPDATE data_{form_id} SET zone = ? WHERE root_uuid = ?", [zone, root])
    mirror.touch(root)


def lost_its_zone(mirror: Mirror, chance: random.Random) -> None:
    root = mirror.row("presence", chance)
    mirror.db.execute("UPDATE data_presence SET zone = NULL WHERE root_uuid = ?", [root])
    mirror.touch(root)


EDITS: tuple[Edit, ...] = (
    edited, deleted, added, visited, walked_in, registered_twice, moved, lost_its_zone
)  # fmt: skip


def decide(state: Path, chance: random.Random) -> None:
    """Somebody decides about a finding."""
    mission = opened(state, state / "out")
    keys = sorted(worklist.keyed(check(mission).findings))
    state_of_it = chance.choice(("accepted", "false_alarm"))
    worklist.set_state(mission.desk, [chance.choice(keys)], state_of_it, "A. B.", "vu", mission.clock())
    mission.close()


def opened(state: Path, out: Path) -> Mission:
    return Mission(Workspace(find(REPO).root, state, out), {})


def built(state: Path, out: Path) -> Report:
    mission = opened(state, out)
    try:
        return build(mission, figures=True)
    finally:
        mission.close()


def sets(out: Path) -> dict[str, bytes]:
    """The files of the zones' sets, and what the mission's says; a report that was patched is another file than a new one."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.relative_to(out).parts[0] not in ("mission", ".sauvegardes")
    }


def told(state: Path, out: Path) -> list[object]:
    """What else a build leaves: the mission's figures and findings, and the figures of the pages."""
    mission = opened(state, out)
    try:
        manifest = mission.workspace.previous_set("mission").manifest
        assert manifest is not None
        pages = [mission.desk.snapshot(name) for name in ("dashboard", "collection")]
        findings = [finding.as_json() for finding in check(mission, dry_run=True).findings]
        return [manifest.figures, manifest.inputs_hash, [page[0] if page else None for page in pages], findings]
    finally:
        mission.close()


def test_after_any_edits_a_build_is_one_from_nothing(
    told_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kobo_sync.mission.facts._MANY", 0)  # cells are kept as those of many zones are
    chance = random.Random(18)
    state, fresh = told_demo, tmp_path / "fresh"
    built(state, state / "out")
    for each in range(ROUNDS):
        mirror = Mirror(state / "mirror.sqlite")
        chosen = [chance.choice(EDITS) for _ in range(chance.randint(1, 4))]
        for edit in chosen:
            edit(mirror, chance)
        mirror.db.commit()
        mirror.db.close()
        if each % 4 == 3:
            decide(state, chance)
        built(state, state / "out")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(state, fresh, ignore=shutil.ignore_patterns("kept", "lock", "out", "told-sets.json"))
        mirror_copy = sqlite3.connect(fresh / "desk.sqlite")
        mirror_copy.execute("DELETE FROM snapshots")
        mirror_copy.commit()
        mirror_copy.close()
        built(fresh, fresh / "out")
        names = [edit.__name__ for edit in chosen]
        after, expected = sets(state / "out"), sets(fresh / "out")
        assert sorted(after) == sorted(expected), (each, names)
        assert [name for name in after if after[name] != expected[name]] == [], (each, names)
        assert told(state, state / "out") == told(fresh, fresh / "out"), (each, names)


@pytest.fixture
def told_demo(told: tuple[Path, Report, dict[str, Report]], tmp_path: Path) -> Path:
    """A copy of the demo's mirror that was never built from."""
    folder = tmp_path / "state"
    shutil.copytree(told[0] / ".kobo_sync", folder, ignore=shutil.ignore_patterns("kept", "lock"))
    return folder

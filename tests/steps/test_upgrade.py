"""Workspaces of every earlier schema, each made by its own version's code with the station it was filled from: today's program goes on with them.

`released/<mirror's version>-<desk's version>-<commit>.tar.xz`: three registered persons, one of them edited, two visits, a photo, and
an account; the first desk had none.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import TOKEN, Clock, Field, field_in

from kobo_sync.desk import accounts
from kobo_sync.desk.migrations import DESK
from kobo_sync.errors import StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.steps.backup import backup
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.pull import pull
from kobo_sync.steps.restore import restore
from kobo_sync.store.history import revisions_of
from kobo_sync.store.migrations import MIRROR
from kobo_sync.workspace.folders import Workspace, find

pytestmark = pytest.mark.one_database
RELEASED = sorted(path.name.removesuffix(".tar.xz") for path in (Path(__file__).parent / "released").iterdir())
FIRST = 1000  # ids of the station: what lies there has lower ones
PEOPLE = ["NOR-00", "NOR-01", "NOR-02"]


def unpacked(name: str, folder: Path) -> Workspace:
    with tarfile.open(Path(__file__).parent / "released" / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    root = folder / "mission"
    return Workspace(root, root / ".kobo_sync", root / "exports" / "out")


@pytest.fixture
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Field]:
    """The workspace as that version left it, and its server."""
    unpacked(request.param, tmp_path)
    with field_in(tmp_path, find, tmp_path / "station.sqlite", FIRST) as field:
        yield field


def people(mission: Mission) -> list[str]:
    table = mission.store.read_table(mission.tables["personnes"][0])
    return sorted(table["code"].dropna())


def test_every_earlier_schema_is_there() -> None:
    versions = {
        kind: {int(n) for name in RELEASED for n in re.findall(rf"{kind}-(\d+)", name)} for kind in ("mirror", "desk")
    }
    assert versions["mirror"] == set(range(1, MIRROR.version + 1)), "make a workspace by the version before the change"
    assert versions["desk"] == set(range(1, DESK.version)), "make a workspace by the version before the change"


@pytest.mark.parametrize("released", [name for name in RELEASED if not name.startswith("mirror-1")], indirect=True)
def test_todays_program_goes_on_with_it(released: Field, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    mission = released.mission
    assert people(mission) == PEOPLE  # as it lies there, before any pull
    assert [each.kind for each in revisions_of(mission.store, "00000000-0000-4000-8000-000000000001")] == [
        "new",
        "edited",
    ]
    assert pull(mission).counts.get("new", 0) == 0 and people(mission) == PEOPLE
    released.submit("personnes", {"zone": "sud", "accord": "oui", "code": "SUD-01", "nom": "N", "groupe": "a"}, instance_id="00000000-0000-4000-8000-00000000aaaa")  # fmt: skip
    report = pull(mission)
    assert report.counts["new"] == 1 and not report.has_errors and people(mission) == [*PEOPLE, "SUD-01"]
    (photo,) = (path for path in mission.workspace.attachments.rglob("*") if path.is_file())
    assert photo.read_bytes() == b"\xff\xd8\xff\xe0 small"
    check(mission)
    build(mission)
    assert (mission.workspace.out / "nord" / "MANIFEST.json").exists()
    if not request.node.callspec.id.startswith("mirror-2"):
        assert [each.username for each in accounts.users(mission.desk)] == ["maha"]
        assert accounts.sign_in(mission.desk, "maha", "une phrase assez longue", "127.0.0.1", released.clock())
    copy = Path(backup(mission, output=tmp_path / "copies").lines[0].partition(":")[0])
    restore(copy, tmp_path / "back", force=False, now=released.clock())
    again = Mission(find(tmp_path / "back"), {}, released.clock)
    assert people(again) == [*PEOPLE, "SUD-01"]
    again.close()


def test_the_trial_s_mirror_is_refused_unharmed_with_a_cure_that_works(tmp_path: Path) -> None:
    """The first schema lived for an hour, before anybody had data."""
    workspace = unpacked(RELEASED[0], tmp_path / "old")
    before = workspace.database.read_bytes()
    mission = Mission(workspace, {"KOBO_TOKEN": TOKEN}, Clock())
    with pytest.raises(StoreError, match="trial version") as refusal:
        recorded(mission, "pull", pull)
    mission.close()
    assert "move the file away" in refusal.value.hint and workspace.database.read_bytes() == before
    workspace.database.rename(tmp_path / "away.sqlite")
    with field_in(tmp_path / "old", find, tmp_path / "old" / "station.sqlite", FIRST) as field:
        assert not pull(field.mission).has_errors and people(field.mission) == PEOPLE


@pytest.mark.parametrize("kind", ["mirror", "desk"])
def test_a_newer_workspace_is_refused_unharmed(kind: str, tmp_path: Path) -> None:
    workspace = unpacked(RELEASED[-1], tmp_path)
    shutil.rmtree(workspace.state / "attachments")
    path = workspace.state / f"{kind}.sqlite"
    facts, tables = {"mirror": ("facts", MIRROR), "desk": ("desk_facts", DESK)}[kind]
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"UPDATE {facts} SET value = '{tables.version + 1}' WHERE name = 'schema_version'")
        file.commit()
    before = path.read_bytes()
    mission = Mission(workspace, {"KOBO_TOKEN": TOKEN}, Clock())
    for step in (pull, build, check):
        with pytest.raises(StoreError) as refusal:
            recorded(mission, step.__name__, step)
        assert f"version {tables.version + 1}" in refusal.value.message and "update kobo-sync" in refusal.value.hint
    mission.close()
    assert path.read_bytes() == before

"""Backups that are whole or not there, a restore that is exact, a purge after which nothing is left."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zlib
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from conftest import MISSION, Field, write_workspace
from mirror_truth import mirror_state

from kobo_sync.cli.verbs import cli
from kobo_sync.desk import runs, schedules
from kobo_sync.desk.database import open_desk
from kobo_sync.desk.worklist import page, set_state
from kobo_sync.errors import ConfigError, StoreError
from kobo_sync.mission.mission import Mission, open_mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.steps import purge as purge_step
from kobo_sync.steps.backup import backup
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.history import history
from kobo_sync.steps.init import init
from kobo_sync.steps.pull import pull
from kobo_sync.steps.purge import months_after, purge, what_is_due
from kobo_sync.steps.restore import restore
from kobo_sync.store import schema
from kobo_sync.workspace import archive
from kobo_sync.workspace.archive import read_manifest, surplus
from kobo_sync.workspace.folders import Workspace, find

PHOTO = b"\x89PNG\r\n\x1a\nzzyzx-image"
NAMES = ("Zzyzxien", "Qwortalub", "Vexilmarg", "Plofontar")
RETENTION = '\n[retention]\nfiles_months = 3\npersonal_months = 6\npersonal = ["visites.prenom"]\n'


@pytest.fixture
def team(field_team: Field) -> Field:
    first = field_team.person("N1", nom=NAMES[0])
    gone = field_team.person("N2", nom=NAMES[2])
    field_team.submit(
        "visites",
        {"zone": "nord", "photo": "p.png", "membre": [{"prenom": NAMES[3], "annees": "7"}]},
        files={"p.png": (PHOTO, "image/png")},
    )
    pull(field_team.mission)
    edit = {"zone": "nord", "accord": "oui", "code": "N1", "nom": NAMES[1], "groupe": "a"}
    field_team.submit("personnes", edit, edits=first)
    field_team.mission.deployer().delete_submission(field_team.uid("personnes"), str(gone))
    field_team.clock.forward(hours=3)
    pull(field_team.mission)
    check(field_team.mission)
    return field_team


def mission_with(team: Field, more: str) -> Mission:
    team.mission.close()
    (team.mission.workspace.root / "config" / "mission.toml").write_text(MISSION + more, "utf-8")
    return team.reopen()


# ── backup and restore ──────────────────────────────────────────────────────


def test_a_backup_restored_elsewhere_is_the_same_mission(team: Field, tmp_path: Path) -> None:
    secrets = team.mission.workspace.root / "config" / "secrets.env"
    secrets.write_text("KOBO_TOKEN=abc\n")
    secrets.chmod(0o600)
    report = backup(team.mission)
    (folder,) = (team.mission.workspace.state / "backups").iterdir()
    said = read_manifest(folder)
    assert len(said) == report.counts["files"] and {"config/mission.toml", ".kobo_sync/mirror.sqlite"} <= set(said)
    assert "config/secrets.env" not in said and not list(folder.rglob("secrets.env"))
    image = next(path for path in said if "/attachments/" in path)
    assert (folder / image).stat().st_nlink == 2, "a file that never changes takes no second place"
    restore(folder, tmp_path / "new", force=False, now=team.clock.now)
    workspace = Workspace(tmp_path / "new", tmp_path / "new" / ".kobo_sync", tmp_path / "new" / "exports" / "out")
    other = Mission(workspace, team.mission.environ, team.clock, server=team.mission.server)
    assert mirror_state(other) == mirror_state(team.mission)
    assert pull(other).counts.get("new", 0) == 0 and check(other).counts["new"] == 0
    other.close()


def test_a_mission_restored_is_as_usable_as_the_one_that_init_wrote(tmp_path: Path) -> None:
    """Guides, launcher, .gitignore and the empty folder for pictures come back too, each with its rights."""

    def contents(root: Path) -> dict[str, tuple[str, int]]:
        paths = [path for path in root.rglob("*") if ".kobo_sync" not in path.parts]
        return {
            str(path.relative_to(root)): (path.read_text("latin-1") if path.is_file() else "", path.stat().st_mode)
            for path in paths
        }

    first, second = tmp_path / "first", tmp_path / "second"
    init(first)
    (first / ".gitignore").write_text("mine\n", "utf-8")
    with open_mission(first) as mission:
        backup(mission, output=tmp_path / "backups")
    (made,) = (tmp_path / "backups").iterdir()
    restore(made, second, force=False, now=datetime(2026, 11, 30, tzinfo=UTC))
    assert contents(second) == contents(first)
    assert {".gitignore", "docs/guide.fr.md", "docs/operations.md", "kobo-sync.desktop", "forms/media"} <= contents(
        second
    ).keys()
    assert (second / "kobo-sync.desktop").stat().st_mode & 0o111 == 0o111
    manifest = json.loads((made / archive.MANIFEST).read_bytes())  # a backup of before these were in it
    manifest["files"] = {
        name: each for name, each in manifest["files"].items() if not name.startswith((".git", "docs", "kobo"))
    }
    (made / archive.MANIFEST).write_text(json.dumps(manifest), "utf-8")
    restore(made, second, force=True, now=datetime(2026, 11, 30, 1, tzinfo=UTC))
    assert contents(second) == contents(first)  # what was there stays


def test_a_damaged_backup_restores_nothing(team: Field, tmp_path: Path) -> None:
    backup(team.mission)
    (folder,) = (team.mission.workspace.state / "backups").iterdir()
    target = tmp_path / "target"
    for spoil in ("flip", "lose", "manifest"):
        copy = Path(shutil.copytree(folder, tmp_path / spoil))
        if spoil == "flip":
            (copy / "config" / "zones.csv").write_bytes(b"other")
        elif spoil == "lose":
            (copy / "forms" / "visites.md").unlink()
        else:
            (copy / "MANIFEST.json").write_text("{}")
        with pytest.raises(StoreError):
            restore(copy, target, force=False, now=team.clock.now)
        assert not target.exists() and not list(tmp_path.glob(".target*"))
    manifest = json.loads((folder / "MANIFEST.json").read_bytes())
    for path in ("../outside", "/etc/passwd", "a\\..\\b"):
        (tmp_path / "lose" / "MANIFEST.json").write_text(
            json.dumps({"files": {path: manifest["files"]["config/zones.csv"]}})
        )
        with pytest.raises(StoreError, match="no backup of ours"):
            read_manifest(tmp_path / "lose")


def test_restore_spares_what_is_there_unless_forced(
    team: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(team.mission)
    (folder,) = (team.mission.workspace.state / "backups").iterdir()
    target = write_workspace(tmp_path / "held").root
    (target / "config" / "secrets.env").write_text("KOBO_TOKEN=mine\n")
    (target / ".kobo_sync" / "backups" / "old").mkdir(parents=True)
    with pytest.raises(StoreError, match="not empty"):
        restore(folder, target, force=False, now=team.clock.now)
    with monkeypatch.context() as broken:
        real = Path.replace

        def refuse(self: Path, to: Path) -> Path:
            if self.name == ".held.restoring":
                raise OSError(28, "No space left on device")
            return real(self, to)

        broken.setattr(Path, "replace", refuse)
        with pytest.raises(StoreError, match="No space"):
            restore(folder, target, force=True, now=team.clock.now)
    assert (target / "config" / "secrets.env").read_text() == "KOBO_TOKEN=mine\n"
    restore(folder, target, force=True, now=team.clock.now)
    assert (target / ".kobo_sync" / "mirror.sqlite").is_file() and (target / ".kobo_sync" / "backups" / "old").is_dir()
    assert (target / "config" / "secrets.env").read_text() == "KOBO_TOKEN=mine\n"
    assert (tmp_path / "held.before-20250211T110000Z" / "config").is_dir()


@pytest.mark.parametrize("n_renames", range(6))
def test_a_restore_killed_between_its_renames_is_ended_by_the_next_run(
    team: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_renames: int
) -> None:
    """Part 7, C18: the mission was gone, its secrets and backups with it. Now it is the old one or the new, whole."""
    backup(team.mission)
    (folder,) = (team.mission.workspace.state / "backups").iterdir()
    target = write_workspace(tmp_path / "held").root
    (target / "config" / "secrets.env").write_text("KOBO_TOKEN=mine\n")
    (target / ".kobo_sync" / "backups" / "old").mkdir(parents=True)
    real, renames = Path.replace, iter(range(100))

    class Killed(BaseException): ...

    def dies(self: Path, to: Path) -> Path:
        if next(renames) == n_renames:
            raise Killed
        return real(self, to)

    with monkeypatch.context() as killing, suppress(Killed):
        killing.setattr(Path, "replace", dies)
        restore(folder, target, force=True, now=team.clock.now)
    aside = tmp_path / "held.before-20250211T110000Z"
    if aside.exists() and not target.exists():  # a shell that stood in the folder stands in the one set aside now
        with pytest.raises(ConfigError, match="set this folder aside"):
            find(aside / "config")
    assert find(target).root == target
    assert (target / "config" / "secrets.env").read_text() == "KOBO_TOKEN=mine\n"
    assert (target / ".kobo_sync" / "backups" / "old").is_dir()
    assert (target / ".kobo_sync" / "mirror.sqlite").is_file() == aside.exists()
    assert not (tmp_path / ".held.restore").exists()
    assert not aside.exists() or not (tmp_path / ".held.restoring").exists()


def test_a_backup_holds_no_run_at_work(team: Field, tmp_path: Path) -> None:
    recorded(team.mission, "backup", backup)
    (folder,) = (team.mission.workspace.state / "backups").iterdir()
    copy = open_desk(folder / ".kobo_sync" / "desk.sqlite")
    assert runs.at_work(copy) == (False, None) and runs.last_runs(copy) == []
    copy.close()


def test_a_backup_that_dies_leaves_no_backup(team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = team.mission.workspace.state / "backups"
    with monkeypatch.context() as dying:
        dying.setattr(archive, "_link", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            backup(team.mission)
    assert list(folder.iterdir()) == []
    backup(team.mission)
    assert [path.name for path in folder.iterdir()] == ["essai-20250211T110000Z"]


@pytest.mark.one_database
def test_a_damaged_database_is_not_backed_up_as_if_it_were_sound(team: Field) -> None:
    team.mission.close()
    path = team.mission.workspace.database
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    content = bytearray(path.read_bytes())
    content[40000:60000] = os.urandom(20000)
    path.write_bytes(content)
    with pytest.raises(StoreError):
        backup(team.reopen())
    assert not [p for p in (team.mission.workspace.state / "backups").iterdir() if not p.name.startswith(".")]


@pytest.mark.one_database
@pytest.mark.postgres
def test_a_desk_elsewhere_is_in_the_backup(team: Field, postgres: str, tmp_path: Path) -> None:
    mission = Mission(team.mission.workspace, {"DESK_URL": postgres}, team.clock)
    schedules.set_paused(mission.desk, "pull", True, "maha", team.clock())
    report = backup(mission)
    copy = Path(report.lines[0].partition(":")[0])
    restored = open_desk(copy / ".kobo_sync" / "desk.sqlite")
    assert schedules.settings(restored)["pull"].paused and restored.signing_key() == mission.desk.signing_key()
    restored.close()
    schedules.set_paused(mission.desk, "pull", False, "maha", team.clock())
    mission.close()


def test_daily_and_weekly_backups_stay() -> None:
    days = [f"m-202502{day:02}T{hour:02}0000Z" for day in range(1, 25) for hour in (6, 18)]
    gone = surplus([*days, "other-20250101T000000Z", "m-notatime"], "m", daily=3, weekly=3)
    kept = [name for name in days if name not in gone]
    assert kept == ["m-20250216T180000Z", "m-20250222T180000Z", "m-20250223T180000Z", "m-20250224T180000Z"]
    assert surplus(days[:1], "m", daily=0, weekly=0) == []


def test_backup_and_restore_as_commands(team: Field, tmp_path: Path) -> None:
    root = str(team.mission.workspace.root)
    team.mission.close()
    run = CliRunner()
    result = run.invoke(
        cli, ["backup", "--workspace", root, "--output", str(tmp_path / "disk")], catch_exceptions=False
    )
    assert result.exit_code == 0
    (folder,) = (tmp_path / "disk").iterdir()
    result = run.invoke(cli, ["restore", str(folder), "--workspace", str(tmp_path / "back")], catch_exceptions=False)
    assert result.exit_code == 0 and (tmp_path / "back" / "config" / "mission.toml").is_file()


# ── purge ───────────────────────────────────────────────────────────────────


def everything(state: Path) -> bytes:
    """All bytes of the state folder, the packed rows unpacked too; what is deleted but still in a file included."""
    found = b""
    for path in sorted(path for path in state.rglob("*") if path.is_file()):
        found += path.read_bytes()
        if path.name == "mirror.sqlite":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
                for (packed,) in connection.execute("SELECT packed FROM bodies"):
                    found += zlib.decompress(packed, wbits=31)
                for (raw,) in connection.execute("SELECT raw FROM quarantine"):
                    found += raw
            connection.close()
    return found


def quarantined(mission: Mission) -> None:
    odd = json.dumps({"_id": 99, "_uuid": "x", "identite/nom": NAMES[0], "nom": NAMES[0]}).encode()
    with mission.store.begin() as connection:
        for number, raw in ((99, odd), (98, NAMES[1].encode())):
            values = {"form_id": "personnes", "submission_id": number, "raw": raw, "reason": "odd", "seen_at": NOW}
            connection.execute(schema.quarantine.insert().values(**values))


NOW = datetime(2025, 2, 11, 8, tzinfo=UTC)


def test_a_purge_without_a_retention_is_refused(team: Field) -> None:
    with pytest.raises(ConfigError, match="nothing says"):
        purge(team.mission)
    with pytest.raises(ConfigError, match="nothing says"):
        purge(mission_with(team, "\n[retention]\n"))
    with pytest.raises(ConfigError, match="no form 'rien'"):
        purge(mission_with(team, "\n[retention]\nanswers_months = { rien = 1 }\n"))


def test_nothing_goes_before_its_time_or_in_a_dry_run(team: Field) -> None:
    mission = mission_with(team, RETENTION)
    before = mirror_state(mission)
    assert "nothing is due yet" in purge(mission).lines
    team.clock.forward(days=190)
    report = purge(mission, dry_run=True)
    assert report.counts["answers"] > 3 and report.counts["files"] == 1
    assert mirror_state(mission) == before and not (mission.workspace.state / "receipts").exists()


def test_what_is_purged_is_gone_everywhere_and_the_count_still_proves(team: Field) -> None:
    mission = mission_with(team, RETENTION)
    quarantined(mission)
    (item, *_) = page(mission.desk).items
    set_state(mission.desk, [item.key], "seen", "awa", f"c’est {NAMES[0]}", team.clock.now)
    build(mission)
    mission.workspace.expected_roster.write_text(json.dumps([{"name": "N9", "label": NAMES[0]}]))
    assert all(name.encode() in everything(mission.workspace.state) for name in (*NAMES, "zzyzx"))
    team.clock.forward(days=190)
    report = purge(mission)
    assert (
        report.counts["files"] == 1 and report.counts["notes"] == 2 and not mission.workspace.expected_roster.exists()
    )
    assert not mission.workspace.pseudonyms.exists(), "what was sent before can be put to nobody any more (part 7, A4)"
    mission.close()
    left = everything(mission.workspace.state)
    assert not [name for name in (*NAMES, "zzyzx") if name.encode() in left]
    mission = team.reopen()
    (receipt,) = (mission.workspace.state / "receipts").iterdir()
    said = json.loads(receipt.read_bytes())
    assert said["ended_at"] and said["forms"]["personnes"]["answers"] == 6 and len(said["files"]) == 1
    assert len(said["forms"]["personnes"]["sha256_before"]) == 64 and "nom" in said["forms"]["personnes"]["questions"]
    again = pull(mission)
    assert "server 1 = local 1" in again.lines[0] and again.counts.get("files_stored", 0) == 0
    assert not [name for name in NAMES if name.encode() in everything(mission.workspace.state)]
    assert any("revision 1" in line for line in history(mission, "1").lines)
    (row,) = mission.store.read_table(_tables(mission, "personnes")).to_dict("records")
    assert (row["nom"], row["code"], row["groupe"]) == (None, "N1", "a")


def _tables(mission: Mission, form_id: str) -> Any:
    from kobo_sync.store.tables.layout import flat_tables

    return flat_tables(mission.forms[form_id])[0]


@pytest.mark.parametrize("point", ["redact", "dialect_of", "_documents"])
def test_a_purge_that_dies_is_finished_by_the_next(team: Field, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mission = mission_with(team, RETENTION)
    team.clock.forward(days=190)
    with monkeypatch.context() as dying:
        real = getattr(purge_step, point)

        def die(*args: Any, **given: Any) -> Any:
            if given.get("dry_run"):
                return real(*args, **given)
            raise KeyboardInterrupt

        dying.setattr(purge_step, point, die)
        with pytest.raises(KeyboardInterrupt):
            purge(mission)
    (receipt,) = (mission.workspace.state / "receipts").iterdir()
    assert json.loads(receipt.read_bytes())["ended_at"] is None
    team.clock.forward(hours=1)
    purge(mission)
    mission.close()
    assert not [name for name in (*NAMES, "zzyzx") if name.encode() in everything(mission.workspace.state)]


def test_all_answers_of_a_form(team: Field) -> None:
    mission = mission_with(team, "\n[retention]\nanswers_months = { visites = 1 }\n")
    team.clock.forward(days=60)
    purge(mission)
    (row,) = mission.store.read_table(_tables(mission, "visites")).to_dict("records")
    assert row["zone"] is None and row["submission_id"]
    with mission.store.begin() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM data_personnes WHERE nom IS NOT NULL")).scalar() == 1


def test_months_are_counted_by_the_calendar() -> None:
    assert months_after(date(2025, 8, 31), 6) == date(2026, 2, 28)
    assert months_after(date(2025, 2, 13), 12) == date(2026, 2, 13) and months_after(date(2025, 12, 1), 0).month == 12
    from kobo_sync.config.checks_and_keeping import Retention

    due = what_is_due(Retention(files_months=1, answers_months={"f": 3}), date(2025, 1, 31), date(2025, 2, 28))
    assert due.files and not due.personal and not due.forms

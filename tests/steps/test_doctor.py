"""Doctor opens all databases, says what it finds, and leaves them as they are."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ATTENDED, TOKEN, Field

from kobo_sync.databases.engines import Address
from kobo_sync.desk.database import open_desk
from kobo_sync.desk.migrations import DESK
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.station.database import STATION, Database
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.init import init
from kobo_sync.store.database import open_store
from kobo_sync.store.migrations import MIRROR
from kobo_sync.workspace.folders import Workspace, find

READ_ONLY = "options=-c%20default_transaction_read_only%3Don"


@pytest.fixture
def three_databases(tmp_path: Path) -> Workspace:
    init(tmp_path / "mission")
    mission = find(tmp_path / "mission")
    for open_one, path in (
        (open_store, mission.database),
        (open_desk, mission.desk_database),
        (Database, mission.station_database),
    ):
        open_one(path).close()  # type: ignore[operator]
    return mission


def _looked(workspace: Workspace, **environ: str) -> Report:
    mission = Mission(workspace, environ)
    report = doctor(mission)
    mission.close()
    return report


def _line(report: Report, name: str) -> str:
    return next(line for line in report.lines if line[2:].startswith(f"{name}:"))


def _change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute(sql)
        file.commit()


def test_version_and_rows_of_every_database(three_databases: Workspace) -> None:
    report = _looked(three_databases)
    assert _line(report, "mirror") == f"✓ mirror: mirror.sqlite, version {MIRROR.version}, 0 rows, 0 files"
    assert _line(report, "desk") == f"✓ desk: desk.sqlite, version {DESK.version}, 0 runs, 0 findings, 0 accounts"
    assert _line(report, "station") == f"✓ station: station.sqlite, version {STATION.version}, 0 submissions"


def test_older_databases_are_told_and_left_as_they_are(three_databases: Workspace) -> None:
    _change(three_databases.database, "UPDATE facts SET value = '3'")
    _change(three_databases.desk_database, "UPDATE desk_facts SET value = '1' WHERE name = 'schema_version'")
    _change(three_databases.station_database, "PRAGMA user_version = 1")
    files = sorted(three_databases.state.glob("*.sqlite*"))
    before = [path.read_bytes() for path in files]
    report = _looked(three_databases)
    for name, tables in (("mirror", MIRROR), ("desk", DESK), ("station", STATION)):
        line = _line(report, name)
        assert line.startswith("✓") and f"will be brought up to version {tables.version} at the next run" in line
    assert sorted(three_databases.state.glob("*.sqlite*")) == files
    assert [path.read_bytes() for path in files] == before


def test_newer_and_damaged_databases_are_told_with_their_cure(three_databases: Workspace) -> None:
    _change(three_databases.database, "UPDATE facts SET value = '99'")
    three_databases.desk_database.write_bytes(b"no database at all " * 60)
    station = three_databases.station_database.read_bytes()
    three_databases.station_database.write_bytes(station[: len(station) // 2])
    report = _looked(three_databases)
    mirror, desk, station_line = (_line(report, name) for name in ("mirror", "desk", "station"))
    assert (
        mirror.startswith("✗")
        and "version 99" in mirror
        and f"newer than this program, which knows version {MIRROR.version}" in mirror
    )
    assert desk.startswith("✗") and "desk.sqlite cannot be read" in desk
    assert station_line.startswith("✗") and "station.sqlite cannot be read" in station_line
    cures = {finding.where: finding.hint for finding in report.findings}
    assert "update kobo-sync" in cures["mirror"]
    assert "restore a backup" in cures["desk"] and "restore a backup" in cures["station"]


def test_what_is_not_there_is_not_made_and_what_is_older_not_brought_up(field_team: Field) -> None:
    workspace = field_team.mission.workspace
    field_team.mission.close()
    _change(workspace.database, "UPDATE facts SET value = '3' WHERE name = 'schema_version'")
    before = workspace.database.read_bytes()
    older = doctor(field_team.reopen())
    assert workspace.database.read_bytes() == before
    projects = [line for line in older.lines if "project" in line]
    assert len(projects) == 2 and all("rights are complete" in line for line in projects)
    for path in workspace.state.glob("*.sqlite*"):
        path.unlink()
    empty = doctor(field_team.reopen())
    assert [line for line in empty.lines if "project" in line] == projects
    assert not list(workspace.state.glob("*.sqlite*"))


def test_a_desk_on_a_server_that_cannot_be_reached(three_databases: Workspace) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    report = _looked(three_databases, DESK_URL="postgresql+psycopg://maha:motdepasse@127.0.0.1:1/desk")
    line = _line(report, "desk")
    assert line.startswith("✗") and "cannot be read" in line and "motdepasse" not in str(report)


@pytest.mark.postgres
def test_a_desk_on_a_server(three_databases: Workspace, postgres: str) -> None:
    open_desk(Address(postgres, "", "DESK_URL")).close()
    assert f"version {DESK.version}, 0 runs" in _line(_looked(three_databases, DESK_URL=postgres), "desk")


def test_a_database_that_can_only_be_read_is_a_fault(
    three_databases: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_databases.database.chmod(0o400)
    if os.access(three_databases.database, os.W_OK):  # root may write whatever the rights say
        monkeypatch.setattr("kobo_sync.steps.databases.os.access", lambda path, _how: "mirror" not in str(path))
    report = _looked(three_databases)
    assert _line(report, "mirror").startswith("✗") and "can only be read" in _line(report, "mirror")
    assert _line(report, "station").startswith("✓")


@pytest.mark.postgres
def test_a_desk_on_a_server_that_can_only_be_read(three_databases: Workspace, postgres: str) -> None:
    open_desk(Address(postgres, "", "DESK_URL")).close()
    report = _looked(three_databases, DESK_URL=f"{postgres}{'&' if '?' in postgres else '?'}{READ_ONLY}")
    assert _line(report, "desk").startswith("✗") and "copy, or set to read only" in _line(report, "desk")


@pytest.mark.postgres
def test_the_queue_is_looked_at_and_not_made(three_databases: Workspace, postgres: str) -> None:
    pytest.importorskip("procrastinate", reason="procrastinate is not installed")
    from kobo_sync.engine.pieces import Piece
    from kobo_sync.engine.queue import Queue

    assert not [line for line in _looked(three_databases).lines if "queue" in line]
    for _ in range(2):
        assert "its tables are missing" in _line(_looked(three_databases, ENGINE_URL=postgres), "queue")
    queue = Queue(postgres)
    queue.defer([Piece("elsewhere", "digest")])
    report = _looked(three_databases, ENGINE_URL=postgres)
    assert _line(report, "workers") == "✗ workers: 0 alive" and _line(report, "queue").startswith("✓")
    queue.close()
    locked = f"{postgres}{'&' if '?' in postgres else '?'}{READ_ONLY}"
    assert "can only be read" in _line(_looked(three_databases, ENGINE_URL=locked), "queue")
    gone = _line(_looked(three_databases, ENGINE_URL="postgresql://maha:motdepasse@127.0.0.1:1/desk"), "queue")
    assert gone.startswith("✗") and "cannot be reached" in gone and "motdepasse" not in gone


def test_an_older_name_of_a_setting_is_told(three_databases: Workspace) -> None:
    path = three_databases.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8") + "\n[engine]\nper_server = 5\n", "utf-8")
    assert _line(_looked(three_databases), "engine.per_server").startswith("! ")


def test_a_secret_that_the_config_lets_go_over_plain_http_is_told_each_time(three_databases: Workspace) -> None:
    """Part 7, B10: an explicit override that doctor repeats."""
    path = three_databases.root / "config" / "mission.toml"
    text = (
        path.read_text("utf-8")
        .replace("https://kf.kobotoolbox.org", "http://192.0.2.1")
        .replace("[server]", "[server]\nplain_http = true")
    )
    path.write_text(text, "utf-8")
    for _ in range(2):
        told = _line(_looked(three_databases), "server.kf")
        assert told.startswith("! ") and "plain http to 192.0.2.1" in told


def test_a_setting_that_stops_all_is_told_once(three_databases: Workspace) -> None:
    path = three_databases.root / "config" / "mission.toml"
    text = path.read_text("utf-8")
    path.write_text(re.sub("(?m)^starts_on.*$", 'starts_on = "some day"', text), "utf-8")
    report = _looked(three_databases)
    assert _line(report, "config").endswith("config/mission.toml, mission.starts_on: 'some day': that is no day")
    assert [finding.rule for finding in report.findings if "starts_on" in finding.message] == ["DOCTOR001"]
    assert _line(report, "disk").startswith("✓")


@pytest.mark.parametrize("is_adopted", [True, False])
def test_a_project_of_another_workspace_is_told_with_what_helps(field_team: Field, is_adopted: bool) -> None:
    workspace = field_team.mission.workspace
    client, uid = field_team.mission.deployer(), field_team.uid("visites")
    client.write_fingerprint(uid, {**client.asset(uid)[0].fingerprint, "workspace": "aaaa"})
    field_team.mission.close()
    text = ATTENDED.replace("http://127.0.0.1:1", field_team.url)
    text = text.replace("[mission]\n", '[mission]\nid = "0badcafe"\n', 1)
    assets = f'\n[server.assets]\nvisites = "{uid}"\n' if is_adopted else ""
    (workspace.root / "config" / "mission.toml").write_text(text + assets, "utf-8")
    report = _looked(workspace, KOBO_TOKEN=TOKEN)
    (finding,) = [each for each in report.findings if each.where == "project visites"]
    assert "another workspace deployed it" in finding.message
    if is_adopted:
        assert finding.severity == "warning" and "take visites out of [server.assets]" in finding.hint
    else:
        assert finding.severity == "error" and "copy its config/ (mission.id)" in finding.hint


def test_modules_of_the_missions_own_that_cannot_be_had_are_told(three_databases: Workspace) -> None:
    settings = three_databases.root / "config" / "mission.toml"
    (three_databases.root / "half_a_check.py").write_text('CODE = "OURS001"\nTITLE = "Half"\n', "utf-8")
    text = settings.read_text("utf-8")
    assert "[checks]\n" in text and 'zone = ["' in text
    text = text.replace("[checks]\n", '[checks]\nextra = ["no_such_check", "half_a_check"]\n', 1)
    settings.write_text(text.replace('zone = ["', 'zone = ["no_such_paper", "', 1), "utf-8")
    ill = [line for line in _looked(three_databases).lines if line.startswith("✗ config/mission.toml")]
    assert len(ill) == 3
    assert "'no_such_check' is neither a module" in ill[0] and "'half_a_check' lacks check" in ill[1]
    assert "'no_such_paper' is neither a module" in ill[2]

"""A station's accounts over the days, and what its files mean to the rest of a mission (part 9, 1)."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from conftest import write_workspace

from kobo_sync.mission.mission import Mission
from kobo_sync.station.accounts import Enumerator, StationAccounts
from kobo_sync.steps.backup import backup
from kobo_sync.steps.field_station import enumerators, station_accounts
from kobo_sync.steps.lint import lint_mission
from kobo_sync.workspace.folders import Workspace

STATION_TOKEN = "s" * 40


@pytest.fixture
def mission_folder(tmp_path: Path) -> Workspace:
    return write_workspace(tmp_path / "mission")


def _people(workspace: Workspace, text: str = "") -> StationAccounts:
    file = workspace.root / "config" / "enumerators.csv"
    if text:
        file.write_text(text, "utf-8")
    return station_accounts(workspace.state, enumerators(Mission(workspace, {})))


def test_the_list_of_enumerators_is_no_list_of_a_form(mission_folder: Workspace) -> None:
    """It has no column `code`: every verb that reads the lists of config/ failed."""
    _people(mission_folder, "user,name\nawa,Awa\n")
    mission = Mission(mission_folder, {})
    assert set(mission_folder.catalogues(mission.config)) == {"zones.csv"}
    assert "enumerators.csv" not in mission_folder.lists(mission.config, mission.forms)
    assert [form.file for form in lint_mission(mission, validate=False)] == ["personnes.md", "visites.md"]


def test_a_name_taken_out_and_put_back_has_its_password_again(mission_folder: Workspace) -> None:
    both, one = "user,name\nawa,Awa\nidir,Idir\n", "user,name\nawa,Awa\n"
    first = _people(mission_folder, both)
    without = _people(mission_folder, one)
    assert [account.username for account in without.accounts] == ["awa", "administration"]
    assert _people(mission_folder, both) == first


def test_phones_set_up_before_there_was_a_list_go_on(mission_folder: Workspace) -> None:
    first = _people(mission_folder).enumerators
    second = _people(mission_folder, "user,name\nawa,Awa\n").enumerators
    assert second.items() >= first.items() and isinstance(second["awa"], Enumerator)


def test_a_picture_of_a_form_that_changes_changes_the_mission(mission_folder: Workspace) -> None:
    """Forms name files of forms/media/: a picture saved again reached no phone."""
    picture = mission_folder.root / "forms" / "media" / "logo.png"
    picture.parent.mkdir()
    picture.write_bytes(b"one")
    before = mission_folder.stamp()
    picture.write_bytes(b"another")
    assert mission_folder.stamp() != before


def test_the_stations_token_goes_to_the_station_alone(mission_folder: Workspace) -> None:
    """Where server.kc is KoboToolbox's and server.kf the station's, it went to both."""
    path = mission_folder.root / "config" / "mission.toml"
    text = path.read_text("utf-8").replace('kf = "http://127.0.0.1:1"', 'kf = "http://127.0.0.1:8080"')
    path.write_text(text.replace('kc = "http://127.0.0.1:1"', 'kc = "https://kc.example.org"'), "utf-8")
    mission_folder.put_station_token(8080, STATION_TOKEN)
    client = Mission(mission_folder, {"KOBO_TOKEN": "k" * 40}).reader()
    assert (client.kf, client.kc) == ("http://127.0.0.1:8080",) * 2
    client.close()


def test_the_accounts_are_in_the_backup(mission_folder: Workspace, tmp_path: Path) -> None:
    """Restored on another laptop, phones sign in as before."""
    _people(mission_folder)
    backup(Mission(mission_folder, {}), output=tmp_path / "backups")
    copies = list((tmp_path / "backups").rglob("station-accounts.json"))
    assert [copy.read_bytes() for copy in copies] == [(mission_folder.state / "station-accounts.json").read_bytes()]
    assert stat.S_IMODE(copies[0].stat().st_mode) == 0o600

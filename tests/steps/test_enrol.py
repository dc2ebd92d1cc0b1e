"""Enrolment codes and badges, as files: no password unless asked for, names only where they belong."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Clock

from kobo_sync.cli.verbs import cli
from kobo_sync.errors import ConfigError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Zone
from kobo_sync.steps.enrol import badge_sheets, blank_badges, enrol, enrol_at_station, participant_sheets
from kobo_sync.workspace.folders import Workspace


def _mission(workspace: Workspace, **environ: str) -> Mission:
    return Mission(workspace, environ, Clock(), server=("https://kf.example.org", "https://kc.example.org"))


def _expect(workspace: Workspace, *rows: dict[str, str]) -> None:
    workspace.state_folder()
    workspace.expected_roster.write_text(json.dumps(rows), "utf-8")


def test_a_sheet_and_a_code_per_enumerator(workspace: Workspace, tmp_path: Path) -> None:
    people = tmp_path / "agents.csv"
    people.write_text("user,name\nagent_01,Naïma\nagent_02,\n", "utf-8")
    report = enrol(_mission(workspace), people=people)
    folder = workspace.out / "enrolment"
    assert report.counts == {"enumerators": 2}
    assert sorted(path.name for path in folder.iterdir()) == [
        "agent_01.pdf", "agent_01.png", "agent_02.pdf", "agent_02.png",
    ]  # fmt: skip
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    enrol(_mission(workspace), people=people)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_a_password_only_when_asked_for_and_only_from_the_environment(workspace: Workspace) -> None:
    plain = enrol(_mission(workspace, COLLECT_PASSWORD="hush"), user="a", output=workspace.out)
    without = (workspace.out / "a.png").read_bytes()
    held = enrol(_mission(workspace, COLLECT_PASSWORD="hush"), user="a", with_password=True, output=workspace.out)
    assert (workspace.out / "a.png").read_bytes() != without
    assert any("delete them" in line for line in held.lines) and not any("delete" in line for line in plain.lines)
    assert (workspace.out / "a.png").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="COLLECT_PASSWORD"):
        enrol(_mission(workspace), user="a", with_password=True)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8001",
        "http://localhost:8001",
        "http://127.9.9.9",
        "http://[::1]:80",
        "http://0.0.0.0:8001",
        "http://[::ffff:127.0.0.1]",
        "http://LOCALHOST.:8001",
        "http://kobo.localhost",
        "http://localhost.localdomain:8001",
        "http://ip6-localhost",
        "http://127.1:8001",
        "http://2130706433",
        "http://0x7f.1",
        "http://0:8001",
    ],
)
def test_no_code_leads_a_phone_to_itself(workspace: Workspace, address: str) -> None:
    """Part 8, B31: `enrol` refuses a loopback address, and writes nothing."""
    mission = Mission(workspace, {}, Clock(), server=(address, address))
    with pytest.raises(ConfigError, match="speak to itself") as refusal:
        enrol(mission, user="a", output=workspace.out)
    assert refusal.value.key == "server.kc" and "192.168" in refusal.value.hint
    assert not (workspace.out / "a.png").exists()


def test_bad_lists_are_named(workspace: Workspace, tmp_path: Path) -> None:
    people = tmp_path / "agents.csv"
    for text, said in (("nom\nx\n", "user"), ("user\na b\n", "'a b'"), ("user\na\na\n", "row 2")):
        people.write_text(text, "utf-8")
        with pytest.raises(ConfigError, match=said):
            enrol(_mission(workspace), people=people)
    done = CliRunner().invoke(cli, ["enrol", "--workspace", str(workspace.root)])
    assert done.exit_code == 2 and "--badges" in done.output


def test_badges_for_participants(workspace: Workspace) -> None:
    row = {"name": "NOR-01", "label": "Tazi Ali / علي (NOR-01)", "zone": "nord", "group": "a", "sex": "m"}
    other = {"name": "SUD-01", "label": "SUD-01 (SUD-01)", "zone": "sud", "group": "", "sex": ""}
    _expect(workspace, row, other)
    mission = _mission(workspace)
    report = badge_sheets(mission)
    assert report.counts == {"badges": 2} and any("nominative" in line for line in report.lines)
    assert (workspace.out / "badges" / "badges-nord.pdf").read_bytes().startswith(b"%PDF")
    sheets = participant_sheets([other, row], mission.config, "")
    (badge,) = sheets["badges-nord.pdf"]
    assert (badge.name, badge.arabic, badge.place) == ("Tazi Ali", "علي", "Nord · Groupe A")
    assert sheets["badges-sud.pdf"][0].name == ""
    alone = participant_sheets([{**row, "label": "علي التازي (NOR-01)"}], mission.config, "")["badges-nord.pdf"][0]
    assert (alone.name, alone.arabic) == ("", "علي التازي")
    assert list(participant_sheets([other, row], mission.config, "sud")) == ["badges-sud.pdf"]
    mission.close()


def test_badges_before_anyone_is_registered(workspace: Workspace) -> None:
    mission = _mission(workspace)
    report = badge_sheets(mission, zone="nord", n_blank=12)
    assert report.counts == {"badges": 12} and not report.has_errors
    codes = [badge.code for badge in blank_badges(mission.config.zones[0], 3)]
    assert codes == ["NOR-01", "NOR-02", "NOR-03"]
    assert blank_badges(Zone("oued_2", {}, 0, {}), 100)[0].code == "OUE-001"
    assert badge_sheets(mission).has_errors  # no participant, no badge, and the cure is told
    with pytest.raises(ConfigError, match="no zone 'est'"):
        badge_sheets(mission, zone="est")
    mission.close()


def test_the_accounts_of_the_own_station_get_sheets_with_their_passwords(workspace: Workspace) -> None:
    """Part 9, 1: a phone is set up by one scan."""
    mission = Mission(workspace, {})
    report = enrol_at_station(mission, "http://192.168.1.10:8080/", language="ar")
    assert report.counts == {"enumerators": 6} and "password" in report.lines[-1]
    folder = workspace.out / "enrolment"
    assert {path.suffix for path in folder.iterdir()} == {".png", ".pdf"}
    assert stat.S_IMODE((folder / "enqueteur1.pdf").stat().st_mode) == 0o600
    for address in ("http://127.0.0.1:8080", "http://localhost", "phone", ""):
        with pytest.raises(ConfigError, match="no address that a phone reaches"):
            enrol_at_station(mission, address)
    mission.close()

"""Projects that others made are taken as they stand: files, settings with guesses, answers; phones see no new version."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import TOKEN, Field

from kobo_sync.cli.verbs import cli
from kobo_sync.errors import ConfigError
from kobo_sync.forms.sheets import as_workbook
from kobo_sync.kobo.server import KoboServer
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.adopt import adopt, projects_of_account
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.diff import diff
from kobo_sync.steps.init import init
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import find

REGISTRATION = """
| survey |                          |            |                     |                    |
|        | type                     | name       | label::English (en) | label::Español (es) |
|        | select_one site          | site       | Site                | Sitio              |
|        | text                     | last_name  | Family name         | Apellido           |
|        | text                     | first_name | Given name          | Nombre             |
|        | select_one gender        | gender     | Gender              | Sexo               |
|        | text                     | phone      | Phone               | Teléfono           |
|        | image                    | map        | Map                 | Mapa               |
|        | begin_repeat             | child      | Child               | Hijo               |
|        | integer                  | years      | Years               | Años               |
|        | end_repeat               |            |                     |                    |
| choices |
|        | list_name | name | label::English (en) | label::Español (es) | media::image |
|        | site      | S-1  | North               | Norte               | north.png    |
|        | site      | S-2  | South               | Sur                 |              |
|        | gender    | w    | Woman               | Mujer               |              |
|        | gender    | m    | Man                 | Hombre              |              |
| settings |
|        | form_title            | version |
|        | Registration of camps | 3       |
"""
PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def elsewhere(field_team: Field) -> str:
    """The uid of a project that somebody made on the server by hand."""
    client = KoboServer(field_team.url, field_team.url, TOKEN)
    content, filename = as_workbook(REGISTRATION.encode(), "camps.md")
    uid = client.import_form(content, filename, name="Registration of camps")
    client.upload_media(uid, "north.png", PICTURE, "image/png")
    client.deploy(client.asset(uid)[0])
    client.close()
    return uid


@pytest.fixture
def fresh(field_team: Field, tmp_path: Path) -> Mission:
    """A new workspace, its server the station."""
    return new_workspace(tmp_path / "fresh", field_team.url)


def new_workspace(root: Path, url: str) -> Mission:
    init(root)
    settings = root / "config" / "mission.toml"
    text = settings.read_text("utf-8")
    for server in ("https://kf.kobotoolbox.org", "https://kc.kobotoolbox.org"):
        text = text.replace(server, url)
    settings.write_text(text, "utf-8")
    return reopened(root)


def reopened(root: Path) -> Mission:
    return Mission(find(root), {"KOBO_TOKEN": TOKEN})


def test_a_project_is_listed_taken_and_pulled_and_phones_see_nothing(
    field_team: Field, elsewhere: str, fresh: Mission
) -> None:
    root = fresh.workspace.root
    assert any(
        line.startswith(f"{elsewhere}  Registration of camps: deployed") for line in projects_of_account(fresh).lines
    )
    before = (root / "config" / "mission.toml").read_text("utf-8")
    report = adopt(fresh, ["registration of CAMPS"])
    assert report.counts == {"projects": 1, "media": 1}
    after = (root / "config" / "mission.toml").read_text("utf-8")
    assert [line for line in before.splitlines() if line not in after.splitlines()] == [], "what people wrote stays"
    settings = tomllib.loads(after)
    form = settings["forms"]["registration_of_camps"]
    assert form["role"] == "registration" and settings["server"]["assets"] == {"registration_of_camps": elsewhere}
    assert form["fields"]["zone"] == "site" and form["fields"]["family_name"] == "last_name"
    assert form["fields"]["sex"] == "gender" and form["fields"]["phone"] == "phone"
    assert '# consent = ""' in after and "% sure" in after
    assert (root / "forms" / "media" / "north.png").read_bytes() == PICTURE
    assert (root / "config" / "zones.csv").read_text("utf-8").splitlines()[1:] == ["S-1,North,North", "S-2,South,South"]
    assert {finding.rule for finding in report.findings} == {"ADOPT004", "ADOPT005"}

    mission = reopened(root)
    version = mission.reader().asset(elsewhere)[0].version_id
    lines = diff(mission, form_ids=["registration_of_camps"]).lines
    assert list(lines) == ["registration_of_camps: no difference"]
    assert deploy(mission, form_ids=["registration_of_camps"]).lines[0] == (
        "registration_of_camps: skip (as it stands on the server)"
    )
    assert mission.reader().asset(elsewhere)[0].version_id == version, "phones are told of no new version"
    assert deploy(reopened(root), form_ids=["registration_of_camps"]).counts["skip"] == 1
    assert not [f for f in pull(mission, form_ids=["registration_of_camps"]).findings if f.severity == "error"]


def test_what_cannot_be_taken_is_told_and_nothing_is_written(field_team: Field, elsewhere: str, fresh: Mission) -> None:
    before = (fresh.workspace.root / "config" / "mission.toml").read_bytes()
    with pytest.raises(ConfigError, match="no such project"):
        adopt(fresh, ["Nothing of the kind"])
    assert (fresh.workspace.root / "config" / "mission.toml").read_bytes() == before
    assert adopt(fresh, [elsewhere, "Registration of camps"]).counts["projects"] == 1, "named twice, it is one"
    again = adopt(reopened(fresh.workspace.root), [elsewhere])
    assert [finding.rule for finding in again.findings] == ["ADOPT001"] and again.counts["projects"] == 0


def test_files_that_lie_there_stay(field_team: Field, elsewhere: str, fresh: Mission) -> None:
    forms = fresh.workspace.root / "forms"
    (forms / "media" / "north.png").write_bytes(b"ours")
    report = adopt(fresh, [elsewhere])
    assert (forms / "media" / "north.png").read_bytes() == b"ours"
    assert "ADOPT002" in {finding.rule for finding in report.findings} and report.counts["media"] == 0

    other = new_workspace(fresh.workspace.root.parent / "other", field_team.url)
    (other.workspace.root / "forms" / "registration_of_camps.xlsx").write_bytes(b"ours")
    before = (other.workspace.root / "config" / "mission.toml").read_bytes()
    report = adopt(other, [elsewhere])
    assert [finding.rule for finding in report.findings] == ["ADOPT001"]
    assert (other.workspace.root / "forms" / "registration_of_camps.xlsx").read_bytes() == b"ours"
    assert (other.workspace.root / "config" / "mission.toml").read_bytes() == before


def test_zones_that_the_settings_refuse_leave_the_list_as_it_is(field_team: Field, fresh: Mission) -> None:
    """A code that is the name of a folder of ours: written, it would have made the whole mission unreadable."""
    client = KoboServer(field_team.url, field_team.url, TOKEN)
    content, filename = as_workbook(REGISTRATION.replace("| S-2 ", "| mission ").encode(), "camps.md")
    uid = client.import_form(content, filename, name="Camps")
    client.deploy(client.asset(uid)[0])
    client.close()
    zones = fresh.workspace.root / "config" / "zones.csv"
    before = zones.read_bytes()
    report = adopt(fresh, [uid])
    assert report.counts["projects"] == 1 and zones.read_bytes() == before
    (finding,) = [finding for finding in report.findings if finding.rule == "ADOPT003"]
    assert "S-1, mission" in finding.message and "row 3" in finding.message
    assert "registration_of_camps" in reopened(fresh.workspace.root).config.forms


def test_the_command_prints_one_json_object(field_team: Field, elsewhere: str, fresh: Mission) -> None:
    root = fresh.workspace.root
    fresh.close()
    done = CliRunner().invoke(
        cli, ["adopt", elsewhere, "--json", "--workspace", str(root)], env={"KOBO_TOKEN": TOKEN}, catch_exceptions=False
    )
    assert set(json.loads(done.stdout)) == {"adopt", "pull"}

"""What projects of a real KoboToolbox had that our own do not: shared ids, ids that are no key, drafts, archives, files lost, rights to view alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import requests
from conftest import TOKEN, Field
from test_adopt import NO_LANGUAGE, PICTURE, REGISTRATION, made_elsewhere, new_workspace, reopened

from kobo_sync.forms.guessing import guess
from kobo_sync.forms.sheets import as_workbook
from kobo_sync.forms.xlsform import read_form
from kobo_sync.kobo.server import KoboServer
from kobo_sync.mission.mission import Mission
from kobo_sync.steps import drafts
from kobo_sync.steps.adopt import adopt
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.diff import diff
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import find

HOUSEHOLD = """
| survey |
|        | type              | name    | label         |
|        | text              | nom_enq | Name          |
|        | select_one gender | sex     | Sex           |
|        | dateTime          | rdv     | Next visit    |
|        | begin_repeat      | members | Members       |
|        | text              | prenom  | Name          |
|        | text              | m_tel   | Phone         |
|        | end_repeat        |         |               |
| choices |
|        | list_name | name | label |
|        | gender    | w    | Woman |
|        | gender    | m    | Man   |
"""


@pytest.fixture
def fresh(field_team: Field, tmp_path: Path) -> Mission:
    """A workspace that has no form yet, its server the station."""
    return new_workspace(tmp_path / "fresh", field_team.url, "empty")


def drawn_up(field: Field, form: str, name: str, *, deployed: bool = True) -> str:
    """The uid of a project with north.png among its files, made by hand."""
    client = KoboServer(field.url, field.url, TOKEN)
    content, filename = as_workbook(form.encode(), f"{name}.md")
    uid = client.import_form(content, filename, name=name)
    client.upload_media(uid, "north.png", PICTURE, "image/png")
    if deployed:
        client.deploy(client.asset(uid)[0])
    client.close()
    return uid


def test_projects_that_share_an_id_are_forms_of_their_own(field_team: Field, fresh: Mission) -> None:
    """KoboToolbox calls a deployed form by its project's uid: what the workbook calls itself may be told twice, and hold spaces."""
    spaced = NO_LANGUAGE.replace("| houses  |", "| Houses 2 |")
    uids = [made_elsewhere(field_team, spaced, "one"), made_elsewhere(field_team, spaced, "two")]
    report = adopt(fresh, uids)
    assert report.counts["projects"] == 2 and not report.has_errors
    root = fresh.workspace.root
    settings = tomllib.loads((root / "config" / "mission.toml").read_text("utf-8"))
    assert settings["server"]["assets"] == {"houses_2": uids[0], "houses_2_2": uids[1]}
    assert {form["form_id"] for form in settings["forms"].values()} == {"Houses 2"}

    mission = reopened(root)
    assert [form.form_id for form in mission.forms.values()] == ["houses_2", "houses_2_2"]
    assert list(diff(mission).lines) == ["houses_2: no difference", "houses_2_2: no difference"]
    versions = [mission.reader().asset(uid)[0].version_id for uid in uids]
    assert deploy(mission).counts["skip"] == 2
    assert [mission.reader().asset(uid)[0].version_id for uid in uids] == versions
    assert [line.split(" · ")[0] for line in pull(reopened(root)).lines] == [
        "houses_2: server 1 = local 1",
        "houses_2_2: server 1 = local 1",
    ]
    again = adopt(reopened(root), uids)
    assert [finding.rule for finding in again.findings] == ["ADOPT001", "ADOPT001"]
    assert "'houses_2_2' already" in again.findings[1].message and "nothing is to be done" in again.findings[1].hint


def test_a_workbook_of_a_form_with_another_id_takes_its_place(field_team: Field, fresh: Mission) -> None:
    spaced = NO_LANGUAGE.replace("| houses  |", "| Houses 2 |")
    adopt(fresh, [made_elsewhere(field_team, spaced, "one")])
    mission = reopened(fresh.workspace.root)
    content, _ = as_workbook(spaced.replace("A scan ", "Scanned").encode(), "again.md")
    draft = drafts.upload(mission, "", "again.xlsx", content, "amina")
    assert draft.form_id == "houses_2"
    changed = deploy(mission)
    assert changed.counts["skip"] == 1, "a draft of the pages changes nothing yet"
    (mission.workspace.root / "forms" / "houses_2.xlsx").write_bytes(content)
    assert deploy(reopened(mission.workspace.root), validate=False).counts["replace"] == 1


def test_a_draft_is_taken_with_its_files_and_pulled_once_it_is_deployed(field_team: Field, fresh: Mission) -> None:
    uid = drawn_up(field_team, REGISTRATION, "Camps", deployed=False)
    report = adopt(fresh, [uid])
    assert report.counts == {"projects": 1, "media": 1} and not report.has_errors
    (told,) = [finding for finding in report.findings if finding.rule == "ADOPT007"]
    assert "a draft that was never deployed" in told.message and "kobo-sync deploy" in told.hint
    mission = reopened(fresh.workspace.root)
    assert (mission.workspace.root / "forms" / "media" / "north.png").read_bytes() == PICTURE
    pulled = pull(mission)
    assert not pulled.findings and "never deployed: nothing to pull" in pulled.lines[0]
    assert deploy(mission, validate=False).counts["replace"] == 1
    assert "server 0 = local 0" in pull(reopened(fresh.workspace.root)).lines[0]


def test_an_archived_project_is_taken_with_its_files_and_stays_archived(field_team: Field, fresh: Mission) -> None:
    uid = drawn_up(field_team, REGISTRATION, "Camps")
    asked(field_team, "PATCH", f"{uid}/deployment/", active=False)
    report = adopt(fresh, [uid])
    assert report.counts == {"projects": 1, "media": 1}
    assert not [finding for finding in report.findings if finding.rule in ("ADOPT002", "ADOPT007")]
    mission = reopened(fresh.workspace.root)
    assert deploy(mission).counts["skip"] == 1
    asset, _ = mission.reader().asset(uid)
    assert asset.is_deployed and not asset.is_active


def test_content_that_was_saved_and_not_deployed_is_told(field_team: Field, fresh: Mission) -> None:
    uid = drawn_up(field_team, REGISTRATION, "Camps")
    client = KoboServer(field_team.url, field_team.url, TOKEN)
    content, filename = as_workbook(REGISTRATION.replace("| Years ", "| Age  ").encode(), "camps.md")
    client.import_form(content, filename, name="Camps", into=uid)
    client.close()
    (told,) = [finding for finding in adopt(fresh, [uid]).findings if finding.rule == "ADOPT007"]
    assert told.severity == "warning" and "phones have an older one" in told.message


def test_a_form_that_lacks_its_list_does_not_hold_up_the_others(field_team: Field, fresh: Mission) -> None:
    """The server deploys a form whose list nobody uploaded [d08]; here it is told, and left as it is."""
    listed = NO_LANGUAGE.replace("| select_one roof   | roof  |", "| select_one_from_file roofs.csv | roof  |")
    lacking = made_elsewhere(field_team, listed.replace("| houses  |", "| lacking |"), "lacking")
    report = adopt(fresh, [lacking, made_elsewhere(field_team, NO_LANGUAGE, "houses")])
    (told,) = [finding for finding in report.findings if finding.rule == "ADOPT002"]
    assert told.form_id == "lacking" and "no file roofs.csv" in told.message
    mission = reopened(fresh.workspace.root)
    deployed = deploy(mission)
    assert deployed.counts["skip"] == 1 and "lacking: not deployed" in deployed.lines
    (finding,) = [finding for finding in deployed.findings if finding.severity == "error"]
    assert (finding.rule, finding.form_id) == ("DEPLOY013", "lacking") and "roofs.csv" in finding.message


def test_who_may_only_view_takes_the_files_as_well(field_team: Field, tmp_path: Path) -> None:
    """Phones' files are given to those who may submit; the project's to those who may see it."""
    uid = drawn_up(field_team, REGISTRATION, "Camps")
    name, token = field_team.reader
    for permission in ("view_asset", "view_submissions"):
        asked(
            field_team,
            "POST",
            f"{uid}/permission-assignments/",
            user=f"{field_team.url}/api/v2/users/{name}/",
            permission=f"{field_team.url}/api/v2/permissions/{permission}/",
        )
    root = new_workspace(tmp_path / "viewer", field_team.url, "empty").workspace.root
    mission = Mission(find(root), {"KOBO_TOKEN": token})
    report = adopt(mission, [uid])
    assert report.counts == {"projects": 1, "media": 1}
    assert not [finding for finding in report.findings if finding.rule == "ADOPT002"]


def test_members_of_a_household_are_not_its_respondent() -> None:
    form = read_form(HOUSEHOLD.encode(), "household.md")
    recognised = {meaning: question for meaning, (question, _) in guess(form).fields.items()}
    assert recognised == {"family_name": "nom_enq", "sex": "sex"}


def test_a_moment_as_people_write_it_is_a_type_that_is_known(field_team: Field, fresh: Mission) -> None:
    report = adopt(fresh, [drawn_up(field_team, HOUSEHOLD, "household")])
    assert "ADOPT006" not in {finding.rule for finding in report.findings}


def asked(field: Field, method: str, path: str, **said: object) -> None:
    headers = {"Authorization": f"Token {TOKEN}"}
    answer = requests.request(method, f"{field.url}/api/v2/assets/{path}", json=said, headers=headers, timeout=30)
    assert answer.status_code in (200, 201), answer.text

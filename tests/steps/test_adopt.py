"""Projects that others made are taken as they stand: files, settings with guesses, answers; phones see no new version."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import TOKEN, Field

from kobo_sync.cli.verbs import cli
from kobo_sync.desk.changes import changes
from kobo_sync.errors import Busy, ConfigError
from kobo_sync.forms.sheets import as_workbook
from kobo_sync.kobo.server import KoboServer
from kobo_sync.language.sentences import translated
from kobo_sync.mission.config_files import alone, take_back
from kobo_sync.mission.mission import Mission
from kobo_sync.phones.simulate import instance_xml
from kobo_sync.steps.adopt import adopt, projects_of_account
from kobo_sync.steps.adopt_days import set_days
from kobo_sync.steps.build import build
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.diff import diff
from kobo_sync.steps.export import export
from kobo_sync.steps.init import STARTER_DAYS, TEMPLATES, NewMission, Template, init
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


def new_workspace(root: Path, url: str, template: Template = "training") -> Mission:
    init(root, NewMission(template=template))
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
    assert '# consent = ""  (aucune question' in after and "deviné, " in after
    assert '# [codes] female = "w"  (deviné, sûr à 95' in after  # the mission's own forms say f: it stays
    assert settings["codes"]["female"] == "f"
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


NO_LANGUAGE = """
| survey |
|        | type              | name  | label  |
|        | select_one roof   | roof  | Roof   |
|        | begin_group       | home  | Home   |
|        | text              | walls | Walls  |
|        | end_group         |       |        |
|        | text              | scan  | A scan |
| choices |
|        | list_name | name | label |
|        | roof      | w    | Wood  |
|        | roof      | t    | Tin   |
| settings |
|        | form_title | form_id | version |
|        | Houses     | houses  | 1       |
"""


def made_elsewhere(field: Field, form: str, name: str) -> str:
    """The uid of a project that somebody made by hand, with one answer to each question."""
    client = KoboServer(field.url, field.url, TOKEN)
    content, filename = as_workbook(form.encode(), f"{name}.md")
    uid = client.import_form(content, filename, name=name)
    client.deploy(client.asset(uid)[0])
    client.close()
    offered = next(each for each in field.phone.forms() if each.asset_uid == uid)
    answers = {"roof": "w", "home/walls": "clay", "scan": "deep"}
    field.phone.send(instance_xml(field.phone.xform(offered), answers, instance_id=field.new_id()), {})
    return uid


def exported(mission: Mission, form_id: str, *, nominative: bool = False) -> str:
    export(mission, "csv", nominative=nominative)
    folder = "donnees-nominatif" if nominative else "donnees"
    return (mission.workspace.out / folder / f"{form_id}.csv").read_text("utf-8-sig")


def test_a_form_that_names_no_language_is_taken_and_told(field_team: Field, fresh: Mission) -> None:
    uid = made_elsewhere(field_team, NO_LANGUAGE, "houses")
    report = adopt(fresh, [uid])
    (told,) = [finding for finding in report.findings if finding.rule == "ADOPT005"]
    assert told.severity == "info" and "do not say which language" in told.message and "label::" in told.hint
    mission = reopened(fresh.workspace.root)
    pull(mission, form_ids=["houses"])
    text = exported(mission, "houses")
    assert "clay" in text and "Wood" in text


def test_what_the_program_does_not_know_is_told_mirrored_and_exported(
    field_team: Field, fresh: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is newer than this program: types of questions and of sections that nobody here has heard of."""
    uid = made_elsewhere(field_team, NO_LANGUAGE, "houses")
    newer = NO_LANGUAGE.replace("| text              | scan ", "| hologram          | scan ")
    newer = newer.replace("begin_group ", "begin_chamber ").replace("end_group ", "end_chamber ")
    workbook, _ = as_workbook(newer.encode(), "houses.md")
    monkeypatch.setattr(KoboServer, "workbook", lambda self, asset_uid: workbook)
    report = adopt(fresh, [uid])
    (told,) = [finding for finding in report.findings if finding.rule == "ADOPT006"]
    assert told.severity == "warning" and "scan (hologram), home (chamber)" in told.message
    mission = reopened(fresh.workspace.root)
    assert [question.path for question in mission.forms["houses"].questions] == ["roof", "home/walls", "scan"]
    assert not [finding for finding in pull(mission, form_ids=["houses"]).findings if finding.severity == "error"]
    assert "clay" in exported(mission, "houses") and "deep" not in exported(mission, "houses")
    assert "deep" in exported(mission, "houses", nominative=True)
    assert not [finding for finding in build(mission).findings if finding.rule == "BUILD003"]
    assert deploy(mission, form_ids=["houses"]).lines[0].startswith("houses: skip")


def test_an_encrypted_project_is_not_taken(
    field_team: Field, elsewhere: str, fresh: Mission, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = REGISTRATION.replace("| version |", "| version | public_key |").replace(
        "| 3       |", "| 3       | MIIBIjANBg |"
    )
    workbook, _ = as_workbook(locked.encode(), "camps.md")
    monkeypatch.setattr(KoboServer, "workbook", lambda self, asset_uid: workbook)
    report = adopt(fresh, [elsewhere])
    (told,) = report.findings
    assert told.rule == "ADOPT001" and "encrypted" in told.message and report.counts["projects"] == 0


def test_an_adoption_is_noted_among_the_changes_and_can_be_taken_back(elsewhere: str, fresh: Mission) -> None:
    before = (fresh.workspace.root / "config" / "mission.toml").read_text("utf-8")
    adopt(fresh, [elsewhere])
    mission = reopened(fresh.workspace.root)
    (change,) = changes(mission.desk, path="config/mission.toml")
    assert change.by == "adopt" and "server.assets.registration_of_camps" in change.keys
    take_back(mission, change, by="amina")
    assert (fresh.workspace.root / "config" / "mission.toml").read_text("utf-8") == before


def test_nobody_adopts_while_settings_are_being_saved(elsewhere: str, fresh: Mission) -> None:
    before = (fresh.workspace.root / "config" / "mission.toml").read_bytes()
    with alone(fresh), pytest.raises(Busy, match="saving settings"):
        adopt(fresh, [elsewhere])
    assert (fresh.workspace.root / "config" / "mission.toml").read_bytes() == before
    assert not (fresh.workspace.root / "forms" / "registration_of_camps.xlsx").exists()


ATTENDANCE = """
| survey |                  |           |                               |                          |
|        | type             | name      | label::Français (fr)          | label::العربية (ar)      |
|        | select_one site  | site      | Site                          | الموقع                   |
|        | text             | code_participant | Code du participant    | رمز المشارك              |
|        | select_one agree | accord    | Acceptez-vous d’être présent sur la photo ? | هل توافقون؟ |
|        | select_one there | {there}   | {label}                       | الحضور                   |
|        | select_one sex   | sexe      | Sexe                          | الجنس                    |
| choices |
|        | list_name | name | label::Français (fr) | label::العربية (ar) |
|        | site      | s1   | Nord                 | الشمال              |
|        | agree     | 1    | Oui                  | نعم                 |
|        | agree     | 2    | Non                  | لا                  |
|        | there     | p    | Présent              | حاضر                |
|        | there     | a    | Absent               | غائب                |
|        | sex       | 1    | {woman}              | {woman_ar}          |
|        | sex       | 2    | Homme                | رجل                 |
| settings |
|        | form_title | form_id  | version |
|        | Présence   | presence_b | 1     |
"""


def test_codes_are_guessed_from_labels_and_written_where_no_form_means_others(
    field_team: Field, tmp_path: Path
) -> None:
    mission = new_workspace(tmp_path / "m", field_team.url, "empty")
    text = ATTENDANCE.format(there="presence", label="Présence", woman="Femme", woman_ar="امرأة")
    uid = made_elsewhere(field_team, text, "presence_b")
    report = adopt(mission, [uid])
    after = reopened(tmp_path / "m").config
    assert (after.codes.yes, after.codes.present, after.codes.female, after.codes.male) == ("1", ["p"], "1", "2")
    assert after.forms["presence_b"].fields["present"] == "presence"
    assert after.forms["presence_b"].fields["consent"] == "accord"
    assert "ADOPT004" not in {finding.rule for finding in report.findings}
    (line,) = [line for line in report.lines if "[codes]" in line]
    assert "present = p" in line and "female = 1" in line
    toml = (tmp_path / "m" / "config" / "mission.toml").read_text("utf-8")
    assert 'yes" = "1" # deviné, sûr à 90' in toml
    for language in ("fr", "ar"):
        assert not re.search(r"\b(the|is|sure|look|asked)\b", " ".join(translated(each, language) for each in report.lines))  # fmt: skip


def test_a_consent_is_no_presence_and_codes_that_are_unclear_stand_as_comments(
    field_team: Field, tmp_path: Path
) -> None:
    mission = new_workspace(tmp_path / "m", field_team.url, "empty")
    text = ATTENDANCE.format(there="etat", label="État", woman="Autre", woman_ar="غير ذلك")
    uid = made_elsewhere(field_team, text.replace("| Oui                  | نعم ", "| Oui, sans réserve | نعم بلا تحفظ ").replace("الحضور", "الحالة"), "presence_b")  # fmt: skip
    adopt(mission, [uid])
    toml = (tmp_path / "m" / "config" / "mission.toml").read_text("utf-8")
    after = reopened(tmp_path / "m").config
    assert "present" not in after.forms["presence_b"].fields and after.codes.present == []
    assert after.codes.yes == "yes" and '# [codes] yes = "1"  (deviné, sûr à 55' in toml
    assert after.codes.female == "f" and "female = " in toml


SECOND = """
| survey |                 |         |                     |
|        | type            | name    | label::English (en) |
|        | start           | start   |                     |
|        | select_one town | village | Village             |
|        | select_one sex  | gender  | Gender              |
| choices |
|        | list_name | name | label::English (en) |
|        | town      | t1   | Upper town          |
|        | town      | t2   | Lower town          |
|        | sex       | 1    | Woman               |
|        | sex       | 2    | Man                 |
| settings |
|        | form_title | form_id | version |
|        | Households | homes   | 1       |
"""


def test_zones_of_each_project_are_written_or_told(field_team: Field, elsewhere: str, tmp_path: Path) -> None:
    second = put_on_server(field_team, SECOND)
    mission = new_workspace(tmp_path / "empty", field_team.url, "empty")
    report = adopt(mission, [elsewhere, second])
    zones = (mission.workspace.root / "config" / "zones.csv").read_text("utf-8")
    assert [line.partition(",")[0] for line in zones.splitlines()] == ["code", "S-1", "S-2"]
    (lacking,) = (finding for finding in report.findings if finding.rule == "ADOPT003")
    assert lacking.form_id == "homes" and "t1, t2" in lacking.message
    # Told as recognised is what stands in the settings; a sex that they do not name asks for no codes.
    (recognised,) = (line for line in report.lines if line.startswith("homes: recognised"))
    assert recognised == "homes: recognised zone = village; look at [forms.homes] in config/mission.toml"
    assert not [finding for finding in report.findings if finding.rule == "ADOPT004" and finding.form_id == "homes"]
    settings = (mission.workspace.root / "config" / "mission.toml").read_text("utf-8")
    assert re.search(r"\n# Codes [^\n]+\n\n\[codes\]", settings), "what speaks of [codes] stays above it"


def test_the_days_are_those_of_the_rows_while_they_are_the_samples(field_team: Field, tmp_path: Path) -> None:
    root, uid = tmp_path / "empty", put_on_server(field_team, SECOND)
    adopt(new_workspace(root, field_team.url, "empty"), [uid])
    xform = next(field_team.phone.xform(form) for form in field_team.phone.forms() if form.asset_uid == uid)
    for n, start in enumerate(
        ("2024-11-30T09:00:00.000+01:00", "2025-02-01T09:00:00.000+01:00", "1999-01-01T00:00:00.000Z")
    ):
        answers = {"start": start, "village": "t1"}
        field_team.phone.send(instance_xml(xform, answers, instance_id=f"22222222-2222-4222-8222-00000000000{n}"), {})
    received = field_team.clock.now.date()
    mission = reopened(root)
    pull(mission)
    (line,) = set_days(mission).lines
    assert line.startswith(f"the mission’s days are now those of its rows, 2024-11-30 to {received}")
    assert mission.config.mission.starts_on == date(2024, 11, 30) and mission.config.mission.ends_on == received
    assert set_days(reopened(root)).lines == (), "days that are the mission's own stay"
    (change, *_) = changes(mission.desk, path="config/mission.toml")
    assert change.by == "adopt" and set(change.keys) == {"mission.starts_on", "mission.ends_on"}


def test_the_samples_days_are_those_of_every_template(tmp_path: Path) -> None:
    for template in TEMPLATES:
        init(tmp_path / template, NewMission(template=template))
        settings = reopened(tmp_path / template).config.mission
        assert (settings.starts_on, settings.ends_on) == STARTER_DAYS


def test_an_adoption_is_taken_back_after_other_changes(elsewhere: str, field_team: Field, tmp_path: Path) -> None:
    root = tmp_path / "empty"
    adopt(new_workspace(root, field_team.url, "empty"), [elsewhere])
    settings = root / "config" / "mission.toml"
    settings.write_text(settings.read_text("utf-8").replace('trainer = ""', 'trainer = "Amina"'), "utf-8")
    mission = reopened(root)
    (change,) = changes(mission.desk, path="config/mission.toml")
    take_back(mission, change, by="amina")
    left = tomllib.loads(settings.read_text("utf-8"))
    assert left["forms"] == {} and left["server"].get("assets", {}) == {} and left["mission"]["trainer"] == "Amina"


def put_on_server(field_team: Field, sheets: str) -> str:
    """The uid of a project that somebody made there by hand."""
    client = KoboServer(field_team.url, field_team.url, TOKEN)
    content, filename = as_workbook(sheets.encode(), "made.md")
    uid = client.import_form(content, filename, name="Made by hand")
    client.deploy(client.asset(uid)[0])
    client.close()
    return uid

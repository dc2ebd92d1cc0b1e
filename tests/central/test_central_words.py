"""What a mission on ODK Central is told is in Central's words: no token, no uid, no key of KoboToolbox's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from central_field import STATION, CentralField, central_field_in, xform
from central_forms import create
from conftest import PERSONNES

from kobo_sync.errors import ConfigError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.station.outbox import Record
from kobo_sync.steps import enrol as enrolling
from kobo_sync.steps.adopt import adopt, projects_of_account
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.enrol import enrol, enrol_phone
from kobo_sync.steps.lint import lint_mission
from kobo_sync.steps.pull import pull
from kobo_sync.steps.relaying.words import lost, refusal, unpaired

ANOTHERS = re.compile(r"KoboToolbox|KOBO_TOKEN|\btoken\b|server\.(?:assets|kf|kc)\b|\buids?\b|\bUID\b")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[CentralField]:
    with central_field_in(tmp_path) as field:
        yield field


def told(report: Report) -> str:
    return "\n".join([*report.lines, *(f"{each.message} {each.hint}" for each in report.findings)])


def refusal_of(error: ConfigError) -> str:
    return f"{error.message} {error.hint}"


def assert_central(text: str) -> None:
    assert text and not ANOTHERS.search(text), text


def test_rows_that_another_project_has_not(there: CentralField) -> None:
    for n in range(8):
        there.person(f"N{n}")
    there.pull()
    there.office.add_project("Mission B")
    with there.office._as(there.office.admin):
        create(there.office.projects[2], xform(PERSONNES), publish=True)
    settings = there.workspace.root / "config" / "mission.toml"
    settings.write_text(settings.read_text("utf-8").replace("project = 1\n", "project = 2\n"), "utf-8")
    report = pull(there.reopen())
    by_rule = {each.rule: each for each in report.findings}
    assert by_rule.keys() == {"PULL004", "PULL009"}
    assert "server.project" in by_rule["PULL009"].hint and "PULL009" in by_rule["PULL004"].hint
    assert_central(told(report))
    assert_central(told(deploy(there.reopen(), validate=False)))


def test_names_that_no_phone_can_have(there: CentralField, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolling, "leads_here", lambda _: False)
    for act in (lambda: enrol(there.mission, user="é è"), lambda: enrol_phone(there.mission, "é è", "", language="fr")):
        with pytest.raises(ConfigError) as refusal:
            act()
        assert "letters, digits" in refusal.value.hint
        assert_central(refusal_of(refusal.value))


def test_forms_to_adopt(there: CentralField) -> None:
    listed = projects_of_account(there.mission)
    assert listed.lines[-1] == "take one with `kobo-sync adopt FORM_ID` or its name"
    assert_central(told(listed))
    with pytest.raises(ConfigError) as refusal:
        adopt(there.mission, ["nothing"])
    assert_central(refusal_of(refusal.value))
    there.office.deploy(_named(there, "autre"))
    with pytest.raises(ConfigError) as refusal:
        adopt(there.mission, ["Personnes"])
    assert_central(refusal_of(refusal.value))
    report = adopt(there.mission, ["personnes"])
    assert report.findings[0].rule == "ADOPT001"
    assert_central(told(report))


def _named(there: CentralField, form_id: str) -> bytes:
    return there.office.form("personnes").versions[-1].xml.replace(b'id="personnes"', f'id="{form_id}"'.encode())


def test_doctor_and_forms_that_are_not_there(there: CentralField) -> None:
    there.office.form("visites").deleted_at = there.office.now()
    assert_central(told(doctor(there.reopen())))
    assert_central(told(pull(there.reopen())))


def test_a_form_with_entities_is_no_fault_on_central(there: CentralField) -> None:
    path = there.workspace.root / "forms" / "personnes.md"
    path.write_text(path.read_text("utf-8") + ENTITIES, "utf-8")
    findings = [each for form in lint_mission(there.reopen(), validate=False) for each in form.findings]
    assert not {"FORM063", "FORM064", "FORM066", "FORM068"} & {each.rule for each in findings}
    text = there.workspace.root / "config" / "mission.toml"
    on_kobo = re.sub(r'kind = "odk-central"\nurl = .*\nproject = 1\n', STATION, text.read_text("utf-8"))
    text.write_text(on_kobo, "utf-8")
    mission = Mission(there.workspace, {"KOBO_TOKEN": "x"}, there.clock)
    rules = {each.rule for form in lint_mission(mission, validate=False) for each in form.findings}
    mission.close()
    assert "FORM066" in rules


ENTITIES = """
| entities |           |       |
|          | list_name | label |
|          | personnes | ${nom} |
"""


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 410, 413, 418])
def test_refusals_of_a_relay(status: int) -> None:
    received = datetime(2026, 11, 30, tzinfo=UTC)
    record = Record(1, 1, "a", "u", "r", "", "new", "refused", 1, status, "no", received, None, None)
    for finding in (refusal(record, "personnes", 0, "ODK Central"), unpaired("p", 1, "ODK Central", is_paired=True)):
        assert_central(f"{finding.message} {finding.hint}")
    assert "ODK Central" in lost("p", "p", 1, "ODK Central").message

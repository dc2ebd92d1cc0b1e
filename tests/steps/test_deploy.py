"""Deploying: what is unchanged is left alone, what fails half-way is finished later."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from conftest import PERSONNES, Field

from kobo_sync.errors import ConfigError, FormError, KoboUnreachable
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import refresh_roster


def _acts(mission: Mission, **options: Any) -> list[str]:
    return [line.split(": ")[1].split(" ")[0] for line in deploy(mission, **options).lines]


def _rewrite(field_team: Field, old: str, new: str) -> Mission:
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    return field_team.reopen()


def test_phones_get_forms_and_published_lists(field_team: Field) -> None:
    offered = {form.name: form for form in field_team.phone.forms()}
    assert set(offered) == {"Personnes", "Visites"}
    media = field_team.phone.media(offered["Visites"])
    assert media["zones.csv"].decode().splitlines()[1] == "nord,Nord / الشمال,NOR"
    assert media["participants.csv"].decode() == "name,label,zone,group,sex,consent\n"


def test_unchanged_forms_cost_one_request_each(field_team: Field) -> None:
    client = field_team.mission.deployer()
    asked: list[str] = []
    send = client._send

    def counting(method: str, url: str, **options: object) -> object:
        asked.append(f"{method} {url}")
        return send(method, url, **options)

    client._send = counting  # type: ignore[method-assign,assignment]
    assert _acts(field_team.mission) == ["skip", "skip"]
    assert len(asked) == 2 and all(call.startswith("GET") for call in asked)


def test_a_changed_form_is_replaced_under_the_same_uid(field_team: Field) -> None:
    uid = field_team.uid("personnes")
    mission = _rewrite(field_team, "Zone    ", "La zone ")
    assert _acts(mission, dry_run=True) == ["replace", "skip"]
    assert _acts(mission) == ["replace", "skip"]
    assert mission.store.deployments()["personnes"].asset_uid == uid
    xform = field_team.phone.xform(next(form for form in field_team.phone.forms() if form.asset_uid == uid))
    assert "La zone" in xform
    assert _acts(field_team.reopen()) == ["skip", "skip"]


def test_a_form_that_does_not_validate_sends_nothing(field_team: Field) -> None:
    mission = _rewrite(
        field_team,
        "${accord} = 'oui' |\n|        | text                           | nom",
        "${accord} = = 'oui' |\n|        | text                           | nom",
    )
    before = mission.deployer().asset(field_team.uid("personnes"))[0].version_id
    with pytest.raises(FormError) as failure:
        deploy(mission)
    assert failure.value.exit_code == 4 and "personnes.md" in str(failure.value)
    assert mission.deployer().asset(field_team.uid("personnes"))[0].version_id == before


def test_a_form_changed_on_the_server_is_not_overwritten(field_team: Field) -> None:
    uid = field_team.uid("personnes")
    mission = field_team.mission
    content = mission.workspace.form_bytes("personnes.md")
    from_elsewhere = PERSONNES.replace("Nom   ", "Nom de famille")
    assert content != from_elsewhere.encode()
    xls = mission.deployer().workbook(uid)
    mission.deployer().import_form(xls, "p.xls", name="Personnes", into=uid)
    report = deploy(field_team.reopen())
    assert [finding.rule for finding in report.findings] == ["DEPLOY001"] and "--despite DEPLOY001" in report.findings[
        0
    ].hint
    assert _acts(field_team.reopen(), despite=["DEPLOY001"])[0] == "replace"


def test_a_lost_store_adopts_by_our_fingerprint(field_team: Field) -> None:
    uid = field_team.uid("personnes")
    for path in field_team.mission.workspace.state.glob("mirror.sqlite*"):
        path.unlink()
    mission = field_team.reopen()
    assert _acts(mission) == ["skip", "skip"]
    assert len(mission.deployer().assets()) == 2
    assert mission.store.deployments()["personnes"].asset_uid == uid


@pytest.mark.parametrize("at", range(1, 9))
def test_cut_short_anywhere_the_next_run_finishes(field_team: Field, at: int) -> None:
    """The n-th request of a replacement fails: the next run brings form, media and fingerprint to the same end."""
    mission = _rewrite(field_team, "Zone    ", "La zone ")
    zones = mission.workspace.root / "config" / "zones.csv"
    zones.write_text(zones.read_text("utf-8") + "est,Est,الشرق,EST\n", "utf-8")
    client = mission.deployer()
    transport = client._transport
    once, n = transport._once, iter(range(1, 1000))

    def cut(method: str, url: str, **options: object) -> object:
        if next(n) == at:
            raise KoboUnreachable("cut", method=method, url=url)
        return once(method, url, **options)

    transport._once = cut  # type: ignore[method-assign,assignment]
    transport.sleep = lambda _seconds: None
    with contextlib.suppress(KoboUnreachable):
        deploy(mission)
    deploy(field_team.reopen())
    assert _acts(field_team.reopen()) == ["skip", "skip"]
    offered = {form.name: form for form in field_team.phone.forms()}
    assert set(offered) == {"Personnes", "Visites"}
    assert b"Est" in field_team.phone.media(offered["Personnes"])["zones.csv"]
    assert "La zone" in field_team.phone.xform(offered["Personnes"])


def test_the_roster_reaches_the_other_form_and_no_phone_number_does(field_team: Field) -> None:
    field_team.person("NOR-02")
    field_team.person("NOR-01", nom="Aït Baha")
    field_team.person("NOR-01", nom="Autre")
    field_team.submit("personnes", {"zone": "nord", "accord": "non"})
    pull(field_team.mission)
    field_team.clock.forward(minutes=20)
    report = refresh_roster(field_team.mission)
    assert report.counts == {"participants": 2, "published": 1, "waiting": 0}
    assert [finding.rule for finding in report.findings] == ["ROSTER001"]
    visites = next(form for form in field_team.phone.forms() if form.name == "Visites")
    lines = field_team.phone.media(visites)["participants.csv"].decode().splitlines()
    assert lines[1:] == ["NOR-01,Aït Baha (NOR-01),nord,a,,oui", "NOR-02,Nom NOR-02 (NOR-02),nord,a,,oui"]
    assert refresh_roster(field_team.mission).counts["published"] == 0


def test_a_missing_picture_stops_nothing_and_is_told(field_team: Field) -> None:
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    text = PERSONNES.replace("| required |", "| required | image    |", 1)
    text = text.replace("| yes      |                   |", "| yes | logo.png | |", 1)
    text = text.replace("| yes      |", "| yes | |").replace("| السن                |          |", "| السن | | |")
    path.write_text(text.replace("| ملاحظة              |          |", "| ملاحظة | | |"), "utf-8")
    report = deploy(field_team.reopen())
    (finding,) = report.findings
    assert (finding.rule, finding.severity, finding.form_id) == ("DEPLOY004", "warning", "personnes")
    assert "logo.png" in finding.message and report.counts["replace"] == 1


def test_a_missing_list_is_named_with_its_cure(field_team: Field) -> None:
    (field_team.mission.workspace.root / "config" / "zones.csv").unlink()
    with pytest.raises(ConfigError) as failure:
        deploy(field_team.reopen())
    assert re.search(r"config/zones\.csv: there are no zones, and the form", str(failure.value))


def test_an_archived_form_stays_archived_unless_forced(field_team: Field) -> None:
    uid = field_team.uid("personnes")
    client = field_team.mission.deployer()
    client._send("PATCH", f"{field_team.url}/api/v2/assets/{uid}/deployment/", json={"active": False})
    report = deploy(field_team.reopen())
    assert [finding.rule for finding in report.findings] == ["DEPLOY005"] and "archived" in report.findings[0].message
    assert {form.name for form in field_team.phone.forms()} == {"Visites"}
    assert deploy(field_team.reopen(), despite=["DEPLOY005"]).counts["publish"] == 1
    assert {form.name for form in field_team.phone.forms()} == {"Personnes", "Visites"}


def test_the_reader_s_token_never_deploys(field_team: Field) -> None:
    two = Mission(
        field_team.mission.workspace,
        {"KOBO_TOKEN": "reader", "KOBO_DEPLOY_TOKEN": "t" * 40},
        field_team.clock,
        server=(field_team.url, field_team.url),
    )
    assert deploy(two).counts["skip"] == 2
    assert two.deployer() is not two.reader() and two.deployer().me() == "maha"
    two.close()


def test_media_that_changed_are_replaced_and_published(field_team: Field) -> None:
    zones = field_team.mission.workspace.root / "config" / "zones.csv"
    zones.write_text(zones.read_text("utf-8").replace("Sud,", "Le Sud,"), "utf-8")
    assert _acts(field_team.reopen()) == ["media", "media"]
    offered = {form.name: form for form in field_team.phone.forms()}
    for name in ("Personnes", "Visites"):
        assert "Le Sud" in field_team.phone.media(offered[name])["zones.csv"].decode()
    assert _acts(field_team.reopen()) == ["skip", "skip"]


def test_a_workbook_saved_again_unchanged_is_no_change(field_team: Field) -> None:
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    path.write_text(path.read_text("utf-8").replace("| Zone  ", "|   Zone "), "utf-8")
    assert _acts(field_team.reopen()) == ["skip", "skip"]


def test_a_project_deleted_on_the_server_is_made_again_only_when_asked_by_name(field_team: Field) -> None:
    uid = field_team.uid("personnes")
    field_team.mission.deployer()._send("DELETE", f"{field_team.url}/api/v2/assets/{uid}/")
    path = field_team.mission.workspace.root / "forms" / "visites.md"
    path.write_text(path.read_text("utf-8").replace("| Zone  ", "| La zone "), "utf-8")
    report = deploy(field_team.reopen())
    assert [(each.rule, each.form_id) for each in report.findings] == [("DEPLOY013", "personnes")]
    assert "--despite DEPLOY007" in report.findings[0].hint
    assert report.counts["replace"] == 1  # the other form went on
    assert deploy(field_team.reopen(), form_ids=["personnes"], despite=["DEPLOY007"]).counts["create"] == 1
    assert _acts(field_team.reopen()) == ["skip", "skip"]
    assert field_team.reopen().store.deployments()["personnes"].asset_uid != uid


def test_another_server_gets_no_form_while_rows_of_the_first_are_here(field_team: Field) -> None:
    """Nor does the same one under another name, until a pull has seen that it is the same."""
    field_team.person("N1")
    pull(field_team.mission)
    settings = field_team.mission.workspace.root / "config" / "mission.toml"
    settings.write_text(settings.read_text("utf-8").replace("127.0.0.1", "localhost"), "utf-8")
    moved = field_team.reopen()
    if moved.server is not None:  # a stand-in's address is not the settings'
        moved.server = tuple(address.replace("127.0.0.1", "localhost") for address in moved.server)  # type: ignore[assignment]
    report = deploy(moved)
    assert [each.rule for each in report.findings] == ["DEPLOY012", "DEPLOY012"]
    assert "127.0.0.1" in report.findings[0].message and "localhost" in report.findings[0].message
    assert not pull(moved).findings
    assert _acts(moved) == ["skip", "media"]  # with the person who has registered


MATRIX = """
| survey |                    |        |                      |                   |
|        | type               | name   | label::Français (fr) | kobo--matrix_list |
|        | text               | nom    | Nom                  |                   |
|        | begin_kobomatrix   | m1     | Tableau              | produits          |
|        | select_one oui_non | achete | Acheté ?             |                   |
|        | integer            | prix   | Prix ?               |                   |
|        | end_kobomatrix     |        |                      |                   |
| choices |
|        | list_name | name | label::Français (fr) |
|        | oui_non   | oui  | Oui                  |
|        | oui_non   | non  | Non                  |
|        | produits  | riz  | Riz                  |
|        | produits  | ble  | Blé                  |
| settings |
|        | form_title | form_id   | version |
|        | Personnes  | personnes | 9       |
"""


def test_rows_of_the_servers_own_go_as_they_are_and_are_read_as_phones_answer_them(field_team: Field) -> None:
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    path.write_text(MATRIX, "utf-8")
    mission = field_team.reopen()
    assert deploy(mission, form_ids=["personnes"], despite=["DEPLOY006"]).counts["replace"] == 1
    offered = {form.name: form for form in field_team.phone.forms()}
    xform = field_team.phone.xform(offered["Personnes"])
    paths = [question.path for question in field_team.reopen().forms["personnes"].questions]
    assert paths[1:] == ["m1_riz/m1_riz_achete", "m1_riz/m1_riz_prix", "m1_ble/m1_ble_achete", "m1_ble/m1_ble_prix"]
    uid = field_team.uid("personnes")
    assert all(f'nodeset="/{uid}/{path}"' in xform for path in paths)
    assert deploy(field_team.reopen(), form_ids=["personnes"]).counts["skip"] == 1

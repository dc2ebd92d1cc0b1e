"""A submission's answers on its page: groups as headings, repeats as tables, another row beside it, who did what on the server."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from web_office import Office

from kobo_sync.desk import access_log, worklist
from kobo_sync.model import Finding, Form
from kobo_sync.rows.listing import Page
from kobo_sync.store import schema
from kobo_sync.store.mirror import Mirror
from kobo_sync.web.answer_sheet import sheet
from kobo_sync.web.compared_rows import Questions

FOYERS = """
| survey |                    |         |                      |                     |
|        | type               | name    | label::Français (fr) | label::العربية (ar) |
|        | begin_group        | lieu    | Lieu                 | المكان              |
|        | select_one oui_non | acces   | Accès                | الولوج              |
|        | begin_group        | detail  |                      |                     |
|        | integer            | km      | Distance en km       | المسافة             |
|        | end_group          |         |                      |                     |
|        | end_group          |         |                      |                     |
|        | begin_repeat       | parcelle | Parcelle            | القطعة              |
|        | integer            | hectares | Hectares            | الهكتارات           |
|        | begin_repeat       | culture | Culture              | الزراعة             |
|        | integer            | quintaux | Quintaux            | القناطير            |
|        | begin_group        | eau     | Eau                  | الماء               |
|        | select_one oui_non | puits   | Puits                | البئر               |
|        | end_group          |         |                      |                     |
|        | end_repeat         |         |                      |                     |
|        | integer            | arbres  | Arbres               | الأشجار             |
|        | end_repeat         |         |                      |                     |
|        | integer            | total   | Total                | المجموع             |
| choices |
|        | list_name | name | label::Français (fr) | label::العربية (ar) |
|        | oui_non   | oui  | Oui                  | نعم                 |
|        | oui_non   | non  | Non                  | لا                  |
| settings |
|        | form_title | form_id | version | default_language |
|        | Foyers     | foyers  | 1       | Français (fr)    |
"""
ANSWERS = {
    "lieu/acces": "oui",
    "lieu/detail/km": "12",
    "parcelle": [
        {
            "parcelle/hectares": "3",
            "parcelle/culture": [
                {"parcelle/culture/quintaux": "8", "parcelle/culture/eau/puits": "non"},
                {"parcelle/culture/quintaux": "9"},
            ],
            "parcelle/arbres": "40",
        },
        {"parcelle/hectares": "5", "parcelle/culture": [{"parcelle/culture/quintaux": "7"}]},
    ],
    "total": "8",
    "ancien": "x",
}
ROOT = "22222222-2222-4222-8222-000000000001"


def with_form(office: Office) -> Form:
    """The mission asks this form too."""
    root = office.field.mission.workspace.root
    (root / "forms" / "foyers.md").write_text(FOYERS, "utf-8")
    path = root / "config" / "mission.toml"
    path.write_text(
        path.read_text("utf-8").replace("[roster]", '[forms.foyers]\nfile = "foyers.md"\n[roster]'), "utf-8"
    )
    office.field.mission = office.field.reopen()
    return office.field.mission.forms["foyers"]


def receive(office: Office, form: Form, **more: object) -> None:
    """Row 900 came, with *more* of the server's."""
    row = {"_id": 900, "_uuid": ROOT, "_submission_time": "2025-02-12T09:30:00", "_submitted_by": "agent7", **ANSWERS}
    mirror = Mirror(office.field.mission.store, form)
    mirror.prepare()
    mirror.write_page(Page(1, ((900, json.dumps(row | more).encode()),)), office.field.clock(), advance=True)


def test_groups_are_headings_and_each_repeat_is_one_table(office: Office) -> None:
    with_form(office)
    questions = Questions(office.field.mission, ["foyers"])
    lieu, parcelle, culture, total = sheet(ANSWERS, questions, with_names=True)
    assert lieu.headings == ("Lieu",), "a group without a label is none"
    assert [(line.label, line.answers) for line in lieu.lines] == [("Accès", ("Oui",)), ("Distance en km", ("12",))]
    assert (parcelle.headings, parcelle.columns) == (("Parcelle",), ("Hectares", "Arbres"))
    shown = [(n, [line and line.answers[0] for line in lines]) for n, lines in parcelle.rows]
    assert shown == [("1", ["3", "40"]), ("2", ["5", None])]
    assert (culture.headings, culture.columns) == (("Parcelle", "Culture"), ("Quintaux", "Eau – Puits"))
    shown = [(n, [line and line.answers[0] for line in lines]) for n, lines in culture.rows]
    assert shown == [("1.1", ["8", "Non"]), ("1.2", ["9", None]), ("2.1", ["7", None])]
    assert total.headings == () and [line.label for line in total.lines] == ["Total", "ancien"]
    hidden = sheet(ANSWERS, questions, with_names=False)[-1].lines[-1]
    assert hidden.is_personal and hidden.answers == (), "what nobody asked is for those who may see names"


def test_the_page_shows_tables_and_who_did_what_on_the_server(office: Office) -> None:
    form = with_form(office)
    receive(office, form)
    office.field.clock.forward(hours=1)
    status = {"uid": "validation_status_approved", "by_whom": "maha", "timestamp": 1739360000}
    receive(office, form, _validation_status=status)
    text = office.client("nora").get(f"/lignes/foyers/{ROOT}").text
    assert "<bdi>Parcelle</bdi><bdi>Culture</bdi></h3>" in text and '<bdi dir="ltr">2.1</bdi>' in text
    assert "12/02/2025 10:30, par agent7" in text, "on the mission's clock"
    assert "12/02/2025 12:33, par maha" in text and "approuvée" in text


@pytest.mark.parametrize(("username", "sees_names"), [("nora", True), ("lea", False)])
def test_the_other_row_of_a_finding_stands_beside_it(office: Office, username: str, sees_names: bool) -> None:
    table, mission = schema.submissions, office.field.mission
    query = sa.select(table.c.root_uuid, table.c.submission_id).where(table.c.form_id == "personnes")
    with mission.store.read() as connection:
        (one, n_one), (two, n_two) = list(connection.execute(query.order_by(table.c.submission_id)))[:2]
    finding = Finding(
        "DATA002", "warning", "p", "même téléphone", form_id="personnes", root_uuid=one, other_row=f"personnes/{two}"
    )
    worklist.refresh(mission.desk, [finding], office.field.clock())
    client = office.client(username)
    for root, other, n_other in ((one, two, n_two), (two, one, n_one)):
        before = len(access_log.downloads(mission.desk))
        text = client.get(f"/lignes/personnes/{root}").text
        assert f"À côté de la soumission {n_other}" in text and f"/lignes/personnes/{other}" in text
        assert ("<bdi>NOR-00</bdi>" in text and "<bdi>NOR-01</bdi>" in text) == sees_names
        logged = [each.path for each in access_log.downloads(mission.desk)]
        assert len(logged) - before == 2 * sees_names
        if sees_names:
            assert set(logged[:2]) == {f"rows/personnes/{one}", f"rows/personnes/{two}"}, "both looks are logged"


def test_the_rows_of_an_account_lead_to_their_pages(office: Office) -> None:
    client = office.client("lea")
    assert "/collecte/personnes/envois?compte=maha" in client.get("/collecte/personnes").text
    text = client.get("/collecte/personnes/envois?compte=maha").text
    assert text.count('href="/lignes/personnes/') == 5
    assert "Aucune donnée reçue" in client.get("/collecte/personnes/envois?compte=nobody").text
    for bad in ("/collecte/absent/envois?compte=maha", "/collecte/personnes/envois?compte=maha&apres=x"):
        assert client.get(bad).status_code == 404
    assert office.client("rachid").get("/collecte/personnes/envois?compte=maha").status_code == 403


def test_more_rows_of_an_account_than_a_page_holds(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kobo_sync.web.collection.PAGE", 3)
    client, seen = office.client("lea"), set()
    address = "/collecte/personnes/envois?compte=maha"
    for n in (3, 2):
        text = client.get(address).text
        rows = {part.partition('"')[0] for part in text.split('href="/lignes/personnes/')[1:]}
        assert len(rows) == n and not rows & seen
        seen |= rows
        address = text.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert address == ""

"""A submission's page: what each role sees of it, what is logged of the look, and how one gets there."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from web_office import Office, post

from kobo_sync.desk import access_log, worklist
from kobo_sync.desk.row_findings import n_to_deal_with
from kobo_sync.model import Finding
from kobo_sync.store import schema

S, R = schema.submissions, schema.revisions


def _first(office: Office) -> tuple[str, int]:
    query = sa.select(S.c.root_uuid, S.c.submission_id).where(S.c.form_id == "personnes").order_by(S.c.submission_id)
    with office.field.mission.store.read() as connection:
        row = connection.execute(query).first()
    assert row is not None
    return row.root_uuid, row.submission_id


@pytest.mark.parametrize(("username", "sees_names"), [("maha", True), ("nora", True), ("lea", False)])
def test_names_are_for_those_who_may_see_them_and_each_look_is_logged(
    office: Office, username: str, sees_names: bool
) -> None:
    root, n = _first(office)
    client = office.client(username)
    before = len(access_log.downloads(office.field.mission.desk))
    answer = client.get(f"/lignes/personnes/{root}")
    assert answer.status_code == 200 and f"soumission {n}" in answer.text
    assert ("<bdi>NOR-00</bdi>" in answer.text) == sees_names
    assert ("réservé" in answer.text) != sees_names
    logged = access_log.downloads(office.field.mission.desk)
    assert len(logged) - before == sees_names
    if sees_names:
        assert (logged[0].path, logged[0].username) == (f"rows/personnes/{root}", username)
        assert logged[0].classification == "nominative"
        assert f"rows/personnes/{root}" in office.client("maha").get("/livrables").text


def test_readers_and_strangers_see_no_row(office: Office) -> None:
    root, _ = _first(office)
    assert office.client("rachid").get(f"/lignes/personnes/{root}").status_code == 403
    assert office.client().get(f"/lignes/personnes/{root}").status_code == 302


def test_a_row_is_had_by_its_number_or_id_and_nothing_typed_is_in_an_address(office: Office) -> None:
    root, n = _first(office)
    client = office.client("lea")
    for typed in (str(n), root, f"uuid:{root}"):
        answer = post(client, "/lignes", "/collecte", row=typed)
        assert answer.location == f"/lignes/personnes/{root}"
    answer = post(client, "/lignes", "/collecte", row="Amina")
    assert answer.location == "/collecte" and "Amina" not in client.get("/collecte").text


def test_a_deleted_row_is_told_to_be_so_and_an_erased_one_has_no_page(office: Office) -> None:
    root, _ = _first(office)
    store = office.field.mission.store
    with store.begin() as connection:
        row = connection.execute(sa.select(S).where(S.c.form_id == "personnes", S.c.root_uuid == root)).one()
        at, place = office.field.clock(), {"body_id": row.body_id, "body_at": row.body_at, "body_n": row.body_n}
        nowhere = dict.fromkeys(place)
        for number, kind, where in ((1, "new", place), (2, "deleted", nowhere)):
            who = {"form_id": "personnes", "root_uuid": root, "uuid": root}
            connection.execute(R.insert().values(**who, **where, revision=number, kind=kind, seen_at=at))
        here = (S.c.form_id == "personnes") & (S.c.root_uuid == root)
        connection.execute(S.update().where(here).values(revision=2, gone_at=at))
    text = office.client("maha").get(f"/lignes/personnes/{root}").text
    assert "a été supprimée sur le serveur" in text and "<bdi>NOR-00</bdi>" in text and "supprimée</strong>" in text
    with store.begin() as connection:
        connection.execute(R.delete().where(R.c.root_uuid == root))
        connection.execute(S.delete().where(S.c.root_uuid == root))
    assert office.client("maha").get(f"/lignes/personnes/{root}").status_code == 404


def test_findings_lead_to_the_row_and_the_row_to_them(office: Office) -> None:
    root, _ = _first(office)
    findings = [
        Finding("DATA002", "warning", "personnes, soumission 1", "même téléphone", form_id="personnes", root_uuid=root),
        Finding("DATA015", "info", "personnes, soumission 1", "manque", form_id="personnes", root_uuid=root),
    ]
    worklist.refresh(office.field.mission.desk, findings, office.field.clock())
    client, key = office.client("maha"), worklist.key_of(findings[0])
    assert f"/lignes/personnes/{root}" in client.get(f"/qualite/{key}").text
    assert f"/qualite/{key}" in client.get(f"/lignes/personnes/{root}").text
    assert n_to_deal_with(office.field.mission.desk) == 2
    text = client.get("/qualite").text
    assert '<span class="badge">2<' in text and "à traiter (2)" in text, "the menu and its page count alike"
    assert "DATA002 Personne inscrite deux fois" in text, "filters say what a rule is about"

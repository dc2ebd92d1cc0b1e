"""The page of the journal: for administrators, with what people did, and the proof."""

from __future__ import annotations

import pytest
from web_office import Office, post

from kobo_sync.desk import journal


@pytest.mark.parametrize(("username", "code"), [("", 302), ("amina", 200), ("maha", 403), ("nora", 403), ("rachid", 403)])  # fmt: skip
def test_the_journal_is_for_administrators(office: Office, username: str, code: int) -> None:
    assert office.client(username).get("/journal").status_code == code


def test_it_tells_who_did_what_and_keeps_to_the_filters(office: Office) -> None:
    office.client("lea").get("/livrables/fichier/nord/fiche-zone.pdf")
    amina = office.client("amina")
    text = amina.get("/journal").text
    assert "nord/fiche-zone.pdf" in text and "Fichier pris" in text and ">lea<" in text
    taken = amina.get("/journal?acte=download&par=lea").text.partition("<tbody>")[2]
    assert "fiche-zone.pdf" in taken and "Connexion" not in taken
    assert "fiche-zone.pdf" not in amina.get("/journal?par=maha").text.partition("<tbody>")[2]
    assert amina.get("/journal?depuis=2030-01-01").status_code == 200
    assert "fiche-zone.pdf" not in amina.get("/journal?depuis=2030-01-01").text
    for odd in ("depuis=x", "avant=x", "avant=-7", "avant=" + "9" * 40, "par=x", "acte=x"):
        assert amina.get(f"/journal?{odd}").status_code == 200, odd


def test_it_pages(office: Office) -> None:
    desk, now = office.field.mission.desk, office.field.clock()
    for n in range(60):
        journal.note(desk, "pull", f"run-{n:03}", by="maha", now=now)
    amina = office.client("amina")
    first = amina.get("/journal?acte=pull").text
    assert "run-059" in first and "run-009" not in first
    older = first.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "run-009" in amina.get(older).text and "run-059" not in amina.get(older).text


def test_the_proof_is_given_on_request(office: Office) -> None:
    amina, desk = office.client("amina"), office.field.mission.desk
    whole = amina.get("/journal?verifier=1").text
    assert 'class="notice good"' in whole and str(journal.head(desk)) in whole
    with desk.begin() as connection:
        connection.execute(journal.J.delete().where(journal.J.c.number == 1))
    broken = amina.get("/journal?verifier=1").text
    assert 'class="notice bad"' in broken and "AUDIT001" in broken


def test_a_change_of_hours_and_of_an_account_names_who_made_it(office: Office) -> None:
    post(office.client("maha"), "/synchronisations/pause", "/synchronisations", job="pull", paused="1")
    post(office.client("amina"), "/comptes/fermer", "/comptes", username="rachid")
    hours, account = (journal.entries(office.field.mission.desk, acts=[act])[0] for act in ("change", "account"))
    assert (hours.by, hours.subject) == ("maha", "schedule:pull")
    assert (account.by, account.subject, account.details["change"]) == ("amina", "rachid", "closed")

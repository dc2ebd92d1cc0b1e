"""Accounts on their page, and links that work once: who may what, and what guessing, haste and forgery get (part 11, B9 and B10)."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from test_pages_of_missions import Pages, pages  # noqa: F401  (a fixture)
from test_pages_of_missions import token_of as token_in
from web_office import SENTENCE, Office, post

from kobo_sync.desk import accounts, one_time_links, rights, schema
from kobo_sync.desk.accounts import AccountRefused

NEW = "trois chameaux sur un toit"
_LINK = re.compile(r'value="(?:https://[^"/]*)?(/acces/[\w-]+)"')
ACTS = ("ajouter", "changer", "fermer", "ouvrir", "deconnecter", "lien")


def _act(client: FlaskClient, act: str, **data: object) -> Any:
    return post(client, f"/comptes/{act}", "/comptes", **data)


def _link(office: Office, username: str) -> str:
    answer = _act(office.client("amina"), "lien", username=username)
    assert answer.status_code == 200
    (link,) = _LINK.findall(answer.text)
    return str(link)


def _choose(client: FlaskClient, link: str, password: str = NEW, again: str | None = None, **more: object) -> Any:
    return post(client, link, link, password=password, again=again if again is not None else password, **more)


@pytest.mark.parametrize("username", ["", "rachid", "lea", "nora", "maha"])
def test_administrators_alone_see_and_change_accounts(office: Office, username: str) -> None:
    client = office.client(username)
    assert client.get("/comptes").status_code == (403 if username else 302)
    for act in ACTS:
        answer = post(client, f"/comptes/{act}", "/compte" if username else "/connexion", username="lea", role="staff")
        assert answer.status_code == (403 if username else 401), act
    assert 'href="/comptes"' not in client.get("/").text
    lea = accounts.user(office.field.mission.desk, "lea")
    assert lea is not None and lea.role == "consultant" and lea.disabled_at is None
    assert 'href="/comptes"' in office.client("amina").get("/").text


def test_an_account_is_made_with_a_link_and_its_owner_chooses_the_password(office: Office) -> None:
    made = _act(office.client("amina"), "ajouter", username="Zineb", name="Zineb A.", role="consultant", names="on")
    (link,) = _LINK.findall(made.text)
    desk = office.field.mission.desk
    zineb = accounts.user(desk, "zineb")
    assert zineb is not None and (zineb.name, zineb.role, zineb.may_see_names) == ("Zineb A.", "consultant", True)
    person = office.client()
    shown = person.get(link)
    assert "Zineb A." in shown.text and shown.headers["Referrer-Policy"] == "no-referrer"
    assert "pas les mêmes" in _choose(person, link, NEW, "autre chose entière").text
    weak = _choose(person, link, "motdepasse123")
    assert weak.status_code == 400 and "se devine facilement" in weak.text  # the link is not used up
    assert _choose(person, link).location == "/"
    assert "Zineb A." in person.get("/compte").text  # signed in
    assert person.get(link).status_code == 410 and office.client().get(link).status_code == 410
    assert accounts.check(desk, "zineb", NEW, "127.0.0.1", office.field.clock()).user is not None


def test_a_name_that_is_taken_or_none_is_refused_beside_what_was_typed(office: Office) -> None:
    client = office.client("amina")
    for username in ("lea", "É", "x", "a b"):
        refused = _act(client, "ajouter", username=username, name="Quelqu’un", role="reader")
        assert refused.status_code == 400 and "Quelqu’un" in refused.text and "/acces/" not in refused.text
    assert _act(client, "ajouter", username="sans", role="").status_code == 400
    assert _act(client, "changer", username="absent", role="staff").status_code == 400
    assert _act(client, "autre", username="lea").status_code == 404


def test_a_link_works_for_a_day_and_a_newer_one_ends_it(office: Office) -> None:
    first, second = _link(office, "lea"), _link(office, "lea")
    person = office.client()
    assert person.get(first).status_code == 410 and person.get(second).status_code == 200
    office.field.clock.forward(hours=23)
    assert person.get(second).status_code == 200
    office.field.clock.forward(hours=2)
    assert person.get(second).status_code == 410 and _choose_blind(office, second).status_code == 410
    assert office.client("lea").get("/").status_code == 200  # the old password goes on


def _choose_blind(office: Office, link: str) -> Any:
    """What who has the form open sends when the link has ended meanwhile."""
    return post(office.client(), link, "/connexion", password=NEW, again=NEW)


@pytest.mark.parametrize("how", ["closed", "password"])
def test_a_link_ends_with_the_account_or_another_password(office: Office, how: str) -> None:
    link, desk, now = _link(office, "lea"), office.field.mission.desk, office.field.clock()
    if how == "closed":
        accounts.close_user(desk, "lea", now, "amina")
        assert _act(office.client("amina"), "lien", username="lea").status_code == 400
        accounts.open_user(desk, "lea", now, "amina")
    else:
        accounts.set_password(desk, "lea", "deux chèvres et un puits", by="lea", now=now)
    assert office.client().get(link).status_code == 410


def test_a_used_link_signs_other_browsers_of_the_account_out(office: Office) -> None:
    thief = office.client("lea")
    assert _choose(office.client(), _link(office, "lea")).status_code == 302
    assert thief.get("/").status_code == 302


def test_the_token_lies_nowhere_and_stands_in_no_log(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    link = _link(office, "lea")
    office.client().get(link)
    token = link.rpartition("/")[2]
    assert token not in caplog.text
    with office.field.mission.desk.read() as connection:
        for table in schema.metadata.sorted_tables:
            assert token not in str(connection.execute(table.select()).all()), table.name


def test_who_guesses_links_waits_and_others_do_not(office: Office) -> None:
    link, attacker = _link(office, "lea"), office.client()
    attacker.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    answers = [attacker.get(f"/acces/{n:043}").status_code for n in range(30)]
    assert answers[0] == 410 and answers[-1] == 429
    assert attacker.get(link).status_code == 429
    assert office.client().get(link).status_code == 200
    assert _choose_blind(office, "/acces/x").status_code == 410


def test_forged_forms_change_nothing(office: Office) -> None:
    link, client = _link(office, "lea"), office.client("amina")
    assert client.post("/comptes/fermer", data={"username": "lea"}).status_code == 400
    assert office.client().post(link, data={"password": NEW, "again": NEW}).status_code == 400
    assert office.client("lea").get("/").status_code == 200


def test_role_names_closing_and_signing_out(office: Office) -> None:
    client, lea, desk = office.client("amina"), office.client("lea"), office.field.mission.desk
    assert _act(client, "changer", username="lea", name="Léa B.", role="staff").status_code == 302
    changed = accounts.user(desk, "lea")
    assert changed is not None and (changed.name, changed.role, changed.may_see_names) == ("Léa B.", "staff", True)
    _act(client, "changer", username="lea", name="Léa B.", role="consultant")
    changed = accounts.user(desk, "lea")
    assert changed is not None and not changed.may_see_names
    assert lea.get("/").status_code == 200
    _act(client, "deconnecter", username="lea")
    assert lea.get("/").status_code == 302
    lea = office.client("lea")
    _act(client, "fermer", username="lea")
    assert lea.get("/").status_code == 302 and "Compte lea fermé" in client.get("/comptes").text
    _act(client, "ouvrir", username="lea")
    assert office.client("lea").get("/").status_code == 200


def test_the_last_administrator_stays(office: Office) -> None:
    client, desk, now = office.client("amina"), office.field.mission.desk, office.field.clock()
    for act in ("fermer", "changer"):
        refused = _act(client, act, username="amina", role="staff")
        assert refused.status_code == 400 and "dernier compte d’administration" in refused.text
    with pytest.raises(AccountRefused, match="last administrator"):  # nor by command
        accounts.change_user(desk, "amina", role="reader", now=now, by="amina")
    accounts.change_user(desk, "maha", role="administrator", now=now, by="amina")
    accounts.close_user(desk, "maha", now, "amina")
    assert _act(client, "fermer", username="amina").status_code == 400  # a closed one is none
    accounts.open_user(desk, "maha", now, "amina")
    assert _act(client, "changer", username="amina", name="Amina", role="staff").status_code == 302
    assert client.get("/comptes").status_code == 403


def _first_link(office: Office) -> str:
    desk, now = office.field.mission.desk, office.field.clock()
    return f"/acces/{one_time_links.make_link(desk, one_time_links.FIRST, '', now)}"


def test_the_first_administrator_is_made_behind_a_link_once(office: Office) -> None:
    desk, now = office.field.mission.desk, office.field.clock()
    with desk.begin() as connection:
        connection.execute(schema.users.delete().where(schema.users.c.role == "administrator"))
    assert not one_time_links.has_administrator(desk)
    link, person, other = _first_link(office), office.client(), office.client()
    assert _choose(person, link, username="maha").status_code == 400  # the name is staff's
    assert _choose(person, link, username="driss", name="Driss").location == "/"
    driss = accounts.user(desk, "driss")
    assert driss is not None and driss.is_administrator and driss.may_see_names
    assert person.get("/comptes").status_code == 200
    assert other.get(link).status_code == 410
    again = f"/acces/{one_time_links.make_link(desk, one_time_links.FIRST, '', now)}"
    assert other.get(again).status_code == 410  # there is one


def test_with_a_public_address_the_link_is_whole_and_has_a_code_for_phones(office: Office) -> None:
    toml = office.field.mission.workspace.root / "config" / "mission.toml"
    toml.write_text(toml.read_text("utf-8") + '\n[service]\npublic_url = "https://sync.example.org"\n', "utf-8")
    shown = _act(office.client("amina"), "lien", username="lea")
    assert 'value="https://sync.example.org/acces/' in shown.text and "data:image/png;base64," in shown.text


# ── several missions ──


def test_in_several_missions_accounts_are_those_of_all_and_rights_of_each(pages: Pages) -> None:  # noqa: F811
    desk, clock = pages.together.federation().desk, pages.together.clock
    accounts.add_user(desk, "amina", "Amina", "administrator", SENTENCE, names=False, now=clock(), by="")
    staff, chief = pages.browser("maha"), pages.browser("amina")
    assert staff.get("/comptes").status_code == 403 and 'href="/comptes"' not in staff.get("/missions").text
    assert 'href="/comptes"' in chief.get("/missions").text and chief.get("/m/nord/comptes").status_code == 404
    data = {"username": "lea", "name": "Léa", "role": "", "role:sud": "staff", "role:nord": "", "role:casse": ""}
    data["csrf_token"] = token_in(chief, "/comptes")
    assert chief.post("/comptes/changer", data=data).status_code == 302
    assert rights.rights_of(desk, "lea") == {"sud": ("staff", True)}
    lea = pages.browser("lea")
    assert lea.get("/m/nord/").status_code == 404 and lea.get("/m/sud/").status_code == 200
    data = {"username": "lea", "csrf_token": token_in(chief, "/comptes")}
    (link,) = _LINK.findall(chief.post("/comptes/lien", data=data).text)
    person = pages.browser()
    data = {"password": NEW, "again": NEW, "csrf_token": token_in(person, link)}
    assert person.post(link, data=data).status_code == 302
    assert person.get("/m/sud/").status_code == 200
    told = chief.get("/journal").text  # of the accounts in common; each mission has one of its own
    assert ">lea<" in told and "mission=sud" in told and staff.get("/journal").status_code == 403
    assert chief.get("/m/nord/journal").status_code == 200


def test_a_mission_s_own_administrator_does_not_change_the_accounts_of_all(pages: Pages) -> None:  # noqa: F811
    desk, now = pages.together.federation().desk, pages.together.clock()
    rights.give(desk, "lea", "nord", "administrator", names=False, now=now, by="amina")
    lea = pages.browser("lea")
    assert lea.get("/m/nord/").status_code == 200 and lea.get("/comptes").status_code == 403

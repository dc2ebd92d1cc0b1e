"""Every address of the pages × who asks × how: generated from the applications themselves, so that a new one needs its row here.

Each is really asked: who may comes in, who may not is sent away, and what changes something takes no forged form from anybody.
"""

from __future__ import annotations

import io
import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import sqlalchemy as sa
from federated import Together
from flask import Flask
from web_office import PEOPLE, SENTENCE, Office, token_of
from werkzeug.test import Client, TestResponse

from kobo_sync.desk import accounts, rights, worklist
from kobo_sync.language.catalogue import t
from kobo_sync.model import AccountRole, Finding
from kobo_sync.store import schema
from kobo_sync.web.missions import ManyMissions

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HOOK = "secret-of-the-hook"
STRANGER = {"REMOTE_ADDR": "203.0.113.9"}  # another machine than this one

# Who comes in, each a part of those before. "open": the door itself decides, or there is nothing to keep.
CIRCLES = ("open", "members", "actors", "names", "staff", "administrators")
WHO: dict[str, tuple[str, ...]] = {
    "": ("open",),
    "rachid": ("open", "members"),
    "lea": ("open", "members", "actors"),
    "nora": ("open", "members", "actors", "names"),
    "maha": ("open", "members", "actors", "names", "staff"),
    "amina": CIRCLES,
}
DOORS = """
members GET /
open GET POST /acces/<token>
members GET /collecte
members GET /collecte/<form_id>
actors GET /collecte/<form_id>/envois
members GET POST /compte
administrators GET /comptes
administrators POST /comptes/<act>
open GET POST /connexion
open POST /deconnexion
members GET /formulaires
actors GET /formulaires/<form_id>
administrators POST /formulaires/<form_id>/abandonner
administrators POST /formulaires/<form_id>/comparer
administrators POST /formulaires/<form_id>/deployer
actors GET /formulaires/<form_id>/essai
actors GET /formulaires/<form_id>/essai/media/<name>
actors GET /formulaires/<form_id>/essai/papier.json
administrators POST /formulaires/<form_id>/fichier
administrators POST /formulaires/<form_id>/medias
administrators POST /formulaires/<form_id>/medias/fichier
actors GET /formulaires/<form_id>/papier
actors GET /formulaires/<form_id>/papier.pdf
actors GET /formulaires/<form_id>/papier/<int(max=60):page>.png
administrators POST /formulaires/<form_id>/reprendre
administrators POST /formulaires/<form_id>/revenir
actors GET /formulaires/code.png
actors GET /formulaires/essai/<edition>/<name>
administrators POST /formulaires/fichier
open GET /health
open POST /hook/<secret>
open POST /hook/<secret>/<form_id>
administrators GET /journal
open POST /langue
open GET /lien/<token>
actors POST /lignes
actors GET /lignes/<form_id>/<root_uuid>
names GET /lignes/<form_id>/<root_uuid>/fichier/<uid>
members GET /livrables
members GET /livrables/apercu/<path:path>
members GET /livrables/fichier/<path:path>
actors GET /livrables/imprimer
actors GET /livrables/imprimer/badges-vierges.pdf
names GET /livrables/imprimer/badges.pdf
actors GET /livrables/imprimer/questionnaire
actors GET /livrables/imprimer/telephone.pdf
actors POST /livrables/lien
actors POST /livrables/lien/revoquer
actors GET /livrables/rapport
actors POST /livrables/rapport/abandonner
actors POST /livrables/rapport/fichier
actors POST /livrables/rapport/livrer
actors POST /livrables/rapport/prendre
actors POST /livrables/rapport/revenir
open GET /metrics
administrators GET /personnes
administrators POST /personnes/donnees
administrators POST /personnes/effacer
members GET /qualite
actors POST /qualite
members GET /qualite/<key>
actors GET /reglages
administrators GET /reglages/changements
administrators POST /reglages/changements/reprendre
administrators GET POST /reglages/listes/<name>
administrators GET POST /reglages/listes/<name>/apercu
administrators POST /reglages/listes/<name>/fichier
administrators GET /reglages/listes/<name>/telecharger
administrators GET POST /reglages/modifier/<part>
administrators GET /serveur
administrators POST /serveur/essayer
administrators GET /serveur/projets
administrators POST /serveur/projets/adopter
open GET /static/<path:filename>
members GET /synchronisations
members GET /synchronisations/<int(max=2147483647):run_id>
members GET /synchronisations/etat.json
staff POST /synchronisations/horaires
actors POST /synchronisations/lancer
staff POST /synchronisations/pause
staff GET /telephones
staff POST /telephones/ajouter
staff POST /telephones/revoquer
members GET /zones/<code>
"""
# Where several missions have pages in common; a mission's own stand below /m/<name>/ and are asked for there too.
FRONT = """
members GET /
open GET POST /acces/<token>
members GET POST /compte
administrators GET /comptes
administrators POST /comptes/<act>
open GET POST /connexion
open POST /deconnexion
open GET /health
administrators GET /journal
open POST /langue
open GET /metrics
members GET /missions
open GET /static/<path:filename>
members GET POST PUT PATCH DELETE /m/<name>
members GET POST PUT PATCH DELETE /m/<name>/
members GET POST PUT PATCH DELETE /m/<name>/<path:rest>
"""
# What is not there, though one may look: this mission has no report, no phones' accounts, no file in the row.
NOT_THERE = {
    "/formulaires/code.png",  # the server is this machine: no phone is led to itself
    "/acces/<token>",
    "/formulaires/<form_id>/essai/media/<name>",
    "/formulaires/essai/<edition>/<name>",
    "/lien/<token>",
    "/lignes/<form_id>/<root_uuid>/fichier/<uid>",
    "/livrables/imprimer/telephone.pdf",
    "/livrables/rapport",
    "/serveur/projets",
    "/telephones",
}
QUERIES = {
    "/formulaires/code.png": "?compte=fatima",
    "/livrables/imprimer/badges-vierges.pdf": "?zone=nord&n=2",
    "/livrables/imprimer/badges.pdf": "?zone=nord",
    "/livrables/imprimer/questionnaire": "?formulaire=visites&sorte=pdf",
}
UNFORGED = ("/hook/",)  # their secret stands in for a form's token


def _rows(table: str) -> dict[tuple[str, str], str]:
    """(rule, method) → the circle that comes in; HEAD as GET."""
    rows = {}
    for line in table.strip().splitlines():
        circle, *methods, rule = line.split()
        assert circle in CIRCLES
        for method in methods:
            rows[rule, method] = circle
            if method == "GET":
                rows[rule, "HEAD"] = circle
    return rows


def _offered(app: Flask) -> set[tuple[str, str]]:
    return {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method in METHODS  # OPTIONS is the framework's own, and tells the methods alone
    }


def _values(office: Office) -> dict[str, str]:
    """What stands for each part of an address: a form, a zone, a row, a finding, a run, a document that are there."""
    mission = office.field.mission
    table = schema.submissions
    with mission.store.engine.connect() as connection:
        root_uuid = (
            connection.execute(sa.select(table.c.root_uuid).where(table.c.form_id == "visites")).scalars().first()
        )
    finding = Finding("DATA002", "warning", "p", "même nom", form_id="visites", root_uuid=str(root_uuid))
    worklist.refresh(mission.desk, [finding], office.field.clock())
    return {
        "act": "ajouter",
        "code": "nord",
        "edition": "0",
        "filename": "pages.css",
        "form_id": "visites",
        "key": worklist.key_of(finding),
        "name": "zones.csv",
        "page": "1",
        "part": "mission",
        "path": "nord/fiche-zone.pdf",
        "root_uuid": str(root_uuid),
        "run_id": "1",
        "secret": HOOK,
        "token": "none",
        "uid": "none",
    }


def _address(rule: str, values: dict[str, str]) -> str:
    return re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda part: values[part[1]], rule) + QUERIES.get(rule, "")


def _is_turned_away(answer: TestResponse, username: str) -> bool:
    """Whether who asked was sent to sign in, or told that this is not for them."""
    if username:
        return answer.status_code == 403
    return answer.status_code == 401 or (
        answer.status_code == 302 and answer.headers["Location"].startswith("/connexion")
    )


def _is_forgery(answer: TestResponse) -> bool:
    return answer.status_code == 400 and t("This form is out of date") in answer.text


@pytest.fixture
def guarded(office: Office) -> Office:
    """The office with a hook, which takes its secret alone."""
    secrets = office.field.mission.workspace.root / "config" / "secrets.env"
    secrets.write_text(f"HOOK_SECRET={HOOK}\n", "utf-8")
    secrets.chmod(0o600)
    return office


def test_every_address_has_its_row_and_every_role_its_circle(office: Office) -> None:
    assert _offered(office.app) == set(_rows(DOORS))
    roles = {username: role for username, role, _names in PEOPLE}
    assert set(roles) | {""} == set(WHO) and set(roles.values()) == set(get_args(AccountRole))


@pytest.mark.parametrize("username", WHO)
def test_who_may_comes_in_and_nobody_else(guarded: Office, username: str) -> None:
    """With a form's own token, so that nothing but the door refuses; what is sent is empty, so that nothing is done."""
    values, client = _values(guarded), guarded.client(username)
    token = token_of(client, "/compte" if username else "/connexion")
    rows = sorted(_rows(DOORS).items(), key=lambda row: row[0][0] == "/deconnexion")  # which ends the session
    wrong = []
    for (rule, method), circle in rows:
        more: dict[str, object] = {} if method in ("GET", "HEAD") else {"data": {"csrf_token": token}}
        answer = client.open(_address(rule, values), method=method, **more)
        is_away = circle != "open" and _is_turned_away(answer, username)
        is_there = answer.status_code < 400 or method == "POST" or rule in NOT_THERE
        if (
            is_away == (circle in WHO[username])
            or answer.status_code >= 500
            or _is_forgery(answer)
            or (not is_away and not is_there)
        ):
            wrong.append((method, rule, answer.status_code))
        answer.close()
    assert not wrong, str(wrong)


@pytest.mark.parametrize("username", WHO)
def test_no_forged_form_is_taken_from_anybody(guarded: Office, username: str) -> None:
    """No token, a made-up one, that of another browser: also from who might do it."""
    values, client = _values(guarded), guarded.client(username)
    others = token_of(guarded.client(), "/connexion")
    taken = []
    for rule, method in _rows(DOORS):
        if method in ("GET", "HEAD") or rule.startswith(UNFORGED):
            continue
        for data in ({}, {"csrf_token": "x"}, {"csrf_token": others}):
            if not _is_forgery(client.open(_address(rule, values), method=method, data=data)):
                taken.append((rule, data))
    assert taken == []


@pytest.mark.parametrize("username", ["", "amina"])
def test_no_address_knows_another_method(guarded: Office, username: str) -> None:
    values, client, rows = _values(guarded), guarded.client(username), _rows(DOORS)
    token = token_of(client, "/compte" if username else "/connexion")
    adapter, answered = guarded.app.url_map.bind(""), []
    for rule, method in itertools.product(sorted({rule for rule, _method in rows}), METHODS):
        address = _address(rule, values)
        if adapter.test(address.partition("?")[0], method):  # this rule's own, or that of another
            continue
        answer = client.open(address, method=method, data={"csrf_token": token})
        if answer.status_code != 405:
            answered.append((rule, method, answer.status_code))
    assert answered == []


def test_who_asks_for_the_head_alone_changes_no_list(office: Office) -> None:
    """A head comes without a form's token; it once saved the change that its address named."""
    client, page = office.client("amina"), "/reglages/listes/zones.csv"
    text = office.field.mission.workspace.root.joinpath("config", "zones.csv").read_text("utf-8")
    file = (io.BytesIO(text.replace("Nord", "Septentrion").encode()), "zones.csv")
    preview = client.post(f"{page}/fichier", data={"csrf_token": token_of(client, page), "file": file}).headers[
        "Location"
    ]
    assert "Septentrion" in client.get(preview).text
    assert client.head(preview).status_code == 200
    assert office.field.mission.workspace.root.joinpath("config", "zones.csv").read_text("utf-8") == text


def test_the_hook_and_the_figures_are_for_who_has_their_secret(guarded: Office) -> None:
    client = guarded.client("amina")
    assert client.post("/hook/wrong").status_code == 404 and client.post("/hook/wrong/visites").status_code == 404
    assert client.post(f"/hook/{HOOK}/visites").status_code == 202
    assert client.get("/metrics", environ_base=STRANGER).status_code == 404


# ── several missions ──


@pytest.fixture
def together(made_once: Path, tmp_path: Path) -> Iterator[ManyMissions]:
    """Two missions: lea is consultant in one, amina administrator of all, personne has no right anywhere."""
    folder = Together(tmp_path / "missions")
    for name in ("nord", "sud"):
        shutil.copytree(made_once, folder.root / name)
    desk = folder.federation().desk
    for username, role in (("amina", "administrator"), ("lea", rights.NO_ROLE), ("personne", rights.NO_ROLE)):
        accounts.add_user(desk, username, username.title(), role, SENTENCE, names=False, now=folder.clock(), by="")  # type: ignore[arg-type]
    rights.give(desk, "lea", "nord", "consultant", names=False, now=folder.clock(), by="")
    made = ManyMissions(folder.start(jobs=False))
    yield made
    made.close()
    folder.close()


def _browser(app: ManyMissions, username: str) -> Client:
    client = Client(app)
    if username:
        data = {"username": username, "password": SENTENCE, "csrf_token": token_of(client, "/connexion")}  # type: ignore[arg-type]
        assert client.post("/connexion", data=data).status_code == 302
    return client


@pytest.mark.parametrize("username", ["", "personne", "lea", "amina"])
def test_the_pages_that_missions_share_have_their_doors_too(together: ManyMissions, username: str) -> None:
    assert _offered(together.front) == set(_rows(FRONT))
    values = {"act": "ajouter", "filename": "pages.css", "name": "rien", "rest": "collecte", "token": "none"}
    client = _browser(together, username)
    token = token_of(client, "/compte" if username else "/connexion")  # type: ignore[arg-type]
    circles = CIRCLES if username == "amina" else ("open", "members") if username else ("open",)
    wrong = []
    for (rule, method), circle in sorted(_rows(FRONT).items(), key=lambda row: row[0][0] == "/deconnexion"):
        data = {} if method in ("GET", "HEAD") else {"csrf_token": token}
        answer = client.open(_address(rule, values), method=method, data=data)
        is_away = circle != "open" and _is_turned_away(answer, username)
        if is_away == (circle in circles) or answer.status_code >= 500:
            wrong.append((method, rule, answer.status_code))
        answer.close()
    assert not wrong, str(wrong)
    forger = _browser(together, username)
    posts = [rule for rule, method in _rows(FRONT) if method == "POST" and not rule.startswith("/m/")]
    assert [
        rule for rule in posts if not _is_forgery(forger.post(_address(rule, values), data={"csrf_token": "x"}))
    ] == []


@pytest.mark.parametrize(("username", "mission"), [("", "nord"), ("personne", "nord"), ("lea", "sud"), ("lea", "rien")])
def test_no_page_of_a_mission_is_there_for_who_has_no_right_in_it(
    together: ManyMissions, office: Office, username: str, mission: str
) -> None:
    values, client = _values(office), _browser(together, username)
    token = token_of(client, "/compte" if username else "/connexion")  # type: ignore[arg-type]
    seen = []
    for rule, method in _rows(DOORS):
        if rule.startswith("/static/"):  # one copy for all, which tells of none
            continue
        answer = client.open(
            f"/m/{mission}{_address(rule, values)}",
            method=method,
            data={} if method in ("GET", "HEAD") else {"csrf_token": token},
            environ_base=STRANGER,
        )
        is_away = answer.status_code in (404, 410) or (not username and _is_turned_away(answer, username))
        if not is_away:
            seen.append((rule, method, answer.status_code))
    assert seen == []

"""Several missions behind one sign-in: each with its own pages, rights, links and hooks; what is not for you is not there."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from federated import Together, wait_for
from playwright.sync_api import Browser
from test_browser import CHROMIUM, CUT, SIZES, WCAG
from web_office import SENTENCE
from werkzeug.test import Client, TestResponse

from kobo_sync.cli.service import MOST_BYTES
from kobo_sync.desk import accounts, rights, runs, schedules
from kobo_sync.language.catalogue import texts_of
from kobo_sync.model import AccountRole
from kobo_sync.service.missions import Missions
from kobo_sync.serving import Listening
from kobo_sync.web.missions import ManyMissions

HOOKS = {"nord": "secret-of-the-north", "sud": "secret-of-the-south"}
RIGHTS: tuple[tuple[str, str, AccountRole], ...] = (
    ("lea", "nord", "consultant"),
    ("karim", "sud", "reader"),
    ("rachid", "nord", "reader"),
)


class Pages:
    """Two missions with the same data, and one at fault; `browser` gives a browser without scripts."""

    def __init__(self, together: Together, missions: Missions) -> None:
        self.together, self.missions = together, missions
        self.app = ManyMissions(missions)

    def browser(self, username: str = "") -> Client:
        client = Client(self.app)
        if username:
            data = {"username": username, "password": SENTENCE, "csrf_token": token_of(client, "/connexion")}
            answer = client.post("/connexion", data=data)
            assert answer.status_code == 302, answer.text
        return client


def token_of(client: Client, path: str) -> str:
    return client.get(path).text.partition('name="csrf_token" value="')[2].partition('"')[0]


@pytest.fixture
def pages(made_once: Path, tmp_path: Path) -> Iterator[Pages]:
    together = Together(tmp_path / "missions")
    for name in ("nord", "sud"):
        shutil.copytree(made_once, together.root / name)
        toml = together.root / name / "config" / "mission.toml"
        text = toml.read_text("utf-8").replace("Mission d’essai", f"Mission {name.title()}")
        toml.write_text(text, "utf-8")
        secrets = together.root / name / "config" / "secrets.env"
        secrets.write_text(f"KOBO_TOKEN=token-of-{name}\nHOOK_SECRET={HOOKS[name]}\n", "utf-8")
        secrets.chmod(0o600)
    (together.root / "casse" / "config").mkdir(parents=True)
    (together.root / "casse" / "config" / "mission.toml").write_text("[mission", "utf-8")
    federation = together.federation()
    for username in ("maha", "lea", "karim", "rachid", "personne"):
        role = "staff" if username == "maha" else rights.NO_ROLE
        accounts.add_user(
            federation.desk, username, username.title(), role, SENTENCE, names=False, now=together.clock(), by=""
        )  # type: ignore[arg-type]
    for username, mission, given in RIGHTS:
        rights.give(federation.desk, username, mission, given, names=False, now=together.clock(), by="")
    made = Pages(together, together.start(jobs=False))
    yield made
    made.app.close()
    together.close()


def test_the_list_shows_what_one_may_see_and_no_more(pages: Pages) -> None:
    staff = pages.browser("maha").get("/missions").text
    assert "Mission Nord" in staff and "Mission Sud" in staff and "à jour" in staff
    assert "casse" in staff and "TOML" in staff and "token-of" not in staff
    one = pages.browser("lea")
    assert one.get("/").headers["Location"] == "/m/nord/"
    assert "Sud" not in one.get("/missions").text and "casse" not in one.get("/missions").text
    assert "Aucune mission ne vous est ouverte" in pages.browser("personne").get("/missions").text


def test_each_mission_s_pages_are_below_its_own_prefix(pages: Pages) -> None:
    client = pages.browser("maha")
    for path in ("", "collecte", "qualite", "synchronisations", "livrables", "formulaires", "reglages", "compte"):
        page = client.get(f"/m/nord/{path}")
        assert page.status_code == (404 if path == "compte" else 200), (path, page.text)
        inner = set(re.findall(r'(?:href|action|src|data-live)="(/[^"]*)"', page.text))
        shared = ("/m/nord/", "/missions", "/connexion", "/deconnexion", "/langue", "/compte", "/static/")
        assert inner and all(address.startswith(shared) for address in inner), inner
    assert client.get("/compte").status_code == 200
    assert client.get("/m/nord").headers["Location"].endswith("/m/nord/")
    for address in ("/static/pages.css", "/m/nord/static/pages.css", "/m/rien/static/pages.css"):
        style = client.get(address)
        assert style.status_code == 200 and ".skip" in style.text
        style.close()


def _told(answer: TestResponse) -> tuple[int, str, str]:
    """What a stranger could tell an answer from another by, its own numbers aside."""
    body = re.sub(r'name="csrf_token" value="[^"]*"', "", answer.text)
    return answer.status_code, answer.headers.get("Location", ""), re.sub(r"m/\w+", "m/X", body)


@pytest.mark.parametrize("username", ["", "karim", "personne"])
def test_a_mission_that_is_not_yours_is_as_one_that_is_not_there(pages: Pages, username: str) -> None:
    client = pages.browser(username)
    for rest in (
        "", "synchronisations", "reglages", "static/none.css", "lien/abc", "lien/", "hook/wrong", "health", "metrics", "x",
    ):  # fmt: skip
        for method in ("GET", "POST"):
            with_right, without, at_fault = (
                _told(client.open(f"/m/{name}/{rest}", method=method, environ_base={"REMOTE_ADDR": "203.0.113.9"}))
                for name in ("nord", "rien", "casse")
            )
            assert with_right[0] == without[0] == at_fault[0], (method, rest)
            assert with_right[2].replace("nord", "rien") == without[2], (method, rest)
            assert "Nord" not in with_right[2]
            assert with_right[1].replace("nord", "rien") == without[1]


def test_a_right_is_one_of_its_mission_and_ends_at_once(pages: Pages) -> None:
    client = pages.browser("rachid")
    desk = pages.missions.federation.desk
    assert client.get("/m/nord/").status_code == 200
    assert client.get("/m/nord/reglages").status_code == 403
    rights.give(desk, "rachid", "nord", "staff", names=False, now=pages.together.clock(), by="maha")
    assert client.get("/m/nord/reglages").status_code == 200
    rights.withdraw(desk, "rachid", "nord", now=pages.together.clock(), by="maha")
    assert client.get("/m/nord/").status_code == 404


def test_a_click_is_one_of_the_person_s_mission_with_its_own_token(pages: Pages) -> None:
    client = pages.browser("lea")
    page = "/m/nord/synchronisations"
    assert client.post("/m/nord/synchronisations/lancer", data={"job": "pull"}).status_code == 400  # forged
    data = {"job": "pull", "csrf_token": token_of(client, page), "suite": page}
    answer = client.post("/m/nord/synchronisations/lancer", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
    assert client.post("/m/sud/synchronisations/lancer", data=data).status_code == 404
    wishes = {}
    for name in ("nord", "sud"):
        mission = pages.missions.federation.open(name)
        wishes[name] = [(wish.job, wish.asked_by) for wish in schedules.wishes(mission.desk)]
        mission.close()
    assert wishes == {"nord": [("pull", "lea")], "sud": []}


def test_the_language_and_signing_out_are_those_of_all(pages: Pages) -> None:
    client = pages.browser("maha")
    page = "/m/sud/livrables"
    answer = client.post("/langue", data={"language": "ar", "suite": page, "csrf_token": token_of(client, page)})
    assert answer.headers["Location"] == page and 'dir="rtl"' in client.get(page).text
    listed = client.get("/missions").text
    assert texts_of("ar", "pages")["Your role"] in listed and "Dernière relève" not in listed
    client.post("/deconnexion", data={"csrf_token": token_of(client, page)})
    assert client.get(page).headers["Location"].startswith("/connexion?suite=/m/sud/livrables")


def test_a_link_opens_the_file_of_its_own_mission_alone(pages: Pages) -> None:
    client, stranger = pages.browser("lea"), pages.browser()
    page = "/m/nord/livrables"
    data = {"path": "nord/fiche-zone.pdf", "csrf_token": token_of(client, page)}
    client.post("/m/nord/livrables/lien", data=data)
    (address,) = re.findall(r'value="(/m/nord/lien/[^"]+)"', client.get(page).text)
    taken = stranger.get(address)
    assert taken.status_code == 200
    assert stranger.get(address.replace("nord", "sud")).status_code == 410
    rights.withdraw(pages.missions.federation.desk, "lea", "nord", now=pages.together.clock(), by="maha")
    assert stranger.get(address).status_code == 410


def test_a_hook_s_secret_is_one_mission_s(pages: Pages) -> None:
    stranger = pages.browser()
    path = "/m/{}/hook/{}/visites"
    assert stranger.post(path.format("nord", HOOKS["nord"]), data=b"{}").status_code == 202
    assert stranger.post(path.format("sud", HOOKS["nord"]), data=b"{}").status_code == 404
    assert stranger.post(f"/hook/{HOOKS['nord']}", data=b"{}").status_code == 404
    for name, secret, most in (("nord", HOOKS["nord"], True), ("sud", HOOKS["nord"], False), ("x", "y", False)):
        environ = {"PATH_INFO": path.format(name, secret), "REQUEST_METHOD": "POST"}
        assert bool(pages.app.porter(environ).most_bytes) is most


def test_health_and_figures_are_of_all_and_of_each(pages: Pages) -> None:
    local, far = pages.browser(), {"REMOTE_ADDR": "203.0.113.9"}
    whole = json.loads(local.get("/health", environ_base=far).text)
    assert (whole["ready"], whole["missions"], whole["at_fault"]) == (True, 3, 1) and "nord" not in str(whole)
    assert json.loads(local.get("/m/nord/health", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text)["ready"]
    assert local.get("/metrics", environ_base=far).status_code == 404
    figures = local.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text
    assert 'kobo_sync_up{mission="casse"} 0.0' in figures
    assert 'kobo_sync_submissions{form="visites",mission="nord"} 3.0' in figures
    own = local.get("/m/nord/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text
    assert 'kobo_sync_submissions{form="visites"} 3.0' in own


PROXIED = {
    "nginx with the guide's headers": {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"},
    "a proxy that believes who asks": {"X-Forwarded-For": "127.0.0.1"},
    "the standard's header": {"Forwarded": "for=203.0.113.9"},
    "a cache": {"Via": "1.1 cache"},
    "a proxy that keeps the name alone": {"Host": "sync.example.org"},
    "nginx with proxy_pass alone": {},
}


@pytest.mark.parametrize("proxy", PROXIED)
def test_behind_a_proxy_on_this_machine_nobody_is_taken_for_this_machine(pages: Pages, proxy: str) -> None:
    """Every client's address is then this machine's own, also that of a reader who has no right in the mission."""
    here = {"REMOTE_ADDR": "127.0.0.1"} | ({"SERVER_PROTOCOL": "HTTP/1.0"} if not PROXIED[proxy] else {})
    for username in ("", "karim"):
        client = pages.browser(username)
        for path in ("/metrics", "/m/nord/metrics", "/m/nord/health"):
            told, of_none = (
                _told(client.get(address, environ_overrides=here, headers=PROXIED[proxy]))
                for address in (path, path.replace("nord", "rien"))
            )
            assert told[0] == 404 and "submissions" not in told[2] and told == of_none, path


def test_a_mission_at_fault_says_why_to_those_who_can_mend_it(pages: Pages) -> None:
    page = pages.browser("maha").get("/m/casse/")
    assert page.status_code == 503 and "TOML" in page.text
    rights.give(
        pages.missions.federation.desk, "rachid", "casse", "reader", names=False, now=pages.together.clock(), by="maha"
    )
    page = pages.browser("rachid").get("/m/casse/")
    assert page.status_code == 503 and "TOML" not in page.text
    toml = pages.together.root / "casse" / "config" / "mission.toml"
    shutil.copytree(pages.together.root / "sud" / "forms", pages.together.root / "casse" / "forms")
    shutil.copy(pages.together.root / "sud" / "config" / "zones.csv", toml.parent)
    shutil.copy(pages.together.root / "sud" / "config" / "mission.toml", toml)
    wait_for(lambda: not pages.missions.member("casse").fault)  # type: ignore[union-attr]
    assert pages.browser("maha").get("/m/casse/").status_code == 200


def test_the_pages_of_many_missions_are_not_all_kept_open(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kobo_sync.web.missions.MOST_OPEN", 1)
    client = pages.browser("maha")
    for name in ("nord", "sud", "nord"):
        assert client.get(f"/m/{name}/").status_code == 200
    assert len(pages.app._apps) == 1


def test_a_failing_job_is_on_the_list(pages: Pages) -> None:
    mission = pages.missions.federation.open("sud")
    for job in ("pull", "build"):
        run_id = runs.start_run(mission.desk, job, runs.Order(), mission.clock(), "h", 1)
        runs.end_run(mission.desk, run_id, mission.clock(), "failed", {"error": "x", "hint": ""})
    mission.close()
    pages.missions.wake("sud")
    wait_for(lambda: (member := pages.missions.member("sud")) and member.state and len(member.state.failing) == 2)
    text = pages.browser("maha").get("/missions").text
    assert "un travail échoue" in text and text.index("Mission Sud") < text.index("Mission Nord")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt install chromium)")
@pytest.mark.parametrize("language", ["fr", "en", "ar"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_the_list_fits_and_axe_has_no_complaint(pages: Pages, chromium: Browser, size: str, language: str) -> None:
    width, height = SIZES[size]
    with Listening(pages.app, most_bytes=MOST_BYTES, porter=pages.app.porter) as listening:
        page = chromium.new_context(viewport={"width": width, "height": height}, locale="fr-FR").new_page()
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"{listening.url}/m/nord/qualite")  # asked to sign in, and brought there
        if language != "fr":
            page.click(f"button[name=language][value={language}]")
        page.fill("#username", "maha")
        page.fill("#password", SENTENCE)
        page.press("#password", "Enter")
        page.wait_for_url(f"{listening.url}/m/nord/qualite")
        for path in ("/missions", "/m/nord/", "/compte"):
            page.goto(listening.url + path)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
            assert page.evaluate(CUT) == [], path
            found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}}).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], path
        page.goto(f"{listening.url}/missions")
        folder = os.environ.get("KOBO_SYNC_PICTURES")
        if folder:
            page.screenshot(path=Path(folder) / f"missions-{language}-{width}.png", full_page=True)
        page.click("text=Mission Sud")
        page.wait_for_url(f"{listening.url}/m/sud/")
        assert errors == []
        page.context.close()

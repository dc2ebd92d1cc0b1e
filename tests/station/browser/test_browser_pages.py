"""The pages around a browser form: for everybody, on any screen, and all from this machine. Part 9, 4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from browser_room import PIN, SIZES, Open, Room, book, enter, is_sent, signed_in
from browser_walker import Walker
from playwright.sync_api import Browser, Page

from kobo_sync.language.speaking import NAMES
from kobo_sync.station.browser.pages import edition
from kobo_sync.station.browser.texts import texts

pytestmark = pytest.mark.browser
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SURVEY = [
    {"type": "text", "name": "nom", "label": "Nom", "required": "yes"},
    {"type": "image", "name": "photo", "label": "Photo"},
    {"type": "geopoint", "name": "lieu", "label": "Lieu"},
    {"type": "image", "name": "signature", "label": "Signature", "appearance": "signature"},
]


def complaints(page: Page, only: str = "") -> list[str]:
    context = {"include": [[only]]} if only else {"exclude": [["form.or"]]}
    violations = Axe().run(page, context=context, options={"runOnly": WCAG}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in violations]


@pytest.fixture
def small(room: Room) -> Room:
    room.uids["essai"] = room.publish(book(SURVEY, form_id="essai"))
    return room


@pytest.mark.parametrize(
    ("size", "lang"), [("small", "fr"), ("phone", "ar"), ("desktop", "en"), ("small", "ar"), ("small", "en")]
)
def test_axe_has_no_complaint_and_everything_fits(small: Room, chromium: Browser, size: str, lang: str) -> None:
    context = chromium.new_context(**SIZES[size])
    page = context.new_page()
    seen: list[str] = []

    def look(what: str) -> None:
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        seen.extend([f"{what}: {wide} px too wide"] if wide > 0 else [])
        seen.extend(f"{what}: {each}" for each in complaints(page))

    page.goto(f"{small.url}/f/?lang={lang}")
    page.wait_for_selector("#secret")
    look("sign-in")
    page.click("form.signin button.plain")
    page.fill("#username", "personne")
    page.fill("#secret", "faux")
    page.press("#secret", "Enter")
    page.wait_for_selector(".message:not(:empty)")
    look("wrong password")
    enter(page, small.url, lang=lang)
    look("forms")
    page.goto(f"{small.url}/f/absent")
    page.wait_for_selector("section.card")
    look("missing")
    page.goto(f"{small.url}/f/essai")
    page.wait_for_selector("body[data-ready]")
    look("form")
    small.api("PATCH", f"{small.uids['essai']}/deployment/", json={"active": False})
    page.fill("input[name$='/nom']", "A")
    page.press("input[name$='/nom']", "Tab")
    page.wait_for_selector("footer [data-drafts='1']")
    page.click(".finish")
    page.wait_for_selector("footer [data-refused='1']")
    look("done")
    page.goto(f"{small.url}/f/")
    page.wait_for_selector(".reason")
    look("refused")
    context.close()
    assert seen == []


@pytest.mark.parametrize(("locale", "lang"), [("en-GB", "en"), ("ar-MA", "ar"), ("es-ES", "fr")])
def test_the_browsers_own_language_is_spoken_first(small: Room, chromium: Browser, locale: str, lang: str) -> None:
    """One that reads none of ours is told the documents', or French where the station has no mission."""
    context = chromium.new_context(**SIZES["desktop"], locale=locale)
    page = context.new_page()
    page.goto(f"{small.url}/f/")
    page.wait_for_selector("#secret")
    assert page.get_attribute("html", "lang") == lang
    assert texts(lang)["signin.by_account"] in page.inner_text("body")
    context.close()


def test_no_request_leaves_the_machine(small: Room, chromium: Browser, photo: Path) -> None:
    context = chromium.new_context(
        **SIZES["desktop"], permissions=["geolocation"], geolocation={"latitude": 32, "longitude": -5}
    )
    signed_in(context, small)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(f"{small.url}/f/")
    page.wait_for_selector("ul.forms")
    page.goto(f"{small.url}/f/essai")
    page.wait_for_selector("body[data-ready]")
    walker = Walker(page, files=[photo])
    walker.fill()
    walker.finish()
    is_sent(page, 1)
    context.close()
    elsewhere = {url[:80] for url in asked if not url.startswith((small.url, "blob:", "data:"))}
    assert elsewhere == set() and len(asked) > 8


def test_a_geopoint_without_a_map_nor_a_position(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai", size="phone")
    page.fill("input[name=lat]", "32.68")
    page.fill("input[name=long]", "-4.73")
    page.press("input[name=long]", "Tab")
    page.fill("input[name$='/nom']", "A")
    page.press("input[name$='/nom']", "Tab")
    page.click(".finish")
    is_sent(page, 1)
    assert small.rows(small.uids["essai"])[0]["lieu"].startswith("32.68 -4.73")


def test_a_reload_works_with_the_station_away(small: Room, open_form: Open) -> None:
    """On this machine, as over trusted TLS, the pages are kept by a service worker; lists and forms by the page."""
    page = open_form(small, "essai")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function(
        "async (path) => { const cache = await caches.open('kobo-sync-shell');"
        " return (await cache.match(path)) && (await cache.keys()).length > 5; }",
        arg="/f/essai",
    )
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    small.away()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.fill("input[name$='/nom']", "Hors ligne")
    page.press("input[name$='/nom']", "Tab")
    page.click(".finish")
    page.wait_for_selector("footer [data-waiting='1']")
    page.goto(f"{small.url}/f/")
    page.wait_for_selector(".away")
    assert page.locator("ul.forms a").count() == 1
    small.back()
    page.click("footer button")
    is_sent(page, 1)
    assert [row["nom"] for row in small.rows(small.uids["essai"])] == ["Hors ligne"]


def test_a_page_opens_anew_from_the_browsers_own_store_where_no_worker_may(small: Room, chromium: Browser) -> None:
    """Over plain http: what is kept are files with their hash in the address, and the page for a day."""
    context = chromium.new_context(service_workers="block")
    signed_in(context, small)
    page = context.new_page()
    page.goto(f"{small.url}/f/essai")
    page.wait_for_selector("body[data-ready]")
    small.away()
    page.goto("about:blank")
    page.goto(f"{small.url}/f/essai")
    page.wait_for_selector("body[data-ready]")
    assert page.locator("input[name$='/nom']").is_visible()
    context.close()


def test_the_files_stay_for_ever_and_change_their_address_with_their_content(small: Room) -> None:
    page = requests.get(f"{small.url}/f/", timeout=20)
    assert edition() in page.text and "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"].replace("style-src-attr 'unsafe-inline'", "")
    for name in ("form.js", "pages.js", "shell.css", "texts.js", "enketo-grid.css", "licences.txt"):
        kept = requests.get(f"{small.url}/f/-/static/{edition()}/{name}", timeout=20)
        assert kept.status_code == 200 and "immutable" in kept.headers["Cache-Control"], name
        old = requests.get(f"{small.url}/f/-/static/0123/{name}", timeout=20)
        assert old.content == kept.content and old.headers["Cache-Control"] == "no-store"
    for name in ("nothing.js", "openrosa2html5form.xsl", "..%2fpages.py", "%2e%2e/pages.py", "form.js%00"):
        answer = requests.get(f"{small.url}/f/-/static/{edition()}/{name}", timeout=20)
        assert answer.status_code in (400, 404), name
    worker = requests.get(f"{small.url}/f/-/worker.js", timeout=20)
    assert worker.headers["Service-Worker-Allowed"] == "/f/" and worker.headers["Cache-Control"] == "no-cache"
    assert requests.get(f"{small.url}/f", timeout=20).url == f"{small.url}/f/"


def test_no_text_lacks_a_language_and_each_that_is_asked_for_is_there() -> None:
    import re

    keys = {name: set(texts(name)) for name in NAMES}
    assert keys["fr"] == keys["en"] == keys["ar"] and all(
        text.strip() for name in NAMES for text in texts(name).values()
    )
    arabic = re.compile("[\u0600-\u06ff]")
    assert [key for key, text in texts("ar").items() if not arabic.search(text)] == []
    for name in ("fr", "en"):
        assert [key for key, text in texts(name).items() if arabic.search(text)] == []
    assert [key for key, text in texts("en").items() if re.search("[éèêàç«»]", text)] == []
    source = Path(__file__).parents[3] / "kobo_sync" / "station" / "browser" / "source"
    scripts = "".join(path.read_text("utf-8") for path in source.rglob("*.js"))
    asked = set(re.findall(r"say\('([a-z_.0-9]+)'", scripts)) | set(re.findall(r"explain\('([a-z_.]+)'", scripts))
    counted = {f"{key}.other" for key in re.findall(r"sayCount\('([a-z_.]+)'", scripts)}
    assert asked | counted <= keys["fr"], (asked | counted) - keys["fr"]
    assert re.findall(r"__\w+__", "".join(texts("fr").values())) != []


def test_who_has_no_form_is_told_why(room: Room, open_form: Open) -> None:
    said: Callable[[Page], str] = lambda page: page.inner_text("main")  # noqa: E731
    page = open_form(room)
    page.wait_for_selector("section.card")
    assert "Aucun formulaire" in said(page)
    page = open_form(room, username="chef", lang="ar")
    page.wait_for_selector("section.card")
    assert "لإدارة الجهاز" in said(page)
    assert PIN

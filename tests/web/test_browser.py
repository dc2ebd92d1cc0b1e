"""The pages in a real browser: the journeys of each role, both widths, each language, and axe-core on every page."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from test_answer_sheet import ROOT, receive, with_form
from test_many_zones import sixty
from web_office import PAGES, SENTENCE, Office, made

from kobo_sync.desk import runs, schedules, share_links, worklist
from kobo_sync.desk.runs import Order
from kobo_sync.language.sentences import translated
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import Finding
from kobo_sync.steps.doctor import doctor
from kobo_sync.store import schema

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt install chromium)"),
]
SIZES = {"small": (320, 640), "phone": (375, 800), "desktop": (1280, 900)}
Scheme = Literal["light", "dark"]
# Each size, language and scheme, the tightest screen in the two languages that need most room: longest words, and from right to left.
SHOWN: list[tuple[str, str, Scheme]] = [
    ("small", "fr", "light"),
    ("small", "ar", "dark"),
    ("phone", "en", "dark"),
    ("desktop", "ar", "light"),
]
DARK = (("desktop", "fr"), ("phone", "ar"))  # of the pages that are looked at in each size and each language
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What scrolls sideways within the page: a table of which a part is not to be seen. Part 8, B31.
CUT = """[...document.querySelectorAll(".scroll, table, .menu ul, pre, .card")]
  .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.outerHTML.slice(0, 90))"""
PICTURES = os.environ.get("KOBO_SYNC_PICTURES")  # a folder: every page looked at is kept there


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Browser:
    """The one of the whole run: a process can drive playwright once."""
    return chromium


def _signed_in(
    browser: Browser,
    address: str,
    username: str,
    size: str = "desktop",
    language: str = "fr",
    scheme: Scheme = "light",
) -> Page:
    width, height = SIZES[size]
    page = browser.new_context(
        viewport={"width": width, "height": height}, locale="fr-FR", accept_downloads=True, color_scheme=scheme
    ).new_page()
    page.goto(f"{address}/connexion")
    if language != "fr":
        page.click(f"button[name=language][value={language}]")
    page.fill("#username", username)
    page.fill("#password", SENTENCE)
    page.press("#password", "Enter")
    page.wait_for_url(f"{address}/")
    return page


def _complaints(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]


FAILURE = {
    "error": "GET http://127.0.0.1:1/api/v2/assets/ answered 502: the server cannot answer now (an HTML page)",
    "hint": "check the address, the network and that the server is up",
    "lines": [
        "visites: server 3 = local 3 · 1 new · 0 edited · 2 files stored",
        "  quick: changes by the server's own questions",
        "classes of visites: nominative: " + ", ".join(f"identite/nom_{n}" for n in range(20)),
    ],
}


@pytest.mark.parametrize("language", ["fr", "en", "ar"])
@pytest.mark.parametrize("size", list(SIZES))
def test_every_page_fits_and_axe_has_no_complaint(
    office: Office, pages: str, browser: Browser, size: str, language: str
) -> None:
    desk, now = office.field.mission.desk, office.field.clock()
    failed = runs.start_run(desk, "pull", Order("schedule"), now, "here", 1)
    runs.end_run(desk, failed, now, "failed", FAILURE)
    runs.end_run(desk, runs.start_run(desk, "run", Order("schedule"), now, "here", 1), now, "failed", FAILURE)
    recorded(office.field.mission, "doctor", doctor)  # no server: settings show what is amiss
    schedules.set_paused(desk, "pull", True, "maha", now)
    share_links.share(desk, "nord/fiche-zone.pdf", "maha", now, now.replace(year=2030))
    key = worklist.page(desk, states=()).items[0].key
    page = _signed_in(browser, pages, "maha", size, language, "dark" if (size, language) in DARK else "light")
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    many = ("/?tri=constats", "/zones/z07")
    for path in (*PAGES, f"/synchronisations/{failed}", f"/qualite/{key}", "/absent", *many):
        if path == many[0]:
            sixty(office)
        page.goto(pages + path)
        for closed in page.query_selector_all("details:not([open]) > summary"):
            closed.click()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if PICTURES:
            name = path.strip("/").partition("?")[0].replace("/", "-") or "tableau-de-bord"
            page.screenshot(path=str(Path(PICTURES) / f"{name}-{size}-{language}.png"), full_page=True)
        assert wide == 0, f"{path} is {wide} px too wide"
        assert page.evaluate(CUT) == [], path
        active = page.query_selector(".menu a[aria-current]")
        box = active.bounding_box() if active else None
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= SIZES[size][0]), f"{path}: the tab is cut"
        assert _complaints(page) == [], path
    assert [fault for fault in faults if "404" not in fault] == []
    page.context.close()


def test_the_findings_are_on_paper(office: Office, pages: str, browser: Browser, tmp_path: Path) -> None:
    """Part 8, B31: the list sat in a form that the print style hid."""
    page = _signed_in(browser, pages, "maha")
    item = worklist.page(office.field.mission.desk, states=()).items[0]

    def printed(path: str) -> str:
        page.goto(pages + path)
        page.pdf(path=str(tmp_path / "page.pdf"))
        text = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True)
        return " ".join(text.stdout.decode().split())

    for path in ("/qualite", f"/qualite/{item.key}"):
        words = printed(path)
        assert item.rule in words and " ".join(translated(item.message, "fr").split()) in words, path
        assert "Fausse alerte" not in words and "Filtrer" not in words and "Se déconnecter" not in words
    words = printed("/reglages")
    assert "checks.exclude" in words and "Menu" not in words, "what is closed on the screen is content too"
    sixty(office)
    words = printed("/")
    assert "Zone d’essai 00 1/3" in words and "Zone d’essai 59 1/3" in words and "Trier par" not in words
    page.context.close()


def test_the_sign_in_page_and_a_wrong_password(pages: str, browser: Browser) -> None:
    page = browser.new_context(locale="fr-FR").new_page()
    page.goto(f"{pages}/qualite")
    assert _complaints(page) == []
    page.fill("#username", "maha")
    page.fill("#password", "pas la bonne phrase")
    page.click("main button")
    assert "incorrect" in page.inner_text("[role=alert]") and _complaints(page) == []
    page.fill("#password", SENTENCE)
    page.click("main button")
    page.wait_for_url(f"{pages}/qualite")
    page.context.close()


def test_staff_start_a_run_see_it_live_and_pause_a_job(office: Office, pages: str, browser: Browser) -> None:
    desk = office.field.mission.desk
    page = _signed_in(browser, pages, "maha", "phone")
    assert "Tableau de bord" in page.inner_text("nav summary"), "the closed menu says where one is"
    page.click("nav summary")
    page.click("nav >> text=Synchronisations")
    assert "Synchronisations" in page.inner_text("nav summary") and not page.is_visible(".menu ul")
    page.click("button:text-is('Relever')")
    assert "est demandé" in page.inner_text("[role=status]") and office.woken
    assert [wish.asked_by for wish in schedules.wishes(desk)] == ["maha"]
    # The service takes the wish: the page tells by itself, and again when the run is over.
    schedules.grant(desk, schedules.wishes(desk))
    runs.take_lease(desk, "me", "here", 1, office.field.clock())
    run_id = runs.start_run(desk, "pull", Order("person", "maha"), office.field.clock(), "here", 1)
    runs.beat(desk, "me", run_id, {"what": "visites", "done": 40, "total": 100})
    page.wait_for_selector("h2:has-text('En cours : Relève')")
    runs.beat(desk, "me", run_id, {"what": "visites", "done": 90, "total": 100})
    page.wait_for_selector("[data-progress][value='90']")
    runs.end_run(desk, run_id, office.field.clock(), "done", {"counts": {"pull.new": 3}})
    page.wait_for_selector("h2:has-text('Aucun travail en cours')")
    assert "3 nouvelles soumissions" in page.inner_text("table")
    page.click("section[aria-labelledby=job-pull] button:has-text('Mettre en pause')")
    assert "en pause" in page.inner_text("section[aria-labelledby=job-pull]")
    page.click("section[aria-labelledby=job-pull] summary")
    page.select_option("#m-pull", "30")
    page.click("section[aria-labelledby=job-pull] button[value=every]")
    assert schedules.settings(desk)["pull"].expressions == ("every 30 min",)
    page.context.close()


def test_a_consultant_judges_findings_and_shares_a_sheet(office: Office, pages: str, browser: Browser) -> None:
    desk = office.field.mission.desk
    worklist.refresh(
        desk,
        [Finding("DATA002", "warning", f"p {n}", f"même nom {n}", root_uuid=f"r{n}") for n in range(3)],
        office.field.clock(),
    )
    page = _signed_in(browser, pages, "lea")
    page.click("nav >> text=Qualité")
    page.select_option("#f-rule", "DATA002")
    page.click("button:text-is('Filtrer')")
    page.check("[data-check-all]")
    page.fill("#note", "vu avec l’équipe")
    page.click("button[value=accepted]")
    assert worklist.counts(desk)["accepted"] == 3
    page.click("nav >> text=Livrables")
    with page.expect_download() as taken:
        page.click("section[aria-labelledby=place-nord] a:has-text('fiche-zone.pdf')")
    assert Path(taken.value.path()).read_bytes() == made(office, "nord/fiche-zone.pdf").read_bytes()
    assert page.query_selector("text=liste-presence.docx") is None
    page.click("button[aria-label='Créer un lien vers nord/fiche-zone.pdf']")
    link = pages + page.input_value("input.copy")  # public_url is empty: no host stands before the path
    stranger = browser.new_context(accept_downloads=True).new_page()
    with stranger.expect_download() as shared:
        stranger.evaluate("url => { window.location = url }", link)
    assert Path(shared.value.path()).read_bytes()[:4] == b"%PDF"
    page.click("button:has-text('Révoquer')")
    assert stranger.goto(link).status == 410  # type: ignore[union-attr]
    stranger.context.close()
    page.context.close()


def test_a_reader_looks_and_nothing_more(pages: str, browser: Browser) -> None:
    page = _signed_in(browser, pages, "rachid", "phone", "ar")
    assert page.get_attribute("html", "dir") == "rtl"
    for path in ("/", "/collecte", "/qualite", "/synchronisations", "/livrables", "/formulaires"):
        page.goto(pages + path)
        buttons = [button.inner_text() for button in page.query_selector_all("main form[method=post] button")]
        assert buttons == [], path
    assert page.goto(f"{pages}/reglages").status == 403  # type: ignore[union-attr]
    page.context.close()


def test_the_keyboard_reaches_the_content_first(pages: str, browser: Browser) -> None:
    page = _signed_in(browser, pages, "maha")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.context.close()


def test_paper_stays_light_on_a_dark_screen(pages: str, browser: Browser) -> None:
    page = _signed_in(browser, pages, "maha", scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 31)"
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 39, 51)"
    page.context.close()


@pytest.mark.parametrize(("size", "language", "scheme"), SHOWN)
def test_a_submission_is_had_by_the_keyboard(
    office: Office, pages: str, browser: Browser, size: str, language: str, scheme: Scheme
) -> None:
    """One with repeats within repeats, and a finding that names another row."""
    receive(office, with_form(office))
    table = schema.submissions
    with office.field.mission.store.read() as connection:
        other = connection.execute(sa.select(table.c.root_uuid).where(table.c.form_id == "personnes")).scalars().first()
    finding = Finding("DATA002", "warning", "p", "x", form_id="foyers", root_uuid=ROOT, other_row=f"personnes/{other}")
    worklist.refresh(office.field.mission.desk, [finding], office.field.clock())
    page = _signed_in(browser, pages, "nora", size, language, scheme)
    page.goto(f"{pages}/collecte")
    page.focus("#row")
    page.keyboard.type("900")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{pages}/lignes/foyers/{ROOT}")
    page.focus("main summary")
    page.keyboard.press("Enter")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0 and page.evaluate(CUT) == [] and _complaints(page) == []
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"ligne-{size}-{language}-{scheme}.png"), full_page=True)
    page.goto(f"{pages}/collecte/personnes/envois?compte=maha")
    assert page.evaluate(CUT) == [] and _complaints(page) == []
    page.context.close()


def test_two_browsers_start_a_run_at_once(office: Office, pages: str, browser: Browser) -> None:
    one, two = _signed_in(browser, pages, "maha"), _signed_in(browser, pages, "lea")
    for page in (one, two):
        page.goto(f"{pages}/synchronisations")
    one.click("button:text-is('Tout faire')")
    two.click("button:text-is('Tout faire')")
    assert "déjà demandé" in two.inner_text("[role=status]")
    assert len(schedules.wishes(office.field.mission.desk)) == 1
    one.context.close()
    two.context.close()

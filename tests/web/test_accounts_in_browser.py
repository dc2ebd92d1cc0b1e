"""Accounts and one-time links in a real browser: every width and language, axe, and a journey by keyboard alone (part 11, B10 and B16)."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from test_browser import CUT, PICTURES, SHOWN, SIZES, Scheme, _complaints, _signed_in, browser, pytestmark  # noqa: F401
from web_office import SENTENCE, Office

from kobo_sync.desk import accounts, one_time_links, schema

NEW = "trois chameaux sur un toit"


def _look(page: Page, name: str, size: str, language: str) -> None:
    """The page fits, is complained of by nobody, and is kept where pictures are wanted."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}-{size}-{language}.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, name
    assert page.evaluate(CUT) == [], name
    assert _complaints(page) == [], name


@pytest.mark.parametrize(("size", "language", "scheme"), SHOWN)
def test_the_pages_fit_and_axe_has_no_complaint(
    office: Office, pages: str, browser: Browser, size: str, language: str, scheme: Scheme  # noqa: F811
) -> None:  # fmt: skip
    desk, now = office.field.mission.desk, office.field.clock()
    accounts.close_user(desk, "rachid", now, "amina")
    page = _signed_in(browser, pages, "amina", size, language, scheme)
    page.goto(f"{pages}/comptes")
    for closed in page.query_selector_all("details:not([open]) > summary"):
        closed.click()
    _look(page, "comptes", size, language)
    page.fill("#new-username", "x")
    page.evaluate("document.querySelector('#new-username').removeAttribute('minlength')")
    page.click("form[action$=ajouter] button")
    assert page.input_value("#new-username") == "x"
    _look(page, "comptes-refus", size, language)
    page.fill("#new-username", "zineb")
    page.fill("#new-name", "زينب العلوي")
    page.click("form[action$=ajouter] button")
    link = page.input_value("#link")
    _look(page, "comptes-lien", size, language)
    page.goto(pages + link)
    _look(page, "acces", size, language)
    page.goto(f"{pages}/acces/absent")
    _look(page, "acces-fini", size, language)
    with desk.begin() as connection:
        connection.execute(schema.users.delete().where(schema.users.c.role == "administrator"))
    page.goto(f"{pages}/acces/{one_time_links.make_link(desk, one_time_links.FIRST, '', now)}")
    _look(page, "acces-premier", size, language)
    page.context.close()


@pytest.mark.parametrize(("size", "language"), [("phone", "ar"), ("desktop", "fr")])
def test_by_keyboard_alone_a_person_gets_an_account_and_comes_in(
    office: Office, pages: str, browser: Browser, size: str, language: str  # noqa: F811
) -> None:  # fmt: skip
    page = _signed_in(browser, pages, "amina", size, language)

    def go_to(selector: str) -> None:
        for _ in range(120):
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")

    if size == "phone":
        go_to(".menu summary")
        page.keyboard.press("Enter")
    go_to(".menu a[href='/comptes']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{pages}/comptes")
    go_to("main details summary")  # not the menu
    page.keyboard.press("Enter")
    go_to("#new-username")
    page.keyboard.type("zineb")
    go_to("#new-role")
    page.keyboard.press("ArrowDown")  # from reader, the first and least, to consultant
    go_to("form[action$=ajouter] button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#link")
    link = page.input_value("#link")
    zineb = accounts.user(office.field.mission.desk, "zineb")
    assert zineb is not None and zineb.role == "consultant"
    width, height = SIZES[size]
    page = browser.new_context(viewport={"width": width, "height": height}, locale=f"{language}-MA").new_page()
    page.goto(pages + link)
    for field in ("#password", "#again"):
        go_to(field)
        page.keyboard.type(NEW)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{pages}/")
    assert page.inner_text(".who a") == "zineb"
    page.goto(pages + link)
    assert page.inner_text("h1") == {"fr": "Lien expiré", "ar": "رابط منتهي الصلاحية"}[language]
    assert accounts.check(office.field.mission.desk, "zineb", SENTENCE, "::1", office.field.clock()).user is None
    page.context.close()


def test_an_administrator_changes_closes_and_opens(office: Office, pages: str, browser: Browser) -> None:  # noqa: F811
    page = _signed_in(browser, pages, "amina")
    page.goto(f"{pages}/comptes")
    page.click("#c-lea summary")
    page.select_option("#r-lea", "staff")
    page.click("#c-lea form[action$=changer] button")
    assert "modifié" in page.inner_text("[role=status]")
    page.click("#c-lea form[action$=fermer] button")
    assert "fermé" in page.inner_text("[role=status]") and "fermé" in page.inner_text("#c-lea")
    page.click("#c-lea form[action$=ouvrir] button")
    page.click("#c-amina form[action$=fermer] button")
    assert "dernier" in page.inner_text("[role=alert]")
    lea = accounts.user(office.field.mission.desk, "lea")
    assert lea is not None and lea.role == "staff" and lea.disabled_at is None
    page.context.close()

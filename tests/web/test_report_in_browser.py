"""The report's page and the papers to print in a real browser: each language and width, axe-core, the keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from test_browser import CUT, SHOWN, Scheme, _complaints, _signed_in, browser, pytestmark  # noqa: F401
from test_report_page import NAME, PAGE, made_once, place, upload, with_paragraph, without_a_block  # noqa: F401
from web_office import Office

from kobo_sync.desk import schedules

FILE_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(("size", "language", "scheme"), SHOWN)
def test_the_pages_fit_and_axe_has_no_complaint(
    office: Office, pages: str, browser: Browser, size: str, language: str, scheme: Scheme  # noqa: F811
) -> None:  # fmt: skip
    upload(office.client("lea"), without_a_block(place(office).read_bytes())[0])
    page = _signed_in(browser, pages, "nora", size, language, scheme)
    for path in (PAGE, "/livrables/imprimer", "/livrables"):
        page.goto(pages + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, path
        assert page.evaluate(CUT) == [] and _complaints(page) == [], path
    page.context.close()


def test_a_report_goes_in_by_the_browser(office: Office, pages: str, browser: Browser) -> None:  # noqa: F811
    edited = with_paragraph(place(office).read_bytes(), "Écrit dans Word.")
    page = _signed_in(browser, pages, "lea", "phone")
    page.goto(f"{pages}/livrables")
    page.click("text=Rapport final et livraison")
    page.set_input_files("#brought", [{"name": NAME, "mimeType": FILE_TYPE, "buffer": edited}])
    page.press("text=Envoyer et vérifier", "Enter")
    page.wait_for_selector("text=Rapport en attente")
    page.press("text=Le mettre à la place du rapport actuel", "Enter")
    page.wait_for_selector("text=Le rapport est en place")
    assert place(office).read_bytes() == edited
    page.context.close()


def test_a_consultant_prints_badges_and_delivers_finally(office: Office, pages: str, browser: Browser) -> None:  # noqa: F811
    page = _signed_in(browser, pages, "nora")
    page.goto(f"{pages}/livrables")
    page.click("main a[href='/livrables/imprimer']")
    with page.expect_download() as taken:
        page.click("form[action$='badges.pdf'] button")
    assert Path(taken.value.path()).read_bytes()[:4] == b"%PDF"
    page.click(".crumb a")
    page.click("text=Rapport final et livraison")
    for box in page.query_selector_all("section[aria-labelledby=final-title] input[name=despite]"):
        box.check()
    page.click("section[aria-labelledby=final-title] button")
    page.wait_for_selector("[role=status]")
    wishes = schedules.wishes(office.field.mission.desk)
    assert [(wish.job, wish.asked_by) for wish in wishes] == [("final", "nora")] and office.woken
    page.context.close()

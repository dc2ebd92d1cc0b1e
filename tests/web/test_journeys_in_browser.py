"""From a finding to the rows that it is about, and from an account to what it sent, in a real browser. Part 11, B12 and B16."""

from __future__ import annotations

from playwright.sync_api import Browser
from test_answer_sheet import ROOT, receive, with_form
from test_browser import _signed_in, browser, pytestmark  # noqa: F401
from web_office import Office

from kobo_sync.desk import access_log, worklist
from kobo_sync.model import Finding


def test_staff_go_from_a_finding_to_both_rows_and_to_the_server(office: Office, pages: str, browser: Browser) -> None:  # noqa: F811
    receive(office, with_form(office))
    finding = Finding("DATA002", "warning", "foyers, soumission 900", "même foyer", form_id="foyers", root_uuid=ROOT)
    worklist.refresh(office.field.mission.desk, [finding], office.field.clock())
    page = _signed_in(browser, pages, "nora")
    page.click("nav >> text=Qualité")
    page.select_option("#f-rule", label="DATA002 Personne inscrite deux fois (1)")
    page.click("button:text-is('Filtrer')")
    page.click("text=même foyer")
    page.click("main .grid a:has-text('Foyers')")
    page.wait_for_url(f"{pages}/lignes/foyers/{ROOT}")
    table = page.locator("table:has(caption:text-is('Parcelle, Culture'))")
    assert table.locator("tbody tr").count() == 3 and "Eau – Puits" in table.inner_text()
    assert access_log.downloads(office.field.mission.desk, 1)[0].path == f"rows/foyers/{ROOT}"
    page.click("text=même foyer")
    page.wait_for_url("**/qualite/*")
    page.context.close()


def test_a_consultant_goes_from_an_account_to_what_it_sent(office: Office, pages: str, browser: Browser) -> None:  # noqa: F811
    page = _signed_in(browser, pages, "lea", "phone")
    page.click("nav summary")
    page.click("nav >> text=Collecte")
    page.click("main table a:has-text('Personnes')")
    page.click("section[aria-labelledby=senders] a:has-text('maha')")
    page.click("main table a >> nth=0")
    page.wait_for_url("**/lignes/personnes/*")
    assert "réservé" in page.inner_text("main") and "Collecte" in page.inner_text("nav summary")
    page.context.close()

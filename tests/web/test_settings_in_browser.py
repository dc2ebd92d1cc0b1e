"""Settings, zones and their changes in a real browser: by keyboard, in three languages, on phone and desktop, as axe wants them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from test_browser import CHROMIUM, CUT, SHOWN, Scheme, _complaints, _signed_in
from web_office import Office

from kobo_sync.desk import schedules
from kobo_sync.desk.changes import changes

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed (Debian: apt install chromium)"),
]
PARTS = ("mission", "demi-journees", "quotas", "avis", "horaires", "conservation")
ZONES = "/reglages/listes/zones.csv"
PICTURES = os.environ.get("KOBO_SYNC_PICTURES")  # a folder: every page looked at is kept there


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Browser:
    """The one of the whole run."""
    return chromium


def _looked_at(page: Page, name: str, size: str, language: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"settings-{name}-{size}-{language}.png"), full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{name} is {wide} px too wide"
    assert page.evaluate(CUT) == [], name
    assert _complaints(page) == [], name


@pytest.mark.parametrize(("size", "language", "scheme"), SHOWN)
def test_every_page_fits_and_axe_has_no_complaint(
    office: Office, pages: str, browser: Browser, size: str, language: str, scheme: Scheme
) -> None:
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    session = '[[sessions]]\ncode = "matin"\nlabel = { fr = "Matin" }\nstarts = "09:00"\nends = "12:30"\n'
    path.write_text(path.read_text("utf-8") + session, "utf-8")
    schedules.set_expressions(office.field.mission.desk, "pull", ["every 30 min"], "maha", office.field.clock())
    page = _signed_in(browser, pages, "amina", size, language, scheme)
    for part in PARTS:
        page.goto(f"{pages}/reglages/modifier/{part}")
        _looked_at(page, part, size, language)
    page.goto(f"{pages}/reglages/modifier/quotas")
    page.fill("[name='quotas.default.a']", "beaucoup")
    page.click("main form button:not(.quiet)")
    _looked_at(page, "fault", size, language)
    page.goto(f"{pages}/reglages/modifier/mission")
    page.fill("[name='mission.title']", "Mission de la page")
    path.write_text(path.read_text("utf-8").replace("Mission d’essai", "Mission du dossier"), "utf-8")
    page.click("main form button:not(.quiet)")
    _looked_at(page, "clash", size, language)
    page.check("input[value=mine]")
    page.click("main form button:not(.quiet)")
    page.goto(pages + ZONES)
    page.click("#upload")
    _looked_at(page, "zones", size, language)
    file = {"name": "zones.csv", "mimeType": "text/csv", "buffer": b"code,label_fr\nsud,Grand Sud\nest,Est\n"}
    page.set_input_files("#file", files=[file])  # type: ignore[list-item]
    page.click("form[enctype] button")
    page.wait_for_url("**/apercu**")
    _looked_at(page, "preview", size, language)
    page.check("[name=sure]")
    page.click("main form button")
    page.goto(f"{pages}/reglages/changements")
    _looked_at(page, "changes", size, language)
    page.goto(f"{pages}/journal?verifier=1")
    _looked_at(page, "journal", size, language)
    page.goto(f"{pages}/personnes")
    _looked_at(page, "persons", size, language)
    page.goto(f"{pages}/reglages")
    _looked_at(page, "start", size, language)
    page.context.close()


def test_a_date_and_a_quota_by_keyboard_alone(office: Office, pages: str, browser: Browser) -> None:
    page = _signed_in(browser, pages, "amina")
    page.goto(f"{pages}/reglages")
    page.focus("main a:has-text('Mission et dates')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/modifier/mission")
    _tab_to(page, "mission.ends_on")
    page.keyboard.type("02142025")  # as this browser writes days
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    assert f"{office.field.reopen().config.mission.ends_on}" == "2025-02-14"
    page.focus("main a:has-text('Groupes et quotas')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/modifier/quotas")
    _tab_to(page, "quotas.zones.nord.a")
    page.keyboard.type("douze")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    field = page.locator("[name='quotas.zones.nord.a']")
    told = page.locator(f"[id='{field.get_attribute('aria-describedby')}']")
    assert field.input_value() == "douze" and "nombre entier" in told.inner_text()
    _tab_to(page, "quotas.zones.nord.a")
    page.keyboard.press("Control+a")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    assert office.field.reopen().config.quotas.zones["nord"]["a"] == 12
    page.goto(f"{pages}/reglages/changements")
    assert "maha" not in page.inner_text("main") and "14/02/2025" in page.inner_text("main")
    page.focus("#c-2 button")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    assert office.field.reopen().config.quotas.zones == {}
    assert changes(office.field.mission.desk)[0].undoes == 2
    page.context.close()


def test_a_hand_edit_at_once_is_shown_and_chosen(office: Office, pages: str, browser: Browser) -> None:
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    page = _signed_in(browser, pages, "amina", "phone", "ar")
    page.goto(f"{pages}/reglages/modifier/quotas")
    page.fill("[name='quotas.default.a']", "20")
    page.fill("[name='quotas.default.b']", "21")
    path.write_text(path.read_text("utf-8").replace("a = 2\n", "a = 9  # vu avec l’équipe\n"), "utf-8")
    page.click("main form button:not(.quiet)")
    assert "a = 9  # vu" in path.read_text("utf-8") and "b = 1" in path.read_text("utf-8")
    page.check("input[name='choice:quotas.default.a'][value=theirs]")
    page.click("main form button:not(.quiet)")
    page.wait_for_selector("[role=status]")
    text = path.read_text("utf-8")
    assert "a = 9  # vu avec l’équipe" in text and "b = 21" in text
    page.context.close()


def test_zones_of_an_arabic_windows_are_seen_confirmed_and_taken_back(
    office: Office, pages: str, browser: Browser
) -> None:
    path = office.field.mission.workspace.root / "config" / "zones.csv"
    before = path.read_bytes()
    page = _signed_in(browser, pages, "amina")
    page.goto(pages + ZONES)
    page.click("#upload")
    content = "code;label_fr;label_ar\r\nnord;Nord;الشمال الكبير\r\nsud;Sud;الجنوب\r\nest;L’Est;الشرق\r\n".encode(
        "cp1256"
    )
    page.set_input_files("#file", files=[{"name": "zones.csv", "mimeType": "text/csv", "buffer": content}])
    page.click("form[enctype] button")
    page.wait_for_url("**/apercu**")
    shown = page.inner_text("main")
    assert "Windows-1256" in shown and "الشمال الكبير" in shown and "الشرق" in shown and path.read_bytes() == before
    page.click("main form button")
    page.wait_for_url(f"**{ZONES}")
    assert "الشمال الكبير" in path.read_text("utf-8") and ",NOR" in path.read_text("utf-8")
    page.goto(f"{pages}/reglages/changements")
    page.click("#c-1 button")
    page.wait_for_selector("[role=status]")
    assert path.read_bytes() == before
    page.context.close()


def _tab_to(page: Page, name: str) -> None:
    """As somebody without a mouse goes there."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"{name} is not reached by the keyboard")

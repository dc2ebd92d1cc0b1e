"""The pages of a mission on ODK Central in a real browser: its server, its forms to adopt, its phones; an administrator's journey and the staff's."""

from __future__ import annotations

from pathlib import Path

import pytest
from central_office import Office
from playwright.sync_api import Browser, Page
from test_browser import CUT, PICTURES, SHOWN, Scheme, _complaints, _signed_in, browser, pytestmark  # noqa: F401
from web_workshop import Workshop

from kobo_sync.steps import enrol

ON_CENTRAL = tuple[Workshop, Office]


def _look(page: Page, name: str, size: str, language: str) -> None:
    """The page fits, is complained of by nobody, and is kept where pictures are wanted."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"central-{name}-{size}-{language}.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, name
    assert page.evaluate(CUT) == [], name
    assert _complaints(page) == [], name


@pytest.mark.parametrize(("size", "language", "scheme"), SHOWN)
def test_the_pages_fit_and_axe_has_no_complaint(
    on_central: ON_CENTRAL, browser: Browser, size: str, language: str, scheme: Scheme, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    workshop, office = on_central
    office.phone("tablette-1")
    page = _signed_in(browser, workshop.url, "amina", size, language, scheme)
    page.goto(f"{workshop.url}/serveur")
    page.fill("#project", "99")
    page.click("button[value=keep]")
    page.wait_for_selector("[name=despite]")
    _look(page, "server", size, language)
    for path in ("/serveur/projets", "/telephones"):
        page.goto(workshop.url + path)
        _look(page, path.rpartition("/")[2], size, language)
    page.fill("#phone-name", "tablette-2")
    page.press("#phone-name", "Enter")
    page.wait_for_selector("#refusal")  # this machine's own address, which no phone reaches
    _look(page, "phone-refused", size, language)
    monkeypatch.setattr(enrol, "leads_here", lambda _address: False)
    page.press("#phone-name", "Enter")
    page.wait_for_selector("img.qr")
    _look(page, "phone-with-its-code", size, language)
    page.context.close()


def test_another_project_is_chosen_and_a_lost_phone_is_revoked(on_central: ON_CENTRAL, browser: Browser) -> None:  # noqa: F811
    workshop, office = on_central
    office.add_project("Mission B")
    lost = office.phone("tablette-1", project=2)
    page = _signed_in(browser, workshop.url, "amina")
    page.click("nav >> text=Réglages")
    page.press("main .tabs a[href='/serveur']", "Enter")
    page.press("button[value=try]", "Enter")
    page.wait_for_selector("section[aria-labelledby=seen]:has-text('Mission B')")
    page.fill("#project", "2")
    page.press("button[value=keep]", "Enter")
    page.wait_for_selector("text=sont gardés")
    assert "project = 2" in (workshop.root / "config" / "mission.toml").read_text("utf-8")
    page.context.close()
    page = _signed_in(browser, workshop.url, "maha", "phone")
    page.goto(f"{workshop.url}/telephones")
    page.press("button[aria-label*='tablette-1']", "Enter")
    page.wait_for_selector("text=ne peut plus rien envoyer")
    assert lost.deleted_at or not lost.token
    page.context.close()

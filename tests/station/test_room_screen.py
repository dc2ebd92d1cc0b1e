"""The room's screen in a browser: in its language, with the others a click away. Part 11, A5 and B16."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from cli.test_own_station import serving
from conftest import write_workspace
from playwright.sync_api import Browser

from kobo_sync.language.speaking import NAMES
from kobo_sync.station.room.pages import fixed_texts

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
        reason="Chromium is not installed",
    ),
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(write_workspace(tmp_path_factory.mktemp("salle") / "mission").root) as (url, _):
        yield url


@pytest.mark.parametrize(
    ("locale", "query", "language"),
    [
        ("fr-FR", "", "fr"),
        ("en-GB", "", "en"),
        ("ar-MA", "", "ar"),
        ("es-ES", "", "fr"),  # the documents'
        ("en-GB", "?langue=ar", "ar"),
        ("ar-MA", "?langue=es", "ar"),
    ],
)
def test_the_screen_speaks_the_browsers_language(
    station: str, chromium: Browser, locale: str, query: str, language: str
) -> None:
    page = chromium.new_context(locale=locale, viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{station}/salle{query}")
    page.wait_for_selector("#codes figure")

    def speaks(code: str) -> None:
        assert page.get_attribute("html", "lang") == code
        assert page.get_attribute("html", "dir") == ("rtl" if code == "ar" else "ltr")
        for section in ("checks", "arrivals", "forms", "join"):
            assert page.inner_text(f"#{section} h2") == fixed_texts()[section][code]
        others = [name for each, name in NAMES.items() if each != code]
        assert page.locator("#languages button").all_inner_texts() == others

    speaks(language)
    violations = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in violations] == []
    other = next(code for code in NAMES if code != language)
    page.click(f"#languages button[lang={other}]")
    speaks(other)
    page.reload()
    page.wait_for_selector("#codes figure")
    speaks(other)
    page.context.close()

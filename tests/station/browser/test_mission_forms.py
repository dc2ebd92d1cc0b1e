"""The mission's seven forms, filled, signed and submitted in a browser as people do it. Part 9, 4."""

from __future__ import annotations

import io
import re
from pathlib import Path
from random import Random

import pytest
from browser_room import REPO, Open, Room, is_sent
from browser_walker import Walker, flattened
from PIL import Image

from kobo_sync.forms.xlsform import read_form

pytestmark = pytest.mark.browser
FORMS = sorted(path.stem for path in (REPO / "forms").glob("*.xlsx"))
# What leads through the whole form: consent, somebody who is on the list, a code.
GIVEN = {
    "consentement": "oui", "accord_photo": "oui", "accord_demande": "oui", "mode_identification": "liste",
    "zone": "bertat", "mode_code": "numero", "mode_reponse": "petit_groupe",
}  # fmt: skip
BY_ITSELF = {"start", "end", "today", "deviceid", "username", "audit"}  # what a phone notes


@pytest.mark.parametrize("size", ["phone", "desktop"])
@pytest.mark.parametrize("lang", ["fr", "ar"])
@pytest.mark.parametrize("form_id", FORMS)
def test_what_was_entered_is_what_is_stored(
    form_id: str, lang: str, size: str, mission: Room, open_form: Open, photo: Path
) -> None:
    before = len(mission.rows(mission.uids[form_id]))
    page = open_form(mission, form_id, size=size, lang=lang)
    assert page.get_attribute("form.or", "dir") == ("rtl" if lang == "ar" else "ltr")
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    walker = Walker(page, GIVEN, [photo], Random(f"{form_id} {lang} {size}"))
    entered = walker.fill()
    walker.finish()
    is_sent(page, 1)
    rows = mission.rows(mission.uids[form_id])
    assert len(rows) == before + 1
    row = flattened(rows[-1])
    assert {path: row.get(path) for path in entered} == entered
    form = read_form((REPO / "forms" / f"{form_id}.xlsx").read_bytes(), form_id + ".xlsx")
    computed = {each.path for each in form.questions if each.calculation or each.kind in BY_ITSELF}
    surplus = {re.sub(r"\[\d+\]", "", path) for path in row.keys() - entered.keys()}
    assert {
        path for path in surplus - computed if not re.match("meta/|formhub/uuid|__version__|.*_count$", path)
    } == set()
    assert row.get("username", "salle") == "salle" and row.get("deviceid", "web:").startswith("web:")
    for each in form.questions:
        if each.kind == "image" and each.path in entered:
            content = mission.file_of(rows[-1], row[each.path])
            picture = Image.open(io.BytesIO(content))
            assert max(picture.size) <= 1280, each.path
            assert each.appearance or picture.format == "JPEG"
            assert picture.convert("RGBA").getextrema() != tuple(
                [(n, n) for n, _ in picture.convert("RGBA").getextrema()]
            )


def test_the_form_is_in_the_language_chosen_and_so_are_its_complaints(mission: Room, open_form: Open) -> None:
    page = open_form(mission, "inscription", size="phone", lang="ar")
    page.click(".next-page")
    assert page.locator(".invalid-required").count() == 1
    assert "إجباري" in page.locator(".invalid-required .or-required-msg.active").inner_text()
    page.locator("#form-languages").select_option("fr")
    assert page.get_attribute("html", "lang") == "fr" and page.get_attribute("html", "dir") == "ltr"
    assert page.locator(".next-page").inner_text() == "Suivant"
    assert page.locator(".invalid-required .or-required-msg.active").inner_text() == "Cette réponse est obligatoire."

"""What was filled in a browser is never lost, and never there twice. Part 9, 4 and 9."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser_room import (
    CHROMIUM,
    PASSWORD,
    QUIET,
    SIZES,
    Open,
    Room,
    book,
    enter,
    is_sent,
    new_station,
    signed_in,
)
from browser_walker import Walker, flattened
from playwright.sync_api import Browser, Page, Playwright, Route

pytestmark = pytest.mark.browser
SURVEY = [
    {"type": "start", "name": "start", "label": ""},
    {"type": "text", "name": "nom", "label": "Nom", "required": "yes"},
    {"type": "image", "name": "photo", "label": "Photo", "parameters": "max-pixels=400"},
    {"type": "image", "name": "signature", "label": "Signature", "appearance": "signature"},
]


@pytest.fixture
def small(room: Room) -> Room:
    """A station with one small form."""
    room.uids["essai"] = room.publish(book(SURVEY, form_id="essai", instance_name="${nom}"))
    return room


def finish(page: Page, name: str = "Amina") -> None:
    page.fill("input[name$='/nom']", name)
    page.press("input[name$='/nom']", "Tab")
    page.click(".finish")
    page.wait_for_selector(".card.done")


def again(page: Page) -> None:
    page.click("button.again")
    page.wait_for_selector("body[data-ready]")


def names(room: Room) -> list[str]:
    return [row["nom"] for row in room.rows(room.uids["essai"])]


def test_what_is_filled_while_the_station_is_away_goes_when_it_is_back(
    small: Room, open_form: Open, photo: Path
) -> None:
    page = open_form(small, "essai", size="phone")
    small.away()
    walker = Walker(page, files=[photo])
    entered = walker.fill()
    walker.finish()
    page.wait_for_selector("footer [data-waiting='1']")
    page.wait_for_selector("footer .trouble:has-text('Le poste ne répond pas')")
    again(page)  # the open page goes on
    finish(page, "Brahim")
    page.wait_for_selector("footer [data-waiting='2']")
    small.back()
    page.click("footer button")
    is_sent(page, 2)
    rows = small.rows(small.uids["essai"])
    assert [row["nom"] for row in rows] == [entered["nom"], "Brahim"]  # in the order in which they were finished
    assert {path: flattened(rows[0])[path] for path in entered} == entered
    assert len(small.file_of(rows[0], entered["signature"])) > 500
    left = page.evaluate(DUMP)
    assert left["queue"] == left["drafts"] == 0  # what went leaves the browser


DUMP = """() => new Promise((done) => {
  const asked = indexedDB.open('kobo-sync');
  asked.onsuccess = () => {
    const counts = {};
    const transaction = asked.result.transaction(['drafts', 'queue', 'forms'], 'readonly');
    for (const name of ['drafts', 'queue', 'forms'])
      transaction.objectStore(name).count().onsuccess = (event) => (counts[name] = event.target.result);
    transaction.oncomplete = () => { asked.result.close(); done(counts); };
  };
})"""


def test_the_queue_is_sent_by_itself(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai")
    small.away()
    finish(page)
    page.wait_for_selector("footer [data-waiting='1']")
    small.back()
    page.evaluate("() => window.dispatchEvent(new Event('online'))")
    is_sent(page, 1)
    assert names(small) == ["Amina"]


def test_it_works_over_plain_http_as_in_the_room(small: Room, playwright: Playwright, photo: Path) -> None:
    """There browsers give pages neither locks nor workers nor cryptography."""
    rules = f"--host-resolver-rules=MAP poste.example 127.0.0.1:{small.port}"
    with playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, rules]) as browser:
        page = browser.new_context(**SIZES["phone"]).new_page()
        url = f"http://poste.example:{small.port}"
        enter(page, url)
        page.goto(f"{url}/f/essai")
        page.wait_for_selector("body[data-ready]")
        assert (
            page.evaluate("() => [isSecureContext, 'locks' in navigator, 'serviceWorker' in navigator]") == [False] * 3
        )
        small.away()
        walker = Walker(page, files=[photo])
        entered = walker.fill()
        walker.finish()
        page.wait_for_selector("footer [data-waiting='1']")
        small.back()
        page.click("footer button")
        is_sent(page, 1)
        assert flattened(small.rows(small.uids["essai"])[0])["signature"] == entered["signature"]


def test_an_answer_that_is_lost_leaves_one_row(small: Room, open_form: Open) -> None:
    """The station takes it, the connection drops before the page hears so: the same instanceID comes again."""
    page = open_form(small, "essai")
    posted: list[bytes] = []

    def drop_the_first(route: Route) -> None:
        posted.append(route.request.post_data_buffer or b"")
        if len(posted) == 1:
            assert route.fetch().status == 201
            route.abort()
        else:
            route.continue_()

    page.route("**/f/-/submission", drop_the_first)
    finish(page)
    page.wait_for_selector("footer .trouble:has-text('Le poste ne répond pas')")
    assert names(small) == ["Amina"]
    page.click("footer button")
    is_sent(page, 1)
    assert names(small) == ["Amina"] and len(posted) == 2
    first, second = ({part for part in each.split(b"<") if b"uuid:" in part} for each in posted)
    assert first == second != set()


def test_two_tabs_send_each_once_and_one_draft_is_open_in_one(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai")
    small.away()
    for name in ("Un", "Deux", "Trois"):
        finish(page, name)
        again(page)
    page.fill("input[name$='/nom']", "Brouillon")
    page.press("input[name$='/nom']", "Tab")
    page.wait_for_selector("footer [data-drafts='1']")
    small.back()
    other = page.context.new_page()
    other.goto(f"{small.url}/f/essai")  # it sends as it opens
    other.click("button:has-text('Reprendre')")
    other.wait_for_selector(".notice:has-text('autre onglet')")
    page.evaluate("() => window.dispatchEvent(new Event('online'))")
    is_sent(page, 3)
    is_sent(other, 3)
    assert names(small) == ["Un", "Deux", "Trois"]


def test_tabs_without_locks_do_no_harm(small: Room, open_form: Open) -> None:
    """Over plain http there are no Web Locks: the station keeps one of two equal posts."""
    page = open_form(small, "essai")
    small.away()
    page.context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})")
    for name in ("Un", "Deux"):
        finish(page, name)
        again(page)
    small.back()
    tabs = [page.context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto(f"{small.url}/f/", wait_until="commit")
    for tab in tabs:
        is_sent(tab, 2)
    assert sorted(names(small)) == ["Deux", "Un"]


def test_a_draft_survives_a_reload_and_a_closed_browser(
    small: Room, playwright: Playwright, photo: Path, tmp_path: Path
) -> None:
    def browser() -> tuple[Any, Page]:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=CHROMIUM,
            args=QUIET,
            viewport={"width": 375, "height": 800},
            locale="fr-FR",
        )
        signed_in(context, small)
        page = context.new_page()
        page.goto(f"{small.url}/f/essai")
        return context, page

    context, page = browser()
    page.wait_for_selector("body[data-ready]")
    walker = Walker(page, {"nom": "À reprendre"}, [photo])
    entered = walker.fill()
    identity = page.get_attribute("body", "data-ready")
    page.wait_for_selector(".saved:has-text('enregistré')")
    page.reload()
    page.click("button:has-text('Reprendre')")
    page.wait_for_selector("body[data-ready]")
    assert page.get_attribute("body", "data-ready") == identity
    assert page.input_value("input[name$='/nom']") == "À reprendre"
    page.locator(".file-preview img").wait_for()
    context.close()
    context, page = browser()
    assert "À reprendre" in page.inner_text("ul.rows")
    page.click("button:has-text('Reprendre')")
    page.wait_for_selector("body[data-ready]")
    page.click(".finish")
    is_sent(page, 1)
    (row,) = small.rows(small.uids["essai"])
    assert {path: flattened(row)[path] for path in entered} == entered
    assert f"uuid:{row['_uuid']}" == identity
    assert len(small.file_of(row, entered["signature"])) > 500
    assert small.file_of(row, entered["photo"])[:3] == b"\xff\xd8\xff"
    context.close()


def test_a_session_that_ended_asks_to_sign_in_and_loses_nothing(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai", username="fatima")
    small.clock.forward(hours=13)
    finish(page)
    page.wait_for_selector("footer .trouble:has-text('expiré')")
    page.click("footer a:has-text('Se connecter')")
    page.click("form.signin button.plain")
    page.fill("#username", "fatima")
    page.fill("#secret", PASSWORD)
    page.press("#secret", "Enter")
    is_sent(page, 1)
    (row,) = small.rows(small.uids["essai"])
    assert row["_submitted_by"] == "fatima"


def test_what_is_refused_is_kept_and_told(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai")
    uid = small.uids["essai"]
    small.api("PATCH", f"{uid}/deployment/", json={"active": False})
    finish(page)
    page.click("footer a.refused")
    page.wait_for_selector(".reason:has-text('fermé (405)')")
    small.api("PATCH", f"{uid}/deployment/", json={"active": True})
    page.click("button:has-text('Réessayer')")
    is_sent(page, 1)
    assert names(small) == ["Amina"]
    page.goto(f"{small.url}/f/essai")
    page.wait_for_selector("body[data-ready]")

    def conflict(route: Route) -> None:
        route.fulfill(status=409, body="<x/>") if route.request.method == "POST" else route.continue_()

    page.route("**/f/-/submission", conflict)
    finish(page, "Autre")
    page.wait_for_selector("footer [data-refused='1']")
    page.goto(f"{small.url}/f/")
    page.wait_for_selector(".reason:has-text('même identité (409)')")


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "plus de place"), (500, "occupé"), (429, "occupé"), (200, "refusée"), (302, "ne répond pas")],
)
def test_what_is_no_receipt_is_not_taken_for_one(small: Room, open_form: Open, status: int, words: str) -> None:
    """200 is what a hotel's Wi-Fi answers; a redirection leads elsewhere."""
    page = open_form(small, "essai")
    page.route("**/f/-/submission", lambda route: route.fulfill(status=status, headers={"Location": "/f/"}))
    finish(page)
    page.wait_for_selector(f"footer:has-text('{words}')")
    assert page.get_attribute("footer [data-sent]", "data-sent") == "0"
    assert page.evaluate(DUMP)["queue"] == 1


def test_a_full_disk_is_told_and_the_form_waits(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai", size="phone")
    small.station.reserve_bytes = 1 << 60
    finish(page)
    page.wait_for_selector("footer .trouble:has-text('plus de place')")
    assert names(small) == []
    small.station.reserve_bytes = 0
    page.click("footer button")
    is_sent(page, 1)
    assert names(small) == ["Amina"]


def test_a_restarted_station_knows_its_sessions_and_a_new_pin_ends_them(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai")
    for pin, told in (("482913", None), ("111111", "expiré")):
        small.away()
        small.station.close()
        small.station = new_station(small.folder, small.clock, lambda: 9, lambda: 9, event_pin=pin)
        small.back()
        finish(page)
        if told:
            page.wait_for_selector(f"footer .trouble:has-text('{told}')")
        else:
            is_sent(page, 1)
            again(page)
    assert names(small) == ["Amina"]


def test_leaving_warns_of_what_waits_and_erases_the_lists(small: Room, open_form: Open) -> None:
    page = open_form(small, "essai")
    page.fill("input[name$='/nom']", "En cours")
    page.press("input[name$='/nom']", "Tab")
    page.wait_for_selector("footer [data-drafts='1']")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.goto(f"{small.url}/f/")
    page.click("button:has-text('Quitter')")
    page.wait_for_selector("#secret")
    assert "1 brouillon" in asked[0]
    assert page.evaluate(DUMP) == {"drafts": 1, "queue": 0, "forms": 0}


def test_a_draft_is_its_own_accounts(small: Room, open_form: Open, chromium: Browser) -> None:
    page = open_form(small, "essai", username="fatima")
    page.fill("input[name$='/nom']", "Secret")
    page.press("input[name$='/nom']", "Tab")
    page.wait_for_selector("footer [data-drafts='1']")
    page.context.clear_cookies()
    signed_in(page.context, small, "brahim")
    page.goto(f"{small.url}/f/")
    page.wait_for_selector("ul.forms")
    assert "Secret" not in page.inner_text("body") and "un brouillon d’un autre compte" in page.inner_text("main")
    page.goto(f"{small.url}/f/essai")
    page.wait_for_selector("body[data-ready]")
    assert SIZES and page.input_value("input[name$='/nom']") == ""

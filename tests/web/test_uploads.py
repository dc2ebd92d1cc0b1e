"""Pages that take files: how much each may be sent, and what is said of too much, before a body is read."""

from __future__ import annotations

from flask import Flask
from web_office import Office

from kobo_sync.serving import ADMITTED, Admission
from kobo_sync.web.porter import FORM_BYTES, porter
from kobo_sync.web.uploads import ADDRESS_END, MOST_UPLOAD, TOO_LARGE


def _admission(app: Flask, path: str, length: str, cookie: str = "") -> Admission:
    return porter(app)({"PATH_INFO": path, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": length, "HTTP_COOKIE": cookie})


def test_only_addresses_of_files_take_more_and_only_from_members(office: Office) -> None:
    client = office.client("amina")
    cookie = client.get_cookie(office.app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    signed = f"{cookie.key}={cookie.value}"
    assert _admission(office.app, "/qualite", "1000000", signed).most_bytes == FORM_BYTES
    assert _admission(office.app, f"/formulaires/visites{ADDRESS_END}", "1000000", signed).most_bytes == MOST_UPLOAD
    assert _admission(office.app, f"/formulaires/visites{ADDRESS_END}", "1000000").most_bytes == 0
    refused = _admission(office.app, f"/formulaires/visites{ADDRESS_END}", str(MOST_UPLOAD + 1), signed)
    assert (refused.most_bytes, refused.note) == (0, TOO_LARGE)


def test_a_file_that_is_too_large_is_answered_by_a_page_in_the_browser_s_language(office: Office) -> None:
    client = office.client("amina")
    answer = client.post(
        f"/formulaires/visites{ADDRESS_END}", environ_overrides={ADMITTED: TOO_LARGE}, headers={"Accept-Language": "fr"}
    )
    assert answer.status_code == 413 and "trop" in answer.text and "Amina" in answer.text

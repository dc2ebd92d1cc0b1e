"""Every address of the field station × who asks, and from where × how; a new address needs its row here."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from requests.auth import HTTPDigestAuth
from station_bench import Bench
from test_station_doors import PHONE, Clock, _station
from werkzeug.test import Client, TestResponse

from kobo_sync.station import Station, serve
from kobo_sync.station.room.pages import Screen
from kobo_sync.station.routes import ROUTES

HERE, ELSEWHERE = "127.0.0.1", "192.168.1.20"
KEEPER = "Token a-token-of-its-own"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# "keeper": the API, for its administration on this machine; an object's existence is told to nobody else. "facts": what the
# API tells any program of this machine. "screen": the room's, on this machine. "phones": accounts of phones, from anywhere.
# "guests": whoever opens the browser's pages, which ask to sign in. "session": whoever signed in there. "own": the station's
# own pages alone, and no other site's. "anybody": the certificate, and the list of forms that take submissions of everybody.
# "results": files of exports; here there is none.
DOORS = """
keeper GET /token/
keeper GET /me/
facts GET /api/v2/
facts GET /api/v2/environment/
keeper GET /api/v2/users/
keeper GET /api/v2/users/<name>/
facts GET /api/v2/permissions/
facts GET /api/v2/permissions/<codename>/
facts GET /api/v2/tags/
keeper GET /api/v2/organizations/
keeper GET /api/v2/asset_usage/
keeper GET /api/v2/service_usage/
keeper GET POST /api/v2/imports/
keeper GET /api/v2/imports/<uid>/
facts GET /api/v2/assets/
keeper POST /api/v2/assets/
keeper GET PUT PATCH DELETE /api/v2/assets/<uid>/
keeper GET /api/v2/assets/<uid>.<any(xls, xml):kind>
keeper GET /api/v2/assets/<uid>/content/
keeper GET /api/v2/assets/<uid>/valid_content/
keeper GET /api/v2/assets/<uid>/reports/
keeper GET POST /api/v2/assets/<uid>/files/
keeper GET PUT PATCH DELETE /api/v2/assets/<uid>/files/<file_uid>/
keeper GET /api/v2/assets/<uid>/files/<file_uid>/content/
keeper GET POST PATCH /api/v2/assets/<uid>/deployment/
keeper GET /api/v2/assets/<uid>/versions/
keeper GET /api/v2/assets/<uid>/versions/<version_uid>/
keeper GET POST /api/v2/assets/<uid>/permission-assignments/
keeper GET DELETE /api/v2/assets/<uid>/permission-assignments/<permission_uid>/
keeper GET /api/v2/assets/<uid>/history/
keeper GET /api/v2/assets/<uid>/history/actions/
keeper GET POST /api/v2/assets/<uid>/hooks/
keeper GET PATCH DELETE /api/v2/assets/<uid>/hooks/<hook_uid>/
keeper GET /api/v2/assets/<uid>/counts/
keeper GET POST /api/v2/assets/<uid>/exports/
keeper GET DELETE /api/v2/assets/<uid>/exports/<export_uid>/
keeper GET POST /api/v2/assets/<uid>/export-settings/
keeper GET PATCH DELETE /api/v2/assets/<uid>/export-settings/<settings_uid>/
keeper GET /api/v2/assets/<uid>/export-settings/<settings_uid>/data.<any(csv, xlsx):suffix>
results GET /private-media/<owner>/exports/<uid>/<filename>
keeper GET /api/v2/assets/<uid>/data/
keeper GET /api/v2/assets/<uid>/data.<any(xml, geojson):suffix>
keeper PATCH DELETE /api/v2/assets/<uid>/data/bulk/
keeper PATCH DELETE /api/v2/assets/<uid>/data/validation_statuses/
keeper GET /api/v2/assets/<uid>/data/<key>.<any(xml, geojson):suffix>
keeper GET DELETE /api/v2/assets/<uid>/data/<key>/
keeper GET PATCH DELETE /api/v2/assets/<uid>/data/<key>/validation_status/
keeper POST /api/v2/assets/<uid>/data/<key>/duplicate/
keeper GET /api/v2/assets/<uid>/data/<key>/attachments/
keeper GET /api/v2/assets/<uid>/data/<key>/attachments/<attachment_uid>/
keeper GET /api/v2/assets/<uid>/data/<key>/attachments/<attachment_uid>/<any(large, medium, small):size>/
keeper DELETE /api/v2/assets/<uid>/attachments/<attachment_uid>/
screen GET POST /salle
screen GET POST /salle/etat
screen GET POST /salle/textes
screen GET POST /salle/fichiers/<name>
screen GET POST /salle/codes/<name>
guests GET POST /f/
guests GET POST /f/-/static/<version>/<name>
guests GET POST /f/-/worker.js
guests GET POST /f/-/challenge
own GET POST /f/-/sign-in
own GET POST /f/-/sign-out
session GET POST /f/-/state
own GET POST /f/-/submission
guests GET POST /f/<form_id>
session GET POST /f/<form_id>/paper.json
session GET POST /f/<form_id>/mark
session GET POST /f/<form_id>/media/<name>
anybody GET /certificate.crt
phones GET /formList
phones POST /submission
phones GET /forms/<int:pk>/form.xml
phones GET /xformsManifest/<int:pk>
phones GET /xformsMedia/<int:pk>/<int:media_id>.<ext>
anybody GET /<user>/formList
phones POST /<user>/submission
phones GET /<user>/forms/<int:pk>/form.xml
phones GET /<user>/xformsManifest/<int:pk>
phones GET /<user>/xformsMedia/<int:pk>/<int:media_id>.<ext>
"""
# Where KoboToolbox breaks down, and the station with it (both recorded): without a body, that is.
BREAKS = {("GET", "/api/v2/imports/"), ("POST", "/submission"), ("POST", "/<user>/submission")}


def _rows() -> dict[tuple[str, str], str]:
    """(path, method) → the circle that comes in."""
    lines = [re.split(r" (?=/)", line, maxsplit=1) for line in DOORS.strip().splitlines()]
    return {(path, method): head.split()[0] for head, path in lines for method in head.split()[1:]}


class Asked:
    """A station with a form, asked by anybody from anywhere."""

    def __init__(self, station: Station, uid: str) -> None:
        self.station, self.client, self.uid = station, Client(station.wsgi()), uid

    def address(self, path: str) -> str:
        values = {"uid": self.uid, "form_id": self.uid, "codename": "view_asset", "kind": "xls", "size": "small"}
        values |= {
            "pk": "1",
            "media_id": "1",
            "key": "1",
            "ext": "csv",
            "owner": "administration",
            "user": "administration",
        }
        values["suffix"] = "csv" if "settings_uid" in path else "geojson"
        return re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda part: values.get(part[1], "none"), path)

    def ask(self, method: str, path: str, source: str, auth: str = "", **more: object) -> TestResponse:
        address, environ = self.address(path), {"REMOTE_ADDR": source}
        headers = {"Authorization": self._signed(method, address, source) if auth == "phone" else auth} if auth else {}
        return self.client.open(address, method=method, headers=headers, environ_overrides=environ, **more)

    def _signed(self, method: str, address: str, source: str) -> str:
        """What Collect writes for the phones' account."""
        asked = self.client.head("/submission", environ_overrides={"REMOTE_ADDR": source})
        auth = HTTPDigestAuth(*PHONE)
        auth.init_per_thread_state()
        auth._thread_local.chal = requests.utils.parse_dict_header(
            asked.headers["WWW-Authenticate"].removeprefix("Digest ")
        )
        return str(auth.build_digest_header(method, f"http://localhost{address}"))


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    station = _station(tmp_path / "station.sqlite", Clock())
    station.screen = Screen({"fr": "Essai"}, lambda: [], lambda: {})
    with serve(station) as running, requests.Session() as session:
        session.headers["Authorization"] = KEEPER
        made = Bench(station, running.url, session)
        made.deploy()
    yield Asked(station, made.uid)
    station.close()


def test_every_address_of_the_station_has_its_row() -> None:
    served = {(path, method) for path, route in ROUTES.items() for method in route.methods if method != "HEAD"}
    assert set(_rows()) == served


@pytest.mark.parametrize("source", [HERE, ELSEWHERE])
@pytest.mark.parametrize("auth", ["", "phone", KEEPER])
def test_who_may_comes_in_and_nobody_else(asked: Asked, source: str, auth: str) -> None:
    wrong = []
    # What takes the form itself away comes last.
    for (path, method), circle in sorted(
        _rows().items(), key=lambda row: row[0] == ("/api/v2/assets/<uid>/", "DELETE")
    ):
        status = asked.ask(method, path, source, auth).status_code
        is_broken = status == 500 and (method, path) in BREAKS
        if status not in _expected(circle, source, auth) and not is_broken:
            wrong.append((method, path, status))
    assert not wrong, str(wrong)


def _expected(circle: str, source: str, auth: str) -> set[int]:
    """What may come of it: of who comes in anything but a refusal; a breakdown of nobody."""
    comes_in = {*range(200, 500)} - {401, 403}
    if circle in ("keeper", "facts", "screen", "results"):
        if source != HERE:
            return {404}
        if auth == "phone":
            return {401}
        if circle == "results":
            return {403}
        return comes_in if auth or circle != "keeper" else {401, 404}
    if circle == "phones":
        return comes_in if auth else {401}
    return {"session": {401}, "own": {403}}.get(circle, comes_in)


@pytest.mark.parametrize("more", [{}, {"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_other_site_s_page_signs_in_or_sends_here(asked: Asked, more: dict[str, str]) -> None:
    """A page elsewhere cannot write the header of ours; where a browser lets it, it still says where it comes from."""
    ours = {"X-Kobo-Sync": "browser"}
    for (path, method), circle in _rows().items():
        if circle == "own" and method == "POST":
            assert asked.client.post(path, headers={**ours, **more} if more else {}).status_code == 403, path
            assert asked.client.post(path, headers=ours).status_code in (204, 401), path


def test_no_address_of_the_station_knows_another_method(asked: Asked) -> None:
    rows = _rows()
    for path, method in itertools.product(ROUTES, METHODS):
        if (path, method) not in rows and method != "HEAD":
            assert asked.ask(method, path, HERE, KEEPER).status_code == 405, (method, path)


def test_who_has_not_signed_in_reads_nothing_of_a_form(asked: Asked) -> None:
    page = asked.ask("GET", "/f/<form_id>", ELSEWHERE).text
    assert page.startswith("<!doctype html>")  # a shell, whose script asks to sign in
    assert "Prénom" not in page and "Âge" not in page

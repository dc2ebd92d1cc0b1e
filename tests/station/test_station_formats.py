"""The formats of the API: which one is chosen, how links carry it, and what a browser is shown (part 9, 11)."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from station_bench import Bench, bench

from kobo_sync.station.formats import chosen

JSON, PAGE, XML = "application/json", "text/html", "application/xml"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("formats") / "station.sqlite") as made:
        answers = "<nom>&lt;script&gt;alert(1)&lt;/script&gt; \" ' http://ailleurs.example/</nom>"
        assert made.post(made.xml("00000000-0000-4000-8000-00000000000a", answers)).status_code == 201
        yield made


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", JSON),
        ("*", JSON),
        ("", None),
        (JSON, JSON),
        (PAGE, PAGE),
        ("TEXT/HTML", PAGE),
        (BROWSER, PAGE),
        (f"{PAGE}, {JSON}", JSON),
        ("text/html;q=0.1, */*", PAGE),  # the more exact goes first, whatever its q
        ("application/*", JSON),
        ("text/*", PAGE),
        (XML, XML),
        ("application/xml;q=0.9, */*;q=0.8", XML),
        ("text/csv", None),
        ("wibble", None),
        (";;;,,,", None),
        ("application/json; charset=utf-8", JSON),
        (",".join(f"a{n}/b" for n in range(5000)), None),
    ],
)
def test_the_format_that_accept_asks_for(accept: str, kind: str | None) -> None:
    assert chosen(accept, (JSON, PAGE, XML)) == kind


@pytest.mark.parametrize("path", ["", "data/", "hooks/", "reports/", "history/"])
def test_a_browser_is_shown_a_page_in_which_nothing_runs(path: str, field: Bench) -> None:
    answer = field.api("GET", path, headers={"Accept": BROWSER})
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith(PAGE)
    assert "<script" not in answer.text and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    said = field.api("GET", path).json()
    links = [part.split('"')[0] for part in answer.text.split('<a href="')[1:]]
    assert all(link.startswith(field.url) for link in links)
    if path == "data/":
        assert html.escape(said["results"][0]["nom"], quote=False).split(" ")[0] in html.unescape(answer.text).replace("<", "&lt;").replace(">", "&gt;")  # fmt: skip
        assert "ailleurs" in answer.text


def test_errors_keep_their_status_in_a_page(field: Bench) -> None:
    for path, status in (("wibble/", 404), (f"{field.url}/api/v2/assets/aUnknown/", 404), (f"{field.url}/me/", 401)):
        headers = {"Accept": PAGE, **({"Authorization": ""} if status == 401 else {})}
        answer = field.api("GET", path, headers=headers)
        assert answer.status_code == status and answer.headers["Content-Type"].startswith(PAGE)


def test_a_page_of_a_list_keeps_the_suffix_or_the_format(field: Bench) -> None:
    base = f"{field.url}/api/v2/assets"
    for _ in range(2):
        body = {"name": "x", "asset_type": "survey"}
        assert field.api("POST", f"{base}/", json=body).status_code == 201
    suffixed = field.api("GET", f"{base}.json?limit=1").json()
    assert suffixed["next"] == f"{base}.json?limit=1&start=1"
    assert suffixed["results"][0]["url"] == f"{base}/{suffixed['results'][0]['uid']}.json"
    asked = field.api("GET", f"{base}/?format=json&limit=1&q=asset_type:survey").json()
    assert asked["next"] == f"{base}/?format=json&limit=1&q=asset_type%3Asurvey&start=1"
    assert asked["results"][0]["data"].endswith("/data/?format=json")
    assert field.api("GET", f"{field.uid}").status_code == 404
    plain = field.api("GET", f"{base}/?limit=1").json()["results"][0]
    assert plain["url"].endswith(f"{plain['uid']}/") and plain["data"].endswith("/data/")


def test_what_a_form_says_is_no_link(field: Bench) -> None:
    text = f"{field.url}/api/v2/assets/x/"
    content = {"survey": [{"type": "text", "name": "a", "label": [text]}], "settings": {"style": text}}
    body = {"name": "x", "asset_type": "survey", "content": content}
    uid = field.api("POST", f"{field.url}/api/v2/assets/", json=body).json()["uid"]
    for address in (f"{uid}.json", f"{uid}/?format=json"):
        asset = field.api("GET", f"{field.url}/api/v2/assets/{address}").json()
        assert asset["content"]["survey"][0]["label"] == [text] and asset["content"]["settings"]["style"] == text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "WIBBLE"])
@pytest.mark.parametrize(
    "path", ["/me/", "/token/", "/api/v2/", "/api/v2/users/", "/api/v2/permissions/", "/api/v2/tags/"]
)
def test_what_is_read_alone_is_not_written(method: str, path: str, field: Bench) -> None:
    answer = field.api(method, field.url + path)
    assert answer.status_code == 405 and answer.json() == {"detail": f'Method "{method}" not allowed.'}


def test_options_say_what_there_is_and_no_other_page_is_let_in(field: Bench) -> None:
    answer = field.api("OPTIONS", "data/")
    assert answer.json()["name"] == "Assets Data List" and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    asked = {"Origin": "https://ailleurs.example", "Access-Control-Request-Method": "GET"}
    answer = field.api("OPTIONS", "data/", headers=asked)
    assert answer.status_code == 200 and not [name for name in answer.headers if name.startswith("Access-Control")]


def test_accounts_of_phones_see_none_of_it(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as fresh:
        for path in ("users/", "users/staff/", "permissions/", "service_usage/", "asset_usage/"):
            answer = fresh.api("GET", f"{fresh.url}/api/v2/{path}", headers={"Authorization": ""})
            assert answer.status_code == (200 if path == "permissions/" else 401)
        agent = {"Authorization": "Token agent-token"}
        assert fresh.api("GET", f"{fresh.url}/api/v2/users/", headers=agent).status_code == 403
        assert fresh.api("GET", "reports/", headers=agent).status_code == 404
        assert fresh.api("GET", "valid_content/", headers=agent).status_code == 404

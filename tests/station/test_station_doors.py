"""The station's doors: who may, how large, how long, decided before the work (part 7, B7, B8 and B10)."""

from __future__ import annotations

import io
import json
import random
import re
import socket
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from station_bench import Bench, bench, digest, xlsx
from werkzeug.test import Client

from kobo_sync.serving import CONNECTIONS
from kobo_sync.station import Account, Station, serve
from kobo_sync.station.app import _ROUTES, Api
from kobo_sync.station.guard import Delays, Nonces
from kobo_sync.station.pattern import Pattern

KEYS = [f"00000000-0000-4000-8000-{n:012}" for n in range(20)]
PHONE = ("telephones", "une tortue sur la colline")


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "station.sqlite") as made:
        yield made


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.moment = datetime(2025, 2, 11, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


def _station(path: Path, clock: Clock, api: Api = "local") -> Station:
    chance, uuids = random.Random(5), count(1)
    return Station(
        path,
        accounts=[Account(*PHONE), Account("administration", "", "a-token-of-its-own", is_superuser=True)],
        clock=clock,
        new_uid=lambda prefix: prefix + f"{chance.getrandbits(128):032x}"[: 22 - len(prefix)],
        new_uuid=lambda: f"11111111-1111-4111-8111-{next(uuids):012}",
        api=api,
    )


@pytest.fixture
def separate(tmp_path: Path) -> Iterator[tuple[Bench, Clock]]:
    """A station whose phones and administration are accounts of their own."""
    clock = Clock()
    station = _station(tmp_path / "station.sqlite", clock)
    with serve(station) as running, requests.Session() as session:
        session.headers["Authorization"] = "Token a-token-of-its-own"
        made = Bench(station, running.url, session)
        made.deploy()
        yield made, clock
    station.close()


def _send(field: Bench, key: str, auth: Any, answers: str = "<nom>A</nom>", **headers: str) -> requests.Response:
    files = {"xml_submission_file": ("x.xml", field.xml(key, answers), "text/xml")}
    return requests.post(f"{field.url}/submission", files=files, auth=auth, headers=headers, timeout=20)


# ── phones and the administration (B7) ──


def test_the_phones_password_fetches_forms_and_sends_and_nothing_else(separate: tuple[Bench, Clock]) -> None:
    field, _ = separate
    assert _send(field, KEYS[0], digest(*PHONE)).status_code == 201
    listed = requests.get(f"{field.url}/formList", auth=digest(*PHONE), timeout=20)
    assert field.uid in listed.text
    row = field.rows()["results"][0]
    assert row["_submitted_by"] == PHONE[0]
    asset = f"/api/v2/assets/{field.uid}/"
    doors = [("GET", "/token/?format=json"), ("GET", "/me/"), ("GET", "/api/v2/assets/"), ("DELETE", asset)]
    doors += [("GET", f"{asset}data/"), ("DELETE", f"{asset}data/{row['_id']}/"), ("DELETE", f"{asset}data/bulk/")]
    doors += [("POST", f"{asset}hooks/"), ("GET", f"{asset}hooks/"), ("POST", "/api/v2/imports/")]
    for method, path in doors:
        for auth in (digest(*PHONE), HTTPBasicAuth(*PHONE)):
            payload = {"payload": {"confirm": True}, "name": "x", "endpoint": "http://127.0.0.1:9/"}
            answer = requests.request(method, field.url + path, auth=auth, json=payload, timeout=20)
            if answer.request.headers.get("Authorization") is None:  # a door that knows no Digest: as for anybody
                assert answer.status_code in (401, 404) or answer.json()["count"] == 0
                continue
            assert answer.status_code == 401 and "token" not in answer.text, (method, path)
    assert field.rows()["count"] == 1 and field.api("GET", "hooks/").json()["count"] == 0
    assert _send(field, KEYS[1], None, Authorization=f"Token {PHONE[1]}").status_code == 401


def test_a_phone_cannot_rewrite_what_another_sent(separate: tuple[Bench, Clock]) -> None:
    field, _ = separate
    _send(field, KEYS[0], digest(*PHONE))
    xml = field.xml(KEYS[1], "<nom>B</nom>", f"<deprecatedID>uuid:{KEYS[0]}</deprecatedID>")
    files = {"xml_submission_file": ("x.xml", xml, "text/xml")}
    assert requests.post(f"{field.url}/submission", files=files, auth=digest(*PHONE), timeout=20).status_code == 403
    assert field.rows()["results"][0]["nom"] == "A"


def test_a_file_of_the_time_when_phones_were_administrators_makes_them_phones(tmp_path: Path) -> None:
    path, clock = tmp_path / "station.sqlite", Clock()
    before = Station(
        path, accounts=[Account(PHONE[0], PHONE[1], "old-token")], clock=clock, new_uid=_station(tmp_path / "x", clock).new_uid, new_uuid=lambda: KEYS[9],
    )  # fmt: skip
    with serve(before) as running, requests.Session() as session:
        session.headers["Authorization"] = "Token old-token"
        old = Bench(before, running.url, session)
        old.deploy()
    before.close()
    station = _station(path, clock)
    with serve(station) as running, requests.Session() as session:
        session.headers["Authorization"] = "Token a-token-of-its-own"
        now = Bench(station, running.url, session, old.uid)
        assert _send(now, KEYS[0], digest(*PHONE)).status_code == 201
        assert now.rows()["count"] == 1  # the administration sees what was there
        rights = {
            row["permission"].rstrip("/").rpartition("/")[2] for row in now.api("GET", "permission-assignments/").json()
        }
        assert rights == {"add_submissions"}
    station.close()


@pytest.mark.parametrize(
    ("api", "address", "headers", "status"),
    [
        ("local", "127.0.0.1", {}, 200),
        ("local", "::1", {}, 200),
        ("local", "192.168.1.20", {}, 404),
        ("local", "127.0.0.1", {"X-Forwarded-For": "192.168.1.20"}, 404),  # a proxy speaks for others
        ("local", "127.0.0.1", {"Forwarded": "for=192.168.1.20"}, 404),
        ("off", "127.0.0.1", {}, 404),
        ("everyone", "192.168.1.20", {}, 200),
    ],
)
def test_the_api_answers_whom_it_was_asked_to(
    tmp_path: Path, api: Api, address: str, headers: dict[str, str], status: int
) -> None:
    station = _station(tmp_path / "station.sqlite", Clock(), api)
    client = Client(station.wsgi())
    asked = {"Authorization": "Token a-token-of-its-own", **headers}
    for path in ("/token/", "/api/v2/assets/", "/me/"):
        answer = client.get(path, headers=asked, environ_overrides={"REMOTE_ADDR": address})
        assert answer.status_code == status, path
    answer = client.get("/formList", environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Digest ")
    station.close()


# ── wrong passwords (B7) ──


def _ask(client: Client, address: str, username: str, password: str, nonce_of: str = "") -> tuple[Any, str]:
    """One HEAD of /submission from *address*, signed as Collect signs; (answer, Authorization)."""
    environ = {"REMOTE_ADDR": address}
    challenge = nonce_of or client.head("/submission", environ_overrides=environ).headers["WWW-Authenticate"]
    auth = HTTPDigestAuth(username, password)
    auth.init_per_thread_state()
    auth._thread_local.chal = requests.utils.parse_dict_header(challenge.removeprefix("Digest "))
    header = str(auth.build_digest_header("HEAD", "http://localhost/submission"))
    return client.head("/submission", headers={"Authorization": header}, environ_overrides=environ), header


def test_three_hundred_wrong_passwords_are_not_looked_at_and_no_neighbour_waits(tmp_path: Path) -> None:
    clock = Clock()
    station = _station(tmp_path / "station.sqlite", clock)
    client = Client(station.wsgi())
    proven = client.head("/submission", environ_overrides={"REMOTE_ADDR": "192.168.1.66"}).headers["WWW-Authenticate"]
    assert _ask(client, "192.168.1.66", *PHONE, nonce_of=proven)[0].status_code == 204
    codes = [_ask(client, "192.168.1.66", PHONE[0], f"faux{n}")[0].status_code for n in range(300)]
    assert codes.count(401) < 8 and codes[-1] == 429
    refused, _ = _ask(client, "192.168.1.66", *PHONE)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    assert _ask(client, "192.168.1.67", *PHONE)[0].status_code == 204  # another phone
    clock.moment += timedelta(seconds=int(refused.headers["Retry-After"]))
    assert _ask(client, "192.168.1.66", *PHONE)[0].status_code == 204
    station.close()


def test_a_phone_that_signed_in_goes_on_beside_an_attacker_at_its_address(separate: tuple[Bench, Clock]) -> None:
    """Also when its nonce has aged: the next one is given to who has shown the password."""
    field, clock = separate
    phone = digest(*PHONE)
    with requests.Session() as session:
        session.auth = phone
        assert session.head(f"{field.url}/submission", timeout=20).status_code == 204
        for n in range(40):
            requests.head(f"{field.url}/submission", auth=digest(PHONE[0], f"faux{n}"), timeout=20)
        assert requests.head(f"{field.url}/submission", auth=digest(*PHONE), timeout=20).status_code == 429
        assert session.head(f"{field.url}/submission", timeout=20).status_code == 204
        clock.moment += timedelta(minutes=15)
        for n in range(40):
            requests.head(f"{field.url}/submission", auth=digest(PHONE[0], f"faux{n}"), timeout=20)
        assert requests.head(f"{field.url}/submission", auth=digest(*PHONE), timeout=20).status_code == 429
        assert session.head(f"{field.url}/submission", timeout=20).status_code == 204


def test_a_name_that_nobody_has_waits_as_long(tmp_path: Path) -> None:
    station = _station(tmp_path / "station.sqlite", Clock())
    client = Client(station.wsgi())
    told = []
    for username, address in (
        (PHONE[0], "192.168.1.66"),
        ("personne", "192.168.1.67"),
        ("administration", "192.168.1.68"),
    ):
        answers = [_ask(client, address, username, f"faux{n}")[0] for n in range(8)]
        told.append([(a.status_code, a.headers.get("Retry-After"), a.data) for a in answers])
    assert told[0] == told[1] == told[2]
    station.close()


def test_waits_and_nonces_are_forgotten_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kobo_sync.station.guard.FAILURES_MOST", 50)
    monkeypatch.setattr("kobo_sync.station.guard.NONCES_MOST", 5)
    delays, nonces = Delays(), Nonces()
    for n in range(500):
        delays.note(f"nom{n}", f"2001:db8::{n:x}", 0.0)
    assert len(delays._failures) <= 50
    assert delays.wait_s("autre", "2001:db8::ffff", 1.0) > 0  # one network of IPv6 is one machine
    assert all(nonces.use(f"n{n}", "a", "1", float(n), 100.0) for n in range(20))
    assert len(nonces._uses) <= 5
    assert not nonces.use("n0", "a", "1", 0.0, 100.0)  # what was forgotten is not believed again


# ── captured headers (B7) ──


def test_a_captured_header_opens_nothing_a_second_time(separate: tuple[Bench, Clock]) -> None:
    field, _ = separate
    with requests.Session() as session:
        session.auth = digest(*PHONE)
        session.head(f"{field.url}/submission", timeout=20)
        files = {"xml_submission_file": ("x.xml", field.xml(KEYS[0]), "text/xml")}
        sent = session.post(f"{field.url}/submission", files=files, timeout=20)
        assert sent.status_code == 201
        captured = str(sent.request.headers["Authorization"])
    for key in (KEYS[0], KEYS[1]):  # the same body, and another
        again = _send(field, key, None, Authorization=captured)
        assert again.status_code == 401 and 'stale="true"' in again.headers["WWW-Authenticate"]
    assert requests.get(f"{field.url}/formList", headers={"Authorization": captured}, timeout=20).status_code == 401
    assert field.rows()["count"] == 1


def test_counts_may_come_out_of_order_but_each_once() -> None:
    nonces = Nonces()
    order = ["3", "1", "2", "2", "7", "5", "7", "60", "1", "b0", "5"]
    taken = [nonces.use("n", "a", number, 0.0, 1.0) for number in order]
    assert taken == [True, True, True, False, True, True, False, True, False, True, False]
    assert not nonces.use("n", "b", "b1", 0.0, 1.0)  # nor for another account
    assert not any(nonces.use("n", "a", bad, 0.0, 1.0) for bad in ("", "-1", "0x1", "g", "1" * 9, "١"))


def test_an_aged_nonce_is_renewed_by_the_client_itself(separate: tuple[Bench, Clock]) -> None:
    field, clock = separate
    with requests.Session() as session:
        session.auth = digest(*PHONE)
        for minutes, key in ((0, KEYS[0]), (9, KEYS[1]), (11, KEYS[2]), (60 * 30, KEYS[3])):
            clock.moment += timedelta(minutes=minutes)
            photo = {"photo.jpg": ("photo.jpg", b"\xff\xd8\xff" + b"x" * 3_000_000, "image/jpeg")}
            files = {"xml_submission_file": ("x.xml", field.xml(key, "<photo>photo.jpg</photo>"), "text/xml"), **photo}
            sent = session.post(f"{field.url}/submission", files=files, timeout=20)  # type: ignore[arg-type]
            assert sent.status_code == 201
            stale = [answer.headers["WWW-Authenticate"].rpartition(" ")[2] for answer in sent.history]
            assert stale == ([] if minutes == 9 else ['stale="false"'] if minutes == 0 else ['stale="true"'])


def test_a_nonce_is_good_for_the_address_and_the_process_it_was_given_to(tmp_path: Path) -> None:
    clock = Clock()
    station = _station(tmp_path / "station.sqlite", clock)
    client = Client(station.wsgi())
    given = client.head("/submission", environ_overrides={"REMOTE_ADDR": "192.168.1.20"}).headers["WWW-Authenticate"]
    elsewhere, _ = _ask(client, "192.168.1.21", *PHONE, nonce_of=given)
    assert elsewhere.status_code == 401 and 'stale="true"' in elsewhere.headers["WWW-Authenticate"]
    good, header = _ask(client, "192.168.1.20", *PHONE, nonce_of=given)
    assert good.status_code == 204
    station.close()
    again = _station(tmp_path / "station.sqlite", clock)
    replay = Client(again.wsgi()).head(
        "/submission", headers={"Authorization": header}, environ_overrides={"REMOTE_ADDR": "192.168.1.20"}
    )
    assert replay.status_code == 401 and 'stale="true"' in replay.headers["WWW-Authenticate"]
    again.close()


# ── what would hang everything (B8) ──


def test_a_pattern_finds_what_pythons_finds() -> None:
    chance = random.Random(3)

    def pattern(depth: int = 0) -> str:
        text = ""
        for _ in range(chance.randint(1, 4)):
            atom = chance.choice(["a", "b", "c", "A", ".", "[ab]", "[^a]", r"\d", r"\w", "^", "$", r"\b", "("])
            if atom == "(":
                atom = f"({chance.choice(['', '?:'])}{pattern(depth + 1)})" if depth < 2 else "b"
            if atom not in ("^", "$", r"\b") and chance.random() < 0.4:
                atom += chance.choice(["*", "+", "?", "{2}", "{1,2}", "{0,}", "*?", "{0}", "{0,3}"])
            text += atom
        return f"{text}|{pattern(depth + 1)}" if chance.random() < 0.2 else text

    for _ in range(2000):
        written, text = pattern(), "".join(chance.choices("abcA1 \n", k=chance.randint(0, 8)))
        option = chance.choice(["", "i", "m", "s"])
        flags = {"": 0, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[option]
        assert Pattern(written, option).search(text) is bool(re.search(written, text, flags)), (written, option, text)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "(.*a){12}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_pattern_that_backtracks_elsewhere_is_answered(field: Bench, pattern: str) -> None:
    field.post(field.xml(KEYS[0], f"<nom>{'a' * 5000}!</nom>"))
    assert field.rows(query={"nom": {"$regex": pattern}})["count"] == 0


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "(?=a)", "(?P<n>a)", "a{1,400}{1,400}", "(" * 2000, "[a", "a" * 2000, "*"]
)
def test_a_pattern_that_needs_more_is_refused(field: Bench, pattern: str) -> None:
    query = {"nom": {"$regex": pattern}}
    answer = field.api("GET", "data/", params={"query": json.dumps(query)})
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "application/json"
    many = {"$or": [{"nom": {"$regex": f"a{n}"}} for n in range(11)]}
    assert field.api("GET", "data/", params={"query": json.dumps(many)}).status_code == 400


def _half(field: Bench, head: str, n: int) -> list[socket.socket]:
    host, _, port = field.url.removeprefix("http://").partition(":")
    opened = []
    for _ in range(n):
        opened.append(socket.create_connection((host, int(port)), timeout=20))
        opened[-1].sendall(head.encode())
    return opened


@pytest.mark.parametrize("how", ["half a body", "half a head", "nothing", "half a body of one who may"])
def test_half_sent_requests_stop_no_good_phone(separate: tuple[Bench, Clock], how: str) -> None:
    field, _ = separate
    body = "POST /submission HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n"
    heads = {
        "half a body": f"{body}\r\n<a>",
        "half a head": "POST /submission HTTP/1.1\r\nHost: x\r\nContent-",
        "nothing": "",
        "half a body of one who may": f"{body}Authorization: Token a-token-of-its-own\r\n\r\n<a>",
    }
    opened = _half(field, heads[how], CONNECTIONS + 30)
    with requests.Session() as phone:
        phone.auth = digest(*PHONE)
        assert phone.head(f"{field.url}/submission", timeout=20).status_code == 204
        files = {"xml_submission_file": ("x.xml", field.xml(KEYS[0]), "text/xml")}
        assert phone.post(f"{field.url}/submission", files=files, timeout=20).status_code == 201
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    "more",
    ["Content-Length: 90000000", "Content-Length: 90000000\r\nExpect: 100-continue", "Transfer-Encoding: chunked", "Content-Length: 90000000\r\nAuthorization: Basic YTpi"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/submission", "/api/v2/imports/", "/someone/submission"])
def test_who_shows_no_credentials_is_answered_before_the_body(field: Bench, path: str, more: str) -> None:
    (asked,) = _half(field, f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n\r\n", 1)
    assert asked.recv(65536).startswith(b"HTTP/1.1 401")
    asked.close()


def test_who_sends_a_large_body_without_credentials_reads_the_refusal(field: Bench) -> None:
    answer = requests.post(f"{field.url}/submission", data=b"x" * 30_000_000, timeout=20)
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Digest ")


def test_a_body_that_its_door_does_not_take_is_refused_at_the_head(field: Bench) -> None:
    token = "Authorization: Token staff-token\r\nHost: x"
    asset = f"/api/v2/assets/{field.uid}"
    for path, length in ((f"{asset}/data/bulk/", 5_000_000), ("/submission", 105_000_000), (f"{asset}/", 5_000_000)):
        (asked,) = _half(field, f"PATCH {path} HTTP/1.1\r\n{token}\r\nContent-Length: {length}\r\n\r\n", 1)
        assert b" 413 " in asked.recv(65536)[:30], path
        asked.close()


def test_what_follows_a_refused_head_is_no_request(field: Bench) -> None:
    inner = "GET /me/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token staff-token\r\n\r\n"
    (asked,) = _half(field, f"POST /submission HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{inner}", 1)
    asked.shutdown(socket.SHUT_WR)
    answers = b"".join(iter(lambda: asked.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 ") == 1 and b"staff" not in answers
    asked.close()


@pytest.mark.parametrize(
    "answers",
    ["<nom/>" * 1_000_000, "<membre><prenom>a</prenom></membre>" * 40_000, "<a>" * 60_000 + "</a>" * 60_000, "<nom>" + "a" * 11_000_000 + "</nom>", "<nom " + " ".join(f'a{n}="1"' for n in range(120_000)) + "/>"],
    ids=["elements", "turns", "depth", "text", "attributes"],
)  # fmt: skip
def test_more_than_any_form_holds_is_refused_unread(field: Bench, answers: str) -> None:
    answer = field.post(field.xml(KEYS[0], answers))
    assert answer.status_code == 413 and "larger than any form" in answer.text
    assert field.rows()["count"] == 0


def test_a_large_household_is_taken(field: Bench) -> None:
    turns = "".join(f"<membre><prenom>{n}</prenom></membre>" for n in range(5000))
    assert field.post(field.xml(KEYS[0], turns)).status_code == 201


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unpacked(field: Bench) -> None:
    source, target = zipfile.ZipFile(io.BytesIO(xlsx())), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bomb:
        for name in source.namelist():
            rows = b"<row><c/></row>" * 6_000_000 if name == "xl/worksheets/sheet1.xml" else b""
            bomb.writestr(name, source.read(name).replace(b"</sheetData>", rows + b"</sheetData>"))
    files = {"file": ("e.xlsx", target.getvalue())}
    asked = field.session.post(f"{field.url}/api/v2/imports/", data={"library": "false"}, files=files, timeout=20)
    state = field.session.get(asked.json()["url"], timeout=20).json()
    assert (state["status"], state["messages"]["error_type"]) == ("error", "XlsFormatException")
    assert "too large for a form" in state["messages"]["error"]


# ── what is given out, and what is no text (B10) ──


def test_files_of_phones_are_downloads_with_types_of_our_own(field: Bench) -> None:
    sent = {
        "a.html": b"<script>1</script>",
        "b.jpg": b"\xff\xd8\xff\xe0jpeg",
        "c.svg": b"<svg onload='1'/>",
        "d.jpg": b"<html>",
    }
    answers = "".join(f"<nom{n}>{name}</nom{n}>" for n, name in enumerate(sent))
    parts = [("xml_submission_file", ("x.xml", field.xml(KEYS[0], answers), "text/xml"))]
    parts += [(name, (name, content, "text/html")) for name, content in sent.items()]
    assert field.session.post(f"{field.url}/submission", files=parts, timeout=20).status_code == 201
    types = {}
    for file in field.rows()["results"][0]["_attachments"]:
        answer = field.api("GET", file["download_url"])
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert (
            answer.headers["X-Content-Type-Options"] == "nosniff"
            and "sandbox" in answer.headers["Content-Security-Policy"]
        )
        types[file["media_file_basename"]] = answer.headers["Content-Type"]
    octets = "application/octet-stream"
    assert types == {"a.html": octets, "b.jpg": "image/jpeg", "c.svg": octets, "d.jpg": "image/jpeg"}


@pytest.mark.parametrize(
    "endpoint", ["ftp://x/", "http://", "http://a@b/", "http://x\\y/", "http://x /", "//x", "javascript:1"]
)
def test_a_hook_goes_to_an_address_of_the_web(field: Bench, endpoint: str) -> None:
    assert field.api("POST", "hooks/", json={"name": "h", "endpoint": endpoint}).status_code == 400


@pytest.mark.parametrize("bad", ["%ED%A0%80", "%FF", "%00"])
def test_what_is_no_text_is_a_400_at_every_address(field: Bench, bad: str) -> None:
    for rule in _ROUTES.iter_rules():
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", re.sub(r"<int:\w+>", "1", rule.rule)).replace("<uid>", field.uid)
        addresses = {f"{path}?q={bad}", f"{path}?{bad}=1"} | ({re.sub(r"<\w+>", bad, path)} if "<" in path else set())
        for address in addresses:
            for method in ("GET", "POST"):
                answer = field.api(method, field.url + address)
                assert answer.status_code == 400, (method, address)


def test_half_a_character_in_json_or_a_form_is_a_400(field: Bench) -> None:
    for query in ('{"nom":"\\ud800"}', '{"nom":"\\u0000"}', '{"\\udfff":1}'):
        assert field.api("GET", "data/", params={"query": query}).status_code == 400
    for body in ('{"name":"\\ud800"}', '{"settings":{"a":"\\u0000"}}'):
        answer = field.api("PATCH", "", data=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
    crooked = {"data": {"name": b"\xff", "library": "false"}, "files": {"file": ("e.xlsx", xlsx())}}
    assert field.session.post(f"{field.url}/api/v2/imports/", timeout=20, **crooked).status_code == 400  # type: ignore[arg-type]

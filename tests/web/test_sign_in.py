"""Signing in when others try to get in, or to keep people out (part 7, B9 and B10)."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from web_office import SENTENCE, Office, post

from kobo_sync.desk import accounts, share_links
from kobo_sync.desk.accounts import AccountRefused
from kobo_sync.web import create_app
from kobo_sync.web.site import Site

WRONG = "fausse phrase ici"


def _try(client: Any, username: str, password: str = WRONG, address: str = "203.0.113.7") -> Any:
    client.environ_base["REMOTE_ADDR"] = address
    return post(client, "/connexion", "/connexion", username=username, password=password)


def test_who_only_looks_has_not_tried(office: Office) -> None:
    """Part 7, B9: twenty HEADs from any web page locked an address out."""
    client = office.client()
    for _ in range(30):
        assert client.head("/connexion").status_code == 200
        assert client.get("/connexion").status_code == 200
        assert client.post("/connexion", data={"username": "maha", "password": WRONG}).status_code == 400  # forged
    assert _try(client, "maha", SENTENCE, "127.0.0.1").status_code == 302


def test_waits_grow_end_and_are_the_same_for_a_name_that_nobody_has(office: Office) -> None:
    """Part 7, B9: growing delays per account and address; nobody learns whether an account exists."""
    told = {}
    for username, address in (("maha", "203.0.113.7"), ("personne", "203.0.113.8")):
        client, told[username] = office.client(), []
        for _ in range(12):
            answer = _try(client, username, address=address)
            wait = int(answer.headers.get("Retry-After", 0))
            told[username].append((answer.status_code, wait, answer.text.partition('role="alert"')[2][:90]))
            if wait:
                office.field.clock.forward(seconds=wait)
        assert _try(client, username, SENTENCE, address).status_code == (302 if username == "maha" else 401)
    assert told["maha"] == told["personne"]
    waits = [wait for _, wait, _ in told["maha"] if wait]
    assert waits == sorted(waits) and waits[-1] > waits[0] > 0


def test_a_try_while_one_waits_is_not_looked_at_and_makes_nobody_wait_longer(office: Office) -> None:
    client = office.client()
    for _ in range(6):
        last = _try(client, "maha")
    for _ in range(300):
        last = _try(client, "maha", SENTENCE)
        assert last.status_code == 429
    office.field.clock.forward(seconds=int(last.headers["Retry-After"]))
    assert _try(client, "maha", SENTENCE).status_code == 302


def test_nobody_waits_for_what_another_address_did(office: Office) -> None:
    attacker, person = office.client(), office.client()
    for n in range(40):
        _try(attacker, "maha" if n % 2 else f"nom{n}")
    assert _try(attacker, "lea").status_code == 429  # an address that tries many names waits for all of them
    assert _try(person, "maha", SENTENCE, "203.0.113.9").status_code == 302


def test_a_known_browser_is_never_locked_out(office: Office) -> None:
    """Part 7, B9: also behind one address with the attacker, as in an office."""
    known = office.client("maha")
    post(known, "/deconnexion", "/")
    attacker = office.client()
    for _ in range(40):
        _try(attacker, "maha", address="127.0.0.1")
    assert _try(attacker, "maha", SENTENCE, "127.0.0.1").status_code == 429
    assert _try(known, "maha", SENTENCE, "127.0.0.1").status_code == 302
    post(known, "/deconnexion", "/")
    for _ in range(6):
        last = _try(known, "lea", address="127.0.0.1")
    assert last.status_code == 429  # it is known for its own account alone


def test_a_cookie_of_a_known_browser_opens_nothing(office: Office) -> None:
    known = office.client("maha")
    name = f"{office.app.config['SESSION_COOKIE_NAME']}_known"
    cookie = known.get_cookie(name)
    assert cookie is not None and cookie.http_only
    thief = office.app.test_client()
    thief.set_cookie(name, cookie.value)
    assert thief.get("/").status_code == 302
    for _ in range(6):
        last = _try(thief, "maha")
    assert last.status_code == 429  # its own errors count


@pytest.mark.parametrize(
    "password",
    [
        "motdepasse123", "Password2026!", "P@ssw0rd-2025", "azertyuiop123", "123456789012", "abcabcabcabc",
        "bonjourbonjour", "kobo-sync-2026", "nora.benali.1", "كلمةالسر1234", "١٢٣٤٥٦٧٨٩٠١٢", "kalimatassir12", "Marrakech-2026",
    ],
)  # fmt: skip
def test_the_passwords_that_are_tried_first_are_refused_wherever_one_is_set(office: Office, password: str) -> None:
    """Part 7, B9: on the pages and by command; words in French, English, Arabic, names at hand, keys in a row."""
    desk, now = office.field.mission.desk, office.field.clock()
    with pytest.raises(AccountRefused, match="easy to guess"):
        accounts.add_user(desk, "nouvelle", "Nora Benali", "reader", password, names=False, now=now, by="")
    client = office.client("nora")
    accounts.change_user(desk, "nora", name="Nora Benali", now=now, by="amina")
    refused: Any = post(client, "/compte", "/compte", old=SENTENCE, new=password)
    assert refused.status_code == 400
    assert accounts.check(desk, "nora", SENTENCE, "127.0.0.1", now).user is not None


def _link(office: Office, **more: object) -> tuple[int, str]:
    client = office.client("lea")
    made: Any = post(client, "/livrables/lien", "/livrables", path="nord/fiche-zone.pdf", **more)
    return made.status_code, "/lien/" + client.get("/livrables").text.partition("/lien/")[2].partition('"')[0]


@pytest.mark.parametrize("how", ["closed", "reader"])
def test_the_links_of_who_may_share_no_more_are_closed(office: Office, how: str) -> None:
    """Part 7, B10."""
    _, link = _link(office)
    assert office.client().get(link).status_code == 200
    desk, now = office.field.mission.desk, office.field.clock()
    if how == "closed":
        accounts.close_user(desk, "lea", now, "amina")
    else:
        accounts.change_user(desk, "lea", role="reader", now=now, by="amina")
    assert office.client().get(link).status_code == 410
    assert all(share.revoked_at for share in share_links.shares(desk))
    accounts.open_user(desk, "lea", now, "amina")
    accounts.change_user(desk, "lea", role="consultant", now=now, by="amina")
    assert office.client().get(link).status_code == 410  # nor do they open again


def test_a_link_has_a_longest_life_also_one_that_was_made_for_longer(office: Office) -> None:
    """Part 7, B10."""
    assert _link(office, days=31)[0] == 400
    status, link = _link(office, days=30)
    assert status == 302
    desk, now = office.field.mission.desk, office.field.clock()
    assert len(share_links.shares(desk)) == 1
    with desk.begin() as connection:
        connection.execute(share_links.H.update().values(expires_at=now + timedelta(days=400)))
    office.field.clock.forward(days=29)
    assert office.client().get(link).status_code == 200
    office.field.clock.forward(days=2)
    assert office.client().get(link).status_code == 410


def test_the_host_that_a_request_names_stands_in_no_page(office: Office) -> None:
    """Part 7, B10: public_url or nothing."""
    _link(office)
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}):
        client = office.client("lea")
        for path in ("/livrables", "/formulaires", "//livrables", "/connexion?suite=/"):
            answer = client.get(path, headers=headers)
            assert "evil.example" not in answer.text + str(answer.headers), path
    assert client.get("/livrables", headers={"Host": "evil.example/@x"}).status_code == 400


def test_two_services_on_one_host_have_cookies_of_their_own_names(office: Office, tmp_path: Any) -> None:
    """Part 7, B10: browsers tell hosts apart, not ports."""
    from conftest import write_workspace
    from web_office import Mission

    mission = Mission(write_workspace(tmp_path / "autre"), {"KOBO_TOKEN": "t" * 40}, office.field.clock)
    other = create_app(Site(lambda: mission, office.field.clock))  # type: ignore[arg-type]
    mine = office.app.config["SESSION_COOKIE_NAME"]
    assert other.config["SESSION_COOKIE_NAME"] != mine
    cookie = office.app.test_client().get("/connexion").headers["Set-Cookie"]
    assert cookie.startswith(f"{mine}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    mission.close()


# ── what is no text ──

BAD = ("%ED%A0%80", "%FF", "%00", "%C3")


def _addresses(office: Office) -> list[tuple[str, str]]:
    found = []
    for rule in office.app.url_map.iter_rules():
        path = rule.rule
        for name in rule.arguments:
            converter = path.partition("<")[2].partition(">")[0]
            path = path.replace(f"<{converter}>", "BAD", 1) if name in converter else path
        found += [(method, path) for method in sorted(rule.methods or ()) if method in ("GET", "POST", "HEAD")]
    return found


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_text_is_a_400_at_every_address(office: Office, bad: str) -> None:
    """Part 7, B10: a surrogate in a query was a 500; so might any other crooked byte in any other place be."""
    client = office.client("maha")
    for method, path in _addresses(office):
        for address in {
            path.replace("BAD", bad) if "BAD" in path else f"{path}{bad}",
            f"{path}?suite={bad}&zone={bad}",
            f"{path}?{bad}=1",
        }:
            answer = client.open(address, method=method)
            assert answer.status_code == 400, (method, address)
        if method == "POST" and not path.startswith("/hook"):
            answer = client.post(path, data=f"username={bad}&{bad}=x", content_type="application/x-www-form-urlencoded")
            assert answer.status_code == 400, path


@pytest.mark.parametrize("header", ["Cookie", "X-Request-ID", "Accept-Language", "Referer", "User-Agent", "Host"])
def test_headers_that_are_no_text_are_a_400(office: Office, pages: str, header: str) -> None:
    host, port = pages.removeprefix("http://").split(":")
    for bad in (b"a=\xff", b"a=\xed\xa0\x80", b"a=\x00"):
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            fields = b"" if header == "Host" else b"Host: x\r\n"
            raw.sendall(
                b"GET /connexion HTTP/1.1\r\n"
                + fields
                + header.encode()
                + b": "
                + bad
                + b"\r\nConnection: close\r\n\r\n"
            )
            assert raw.recv(100)[8:].startswith(b" 400"), (header, bad)

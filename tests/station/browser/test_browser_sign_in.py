"""Who may open a browser form, and what they get to see: nothing that others sent. Part 9, 8."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
import requests
from browser_room import PASSWORD, PIN, Room, book, cookie

from kobo_sync.station.browser.sessions import COOKIE

OURS = {"X-Kobo-Sync": "browser"}


@pytest.fixture
def small(room: Room) -> Room:
    survey = [{"type": "text", "name": "nom", "label": "Nom"}, {"type": "image", "name": "photo", "label": "P"}]
    room.uids["essai"] = room.publish(book(survey, form_id="essai"), {"liste.csv": b"name,label\na,Amina\n"})
    return room


def attempt(room: Room, secret: str, username: str = "", *, challenge: str = "", **more: Any) -> requests.Response:
    challenge = challenge or requests.get(f"{room.url}/f/-/challenge", timeout=20).json()["challenge"]
    proof = hmac.new(secret.encode(), f"{username}:{challenge}".encode(), hashlib.sha256).hexdigest()
    body = {"username": username, "challenge": challenge, "proof": proof}
    return requests.post(f"{room.url}/f/-/sign-in", json=body, timeout=20, **{"headers": OURS, **more})


def get(room: Room, path: str, session: str = "", **more: Any) -> requests.Response:
    return requests.get(f"{room.url}{path}", cookies={COOKIE: session}, timeout=20, allow_redirects=False, **more)


def test_the_cookie_is_for_these_pages_alone(small: Room) -> None:
    said = attempt(small, PIN).headers["Set-Cookie"]
    assert "HttpOnly" in said and "SameSite=Strict" in said and "Path=/f/" in said and "Secure" not in said
    assert PIN not in said
    over_tls = attempt(small, PIN, headers={**OURS, "X-Forwarded-Proto": "https"}).headers["Set-Cookie"]
    assert "Secure" in over_tls


def test_a_proof_is_good_once_and_only_where_its_challenge_was_given(small: Room) -> None:
    challenge = requests.get(f"{small.url}/f/-/challenge", timeout=20).json()["challenge"]
    codes = [attempt(small, PIN, challenge=challenge).status_code for _ in range(2)]
    codes.append(attempt(small, PIN, challenge="1|2|127.0.0.1").status_code)
    foreign = small.station.sessions.challenge("192.0.2.7")
    codes.append(attempt(small, PIN, challenge=foreign).status_code)
    late = requests.get(f"{small.url}/f/-/challenge", timeout=20).json()["challenge"]
    small.clock.forward(minutes=11)
    codes.append(attempt(small, PIN, challenge=late).status_code)
    assert codes == [204, 401, 401, 401, 401]


def test_guesses_cost_time_and_lock_out_nobody_else(small: Room) -> None:
    """No lock-out that one can cause for others: neither from another address, nor of who is in already."""
    before = cookie(small, "", PIN)
    codes = [attempt(small, f"{n:06}").status_code for n in range(6)]
    assert codes[:5] == [401] * 5 and codes[5] == 429
    assert attempt(small, PIN).status_code == 429  # not looked at, right or wrong
    assert get(small, "/f/-/state", before).status_code == 200
    assert attempt(small, PASSWORD, "fatima").status_code == 204  # another account, the same address
    sessions = small.station.sessions
    elsewhere = sessions.challenge("192.0.2.7")
    proof = hmac.new(PIN.encode(), f":{elsewhere}".encode(), hashlib.sha256).hexdigest()
    assert sessions.sign_in("", elsewhere, proof, "192.0.2.7")
    small.clock.forward(minutes=2)
    assert attempt(small, PIN).status_code == 204


def test_an_unknown_account_a_wrong_password_and_none_look_the_same(small: Room) -> None:
    answers = [attempt(small, "faux", name) for name in ("fatima", "personne", "salle", "")]
    assert {(each.status_code, each.text) for each in answers} == {(401, '{"wait_s":0}')}


def test_without_a_pin_accounts_alone_come_in(room: Room) -> None:
    room.away()
    room.station.close()
    from browser_room import new_station

    room.station = new_station(room.folder, room.clock, lambda: 1, lambda: 1, event_pin="")
    room.back()
    assert requests.get(f"{room.url}/f/-/challenge", timeout=20).json()["has_pin"] is False
    assert [attempt(room, secret).status_code for secret in ("", PIN)] == [401, 401]
    assert attempt(room, PASSWORD, "fatima").status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**OURS, "Origin": "http://ailleurs.example"},
        {**OURS, "Sec-Fetch-Site": "cross-site"},
        {**OURS, "Origin": "null"},
    ],
)
def test_no_other_page_posts_here(small: Room, headers: dict[str, str]) -> None:
    session = {COOKIE: cookie(small, "", PIN)}
    xml = f'<x id="{small.uids["essai"]}"><meta><instanceID>uuid:1</instanceID></meta></x>'
    files = {"xml_submission_file": ("x.xml", xml, "text/xml")}
    for path, more in (("sign-in", {"json": {}}), ("sign-out", {"json": {}}), ("submission", {"files": files})):
        answer = requests.post(f"{small.url}/f/-/{path}", headers=headers, cookies=session, timeout=20, **more)
        assert answer.status_code == 403, path
    assert small.rows(small.uids["essai"]) == []


def test_nothing_that_was_sent_can_be_read_back(small: Room) -> None:
    uid, session = small.uids["essai"], cookie(small, "", PIN)
    xml = f'<{uid} id="{uid}"><nom>Secret</nom><photo>p.jpg</photo><meta><instanceID>uuid:1</instanceID></meta></{uid}>'
    files = {"xml_submission_file": ("x.xml", xml, "text/xml"), "p.jpg": ("p.jpg", b"\xff\xd8\xff1", "image/jpeg")}
    sent = requests.post(
        f"{small.url}/f/-/submission", headers=OURS, cookies={COOKIE: session}, files=files, timeout=20
    )
    assert sent.status_code == 201 and "Secret" not in sent.text
    (row,) = small.rows(uid)
    picture = row["_attachments"][0]["download_url"].removeprefix(small.url)
    paths = [
        f"/api/v2/assets/{uid}/data/",
        f"/api/v2/assets/{uid}/data.json",
        "/api/v2/assets/",
        "/me/",
        "/token/",
        picture,
    ]
    for path in paths:
        answer = get(small, path, session)
        assert answer.status_code in (200, 401, 404), path
        assert "Secret" not in answer.text and b"\xff\xd8" not in answer.content, path
        assert answer.status_code != 200 or '"count":0' in answer.text.replace(" ", ""), path
    for path in (
        "/f/-/state",
        f"/f/{uid}",
        f"/f/{uid}/paper.json",
        f"/f/{uid}/mark",
        f"/f/{uid}/media/p.jpg",
        f"/f/{uid}/data",
    ):
        assert "Secret" not in get(small, path, session).text, path


@pytest.mark.parametrize("path", ["/f/-/state", "/f/essai/paper.json", "/f/essai/mark", "/f/essai/media/liste.csv"])
def test_who_is_not_signed_in_sees_no_form(small: Room, path: str) -> None:
    session = cookie(small, "fatima", PASSWORD)
    # Within the signature: the last sign holds bits that say nothing, and another one there may be the same.
    forged = session[:-9] + ("b" if session[-9] == "a" else "a") + session[-8:]
    assert [get(small, path, each).status_code for each in ("", forged, session)] == [401, 401, 200]
    assert get(small, path, auth=("fatima", PASSWORD)).status_code == 401  # a cookie alone, so that no box pops up
    assert "WWW-Authenticate" not in get(small, path).headers
    small.clock.forward(hours=13)
    assert get(small, path, session).status_code == 401


def test_a_form_by_its_id_and_by_its_uid_and_no_other(small: Room) -> None:
    session, uid = cookie(small, "", PIN), small.uids["essai"]
    papers = [get(small, f"/f/{name}/paper.json", session).json() for name in ("essai", uid)]
    assert papers[0] == papers[1] and papers[0]["uid"] == uid and papers[0]["id"] == "essai"
    answer = get(small, "/f/autre")
    assert answer.status_code == 404 and "text/html" in answer.headers["Content-Type"]
    assert get(small, "/f/autre/paper.json", session).status_code == 404
    small.api("PATCH", f"{uid}/deployment/", json={"active": False})
    assert get(small, "/f/essai").status_code == 404
    assert get(small, "/f/-/state", session).json()["forms"] == []


def test_a_paired_form_has_the_missions_id_and_takes_the_place_of_the_local_one(small: Room) -> None:
    local, paired = small.uids["essai"], small.publish(book([{"type": "text", "name": "nom", "label": "Nom"}]))
    with small.station.db.writing() as connection:
        connection.execute(
            "INSERT INTO pairings VALUES (?, 'essai', 'kc', 'h', '1', 'u', '2025', ?, '')", (paired, local)
        )
        connection.execute("UPDATE deployments SET md5 = md5 || '-' WHERE asset = ?", (paired,))
    session = cookie(small, "", PIN)
    listed = get(small, "/f/-/state", session).json()["forms"]
    assert [(each["uid"], each["id"]) for each in listed] == [(paired, "essai")]
    assert get(small, "/f/essai/paper.json", session).json()["uid"] == paired


def test_a_superuser_is_told_that_the_forms_are_not_theirs(small: Room) -> None:
    said = get(small, "/f/-/state", cookie(small, "chef", PASSWORD)).json()
    assert said == {"username": "chef", "cannot_send": True, "forms": []}


def test_a_list_is_kept_by_no_cache_and_a_picture_for_ever(room: Room) -> None:
    survey = [{"type": "select_one_from_file liste.csv", "name": "qui", "label": "Qui ?"}]
    media = {"liste.csv": b"name,label\na,Amina\n", "vue.png": b"\x89PNG\r\n\x1a\n1", "page.svg": b"<svg onload='x'/>"}
    uid = room.publish(book(survey), media)
    session = cookie(room, "", PIN)
    addresses = get(room, f"/f/{uid}/paper.json", session).json()["media"]
    caching = {name: get(room, address, session).headers["Cache-Control"] for name, address in addresses.items()}
    assert caching["liste.csv"] == "no-store" and "immutable" in caching["vue.png"]
    drawing = get(room, addresses["page.svg"], session).headers
    assert drawing["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert drawing["X-Content-Type-Options"] == "nosniff"


def test_a_body_without_a_session_is_not_read(small: Room) -> None:
    files = {"xml_submission_file": ("x.xml", b"x" * 3_000_000, "text/xml")}
    answer = requests.post(f"{small.url}/f/-/submission", headers=OURS, files=files, timeout=20)
    assert answer.status_code == 401
    long = requests.post(f"{small.url}/f/-/sign-in", headers=OURS, json={"username": "x" * 9000}, timeout=20)
    assert long.status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"username": 1}', b'{"username": {"a": []}}', b"\xff", b'{"proof": "\\ud800"}']
)
def test_a_sign_in_that_is_none_is_refused(small: Room, body: bytes) -> None:
    headers = {**OURS, "Content-Type": "application/json"}
    answer = requests.post(f"{small.url}/f/-/sign-in", headers=headers, data=body, timeout=20)
    assert answer.status_code in (400, 401)

"""Submissions at the station's door: again, late, edited, broken, hostile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from station_bench import Bench, bench, digest

OLD, NEW, NEWER = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
BOMB = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'"><!ENTITY c "&b;&b;&b;">]><a id="a">&c;</a>'


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "station.sqlite") as made:
        yield made


def edit_of(field: Bench, old: str, new: str, answers: str) -> bytes:
    return field.xml(new, answers, f"<deprecatedID>uuid:{old}</deprecatedID>")


def test_the_same_bytes_again_are_a_duplicate_and_other_bytes_a_conflict(field: Bench) -> None:
    codes = [field.post(field.xml(OLD)).status_code, field.post(field.xml(OLD)).status_code]
    codes.append(field.post(field.xml(OLD, "<nom>B</nom>")).status_code)
    assert codes == [201, 202, 409]
    assert field.rows()["count"] == 1


def test_a_file_that_comes_later_is_added_once(field: Bench) -> None:
    xml = field.xml(OLD, "<photo>a b.jpg</photo>")
    assert field.post(xml).status_code == 201
    assert field.rows()["results"][0]["_attachments"] == []
    codes = [field.post(xml, {"a b.jpg": b"bytes"}).status_code for _ in range(2)]
    assert codes == [201, 202]
    (file,) = field.rows()["results"][0]["_attachments"]
    assert (file["media_file_basename"], file["question_xpath"]) == ("a b.jpg", "photo")
    assert field.api("GET", file["download_url"]).content == b"bytes"


def test_a_file_in_a_repeat_says_which_turn(field: Bench) -> None:
    turns = "".join(f"<membre><prenom>{n}</prenom><portrait>{n}.jpg</portrait></membre>" for n in "ab")
    field.post(field.xml(OLD, turns), {"b.jpg": b"1"})
    row = field.rows()["results"][0]
    assert row["_attachments"][0]["question_xpath"] == "membre[2]/portrait"
    assert [item["membre/prenom"] for item in row["membre"]] == ["a", "b"]


def test_an_edit_keeps_what_identifies_and_changes_the_rest(field: Bench) -> None:
    field.post(field.xml(OLD, "<nom>A</nom><photo>p.jpg</photo>"), {"p.jpg": b"1"})
    before = field.rows()["results"][0]
    field.api("PATCH", f"data/{before['_id']}/validation_status/", json={"validation_status.uid": "validation_status_approved"})  # fmt: skip
    assert field.post(edit_of(field, OLD, NEW, "<nom>B</nom>")).status_code == 201
    after = field.rows()["results"][0]
    assert (after["nom"], after["_uuid"], after["meta/rootUuid"]) == ("B", NEW, f"uuid:{OLD}")
    assert [after[key] for key in ("_id", "_submission_time", "_submitted_by")] == [
        before[key] for key in ("_id", "_submission_time", "_submitted_by")
    ]
    assert after["_validation_status"]["uid"] == "validation_status_approved"
    assert after["_attachments"] == []
    assert field.api("GET", before["_attachments"][0]["download_url"]).status_code == 404


def test_an_edit_of_a_stale_or_unknown_version_is_refused(field: Bench) -> None:
    field.post(field.xml(OLD))
    field.post(edit_of(field, OLD, NEW, "<nom>B</nom>"))
    stale = field.post(edit_of(field, OLD, NEWER, "<nom>C</nom>")).status_code
    unknown = field.post(edit_of(field, NEWER, "11111111-0000-4000-8000-000000000000", "")).status_code
    original = field.post(field.xml(OLD)).status_code
    assert (stale, unknown, original) == (410, 404, 409)
    assert field.rows()["results"][0]["nom"] == "B"


def test_an_edit_that_is_refused_for_its_file_changes_nothing(field: Bench) -> None:
    field.post(field.xml(OLD, "<nom>A</nom><photo>p.jpg</photo>"), {"p.jpg": b"1"})
    refused = field.post(edit_of(field, OLD, NEW, "<nom>B</nom><photo>p.jpg</photo>"), {"p.jpg": b"2"})
    row = field.rows()["results"][0]
    assert refused.status_code == 409
    assert (row["nom"], row["_uuid"]) == ("A", OLD)


def test_a_deleted_submission_may_come_again_with_another_id(field: Bench) -> None:
    field.post(field.xml(OLD))
    first = field.rows()["results"][0]["_id"]
    assert field.api("DELETE", f"data/{first}/").status_code == 204
    assert field.rows()["results"] == []
    assert field.post(field.xml(OLD)).status_code == 201
    assert field.rows()["results"][0]["_id"] > first


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs.jpg", "a/../b.jpg", "%2e%2e%2fz.jpg", "لائحة é.jpg"])
def test_a_file_name_never_leaves_the_row(field: Bench, name: str) -> None:
    basename = name.replace("\\", "/").rpartition("/")[2]
    assert field.post(field.xml(OLD, f"<photo>{basename}</photo>"), {name: b"1"}).status_code == 201
    (file,) = field.rows()["results"][0]["_attachments"]
    assert file["media_file_basename"] == basename
    assert ".." not in file["filename"].split("/")
    assert field.api("GET", file["download_url"]).content == b"1"


@pytest.mark.parametrize(
    ("xml", "status"),
    [
        (BOMB, 400),
        (b"", 400),
        (b"\xff\xfe\x00", 400),
        (b"<a>" * 3000, 400),
        (b"<a>" * 3000 + b"</a>" * 3000, 400),
        (b'<?xml version="1.0" encoding="nope"?><a/>', 404),  # the form is looked for first (part 9, bad input)
        (b"<a id='x'><nom>&#1;</nom></a>", 400),
        (b"<a id='x'><nom>\x0b</nom></a>", 400),
        (b"<a id='x'/>", 404),
        (b"<a id='x'><meta><instanceID>uuid:1</instanceID></meta></a>", 404),
    ],
)
def test_hostile_xml_is_refused_and_the_station_goes_on(field: Bench, xml: bytes, status: int) -> None:
    assert field.post(xml).status_code == status
    assert field.post(field.xml(OLD)).status_code == 201


@pytest.mark.parametrize("body", [b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=", b"\x00" * 100])
def test_a_body_that_is_no_form_is_refused(field: Bench, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = field.session.post(f"{field.url}/submission", data=body, headers=headers, timeout=20)
    assert answer.status_code in (400, 500)
    assert field.post(field.xml(OLD)).status_code == 201


def test_phones_sign_in_with_digest_and_strangers_do_not(field: Bench) -> None:
    url = f"{field.url}/submission"
    files = {"xml_submission_file": ("x.xml", field.xml(OLD), "text/xml")}
    challenge = requests.head(url, timeout=20)
    assert challenge.status_code == 401
    assert challenge.headers["WWW-Authenticate"].startswith("Digest ")
    assert requests.head(url, auth=digest("staff", "mot de passe"), timeout=20).status_code == 204
    assert requests.head(url, auth=digest("staff", "autre"), timeout=20).status_code == 401
    assert requests.post(url, files=files, auth=digest("agent", "secret"), timeout=20).status_code == 403
    assert requests.post(url, files=files, auth=digest("staff", "mot de passe"), timeout=20).status_code == 201
    assert "staff-token" not in challenge.text


def test_collect_asks_with_its_device_in_the_address(field: Bench) -> None:
    url = f"{field.url}/submission?deviceID=collect%3Aab+c%20d"
    assert requests.head(url, auth=digest("staff", "mot de passe"), timeout=20).status_code == 204


def test_a_digest_made_for_one_address_opens_no_other(field: Bench) -> None:
    with requests.Session() as session:
        session.auth = digest("staff", "mot de passe")
        sent = session.head(f"{field.url}/submission", timeout=20).request.headers["Authorization"]
    answer = requests.get(f"{field.url}/formList", headers={"Authorization": sent}, timeout=20)
    assert answer.status_code == 401


@pytest.mark.parametrize("header", ["Digest ", "Digest nonce=é", "Basic é", "Basic !!!", "Token", "Digest nonce=1:2, username=staff, uri=/me/"])  # fmt: skip
def test_a_broken_authorization_is_a_401(field: Bench, header: str) -> None:
    answer = requests.get(f"{field.url}/me/", headers={"Authorization": header.encode("latin-1")}, timeout=20)
    assert answer.status_code == 401


def test_an_agent_who_may_only_submit_sees_no_data(field: Bench) -> None:
    grant = {
        "user": f"{field.url}/api/v2/users/agent/",
        "permission": f"{field.url}/api/v2/permissions/add_submissions/",
    }
    assert field.api("POST", "permission-assignments/", json=grant).status_code == 201
    agent = {"Authorization": "Token agent-token"}
    files = {"xml_submission_file": ("x.xml", field.xml(OLD), "text/xml")}
    assert requests.post(f"{field.url}/submission", files=files, headers=agent, timeout=20).status_code == 201
    data = requests.get(f"{field.url}/api/v2/assets/{field.uid}/data/", headers=agent, timeout=20)
    assert data.status_code == 404
    assert field.rows()["results"][0]["_submitted_by"] == "agent"
    assert field.api("POST", "permission-assignments/", json={**grant, "user": "/nobody/"}).status_code == 400

"""What no honest client sends: the station answers as a real KoboToolbox was seen to, loses nothing, and goes on (part 9, bad input).

`bad_input.json` holds what the real server answered to each case of `bad_input.py`, and where the station differs, what it
answers and why: docs/operations.md says it in words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from bad_input import CASES, POISON, Form, Sent, exchange, multipart, post, xml_part
from station_bench import Bench, bench

ANSWERS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("bad_input.json").read_text(encoding="utf-8"))
MESSAGE = 110  # characters of a message that were noted
LIVE = {name: os.environ.get(f"KOBO_LIVE_{name}", "") for name in ("KC", "USER", "PASSWORD", "FORM", "FORM_UUID")}


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("station") / "station.sqlite") as made:
        yield made


@pytest.fixture(scope="module")
def form(field: Bench) -> Form:
    uuid = field.api("GET", "").json()["deployment__uuid"]
    return Form(field.url, field.uid, uuid, "staff", "mot de passe")


def _answers(form: Form, name: str) -> list[list[Any]]:
    return [[answer.status, answer.message[:MESSAGE]] for answer in exchange(form, CASES[name](form))]


@pytest.mark.parametrize("name", CASES)
def test_it_is_answered_and_the_next_submission_is_taken(name: str, field: Bench, form: Form) -> None:
    before = field.rows(limit=1)["count"]
    answers = _answers(form, name)
    expected = ANSWERS[name]
    assert answers == expected.get("here", expected["there"]), expected.get("why")
    key = form.key()
    assert [answer.status for answer in exchange(form, post(form.xml("<nom>bon</nom>", key=key)))] == [201]
    n_taken = sum(status == 201 for status, _ in answers)
    assert field.rows(limit=1)["count"] == before + n_taken + 1
    assert field.rows(query={"_uuid": key})["results"][0]["nom"] == "bon"


def test_every_case_was_asked_of_the_real_server() -> None:
    assert ANSWERS.keys() == CASES.keys()
    assert all(("here" in answer) == ("why" in answer) for answer in ANSWERS.values())
    document = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert {answer["why"] for answer in ANSWERS.values() if "why" in answer} <= set(WHY)
    assert all(words in document for words in WHY.values())


WHY = {  # why the station differs → the words of the table in docs/operations.md
    "it breaks there": "500, over what it cannot read",
    "taken, it breaks the project there": "takes it, and shows none of the owner's projects any more",
    "bounds": "takes any size of XML",
    "more is taken": "refuses more than 100 files at once",
    "no text": "takes a NUL or half a character in an address, a header, a file's name",
    "no proxy in front": "its proxy refuses",
    "no password in the clear": "reads the password first",
}


@pytest.mark.parametrize(
    ("text", "encoding"), [("é ⵜⴰⵎⴰⵣⵉⵖⵜ", "utf-8-sig"), ("سلام", "utf-8"), ("𐎠 😀", "utf-8"), ("a\tb\r\nc", "utf-8")]
)
def test_what_is_taken_is_kept_byte_for_byte(text: str, encoding: str, field: Bench, form: Form) -> None:
    key = form.key()
    xml = form.xml(f"<nom>{text}</nom>", key=key).encode(encoding)
    assert exchange(form, post(xml))[0].status == 201
    row = field.rows(query={"_uuid": key})["results"][0]
    assert row["nom"] == text.replace("\r\n", "\n")
    assert field.api("GET", f"data/{row['_id']}.xml", headers={"Accept": "*/*"}).content.endswith(xml.removeprefix(b"\xef\xbb\xbf"))  # fmt: skip


def test_what_the_declaration_says_of_the_encoding_is_not_believed(field: Bench, form: Form) -> None:
    key = form.key()
    xml = '<?xml version="1.0" encoding="iso-8859-1"?>' + form.xml("<nom>é</nom>", key=key)
    assert exchange(form, post(xml))[0].status == 201
    assert field.rows(query={"_uuid": key})["results"][0]["nom"] == "é"


def test_an_instance_id_used_again_is_told_from_the_same_again(form: Form, field: Bench) -> None:
    key = form.key()
    first, other = form.xml("<nom>A</nom>", key=key), form.xml("<nom>B</nom>", key=key)
    statuses = [exchange(form, post(xml))[0].status for xml in (first, first, other, first, other)]
    assert statuses == [201, 202, 409, 202, 409]
    assert [row["nom"] for row in field.rows(query={"_uuid": key})["results"]] == ["A"]


def test_two_submissions_in_one_write_are_both_taken(form: Form, field: Bench) -> None:
    keys = [form.key(), form.key()]
    bodies = [multipart([xml_part(form.xml(key=key))]) for key in keys]
    head = (
        f"POST /submission HTTP/1.1\r\nHost: x\r\nAuthorization: {form.authorization}\r\nContent-Length: {len(bodies[1])}\r\n"
        "Content-Type: multipart/form-data; boundary=xxPARTxx\r\nConnection: close\r\n\r\n"
    ).encode()
    first = post("")
    both = Sent([bodies[0] + head + bodies[1]], headers={**first.headers, "Connection": "keep-alive"}, length=len(bodies[0]))  # fmt: skip
    assert [answer.status for answer in exchange(form, both)] == [201, 201]
    assert all(field.rows(query={"_uuid": key})["count"] == 1 for key in keys)


def test_what_follows_a_refused_head_is_no_request(form: Form, field: Bench) -> None:
    before = field.rows(limit=1)["count"]
    inner = multipart([xml_part(form.xml())])
    head = f"POST /submission HTTP/1.1\r\nHost: x\r\nAuthorization: {form.authorization}\r\nContent-Length: {len(inner)}\r\nContent-Type: multipart/form-data; boundary=xxPARTxx\r\n\r\n"  # fmt: skip
    refused = Sent([head.encode() + inner], credentials=False, headers={"Connection": "keep-alive"})
    assert [answer.status for answer in exchange(form, refused)] == [401]
    assert field.rows(limit=1)["count"] == before


# ── the API ─────────────────────────────────────────────────────────────────

BODIES = ("{oops", "[1]", '"x"', "5", '{"name":"a\\u0000b"}', '{"name":"a\\ud800b"}', "[" * 100_000, "", "null")
LOGGED = [500, 400, 500, 500, 400, 400, 500]  # as a real server answers each of BODIES where it keeps a log
UNLOGGED = [400] * 7
DOORS = [
    ("POST", "", LOGGED),
    ("POST", "hooks/", LOGGED),
    ("POST", "exports/", LOGGED),
    ("POST", "export-settings/", UNLOGGED),
    ("POST", "permission-assignments/", LOGGED),
    ("PATCH", "data/bulk/", LOGGED),
    ("PATCH", "data/validation_statuses/", LOGGED),
]


@pytest.mark.parametrize(("method", "path", "statuses"), DOORS)
def test_json_that_is_none_is_answered_as_there(method: str, path: str, statuses: list[int], field: Bench) -> None:
    address = path or f"{field.url}/api/v2/assets/"
    answers = [
        field.api(method, address, data=body, headers={"Content-Type": "application/json"}) for body in BODIES[:7]
    ]
    assert [answer.status_code for answer in answers] == statuses
    assert all(answer.headers["Content-Type"] == "application/json" and answer.json() for answer in answers)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("query=", 400),
        ("fields=", 400),
        ("sort=", 400),
        ("query=%20", 400),
        ("query=null", 200),
        ("sort=null", 200),
        ("fields=null", 500),
        ("sort=5", 500),
        ("fields=5", 500),
        ("sort=[1]", 500),
        ('fields="nom"', 500),
        ('fields={"nom":1}', 200),
        ("fields=[]", 200),
        ("query=[1]", 500),
        ("query=true", 500),
        ('query="x"', 500),
        ('query={"_id":null}', 500),
        ('query={"_id":"x"}', 200),
        ('query={"nom":{"$not":"Awa"}}', 400),
        ('query={"nom":{"$not":5}}', 400),
        ('query={"q":{"$not":{"$eq":"a"}}}', 400),
        ('query={"nom":{"$not":{"$regex":"^A"}}}', 200),
        ('query={"nom":{"$exists":5}}', 200),
        ('query={"$and":[1]}', 400),
        ('query={"$or":[{}]}', 200),
        ('query={"$or":[]}', 400),
        ('query={"$in":["a"]}', 400),
        ('query={"$gt":1}', 400),
        ('query={"$exists":true}', 400),
        ('query={"$expr":5}', 200),
        ('query={"$where":"sleep(1000)"}', 200),
        ('query={"nom":{"$in":"Awa"}}', 400),
        ('query={"nom":{"$options":"i"}}', 400),
        ("query=" + '{"$and":[' * 900 + "{}" + "]}" * 900, 414),
        ("query=" + '{"$or":[' * 200 + "{}" + "]}" * 200, 400),
    ],
)
def test_a_query_that_is_none_is_answered_as_there(query: str, status: int, field: Bench) -> None:
    name, _, value = query.partition("=")
    answer = field.api("GET", f"data/?limit=1&{name}={quote(value, safe='%')}")
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("query", "n_rows"),
    [
        ({"nom": {"$eq": "bon"}}, 0),  # a name like any other: an operator that is not let through
        ({"nom": {"$ne": "bon", "x": 1}}, 0),
        ({"membre": {"$size": 1}}, 0),
        ({"_userform_id": "x", "_id": 1}, 1),
        ({"_id": "1"}, 1),
        ({"_id": {"$in": ["1"]}}, 0),
        ({"_id": 1, "nom": {"$not": {"$in": ["x"]}}}, 1),
        ({"_id": 1, "$expr": {"$gt": [{"$ifNull": ["$wibble", "b"]}, "a"]}}, 1),
        ({"_id": 1, "$expr": {"$gt": [{"$ifNull": ["$wibble", "a"]}, "b"]}}, 0),
        ({"_id": 1, "$expr": {"$eq": ["$nom", "x"]}}, 1),
        ({"_id": 1, "wibble": None}, 1),
    ],
)
def test_operators_do_what_they_do_there(query: dict[str, Any], n_rows: int, tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as fresh:
        fresh.post(
            fresh.xml("0bad0000-0000-4000-8000-00000000000a", "<nom>bon</nom><membre><prenom>a</prenom></membre>")
        )
        assert fresh.rows(query=query)["count"] == n_rows


@pytest.mark.live
def test_a_real_server_still_answers_so() -> None:
    """KOBO_LIVE_FORM and _FORM_UUID name a deployed form with the questions of `station_bench`, of KOBO_LIVE_USER."""
    if not all(LIVE.values()):
        pytest.skip("no real KoboToolbox is named by KOBO_LIVE_KC, _USER, _PASSWORD, _FORM and _FORM_UUID")
    there = Form(
        LIVE["KC"], LIVE["FORM"], LIVE["FORM_UUID"], LIVE["USER"], LIVE["PASSWORD"], n=int.from_bytes(os.urandom(4))
    )
    names = [name for name in CASES if name not in POISON and not name.endswith(("_mb", "00000"))]
    answers = {name: _answers(there, name) for name in names}
    assert answers == {name: ANSWERS[name]["there"] for name in names}

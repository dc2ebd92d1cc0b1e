"""The station's data: pages, queries, media, publication."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from station_bench import Bench, bench, xlsx

from kobo_sync.station.query import matcher, split

ROW = {
    "_id": 7,
    "_uuid": "u7",
    "nom": "Lot 7",
    "age": "20",
    "_attachments": [{"mimetype": "image/jpeg"}],
    "membre": [{"membre/prenom": "Awa"}],
    "_validation_status": {"uid": "validation_status_on_hold", "timestamp": 100},
}


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("station") / "station.sqlite") as made:
        for n in range(25):
            key = f"00000000-0000-4000-8000-{n:012d}"
            assert made.post(made.xml(key, f"<nom>N{n}</nom><age>{n % 5}</age>")).status_code == 201
        yield made


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ({}, True),
        ({"age": "20"}, True),
        ({"age": 20}, False),
        ({"absent": None}, True),
        ({"nom": {"$exists": True}}, True),
        ({"autre": {"$exists": False}}, True),
        ({"nom": {"$regex": "^lot", "$options": "i"}}, True),
        ({"nom": {"$ne": "Lot 7"}}, False),
        ({"autre": {"$ne": "x"}}, True),
        ({"nom": {"$nin": ["x"]}}, True),
        ({"_id": {"$gt": 6, "$lte": 7}}, True),
        ({"_id": {"$gt": "6"}}, False),
        ({"_id": {"$where": "1"}}, False),
        ({"_id": {"$size": 1}}, False),
        ({"$or": [{"nom": "x"}, {"age": "20"}]}, True),
        ({"$and": [{"nom": "x"}, {"age": "20"}]}, False),
        ({"$nor": [{"nom": "x"}]}, False),
        ({"_attachments": {"$elemMatch": {"mimetype": "image/jpeg"}}}, True),
        ({"_attachments": {"$ne": []}}, True),
        ({"_attachments": []}, False),
        ({"_attachments.0": {"$exists": True}}, False),
        ({"membre.membre/prenom": "Awa"}, False),
        ({"_validation_status.uid": "validation_status_on_hold"}, True),
        ({"_validation_status.timestamp": {"$gte": 100}}, True),
        ({"nom": {"$not": {"$regex": "^Z"}}}, True),
    ],
)
def test_a_query_matches_as_kobo_would(query: dict[str, Any], is_found: bool) -> None:
    assert matcher(query)(ROW) is is_found


def test_what_sql_decides_and_what_is_left() -> None:
    where, values, rest = split({"_id": {"$gt": 3, "$lte": 9}, "_uuid": {"$in": ["a", "b"]}, "nom": "x", "_id2": 1})
    assert (where, values) == ("id > ? AND id <= ? AND uuid IN (?, ?)", [3, 9, "a", "b"])
    assert rest == {"nom": "x", "_id2": 1}
    assert split({"_id": {"$gt": "3"}})[0] == ""


def test_pages_follow_next_without_loss_or_double(field: Bench) -> None:
    seen, url = [], f"{field.url}/api/v2/assets/{field.uid}/data/?limit=7"
    while url:
        page = field.api("GET", url).json()
        seen += [row["_id"] for row in page["results"]]
        url = page["next"]
    assert seen == sorted(set(seen))
    assert len(seen) == 25


def test_keyset_paging_and_a_query_that_sql_cannot_decide_agree(field: Bench) -> None:
    ids = [row["_id"] for row in field.rows()["results"]]
    above = field.rows(query={"_id": {"$gt": ids[9]}}, sort={"_id": 1}, limit=5)
    assert [row["_id"] for row in above["results"]] == ids[10:15]
    mixed = field.rows(query={"_id": {"$gt": ids[9]}, "age": "3"}, limit=2)
    assert mixed["count"] == 3
    assert [row["age"] for row in mixed["results"]] == ["3", "3"]


def test_rows_can_be_sorted_by_an_answer(field: Bench) -> None:
    found = field.rows(sort={"age": -1, "_id": 1}, fields=["age"], limit=6)["results"]
    assert [row["age"] for row in found] == ["4"] * 5 + ["3"]


def test_light_fields_say_a_false_empty_validation_unless_asked(field: Bench) -> None:
    first = field.rows()["results"][0]["_id"]
    status = {"validation_status.uid": "validation_status_approved"}
    assert field.api("PATCH", f"data/{first}/validation_status/", json=status).status_code == 200
    light, full = field.rows(fields=["_id"], limit=1), field.rows(fields=["_validation_status"], limit=1)
    assert light["results"][0]["_validation_status"] == {}
    assert full["results"][0]["_validation_status"]["uid"] == "validation_status_approved"
    assert set(light["results"][0]) == {"_id", "_uuid", "meta/rootUuid", "_validation_status"}


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "9" * 40},
        {"limit": "٣"},
        {"start": "-1"},
        {"sort": "x"},
        {"query": "["},
        {"query": '{"$or": 1}'},
        {"query": '{"nom": {"$regex": "("}}'},
        {"query": '{"nom": {"$in": 1}}'},
        {"count": "1"},
    ],
)
def test_a_wrong_parameter_is_a_400_in_json(field: Bench, params: dict[str, str]) -> None:
    answer = field.api("GET", "data/", params=params)
    assert answer.status_code == 400
    assert isinstance(answer.json(), (dict, list)) and answer.headers["Content-Type"] == "application/json"


def test_answers_are_gzipped_when_accepted_and_only_then(field: Bench) -> None:
    plain = field.api("GET", "data/", headers={"Accept-Encoding": "identity"})
    packed = field.api("GET", "data/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.content == packed.content


def test_head_says_what_get_would(field: Bench) -> None:
    answer = field.api("HEAD", "data/")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("host", ['evil"}<x>.example', "a.example:99"])
def test_links_with_a_strange_host_stay_well_formed(field: Bench, host: str) -> None:
    headers = {"Host": host, "Authorization": "Token staff-token"}
    answer = requests.get(f"{field.url}/api/v2/assets/{field.uid}/data/?limit=1", headers=headers, timeout=20)
    assert answer.status_code in (200, 400)
    assert isinstance(json.loads(answer.content), dict)


def test_bulk_calls_change_all_or_nothing(field: Bench) -> None:
    ids = [row["_id"] for row in field.rows(limit=3)["results"]]
    wrong = {"payload": {"submission_ids": [*ids, 999999], "validation_status.uid": "validation_status_on_hold"}}
    assert field.api("PATCH", "data/validation_statuses/", json=wrong).status_code == 400
    on_hold = {"_validation_status.uid": "validation_status_on_hold"}
    assert field.rows(query=on_hold)["count"] == 0
    assert field.api("DELETE", "data/bulk/", json={"payload": {"submission_ids": [ids[0], 999999]}}).status_code == 400
    assert field.rows()["count"] == 25


def test_history_tells_changes_newest_first(field: Bench) -> None:
    wanted = 'date_created__gte:"2025-01-01T00:00:00Z" AND (action:"add-submission" OR action:"delete-submission")'
    found = field.api("GET", "history/", params={"q": wanted, "limit": 2}).json()
    assert found["count"] == 25
    assert found["results"][0]["metadata"]["submission"]["root_uuid"].endswith("24")
    for broken in ("action:", "(action:x", "action:x AND", "drop:table", "action:x)"):
        assert field.api("GET", "history/", params={"q": broken}).status_code == 400


def test_media_reach_phones_only_with_a_real_redeployment(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as made:

        def upload(content: bytes) -> str:
            fields = {"description": "d", "file_type": "form_media", "metadata": '{"filename": "z.csv"}'}
            sent = made.api("POST", "files/", data=fields, files={"content": ("z.csv", content, "text/csv")})
            return str(sent.json().get("url", sent.status_code))

        def phone(path: str) -> str:
            return made.session.get(f"{made.url}{path}", timeout=20).text

        def redeploy(**body: Any) -> int:
            return made.api("PATCH", "deployment/", json=body).status_code

        upload(b"one")
        version = made.api("GET", "").json()["version_id"]
        assert redeploy(active=True) == 200
        assert "mediaFile" not in phone("/xformsManifest/1")
        before = phone("/formList")
        assert redeploy(active=True, version_id=version) == 200
        assert "/xformsMedia/1/1.csv" in phone("/xformsManifest/1")
        assert phone("/formList") != before
        assert phone("/xformsMedia/1/1.csv") == "one"
        assert redeploy(active=True, version_id="other") == 500
        assert redeploy(active=False) == 200
        assert "<xform>" not in phone("/formList")


def test_settings_are_merged_and_survive_a_deployment(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as made:
        version = made.api("GET", "").json()["version_id"]
        mark = {"settings": {"extra_metadata": {"kobo_sync": {"form": "abc"}}}}
        assert made.api("PATCH", "", json=mark).status_code == 200
        made.api("PATCH", "deployment/", json={"active": True, "version_id": version})
        asset = made.api("GET", "").json()
        assert asset["settings"]["extra_metadata"] == {"kobo_sync": {"form": "abc"}}
        assert asset["settings"]["country"] == []
        assert (asset["version_id"], asset["version_count"]) == (version, 1)


def test_the_form_given_back_imports_as_the_same_content(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as made:
        before = made.api("GET", "").json()
        asset_url = f"{made.url}/api/v2/assets/{made.uid}"
        book = made.session.get(f"{asset_url}.xls", timeout=20).content
        sent = made.session.post(
            f"{made.url}/api/v2/imports/",
            data={"library": "false", "destination": f"{asset_url}/"},
            files={"file": ("back.xlsx", book)},
            timeout=20,
        )
        assert made.api("GET", sent.json()["url"]).json()["status"] == "complete"
        after = made.api("GET", "").json()
        assert after["version__content_hash"] == before["version__content_hash"]
        assert after["version_id"] != before["version_id"] == after["deployed_version_id"]


def test_a_form_that_cannot_be_deployed_leaves_the_old_one_to_phones(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as made:
        before = made.session.get(f"{made.url}/formList", timeout=20).text
        dangling = ({"type": "text", "name": "a", "label": "A", "relevant": "${absent} = 1"},)
        made.session.post(
            f"{made.url}/api/v2/imports/",
            data={"library": "false", "destination": f"{made.url}/api/v2/assets/{made.uid}/"},
            files={"file": ("b.xlsx", xlsx(dangling))},
            timeout=20,
        )
        version = made.api("GET", "").json()["version_id"]
        refused = made.api("PATCH", "deployment/", json={"active": True, "version_id": version})
        assert refused.status_code == 400
        assert "absent" in refused.json()["error"]
        assert made.session.get(f"{made.url}/formList", timeout=20).text == before


def test_a_long_form_without_any_calculation_can_be_deployed(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as made:
        questions = tuple({"type": "text", "name": f"q{n}", "label": f"Q {n}"} for n in range(120))
        hinted = ({"type": "text", "name": "last", "label": "Last", "hint": "first used in row 121"},)
        made.session.post(
            f"{made.url}/api/v2/imports/",
            data={"library": "false", "destination": f"{made.url}/api/v2/assets/{made.uid}/"},
            files={"file": ("long.xlsx", xlsx(questions + hinted))},
            timeout=20,
        )
        version = made.api("GET", "").json()["version_id"]
        answer = made.api("PATCH", "deployment/", json={"active": True, "version_id": version})
        assert (answer.status_code, answer.json()["asset"]["deployed_version_id"]) == (200, version)

"""Exports of a station: the columns and lines of a real server's, to the owner alone, within bounds (part 9, 11)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from station_bench import Bench, bench

from kobo_sync.station import exports

WISH = {
    "fields_from_all_versions": "true",
    "group_sep": "/",
    "hierarchy_in_labels": "false",
    "lang": "_xml",
    "multiple_select": "both",
    "type": "csv",
}
CONTENT = {
    "survey": [
        {"type": "text", "name": "nom", "label": ["Nom", "الاسم"]},
        {"type": "select_one", "select_from_list_name": "on", "name": "accord", "label": ["Accord", "موافقة"]},
        {"type": "select_multiple", "select_from_list_name": "biens", "name": "biens", "label": ["Biens", "ممتلكات"]},
        {"type": "begin_group", "name": "logement", "label": ["Logement", "السكن"]},
        {"type": "decimal", "name": "surface", "label": ["Surface", "المساحة"]},
        {"type": "end_group"},
        {"type": "geopoint", "name": "gps", "label": ["Position", "الموقع"]},
        {"type": "begin_repeat", "name": "membre", "label": ["Membre", "فرد"]},
        {"type": "text", "name": "prenom", "label": ["Prénom", "اسم"]},
        {"type": "begin_repeat", "name": "visite", "label": ["Visite", "زيارة"]},
        {"type": "date", "name": "jour", "label": ["Jour", "يوم"]},
        {"type": "end_repeat"},
        {"type": "end_repeat"},
    ],
    "choices": [
        {"list_name": "on", "name": "oui", "label": ["Oui", "نعم"]},
        {"list_name": "on", "name": "non", "label": ["Non", "لا"]},
        {"list_name": "biens", "name": "radio", "label": ["Radio", "راديو"]},
        {"list_name": "biens", "name": "velo", "label": ["Vélo", "دراجة"]},
    ],
    "translations": ["Français (fr)", "العربية (ar)"],
}
FULL = (
    "<nom>=1+1</nom><accord>oui</accord><biens>velo radio</biens><logement><surface>12.5</surface></logement>"
    "<gps>5.35 -4.01 12.5 3.0</gps><membre><prenom>Ali</prenom><visite><jour>2026-01-01</jour></visite></membre>"
    "<membre><prenom>Eve</prenom><visite><jour>2026-01-02</jour></visite><visite><jour>2026-01-03</jour></visite></membre>"
)
FACTS = (
    "_id _uuid _submission_time _validation_status _notes _status _submitted_by __version__ _tags meta/rootUuid _index"
)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("exports") / "station.sqlite") as made:
        body = {"name": "Enquête / ménages", "asset_type": "survey", "content": CONTENT}
        made.uid = made.session.post(f"{made.url}/api/v2/assets/", json=body, timeout=20).json()["uid"]
        assert made.api("POST", "deployment/", json={"active": True}).status_code == 200
        assert made.post(made.xml("00000000-0000-4000-8000-00000000000a", FULL)).status_code == 201
        assert made.post(made.xml("00000000-0000-4000-8000-00000000000b", "<nom>Eve</nom>")).status_code == 201
        yield made


def _file(field: Bench, **more: Any) -> bytes:
    started = field.api("POST", "exports/", json={**WISH, **more})
    assert started.status_code == 201 and started.json()["status"] == "created"
    done = field.api("GET", started.json()["url"]).json()
    assert done["status"] == "complete", done
    return field.api("GET", done["result"]).content


def _lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode()), delimiter=";"))


def test_a_csv_has_the_questions_by_name_and_what_the_server_knows(field: Bench) -> None:
    head, full, short = _lines(_file(field))
    geo = ["gps", "_gps_latitude", "_gps_longitude", "_gps_altitude", "_gps_precision"]
    assert head == ["nom", "accord", "biens", "biens/radio", "biens/velo", "surface", *geo, *FACTS.split()]
    assert full[:11] == ["=1+1", "oui", "velo radio", "1", "1", "12.5", "5.35 -4.01 12.5 3.0", "5.35", "-4.01", "12.5", "3.0"]  # fmt: skip
    assert short[:2] == ["Eve", ""] and (full[-1], short[-1]) == ("1", "2")


def test_labels_stand_in_the_language_asked_with_their_groups(field: Bench) -> None:
    head, full, _ = _lines(_file(field, lang="العربية (ar)", hierarchy_in_labels="true", multiple_select="summary"))
    assert head[:4] == ["الاسم", "موافقة", "ممتلكات", "السكن/المساحة"] and full[1:3] == ["نعم", "دراجة راديو"]
    head, full, _ = _lines(_file(field, lang="_default", multiple_select="details"))
    assert head[:4] == ["Nom", "Accord", "Biens/Radio", "Biens/Vélo"] and full[1:4] == ["Oui", "1", "1"]


def test_a_workbook_has_a_sheet_for_each_repeat_and_no_formula(field: Bench) -> None:
    book = openpyxl.load_workbook(io.BytesIO(_file(field, type="xls")))
    sheets = {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book}
    assert list(sheets) == ["Enquête _ ménages", "membre", "visite"]
    assert sheets["Enquête _ ménages"][1][0] == "=1+1" and book.worksheets[0]["A2"].data_type == "s"
    assert sheets["membre"][0][:5] == ["prenom", "_index", "_parent_table_name", "_parent_index", "_submission__id"]
    assert [row[:4] for row in sheets["membre"][1:]] == [["Ali", 1, "Enquête / ménages", 1], ["Eve", 2, "Enquête / ménages", 1]]  # fmt: skip
    assert [row[:4] for row in sheets["visite"][1:]] == [["2026-01-01", 1, "membre", 1], ["2026-01-02", 2, "membre", 2], ["2026-01-03", 3, "membre", 2]]  # fmt: skip


def test_fields_and_a_query_leave_out_the_rest(field: Bench) -> None:
    lines = _lines(_file(field, fields=["nom", "logement/surface"], query={"nom": "Eve"}))
    assert lines[0] == ["nom", "surface", "_uuid", "meta/rootUuid", "_index"] and [line[0] for line in lines[1:]] == [
        "Eve"
    ]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"type": "wibble"}, "type"),
        ({"lang": "Klingon"}, "lang"),
        ({"multiple_select": 5}, "multiple_select"),
        ({"fields": "nom"}, "fields"),
        ({"query": [1]}, "query"),
        ({"query": {"$or": []}}, "query"),
        ({"lang": ["x"]}, "lang"),
        ({"type": ["csv"]}, "type"),
    ],
)
def test_what_cannot_be_made_is_refused(change: dict[str, Any], key: str, field: Bench) -> None:
    answer = field.api("POST", "exports/", json={**WISH, **change})
    assert answer.status_code == 400 and list(answer.json()) == [key]


@pytest.mark.parametrize("kind", ["spss_labels", "kml"])
def test_a_kind_that_a_station_does_not_make_ends_in_an_error(kind: str, field: Bench) -> None:
    url = field.api("POST", "exports/", json={**WISH, "type": kind}).json()["url"]
    state = field.api("GET", url).json()
    assert (state["status"], state["result"]) == ("error", None) and kind in state["messages"]["error"]


def test_nobody_else_sees_an_export(field: Bench) -> None:
    url = field.api("POST", "exports/", json=WISH).json()["url"]
    result = field.api("GET", url).json()["result"]
    for permission in ("view_submissions", "manage_asset"):
        body = {
            "user": f"{field.url}/api/v2/users/agent/",
            "permission": f"{field.url}/api/v2/permissions/{permission}/",
        }
        assert field.api("POST", "permission-assignments/", json=body).status_code == 201
    other = {"Authorization": "Token agent-token"}
    assert field.api("GET", url, headers=other).status_code == 404
    assert field.api("POST", "exports/", json=WISH, headers=other).status_code == 404
    for headers in (other, {"Authorization": ""}):
        assert field.api("GET", result, headers=headers).status_code == 403
    ranged = field.api("GET", result, headers={"Range": "bytes=0-9"})
    assert (ranged.status_code, ranged.content) == (206, b'"nom";"acc')
    assert "attachment" in ranged.headers["Content-Disposition"]


def test_settings_give_the_rows_of_the_moment(field: Bench) -> None:
    made = field.api("POST", "export-settings/", json={"name": "r", "export_settings": WISH}).json()
    answer = field.api("GET", made["data_url_csv"], allow_redirects=False)
    assert answer.status_code == 302 and len(_lines(field.api("GET", field.url + answer.headers["Location"]).content)) == 3  # fmt: skip
    assert field.api("PATCH", made["url"], json={"name": "s"}).json()["name"] == "s"
    assert field.api("GET", "export-settings/").json()["count"] == 1
    assert field.api("DELETE", made["url"]).status_code == 204 and field.api("GET", made["url"]).status_code == 404


def test_the_newest_exports_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST", 3)
    with bench(tmp_path / "station.sqlite") as fresh:
        urls = [fresh.api("POST", "exports/", json=WISH).json()["url"] for _ in range(5)]
        assert [fresh.api("GET", url).status_code for url in urls] == [404, 404, 200, 200, 200]
        assert fresh.api("DELETE", urls[4]).status_code == 204
        assert [each["url"] for each in fresh.api("GET", "exports/").json()["results"]] == [urls[3], urls[2]]
        monkeypatch.setattr(exports, "MOST_ROWS", 0)
        fresh.post(fresh.xml("00000000-0000-4000-8000-00000000000c"))
        state = fresh.api("GET", fresh.api("POST", "exports/", json=WISH).json()["url"]).json()
        assert state["status"] == "error" and "rows" in state["messages"]["error"]

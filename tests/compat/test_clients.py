"""koboextractor and pykobo, unchanged, do on a station what they do on a real server (part 9, 11).

`make test` puts them into a folder of their own. Where KOBO_LIVE_KF, _KC, _USER, _TOKEN and _READER name a real
KoboToolbox, the same calls are made there, and give the same.
"""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
import xlsxwriter

from kobo_sync.station import Account, Station, serve

CLIENTS = Path(os.environ.get("KOBO_CLIENTS", "") or Path(sys.prefix) / "clients")
LIVE = {name: os.environ.get(f"KOBO_LIVE_{name}", "") for name in ("KF", "KC", "USER", "TOKEN", "READER")}
CALLS = Path(__file__).parent / "client_calls.py"
CHOICES = [
    {"list_name": "biens", "name": "radio", "label": "Radio"},
    {"list_name": "biens", "name": "velo", "label": "Vélo"},
    {"list_name": "on", "name": "oui", "label": "Oui"},
    {"list_name": "on", "name": "non", "label": "Non"},
]
MEMBERS = [
    {"type": "begin_repeat", "name": "membre", "label": "Membre"},
    {"type": "text", "name": "prenom", "label": "Prénom"},
    {"type": "end_repeat"},
]
FORMS = {
    "form": [
        {"type": "start", "name": "start"},
        {"type": "text", "name": "nom", "label": "Nom"},
        {"type": "integer", "name": "age", "label": "Âge"},
        {"type": "select_multiple biens", "name": "biens", "label": "Biens"},
        {"type": "image", "name": "photo", "label": "Photo"},
        {"type": "begin_group", "name": "logement", "label": "Logement"},
        {"type": "decimal", "name": "surface", "label": "Surface"},
        {"type": "end_group"},
        *MEMBERS,
    ],
    "flat": [
        {"type": "text", "name": "nom", "label": "Nom"},
        {"type": "select_one on", "name": "accord", "label": "Accord"},
        {"type": "select_multiple biens", "name": "biens", "label": "Biens"},
        {"type": "image", "name": "photo", "label": "Photo"},
        {"type": "geopoint", "name": "gps", "label": "Position"},
    ],
    "counted": [
        {"type": "text", "name": "nom", "label": "Nom"},
        {"type": "image", "name": "photo", "label": "Photo"},
        {"type": "integer", "name": "n", "label": "Combien"},
        {**MEMBERS[0], "repeat_count": "${n}"},
        *MEMBERS[1:],
    ],
}
ROWS = {
    "form": (
        "<start>2026-11-29T10:00:00.000+00:00</start><nom>Awa</nom><photo>photo 1.jpg</photo><membre><prenom>Ali</prenom></membre>",
        "<start>2026-11-29T11:00:00.000+00:00</start><nom>Kouamé</nom><age>41</age><biens>radio velo</biens>"
        "<logement><surface>72.5</surface></logement><membre><prenom>Awa</prenom></membre><membre><prenom>Eve</prenom></membre>",
    ),
    "flat": (
        "<nom>Awa</nom><accord>oui</accord><biens>radio velo</biens><photo>photo 1.jpg</photo><gps>5.35 -4.01 12.5 3.0</gps>",
        "<nom>Eve</nom><accord>non</accord>",
    ),
    "counted": ("<nom>Awa</nom><n>2</n><membre_count>2</membre_count><membre><prenom>Ali</prenom></membre><membre><prenom>Eve</prenom></membre>",),
}  # fmt: skip


def _xlsx(survey: list[dict[str, str]], title: str) -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    for name, rows in (("survey", survey), ("choices", CHOICES), ("settings", [{"form_title": title}])):
        sheet = book.add_worksheet(name)
        header = list(dict.fromkeys(key for row in rows for key in row))
        for n, row in enumerate([dict(zip(header, header, strict=True)), *rows]):
            for m, key in enumerate(header):
                sheet.write_string(n, m, row.get(key, ""))
    book.close()
    return target.getvalue()


def _publish(session: requests.Session, kf: str, kc: str, name: str) -> str:
    """A form with its rows, by the API; returns its uid."""
    files = {"file": ("e.xlsx", _xlsx(FORMS[name], f"Essai {name}"))}
    url = session.post(f"{kf}/api/v2/imports/", data={"name": "e.xlsx", "library": "false"}, files=files).json()["url"]
    while (state := session.get(url).json())["status"] == "processing":
        time.sleep(0.1)
    uid = state["messages"]["created"][0]["uid"]
    asset = f"{kf}/api/v2/assets/{uid}"
    if name == "form":
        fields = {"description": "z", "file_type": "form_media", "metadata": '{"filename": "zones.csv"}'}
        session.post(
            f"{asset}/files/", data=fields, files={"content": ("zones.csv", b"name,label\nz1,Un\n", "text/csv")}
        )
    deployed = session.post(f"{asset}/deployment/", json={"active": True}).json()["asset"]
    for answers in ROWS[name]:
        ids = f"<formhub><uuid>{deployed['deployment__uuid']}</uuid></formhub>"
        xml = f'<{uid} id="{uid}">{ids}{answers}<meta><instanceID>uuid:{uuid.uuid4()}</instanceID></meta></{uid}>'
        parts = [("xml_submission_file", ("x.xml", xml.encode(), "text/xml"))]
        if "photo 1.jpg" in answers:
            parts.append(("photo 1.jpg", ("photo 1.jpg", b"\xff\xd8\xff photo", "image/jpeg")))
        assert session.post(f"{kc}/submission", files=parts, headers={"Accept": "*/*"}).status_code == 201
    return str(uid)


def _called(kf: str, kc: str, token: str, folder: Path, reader: str, owner: str) -> dict[str, Any]:
    """What each call gave, with the server's own names in place of its uids and addresses."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update({"Authorization": f"Token {token}", "Accept": "application/json"})
        uids = {name: _publish(session, kf, kc, name) for name in FORMS}
        asked = {"url": kf, "token": token, "folder": str(folder), "reader": reader, **uids}
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CLIENTS), "NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-S", str(CALLS)], check=False, input=json.dumps(asked), capture_output=True, text=True, timeout=300, env=environ
        )  # fmt: skip
        for uid in uids.values():
            session.delete(f"{kf}/api/v2/assets/{uid}/")
    assert done.returncode == 0, done.stderr
    said = done.stdout
    for old, new in ((kf, "URL"), *((uid, f"UID {name}") for name, uid in uids.items()), (f'"{reader}"', '"reader"'), (f'"{owner}"', '"owner"')):  # fmt: skip
        said = said.replace(old, new)
    calls: dict[str, Any] = json.loads(said)
    return calls


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    if not (CLIENTS / "pykobo").is_dir():
        pytest.skip("koboextractor and pykobo are not installed: make clients puts them there")
    folder = tmp_path_factory.mktemp("clients")
    chance, ticks = random.Random(3), count()
    accounts = [Account(name, "secret", f"token-of-{name}") for name in ("owner", "reader")]
    here = Station(
        folder / "station.sqlite",
        accounts=accounts,
        clock=lambda: datetime(2026, 11, 29, 9, tzinfo=UTC) + timedelta(seconds=next(ticks)),
        new_uid=lambda prefix: prefix + f"{chance.getrandbits(128):032x}"[: 22 - len(prefix)],
        new_uuid=lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    )
    with serve(here) as running:
        yield _called(running.url, running.url, "token-of-owner", folder, "reader", "owner")
    here.close()


FULL = {
    "start": "2026-11-29T11:00:00.000+00:00",
    "nom": "Kouamé",
    "age": "41",
    "biens": "radio velo",
    "logement/surface": "72.5",
    "membre": [{"membre/prenom": "Awa"}, {"membre/prenom": "Eve"}],
}
NO_COLUMN = "KeyError: \"['membre_count'] not found in axis\""  # pykobo's own, for any repeat without a count
EXPECTED = {
    "list_assets": ["counted", "flat", "form"],
    "get_data query": 1,
    "get_data submitted_after": 2,
    "get_data start, limit": [[2, 1, None]],
    "get_data limit": [[2, 1, "URL/api/v2/assets/UID form/data.json?limit=1&start=1"]],
    "get_data limit 30000": 2,
    "get_choices": {
        "biens": {"radio": {"label": "Radio", "sequence": 0}, "velo": {"label": "Vélo", "sequence": 1}},
        "on": {"oui": {"label": "Oui", "sequence": 2}, "non": {"label": "Non", "sequence": 3}},
    },
    "sort_results_by_time": ["Kouamé", "Awa"],
    "get_asset unknown": {"detail": "Not found."},
    "get_data unknown": "JSONDecodeError",
    "list_assets bad token": {"detail": "Invalid token."},
    "Manager 1": "ValueError: The value of 'api_version' has to be: 2.",
    "get_forms": ["counted", "flat", "form"],
    "get_form unknown": "ValueError: There is no form with the uid: aUnknown.",
    "fetch_data form": NO_COLUMN,
    "fetch_media form": ["zones.csv"],
    "fetch_attachments form": ["URL/api/v2/assets/UID form", None],
    "fetch_attachments flat": ["URL/api/v2/assets/UID flat", None],
    "download_form xls": "PK\x03\x04\x14",
    "download_form xml": "<?xml",
    "redeploy_form": None,
    "upload_media_from_local again": "ValueError: There is already a file with the same name! Select a new name or set 'rewrite=True'",
    "upload_media_from_local rewrite": ["zones.csv"],
    "upload_media_from_local missing": "FileNotFoundError: File not found: ./rien.csv",
    "upload_media_from_server": ["listes.csv", "zones.csv"],
    "upload_media_from_server rewrite": ["listes.csv", "zones.csv"],
    "share_project": None,
    "share_project unknown": 'HTTPError: {"user":["Invalid hyperlink - Object does not exist."]}',
    "fetch_users_with_access": ["owner", "reader"],
    "fetch_users_with_access unknown": "HTTPError",
    "get_forms bad token": [],
    "get_form bad token": None,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_call_gives_what_it_gives_on_a_real_server(name: str, station: dict[str, Any]) -> None:
    assert station[name] == EXPECTED[name]


def test_what_was_answered_comes_back(station: dict[str, Any]) -> None:
    assert station["get_data"][1] == FULL and station["get_data"][0]["membre"] == [{"membre/prenom": "Ali"}]
    assert station["metadata form"] == {"uid": "UID form", "name": "Essai form", "has_deployment": True, "num_submissions": 2, "geo": False}  # fmt: skip
    assert station["metadata flat"]["geo"] is True


def test_labels_of_questions_and_choices_are_found(station: dict[str, Any]) -> None:
    questions = station["get_questions unpacked"]
    assert questions["questions"]["biens"]["choices"]["velo"] == {"label": "Vélo", "type": "select_multiple_option", "sequence": 5}  # fmt: skip
    assert questions["groups"]["membre"]["repeat"] is True and questions["groups"]["logement"]["label"] == "Logement"
    labelled = station["label_result False"]
    assert labelled["biens"] == {"answer_code": "radio velo", "answer_label": "Radio;Vélo", "question_label": "Biens", "sequence": 3} or labelled  # fmt: skip


def test_a_form_without_repeats_becomes_a_table(station: dict[str, Any]) -> None:
    named, labelled = station["fetch_data flat"], station["display label flat"]
    assert named["rows"][0]["_gps_latitude"] == "5.35" and named["rows"][0]["biens"] == "radio|velo"
    assert labelled["rows"][0]["Biens"] == "Radio|Vélo" and labelled["rows"][1]["Accord"] == "Non"
    assert station["display name flat"]["rows"] == named["rows"]


def test_a_repeat_that_is_counted_becomes_a_table_of_its_own(station: dict[str, Any]) -> None:
    members = station["repeats counted"]["membre"]
    assert members["columns"] == ["prenom", "_parent_index"]
    assert [row["prenom"] for row in members["rows"]] == ["Ali", "Eve"]
    assert station["fetch_data counted"]["rows"][0]["n"] == "2"


@pytest.mark.live
def test_a_real_server_gives_the_same(station: dict[str, Any], tmp_path: Path) -> None:
    if not all(LIVE.values()):
        pytest.skip("no real KoboToolbox is named by KOBO_LIVE_KF, _KC, _USER, _TOKEN and _READER")
    there = _called(LIVE["KF"], LIVE["KC"], LIVE["TOKEN"], tmp_path, LIVE["READER"], LIVE["USER"])
    # Rows of one second have no order by time.
    compared = sorted(there.keys() - {"sort_results_by_time"})
    assert [(name, there[name]) for name in compared] == [(name, station[name]) for name in compared]

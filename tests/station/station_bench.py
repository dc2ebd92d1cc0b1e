"""A station on loopback with one small form, for the tests of its edges."""

from __future__ import annotations

import io
import json
import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import requests
import xlsxwriter
from requests.auth import HTTPDigestAuth

from kobo_sync.station import Account, Station, serve

ACCOUNTS = (Account("staff", "mot de passe", "staff-token"), Account("agent", "secret", "agent-token"))
SURVEY = (
    {"type": "text", "name": "nom", "label": "Nom"},
    {"type": "integer", "name": "age", "label": "Âge"},
    {"type": "image", "name": "photo", "label": "Photo"},
    {"type": "begin_repeat", "name": "membre", "label": "Membre"},
    {"type": "text", "name": "prenom", "label": "Prénom"},
    {"type": "image", "name": "portrait", "label": "Portrait"},
    {"type": "end_repeat"},
)


def xlsx(survey: tuple[Mapping[str, str], ...] = SURVEY, title: str = "Essai") -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    for name, rows in (("survey", survey), ("settings", ({"form_title": title},))):
        sheet = book.add_worksheet(name)
        header = list(dict.fromkeys(key for row in rows for key in row))
        for n, row in enumerate([dict(zip(header, header, strict=True)), *rows]):
            for m, key in enumerate(header):
                sheet.write_string(n, m, row.get(key, ""))
    book.close()
    return target.getvalue()


def new_station(path: Path, seed: int = 1) -> Station:
    chance, ticks = random.Random(seed), count()
    return Station(
        path,
        accounts=ACCOUNTS,
        clock=lambda: datetime(2025, 2, 11, 9, tzinfo=UTC) + timedelta(seconds=next(ticks)),
        new_uid=lambda prefix: prefix + f"{chance.getrandbits(128):032x}"[: 22 - len(prefix)],
        new_uuid=lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    )


@dataclass
class Bench:
    """A running station with a deployed form."""

    station: Station
    url: str
    session: requests.Session
    uid: str = ""

    def api(self, method: str, path: str, **more: Any) -> requests.Response:
        url = path if path.startswith("http") else f"{self.url}/api/v2/assets/{self.uid}/{path}"
        return self.session.request(method, url, timeout=20, **more)

    def rows(self, **params: Any) -> dict[str, Any]:
        said = {k: v if isinstance(v, (int, str)) else json.dumps(v) for k, v in params.items()}
        found: dict[str, Any] = self.api("GET", "data/", params=said).json()
        return found

    def xml(self, key: str, answers: str = "<nom>A</nom>", meta: str = "", attributes: str = "") -> bytes:
        ids = f"<meta><instanceID>uuid:{key}</instanceID>{meta}</meta>"
        return f'<{self.uid} id="{self.uid}"{attributes}>{answers}{ids}</{self.uid}>'.encode()

    def post(self, xml: bytes, files: Mapping[str, bytes] | None = None) -> requests.Response:
        parts = [("xml_submission_file", ("x.xml", xml, "text/xml"))]
        parts += [(name, (name, content, "image/jpeg")) for name, content in (files or {}).items()]
        return self.session.post(f"{self.url}/submission", files=parts, timeout=20)

    def deploy(self) -> None:
        answer = self.session.post(
            f"{self.url}/api/v2/imports/",
            data={"name": "e.xlsx", "library": "false"},
            files={"file": ("e.xlsx", xlsx())},
        )
        state = self.session.get(answer.json()["url"]).json()
        self.uid = state["messages"]["created"][0]["uid"]
        assert self.api("POST", "deployment/", json={"active": True}).status_code == 200


@contextmanager
def bench(path: Path, uid: str = "") -> Iterator[Bench]:
    """A bench over the file *path*; with *uid*, over what is there already."""
    station = new_station(path)
    with serve(station) as running, requests.Session() as session:
        session.headers["Authorization"] = "Token staff-token"
        made = Bench(station, running.url, session, uid)
        if not uid:
            made.deploy()
        yield made
    station.close()


def digest(username: str, password: str) -> HTTPDigestAuth:
    return HTTPDigestAuth(username, password)

"""Made-up submissions as KoboToolbox lists them, as gzip pages and behind a server that thinks or changes.

Run as a program it is that server: `pages.py FOLDER THINK_S N`, which prints its port.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
import urllib.parse
from collections.abc import Iterable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Pool
from pathlib import Path

from zlib_ng import gzip_ng

UID = "aBenchmarkBenchmark000"
N_TEXTS, PARTS, POOL = 24, 4, 2000
MANY = 50_000  # rows that are worth several processes
QUESTIONS = [f"partie_{part}/question_{at:02}" for part in range(PARTS) for at in range(part, N_TEXTS, PARTS)]
WORDS = "eau école route santé assainissement électricité dispensaire transport bibliothèque formation".split()
FORM = "\n".join(
    ["| survey |", "| | type | name | label |", "| | start | start | |", "| | end | end | |"]
    + [
        line
        for part in range(PARTS)
        for line in (
            f"| | begin_group | partie_{part} | Partie |",
            *(
                f"| | {'integer' if part == 0 else 'text'} | question_{at:02} | Question {at} |"
                for at in range(part, N_TEXTS, PARTS)
            ),
            "| | end_group | | |",
        )
    ]
    + [
        "| | select_multiple themes | themes | Thèmes |",
        "| | geopoint | gps | Position |",
        "| | image | photo | Photo |",
    ]
    + ["| | begin_repeat | membre | Membre |", "| | text | prenom | Prénom |", "| | integer | age | Âge |"]
    + ["| | end_repeat | | |", "| choices |", "| | list_name | name | label |"]
    + ["| | themes | eau | Eau |", "| | themes | ecole | École |"]
    + ["| settings |", "| | form_title | form_id |", "| | Banc | banc |", ""]
)


class Records:
    """Rows by number, the same whenever asked; *filler* words are added to each answer; with photos in three of five."""

    def __init__(self, filler: int, *, photos: bool = True) -> None:
        self._photos = photos
        chance = random.Random(7)
        self._texts = [
            json.dumps(" ".join(chance.choices(WORDS, k=2 + filler)), ensure_ascii=False) for _ in range(POOL)
        ]
        self._members = [
            ",".join(
                f'{{"membre/prenom":"{chance.choice(WORDS)}","membre/age":"{chance.randrange(90)}"}}' for _ in range(n)
            )
            for n in (0, 1, 2, 3, 4) * 20
        ]

    def row(self, n: int, *, edited: bool = False) -> bytes:
        """A row as listed; *edited* it has another uuid and other answers."""
        chance = random.Random(n + 10**9 * edited)
        root, uuid = self._uuids(n, edited=edited)
        answers = ",".join(
            f'"{key}":"{chance.randrange(99)}"'
            if key.startswith("partie_0")
            else f'"{key}":{chance.choice(self._texts)}'
            for key in QUESTIONS
        )
        deprecated = f'"meta/deprecatedID":"uuid:{root}",' if edited else ""
        photo = f'"photo":"{n}.jpg",' if self._photos and n % 5 < 3 else ""
        return (
            f'{{"_id":{n},"formhub/uuid":"{"0" * 32}","start":"2025-02-11T09:12:05.123+01:00",'
            f'"end":"2025-02-11T09:40:17.456+01:00",{answers},"themes":"eau ecole",'
            f'"gps":"{31 + chance.random():.6f} {-5 - chance.random():.6f} 1200.5 4.2",{photo}'
            f'"membre":[{chance.choice(self._members)}],"__version__":"vBenchmark000000000001",'
            f'"meta/instanceID":"uuid:{uuid}",{deprecated}"meta/rootUuid":"uuid:{root}","_xform_id_string":"{UID}",'
            f'"_uuid":"{uuid}","_attachments":[{self._attachment(n, root)}],"_status":"submitted_via_web",'
            '"_geolocation":[31.5,-5.5],"_submission_time":"2025-02-11T09:41:00","_validation_status":{},'
            '"_submitted_by":"agent"}'
        ).encode()

    def _attachment(self, n: int, root: str) -> str:
        if not self._photos or n % 5 >= 3:
            return ""
        link = f"https://kf.example.org/api/v2/assets/{UID}/data/{n}/attachments/att{n:019}/"
        sizes = ",".join(f'"download_{size}url":"{link}{size[:-1]}"' for size in ("", "large_", "medium_", "small_"))
        return (
            f'{{{sizes},"mimetype":"image/jpeg","filename":"agent/attachments/{root}/{n}.jpg",'
            f'"media_file_basename":"{n}.jpg","uid":"att{n:019}","question_xpath":"photo","is_deleted":false}}'
        )

    def light(self, n: int, *, edited: bool = False) -> bytes:
        """What a light scan shows of a row."""
        root, uuid = self._uuids(n, edited=edited)
        return (
            f'{{"_id":{n},"_uuid":"{uuid}","meta/rootUuid":"uuid:{root}","_validation_status":{{}},'
            f'"_attachments":[{self._attachment(n, root)}]}}'
        ).encode()

    @staticmethod
    def _uuids(n: int, *, edited: bool) -> tuple[str, str]:
        root = f"{n * 2654435761 % 2**32:08x}-0000-4000-8000-{n:012x}"  # scattered, as true uuids are
        return root, f"edited00-0000-4000-8000-{n:012x}" if edited else root


def page(count: int, rows: Iterable[bytes]) -> bytes:
    """The body of a page."""
    return b'{"count":%d,"next":null,"previous":null,"results":[%s]}' % (count, b",".join(rows))


def render(folder: Path, records: Records, n_records: int, per_page: int, *, spoilt: bool = False) -> int:
    """Write every page, gzip; *spoilt*: 100 rows are gone and 100 have a blanked answer. Returns the bytes unpacked."""
    for kind in ("full", "light"):
        (folder / kind).mkdir(parents=True)
    starts = (*range(0, n_records, per_page), n_records)
    write = partial(_render_page, folder, records, n_records, per_page, spoilt)
    if n_records < MANY:
        return sum(map(write, starts))
    with Pool() as pool:
        return sum(pool.imap_unordered(write, starts, chunksize=8))


def _render_page(folder: Path, records: Records, n_records: int, per_page: int, spoilt: bool, at: int) -> int:
    n_listed = n_records - 100 * spoilt
    numbers = range(at + 1, min(at + per_page, n_records) + 1)
    full, light = [records.row(n) for n in numbers], [records.light(n) for n in numbers]
    if spoilt and at == 0:
        blanked = [raw.replace(b'"themes":"eau ecole",', b"") for raw in full[100:200]]
        full, light = blanked + full[200:], light[100:]
    n_bytes = 0
    for kind, rows in (("full", full), ("light", light)):
        body = page(n_listed, rows)
        (folder / kind / f"{at}.json.gz").write_bytes(gzip_ng.compress(body, 5, mtime=0))
        n_bytes = n_bytes or len(body)
    if at == 0:
        (folder / "default.json.gz").write_bytes(gzip_ng.compress(page(n_listed, full[:100]), 5, mtime=0))
    return n_bytes


# ── a server that thinks, or changes ──


class Handler(BaseHTTPRequestHandler):
    """Pages of the folder; the questions of a quick pull, answered with the rows that *changed* names."""

    protocol_version = "HTTP/1.1"
    folder: Path
    think_s = 0.0
    n = 0
    changed: tuple[int, ...] = ()
    records = Records(2, photos=False)

    def do_POST(self) -> None:
        """Let as many rows change, spread evenly, as the path says."""
        k = int(self.path.strip("/"))
        type(self).changed = tuple(range(1, self.n + 1, self.n // k))[:k]
        self._answer(b"{}", packed=False)

    def do_GET(self) -> None:
        """A page, a project, or the changed rows."""
        asked = urllib.parse.unquote_plus(self.path)
        after, among = re.search(r'gt":(-?[0-9]+)', asked), re.search(r'in":\[([0-9,]*)\]', asked)
        light = "rootUuid" in asked
        time.sleep(self.think_s)
        if "/data" not in asked:
            name = "history" if "/history" in asked else "asset"
            return self._answer(
                b"{}" if name == "history" else ASSET, packed=False, status=403 if name == "history" else 200
            )
        if among or "deprecatedID" in asked or "timestamp" in asked:
            numbers = tuple(map(int, among[1].split(","))) if among else () if "timestamp" in asked else self.changed
            last = int(after[1]) if after else -1
            numbers = tuple(n for n in numbers if n > last)[:1000]
            made = self.records.light if light else self.records.row
            body = page(len(numbers), [made(n, edited=n in self.changed) for n in numbers])
        elif not after:
            body = page(self.n, [b'{"_id":1}'])
        elif int(after[1]) >= self.n - 1:
            numbers = range(int(after[1]) + 1, self.n + 1)
            body = page(len(numbers), [self.records.row(n) for n in numbers])
        else:
            path = self.folder / ("light" if light else "full") / f"{max(0, int(after[1]))}.json.gz"
            return self._answer(path.read_bytes())
        return self._answer(gzip_ng.compress(body, 1, mtime=0))

    def _answer(self, body: bytes, *, packed: bool = True, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


ASSET = json.dumps(
    {"uid": UID, "name": "Banc", "has_deployment": True, "deployment__active": True, "owner__username": "agent"}
).encode()


if __name__ == "__main__":
    Handler.folder, Handler.think_s, Handler.n = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()

"""A room's station and KoboToolbox (another station), with the same forms, and a gate between them that fails as told."""

from __future__ import annotations

import hashlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conftest import MISSION, TOKEN, Clock, Field, field_in, write_workspace

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.station.outbox import Outbox
from kobo_sync.steps.relay import Wish, relay
from kobo_sync.workspace.folders import Workspace

FAST = MISSION + "timeout_s = 5\nretries = 1\n\n[station]\nrelay_per_minute = 100000\n"
JPEG = b"\xff\xd8\xff"
VISIT = {"zone": "nord", "gps": "31.5 -5.1 1200 4"}


@dataclass
class Both:
    """*room* is where phones send; *kobo* is where it is to be; the mission is that of *kobo*, with the room's station."""

    room: Field
    kobo: Field
    opened: list[Mission] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return self.kobo.mission.workspace

    @property
    def clock(self) -> Clock:
        return self.kobo.clock

    def mission(self, url: str = "") -> Mission:
        url = url or self.kobo.url
        self.opened.append(Mission(self.workspace, {"KOBO_TOKEN": TOKEN}, self.clock, server=(url, url)))
        return self.opened[-1]

    def relay(self, url: str = "", **wish: Any) -> Report:
        return relay(self.mission(url), Wish(**wish))

    @contextmanager
    def outbox(self) -> Iterator[Outbox]:
        with closing(Outbox(self.workspace.station_database)) as opened:
            yield opened

    def sums(self) -> tuple[int, int, int, int]:
        """stored, relayed, refused, waiting; proved form by form."""
        with self.outbox() as outbox:
            totals = outbox.totals()
        assert all(total.is_balanced for total in totals), totals
        columns = [(t.n_stored, t.n_relayed, t.n_refused, t.n_waiting) for t in totals]
        a, b, c, d = (sum(column) for column in zip(*columns, strict=True)) if columns else (0, 0, 0, 0)
        return a, b, c, d


@contextmanager
def both_in(folder: Path) -> Iterator[Both]:
    with field_in(folder / "kobo") as kobo:
        station_file = kobo.mission.workspace.station_database
        with field_in(folder / "room", station_file=station_file) as room:
            assert room.uid("visites") == kobo.uid("visites")
            for each in (room, kobo):  # after deploying: one that is tried again, on a busy machine, takes further ids
                write_workspace(each.mission.workspace.root, FAST)
            made = Both(room, kobo)
            yield made
            for mission in made.opened:
                mission.close()


def rows_of(field: Field, form_id: str) -> list[dict[str, Any]]:
    """What the API gives of a form, without ids and times of the server; each file by the SHA-256 of its bytes."""
    client = field.mission.reader()
    found = []
    for page in client.pages(field.uid(form_id), above=-1, limit=1000):
        for _, text in page.rows:
            row = dict(__import__("json").loads(bytes(text)))
            files = {}
            for each in row["_attachments"]:
                with client.download(each["download_url"]) as stream:
                    digest = hashlib.sha256(b"".join(stream.chunks)).hexdigest()
                files[each["media_file_basename"]] = (digest, each["mimetype"], each["question_xpath"])
            row |= {"_attachments": files}
            found.append({key: value for key, value in row.items() if key not in ("_id", "_submission_time")})
    return found


# ── the gate ──

Fault = int | str | None  # a status, "reset" (after the server has it), "hang"; None: let through
Rule = Callable[[str, str, int, bytes], Fault | tuple[int, Mapping[str, str]]]


class Gate:
    """Passes requests on to *target*, or fails as *rule(method, path, number of the post, body)* says."""

    def __init__(self, target: str) -> None:
        self.rule: Rule = lambda *_: None
        self.posts: list[bytes] = []
        self.hanging = threading.Event()
        self._target = urlsplit(target)
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gate.handle(self)

            do_POST = do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if handler.command == "POST":
            self.posts.append(body)
        told = self.rule(handler.command, handler.path, len(self.posts), body)
        fault, more = told if isinstance(told, tuple) else (told, {})
        if isinstance(fault, int):
            self._answer(handler, fault, more, b"<message>as told</message>")
            return
        if fault == "hang":
            self.hanging.wait(30)
            handler.close_connection = True
            return
        assert self._target.hostname and self._target.port
        server = http.client.HTTPConnection(self._target.hostname, self._target.port, timeout=30)
        headers = {key: value for key, value in handler.headers.items() if key.lower() not in ("host", "connection")}
        server.request(
            handler.command, handler.path, body, {**headers, "Host": f"127.0.0.1:{handler.server.server_port}"}
        )  # type: ignore[attr-defined]
        answer = server.getresponse()
        content = answer.read()
        server.close()
        if fault == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            handler.close_connection = True
            handler.connection.close()
            return
        kept = {key: value for key, value in answer.getheaders() if key.lower() not in ("content-length", "connection", "transfer-encoding")}  # fmt: skip
        self._answer(handler, answer.status, kept, content)

    def _answer(self, handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
        handler.send_response_only(status)
        for key, value in headers.items():
            handler.send_header(key, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD" and status != 204:
            handler.wfile.write(body)

    def __enter__(self) -> Gate:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hanging.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

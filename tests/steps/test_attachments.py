"""Attached files on their way: resumed, checked, never named by what a phone said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from conftest import Field
from loopback import answer, client_of, loopback_server

from kobo_sync.steps.pull import pull
from kobo_sync.steps.pulling.attachments import AHEAD, SILENT, Fetched, fetch_files
from kobo_sync.store.attachments import WantedFile, sniff
from kobo_sync.workspace.attachment_files import FolderFiles, relative_name

PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000
SHA = hashlib.sha256(PHOTO).hexdigest()


def _wanted(*names: str) -> list[WantedFile]:
    return [WantedFile("r", f"att{n}", name, "image/png", f"http://x/file/{n}") for n, name in enumerate(names)]


def _fetch(url: str, folder: Path, wanted: Sequence[WantedFile]) -> list[Fetched]:
    client = client_of(url)
    found = list(fetch_files(client, folder / "parts", FolderFiles(folder), wanted))
    client.close()
    return found


def test_a_file_that_broke_off_goes_on_where_it_was(tmp_path: Path) -> None:
    ranges: list[str] = []

    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        asked = handler.headers.get("Range", "")
        ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(PHOTO) - start))
        handler.end_headers()
        handler.wfile.write(PHOTO[start:] if n > 1 else PHOTO[:600_000])
        handler.close_connection = True

    with loopback_server(handle) as (url, _seen):
        (file,) = _fetch(url, tmp_path, _wanted("a.png"))
    assert (file.error, file.sha256, file.n_bytes, file.sniffed) == ("", SHA, len(PHOTO), "image/png")
    assert (tmp_path / relative_name(SHA)).read_bytes() == PHOTO
    assert ranges[0] == "" and ranges[1].startswith("bytes=") and ranges[1] > "bytes=1"
    assert not list((tmp_path / "parts").iterdir())


def test_a_server_without_ranges_sends_it_all_again(tmp_path: Path) -> None:
    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(PHOTO)))
        handler.end_headers()
        handler.wfile.write(PHOTO if n > 1 else PHOTO[:600_000])
        handler.close_connection = True

    with loopback_server(handle) as (url, _seen):
        (file,) = _fetch(url, tmp_path, _wanted("a.png"))
    assert file.sha256 == SHA


def test_an_error_page_is_no_photo_and_a_wicked_name_is_no_path(tmp_path: Path) -> None:
    folder = tmp_path / "attachments"

    def handle(handler: BaseHTTPRequestHandler, _n: int) -> None:
        page = b"<html>Sign in</html>"
        answer(handler, 200, page if handler.path.endswith("/0") else PHOTO)

    with loopback_server(handle) as (url, _seen):
        first, second = _fetch(url, folder, _wanted("a.png", "../../../etc/passwd"))
    assert "HTML" in first.error and second.sha256 == SHA
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {SHA}


def test_what_is_gone_or_redirects_is_missing_with_its_reason(tmp_path: Path) -> None:
    def handle(handler: BaseHTTPRequestHandler, _n: int) -> None:
        gone = handler.path.endswith("/0")
        answer(handler, 404 if gone else 302, b"", Location="http://127.0.0.1:1/elsewhere")

    with loopback_server(handle) as (url, _seen):
        gone, moved = _fetch(url, tmp_path, _wanted("a.png", "b.png"))
    assert "404" in gone.error and "redirects" in moved.error


def test_of_a_server_that_fell_silent_nothing_more_is_asked(tmp_path: Path) -> None:
    with loopback_server(lambda handler, _n: answer(handler, 503, b"away")) as (url, seen):
        files = _fetch(url, tmp_path, _wanted(*(f"{n}.png" for n in range(300))))
    assert [file.file.filename for file in files] == [f"{n}.png" for n in range(300)]
    assert all(file.error for file in files) and files[-1].error == "the server no longer answered"
    assert len({handler.path for handler in seen}) <= SILENT + AHEAD + 1  # and a sign of life


def test_files_that_a_living_server_lacks_stand_in_nobody_s_way(tmp_path: Path) -> None:
    def handle(handler: BaseHTTPRequestHandler, _n: int) -> None:
        number = handler.path.rpartition("/")[2]
        if not handler.path.startswith("/file/"):
            answer(handler, 200, b'{"username": "agent"}')
        elif int(number) < 40:
            answer(handler, 500, b"the file is lost")
        else:
            answer(handler, 200, PHOTO)

    with loopback_server(handle) as (url, _seen):
        files = _fetch(url, tmp_path, _wanted(*(f"{n}.png" for n in range(60))))
    assert [bool(file.error) for file in files] == [True] * 40 + [False] * 20


def test_many_files_keep_their_order(tmp_path: Path) -> None:
    with loopback_server(lambda handler, _n: answer(handler, 200, handler.path.encode())) as (url, _seen):
        found = _fetch(url, tmp_path, _wanted(*(f"{n}.png" for n in range(40))))
    assert [file.file.filename for file in found] == [f"{n}.png" for n in range(40)]
    assert len({file.sha256 for file in found}) == 40


def test_types_are_told_by_bytes() -> None:
    assert [sniff(head) for head in (PHOTO, b"\xff\xd8\xff\xe0", b"%PDF-1.4", b"\0\0\0\x18ftypmp42", b"?")] == [
        "image/png",
        "image/jpeg",
        "application/pdf",
        "video/mp4",
        "",
    ]


@pytest.mark.parametrize(
    "link", ["@{host}/x.png", ".{host}/x.png", "//{host}/x.png", "http://a@{host}/x.png", "\\\\{host}\\x.png"]
)
def test_a_file_at_what_is_no_path_is_a_finding_and_nobody_else_is_asked(field_team: Field, link: str) -> None:
    """Part 7, B11: the bytes of another host were kept as signatures."""
    field_team.submit("visites", {"zone": "nord", "photo": "a.png"}, files={"a.png": (b"\x89PNG", "image/png")})
    with loopback_server(lambda handler, _n: answer(handler, 200, b"evil")) as (elsewhere, strangers):
        crooked = link.format(host=elsewhere.removeprefix("http://"))
        with field_team.station.db.writing() as connection:
            (text,) = connection.execute("SELECT attachments FROM submissions").fetchone()
            files = json.loads(text.replace("\x01", ""))
            changed = json.dumps([{**file, "download_url": crooked} for file in files])
            connection.execute("UPDATE submissions SET attachments = ?", (changed,))
        report = pull(field_team.mission)
    assert not strangers and report.counts["files_missing"] == 1 and not report.counts.get("files_stored")
    assert {finding.rule for finding in report.findings} == {"PULL003"}

"""The client against servers that misbehave: bounded, repeated only where safe, and never fooled."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from loopback import answer, client_of, loopback_server

from kobo_sync import transport as transport_module
from kobo_sync.errors import KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.kobo.server import KoboServer
from kobo_sync.rows.listing import content_hash, parse_submission, split_page

EMPTY = b'{"count":0,"next":null,"previous":null,"results":[]}'


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_faults_are_repeated_with_the_server_s_patience(status: int) -> None:
    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        answer(handler, status if n < 3 else 200, EMPTY, Retry_After="7")

    slept: list[float] = []
    with loopback_server(handle) as (url, seen):
        assert client_of(url, slept).count("a1") == 0
    assert len(seen) == 3 and slept == [7, 7]


def test_retries_end_and_say_what_to_look_at() -> None:
    slept: list[float] = []
    with loopback_server(lambda handler, _n: answer(handler, 503, b"busy")) as (url, seen):
        with pytest.raises(KoboUnreachable) as failure:
            client_of(url, slept).count("a1")
    assert len(seen) == 5 and slept == [0.5, 1, 2, 4]
    assert failure.value.status == 503 and "canary" not in str(failure.value)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"detail":"Invalid token."}', KoboRefused),
        (403, b'{"detail":"You do not have permission"}', KoboRefused),
        (404, b"Resource not found (404)", KoboRejected),
        (400, b'{"detail":"nope"}', KoboRejected),
        (301, b"", KoboUnexpected),
    ],
)
def test_a_no_is_a_no_at_once(status: int, body: bytes, error: type[Exception]) -> None:
    with loopback_server(lambda handler, _n: answer(handler, status, body, Location="http://evil.invalid/")) as (
        url,
        seen,
    ):
        with pytest.raises(error):
            client_of(url).count("a1")
    assert len(seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><html><body>Sign in</body></html>",
        b'{"count": 3, "results": [{"_id": 1',
        b"[]",
        b'{"results": {}}',
        b'{"count":1,"results":[{"x":1}]}',
    ],
)
def test_what_is_no_page_is_never_taken_for_an_empty_one(body: bytes) -> None:
    with loopback_server(lambda handler, _n: answer(handler, 200, body)) as (url, _seen), pytest.raises(KoboUnexpected):
        client_of(url).count("a1")


def test_a_truncated_body_is_asked_again() -> None:
    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        if n == 1:
            handler.send_response(200)
            handler.send_header("Content-Length", "500")
            handler.end_headers()
            handler.wfile.write(EMPTY)
            handler.close_connection = True
        else:
            answer(handler, 200, EMPTY)

    with loopback_server(handle) as (url, seen):
        assert client_of(url).count("a1") == 0
    assert len(seen) == 2


def test_a_truncated_gzip_is_asked_again() -> None:
    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        packed = gzip.compress(EMPTY)
        answer(handler, 200, packed[:-9] if n == 1 else packed, Content_Encoding="gzip")

    with loopback_server(handle) as (url, seen):
        assert client_of(url).count("a1") == 0
    assert len(seen) == 2


def test_a_gzip_bomb_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "MAX_BODY", 100_000)
    bomb = gzip.compress(b" " * 5_000_000)
    with loopback_server(lambda handler, _n: answer(handler, 200, bomb, Content_Encoding="gzip")) as (url, _seen):
        with pytest.raises(KoboUnexpected, match="larger"):
            client_of(url).count("a1")


def test_a_slow_drip_is_cut_off_by_the_clock() -> None:
    ticks = iter(range(0, 10_000, 50))
    with loopback_server(lambda handler, _n: answer(handler, 200, EMPTY)) as (url, seen):
        client = KoboServer(url, url, "t", timeout_s=10, sleep=lambda _s: None, monotonic=lambda: float(next(ticks)))
        with pytest.raises(KoboUnreachable):
            client.count("a1")
    assert len(seen) == 5


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_true_drip_never_outlasts_the_deadline(how: str) -> None:
    """Each byte comes in time, the whole never would."""
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler, _n: int) -> None:
        handler.send_response(200)
        handler.send_header(*(("Content-Length", "100000") if how == "length" else ("Transfer-Encoding", "chunked")))
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not stop.wait(0.02):
                handler.wfile.write(b" " if how == "length" else b"1\r\n \r\n")

    with loopback_server(drip) as (url, _seen):
        with pytest.raises(KoboUnreachable):
            client_of(url, timeout_s=0.3, retries=1).get("/api/v2/me/")
        stop.set()


@contextmanager
def _dripping(said: bytes) -> Iterator[str]:
    """A server that says *said* and then one byte after another, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = listening.accept()
                    with line, contextlib.suppress(OSError):
                        line.recv(65536)
                        line.sendall(said)
                        while not stop.wait(0.02):
                            line.sendall(b"x")

        stop = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("http", b""),
        ("http", b"HTTP/1.1 200 OK\r\nX-Slow: "),
        ("https", b"\x16\x03\x03\x40\x00\x02"),  # the begin of a handshake's record
    ],
    ids=["status", "header", "handshake"],
)
def test_an_answer_that_drips_before_it_begins_is_cut_off(
    scheme: str, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "CONNECT_S", 0.3)
    with _dripping(said) as place:
        with pytest.raises(KoboUnreachable) as failure:
            client_of(f"{scheme}://{place}", timeout_s=0.3, retries=1).get("/api/v2/me/")
    assert transport_module.is_slow(failure.value)


def test_a_server_that_is_away_for_a_moment_is_waited_for_with_pages_as_large() -> None:
    limits: list[str] = []

    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        limits.append(handler.path.partition("limit=")[2].partition("&")[0])
        status = {1: 502, 2: 503, 3: 429, 4: 502}.get(n, 200)
        answer(handler, status, EMPTY if status == 200 else b"<html>Bad Gateway</html>")

    slept: list[float] = []
    with loopback_server(handle) as (url, _seen):
        assert list(client_of(url, slept).pages("a1", above=-1, limit=1000)) == []
    assert limits == ["250"] * 5 and slept == [0.5, 1, 2, 4]


def test_a_server_that_asks_to_stay_away_for_long_is_left_alone() -> None:
    slept: list[float] = []
    with loopback_server(lambda handler, _n: answer(handler, 429, b"", Retry_After="300" if _n < 2 else "86400")) as (
        url,
        seen,
    ):
        with pytest.raises(KoboUnreachable):
            client_of(url, slept).count("a1")
    assert len(seen) == 2 and slept == [300]


def test_integers_of_any_size_stay_digits() -> None:
    large = 2**70 + 1
    body = f'{{"count":1,"results":[{{"_id":1,"_uuid":"u","_submission_time":"2025-02-11T08:00:00","n":{large}}}]}}'.encode()
    with loopback_server(lambda handler, n: answer(handler, 200, body if n == 1 else EMPTY)) as (url, _seen):
        ((page),) = client_of(url).pages("a1", above=-1, limit=100)
    ((_, raw),) = page.rows
    assert str(large).encode() in raw and parse_submission(raw, "f").answers["n"] == large
    odd = body.replace(b'"_uuid":"u"', b'"_uuid":"u","x":"\\ud800"')
    ((_, raw),) = split_page(odd).rows  # read by the standard library
    assert str(large).encode() in raw and len(content_hash(parse_submission(raw, "f"))) == 64


def test_an_import_is_never_posted_twice() -> None:
    with loopback_server(lambda handler, _n: answer(handler, 502, b"")) as (url, seen), pytest.raises(KoboUnreachable):
        client_of(url).import_form(b"x", "f.xlsx", name="F")
    assert len(seen) == 1


def test_the_token_goes_to_the_configured_host_only() -> None:
    with loopback_server(lambda handler, _n: answer(handler, 200, b"bytes")) as (elsewhere, strangers):
        with loopback_server(lambda handler, _n: answer(handler, 200, b"bytes")) as (url, seen):
            with client_of(url).download(f"{elsewhere}/api/v2/assets/a/data/1/attachments/x/") as stream:
                assert b"".join(stream.chunks) == b"bytes"
    assert not strangers and seen[0].path == "/api/v2/assets/a/data/1/attachments/x/"


def test_a_netrc_entry_does_not_replace_the_token(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    netrc = Path(str(tmp_path)) / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password y\n", "utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    with loopback_server(lambda handler, _n: answer(handler, 200, EMPTY)) as (url, seen):
        client_of(url).count("a1")
    assert seen[0].headers["Authorization"] == "Token canary"


def test_a_lone_surrogate_does_not_cost_the_page() -> None:
    body = b'{"count":2,"results":[{"_id":1,"nom":"\\ud800"},{"_id":2,"nom":"ok"}]}'
    with loopback_server(lambda handler, _n: answer(handler, 200, body)) as (url, _seen):
        (page,) = list(client_of(url).rows("a1", [1, 2]))
    assert [submission_id for submission_id, _ in page.rows] == [1, 2]


def test_long_id_lists_are_asked_in_parts() -> None:
    with loopback_server(lambda handler, _n: answer(handler, 200, EMPTY)) as (url, seen):
        list(client_of(url).rows("a1", list(range(10_000_000, 10_000_700))))
    assert len(seen) == 3 and all(len(handler.path) < 8000 for handler in seen)


def test_an_address_that_is_too_long_is_asked_in_halves() -> None:
    def handle(handler: BaseHTTPRequestHandler, _n: int) -> None:
        too_long = handler.path.count("%2C") > 60
        answer(handler, 414 if too_long else 200, b"<html>414</html>" if too_long else EMPTY)

    with loopback_server(handle) as (url, seen):
        assert list(client_of(url).rows("a1", list(range(100)))) and len(seen) == 3


def test_a_slow_server_is_asked_for_smaller_pages() -> None:
    asked: list[int] = []

    def handle(handler: BaseHTTPRequestHandler, _n: int) -> None:
        limit = int(handler.path.partition("limit=")[2].partition("&")[0])
        asked.append(limit)
        answer(handler, 504 if limit > 70 else 200, b"" if limit > 70 else EMPTY)

    with loopback_server(handle) as (url, _seen):
        assert list(client_of(url).pages("a1", above=-1, limit=1000)) == []
    assert sorted(set(asked), reverse=True) == [250, 125, 62]


def test_pages_keep_to_some_megabytes_whatever_a_row_weighs() -> None:
    limits: list[int] = []

    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        limit = int(handler.path.partition("limit=")[2].partition("&")[0])
        limits.append(limit)
        row = '{"_id":%d,"x":"' + "a" * 40_000 + '"}'
        rows = ",".join(row % (n * 10_000 + at) for at in range(limit)) if n < 4 else ""
        answer(handler, 200, f'{{"count":9,"results":[{rows}]}}'.encode())

    with loopback_server(handle) as (url, _seen):
        pages = list(client_of(url).pages("a1", above=-1, limit=1000))
    assert len(pages) == 3 and limits[0] == 250 and all(50 <= limit <= 100 for limit in limits[1:])


def test_an_error_page_with_a_good_status_is_asked_again() -> None:
    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        answer(handler, 200, b"<html>Sorry</html>" if n == 1 else b'{"count":7,"results":[]}')

    with loopback_server(handle) as (url, seen):
        assert client_of(url).count("a1") == 7 and len(seen) == 2


def test_patience_may_be_a_date() -> None:
    def handle(handler: BaseHTTPRequestHandler, n: int) -> None:
        later = "Wed, 12 Feb 2025 08:00:20 GMT"
        if n == 1:
            handler.send_response_only(503)
            for name, value in (
                ("Date", "Wed, 12 Feb 2025 08:00:00 GMT"),
                ("Retry-After", later),
                ("Content-Length", "0"),
            ):
                handler.send_header(name, value)
            handler.end_headers()
        else:
            answer(handler, 200, EMPTY)

    slept: list[float] = []
    with loopback_server(handle) as (url, _seen):
        assert client_of(url, slept).count("a1") == 0
    assert slept == [20]


@pytest.mark.parametrize(
    "link",
    ["@{host}/x", ".{host}/x", ":1@{host}/x", "//{host}/x", "/\\{host}/x", "\\\\{host}\\x", "http://a@{host}/x", "http://{host}", "http:///x", "{host}/x", "", "/a\nHost: {host}", "ftp://{host}/x"],
)  # fmt: skip
def test_what_an_answer_calls_a_path_is_one_before_it_meets_our_address(link: str) -> None:
    """Part 7, B11: ``@host/…`` made the client ask another host and keep its bytes as signatures."""
    manifest = '<xforms xmlns="x"><xform><formID>a1</formID><manifestUrl>{}</manifestUrl></xform></xforms>'
    with loopback_server(lambda handler, _n: answer(handler, 200, b"evil")) as (elsewhere, strangers):
        host = elsewhere.removeprefix("http://")
        crooked = link.format(host=host)
        body = manifest.format(crooked.replace("\n", "&#10;")).encode()
        with loopback_server(lambda handler, _n: answer(handler, 200, body)) as (url, seen):
            with pytest.raises(KoboUnexpected), client_of(url).download(crooked) as stream:
                b"".join(stream.chunks)
            assert not seen
            if link:
                with pytest.raises(KoboUnexpected):
                    client_of(url).manifest("a1")
    assert not strangers


@pytest.mark.parametrize("url", ["http://192.0.2.1", "http://kf.example.org:8080", "http://127.0.0.1.example.org"])
def test_a_token_goes_over_plain_http_to_this_machine_only(url: str) -> None:
    """Part 7, B10: refused before anything is sent; the address is one that never answers."""
    with pytest.raises(KoboRefused, match="plain http"):
        client_of(url).me()
    assert client_of(url).traffic() == (0, 0)


def test_a_redirect_takes_the_token_nowhere() -> None:
    """Part 7, B10."""
    with loopback_server(lambda handler, _n: answer(handler, 200, b"{}")) as (elsewhere, strangers):
        with loopback_server(lambda handler, _n: answer(handler, 302, b"", Location=f"{elsewhere}/me/")) as (
            url,
            _seen,
        ):
            with pytest.raises(KoboUnexpected, match="redirects"):
                client_of(url).me()
    assert not strangers


def test_a_run_has_an_end_whatever_the_server_answers() -> None:
    """Part 7, C15: rows without end, each page with new ids."""
    now = [0.0]

    def page(handler: BaseHTTPRequestHandler, n: int) -> None:
        now[0] += 60
        answer(handler, 200, b'{"count":1,"results":[{"_id":%d,"_uuid":"u%d"}]}' % (n, n))

    with loopback_server(page) as (url, seen):
        client = client_of(url, most_s=3600.0, monotonic=lambda: now[0])  # type: ignore[arg-type]
        with pytest.raises(KoboUnreachable, match="more than 1 hours"):
            for _ in client.pages("a1", above=-1, limit=100):
                pass
        assert len(seen) <= 62
        client.close()

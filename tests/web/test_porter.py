"""The pages' doors: what may be sent by whom, decided at the head; and how long a connection may wait (part 7, B8)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from web_office import SENTENCE, Office

from kobo_sync import serving
from kobo_sync.serving import CONNECTIONS, Admission, Listening


def _open(url: str, head: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    opened = socket.create_connection((host, int(port)), timeout=20)
    opened.sendall(head.encode())
    return opened


@pytest.mark.parametrize(
    "head",
    ["POST /connexion HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n", "POST /hook/faux HTTP/1.1\r\nContent-Length: 900\r\n\r\n", "GET / HTTP/1.1\r\n", ""],
)  # fmt: skip
def test_half_sent_requests_keep_nobody_out(office: Office, pages: str, head: str) -> None:
    opened = [_open(pages, head) for _ in range(CONNECTIONS + 30)]
    with requests.Session() as browser:
        page = browser.get(f"{pages}/connexion", timeout=20).text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        form = {"username": "maha", "password": SENTENCE, "csrf_token": token}
        assert browser.post(f"{pages}/connexion", data=form, timeout=20).url == f"{pages}/"
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/connexion", 20_000, b" 413 "),
        ("/langue", 20_000, b" 413 "),
        ("/livrables/lien", 100, b" 400 "),  # nobody is signed in: its form has no token either
        ("/hook/faux", 100_000_000, b" 413 "),
        ("/hook/faux", 900_000, b" 404 "),
        ("/nulle-part", 900_000, b" 404 "),
    ],
)
def test_a_stranger_is_answered_before_the_body(pages: str, path: str, length: int, status: bytes) -> None:
    asked = _open(pages, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")
    assert status in asked.recv(65536)[:30]
    asked.close()


def _echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


@pytest.mark.parametrize(
    ("limit", "head", "is_trusted"),
    [
        ("HEAD_S", "", False),
        ("HEAD_S", "POST / HTTP/1.1\r\nHost", False),
        ("STRANGER_S", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1", False),
        ("STALL_S", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1", True),
        ("BODY_S", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1", True),
        ("IDLE_S", "GET / HTTP/1.1\r\n\r\n", False),
        ("LINGER_S", "POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n1", False),
    ],
)
def test_each_wait_has_an_end(monkeypatch: pytest.MonkeyPatch, limit: str, head: str, is_trusted: bool) -> None:
    monkeypatch.setattr(serving, limit, 0.01)
    admission = Admission(0 if limit == "LINGER_S" else 100, is_trusted=is_trusted, linger_s=serving.LINGER_S)
    with Listening(_echo, most_bytes=100_000, porter=lambda _environ: admission) as listening:
        waiting = _open(listening.url, head)
        answer = b""
        while part := waiting.recv(65536):  # what is answered first, then the end
            answer += part
        waiting.close()
        # A request that is whole, or whose body nobody wants, is answered before its connection ends; no half of one is.
        assert answer.startswith(b"HTTP/1.1 200 ") == (limit in ("IDLE_S", "LINGER_S")), answer[:80]


def test_a_slow_phone_that_goes_on_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STALL_S", 0.0)
    monkeypatch.setattr(serving, "STALL_BYTES", 0)
    with Listening(_echo, most_bytes=100, porter=lambda _environ: Admission(100, is_trusted=True)) as listening:
        phone = _open(listening.url, "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
        for sign in b"123456789":
            phone.sendall(bytes([sign]))
        with phone, phone.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.1 200")
            while answer.readline() != b"\r\n":
                pass
            assert answer.read(9) == b"123456789"

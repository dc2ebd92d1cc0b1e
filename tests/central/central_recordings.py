"""Recorded exchanges with a real ODK Central, sent to the stand-in, and what differs in its answers.

The recordings beside this file are those of `central/contract.md` that the scenes of `test_stand_in.py` send.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import requests
from central_office import ADMIN, PASSWORD, Office

FOLDER = Path(__file__).parent / "recordings"
HEADERS = ("OData-Version", "X-OpenRosa-Version", "X-OpenRosa-Accept-Content-Length", "Content-Language", "Location")
PHOTO = b"\xff\xd8\xff\xe0" + bytes(3023)


@cache
def _recordings() -> dict[str, dict[str, Any]]:
    """Exchanges by the mark that the contract gives them: `b10c` of `b10c_publish_with_version`."""
    lines = [line for path in FOLDER.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    return {one["step"].partition("_")[0]: one for one in map(json.loads, lines)}


def recording(step: str) -> dict[str, Any]:
    return _recordings()[step]


def steps() -> list[str]:
    return sorted(_recordings())


def form_xml(form_id: str, version: str | None) -> str:
    """The households form of the recordings under another name; none: without a version."""
    told = "" if version is None else f' version="{version}"'
    return recording("b01")["request_body"].replace('id="menage" version="2026110101"', f'id="{form_id}"{told}')  # type: ignore[no-any-return]


class Replay:
    """Sends recordings to an office; *swap* turns ids and keys of the recorded server into the office's."""

    def __init__(self, office: Office):
        self.office = office
        self.swap: dict[str, str] = {}
        self.answers: dict[str, requests.Response] = {}
        self.tokens = {"admin": self.sign_in(ADMIN, PASSWORD), "badtoken": "z" * 64}

    def sign_in(self, email: str, password: str) -> str:
        answer = requests.post(f"{self.office.address}/v1/sessions", json={"email": email, "password": password})
        return answer.json()["token"]  # type: ignore[no-any-return]

    def send(self, *names: str) -> None:
        for step in names:
            recorded = recording(step)
            self.answers[step] = self._ask(recorded)

    def _ask(self, recorded: Mapping[str, Any]) -> requests.Response:
        kept = ("Content-Type", "X-OpenRosa-Version", "X-Extended-Metadata", "X-Action-Notes", "Range")
        headers = {name: value for name, value in recorded["request_headers"].items() if name in kept}
        who = recorded["as"]
        if who in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        elif "Authorization" in recorded["request_headers"]:
            scheme = recorded["request_headers"]["Authorization"].partition(" ")[0]
            headers["Authorization"] = f"{scheme} {self.swap.get('<app-user-token>', 'YTpi')}"
        content: dict[str, Any] = {}
        body = recorded["request_body"]
        if isinstance(body, dict) and "multipart" in body:
            del headers["Content-Type"]
            content["files"] = list(self._parts(body["multipart"]))
        elif isinstance(body, (dict, list)):
            content["data"] = self._swapped(json.dumps(body)).encode()
        elif body is not None:
            content["data"] = PHOTO if re.fullmatch(r"\d+ bytes", body) else self._swapped(body).encode()
        url = self.office.address + self._swapped(recorded["path"])
        return requests.request(recorded["method"], url, headers=headers, allow_redirects=False, **content)

    def _parts(self, multipart: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, bytes, str]]]:
        for head, text in multipart.items():
            match = re.fullmatch(r"(.*) \((.*)\) name=(.*)", head)
            assert match, head
            photo = PHOTO + (b"x" if "other" in text else b"") if re.match(r"\d+ bytes", text) else None
            yield match[1], (match[3], photo or self._swapped(text).encode(), match[2])

    def _swapped(self, text: str) -> str:
        for old, new in self.swap.items():
            text = text.replace(old, new)
        return text


# ── comparing ───────────────────────────────────────────────────────────────


def differences(step: str, answer: requests.Response) -> list[str]:
    """Status, code, headers that matter, keys and types; texts of OpenRosa word for word."""
    recorded, wrong = recording(step), []
    if answer.status_code != recorded["status"]:
        return [f"status {recorded['status']}, here {answer.status_code}: {answer.text[:300]}"]
    for name in HEADERS:
        ours, theirs = (_plain(headers.get(name, "")) for headers in (answer.headers, recorded["headers"]))
        if ours != theirs:
            wrong.append(f"{name}: {theirs!r}, here {ours!r}")
    expected = recorded["body"]
    if isinstance(expected, (dict, list)):
        ours = answer.json()
        if isinstance(expected, dict) and expected.get("code") != ours.get("code"):
            wrong.append(f"code {expected.get('code')}, here {ours.get('code')}")
        return [*wrong, *_compared(expected, ours, "")]
    texts = ("<OpenRosaResponse", "<manifest", "<xforms")
    if expected and any(one in expected for one in texts) and _plain(expected) != _plain(answer.text):
        wrong.append(f"text {_plain(expected)!r}, here {_plain(answer.text)!r}")
    return wrong


def _plain(text: str) -> str:
    """Without what is of one server: its name, its keys, its hashes and ids."""
    text = re.sub(r"https?://(127\.0\.0\.1:\d+|central\.example\.org)", "SERVER", text)
    text = re.sub(r"key/(<app-user-token>|\w{64})", "key/KEY", text)
    text = re.sub(r"\?.*X-Amz.*|\?response-content.*", "", re.sub(r"blob-[\w-]+", "BLOB", text))
    text = re.sub(r"uuid(:|%3A)[0-9a-f-]{36}", "UUID", text)
    return re.sub(r"md5:[0-9a-f]{32}", "MD5", text).strip()


def _compared(theirs: Any, ours: Any, at: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in theirs.keys() ^ ours.keys():
            yield f"{at}/{name}: only {'recorded' if name in theirs else 'here'}"
        for name in theirs.keys() & ours.keys():
            yield from _compared(theirs[name], ours[name], f"{at}/{name}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if theirs and not ours:
            yield f"{at}: empty here"
        for one, other in list(zip(theirs, ours, strict=False))[:1]:
            yield from _compared(one, other, f"{at}[]")
    elif _kind(theirs) != _kind(ours) and None not in (theirs, ours):
        yield f"{at}: {theirs!r}, here {ours!r}"


def _kind(value: Any) -> type:
    return float if type(value) in (int, float) else type(value)

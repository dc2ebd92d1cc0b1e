"""A client such as Collect, written from the OpenRosa specification with the standard library: nothing of ours is in it.

What it demands of a server is what KoboCollect demands (its source, v2025.3): the headers, 204 to HEAD, 201 or 202 to POST, an md5
per media file. Where the server does otherwise it raises `Refused` with what a phone would show.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import secrets
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import parse_http_list, parse_keqv_list
from xml.etree import ElementTree

FORMS = "{http://openrosa.org/xforms/xformsList}"
MANIFEST = "{http://openrosa.org/xforms/xformsManifest}"
RESPONSE = "{http://openrosa.org/http/response}"
DEFAULT_LENGTH = 10_000_000
MOST_FILES = 100


class Refused(Exception):
    """What a phone shows: the status, and the server's message where it gave one."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


@dataclass(frozen=True)
class BlankForm:
    """A form that the server offers."""

    form_id: str
    name: str
    version: str
    hash: str
    download_url: str
    manifest_url: str


@dataclass(frozen=True)
class Answer:
    """A server's answer; header names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """One phone: *username* and *password*; Digest where the server asks for it, Basic under TLS where it asks for that."""

    def __init__(
        self, server: str, username: str, password: str, *, trusted: str = "", device: str = "collect:abc"
    ) -> None:
        self.server, self._username, self._password = server.rstrip("/"), username, password
        self._context = ssl.create_default_context(cafile=trusted) if trusted else None
        self._device = device
        self._challenge: dict[str, str] = {}
        self._count = 0
        self.sends_basic = False
        self.length = DEFAULT_LENGTH

    # ── HTTP ──

    def ask(self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One exchange; a 401 is answered once with credentials."""
        answer = self._exchange(method, url, body, headers or {})
        if answer.status == 401:
            challenge = answer.headers.get("www-authenticate", "")
            if challenge.lower().startswith("digest "):
                self._challenge = parse_keqv_list(parse_http_list(challenge[len("Digest ") :]))
                self._count = 0
                answer = self._exchange(method, url, body, headers or {})
        return answer

    def _exchange(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        address = urlsplit(url)
        target = address.path + (f"?{address.query}" if address.query else "")
        line = (
            http.client.HTTPSConnection(address.netloc, timeout=30, context=self._context)
            if address.scheme == "https"
            else http.client.HTTPConnection(address.netloc, timeout=30)
        )
        signed = {"X-OpenRosa-Version": "1.0", "User-Agent": "org.example.collect/1.0", **headers}
        if self.sends_basic:
            signed["Authorization"] = "Basic " + b64encode(f"{self._username}:{self._password}".encode()).decode()
        elif self._challenge:
            signed["Authorization"] = self._digest(method, target)
        try:
            line.request(method, target, body, signed)
            got = line.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            line.close()

    def _digest(self, method: str, target: str) -> str:
        """RFC 2617 with qop=auth and MD5."""
        self._count += 1
        given, client_nonce, count = self._challenge, secrets.token_hex(8), f"{self._count:08x}"
        first = _md5(f"{self._username}:{given['realm']}:{self._password}".encode())
        second = _md5(f"{method}:{target}".encode())
        response = _md5(f"{first}:{given['nonce']}:{count}:{client_nonce}:auth:{second}".encode())
        opaque = f', opaque="{given["opaque"]}"' if "opaque" in given else ""
        return (
            f'Digest username="{self._username}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{target}",'
            f' qop=auth, nc={count}, cnonce="{client_nonce}", response="{response}"{opaque}'
        )

    # ── forms ──

    def blank_forms(self) -> list[BlankForm]:
        """The form list, as strictly as Collect reads it."""
        root = self._document(f"{self.server}/formList")
        if root.tag != f"{FORMS}xforms":
            raise Refused(200, f"{root.tag} is no form list")
        forms = []
        for each in root.iter(f"{FORMS}xform"):
            texts = {child.tag.removeprefix(FORMS): (child.text or "").strip() for child in each}
            if not (texts["formID"] and texts["name"] and texts["downloadUrl"]):
                raise Refused(200, "a form without formID, name or downloadUrl")
            forms.append(
                BlankForm(texts["formID"], texts["name"], texts.get("version", ""), texts.get("hash", ""), texts["downloadUrl"], texts.get("manifestUrl", ""))
            )  # fmt: skip
        return forms

    def download(self, form: BlankForm) -> tuple[bytes, dict[str, bytes]]:
        """(the XForm, its media by name), each held against the md5 that was announced."""
        xform = self._bytes(form.download_url)
        _held_against(form.hash, xform, form.name)
        media = {}
        if form.manifest_url:
            root = self._document(form.manifest_url)
            if root.tag != f"{MANIFEST}manifest":
                raise Refused(200, f"{root.tag} is no manifest")
            for each in root.iter(f"{MANIFEST}mediaFile"):
                texts = {child.tag.removeprefix(MANIFEST): (child.text or "").strip() for child in each}
                content = self._bytes(texts["downloadUrl"])
                _held_against(texts["hash"], content, texts["filename"])
                media[texts["filename"]] = content
        return xform, media

    def _document(self, url: str) -> ElementTree.Element:
        answer = self._ok(url)
        if "text/xml" not in answer.headers.get("content-type", ""):
            raise Refused(answer.status, "not text/xml")
        if answer.headers.get("x-openrosa-version") != "1.0":
            raise Refused(answer.status, "not OpenRosa 1.0")
        return ElementTree.fromstring(answer.body)

    def _bytes(self, url: str) -> bytes:
        return self._ok(url).body

    def _ok(self, url: str) -> Answer:
        answer = self.ask("GET", url)
        if answer.status != 200:
            raise Refused(answer.status, _message(answer))
        return answer

    # ── submissions ──

    def submit(self, xml: bytes, files: Mapping[str, tuple[str, bytes]]) -> list[int]:
        """Send a filled form with its files (name → media type, bytes), in as many posts as its size asks for; their statuses."""
        url = f"{self.server}/submission?deviceID={self._device.replace(':', '%3A')}"
        head = self.ask("HEAD", url)
        if head.status != 204:
            raise Refused(head.status, "HEAD is answered by 204 alone")
        self.length = int(head.headers.get("x-openrosa-accept-content-length", DEFAULT_LENGTH))
        target = head.headers.get("location", url)
        if urlsplit(target).netloc != urlsplit(url).netloc:
            raise Refused(head.status, "the server sends its phones elsewhere")
        statuses = []
        batches = _batches(xml, files, self.length)
        for n, batch in enumerate(batches):
            is_last = n == len(batches) - 1
            body, boundary = _multipart(xml, {name: files[name] for name in batch}, is_last=is_last)
            answer = self.ask("POST", url, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
            if answer.status not in (201, 202):
                raise Refused(answer.status, _message(answer))
            statuses.append(answer.status)
        return statuses


def _batches(xml: bytes, files: Mapping[str, tuple[str, bytes]], length: int) -> list[list[str]]:
    """File names per post: as many as fit below *length* bytes, one at least, never more than a hundred."""
    batches: list[list[str]] = [[]]
    size = len(xml)
    for name, (_, content) in files.items():
        if batches[-1] and (size + len(content) > length or len(batches[-1]) >= MOST_FILES):
            batches.append([])
            size = len(xml)
        batches[-1].append(name)
        size += len(content)
    return batches


def _multipart(xml: bytes, files: Mapping[str, tuple[str, bytes]], *, is_last: bool) -> tuple[bytes, str]:
    """A body as OkHttp writes it: names in UTF-8, quotes and line ends in them percent-encoded."""
    boundary = secrets.token_hex(16)
    parts = [("xml_submission_file", "submission.xml", "text/xml; charset=utf-8", xml)]
    parts += [(name, name, kind, content) for name, (kind, content) in files.items()]
    body = b""
    for name, filename, kind, content in parts:
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"; filename="{_quoted(filename)}"\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n'
        body += f"--{boundary}\r\n{head}".encode() + content + b"\r\n"
    if not is_last:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="*isIncomplete*"\r\nContent-Length: 3\r\n\r\nyes\r\n'.encode()
    return body + f"--{boundary}--\r\n".encode(), boundary


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _held_against(announced: str, content: bytes, name: str) -> None:
    if announced != f"md5:{_md5(content)}":
        raise Refused(200, f"{name} is not what was announced")


def _message(answer: Answer) -> str:
    match = re.search(rb"<message[^>]*>(.*?)</message>", answer.body, re.S)
    return match[1].decode() if match else http.client.responses.get(answer.status, "")


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

"""HTTP to KoboToolbox or a field station: verbs, paging, retry; gives the nouns of `model`."""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from kobo_sync.errors import KoboError, KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.kobo import protocol
from kobo_sync.model import Asset, MediaFile, Validation

MAX_BODY = 512 * 1024 * 1024  # no honest page is larger; a gzip bomb is
CHUNK = 256 * 1024
BACKOFF_S = 0.5
BACKOFF_MAX_S = 60.0
GOOD = range(200, 300)


@dataclass(frozen=True)
class Answer:
    """A good answer, read whole and unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KoboClient:
    """One account on one server: *kf* is the API's address, *kc* the one phones use.

    Only what is safe to repeat is retried: reads, deletions, and changes that say the whole new state.
    The token goes to these two addresses and nowhere else; redirects are never followed.
    Raises (every method): KoboUnreachable after the retries, KoboRefused, KoboRejected, KoboUnexpected.
    """

    def __init__(
        self,
        kf: str,
        kc: str,
        token: str,
        *,
        timeout_s: float = 130,
        retries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kf, self.kc = kf, kc
        self._timeout_s, self._sleep, self._jitter, self._monotonic = timeout_s, sleep, jitter, monotonic
        self._retries = retries
        self._session = requests.Session()
        self._session.trust_env = False  # a netrc entry would replace the token
        self._session.headers.update({"Accept": "application/json", "User-Agent": "kobo-sync"})
        if token:
            self._session.headers["Authorization"] = f"Token {token}"

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    # ── accounts and projects ──

    def me(self) -> str:
        """The username that the token belongs to: the only true test of a token."""
        return protocol.parse_username(self.get(protocol.ME).body)

    def server_time(self) -> datetime | None:
        """The server's clock, from its Date header; None when it sends none."""
        text = self.get(protocol.ME).headers.get("Date", "")
        return parsedate_to_datetime(text).astimezone(UTC) if text else None

    def asset(self, asset_uid: str) -> tuple[Asset, list[MediaFile]]:
        """A project and its form media, in one request."""
        body = self.get(protocol.asset_path(asset_uid)).body
        return protocol.parse_asset(body), protocol.parse_media(body)

    def assets(self) -> list[Asset]:
        """Every survey that the account sees."""
        found: list[Asset] = []
        limit = 100
        for start in range(0, 1_000_000, limit):
            page, more = protocol.parse_assets(self.get(protocol.assets_path("asset_type:survey", limit, start)).body)
            found += page
            if not more:
                break
        return found

    def import_form(self, content: bytes, filename: str, *, name: str, into: str = "") -> str:
        """Import an XLSForm as a new project, or *into* an asset uid; returns the asset uid.

        Raises: KoboRejected with the server's reason when it refuses the form.
        """
        fields = {"name": name, "library": "false"}  # without library=false it becomes a library block [b05]
        if into:
            fields["destination"] = self.kf + protocol.asset_path(into)
        answer = self._send(
            "POST", self.kf + protocol.IMPORTS, data=fields, files={"file": (filename, content)}, retry=False
        )
        path = f"{protocol.IMPORTS}{protocol.parse_import_uid(answer.body)}/"
        for pause in self._polls():
            state = protocol.parse_import(self.get(path).body)
            if state.error:
                raise KoboRejected(
                    "the server refuses the form",
                    method="POST",
                    url=protocol.IMPORTS,
                    excerpt=state.error,
                    hint="mend the form as it says; `kobo-sync lint` finds most causes beforehand",
                )
            if state.asset_uid:
                return state.asset_uid
            self._sleep(pause)
        raise KoboUnreachable("the import did not end", method="GET", url=path, hint="try again later")

    def upload_media(self, asset_uid: str, filename: str, content: bytes, mimetype: str) -> None:
        """Add a form media file; the same name must not exist [c05]."""
        fields = {
            "description": "default",  # required, any text [c10]
            "file_type": "form_media",
            "metadata": json.dumps({"filename": filename}),  # its absence is a 500 [c09]
        }
        url = self.kf + protocol.asset_path(asset_uid, "files")
        self._send("POST", url, data=fields, files={"content": (filename, content, mimetype)}, retry=False)

    def delete_media(self, asset_uid: str, file_uid: str) -> None:
        """Remove a form media file; one that is gone already is no fault."""
        self._delete(protocol.asset_path(asset_uid, "files", file_uid))

    def deploy(self, asset: Asset) -> None:
        """Publish the newest content and media to phones: a first or a real redeployment."""
        url = self.kf + protocol.asset_path(asset.asset_uid, "deployment")
        if asset.is_deployed:
            # Without version_id the server only (un)archives [c25]; with it media are published too [c31].
            self._send("PATCH", url, json={"active": True, "version_id": asset.version_id})
        else:
            self._send("POST", url, json={"active": True}, retry=False)  # active defaults to false [d08]

    def write_fingerprint(self, asset_uid: str, mark: Mapping[str, str]) -> None:
        """Keep *mark* in the project's settings, where it makes no new version."""
        settings = {"extra_metadata": {protocol.FINGERPRINT_KEY: dict(mark)}}
        self._send("PATCH", self.kf + protocol.asset_path(asset_uid), json={"settings": settings})

    def workbook(self, asset_uid: str) -> bytes:
        """The project's newest content as a workbook [b21]."""
        path = protocol.asset_path(asset_uid).removesuffix("/") + ".xls"
        return self._send("GET", self.kf + path, headers={"Accept": "*/*"}).body

    def pause(self, seconds: float) -> None:
        """Wait before asking again."""
        self._sleep(seconds)

    def manifest(self, asset_uid: str) -> dict[str, str] | None:
        """File name → md5 of the media that phones download now; None when the form is not offered."""
        path = f"{protocol.FORM_LIST}?formID={asset_uid}"
        listed = protocol.parse_manifest_path(self._phone(path), asset_uid)
        return protocol.parse_manifest(self._phone(listed)) if listed else None

    def _phone(self, path: str) -> bytes:
        headers = {**protocol.OPENROSA_HEADERS, "Accept": "*/*"}
        return self._send("GET", self.kc + path, headers=headers).body

    # ── submissions ──

    def pages(self, asset_uid: str, *, above: int, limit: int) -> Iterator[protocol.Page]:
        """Whole rows with an id above *above*, page by page in order of id."""
        last = above
        while True:
            path = protocol.data_path(asset_uid, limit=limit, query=protocol.after(last))
            page = protocol.split_page(self.get(path).body)
            if not page.rows:
                return
            yield page
            last = max(submission_id for submission_id, _ in page.rows)

    def light_pages(self, asset_uid: str) -> Iterator[list[protocol.LightRow]]:
        """The light rows of the whole project, page by page in order of id."""
        last = -1
        while True:
            path = protocol.data_path(
                asset_uid, limit=protocol.PAGE_MAX, query=protocol.after(last), fields=protocol.LIGHT_FIELDS
            )
            rows = protocol.parse_light_page(self.get(path).body)
            if not rows:
                return
            yield rows
            last = max(row.submission_id for row in rows)

    def rows(self, asset_uid: str, submission_ids: Sequence[int]) -> Iterator[protocol.Page]:
        """The whole rows with these ids, in pages; ids that are gone are simply absent."""
        for at in range(0, len(submission_ids), protocol.IDS_PER_QUERY):
            some = submission_ids[at : at + protocol.IDS_PER_QUERY]
            path = protocol.data_path(asset_uid, limit=protocol.PAGE_MAX, query=protocol.among(some))
            yield protocol.split_page(self.get(path).body)

    def exists(self, asset_uid: str, submission_id: int) -> bool:
        """Whether the row is still there, asked by itself: 404 is the proof of a deletion."""
        try:
            self.get(protocol.asset_path(asset_uid, "data", str(submission_id)))
        except KoboRejected as error:
            if error.status == 404:
                return False
            raise
        return True

    def delete_submission(self, asset_uid: str, submission: int | str) -> None:
        """Delete a row by its id or root uuid; one that is gone already is no fault."""
        self._delete(protocol.asset_path(asset_uid, "data", str(submission)))

    def set_validation(self, asset_uid: str, submission_id: int, status: Validation) -> None:
        """Set a row's validation status; an empty *status* clears it."""
        url = self.kf + protocol.asset_path(asset_uid, "data", str(submission_id), "validation_status")
        if status:
            self._send("PATCH", url, json=protocol.render_validation(status))
        else:
            self._send("DELETE", url)

    def count(self, asset_uid: str) -> int:
        """How many rows the data listing holds."""
        path = protocol.data_path(asset_uid, limit=1, fields=("_id",))
        return protocol.split_page(self.get(path).body).count

    def download(self, url: str) -> bytes:
        """The bytes of an attachment; asked of *kf* whatever host the link names."""
        return self._send("GET", self.kf + protocol.path_of(url), headers={"Accept": "*/*"}).body

    # ── one request ──

    def get(self, path: str) -> Answer:
        """GET a path of the API: the way out for what has no method here."""
        return self._send("GET", self.kf + path)

    def _delete(self, path: str) -> None:
        try:
            self._send("DELETE", self.kf + path)
        except KoboRejected as error:
            if error.status != 404:
                raise

    def _polls(self) -> Iterator[float]:
        """Pauses in seconds that grow from 0.05 to 2, for about two minutes."""
        pause, total = 0.05, 0.0
        while total < 120:
            yield pause
            total += pause
            pause = min(2.0, pause * 1.6)

    def _send(self, method: str, url: str, *, retry: bool = True, **options: Any) -> Answer:
        attempts = self._retries if retry else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._once(method, url, **options)
            except KoboUnreachable as error:
                if attempt == attempts:
                    raise
                backoff = min(BACKOFF_MAX_S, BACKOFF_S * 2 ** (attempt - 1)) * (0.5 + self._jitter())
                self._sleep(min(BACKOFF_MAX_S, max(backoff, error.retry_after_s or 0)))
        raise AssertionError("unreachable")  # pragma: no cover

    def _once(self, method: str, url: str, **options: Any) -> Answer:
        shown = url.partition("?")[0]  # a query may hold answers
        deadline = self._monotonic() + self._timeout_s
        try:
            with self._session.request(
                method, url, stream=True, allow_redirects=False, timeout=(10, self._timeout_s), **options
            ) as response:
                body = self._read(response, deadline)
        except (requests.RequestException, HTTPError, OSError, zlib.error) as error:
            raise KoboUnreachable(
                f"no whole answer ({type(error).__name__})",
                method=method,
                url=shown,
                hint="check the address, the network and that the server is up",
            ) from error
        return _judge(method, shown, response, body)

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """The body, unpacked, within the time and size limits: a slow drip or a gzip bomb is cut off."""
        packed = response.headers.get("Content-Encoding", "") == "gzip"
        unpack = zlib.decompressobj(31) if packed else None
        parts: list[bytes] = []
        size = 0
        while chunk := response.raw.read(CHUNK, decode_content=False):
            part = unpack.decompress(chunk, MAX_BODY - size + 1) if unpack else chunk
            size += len(part)
            parts.append(part)
            if size > MAX_BODY:
                raise KoboUnexpected("the answer is larger than any page", url=response.url.partition("?")[0])
            if self._monotonic() > deadline:
                raise TimeoutError("the answer takes too long")
        if unpack and size and not unpack.eof:
            raise zlib.error("truncated gzip")
        return b"".join(parts)


def _judge(method: str, url: str, response: requests.Response, body: bytes) -> Answer:
    status = response.status_code
    if status in GOOD:
        return Answer(status, response.headers, body)
    where: dict[str, Any] = {"method": method, "url": url, "status": status}
    reason = protocol.parse_error(body) if status >= 400 else ""
    if status == 429 or status >= 500:
        raise KoboUnreachable(
            "the server cannot answer now", retry_after_s=_retry_after(response), excerpt=reason, **where
        )
    if status in (401, 403):
        hint = "check KOBO_TOKEN" if status == 401 else "give the account this right on the project"
        raise KoboRefused("the server refuses this account", excerpt=reason, hint=hint, **where)
    if 300 <= status < 400:
        raise KoboUnexpected(
            "it redirects, which is never followed", hint="correct the address (http or https, host)", **where
        )
    raise _rejected(reason, where)


def _rejected(reason: str, where: Mapping[str, Any]) -> KoboError:
    hint = "404 also means: this account cannot see the project" if where["status"] == 404 else ""
    return KoboRejected("the server says no", excerpt=reason, hint=hint, **where)


def _retry_after(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None

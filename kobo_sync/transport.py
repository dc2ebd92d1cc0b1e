"""Requests to one server, whichever kind it is: secrets, time and size limits, retries; an answer comes whole and unpacked or not at all."""

from __future__ import annotations

import io
import ipaddress
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from zlib_ng import zlib_ng

from kobo_sync.errors import KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable, code_of, excerpt_of

T = TypeVar("T")
MAX_BODY = 512 * 1024 * 1024  # no honest page is larger; a gzip bomb is
CHUNK = 256 * 1024
BACKOFF_S = 0.5
BACKOFF_MAX_S = 60.0
PATIENCE_S = 900.0
CONNECT_S = 10.0
BUSY_S = 5.0  # a gateway's error that comes sooner says that the server is away, not that a page is too much for it
GOOD = range(200, 300)
_PAGE = (b"<!doctype html", b"<html")  # what portals and proxies answer, to writes as well
MOVED = (302, 303, 307, 308)
NOT_MODIFIED = 304
MOST_CAUSES = 8  # behind an error, one in the other
Garbled: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its stub calls it an instance
RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True)
class Answer:
    """A good answer, read whole and unpacked; *packed* is the body as the server compressed it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    packed: bytes = b""


@dataclass(frozen=True)
class Stream:
    """A file under way: *start* is the byte it begins at, *length* the whole file's, None when not said."""

    start: int
    length: int | None
    chunks: Iterator[bytes]


class _Paced(io.RawIOBase):
    """A connection's bytes: those up to `head_ends` come within the timeout as a whole, later ones each within it.

    A socket's own timeout counts for each read anew: a header that drips would be waited for without end.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._raw = sock, sock.makefile("rb", buffering=0)
        self._timeout_s = sock.gettimeout()
        self._until = None if self._timeout_s is None else time.monotonic() + self._timeout_s

    def head_ends(self) -> None:
        """The head is read."""
        self._until = None
        self._sock.settimeout(self._timeout_s)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is not None:
            self._sock.settimeout(max(0.001, self._until - time.monotonic()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answering(HTTPResponse):
    """An answer whose head is read at a pace."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self._paced = _Paced(sock)
        self.fp = io.BufferedReader(self._paced)

    def begin(self) -> None:
        super().begin()
        self._paced.head_ends()


class _Bounded(HTTPConnection):
    response_class = _Answering


class _BoundedTls(HTTPSConnection):
    response_class = _Answering


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTls


class _Adapter(HTTPAdapter):
    """requests over bounded connections."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _reason(error: BaseException) -> tuple[str, str]:
    """Why there was no whole answer, and what to do."""
    cause: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if isinstance(cause, ssl.SSLCertVerificationError):
            message = f"the server's certificate cannot be trusted: {cause.verify_message}"
            hint = "look at the address, at this machine's clock, and whether a Wi-Fi portal stands in between; else have the server's certificate renewed"
            return message, hint
        if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            message, hint = "the address does not speak https", "look at the address and its port"
            return message, hint
        cause = _inner(cause) if cause else None
    message = f"no whole answer ({type(error).__name__})"
    hint = "check the address, the network and that the server is up"
    return message, hint


def _inner(error: BaseException) -> BaseException | None:
    """What lies behind *error*: requests and urllib3 keep it as their reason, or as their only word."""
    kept = (getattr(error, "reason", None), *error.args[:1], error.__cause__, error.__context__)
    return next((each for each in kept if isinstance(each, BaseException)), None)


class Transport:
    """Requests of one account. Each thread has connections of its own; redirects are never followed.

    *authorization* is the header's value (``Token …``, ``Bearer …``), empty for none; `sign` changes it, a session's token being renewed.
    *when_unknown* is what to do where the server does not know the account, in place of looking at the token.

    Only what is safe to repeat is retried: callers say so. *pace* is called before each request and waits for its turn.
    Raises (every method): KoboUnreachable after the retries, KoboRefused, KoboRejected, KoboUnexpected.
    """

    def __init__(
        self,
        authorization: str,
        *,
        timeout_s: float,
        retries: int,
        when_unknown: str = "",
        plain_http: bool = False,
        pace: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authorization, self._when_unknown = authorization, when_unknown
        self._timeout_s, self._retries = timeout_s, retries
        self._plain_http, self._pace = plain_http, pace
        self.sleep, self._jitter, self._monotonic = sleep, jitter, monotonic
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self.n_requests = self.n_bytes = 0  # asked so far, and received as it came over the wire

    def close(self) -> None:
        """Give the connections back."""
        for session in self._sessions:
            session.close()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # a netrc entry would replace the token
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter())
            session.headers.update({"Accept": "application/json", "User-Agent": "kobo-sync"})
            self._local.session = session
            self._sessions.append(session)
        return session

    def sign(self, authorization: str) -> None:
        """Send this from now on."""
        self._authorization = authorization

    def send(self, method: str, url: str, *, retry: bool = True, when_slow: int = 0, **options: Any) -> Answer:
        """One answer; *when_slow* is how often a server that is too slow is asked (0: as often as another)."""
        attempts = self._retries if retry else 1
        return self._repeated(attempts, when_slow or attempts, lambda: self._once(method, url, **options))

    def _repeated(self, attempts: int, when_slow: int, act: Callable[[], T]) -> T:
        for attempt in range(1, attempts + 1):
            try:
                return act()
            except KoboUnreachable as error:
                if attempt >= (when_slow if is_slow(error) else attempts):
                    raise
                if (error.retry_after_s or 0) > PATIENCE_S:
                    raise  # asked to stay away for so long: the next run will see
                self.sleep(max(self.backoff(attempt), error.retry_after_s or 0))
        raise AssertionError("unreachable")  # pragma: no cover

    def backoff(self, attempt: int) -> float:
        """Seconds to wait after the given attempt: doubled each time, with jitter."""
        return min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** (attempt - 1)) * (0.5 + self._jitter())

    def _once(self, method: str, url: str, **options: Any) -> Answer:
        began = self._monotonic()
        with self._open(method, url, **options) as response:
            body, packed = self._read(response, began + self._timeout_s)
        try:
            return self._judge(method, url.partition("?")[0], response, body, packed)
        except KoboUnreachable as error:
            error.took_s = self._monotonic() - began
            raise

    @contextmanager
    def _open(
        self, method: str, url: str, *, is_signed: bool = True, is_secret: bool = False, **options: Any
    ) -> Iterator[requests.Response]:
        """*is_signed* False sends nothing of ours along: for an address that the server names. *is_secret*: what is sent is one."""
        if ((self._authorization and is_signed) or is_secret) and not self._plain_http and _is_plain(url):
            raise KoboRefused(
                "secrets do not go over plain http to another machine",
                method=method,
                url=url.partition("?")[0],
                hint="write https:// in config/mission.toml, server.kf and server.kc (server.url for ODK Central)",
            )
        if self._authorization and is_signed:
            options["headers"] = {**(options.get("headers") or {}), "Authorization": self._authorization}
        self._pace()
        self.n_requests += 1
        try:
            with self._session().request(
                method, url, stream=True, allow_redirects=False, timeout=(CONNECT_S, self._timeout_s), **options
            ) as response:
                yield response
        except (requests.RequestException, HTTPError, OSError, Garbled) as error:
            message, hint = _reason(error)
            bare_url = url.partition("?")[0]  # a query may hold answers
            raise KoboUnreachable(message, method=method, url=bare_url, hint=hint) from error

    def _read(self, response: requests.Response, deadline: float) -> tuple[bytes, bytes]:
        """The body, unpacked and as it came, within the limits: a slow drip or a gzip bomb is cut off."""
        is_packed = response.headers.get("Content-Encoding", "") == "gzip"
        unpack = zlib_ng.decompressobj(31) if is_packed else None
        parts: list[bytes] = []
        raw: list[bytes] = []
        size = 0
        while chunk := _some(response):
            part = unpack.decompress(chunk, MAX_BODY - size + 1) if unpack else chunk
            size += len(part)
            self.n_bytes += len(chunk)
            parts.append(part)
            if unpack:
                raw.append(chunk)
            if size > MAX_BODY:
                raise KoboUnexpected("the answer is larger than any page", url=response.url.partition("?")[0])
            if self._monotonic() > deadline:
                raise TimeoutError("the answer takes too long")
        if unpack and size and not unpack.eof:
            raise Garbled("truncated gzip")
        return b"".join(parts), b"".join(raw)

    @contextmanager
    def stream(self, url: str, start: int = 0, *, may_move: bool = False, is_signed: bool = True) -> Iterator[Stream]:
        """A file from byte *start* on, as far as the server agrees to begin there; compressed transfer is refused.

        A transfer that stalls is cut off; one that goes on may take as long as it needs. *may_move*: where the server keeps its
        files elsewhere, its redirect is followed once, and nothing of ours goes along.
        """
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with self._open("GET", url, is_signed=is_signed, headers=headers) as response:
            if may_move and response.status_code in MOVED and (elsewhere := response.headers.get("Location", "")):
                with self.stream(elsewhere, start, is_signed=False) as moved:
                    yield moved
                return
            if response.status_code not in GOOD:
                body, _ = self._read(response, self._monotonic() + self._timeout_s)
                self._judge("GET", url.partition("?")[0], response, body)
            begins = start if response.status_code == 206 else 0
            yield Stream(begins, _whole_length(response, begins), self._chunks(response))

    def is_changed(self, url: str, etag: str) -> bool:
        """Whether what lies at *url* is no longer what had *etag*; what lies elsewhere by now cannot be told, and counts as the same."""
        return self._repeated(self._retries, 1, lambda: self._is_changed(url, etag))

    def _is_changed(self, url: str, etag: str) -> bool:
        with self._open("GET", url, headers={"Accept": "*/*", "If-None-Match": etag}) as response:
            if response.status_code == NOT_MODIFIED or response.status_code in MOVED:
                return False
            if response.status_code not in GOOD:
                body, _ = self._read(response, self._monotonic() + self._timeout_s)
                self._judge("GET", url.partition("?")[0], response, body)
            return True

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        mark, got = self._monotonic() + self._timeout_s, 0
        while chunk := _some(response):
            yield chunk
            got += len(chunk)
            self.n_bytes += len(chunk)
            if self._monotonic() > mark:
                if got < CHUNK:
                    raise TimeoutError("the file comes too slowly")
                mark, got = self._monotonic() + self._timeout_s, 0

    def _judge(self, method: str, url: str, response: requests.Response, body: bytes, packed: bytes = b"") -> Answer:
        status = response.status_code
        where: dict[str, Any] = {"method": method, "url": url, "status": status}
        if status in GOOD:
            if method not in ("GET", "HEAD") and body[:200].lstrip().lower().startswith(_PAGE):
                raise KoboUnexpected(
                    "a web page came in place of the server's answer: nothing is known to be changed",
                    hint="check the server's address in config/mission.toml, and that no Wi-Fi portal stands in between; then run again",
                    **where,
                )
            return Answer(status, response.headers, body, packed)
        if status >= 400:
            where["code"] = code_of(body)
        reason = excerpt_of(body) if status >= 400 else ""
        if status == 429 or status >= 500:
            again = "the next run tries again by itself; if it lasts, ask whoever runs the server"
            message, wait_s = "the server cannot answer now", _retry_after(response)
            raise KoboUnreachable(message, retry_after_s=wait_s, excerpt=reason, hint=again, **where)
        if status in (401, 403):
            hint = "check KOBO_TOKEN" if status == 401 else "give the account this right on the project"
            if status == 401 and self._when_unknown:
                hint = self._when_unknown
            raise KoboRefused("the server refuses this account", excerpt=reason, hint=hint, **where)
        if 300 <= status < 400:
            raise KoboUnexpected(
                "it redirects, which is never followed", hint="correct the address (http or https, host)", **where
            )
        hint = "404 also means: this account cannot see the project" if status == 404 else ""
        raise KoboRejected("the server says no", excerpt=reason, hint=hint, **where)


def _is_plain(url: str) -> bool:
    """Whether what goes to *url* can be read on the way; looked at for each request, whoever made its address."""
    parts = urlsplit(url)
    try:
        is_here = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_here = False
    return parts.scheme != "https" and not is_here


def _some(response: requests.Response) -> bytes:
    """What has come: `read` would wait for all of a chunk, and a drip would never be held against the clock."""
    some: bytes = response.raw.read1(CHUNK, decode_content=False)
    return some


def is_slow(error: KoboUnreachable) -> bool:
    """Whether a smaller page may succeed: the server was too slow or broke off, rather than absent or busy."""
    if error.status is not None:
        return error.status in (500, 504) or (error.status > 500 and error.took_s > BUSY_S)
    cause = error.__cause__
    never_met = isinstance(cause, (requests.ConnectTimeout, requests.exceptions.ProxyError))
    return isinstance(cause, (requests.Timeout, TimeoutError, Garbled, HTTPError)) and not never_met


def _whole_length(response: requests.Response, start: int) -> int | None:
    text = response.headers.get("Content-Length", "")
    return start + int(text) if text.isdigit() else None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, from a number or from a date held against the server's own clock."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
        now = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return None
    return max(0.0, (_aware(at) - _aware(now)).total_seconds())


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

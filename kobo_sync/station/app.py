"""The station's WSGI app: routes, authentication, error pages, compression."""

from __future__ import annotations

import gzip
import logging
import re
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from kobo_sync.serving import ADMITTED, LINGER_S, Admission, is_loopback, is_malformed, is_own_name
from kobo_sync.station import access, assets, formats, openrosa, publishing, render, space
from kobo_sync.station.auth import Account, Keyring, Unauthenticated
from kobo_sync.station.browser import pages
from kobo_sync.station.browser.offered import Papers
from kobo_sync.station.browser.sessions import ROOM, Sessions
from kobo_sync.station.database import Database
from kobo_sync.station.exports import Shelf
from kobo_sync.station.query import TooSlow
from kobo_sync.station.refiling import refile
from kobo_sync.station.room.pages import Screen
from kobo_sync.station.routes import MAP as _ROUTES
from kobo_sync.station.routes import ROUTES, Route
from kobo_sync.station.wire import (
    HTML_TYPE,
    MAX_ANONYMOUS,
    MAX_BODY,
    MAX_JSON,
    MAX_TARGET,
    XML_TYPE,
    Asked,
    Refused,
    from_http,
    malformed,
    no_such_page,
    not_found,
    server_error,
    wrong_method,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)
GONE = (
    "The V1 API has been removed. Please read the migration article at"
    " https://support.kobotoolbox.org/migrating_api.html"
)
_NGINX = "<html>\n<head><title>{0}</title></head>\n<body>\n<center><h1>{0}</h1></center>\n<hr><center>nginx</center>\n</body>\n</html>\n"  # fmt: skip
_MIN_GZIP = 600
BROWSER = "/f/"
OWN_API = "kobo_sync.own_api"  # in the environ of requests that came to the process's own port
STALE_LINGER_S = 300.0
_OTHER = re.compile(r"(/api/v2/.+)\.\w+/?")
_SUFFIX = re.compile(r"(/api/v2/.+)\.json/?")
_V1 = (
    "/assets/",
    "/environment/",
    "/imports/",
    "/exports/",
    "/permissions/",
    "/users/",
    "/api/v1/",
    "/submissions/",
    "/hub/",
)

Api = Literal["off", "local", "everyone"]


@dataclass(frozen=True)
class _Signed:
    """What the porter found out about a request before its body was read: who asks, or how it is refused."""

    account: Account | None = None
    refusal: Response | None = None


class _Answered(Exception):
    """An answer that needs no view."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Station:
    """A field station over its own SQLite file.

    *accounts* are those who may sign in; *clock* gives aware UTC times; *new_uid(prefix)* 22-character uids;
    *new_uuid* bare uuids. *url_scheme* is that of the links in answers unless ``X-Forwarded-Proto`` says https.
    *api* is whom the API answers, phones' doors apart: nobody, programs on this machine, or everyone.
    *reserve_bytes* of the disk stay free: what would take of them is refused before it is sent.
    *event_pin* opens the browser forms at ``/f/`` without an account; empty: accounts alone do.
    Raises: StoreError when *path* is another program's file.
    """

    def __init__(
        self,
        path: Path,
        *,
        accounts: Sequence[Account],
        clock: Callable[[], datetime],
        new_uid: Callable[[str], str],
        new_uuid: Callable[[], str],
        url_scheme: str = "http",
        api: Api = "local",
        reserve_bytes: int = space.RESERVE_BYTES,
        event_pin: str = "",
    ) -> None:
        self.db, self.path, self.reserve_bytes = Database(path), path, reserve_bytes
        refile(self.db)
        self.now, self.new_uid, self.new_uuid = clock, new_uid, new_uuid
        self.url_scheme, self.api = url_scheme, api
        self.authority = b""  # whose certificate ours is, as PEM, for phones that are to trust it
        self.screen: Screen | None = None  # of the room, where the station has a mission
        by_pin = [Account(ROOM)] if event_pin and ROOM not in {account.username for account in accounts} else []
        self.keyring, self.shelf = Keyring([*accounts, *by_pin]), Shelf()
        self.sessions, self.papers = Sessions(self.db, self.keyring, event_pin, clock), Papers(self.db)
        assets.admit_phones(self)

    def wsgi(self) -> WSGIApplication:
        """The app: API and OpenRosa on one address."""

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = self._asked(environ)
            try:
                answer = formats.finished(request, self._answer(request, environ.get(ADMITTED)))
            finally:
                request.close()  # the temporary files of big uploads
            if request.username is not None and "ETag" not in answer.headers:
                answer.headers["X-Kobonaut"] = request.username
            # What phones send is nobody's page: no browser may run it in the station's name. A page says what it may.
            answer.headers["X-Content-Type-Options"] = "nosniff"
            answer.headers.setdefault("Content-Security-Policy", "default-src 'none'; sandbox")
            _compress(request, answer)
            return answer(environ, start_response)

        return app

    def admit(self, environ: WSGIEnvironment) -> Admission:
        """The porter: who asks, and how long a body they may bring; decided when the head is read."""
        request = self._asked(environ)
        try:
            route, values = self._door(request)
            is_phone = route.is_phone
            signed = self._sign_in(request, is_phone)
        except Exception:  # whatever it is, the same comes of it when the request is answered, without its body
            return Admission(0)
        if signed.refusal is not None:
            is_stale = 'stale="true"' in signed.refusal.headers.get("WWW-Authenticate", "")
            # A phone whose nonce has aged reads its new one when it has sent what it began.
            return Admission(0, signed, linger_s=STALE_LINGER_S if is_stale else LINGER_S)
        is_sent = request.method == "POST" and (is_phone or request.path == pages.SUBMISSION)
        if is_sent and not self.has_room(request.content_length or 0):
            linger_s = STALE_LINGER_S if signed.account else LINGER_S  # a phone reads it when it has sent what it began
            return Admission(0, _Signed(refusal=_no_room()), linger_s=linger_s)
        if request.path.startswith(BROWSER):
            is_signed_in = signed.account is not None
            most_bytes = pages.most_bytes(request.path, MAX_BODY, is_signed_in=is_signed_in)
            return Admission(most_bytes, signed, is_trusted=is_signed_in)
        if signed.account is not None:
            is_upload = is_phone or request.path.endswith(("/files/", "/imports/"))
            return Admission(MAX_BODY if is_upload else MAX_JSON, signed, is_trusted=True)
        is_open = is_phone and access.takes_anonymous(self.db.reader, values.get("user"))
        return Admission(MAX_ANONYMOUS if is_open else 0, signed)

    def has_room(self, n_bytes: int) -> bool:
        """Whether the disk takes a body of so many bytes."""
        return space.has_room(self.path, n_bytes, self.reserve_bytes)

    def change_mark(self) -> object:
        """Another value whenever something was written since; to be compared in the thread that asks."""
        return self.db.reader.execute("PRAGMA data_version").fetchone()[0]

    def admit_accounts(self, accounts: Sequence[Account]) -> None:
        """Let these sign in from now on, and nobody else; phones among them send to every form."""
        self.keyring.replace(accounts)
        assets.admit_phones(self)

    def knows(self, username: str) -> bool:
        """Whether an account of that name may sign in."""
        return username in self.keyring

    def phones(self) -> list[str]:
        """The accounts that are for phones alone."""
        return self.keyring.phones()

    def names(self) -> list[str]:
        """All accounts."""
        return self.keyring.names()

    def token(self, username: str) -> str:
        """An account's token for the API."""
        return self.keyring[username].token

    def close(self) -> None:
        """Close the file; what was answered is on the disk already."""
        self.db.close()

    def _asked(self, environ: WSGIEnvironment) -> Asked:
        request = Asked(environ)
        request.scheme_in_use = self.url_scheme
        if match := _SUFFIX.fullmatch(request.path):
            request.path, request.suffix = f"{match[1]}/", ".json"
        return request

    def _answer(self, request: Asked, signed: _Signed | None) -> Response:
        try:
            route, values = self._door(request)
            signed = signed or self._sign_in(request, route.is_phone)
            is_served = request.method in (*route.methods, "OPTIONS")
            if route.is_phone and not is_served:
                raise openrosa.wrong_method(request)  # to anybody [r12b]
            if signed.refusal is not None:
                return signed.refusal
            if signed.account is not None:
                request.username, request.is_superuser = signed.account.username, signed.account.is_superuser
            if not is_served:
                raise wrong_method(request.method)
            return self._view(request, route, values)
        except _Answered as answered:
            return answered.answer
        except Refused as refusal:
            answer = refusal.response()
            if refusal.status == 406 or (refusal.mimetype == HTML_TYPE and refusal.status == 404):
                request.username = None  # these do not name the user [a13, a15, f40]
            if refusal.status == 401:
                is_phone = refusal.mimetype == XML_TYPE or request.path.lstrip("/").startswith("xformsMedia")
                challenge = self.keyring.challenge(request, self.now()) if is_phone else "Session"
                answer.headers["WWW-Authenticate"] = challenge
            return answer
        except TooSlow:
            return Refused(400, {"detail": "The query takes too long."}).response()
        except sqlite3.OperationalError as error:
            if not space.is_full(error):
                return _broken(request, error)
            return _no_room()
        except HTTPException as error:
            return from_http(error)
        except Exception as error:
            return _broken(request, error)

    def _view(self, request: Asked, route: Route, values: dict[str, Any]) -> Response:
        kind = formats.check(request, route.kinds) if route.kinds else ""
        if request.method == "OPTIONS":
            return formats.options(request, route.path, route.methods, is_phone=route.is_phone)
        if request.method == "HEAD" and not route.is_phone:
            request.method = "GET"  # the answer's body is left out when it is sent
        if route.path.startswith("/api/v2/assets/<uid>") and not access.exists(self.db.reader, values["uid"]):
            raise route.unknown_asset()
        if kind == "application/xml" and request.method == "GET":
            return publishing.given_back(self, request, values["uid"], "xml")  # [r11j]
        answer: Response = route.view(self, request, **values)
        return answer

    def _door(self, request: Asked) -> tuple[Route, dict[str, Any]]:
        """The route to the view that answers, and what its address says. Raises: Refused, _Answered."""
        if is_malformed(request.environ):
            raise malformed()
        if len(request.query_string) + len(request.path) > MAX_TARGET:
            raise _Answered(Response(_NGINX.format("414 Request-URI Too Large"), 414, content_type=HTML_TYPE))
        if request.path.rstrip("/").rpartition("/")[2] in ("submission", "formList") and request.path.endswith("/"):
            raise _Answered(Response(_NGINX.format("404 Not Found"), 404, content_type=HTML_TYPE))  # [e71, e72]
        if request.path.startswith(_V1):
            raise Refused(410, {"detail": GONE})
        routes = _ROUTES.bind_to_environ(request.environ)
        try:
            rule, values = routes.match(path_info=request.path, return_rule=True)
        except RequestRedirect as error:
            location = {"Location": _slashed(request)}
            raise _Answered(Response("", 301, content_type=HTML_TYPE, headers=location)) from error
        except (NotFound, MethodNotAllowed) as error:
            other = _OTHER.fullmatch(request.path)
            raise not_found() if other and routes.test(f"{other[1]}/") else no_such_page() from error  # [r16c]
        route = ROUTES[rule.rule]
        is_guests = route.is_phone or request.path.startswith(BROWSER)
        if not is_guests and not (self._shows_room(request) if route.is_room else self._answers_api(request)):
            raise no_such_page()
        return route, dict(values)

    def _answers_api(self, request: Asked) -> bool:
        """Whether the API answers there: a proxy on this machine speaks for others, who are not of it."""
        is_for_here = self.api == "local" or OWN_API in request.environ
        return self.api == "everyone" or (is_for_here and self._is_here(request))

    def _is_here(self, request: Asked) -> bool:
        """Whether a program of this machine asks, its facilitator's browser say."""
        is_forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"))
        return is_loopback(request.remote_addr or "") and not is_forwarded

    def _shows_room(self, request: Asked) -> bool:
        """Whether the room's screen asks: it needs no password, so that no page of another name may lead a browser there."""
        return self._is_here(request) and is_own_name(request.host)

    def _sign_in(self, request: Asked, is_phone: bool) -> _Signed:
        """Who asks (nobody: no account), or the answer to wrong credentials."""
        if request.path.startswith(BROWSER):
            return _Signed(self.sessions.account(request))  # a cookie, whatever else a browser remembers
        is_submission = request.path.endswith("/submission")
        try:
            account = self.keyring.identify(request, self.now(), basic_over_http=not is_phone or is_submission)
            if account is not None and account.is_phone and not is_phone:
                raise Unauthenticated("Invalid username/password.")
        except Unauthenticated as error:
            status = 429 if error.wait_s else 401
            if is_phone:
                text = render.xml_detail(error.detail, root="root" if is_submission else "xforms")
                answer = Refused(status, text, XML_TYPE).response()
            else:
                answer = Refused(status, {"detail": error.detail}).response()
            if error.wait_s:
                answer.headers["Retry-After"] = str(error.wait_s)
            else:
                challenge = self.keyring.challenge(request, self.now(), error.stale_for) if is_phone else "Session"
                answer.headers["WWW-Authenticate"] = challenge
            return _Signed(refusal=answer)
        return _Signed(account)


def _no_room() -> Response:
    answer = space.no_room().response()
    answer.headers |= {"Retry-After": str(space.TRY_AGAIN_S), "X-OpenRosa-Version": "1.0"}
    log.error("the disk is nearly full: nothing is taken in until there is room")
    return answer


def _broken(request: Asked, error: Exception) -> Response:
    """500; the log says where it broke, not what the exception says: that may quote an answer."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s %s failed: %s\n%s", request.method, request.path, type(error).__name__, where)
    return server_error().response()


def _slashed(request: Asked) -> str:
    query = request.query_string.decode("latin-1")
    return f"{request.path}/?{query}" if query else f"{request.path}/"


def _compress(request: Asked, answer: Response) -> None:
    if "gzip" not in request.headers.get("Accept-Encoding", "") or answer.direct_passthrough:
        return
    body = answer.get_data()
    if len(body) >= _MIN_GZIP and answer.status_code == 200 and "Content-Encoding" not in answer.headers:
        answer.set_data(gzip.compress(body, compresslevel=1, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    answer.vary.add("Accept-Encoding")

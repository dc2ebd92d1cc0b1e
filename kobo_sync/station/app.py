"""The station's WSGI app: routes, authentication, error pages, compression."""

from __future__ import annotations

import gzip
import logging
import secrets as randomness
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, RequestRedirect, Rule
from werkzeug.wrappers import Response

from kobo_sync.station import assets, data, history, hooks, openrosa, publishing, render, rows
from kobo_sync.station.auth import NO_CREDENTIALS, Account, Keyring, Unauthenticated
from kobo_sync.station.database import Database, one
from kobo_sync.station.wire import (
    HTML_TYPE,
    MAX_TARGET,
    XML_TYPE,
    Asked,
    Refused,
    from_http,
    json_answer,
    no_such_page,
    seconds,
    server_error,
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
_V1 = ("/assets/", "/imports/", "/exports/", "/permissions/", "/users/", "/api/v1/", "/submissions/", "/hub/")

View = Callable[..., Response]


class Station:
    """A field station over its own SQLite file.

    *accounts* are those who may sign in; *clock* gives aware UTC times; *new_uid(prefix)* 22-character uids;
    *new_uuid* bare uuids. *url_scheme* is that of the links in answers unless ``X-Forwarded-Proto`` says https.
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
    ) -> None:
        self.db = Database(path)
        self.now, self.new_uid, self.new_uuid = clock, new_uid, new_uuid
        self.url_scheme = url_scheme
        self.keyring = Keyring(accounts, self._secret())

    def _secret(self) -> str:
        """What signs Digest nonces: drawn once per file, from the system and not from the seeded ids."""
        with self.db.writing() as connection:
            row = one(connection, "SELECT value FROM secrets WHERE name = 'nonce'")
            if row:
                return str(row["value"])
            fresh = randomness.token_hex(32)
            connection.execute("INSERT INTO secrets (name, value) VALUES ('nonce', ?)", (fresh,))
            return fresh

    def wsgi(self) -> WSGIApplication:
        """The app: API and OpenRosa on one address."""

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = Asked(environ)
            request.scheme_in_use = self.url_scheme
            try:
                answer = self._answer(request)
            finally:
                request.close()  # the temporary files of big uploads
            if request.username is not None and "ETag" not in answer.headers:
                answer.headers["X-Kobonaut"] = request.username
            _compress(request, answer)
            return answer(environ, start_response)

        return app

    def knows(self, username: str) -> bool:
        """Whether an account of that name may sign in."""
        return username in self.keyring

    def close(self) -> None:
        """Close the file; what was answered is on the disk already."""
        self.db.close()

    def _answer(self, request: Asked) -> Response:
        try:
            return self._route(request)
        except Refused as refusal:
            answer = refusal.response()
            if refusal.status == 406 or (refusal.mimetype == HTML_TYPE and refusal.status == 404):
                request.username = None  # these do not name the user [a13, a15, f40]
            if refusal.status == 401:
                is_phone = refusal.mimetype == XML_TYPE or request.path.lstrip("/").startswith("xformsMedia")
                answer.headers["WWW-Authenticate"] = self.keyring.challenge(self.now()) if is_phone else "Session"
            return answer
        except HTTPException as error:
            return from_http(error)
        except Exception as error:
            # Where it broke, not what the exception says: that may quote an answer.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s %s failed: %s\n%s", request.method, request.path, type(error).__name__, where)
            return server_error().response()

    def _route(self, request: Asked) -> Response:
        if len(request.query_string) + len(request.path) > MAX_TARGET:
            return Response(_NGINX.format("414 Request-URI Too Large"), 414, content_type=HTML_TYPE)
        if request.path.rstrip("/").rpartition("/")[2] in ("submission", "formList") and request.path.endswith("/"):
            return Response(_NGINX.format("404 Not Found"), 404, content_type=HTML_TYPE)  # [e71, e72]
        if request.path.startswith(_V1):
            raise Refused(410, {"detail": GONE})
        try:
            rule, values = _ROUTES.bind_to_environ(request.environ).match(return_rule=True)
        except RequestRedirect:
            return Response("", 301, content_type=HTML_TYPE, headers={"Location": _slashed(request)})
        except (NotFound, MethodNotAllowed) as error:
            raise no_such_page() from error
        view, is_phone = _VIEWS[rule.endpoint]
        if request.method == "HEAD" and not is_phone:
            request.method = "GET"  # the answer's body is left out when it is sent
        refusal = self._sign_in(request, is_phone)
        return refusal or view(self, request, **values)

    def _sign_in(self, request: Asked, is_phone: bool) -> Response | None:
        """Set the request's account; an answer when its credentials are wrong."""
        is_submission = request.path.endswith("/submission")
        try:
            account = self.keyring.identify(request, self.now(), basic_over_http=not is_phone or is_submission)
        except Unauthenticated as error:
            if not is_phone:
                answer = Refused(401, {"detail": error.detail}).response()
                answer.headers["WWW-Authenticate"] = "Session"
                return answer
            text = render.xml_detail(error.detail, root="root" if is_submission else "xforms")
            answer = Refused(401, text, XML_TYPE).response()
            answer.headers["WWW-Authenticate"] = self.keyring.challenge(self.now(), is_stale=error.is_stale)
            return answer
        if account is not None:
            request.username, request.is_superuser = account.username, account.is_superuser
        return None


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


# ── small views ─────────────────────────────────────────────────────────────


def _token(station: Station, request: Asked) -> Response:
    """``/token/?format=json`` [a02, a03]."""
    if request.username is None:
        raise Refused(401, {"detail": NO_CREDENTIALS})
    return json_answer({"token": station.keyring[request.username].token})


def _me(station: Station, request: Asked) -> Response:
    """``/me/``: the true test of a token [a05-a07]."""
    if request.username is None:
        raise Refused(401, {"detail": NO_CREDENTIALS})
    now = seconds(station.now())
    return json_answer(render.me(request.base, request.username, is_superuser=request.is_superuser, now=now))


def _root(station: Station, request: Asked) -> Response:
    return json_answer(render.api_root(request.base))


# ── routes ──────────────────────────────────────────────────────────────────

_ASSET = "/api/v2/assets/<uid>/"
_TABLE: tuple[tuple[str, View], ...] = (
    ("/token/", _token),
    ("/me/", _me),
    ("/api/v2/", _root),
    ("/api/v2/imports/", assets.imports),
    ("/api/v2/imports/<uid>/", assets.poll),
    ("/api/v2/assets/", assets.listing),
    (_ASSET, assets.one_asset),
    ("/api/v2/assets/<uid>.<any(xls, xml):kind>", publishing.given_back),
    (f"{_ASSET}content/", publishing.content),
    (f"{_ASSET}files/", publishing.files),
    (f"{_ASSET}files/<file_uid>/", publishing.one_file),
    (f"{_ASSET}files/<file_uid>/content/", publishing.file_content),
    (f"{_ASSET}deployment/", publishing.deployment),
    (f"{_ASSET}versions/", publishing.versions),
    (f"{_ASSET}versions/<version_uid>/", publishing.one_version),
    (f"{_ASSET}permission-assignments/", assets.permissions),
    (f"{_ASSET}permission-assignments/<permission_uid>/", assets.one_permission),
    (f"{_ASSET}history/", history.listing),
    (f"{_ASSET}hooks/", hooks.listing),
    (f"{_ASSET}hooks/<hook_uid>/", hooks.one_hook),
    (f"{_ASSET}counts/", data.counts),
    (f"{_ASSET}data/", data.listing),
    (f"{_ASSET[:-1]}/data.<any(json, xml, geojson):suffix>", data.listing),
    (f"{_ASSET}data/bulk/", rows.bulk),
    (f"{_ASSET}data/validation_statuses/", rows.validations),
    (f"{_ASSET}data/<key>.<any(json, xml, geojson):suffix>", data.one_row),
    (f"{_ASSET}data/<key>/", data.one_row),
    (f"{_ASSET}data/<key>/validation_status/", rows.validation),
    (f"{_ASSET}data/<key>/duplicate/", rows.duplicate),
    (f"{_ASSET}data/<key>/attachments/", rows.attachments),
    (f"{_ASSET}data/<key>/attachments/<attachment_uid>/", rows.attachment),
    (f"{_ASSET}data/<key>/attachments/<attachment_uid>/<any(large, medium, small):size>/", rows.attachment),
    (f"{_ASSET}attachments/<attachment_uid>/", rows.delete_attachment),
)
_PHONE_TABLE: tuple[tuple[str, View], ...] = (
    ("/formList", openrosa.form_list),
    ("/submission", openrosa.submission),
    ("/forms/<int:pk>/form.xml", openrosa.form_xml),
    ("/xformsManifest/<int:pk>", openrosa.manifest),
    ("/xformsMedia/<int:pk>/<int:media_id>.<ext>", openrosa.media),
)
_VIEWS: dict[Any, tuple[View, bool]] = {path: (view, False) for path, view in _TABLE}
_VIEWS |= {path: (view, True) for path, view in _PHONE_TABLE}
_VIEWS |= {f"/<user>{path}": (view, True) for path, view in _PHONE_TABLE}
_ROUTES = Map([Rule(path, endpoint=path) for path in _VIEWS], merge_slashes=False)

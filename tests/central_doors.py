"""The stand-in's doors: who asks, what is counted, planted faults, how errors and OpenRosa are written."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from central_problems import Json, Problem, no_right, not_found, not_signed_in
from central_state import Actor, Form, Project
from central_xforms import File
from flask import Flask, Response, current_app, g, request

if TYPE_CHECKING:
    from central_office import Office

_SLASH = "\x1f"  # stands for %2F inside one segment of a path
_OPENROSA = re.compile(r"/(formList|manifest|submission|integrity)/?$")
_HTML = "<!DOCTYPE html><html><body>the front end</body></html>\n"


@dataclass
class Fault:
    """What goes wrong for requests whose "METHOD /path?query" has *pattern*, after *skip* of them, *times* times (-1: always)."""

    pattern: str
    kind: str  # expired | cut | error | html
    skip: int = 0
    times: int = 1

    def strikes(self, asked: str) -> bool:
        if not re.search(self.pattern, asked) or not self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


def office() -> Office:
    return current_app.extensions["office"]  # type: ignore[no-any-return]


def actor() -> Actor:
    return g.actor  # type: ignore[no-any-return]


def body() -> Json:
    """The JSON of the request, {} where there is none."""
    text = request.get_data(as_text=True)
    try:
        answer = json.loads(text or "{}")
    except ValueError:
        details = {"format": "json", "rawLength": len(text)}
        raise Problem(400.1, f"Could not parse the given data ({len(text)} chars) as json.", details) from None
    return answer if isinstance(answer, dict) else {}


def on(name: str) -> bool:
    return request.args.get(name, "").lower() == "true"


def extended() -> bool:
    return request.headers.get("X-Extended-Metadata") == "true"


def success() -> Json:
    return {"success": True}


def allow(verbs: str, project: Project, form: Form | None = None) -> None:
    """One of *verbs* (with spaces between them), or 403."""
    if not set(verbs.split()) & set(actor().verbs(project, form)):
        raise no_right()


def project_of(number: str, verbs: str = "") -> Project:
    if not number.isdigit():
        details = {"value": number, "expected": "type integer"}
        raise Problem(400.11, f'Invalid input data type: expected "{number}" to be (type integer)', details)
    project = office().projects.get(int(number))
    if project is None:
        raise not_found()
    if verbs:
        allow(verbs, project)
    return project


def form_of(number: str, form_id: str, verbs: str = "") -> Form:
    form = project_of(number).form(form_id)
    if verbs:
        allow(verbs, office().projects[int(number)], form)
    return form


def weak(content: bytes) -> str:
    return f'W/"{len(content):x}-{hashlib.md5(content).hexdigest()}"'


def download(name: str, file: File, disposition: str = "attachment") -> Response:
    """A stored file with its ETag; 304 when the asker has it, 307 to the storage when files lie there."""
    if office().on_storage:
        address = office().store_away(file)
        return Response(
            f"Temporary Redirect. Redirecting to {address}", 307, {"Location": address}, mimetype="text/plain"
        )
    etag = f'"{file.md5}"'
    named = f"{disposition}; filename=\"{re.sub('[^ -~]', '-', name)}\"; filename*=UTF-8''{quote(name)}"
    kind = file.kind + ("; charset=utf-8" if file.kind.startswith("text/") and "charset" not in file.kind else "")
    return Response(file.content, headers={"ETag": etag, "Content-Disposition": named, "Content-Type": kind})


# ── OpenRosa ────────────────────────────────────────────────────────────────


def escaped(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;")


def openrosa(content: str, status: int = 200) -> Response:
    return Response(content, status, content_type="text/xml; charset=utf-8")


def message(text: str, nature: str = "", status: int = 201) -> Response:
    return openrosa(
        f'\n  <OpenRosaResponse xmlns="http://openrosa.org/http/response" items="0">\n'
        f'    <message nature="{nature}">{escaped(text)}</message>\n  </OpenRosaResponse>',
        status,
    )


def refused(problem: Problem) -> Response | tuple[Json, int]:
    if _OPENROSA.search(request.path):
        return message(problem.message, "error", problem.status)
    return problem.json(), problem.status


# ── every request ───────────────────────────────────────────────────────────


def _who() -> Actor:
    key = request.environ.get("central.key") or request.args.get("st")
    header = request.headers.get("Authorization", "")
    if key:
        user = office().app_user(key)
        if user is None:
            raise no_right() if re.fullmatch(r"[\w!$-]{64}", key) else not_signed_in()
        return user
    if header.startswith("Bearer "):
        user = office().signed_in(header[7:])
        if user is None:
            raise not_signed_in()
        return user
    if header.startswith("Basic "):
        if office().sso:
            raise Problem(401.5, "This authentication method is not available on this server.")
        raise Problem(401.3, "This authentication method is only available over HTTPS")
    raise not_signed_in()


def _before() -> Response | tuple[str, int] | None:
    asked = request.environ["central.asked"]
    office().requests.append((request.method, asked))
    g.cut = False
    for fault in office().faults:
        if fault.strikes(f"{request.method} {asked}"):
            if fault.kind == "html":
                return Response(_HTML, mimetype="text/html")
            if fault.kind == "error":
                raise Problem(500, "Internal Server Error")
            if fault.kind == "expired":
                office().end_sessions()
            g.cut = fault.kind == "cut"
    if request.path == "/version.txt":
        return Response(office().version_text, mimetype="text/plain")
    if not request.path.startswith("/v1/"):
        return Response(_HTML, mimetype="text/html")
    if _OPENROSA.search(request.path) and not re.fullmatch(r"1\.\d", request.headers.get("X-OpenRosa-Version", "")):
        raise Problem(400.6, "An expected header field (X-OpenRosa-Version) did not match the expected format.")
    if (request.method, request.path.rstrip("/")) != ("POST", "/v1/sessions"):
        g.actor = _who()
    if request.view_args:
        request.view_args = {
            name: value.replace(_SLASH, "/") if isinstance(value, str) else value
            for name, value in request.view_args.items()
        }
    return None


def _after(response: Response) -> Response:
    response.headers["Date"] = format_datetime(office().now().astimezone(UTC), usegmt=True)
    response.headers.setdefault("Cache-Control", "private, no-cache")
    if response.mimetype == "application/json":
        response.content_type = "application/json; charset=utf-8"
    entities = request.path.endswith(".svc/Entities")  # without one
    if "ETag" not in response.headers and not entities and not 300 <= response.status_code < 400:
        response.headers["ETag"] = weak(response.get_data())
    if response.status_code == 200 and response.headers.get("ETag") == request.headers.get("If-None-Match", ""):
        response.status_code = 304
        response.set_data(b"")
        for name in ("Content-Type", "Content-Disposition"):
            response.headers.pop(name, None)
    if ".svc" in request.path:
        response.headers["OData-Version"] = "4.0"
    if _OPENROSA.search(request.path) and hasattr(g, "actor") and "X-OpenRosa-Version" in request.headers:
        response.headers.update(
            {"Content-Language": "en", "X-OpenRosa-Version": "1.0", "X-OpenRosa-Accept-Content-Length": "100000000"}
        )
    if g.cut:  # the head said the whole length, the connection ends in the middle
        content = response.get_data()
        response.response, response.headers["Content-Length"] = [content[: len(content) // 2]], str(len(content))
    return response


def _paths(inside: Callable[..., Iterable[bytes]], environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Takes an app user's key out of the path, and keeps an encoded slash inside its segment."""
    raw, _, query = environ["REQUEST_URI"].partition("?")
    keyed = re.match(r"/v1/key/([^/]*)(/.*)", raw)
    environ["central.asked"], environ["central.path"] = raw + (f"?{query}" if query else ""), raw
    token = re.search(r"(?:^|&)st=([^&]*)", query)
    if token:  # links are made as if the key stood in the path
        environ["central.path"] = f"/v1/key/{token[1]}{raw[3:]}"
    if keyed:
        environ["central.key"], raw = unquote(keyed[1]), f"/v1{keyed[2]}"
    environ["PATH_INFO"] = unquote(re.sub("%2f", _SLASH, raw, flags=re.I)).encode().decode("latin-1")
    with environ["central.lock"]:
        return inside(environ, start)


def make_app(the_office: Office) -> Flask:
    app = Flask(__name__)
    app.extensions["office"] = the_office
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.before_request(_before)
    app.after_request(_after)
    app.register_error_handler(Problem, refused)
    app.register_error_handler(404, lambda _: refused(not_found()))
    app.register_error_handler(405, lambda _: refused(not_found()))
    inside = app.wsgi_app

    def outside(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        return _paths(inside, {**environ, "central.lock": the_office.lock}, start)

    app.wsgi_app = outside  # type: ignore[method-assign, assignment]
    return app

"""The pages at ``/f/``: sign-in, the forms one may fill, a form; and the door that takes what was filled."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from functools import cache
from html import escape
from typing import Protocol

from werkzeug.wrappers import Response

from kobo_sync.language.speaking import LANGUAGES, NAMES
from kobo_sync.station import openrosa
from kobo_sync.station.browser.offered import Offered, Papers, form_named, is_open, media_file, offered
from kobo_sync.station.browser.sessions import COOKIE, SESSION_S, Sessions, WrongSecret
from kobo_sync.station.browser.texts import texts
from kobo_sync.station.browser.transform import STATIC, Untransformable
from kobo_sync.station.given_files import type_of
from kobo_sync.station.wire import HTML_TYPE, Asked, Context, json_answer

POLICY = (
    "default-src 'none'; script-src 'self'; script-src-attr 'unsafe-hashes'"
    " 'sha256-2rvfFrggTCtyF5WOiTri1gDS8Boibj4Njn0e+VCBmDI='; style-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self' blob:"
    " data:; img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; form-action"
    " 'none'; base-uri 'none'; frame-ancestors 'none'"
)  # the one handler is Enketo's "return false;"; style attributes are of labels, and reach no address but this station's
_FOR_EVER = "private, max-age=31536000, immutable"
_A_DAY = "private, max-age=86400"  # with the station away, a page that is opened anew on plain http comes from there
TYPES = {"js": "text/javascript", "css": "text/css", "txt": "text/plain", "svg": "image/svg+xml"}
_OURS = "X-Kobo-Sync"  # a header that a page of another origin cannot set without asking first
MAX_SIGN_IN = 4096
SUBMISSION = "/f/-/submission"


class Host(Context, Protocol):
    """The station as these pages see it."""

    sessions: Sessions
    papers: Papers


View = Callable[..., Response]


# ── pages ───────────────────────────────────────────────────────────────────


def home(station: Host, _request: Asked) -> Response:
    """``/f/``: the forms, or the sign-in."""
    return _page(station, "pages.js", {})


def form_page(station: Host, _request: Asked, form_id: str) -> Response:
    """``/f/<form>``: a form; it is fetched by the page, when somebody is signed in."""
    if not is_open(station.db, form_id):
        return _page(station, "pages.js", {"missing": form_id}, 404)
    return _page(station, "form.js", {"form": form_id})


def _page(station: Host, script: str, facts: dict[str, str], status: int = 200) -> Response:
    """A page without a word of anybody's: what it shows it fetches, or has in the browser."""
    base = f"/f/-/static/{edition()}"
    about = escape(json.dumps(facts, ensure_ascii=False))
    language = station.screen.language if station.screen else LANGUAGES[0]  # until the page chooses its own
    html = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>kobo-sync</title>'
        f'<link rel="icon" href="{base}/icon.svg"><link rel="stylesheet" href="{base}/shell.css">'
        f'</head><body data-base="{base}" data-about="{about}"><div id="page"></div>'
        f"<noscript>{'<br>'.join(texts(name)['page.needs_script'] for name in NAMES)}</noscript>"
        f'<script src="{base}/texts.js"></script><script src="{base}/{script}"></script></body></html>'
    )
    answer = Response(html, status, content_type=HTML_TYPE)
    answer.headers["Cache-Control"] = _A_DAY if status == 200 else "no-store"
    return _guarded(answer)


def _guarded(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


# ── files ───────────────────────────────────────────────────────────────────


@cache
def built_file(name: str) -> bytes | None:
    """A built file, None for no such name."""
    if name == "texts.js":
        every = {language: texts(language) for language in NAMES}
        return f"window.koboSyncTexts={json.dumps(every, ensure_ascii=False, sort_keys=True)};\n".encode()
    path = STATIC / name
    is_ours = path.parent == STATIC and path.suffix[1:] in TYPES and path.is_file()
    return path.read_bytes() if is_ours else None


@cache
def _zipped(name: str) -> bytes | None:
    content = built_file(name)
    return gzip.compress(content, 9, mtime=0) if content is not None else None


@cache
def edition() -> str:
    """What the addresses of the files have in them, so that a browser may keep each for ever."""
    names = sorted(path.name for path in STATIC.iterdir() if path.suffix[1:] in TYPES)
    content = b"\0".join(built_file(name) or b"" for name in [*names, "texts.js"])
    return hashlib.sha256(content).hexdigest()[:16]


def static(_station: Host, request: Asked, version: str, name: str) -> Response:
    """A built file: of today's edition for ever; a page that is older gets today's too, and keeps nothing."""
    content = _zipped(name)
    if content is None:
        return Response("", 404)
    answer = _unzipped(request, content, TYPES[name.rpartition(".")[2]])
    answer.headers["Cache-Control"] = _FOR_EVER if version == edition() else "no-store"
    return _guarded(answer)


def worker(station: Host, request: Asked) -> Response:
    """The service worker, for browsers that have one here: on this machine itself, or over trusted TLS."""
    answer = static(station, request, edition(), "worker.js")
    answer.headers["Service-Worker-Allowed"] = "/f/"
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _unzipped(request: Asked, content: bytes, mimetype: str) -> Response:
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response(gzip.decompress(content), content_type=f"{mimetype}; charset=utf-8")
    answer = Response(content, content_type=f"{mimetype}; charset=utf-8")
    answer.headers["Content-Encoding"] = "gzip"
    return answer


# ── sign-in ─────────────────────────────────────────────────────────────────


def challenge(station: Host, request: Asked) -> Response:
    """What the page signs with the password, and whether there is a PIN."""
    answer = {"challenge": station.sessions.challenge(request.remote_addr or ""), "has_pin": station.sessions.has_pin}
    return _fresh(json_answer(answer))


def sign_in(station: Host, request: Asked) -> Response:
    """Open a session. 204, 401 wrong, 429 too soon."""
    if not _is_ours(request):
        return json_answer({}, 403)
    try:
        fields = {name: str(value) for name, value in request.payload(breaks=False).items()}
        cookie = station.sessions.sign_in(
            fields.get("username", ""), fields.get("challenge", ""), fields.get("proof", ""), request.remote_addr or ""
        )
    except WrongSecret as error:
        headers = {"Retry-After": str(error.wait_s)} if error.wait_s else None
        return _fresh(json_answer({"wait_s": error.wait_s}, 429 if error.wait_s else 401, headers))
    answer = Response(status=204)
    _set_cookie(answer, request, cookie, int(SESSION_S))
    return _fresh(answer)


def sign_out(_station: Host, request: Asked) -> Response:
    """End the session, in this browser."""
    if not _is_ours(request):
        return json_answer({}, 403)
    answer = Response(status=204)
    _set_cookie(answer, request, "", 0)
    return _fresh(answer)


def _set_cookie(answer: Response, request: Asked, value: str, max_age: int) -> None:
    answer.set_cookie(
        COOKIE, value, max_age=max_age, path="/f/", httponly=True, samesite="Strict", secure=request.is_secure_wire
    )


def _is_ours(request: Asked) -> bool:
    """Whether a page of this station asks, and by POST."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    is_same = (origin is None or origin.partition("://")[2] == request.host) and site in (None, "same-origin")
    return request.method == "POST" and request.headers.get(_OURS) == "browser" and is_same


def _fresh(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer


# ── for who is signed in ────────────────────────────────────────────────────


def state(station: Host, request: Asked) -> Response:
    """Who is signed in, and the forms they may fill."""
    if request.username is None:
        return _signed_out()
    forms = [] if request.is_superuser else offered(station.db, request.username)
    listed = [{"uid": form.asset_uid, "id": form.form_id, "title": form.title, "mark": form.mark} for form in forms]
    return _fresh(json_answer({"username": request.username, "cannot_send": request.is_superuser, "forms": listed}))


def paper(station: Host, request: Asked, form_id: str) -> Response:
    """A form with its model, languages and media; 422: Enketo cannot show it."""
    form = _form(station, request, form_id)
    if isinstance(form, Response):
        return form
    if request.if_none_match.contains(form.mark):
        answer = Response(status=304)
    else:
        try:
            answer = _unzipped(request, station.papers.of(form), "application/json")
        except Untransformable:
            return _fresh(json_answer({"title": form.title}, 422))
    answer.set_etag(form.mark)
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def mark(station: Host, request: Asked, form_id: str) -> Response:
    """What changes when the form or one of its lists does: an open page asks now and then."""
    form = _form(station, request, form_id)
    return form if isinstance(form, Response) else _fresh(json_answer({"mark": form.mark}))


def media(station: Host, request: Asked, form_id: str, name: str) -> Response:
    """A picture, sound or list of a form."""
    form = _form(station, request, form_id)
    if isinstance(form, Response):
        return form
    content = media_file(station.db, form, name)
    if content is None:
        return _fresh(json_answer({}, 404))
    is_drawing = name.lower().endswith(".svg")
    answer = Response(content, content_type="image/svg+xml" if is_drawing else type_of(content, name))
    # A picture may stay in the browser; a list, which may have names in it, only where signing out erases it.
    is_shown = (answer.mimetype or "").startswith(("image/", "audio/", "video/"))
    is_current = request.args.get("v") == form.media[name]
    answer.headers["Cache-Control"] = _FOR_EVER if is_shown and is_current else "no-store"
    return answer


def _form(station: Host, request: Asked, form_id: str) -> Offered | Response:
    if request.username is None:
        return _signed_out()
    form = None if request.is_superuser else form_named(station.db, request.username, form_id)
    return form or _fresh(json_answer({}, 404))


def submission(station: Host, request: Asked) -> Response:
    """What was filled, as phones send it and answered as phones are."""
    if not _is_ours(request):
        return json_answer({}, 403)
    if request.username is None:
        return _signed_out()
    return _fresh(openrosa.submission(station, request))


def _signed_out() -> Response:
    return _fresh(json_answer({}, 401))


ROUTES: tuple[tuple[str, View], ...] = (
    ("/f/", home),
    ("/f/-/static/<version>/<name>", static),
    ("/f/-/worker.js", worker),
    ("/f/-/challenge", challenge),
    ("/f/-/sign-in", sign_in),
    ("/f/-/sign-out", sign_out),
    ("/f/-/state", state),
    (SUBMISSION, submission),
    ("/f/<form_id>", form_page),
    ("/f/<form_id>/paper.json", paper),
    ("/f/<form_id>/mark", mark),
    ("/f/<form_id>/media/<name>", media),
)


def most_bytes(path: str, whole: int, *, is_signed_in: bool) -> int:
    """How long a body a browser may bring there, of *whole* at most; 0: it is answered without its body."""
    if path == SUBMISSION:
        return whole if is_signed_in else 0
    return MAX_SIGN_IN if path in ("/f/-/sign-in", "/f/-/sign-out") else 0

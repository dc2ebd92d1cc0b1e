"""`/salle`: a page of its own that asks for the board every few seconds; for this machine's own screen alone."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.language.speaking import NAMES, Code
from kobo_sync.station.wire import Asked, Context, json_answer, no_such_page

TYPES = {
    "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "html": "text/html; charset=utf-8", "svg": "image/svg+xml",
}  # fmt: skip
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"  # fmt: skip
_FILES = resources.files(__package__) / "static"


@dataclass(frozen=True)
class Join:
    """A way in: *title* by language, *text* under the code, and the code as *svg*."""

    title: Mapping[str, str]
    text: str
    svg: str


@dataclass
class Screen:
    """What the screen shows: *board* gives plain JSON, *joins* the ways in, *title* the mission's by language.

    *language* is told to a browser that reads none of the program's.
    """

    title: Mapping[str, str]
    joins: Callable[[], list[Join]]
    board: Callable[[], Mapping[str, Any]]
    pin: Callable[[], str] = field(default=lambda: "")
    language: Code = "fr"


def page(context: Context, request: Asked) -> Response:
    """``/salle``: the page."""
    _screen(context)
    return _file("room.html")


def file(context: Context, request: Asked, name: str) -> Response:
    """``/salle/fichiers/<name>``: its script and style."""
    _screen(context)
    if name not in ("room.js", "room.css"):
        raise no_such_page()
    return _file(name)


def texts(context: Context, request: Asked) -> Response:
    """``/salle/textes``: the fixed texts in each language, what these are called, and the mission's title."""
    screen = _screen(context)
    about = {"title": dict(screen.title), "language": screen.language, "languages": NAMES}
    return json_answer({**about, "texts": fixed_texts()})


def state(context: Context, request: Asked) -> Response:
    """``/salle/etat``: the board; 304 as long as nothing has changed."""
    screen = _screen(context)
    joins = [{"title": dict(join.title), "text": join.text, "code": code_of(join)} for join in screen.joins()]
    answer = json_answer({**screen.board(), "joins": joins, "pin": screen.pin()})
    answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest()[:32])
    answer.headers["Cache-Control"] = "no-cache"
    return answer.make_conditional(request.environ)


def code(context: Context, request: Asked, name: str) -> Response:
    """``/salle/codes/<digest>.svg``: the picture of a way in."""
    for join in _screen(context).joins():
        if code_of(join) == name:
            answer = Response(join.svg, content_type=TYPES["svg"])
            answer.headers["Cache-Control"] = "private, max-age=3600"
            return answer
    raise no_such_page()


def code_of(join: Join) -> str:
    """The file name of a way in's picture: another one where the code is another."""
    return f"{hashlib.sha256(join.svg.encode()).hexdigest()[:24]}.svg"


def fixed_texts() -> dict[str, dict[str, str]]:
    """The page's own texts: key → language → text."""
    return tomllib.loads((_FILES / "texts.toml").read_text("utf-8"))


def _screen(context: Context) -> Screen:
    """Raises: Refused 404 where the station has no mission, and so no room."""
    if context.screen is None:
        raise no_such_page()
    return context.screen


def _file(name: str) -> Response:
    answer = Response((_FILES / name).read_bytes(), content_type=TYPES[name.rpartition(".")[2]])
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-cache"
    return answer


VIEWS: tuple[tuple[str, Callable[..., Response]], ...] = (
    ("/salle", page),
    ("/salle/etat", state),
    ("/salle/textes", texts),
    ("/salle/fichiers/<name>", file),
    ("/salle/codes/<name>", code),
)

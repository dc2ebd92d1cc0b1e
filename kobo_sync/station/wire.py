"""Requests and answers of the station: who asks, from which address, and how refusals look."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request, Response

from kobo_sync.serving import is_amiss
from kobo_sync.station import render
from kobo_sync.station.database import Database

if TYPE_CHECKING:
    from kobo_sync.station.exports import Shelf
    from kobo_sync.station.room.pages import Screen

MAX_BODY = 100 * 1024 * 1024  # nginx in front of a real server refuses more
MAX_JSON = 4 * 1024 * 1024  # of the API's other doors
MAX_ANONYMOUS = 10_000_000  # where a form takes submissions of anybody
MAX_PARTS = 1000  # of a form: files and fields; a real server takes 100 files
MAX_TARGET = 16 * 1024  # its longest request line [f53, f54]
JSON_TYPE = "application/json"
XML_TYPE = "text/xml; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"


class Context(Protocol):
    """What views need of the station that serves them."""

    db: Database
    screen: Screen | None
    authority: bytes
    shelf: Shelf

    def now(self) -> datetime:
        """The current time, aware, UTC."""

    def knows(self, username: str) -> bool:
        """Whether an account of that name may sign in."""

    def phones(self) -> list[str]:
        """The accounts that are for phones alone."""

    def names(self) -> list[str]:
        """All accounts."""

    def token(self, username: str) -> str:
        """An account's token for the API."""

    def new_uid(self, prefix: str) -> str:
        """A fresh Kobo-like uid."""

    def new_uuid(self) -> str:
        """A fresh uuid, bare."""


class Asked(Request):
    """A request, with the account that makes it (None: anonymous)."""

    max_content_length = MAX_BODY
    max_form_memory_size = 32 * 1024 * 1024
    max_form_parts = MAX_PARTS
    username: str | None = None
    is_superuser: bool = False
    scheme_in_use: str = "http"
    suffix: str = ""  # ".json" where the address was written so

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._streams: list[IO[bytes]] = []  # of files as they come, should their form end amiss

    def make_form_data_parser(self) -> FormDataParser:
        """One that says so when a body is no form."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **kwargs)
        self._streams.append(stream)
        return stream

    def _load_form_data(self) -> None:
        try:
            super()._load_form_data()
        except (ValueError, HTTPException) as error:
            for stream in self._streams:
                stream.close()
            if isinstance(error, HTTPException):
                raise
            raise malformed() from error  # parts without an end, a header that is no text
        fields = [text for pair in self.__dict__["form"].items(multi=True) for text in pair]
        names = [file.filename or "" for file in self.__dict__["files"].values()]
        if any(map(is_amiss, (*fields, *names))):
            raise malformed()

    @property
    def here(self) -> str:
        """The address that was asked, without its query."""
        return f"{self.base}{self.path[:-1] + self.suffix if self.suffix else self.path}"

    @property
    def base(self) -> str:
        """The address that this request came to, without a trailing slash."""
        forwarded = self.headers.get("X-Forwarded-Proto", "")
        return f"{'https' if forwarded == 'https' else self.scheme_in_use}://{self.host}"

    @property
    def is_secure_wire(self) -> bool:
        """Whether the client says it speaks TLS."""
        return self.base.startswith("https:")

    def payload(self, *, breaks: bool = True) -> dict[str, Any]:
        """The body as one JSON object, or the form's fields.

        Raises: Refused as a real server refuses each [s07, r38]: where it keeps a log it *breaks* over what is no JSON,
        object or list.
        """
        if self.mimetype != "application/json":
            return dict(self.form.items())
        try:
            body = json.loads(self.get_data() or b"{}")
        except (ValueError, RecursionError) as error:
            raise (server_error() if breaks else Refused(400, {"detail": "JSON parse error"})) from error
        if not isinstance(body, dict):
            if breaks and not isinstance(body, list):
                raise server_error()
            kind = type(body).__name__
            raise Refused(400, {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
        check_fields(body)
        return body


class Refused(Exception):
    """An answer that ends a view early: *body* is JSON unless it is text of *mimetype*."""

    def __init__(self, status: int, body: Any, mimetype: str = JSON_TYPE) -> None:
        super().__init__(status)
        self.status, self.body, self.mimetype = status, body, mimetype

    def response(self) -> Response:
        """The refusal as an answer."""
        text = self.body if isinstance(self.body, str) else render.dumps(self.body)
        return Response(text, status=self.status, content_type=self.mimetype)


def check_text(value: Any) -> None:
    """Raises: ValueError when JSON that came from outside holds a text that cannot be written, or a NUL."""
    if "\x00" in json.dumps(value, ensure_ascii=False).encode().decode().replace("\\u0000", "\x00"):
        raise ValueError("NUL")


def check_fields(body: Mapping[str, Any]) -> None:
    """Raises: Refused 400 where a field of a JSON body holds a NUL or half a character, as a real server words it."""
    for name, value in body.items():
        try:
            check_text([name, value])
        except UnicodeEncodeError as error:
            code = f"U+{ord(error.object[error.start]):X}"
            raise Refused(400, {_written(name): [f"Surrogate characters are not allowed: {code}."]}) from error
        except ValueError as error:
            raise Refused(400, {_written(name): ["Null characters are not allowed."]}) from error


def _written(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def malformed() -> Refused:
    """400: no text, in a place where text belongs."""
    return Refused(400, {"detail": "Malformed request."})


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(render.dumps(body), status=status, content_type=JSON_TYPE, headers=headers)


def empty(status: int = 204) -> Response:
    """An answer without a body, nor a type."""
    answer = Response(status=status)
    answer.headers.pop("Content-Type", None)
    return answer


def not_found() -> Refused:
    """404 as JSON: what one may not see [a12, g02]."""
    return Refused(404, {"detail": "Not found."})


def no_such_page() -> Refused:
    """404 as HTML: an address that nothing serves [a13, a15]."""
    return Refused(404, "Resource not found (404)", HTML_TYPE)


def forbidden() -> Refused:
    """403: one sees it but may not [m22]."""
    return Refused(403, {"detail": "You do not have permission to perform this action."})


def server_error() -> Refused:
    """500 as the real server says it; its clients must live with those [c06, c09, d23]."""
    return Refused(500, {"error": "Server Error (500)"})


def wrong_method(method: str) -> Refused:
    """405."""
    return Refused(405, {"detail": f'Method "{method}" not allowed.'})


def from_http(error: HTTPException) -> Response:
    """werkzeug's own refusals (a body too large, a broken form) in the station's words."""
    status = error.code or 400
    return Refused(status, {"detail": error.name}).response()


def disposition(kind: str, filename: str) -> str:
    """A ``Content-Disposition`` header for any file name, Arabic ones too; *kind* is inline or attachment."""
    if re.fullmatch(r"[\w.\-]+", filename, re.ASCII):
        return f"{kind}; filename={filename}"
    return f"{kind}; filename*=UTF-8''{quote(filename, safe='')}"


def micros(moment: datetime) -> str:
    """ISO with microseconds and Z, as the API dates things."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(moment: datetime) -> str:
    """ISO with whole seconds and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole(text: str | None) -> int | None:
    """*text* as an integer when it is one written in ASCII digits, with an optional minus; else None."""
    if text is None or not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 15:
        return None
    return int(text)

"""The formats that a client may ask of the API: the ``.json`` suffix, ``?format=json``, a page for browsers, OPTIONS."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.station import render
from kobo_sync.station.wire import HTML_TYPE, JSON_TYPE, XML_TYPE, Asked, Refused, empty, json_answer, not_found

JSON_OR_PAGE = (JSON_TYPE, "text/html")
_PARSES = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
_OURS = ("/api/v2/", "/me/", "/token/")
_PLAIN = frozenset({"content", "settings", "metadata", "messages", "custom_headers", "data_sharing"})  # ours is no link
_LONG_WAY = frozenset({"permissions", "assignable_permissions", "embeds", "downloads"})  # links that take no suffix
_ONE = re.compile(r"(.*/api/v2/(?:assets|users|permissions)/[^/]+|.*/api/v2/assets/[^/]+/data)/")
_FORM = re.compile(r"(.*/api/v2/assets/[^/]+)\.(xls|xml)")
_PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>KoboToolbox API</title>\n</head>\n'
    "<body>\n<h1>KoboToolbox API</h1>\n<hr>\n<pre>{}</pre>\n</body>\n</html>\n"
)


_NOT_THERE = "<!doctype html>\n<html>\n  <head>\n    <title>KoboToolbox </title>\n  </head>\n</html>\n"


def chosen(accept: str, kinds: Sequence[str]) -> str | None:
    """Which of *kinds* (media types, the preferred first) an ``Accept`` header asks for; None: none of them.

    The more exact of the header's types goes first, whatever their ``q``: so does a real server's framework [r11d, r11j].
    """
    asked: list[tuple[int, str]] = []
    for text in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in text.split(";"))
        names = [parameter.partition("=")[0].strip() for parameter in parameters]
        main, _, sub = kind.partition("/")
        rank = 0 if main == "*" else 1 if sub == "*" else 2 if names in ([], ["q"]) else 3
        asked.append((rank, kind))
    for rank in (3, 2, 1, 0):
        for offered in kinds:
            for each, kind in asked:
                if each == rank and kind in ("*/*", "*", offered, f"{offered.partition('/')[0]}/*"):
                    return offered
    return None


def check(request: Asked, kinds: Sequence[str]) -> str:
    """The media type to answer with.

    Raises: Refused 404 for an unknown ``?format=`` [r16f], 406 when ``Accept`` allows none [r11i].
    """
    form = request.args.get("format", "")
    if form not in ("", "json"):
        raise not_found()
    kind = chosen(request.headers.get("Accept", "*/*"), kinds[:1] if form or request.suffix else kinds)
    if kind is None:
        raise unacceptable()
    return kind


def unacceptable() -> Refused:
    """406 as JSON [r11i]."""
    return Refused(406, {"detail": "Could not satisfy the request Accept header."})


def finished(request: Asked, answer: Response) -> Response:
    """An API's answer in the format that was asked: its links, and a page where a browser asks."""
    if request.suffix and answer.status_code == 404 and answer.content_type == HTML_TYPE:
        answer.set_data(_NOT_THERE)  # [r04]
    if not request.path.startswith(_OURS) or answer.content_type != JSON_TYPE or answer.direct_passthrough:
        return answer
    form = request.args.get("format", "")
    wants_page = (
        not (form or request.suffix) and chosen(request.headers.get("Accept", "*/*"), JSON_OR_PAGE) == "text/html"
    )
    has_links = (form == "json" or request.suffix) and not re.search(r"/data/(\w[^/]*/)?$", request.path)
    if not (wants_page or has_links):
        return answer
    body = json.loads(answer.get_data())
    if wants_page:
        answer.set_data(page(body, request.base))
        answer.content_type = HTML_TYPE
    elif answer.status_code < 400:
        answer.set_data(render.dumps(_spread(body, "", request.base, is_suffix=bool(request.suffix))))
    return answer


def page(body: Any, base: str) -> str:
    """JSON as a page, the station's own addresses as links [r11, r31]."""
    text = html.escape(json.dumps(body, ensure_ascii=False, indent=2))
    link = rf"&quot;({re.escape(html.escape(base))}/(?:(?!&quot;)[^\s\\])*)&quot;"
    return _PAGE.format(re.sub(link, r'&quot;<a href="\1" rel="nofollow">\1</a>&quot;', text))


def _spread(value: Any, key: str, base: str, *, is_suffix: bool) -> Any:
    """*value* with the format in its links, as a real server spreads it [r01, r02, r03, r03b, r30]."""
    if isinstance(value, dict):
        kept = _PLAIN | _LONG_WAY if is_suffix else _PLAIN
        return {
            name: inner
            if name in kept and not isinstance(inner, str)
            else _spread(inner, name, base, is_suffix=is_suffix)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_spread(inner, key, base, is_suffix=is_suffix) for inner in value]
    if not isinstance(value, str) or not value.startswith(f"{base}/api/v2/") or key in ("next", "previous", "endpoint"):
        return value
    if is_suffix:
        match = _ONE.fullmatch(value)
        return f"{match[1]}.json" if match and key != "implied" and key != "contradictory" else value
    match = _FORM.fullmatch(value)
    return (
        f"{match[1]}/?format=json.{match[2]}" if match else f"{value}?format=json"
    )  # the first is no address, there either


def options(request: Asked, path: str, methods: Sequence[str], *, is_phone: bool) -> Response:
    """``OPTIONS``: what an address is for [r10]; a browser's question before another page's request is answered by nothing."""
    allow = {"Allow": ", ".join((*methods, "OPTIONS"))}
    if "Access-Control-Request-Method" in request.headers:
        answer = empty(200)
        answer.content_type = HTML_TYPE
        return answer
    accept = request.headers.get("Accept", "*/*")
    if is_phone and chosen(accept, ("text/xml", JSON_TYPE)) != JSON_TYPE:
        text = render.receipt("", "", "", "").replace("uuid:", "").replace("Successful submission.", "")
        return Response(text, content_type=XML_TYPE, headers=allow)
    noun = re.findall(r"[a-z_-]+", re.sub(r"<[^>]*>", "", path.removeprefix("/api/v2")))
    name = f"{' '.join(noun).title()} {'Instance' if path.endswith('>/') else 'List'}".strip()
    body: dict[str, Any] = {"name": name, "description": "", "renders": list(JSON_OR_PAGE), "parses": _PARSES}
    writes: dict[str, Any] = {method: {} for method in methods if method in ("POST", "PUT")}
    return json_answer({**body, "actions": writes} if writes else body, headers=allow)

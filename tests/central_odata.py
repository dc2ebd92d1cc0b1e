"""The stand-in's OData: filters on the six fields, pages by the last row's name, links made from its own domain."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from central_doors import office, on
from central_problems import Json, Problem, broken
from flask import request

Entry = TypeVar("Entry")
Values = dict[str, Any]  # a row's values by the names that a filter may use
_TOKEN = re.compile(
    r"(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))"
    r"|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(\.\d+)?)(?![\w:-])|(?P<word>[$\w][\w/$.]*)|(?P<mark>[(),])"
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


class Filter:
    """A `$filter`, read once, asked row by row; *fields* are the names that it may use."""

    def __init__(self, expression: str | None, fields: Iterable[str]):
        self._text, self._fields = expression, set(fields)
        self._tokens: list[tuple[str, str, int]] = []
        if expression is not None:
            self._read(expression)
            self._tree = self._either()
            if self._tokens[0][0] != "end":
                raise self._wrong(self._tokens[0][2])
            self._check(self._tree)

    @property
    def names_deleted(self) -> bool:
        return "__system/deletedAt" in (self._text or "")

    def __call__(self, values: Values) -> bool:
        return self._text is None or self._value(self._tree, values) is True

    def _wrong(self, at: int) -> Problem:
        reason = f"Unexpected character at {at}"
        text = f"The OData filter expression you provided could not be parsed: {reason}"
        return Problem(400.18, text, {"reason": reason})

    def _read(self, text: str) -> None:
        at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._wrong(at)
            self._tokens.append((match.lastgroup or "", match[0], at))
            at = match.end()
        self._tokens.append(("end", "", at))

    def _next_is(self, *words: str) -> str:
        return self._tokens.pop(0)[1] if self._tokens[0][1] in words else ""

    def _either(self) -> Any:
        left = self._both()
        while self._next_is("or"):
            left = ("or", left, self._both())
        return left

    def _both(self) -> Any:
        left = self._one()
        while self._next_is("and"):
            left = ("and", left, self._one())
        return left

    def _one(self) -> Any:
        if self._next_is("not"):
            return ("not", self._one())
        if self._next_is("("):
            inner = self._either()
            if not self._next_is(")"):
                raise self._wrong(self._tokens[0][2])
            return inner
        left = self._term()
        if self._tokens[0][0] == "end" and left[0] == "call":
            return left
        comparison = self._next_is("eq", "ne", *_COMPARISONS)
        if not comparison:  # the real parser points behind the term
            raise self._wrong(left[2] + len(left[1]))
        return (comparison, left, self._term())

    def _term(self) -> Any:
        kind, text, at = self._tokens.pop(0)
        if kind in ("moment", "text", "number") or text == "null":
            return ("literal", text, at)
        if kind != "word":
            raise self._wrong(at)
        if not self._next_is("("):
            return ("field", text, at)
        while self._tokens[0][0] != "end":
            if self._tokens.pop(0)[1] == ")":
                break
        end = self._tokens[0][2]
        return ("call", (self._text or "")[at:end].rstrip(), at)

    def _check(self, node: Any) -> None:
        kind, *parts = node
        if kind == "field" and parts[0] not in self._fields:
            text = f"The given OData filter expression references fields not supported by this server: {parts[0]} at {parts[1]}"
            raise Problem(501.5, text, {"at": parts[1], "text": parts[0]})
        if kind == "call" and parts[0] != "now()":
            text = "The given OData filter expression uses features not supported by this server: MethodCallExpression"
            details = {"at": parts[1], "type": "MethodCallExpression", "text": parts[0]}
            raise Problem(501.4, f'{text} at {parts[1]} ("{parts[0]}")', details)
        for part in parts:
            if isinstance(part, tuple):
                self._check(part)

    def _value(self, node: Any, values: Values) -> Any:
        kind, *parts = node
        if kind in ("field", "literal", "call"):
            return _literal(parts[0]) if kind != "field" else values[parts[0]]
        first, *others = [self._value(part, values) for part in parts]
        if kind == "not":
            return None if first is None else not first
        if kind in ("or", "and"):
            return True in (first, *others) if kind == "or" else first is True and others[0] is True
        if kind in ("eq", "ne"):
            return (first == others[0]) == (kind == "eq")
        return None if None in (first, others[0]) else _COMPARISONS[kind](first, others[0])


def _literal(text: str) -> Any:
    if text == "now()":
        raise broken()  # as the real server, though it knows the function
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if "T" in text:
        return datetime.fromisoformat(text)
    return None if text == "null" else text


# ── tables ──────────────────────────────────────────────────────────────────


def _token(name: str, value: str | None) -> str:
    text = json.dumps({name: value}, separators=(",", ":"), ensure_ascii=False)
    return "01" + base64.b64encode(text.encode()).decode()


def _last(name: str, token: str) -> str | None:
    try:
        value: Json = json.loads(base64.b64decode(token.removeprefix("01"), validate=True)) if token[:2] == "01" else {}
        return value[name]  # type: ignore[no-any-return]
    except (ValueError, KeyError):
        raise Problem(400.35, "Invalid $skiptoken") from None


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    number = int(text) if re.fullmatch(r"-?\d+", text) else None
    if number is not None and number < 0:
        raise broken()
    return number


def page(entries: Sequence[tuple[str, Entry]], key: str, row: Callable[[Entry], Json], table: str) -> Json:
    """One page of a table: *entries* are all that the filter finds with their names, newest first; *row* shows one.

    A broken row has two entries of one name. As on the real server, pages count entries, their total and what is left
    count names: the last rows behind a broken one may never be listed, and a page that ends between its two entries
    loses the second.
    """
    for option in ("$orderby", "$expand", "$wkt"):
        assert option not in request.args, f"the stand-in does not know {option}"
    base = f"{office().domain}{request.path.rpartition('/')[0]}"
    top, token, rest, skip = _number("$top"), request.args.get("$skiptoken"), list(entries), 0
    if token is not None:
        last = _last(key, token)
        places = [n for n, (name, _) in enumerate(rest) if name == last]
        rest = rest[places[-1] + 1 :] if places else []
    else:
        skip = _number("$skip") or 0
    several = rest[skip:] if top is None else rest[skip : skip + top]
    answer: Json = {"value": [row(one) for _, one in several], "@odata.context": f"{base}/$metadata#{table}"}
    paged = top is not None or token is not None or skip > 0
    if top != 0 and paged and len({name for name, _ in rest}) > len(several):  # even beyond the end
        query = [(name, value) for name, value in request.args.items(multi=True) if name not in ("$skiptoken", "$skip")]
        following = urlencode([*query, ("$skiptoken", _token(key, several[-1][0] if several else None))])
        answer["@odata.nextLink"] = f"{base}/{table}?{following}"
    if on("$count"):
        answer["@odata.count"] = len({name for name, _ in entries} if paged else entries)
    return answer


def selected(row: Json, names: list[str] | None) -> Json:
    """What `$select` leaves of a row; *names* like `__id`, `meta`, `group/question`, `__system/edits`."""
    if names is None:
        return row
    answer: Json = {}
    for name, value in row.items():
        inner = [one.partition("/")[2] for one in names if one.partition("/")[0] == name]
        if inner:
            answer[name] = value if "" in inner else selected(value, inner)
    return answer

"""Mongo queries as KoboToolbox honours them: which rows match, and what SQL can decide beforehand."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from kobo_sync.station.pattern import Pattern

Matcher = Callable[[Mapping[str, Any]], bool]
_ABSENT: Any = object()
_KNOWN = frozenset(
    "$or $and $in $nin $not $exists $gt $gte $lt $lte $regex $options $all $elemMatch $ne $expr $ifNull".split()
)  # kpi/utils/mongo_helper.py:46-64; any other is taken for a name, which no answer has
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}
_SQL = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=", "$eq": "="}
_COLUMNS = {"_id": ("id", int), "_uuid": ("uuid", str), "_submission_time": ("submission_time", str)}
_MAX_IN = 900  # SQLite's variables per statement
MOST_PATTERNS = 10  # in one query
MOST_DEEP = 100  # as MongoDB
QUERY_S = 20.0  # longest look over the rows


class Unsupported(ValueError):
    """A query that MongoDB refuses; its text says why."""


class Broken(ValueError):
    """A query over which a real server breaks (500)."""


class TooSlow(Exception):
    """A query that takes longer than any honest one."""


def read(query: Any) -> dict[str, Any]:
    """A query as Kobo prepares it: an ``_id`` that is text becomes a number [q_id_text], the form is its own.

    Raises: Broken when it is no object, or an ``_id`` is null.
    """
    if query is None:
        return {}
    if not isinstance(query, dict):
        raise Broken("no object")
    return {key: _prepared(key, value, 1) for key, value in query.items() if key != "_userform_id"}


def _prepared(key: str, value: Any, depth: int) -> Any:
    if depth > MOST_DEEP:
        raise Unsupported("nested too deeply")
    if isinstance(value, dict):
        return {name: _prepared(name, inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_prepared("", item, depth + 1) if isinstance(item, (dict, list)) else item for item in value]
    if key != "_id":
        return value
    if value is None:
        raise Broken("_id is null")
    text = str(value).strip()
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else value


def asked(query: Mapping[str, Any]) -> Matcher:
    """As `matcher`, for what a request brings: it ends in time, whatever the query. Raises: Unsupported, Broken."""
    try:
        test = matcher(query)
        n_patterns = json.dumps(query).count('"$regex"')
    except RecursionError as error:
        raise Unsupported("nested too deeply") from error
    if n_patterns > MOST_PATTERNS:
        raise Unsupported(f"more than {MOST_PATTERNS} $regex")
    until = time.monotonic() + QUERY_S

    def in_time(row: Mapping[str, Any]) -> bool:
        if time.monotonic() > until:
            raise TooSlow
        return test(row)

    return in_time


def matcher(query: Mapping[str, Any]) -> Matcher:
    """A test of one row against *query*.

    An operator that Kobo does not let through, and a dotted path other than ``_validation_status.…``,
    match nothing [f33, f56, f58, q_eq]. Answers are strings, so ``{"age": 20}`` finds nothing [f34b].
    Raises: Unsupported when the query is not one (an operator with the wrong kind of value), Broken.
    """
    tests = [_clause(key, value) for key, value in query.items()]
    return lambda row: all(test(row) for test in tests)


def split(query: Mapping[str, Any]) -> tuple[str, list[Any], dict[str, Any]]:
    """What SQL decides of *query*: a condition, its values, and the rest for `matcher`."""
    conditions: list[str] = []
    values: list[Any] = []
    rest: dict[str, Any] = {}
    for key, value in query.items():
        pushed = _push(key, value)
        if pushed is None:
            rest[key] = value
        else:
            conditions.append(pushed[0])
            values += pushed[1]
    return " AND ".join(conditions), values, rest


def _push(key: str, value: Any) -> tuple[str, list[Any]] | None:
    if key not in _COLUMNS:
        return None
    column, kind = _COLUMNS[key]

    def fits(item: Any) -> bool:
        return type(item) is kind and (not isinstance(item, int) or abs(item) < 2**63)

    if isinstance(value, dict) and not _KNOWN.issuperset(value):
        return None
    conditions = value if isinstance(value, dict) else {"$eq": value}
    parts: list[str] = []
    values: list[Any] = []
    for operator, operand in conditions.items():
        if operator in _SQL and fits(operand):
            parts.append(f"{column} {_SQL[operator]} ?")
            values.append(operand)
        elif operator == "$in" and isinstance(operand, list) and len(operand) < _MAX_IN and all(map(fits, operand)):
            parts.append(f"{column} IN ({', '.join('?' * len(operand))})")
            values += operand
        else:
            return None
    return (" AND ".join(parts), values) if parts else None


def _clause(key: str, value: Any) -> Matcher:
    if key in ("$or", "$and"):
        if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
            raise Unsupported(f"{key} needs a list of objects")
        tests = [matcher(item) for item in value]
        decide = any if key == "$or" else all
        return lambda row: decide(test(row) for test in tests)
    if key == "$expr":
        worth = _expression(value)
        return lambda row: bool(worth(row))
    if key in _KNOWN:
        raise Unsupported(f"{key} needs a field")
    if key.startswith("$"):
        return _never
    test = _condition(value)
    if key.startswith("_validation_status."):
        inner = key.split(".", 1)[1]
        return lambda row: test((row.get("_validation_status") or {}).get(inner, _ABSENT))
    if "." in key:
        return lambda row: test(_ABSENT)  # Kobo encodes dots: no row has such a key
    return lambda row: test(row.get(key, _ABSENT))


def _never(row: Mapping[str, Any]) -> bool:
    return False


def _expression(value: Any) -> Callable[[Mapping[str, Any]], Any]:
    """The worth of an ``$expr``; what Kobo does not let through is an object like any other, and true [q_expr]."""
    if isinstance(value, str) and value.startswith("$"):
        return lambda row: row.get(value[1:])
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in _KNOWN:
        return lambda row: value
    ((name, operands),) = value.items()
    if name not in (*_COMPARE, "$ne", "$and", "$or", "$not", "$ifNull"):
        raise Unsupported(f"{name} is no expression")
    worths = [_expression(item) for item in (operands if isinstance(operands, list) else [operands])]
    if name in ("$and", "$or"):
        decide = all if name == "$and" else any
        return lambda row: decide(worth(row) for worth in worths)
    if name == "$not" and len(worths) == 1:
        return lambda row: not worths[0](row)
    if len(worths) != 2:
        raise Unsupported(f"{name} needs two operands")
    left, right = worths
    if name == "$ifNull":
        return lambda row: right(row) if left(row) is None else left(row)
    if name == "$ne":
        return lambda row: left(row) != right(row)
    compare = _COMPARE[name]
    return lambda row: _same_kind(left(row), right(row)) and compare(left(row), right(row))


def _condition(value: Any) -> Callable[[Any], bool]:
    if not isinstance(value, dict) or not _KNOWN.intersection(value):
        return lambda answer: _equal(answer, value)
    if not _KNOWN.issuperset(value):
        return lambda answer: False  # operators and names together are neither
    tests = [_operator(name, operand, value) for name, operand in value.items()]
    return lambda answer: all(test(answer) for test in tests)


def _operator(name: str, operand: Any, whole: Mapping[str, Any]) -> Callable[[Any], bool]:
    if name in _COMPARE:
        compare = _COMPARE[name]
        return lambda answer: any(_same_kind(item, operand) and compare(item, operand) for item in _items(answer))
    if name == "$exists":
        return lambda answer: (answer is not _ABSENT) == bool(operand)
    if name in ("$in", "$nin", "$all"):
        return _member(name, operand)
    if name == "$regex":
        return _regex(operand, whole.get("$options", ""))
    if name == "$options" and "$regex" in whole:
        return lambda answer: True
    if name == "$not":
        if not isinstance(operand, dict) or not operand or not _KNOWN.issuperset(operand):
            raise Unsupported("$not needs a $regex or an object of operators")
        inverse = _condition(operand)
        return lambda answer: not inverse(answer)
    if name == "$elemMatch":
        if not isinstance(operand, dict):
            raise Unsupported("$elemMatch needs an object")
        inner = matcher(operand)
        return lambda answer: (
            isinstance(answer, list) and any(isinstance(item, dict) and inner(item) for item in answer)
        )
    if name != "$ne":
        raise Unsupported(f"{name} does not stand there")
    return lambda answer: not _equal(answer, operand)


def _member(name: str, operand: Any) -> Callable[[Any], bool]:
    if not isinstance(operand, list):
        raise Unsupported("$all needs an array" if name == "$all" else f"{name} needs a list")
    if name == "$in":
        return lambda answer: any(_equal(answer, item) for item in operand)
    if name == "$nin":
        return lambda answer: not any(_equal(answer, item) for item in operand)
    return lambda answer: bool(operand) and all(_equal(answer, item) for item in operand)


def _regex(pattern: Any, options: Any) -> Callable[[Any], bool]:
    if not isinstance(pattern, str) or not isinstance(options, str):
        raise Unsupported("$regex has to be a string")
    try:
        compiled = Pattern(pattern, options)
    except (ValueError, RecursionError) as error:
        raise Unsupported(str(error) if isinstance(error, ValueError) else "nested too deeply") from error
    return lambda answer: any(isinstance(item, str) and compiled.search(item) for item in _items(answer))


def _items(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else [answer]


def _equal(answer: Any, operand: Any) -> bool:
    if answer is _ABSENT:
        return operand is None
    if isinstance(answer, bool) is not isinstance(operand, bool):
        return False
    return bool(answer == operand) or (isinstance(answer, list) and not isinstance(operand, list) and operand in answer)


def _same_kind(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    return (isinstance(left, str) and isinstance(right, str)) or (
        isinstance(left, (int, float)) and isinstance(right, (int, float))
    )

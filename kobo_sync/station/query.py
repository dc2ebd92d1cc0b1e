"""Mongo queries as KoboToolbox honours them: which rows match, and what SQL can decide beforehand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from kobo_sync.station.pattern import Pattern

Matcher = Callable[[Mapping[str, Any]], bool]
_ABSENT: Any = object()
_KNOWN = frozenset(
    "$or $and $in $nin $eq $ne $gt $gte $lt $lte $exists $regex $options $not $elemMatch $all".split()
)  # kpi/utils/mongo_helper.py:46-64
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
QUERY_S = 20.0  # longest look over the rows


class TooSlow(Exception):
    """A query that takes longer than any honest one."""


def asked(query: Mapping[str, Any]) -> Matcher:
    """As `matcher`, for what a request brings: it ends in time, whatever the query. Raises: ValueError."""
    try:
        test = matcher(query)
        n_patterns = json.dumps(query).count('"$regex"')
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if n_patterns > MOST_PATTERNS:
        raise ValueError(f"more than {MOST_PATTERNS} $regex")
    until = time.monotonic() + QUERY_S

    def in_time(row: Mapping[str, Any]) -> bool:
        if time.monotonic() > until:
            raise TooSlow
        return test(row)

    return in_time


def matcher(query: Mapping[str, Any]) -> Matcher:
    """A test of one row against *query*.

    An operator that Kobo does not let through, and a dotted path other than ``_validation_status.…``,
    match nothing [f33, f56, f58]. Answers are strings, so ``{"age": 20}`` finds nothing [f34b].
    Raises: ValueError when the query is not one (an operator with the wrong kind of value).
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
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ValueError(f"{key} needs a list of objects")
        tests = [matcher(item) for item in value]
        decide = any if key == "$or" else all
        return lambda row: decide(test(row) for test in tests)
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


def _condition(value: Any) -> Callable[[Any], bool]:
    if not isinstance(value, dict) or not any(str(key).startswith("$") for key in value):
        return lambda answer: _equal(answer, value)
    tests = [_operator(name, operand, value) for name, operand in value.items()]
    return lambda answer: all(test(answer) for test in tests)


def _operator(name: str, operand: Any, whole: Mapping[str, Any]) -> Callable[[Any], bool]:
    if name not in _KNOWN:
        return lambda answer: False
    if name in _COMPARE:
        compare = _COMPARE[name]
        return lambda answer: any(_same_kind(item, operand) and compare(item, operand) for item in _items(answer))
    if name == "$exists":
        return lambda answer: (answer is not _ABSENT) == bool(operand)
    if name in ("$in", "$nin", "$all"):
        return _member(name, operand)
    if name == "$regex":
        return _regex(operand, str(whole.get("$options", "")))
    if name == "$options":
        return lambda answer: True
    if name == "$not":
        inverse = _condition(operand)
        return lambda answer: not inverse(answer)
    if name == "$elemMatch":
        if not isinstance(operand, dict):
            raise ValueError("$elemMatch needs an object")
        inner = matcher(operand)
        return lambda answer: (
            isinstance(answer, list) and any(isinstance(item, dict) and inner(item) for item in answer)
        )
    if name == "$eq":
        return lambda answer: _equal(answer, operand)
    return lambda answer: not _equal(answer, operand)  # $ne


def _member(name: str, operand: Any) -> Callable[[Any], bool]:
    if not isinstance(operand, list):
        raise ValueError(f"{name} needs a list")
    if name == "$in":
        return lambda answer: any(_equal(answer, item) for item in operand)
    if name == "$nin":
        return lambda answer: not any(_equal(answer, item) for item in operand)
    return lambda answer: bool(operand) and all(_equal(answer, item) for item in operand)


def _regex(pattern: Any, options: str) -> Callable[[Any], bool]:
    compiled = Pattern(str(pattern), options)
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

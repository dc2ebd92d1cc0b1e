"""The settings file as keys and values, and with other values: what people wrote around them stays as it is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, Comment, Table, Whitespace

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError

NAMES = ("code", "name")  # what tells the tables of an array apart, the first that they have
_STAYING = "forms"  # the table that a mission has although nothing is in it: no form yet
_PART = re.compile(r'"([^"]*)"|([^.]+)')


def values_of(text: str) -> dict[str, Any]:
    """Each value by its key, tables joined by dots (``quotas.zones.nord.a``); an array of tables is one value.

    Raises: ConfigError when the text is no TOML.
    """
    try:
        return dict(_flat(tomllib.loads(text), ()))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", file=MISSION_FILE, hint="mend that line") from error


def with_values(text: str, changes: Mapping[str, Any]) -> str:
    """*text* with other values (None: without the key); a table that is emptied goes, the comments behind it stay.

    Raises: ConfigError when the text is no TOML, or is written so that no key of it can be changed alone.
    """
    wanted = {key: value for key, value in {**values_of(text), **changes}.items() if value is not None}
    refusal = ConfigError(
        "the file is written in a way that this page cannot change",
        file=MISSION_FILE,
        key=", ".join(changes),
        hint="change it by hand in the file",
    )
    try:
        document = tomlkit.parse(text)
        for key in [key for key, value in changes.items() if value is None]:
            _take_out(document, _parts(key))
        for key, value in changes.items():
            if value is not None:
                _put(document, _parts(key), value)
        edited = tomlkit.dumps(document)
        if "\n\n\n" not in text:
            edited = re.sub(r"\n{3,}", "\n\n", edited)
        if values_of(edited) != wanted:
            raise refusal
    except (TOMLKitError, ConfigError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise refusal from error
    return edited


def _flat(value: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, (*path, name))
        else:
            yield ".".join(f'"{part}"' if "." in part or not part else part for part in (*path, name)), inner


def _parts(key: str) -> list[str]:
    return [quoted or plain for quoted, plain in _PART.findall(key)]


def _take_out(document: Any, path: Sequence[str]) -> None:
    """Without the key, and without tables that hold nothing else."""
    tables = [document]
    for part in path[:-1]:
        tables.append(tables[-1][part])
    for table, part in zip(reversed(tables), reversed(path), strict=True):
        is_staying = table is document and part == _STAYING
        if part == path[-1] or not (len(table[part]) or is_staying):
            _keep_comments_behind(document, table[part])
            del table[part]


def _put(document: Any, path: Sequence[str], value: Any) -> None:
    table, fresh = document, None
    for at, part in enumerate(path[:-1]):
        if part not in table:
            table[part] = tomlkit.table(is_super_table=at < len(path) - 2)
            fresh = table[part]
        table = table[part]
    name = path[-1]
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        _put_rows(document, table, name, value)
    elif isinstance(value, list) and isinstance(table.get(name), Array):
        _put_items(table, name, value)
    else:
        table[name] = value
    if fresh is not None:
        _set_apart(document, fresh)


# ── comments belong to a table's text in the file, and to the next table in its reader's eyes ──


def _headed(items: Iterable[Any]) -> Iterator[Table]:
    """The tables in *items* as they stand one below the other in the text."""
    for item in items:
        if isinstance(item, Table):
            if not item.is_super_table():
                yield item
            yield from _headed(each for _, each in item.value.body)
        elif isinstance(item, AoT):
            yield from _headed(item.body)


def _neighbours(document: Any, item: Any) -> tuple[Table | None, Table | None]:
    """The tables above and below *item* in the text."""
    tables, own = list(_headed(each for _, each in document.body)), [*map(id, _headed([item]))]
    places = [at for at, table in enumerate(tables) if id(table) in own]
    above = tables[places[0] - 1] if places and places[0] else None
    return above, tables[places[-1] + 1] if places and places[-1] + 1 < len(tables) else None


def _keep_comments_behind(document: Any, item: Any) -> None:
    """What stands behind the last key of a table that goes speaks of what follows: it goes to the table above."""
    own = list(_headed([item]))
    above, _ = _neighbours(document, item)
    if own and above is not None:
        for each in _tail(own[-1]):
            above.add(each)


def _set_apart(document: Any, table: Table) -> None:
    """Blank lines about a table that is new in the text; the comment right above the next table stays with that one."""
    above, below = _neighbours(document, table)
    if above is None or below is None:
        return
    comments = take_comment_behind(above)
    table.trivia.indent = "\n"
    for each in (tomlkit.nl(), *comments):
        table.add(each)


def take_comment_behind(table: Table, *, set_off: bool = False) -> list[Any]:
    """Takes the comment at the end of *table*, which speaks of what follows, out of it, with the blank lines around.

    *set_off*: only where a blank line stands above it: what is written right below a key belongs to the table.
    """
    body: list[Any] = table.value.body
    comments: list[Any] = []
    _without_blank_lines(body)
    while body and isinstance(body[-1][1], Comment):
        comments.insert(0, body.pop()[1])
    if set_off and body and not isinstance(body[-1][1], Whitespace):
        body.extend((None, comment) for comment in comments)
        return []
    _without_blank_lines(body)
    return comments


def last_in_text(table: Any) -> Table | None:
    """The table that stands last in the text of *table*, itself or one within; None where the reader cannot tell."""
    return next(reversed(list(_headed([table]))), None)


def _without_blank_lines(body: list[Any]) -> None:
    while body and isinstance(body[-1][1], Whitespace):
        body.pop()


def _tail(table: Table) -> list[Any]:
    """The comments behind the last key, with the blank lines between them."""
    body = list(table.value.body)
    tail: list[Any] = []
    while body and isinstance(body[-1][1], Comment | Whitespace):
        tail.insert(0, body.pop()[1])
    return tail if any(isinstance(each, Comment) for each in tail) else []


# ── arrays ──


def _put_items(table: Any, name: str, value: list[Any]) -> None:
    """The array with what is new behind what stays: comments beside its items stay too, where it can be done so."""
    array = table[name]
    with suppress(ValueError, IndexError):
        for each in [each for each in array.unwrap() if each not in value]:
            array.remove(each)
        for each in value[len(array) :]:
            array.append(each)
    if array.unwrap() != value:
        table[name] = value


def _put_rows(document: Any, table: Any, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The tables of an array: those that stay keep their place in the text, with their comments."""
    if name not in table:
        table[name] = tomlkit.aot()
    array = table[name]
    if not isinstance(array, AoT):
        table[name] = rows
        return
    for at in reversed(range(len(array))):
        if _name(array[at]) not in {_name(row) for row in rows}:
            _keep_comments_behind(document, array[at])
            del array[at]
    for at, row in enumerate(rows):
        before, others = [_name(each) for each in array[at:]], [_name(each) for each in rows[at:]]
        is_renamed = bool(before) and before[0] not in others and _name(row) not in before
        if before and (before[0] == _name(row) or is_renamed):
            _fill(array[at], row)
        else:
            array.insert(at, _new_row(row))
            _set_apart(document, array[at])
    for at in reversed(range(len(rows), len(array))):  # those whose name another one has too
        _keep_comments_behind(document, array[at])
        del array[at]


def _new_row(row: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in row.items():
        if isinstance(value, Mapping):
            table[key] = tomlkit.inline_table()
            table[key].update(value)
        else:
            table[key] = value
    return table


def _name(row: Mapping[str, Any]) -> Any:
    return next((row[name] for name in NAMES if name in row), None)


def _fill(table: Any, row: Mapping[str, Any]) -> None:
    """Give *table* the values of *row*, and no others."""
    for key in [key for key in table if key not in row]:
        del table[key]
    for key, value in row.items():
        if isinstance(value, Mapping) and isinstance(table.get(key), Mapping):
            _fill(table[key], value)
        elif key not in table or table[key] != value:
            table[key] = value

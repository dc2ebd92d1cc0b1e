"""Submissions as rows of the flat tables: by place where their keys are known, else key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import astuple

from kobo_sync.kobo.listing import Head, parse_submission
from kobo_sync.kobo.typed import Columns, File, RowType
from kobo_sync.model import Attachment, Form, Submission
from kobo_sync.store.rows import SILENT, Column, FlatTable, Value

LESSONS = 100  # so many times a row with new keys makes the known ones more
_PLAIN_INTEGERS, _PLAIN_NUMBERS = frozenset("0123456789"), frozenset("0123456789.-")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_Target = tuple[int, Column]  # where in a row an answer goes
Numbers = dict[str, int]  # how many rows of a repeat's table a submission has so far


@dataclass
class Flattened:
    """Submissions as rows: *rows* per table name, in the order of its columns; *chosen* (see `rows.CHOSEN`) likewise.

    *unknown* are answers that no table has a place for, *misfits* questions whose answer is no number.
    """

    rows: dict[str, list[tuple[Value, ...]]]
    chosen: dict[str, list[tuple[Value, ...]]]
    unknown: set[str] = field(default_factory=set)
    misfits: set[str] = field(default_factory=set)


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A submission as decoded by place; *plan* is the way from its places to the tables."""

    head: Head
    values: tuple[Any, ...]
    files: Sequence[File]
    plan: Any

    @property
    def attachments(self) -> list[Attachment]:
        """Its files."""
        return [file.attachment() for file in self.files]


class Flattener:
    """Turns submissions into rows of *tables*, a form's own table first.

    Answers are found by the last part of their key, the question's name: a question that moved between groups
    from one version to the next stays in its column. Rows whose keys are all known are decoded by place, three
    times as fast; *form* names the usual keys, and rows that hold others teach them.
    """

    def __init__(self, tables: Sequence[FlatTable], form: Form) -> None:
        self.tables, self.form_id = tables, form.form_id
        self._silent = frozenset(question.name for question in form.questions if question.kind in SILENT)
        self._root = _Columns(tables[0])
        self._columns = {table.repeat: _Columns(table) for table in tables[1:]}
        self._by_name = {path.rpartition("/")[2]: columns for path, columns in self._columns.items()}
        self._texts: dict[str, list[str]] = {path: [] for path in ("", *(repeat.path for repeat in form.repeats))}
        self._repeats: dict[str, list[str]] = {path: [] for path in self._texts}
        for repeat in form.repeats:
            self._repeats[repeat.parent].append(repeat.path)
        for question in form.questions:
            self._texts[question.repeat].append(question.path)
        self._lessons = LESSONS
        self._plan()

    # ── decoding ──

    def decode(self, raw: bytes) -> Submission | Placed:
        """A row, by the quickest way that holds all of it. Raises: KoboUnexpected."""
        row = self._type.decode(raw)
        if row:
            head, values, files = row
            return Placed(head, values, files, self._placed)
        submission = parse_submission(raw, self.form_id)
        if self._lessons and self._learn("", submission.answers):
            self._lessons -= 1
            self._plan()
        return submission

    def _learn(self, path: str, item: Mapping[str, Any]) -> bool:
        """Add the keys of *item* that were not known; returns whether there are any."""
        texts, repeats = self._texts[path], self._repeats[path]
        learnt = False
        for key, value in item.items():
            if type(value) is str and key not in texts and key not in repeats:
                texts.append(key)
                learnt = True
            elif type(value) is list and all(type(each) is dict for each in value) and key not in texts:
                if key not in repeats and key not in self._texts:
                    self._texts[key], self._repeats[key] = [], []
                    repeats.append(key)
                    learnt = True
                for each in value if key in repeats else ():
                    learnt = self._learn(key, each) or learnt
        return learnt

    def _plan(self) -> None:
        self._type = RowType(self._texts, self._repeats)
        self._placed = self._by_place("", self._root)

    def _by_place(self, path: str, columns: _Columns) -> _ByPlace:
        places = self._type.places[path]
        plan = _ByPlace(columns, places, self._texts[path], self._silent)
        for key in self._repeats[path]:
            inner = self._inner(key)
            plan.inner.append((places[key], self._by_place(key, inner) if inner else None, _name(key)))
        return plan

    def _inner(self, key: str) -> _Columns | None:
        return self._columns.get(key) or self._by_name.get(_name(key))

    # ── rows ──

    def flatten(self, submissions: Iterable[Submission | Placed]) -> Flattened:
        """The rows of *submissions*. Repeats are numbered over the whole submission; parents by their number."""
        flat = self._flat()
        placed: dict[int, list[Placed]] = {}
        for each in submissions:
            if isinstance(each, Placed):
                placed.setdefault(id(each.plan), []).append(each)
            else:
                self._place(flat, self._root, each.answers, _system(each), each.root_uuid, {})
        for group in placed.values():
            heads = [each.head for each in group]
            systems = [
                (h.root_uuid, h.submission_id, f"{h.submitted_at[:19]}Z", h.submitted_by, h.form_version, h.validation)
                for h in heads
            ]
            group[0].plan.place(flat, systems, list(zip(*(each.values for each in group), strict=True)), {})
        return flat

    def columns(self, raws: Sequence[bytes]) -> Columns | None:
        """Rows side by side, for `flatten_columns`; None when one does not have the known keys only."""
        return self._type.columns(raws)

    def flatten_columns(self, columns: Columns) -> Flattened:
        """The rows of what `columns` gave last."""
        flat = self._flat()
        ids, roots, _, submitted, by, versions, validations = columns.heads[:7]
        moments = [f"{moment[:19]}Z" for moment in submitted]
        systems = list(zip(roots, ids, moments, by, versions, validations, strict=True))
        self._placed.place(flat, systems, columns.answers, {})
        return flat

    def _flat(self) -> Flattened:
        return Flattened({table.name: [] for table in self.tables}, {table.name: [] for table in self.tables})

    def _place(
        self,
        flat: Flattened,
        columns: _Columns,
        item: Mapping[str, Any],
        system: tuple[Value, ...],
        root: str,
        numbers: Numbers,
    ) -> None:
        row = columns.blank.copy()
        row[: len(system)] = system
        position = _position(system)
        for key, value in item.items():
            if type(value) is list:
                inner = self._inner(key)
                if inner is None:
                    flat.unknown |= {_name(key)} if value else set()
                    continue
                for each in value:
                    if isinstance(each, dict):
                        numbers[inner.name] = number = numbers.get(inner.name, 0) + 1
                        self._place(flat, inner, each, (root, position or None, number), root, numbers)
                continue
            if value is None:
                continue
            targets = columns.targets.get(_name(key))
            if targets is None:
                flat.unknown |= {_name(key)} - self._silent
                continue
            text = value if type(value) is str else str(value)
            for at, column in targets:
                row[at] = _value(flat, column, text)
                if column.many:
                    flat.chosen[columns.name] += _split(column, text, root, position)
        flat.rows[columns.name].append(tuple(row))


class _Columns:
    """One table's columns by the name of their question."""

    def __init__(self, table: FlatTable) -> None:
        self.name = table.name
        self.blank: list[Value] = [None] * (len(table.system) + len(table.columns))
        self.targets: dict[str, list[_Target]] = {}
        for at, column in enumerate(table.columns, len(table.system)):
            self.targets.setdefault(column.question, []).append((at, column))


class _ByPlace:
    """One table's columns by the place of their answers in decoded rows, worked on column by column."""

    def __init__(
        self, columns: _Columns, places: Mapping[str, int], texts: Sequence[str], silent: frozenset[str]
    ) -> None:
        self.name = columns.name
        self.inner: list[tuple[int, _ByPlace | None, str]] = []
        self._n_columns = len(columns.blank)
        self._unknown: list[tuple[int, str]] = []
        self._places: list[tuple[list[int], list[_Target]]] = []  # where answers stand (first or else), their columns
        of_name: dict[str, list[int]] = {}
        for key in texts:
            name, place = _name(key), places[key]
            if name in of_name:  # a question that stood in another group
                of_name[name].append(place)
            elif name in columns.targets:
                of_name[name] = [place]
                self._places.append((of_name[name], columns.targets[name]))
            elif name not in silent:
                self._unknown.append((place, name))

    def place(
        self,
        flat: Flattened,
        systems: Sequence[tuple[Value, ...]],
        answers: Sequence[tuple[Any, ...]],
        numbers: dict[tuple[str, Value], int],
    ) -> None:
        """Add a row for each of *systems*, the system columns; *answers* has a column for each place."""
        placed: list[Sequence[Value]] = [*zip(*systems, strict=True)]
        placed += [(None,) * len(systems)] * (self._n_columns - len(placed))
        for places, targets in self._places:
            texts = answers[places[0]]
            for other in places[1:]:
                texts = tuple(map(_either, answers[other], texts))
            if targets[0][1].part >= 0:
                for (at, _), coordinates in zip(targets, _points(flat, targets, texts), strict=True):
                    placed[at] = coordinates
                continue
            for at, column in targets:
                placed[at] = _converted(flat, column, texts)
                if column.many:
                    flat.chosen[self.name] += [
                        chosen
                        for text, system in zip(texts, systems, strict=True)
                        if text is not None
                        for chosen in _split(column, text, system[0], _position(system))
                    ]
        flat.rows[self.name] += zip(*placed, strict=True)
        flat.unknown.update(name for place, name in self._unknown if any(text is not None for text in answers[place]))
        for place, inner, name in self.inner:
            below = [(system, items) for items, system in zip(answers[place], systems, strict=True) if items]
            if inner and below:
                inner.place(flat, *_numbered(inner.name, below, numbers), numbers)
            elif below:
                flat.unknown.add(name)


def _numbered(
    name: str, below: Sequence[tuple[tuple[Value, ...], Sequence[Any]]], numbers: dict[tuple[str, Value], int]
) -> tuple[list[tuple[Value, ...]], list[tuple[Any, ...]]]:
    """The system columns of a repeat's rows, numbered over each submission, and their answers by place."""
    rows = [astuple(item) for _, items in below for item in items]
    systems: list[tuple[Value, ...]] = []
    for system, items in below:
        root, parent = system[0], _position(system) or None
        number = numbers.get((name, root), 0)
        systems += [(root, parent, at) for at in range(number + 1, number + 1 + len(items))]
        numbers[name, root] = number + len(items)
    return systems, list(zip(*rows, strict=True))


def _either(first: Any, other: Any) -> Any:
    return other if first is None else first


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _position(system: tuple[Value, ...]) -> int:
    """A repeat's own number, which is the last of its system columns; 0 for the form's table."""
    return system[2] if len(system) == 3 else 0  # type: ignore[return-value]


# ── answers ─────────────────────────────────────────────────────────────────


def _converted(flat: Flattened, column: Column, texts: Sequence[str | None]) -> Sequence[Value]:
    """A column of answers as its type; all at once where they are as plain as most are."""
    if column.kind == "text":
        return texts
    plain = _PLAIN_INTEGERS if column.kind == "integer" else _PLAIN_NUMBERS
    given = [text for text in texts if text]
    if column.part < 0 and plain.issuperset("".join(given)) and max(map(len, given), default=0) < 19:
        number: Callable[[str], Value] = int if column.kind == "integer" else float
        with suppress(ValueError):
            return [number(text) if text else None for text in texts]
    return [None if text is None else _value(flat, column, text) for text in texts]


def _points(flat: Flattened, targets: Sequence[_Target], texts: Sequence[str | None]) -> list[Sequence[Value]]:
    """A column of geopoints as the columns *targets*."""
    split = [text.split() if text else () for text in texts]
    given = [text for text in texts if text]
    if _PLAIN_NUMBERS.issuperset("".join(given).replace(" ", "")) and max(map(len, given), default=0) < 200:
        with suppress(ValueError, IndexError):
            return [[float(parts[column.part]) if parts else None for parts in split] for _, column in targets]
    return [[_coordinate(flat, column, parts) for parts in split] for _, column in targets]


def _split(column: Column, text: str, root: Value, position: int) -> list[tuple[Value, ...]]:
    """The codes of an answer of several, one by one (see `rows.CHOSEN`)."""
    if column.many == "rank":
        return [(root, position, column.question, choice, at) for at, choice in enumerate(text.split(), 1)]
    return [(root, position, column.question, choice, None) for choice in text.split()]


def _value(flat: Flattened, column: Column, text: str) -> Value:
    """An answer as its column's type; a blank is no answer, and what does not fit is noted and left out."""
    if column.part >= 0:
        return _coordinate(flat, column, text.split())
    if column.kind == "text":
        return text
    value: Value
    value = (int(text) if _INTEGER.fullmatch(text) else None) if column.kind == "integer" else _number(text)
    if value is None and text.strip():
        flat.misfits.add(column.question)
    return value


def _coordinate(flat: Flattened, column: Column, parts: Sequence[str]) -> float | None:
    number = _number(parts[column.part]) if column.part < len(parts) else None
    if number is None and column.part < 2 and parts:
        flat.misfits.add(column.question)
    return number


def _number(text: str) -> float | None:
    try:
        number = float(text) if "_" not in text else float("nan")
    except ValueError:
        return None
    return number if number - number == 0 else None  # neither nan nor inf


def _system(submission: Submission) -> tuple[Value, ...]:
    return (
        submission.root_uuid,
        submission.submission_id,
        f"{submission.submitted_at.isoformat()[:19]}Z",
        submission.submitted_by,
        submission.form_version,
        submission.validation,
    )

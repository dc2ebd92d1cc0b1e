"""Submissions as rows of the flat tables: by place where their keys are known, else key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import msgspec
from msgspec.structs import astuple

from kobo_sync.model import Attachment, Form, Submission
from kobo_sync.numbers import number_of, plain_number
from kobo_sync.rows.listing import HEAD_FIELDS, PHONE_FIELDS, Head, is_added, parse_submission
from kobo_sync.rows.typed import Columns, File, RowType
from kobo_sync.store.tables.layout import CHOSEN, PHONES, REPEAT_SYSTEM, SILENT, SYSTEM, Column, FlatTable, Value

LESSONS = 100  # so many times a row with new keys makes the known ones more
_INTEGERS, _NUMBERS = "0123456789-", "0123456789.-"  # what plain ones are made of
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_Target = tuple[int, Column]  # where in a row an answer goes
_Keys = dict[str, None]
Numbers = dict[str, int]  # how many rows of a repeat's table a submission has so far


@dataclass
class Flattened:
    """Submissions as rows that lie side by side: per table name its *columns*, system columns first; and likewise
    those of *chosen* (see `layout.CHOSEN`).

    *unknown* are answers that no table has a place for, *misfits* questions whose answer is no number, *altered* those
    whose answer has characters that the database cannot keep.
    """

    columns: dict[str, list[list[Value]]]
    chosen: dict[str, list[list[Value]]]
    unknown: set[str] = field(default_factory=set)
    misfits: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)


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
        # The keys of each repeat ("": the form) in order; dictionaries, since a form may have ten thousand.
        self._texts: dict[str, _Keys] = {path: {} for path in ("", *(repeat.path for repeat in form.repeats))}
        self._repeats: dict[str, _Keys] = {path: {} for path in self._texts}
        for each in form.repeats:
            self._repeats[each.parent][each.path] = None
        for question in form.questions:
            self._texts[question.repeat][question.path] = None
        self._asked = PHONE_FIELDS & self._texts[""].keys()
        self._lessons = LESSONS
        self._hidden = _Hidden(tables[0], form)
        self._plan()

    # ── decoding ──

    def decode(self, raw: bytes) -> Submission | Placed:
        """A row, by the quickest way that holds all of it. Raises: KoboUnexpected."""
        row = self._type.decode(raw)
        if row:
            head, values, files = row
            return Placed(head, values, files, self._placed)
        submission = parse_submission(raw, self.form_id, self._asked)
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
                texts[key] = None
                learnt = True
            elif type(value) is list and all(type(each) is dict for each in value) and key not in texts:
                if key not in repeats and key not in self._texts:
                    self._texts[key], self._repeats[key] = {}, {}
                    repeats[key] = None
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
        for key in (each for each in self._repeats[path] if each in places):
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
            heads = zip(*(astuple(each.head) for each in group), strict=True)
            group[0].plan.place(flat, _systems(heads), list(zip(*(each.values for each in group), strict=True)), {})
        return self._hidden.taken_out(flat)

    def columns(self, body: bytes) -> Columns | None:
        """The rows of a page side by side, for `flatten_columns`; None when one does not have the known keys only."""
        return self._type.columns(body)

    def flatten_columns(self, columns: Columns) -> Flattened:
        """The rows of what `columns` gave last."""
        flat = self._flat()
        self._placed.place(flat, _systems(columns.heads), columns.answers, {})
        return self._hidden.taken_out(flat)

    def _flat(self) -> Flattened:
        columns: dict[str, list[list[Value]]] = {
            table.name: [[] for _ in range(len(table.system) + len(table.columns))] for table in self.tables
        }
        return Flattened(columns, {table.name: [[] for _ in CHOSEN] for table in self.tables})

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
            targets = columns.targets(key)
            if not targets:
                flat.unknown |= set() if is_added(key) else {_name(key)} - self._silent
                continue
            text = value if type(value) is str else str(value)
            for at, column in targets:
                row[at] = _value(flat, column, text)
                if column.many:
                    _choose(flat.chosen[columns.name], column, [text], [root], [position])
        for cells, answer in zip(flat.columns[columns.name], row, strict=True):
            cells.append(answer)


class _Hidden:
    """What no table says: of a form that promises to be anonymous whose phone and account sent it, of a refusal whose phone.

    A column that no question fills any more is told by its name.
    """

    def __init__(self, table: FlatTable, form: Form) -> None:
        kinds = {question.name: question.kind for question in form.questions}
        places = {column.question: at for at, column in enumerate(table.columns, len(table.system))}
        self._table, self._is_anonymous = table.name, form.is_anonymous
        self._phones = [at for name, at in places.items() if kinds.get(name, name) in PHONES]
        self._account = [name for name, _ in table.system].index("submitted_by")
        self._consent, self._yes = places.get(form.consent[0], -1), form.consent[1]

    def taken_out(self, flat: Flattened) -> Flattened:
        """*flat* without it."""
        columns = flat.columns[self._table]
        n = len(columns[0])
        if self._is_anonymous:
            columns[self._account] = [""] * n
            refused: Sequence[int] = range(n)
        else:
            answers = columns[self._consent] if self._consent >= 0 and self._phones else ()
            refused = [at for at, answer in enumerate(answers) if answer not in (None, "", self._yes)]
        for place in self._phones if refused else ():
            cells = columns[place]
            for at in refused:
                cells[at] = None
        return flat


class _Columns:
    """One table's columns by the name of their question, or by its path where several have one name."""

    def __init__(self, table: FlatTable) -> None:
        self.name = table.name
        self.blank: list[Value] = [None] * (len(table.system) + len(table.columns))
        self._by_name: dict[str, list[_Target]] = {}
        self._by_path: dict[str, list[_Target]] = {}
        first: dict[str, str] = {}  # the first path of a name
        for at, column in enumerate(table.columns, len(table.system)):
            names = self._by_path if column.path else self._by_name
            names.setdefault(column.path or column.question, []).append((at, column))
            if column.path:
                first.setdefault(column.question, column.path)
        self._elsewhere = {name: self._by_path[path] for name, path in first.items() if name not in self._by_name}

    def targets(self, key: str) -> Sequence[_Target]:
        """Where the answer under *key* goes."""
        name = _name(key)
        plain = self._by_name.get(name, ())
        if self._by_path:
            return [*self._by_path.get(key, ()), *plain] or self._elsewhere.get(name, ())
        return plain


class _ByPlace:
    """One table's columns by the place of their answers in decoded rows, worked on column by column."""

    def __init__(
        self, columns: _Columns, places: Mapping[str, int], texts: Iterable[str], silent: frozenset[str]
    ) -> None:
        self.name = columns.name
        self.inner: list[tuple[int, _ByPlace | None, str]] = []
        self._n_columns = len(columns.blank)
        self._unknown: list[tuple[int, str]] = []
        sources: dict[int, tuple[Column, list[int]]] = {}  # several where a question stood in another group
        for key in texts:
            if key in places:
                targets = columns.targets(key)
                for at, column in targets:
                    sources.setdefault(at, (column, []))[1].append(places[key])
                if not targets and _name(key) not in silent and not is_added(key):
                    self._unknown.append((places[key], _name(key)))
        together: dict[tuple[int, ...], list[_Target]] = {}
        for at, (column, stands) in sources.items():
            together.setdefault(tuple(stands), []).append((at, column))
        self._places = list(together.items())  # where answers stand (the last of them counts), and their columns

    def place(
        self,
        flat: Flattened,
        systems: Sequence[Sequence[Value]],
        answers: Sequence[Sequence[Any]],
        numbers: dict[tuple[str, Value], int],
    ) -> None:
        """Add rows: *systems* are the system columns, *answers* has a column for each place."""
        n = len(systems[0])
        placed: list[Sequence[Value]] = [*systems, *([(None,) * n] * (self._n_columns - len(systems)))]
        # A repeat's own number is the last of its system columns.
        positions = systems[2] if len(systems) == len(REPEAT_SYSTEM) else (0,) * n
        for places, targets in self._places:
            texts = answers[places[0]]
            for other in places[1:]:
                texts = list(map(_either, answers[other], texts))
            if all(column.part >= 0 for _, column in targets):
                for (at, _), coordinates in zip(targets, _points(flat, targets, texts), strict=True):
                    placed[at] = coordinates
                continue
            for at, column in targets:
                placed[at] = _converted(flat, column, texts)
                if column.many:
                    _choose(flat.chosen[self.name], column, texts, systems[0], positions)
        for cells, added in zip(flat.columns[self.name], placed, strict=True):
            cells.extend(added)
        flat.unknown.update(name for place, name in self._unknown if any(text is not None for text in answers[place]))
        for place, inner, name in self.inner:
            if inner and any(answers[place]):
                inner.place(flat, *_numbered(inner.name, systems[0], positions, answers[place], numbers), numbers)
            elif any(answers[place]):
                flat.unknown.add(name)


def _numbered(
    name: str,
    roots: Sequence[Value],
    positions: Sequence[Value],
    below: Sequence[Sequence[Any] | None],
    numbers: dict[tuple[str, Value], int],
) -> tuple[tuple[list[Value], ...], list[tuple[Any, ...]]]:
    """The system columns of a repeat's rows, numbered over each submission, and their answers by place.

    *below* are the repeat's items in each of the rows above, which have these *roots* and *positions*.
    """
    all_roots: list[Value] = []
    parents: list[Value] = []
    own: list[Value] = []
    for root, position, items in zip(roots, positions, below, strict=True):
        if items:
            n, before = len(items), numbers.get((name, root), 0)
            all_roots += [root] * n
            parents += [position or None] * n
            own += range(before + 1, before + 1 + n)
            numbers[name, root] = before + n
    items_of = map(astuple, chain.from_iterable(filter(None, below)))
    return (all_roots, parents, own), list(zip(*items_of, strict=True))


def _either(first: Any, other: Any) -> Any:
    return other if first is None else first


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _position(system: tuple[Value, ...]) -> int:
    """A repeat's own number, which is the last of its system columns; 0 for the form's table."""
    return system[2] if len(system) == len(REPEAT_SYSTEM) else 0  # type: ignore[return-value]


def _systems(heads: Iterable[Sequence[Any]]) -> tuple[Sequence[Value], ...]:
    """The system columns of the form's table, of columns in the order of `HEAD_FIELDS`."""
    columns = dict(zip(HEAD_FIELDS, heads, strict=False))
    columns["submitted_at"] = [f"{moment[:19]}Z" for moment in columns["submitted_at"]]
    return tuple([columns[name] for name, _ in SYSTEM])


# ── answers ─────────────────────────────────────────────────────────────────


def _converted(flat: Flattened, column: Column, texts: Sequence[str | None]) -> Sequence[Value]:
    """A column of answers as its type; all at once where they are as plain as most are."""
    if column.kind == "text":
        return texts
    answers = [text for text in texts if text]
    if column.part < 0 and _plain(answers, _INTEGERS if column.kind == "integer" else _NUMBERS, 19):
        number: Callable[[str], Value] = int if column.kind == "integer" else float
        with suppress(ValueError):
            if len(answers) == len(texts):
                return list(map(number, answers))
            return [number(text) if text else None for text in texts]
    return [None if text is None else _value(flat, column, text) for text in texts]


def _points(flat: Flattened, targets: Sequence[_Target], texts: Sequence[str | None]) -> list[Sequence[Value]]:
    """A column of geopoints as the columns *targets*."""
    split = [text.split() if text else () for text in texts]
    if _plain([text for text in texts if text], _NUMBERS + " ", 200):
        with suppress(ValueError, IndexError):
            return [[float(parts[column.part]) if parts else None for parts in split] for _, column in targets]
    return [[_coordinate(flat, column, parts) for parts in split] for _, column in targets]


def _plain(answers: Sequence[str], characters: str, length: int) -> bool:
    """Whether answers have none but these *characters*, and fewer than *length* each."""
    return not "".join(answers).strip(characters) and max(map(len, answers), default=0) < length


def _choose(
    chosen: Sequence[list[Value]],
    column: Column,
    texts: Sequence[str | None],
    roots: Sequence[Value],
    positions: Sequence[Value],
) -> None:
    """Add the codes of answers of several, one by one, to the columns of `layout.CHOSEN`."""
    codes = [text.split() if text else () for text in texts]
    counts = list(map(len, codes))
    n = sum(counts)
    chosen[0].extend(chain.from_iterable(map(repeat, roots, counts)))
    chosen[1].extend(chain.from_iterable(map(repeat, positions, counts)))
    chosen[2].extend([column.chosen_as] * n)
    chosen[3].extend(chain.from_iterable(codes))
    is_rank = column.many == "rank"
    chosen[4].extend(chain.from_iterable(range(1, count + 1) for count in counts) if is_rank else [None] * n)


def _value(flat: Flattened, column: Column, text: str) -> Value:
    """An answer as its column's type; a blank is no answer, and what does not fit is noted and left out."""
    if column.part >= 0:
        return _coordinate(flat, column, text.split())
    if column.kind == "text":
        return text
    value: Value
    value = _integer(text) if column.kind == "integer" else number_of(text)
    if value is None and text.strip():
        flat.misfits.add(column.question)
    return value


def _coordinate(flat: Flattened, column: Column, parts: Sequence[str]) -> float | None:
    number = number_of(parts[column.part]) if column.part < len(parts) else None
    if number is None and column.part < 2 and parts:
        flat.misfits.add(column.question)
    return number


def _integer(text: str) -> int | None:
    plain = plain_number(text)
    return int(plain) if _INTEGER.fullmatch(plain) else None


def _system(submission: Submission) -> tuple[Value, ...]:
    submitted_at = f"{submission.submitted_at.isoformat()[:19]}Z"
    return tuple([submitted_at if name == "submitted_at" else getattr(submission, name) for name, _ in SYSTEM])

"""A form's flat tables, and a submission's rows in them: typed columns named by question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from kobo_sync.model import Form, Question, Submission

Kind = Literal["text", "integer", "decimal"]
Value = str | int | float | None

SYSTEM: tuple[tuple[str, Kind], ...] = (
    ("root_uuid", "text"),
    ("submission_id", "integer"),
    ("submitted_at", "text"),
    ("submitted_by", "text"),
    ("form_version", "text"),
    ("validation", "text"),
)
REPEAT_SYSTEM: tuple[tuple[str, Kind], ...] = (
    ("root_uuid", "text"),
    ("parent_position", "integer"),
    ("position", "integer"),
)
CHOSEN: tuple[tuple[str, Kind], ...] = (  # one row per chosen code; rank is its place in a rank question
    ("root_uuid", "text"),
    ("position", "integer"),
    ("question", "text"),
    ("choice", "text"),
    ("rank", "integer"),
)
MANY = {"select_multiple": "choices", "select_multiple_from_file": "choices", "rank": "rank"}
GEO_PARTS = ("lat", "lon", "alt", "acc")
_SILENT = frozenset({"note", "audit", "trigger"})
_INTEGER = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True)
class Column:
    """A column and the question it comes from; *part* is set for one of a geopoint's four numbers.

    *many* is ``choices`` or ``rank`` for answers of several codes: split in the table of `CHOSEN` too.
    """

    name: str
    kind: Kind
    question: str
    part: int = -1
    many: str = ""


@dataclass(frozen=True)
class FlatTable:
    """One table: *repeat* is the path of its repeat, ``""`` for the form itself."""

    name: str
    repeat: str
    parent: str
    columns: tuple[Column, ...]

    @property
    def system(self) -> tuple[tuple[str, Kind], ...]:
        """The columns that come before the questions'."""
        return REPEAT_SYSTEM if self.repeat else SYSTEM


@dataclass
class Flattened:
    """Submissions as rows: *rows* per table name, in the order of its columns; *chosen* (see `CHOSEN`) likewise.

    *unknown* are answers that no table has a place for, *misfits* questions whose answer is no number.
    """

    rows: dict[str, list[tuple[Value, ...]]]
    chosen: dict[str, list[tuple[Value, ...]]]
    unknown: set[str] = field(default_factory=set)
    misfits: set[str] = field(default_factory=set)


def flat_tables(form: Form) -> tuple[FlatTable, ...]:
    """The form's table, then one per repeat, outer before inner.

    Columns carry the question's name, which is unique form-wide; a name that a system column or
    another letter case has taken gets a suffix, because SQL compares names without case.
    """
    tables = [FlatTable(form.form_id, "", "", _columns(form.questions, "", SYSTEM))]
    taken = {form.form_id.lower()}
    for repeat in form.repeats:
        name = _free(f"{form.form_id}__{repeat.name}", taken)
        tables.append(FlatTable(name, repeat.path, repeat.parent, _columns(form.questions, repeat.path, REPEAT_SYSTEM)))
    return tuple(tables)


def _columns(questions: Sequence[Question], repeat: str, system: tuple[tuple[str, Kind], ...]) -> tuple[Column, ...]:
    taken = {name for name, _ in system}
    columns = []
    for question in questions:
        if question.repeat != repeat or question.kind in _SILENT:
            continue
        if question.kind == "geopoint":
            columns += [
                Column(_free(f"{question.name}_{part}", taken), "decimal", question.name, at)
                for at, part in enumerate(GEO_PARTS)
            ]
        else:
            columns.append(
                Column(_free(question.name, taken), _kind(question), question.name, many=MANY.get(question.kind, ""))
            )
    return tuple(columns)


def _kind(question: Question) -> Kind:
    if question.kind == "integer":
        return "integer"
    return "decimal" if question.kind in ("decimal", "range") else "text"


def _free(name: str, taken: set[str]) -> str:
    candidate, n = name, 2
    while candidate.lower() in taken:
        candidate, n = f"{name}_{n}", n + 1
    taken.add(candidate.lower())
    return candidate


def merge_tables(
    held: Sequence[FlatTable], wanted: Sequence[FlatTable]
) -> tuple[tuple[FlatTable, ...], tuple[str, ...]]:
    """The tables of *wanted* with what *held* has beyond them, and the columns whose type has changed.

    A question that a newer form left out, moved into a repeat or out of one keeps its column, so that
    rows of older versions keep their answers. Where types differ the newer form's holds.
    """
    before = {table.name: table for table in held}
    merged, conflicts = [], []
    for table in wanted:
        old = before.pop(table.name, None)
        mine = {column.name.lower(): column for column in table.columns}
        rest = []
        for column in old.columns if old else ():
            now = mine.get(column.name.lower())
            if now is None:
                rest.append(column)
            elif now.kind != column.kind:
                conflicts.append(f"{column.name} ({column.kind} → {now.kind})")
        merged.append(replace(table, columns=(*table.columns, *rest)))
    return (*merged, *before.values()), tuple(conflicts)


def dump_tables(tables: Sequence[FlatTable]) -> str:
    """Tables as JSON text."""
    return msgspec.json.encode(tables).decode()


def load_tables(text: str) -> tuple[FlatTable, ...]:
    """Tables from the text of `dump_tables`."""
    return msgspec.json.decode(text, type=tuple[FlatTable, ...]) if text else ()


_Target = tuple[int, Column]  # where in a row an answer goes
_UNKNOWN: Any = object()


class _Plan:
    """One table's columns, found by an answer's key: the key's last part is the question's name, so a
    question that moved between groups from one version to the next stays in its column.
    """

    def __init__(self, table: FlatTable) -> None:
        self.table = table
        self.n_system = len(table.system)
        self.blank: list[Value] = [None] * (self.n_system + len(table.columns))
        self.columns: dict[str, list[_Target]] = {}
        for at, column in enumerate(table.columns, self.n_system):
            self.columns.setdefault(column.question, []).append((at, column))
        self.keys: dict[str, Any] = {}  # what `target` said, since the same keys come again and again

    def target(self, key: str) -> Any:
        """Where the answer *key* goes: a position for plain text, else its columns, or `_UNKNOWN`."""
        columns = self.columns.get(key.rpartition("/")[2])
        if columns is None:
            return _UNKNOWN
        ((at, column), *rest) = columns
        return at if not rest and column.kind == "text" and not column.many else columns


class Flattener:
    """Turns submissions into rows of *tables*, a form's own table first."""

    def __init__(self, tables: Sequence[FlatTable]) -> None:
        self.tables = tables
        self._root = _Plan(tables[0])
        self._plans = {table.repeat: _Plan(table) for table in tables[1:]}
        self._by_name = {path.rpartition("/")[2]: plan for path, plan in self._plans.items()}

    def flatten(self, submissions: Iterable[Submission]) -> Flattened:
        """The rows of *submissions*. Repeats are numbered over the whole submission; parents by their number."""
        flat = Flattened({table.name: [] for table in self.tables}, {table.name: [] for table in self.tables})
        for submission in submissions:
            root = submission.root_uuid
            numbers: dict[str, int] = {}
            self._place(flat, self._root, submission.answers, _system(submission), root, 0, numbers)
        return flat

    def _place(
        self,
        flat: Flattened,
        plan: _Plan,
        item: Mapping[str, Any],
        head: tuple[Value, ...],
        root: str,
        position: int,
        numbers: dict[str, int],
    ) -> None:
        row = plan.blank.copy()
        row[: plan.n_system] = head
        keys = plan.keys
        for key, value in item.items():
            if type(value) is list:
                inner = self._plans.get(key) or self._by_name.get(key.rpartition("/")[2])
                if inner is None:
                    flat.unknown.add(key.rpartition("/")[2])
                    continue
                for each in value:
                    if isinstance(each, dict):
                        numbers[inner.table.name] = number = numbers.get(inner.table.name, 0) + 1
                        above = position or None
                        self._place(flat, inner, each, (root, above, number), root, number, numbers)
                continue
            target = keys.get(key)
            if type(target) is int:
                row[target] = value if type(value) is str else str(value)
                continue
            if target is None:
                target = keys[key] = plan.target(key)
                if type(target) is int:
                    row[target] = str(value)
                    continue
            if target is _UNKNOWN:
                flat.unknown.add(key.rpartition("/")[2])
                continue
            text = value if type(value) is str else str(value)
            for at, column in target:
                if column.kind == "integer" and text.isascii() and text.isdecimal() and len(text) < 19:
                    row[at] = int(text)
                else:
                    row[at] = _value(flat, plan, column, text, root, position)
        flat.rows[plan.table.name].append(tuple(row))


def _value(flat: Flattened, plan: _Plan, column: Column, text: str, root: str, position: int) -> Value:
    if column.kind == "text":
        if column.many:
            flat.chosen[plan.table.name] += [
                (root, position, column.question, choice, at if column.many == "rank" else None)
                for at, choice in enumerate(text.split(), 1)
            ]
        return text
    if column.part >= 0:
        parts = text.split()
        number = _number(parts[column.part]) if column.part < len(parts) else None
        if column.part < 2 and number is None:
            flat.misfits.add(column.question)
        return number
    value: Value
    value = (int(text) if _INTEGER.fullmatch(text) else None) if column.kind == "integer" else _number(text)
    if value is None:
        flat.misfits.add(column.question)
    return value


def _system(submission: Submission) -> tuple[Value, ...]:
    return (
        submission.root_uuid,
        submission.submission_id,
        f"{submission.submitted_at.isoformat()[:19]}Z",
        submission.submitted_by,
        submission.form_version,
        submission.validation,
    )


def _number(text: str) -> float | None:
    try:
        number = float(text) if "_" not in text else float("nan")
    except ValueError:
        return None
    return number if number - number == 0 else None  # neither nan nor inf

"""A form's flat tables, and a submission's rows in them: typed columns named by question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

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
GEO_PARTS = ("lat", "lon", "alt", "acc")
_SILENT = frozenset({"note", "audit", "trigger"})
_INTEGER = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True)
class Column:
    """A column and the question it comes from; *part* is set for one of a geopoint's four numbers."""

    name: str
    kind: Kind
    question: str
    part: int = -1


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


@dataclass(frozen=True)
class Flattened:
    """A submission as rows per table name, with what did not fit: unknown keys and untyped answers."""

    rows: Mapping[str, list[dict[str, Value]]]
    unknown: frozenset[str] = frozenset()
    misfits: frozenset[str] = field(default_factory=frozenset)


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
            columns.append(Column(_free(question.name, taken), _kind(question), question.name))
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


def flatten(submission: Submission, tables: Sequence[FlatTable]) -> Flattened:
    """The submission's rows. Answers are found by the last part of their key, so that a question
    that moved between groups from one form version to the next stays in its column.
    """
    rows: dict[str, list[dict[str, Value]]] = {table.name: [] for table in tables}
    unknown: set[str] = set()
    misfits: set[str] = set()
    by_repeat = {table.repeat: table for table in tables}
    names = {table.repeat.rpartition("/")[2]: table for table in tables if table.repeat}

    def place(item: Mapping[str, Any], table: FlatTable, head: dict[str, Value]) -> None:
        answers: dict[str, str] = {}
        for key, value in item.items():
            name = key.rpartition("/")[2]
            if isinstance(value, list):
                nested = by_repeat.get(key) or names.get(name)
                if nested is None:
                    unknown.add(name)
                    continue
                position = sum(1 for row in rows[nested.name])
                for at, inner in enumerate(_items(value), 1):
                    system = {
                        "root_uuid": submission.root_uuid,
                        "parent_position": head.get("position"),
                        "position": position + at,
                    }
                    place(inner, nested, dict(system))
            else:
                answers[name] = str(value)
        row = {**head, **_typed(answers, table, misfits)}
        unknown.update(answers.keys() - {column.question for column in table.columns})
        rows[table.name].append(row)

    place(submission.answers, by_repeat[""], _system(submission))
    for table in tables:
        rows[table.name].sort(key=lambda row: row.get("position") or 0)
    return Flattened(rows, frozenset(unknown), frozenset(misfits))


def _items(value: list[Any]) -> Iterator[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, dict))


def _system(submission: Submission) -> dict[str, Value]:
    return {
        "root_uuid": submission.root_uuid,
        "submission_id": submission.submission_id,
        "submitted_at": submission.submitted_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "submitted_by": submission.submitted_by,
        "form_version": submission.form_version,
        "validation": submission.validation,
    }


def _typed(answers: Mapping[str, str], table: FlatTable, misfits: set[str]) -> dict[str, Value]:
    row: dict[str, Value] = {}
    for column in table.columns:
        text = answers.get(column.question)
        value: Value = text
        if text is not None and column.part >= 0:
            parts = text.split()
            value = _number(parts[column.part]) if column.part < len(parts) else None
            misfit = column.part < 2 and value is None
        elif text is not None and column.kind == "integer":
            value = int(text) if _INTEGER.fullmatch(text) else None
            misfit = value is None
        elif text is not None and column.kind == "decimal":
            value = _number(text)
            misfit = value is None
        else:
            misfit = False
        if misfit:
            misfits.add(column.question)
        row[column.name] = value
    return row


def _number(text: str) -> float | None:
    try:
        number = float(text) if "_" not in text else float("nan")
    except ValueError:
        return None
    return number if number - number == 0 else None  # neither nan nor inf

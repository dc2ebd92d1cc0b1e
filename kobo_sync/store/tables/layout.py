"""A form's flat tables: typed columns named by question; `flatten` has the rows in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from kobo_sync.model import Form, Question

Kind = Literal["text", "integer", "decimal"]
Value = str | int | float | None
FLAT_PREFIX = "data_"  # the flat tables' names in the database: no form_id can collide with ours
CHOSEN_PREFIX = "chosen_"  # the codes of their select_multiple and rank questions, one by one
VIEW_PREFIX = "v_"  # the same tables with labels, for people

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
KEY = ("root_uuid", "position")  # what tells a row, of those that its table has
WIDTH: tuple[Kind, ...] = ("integer", "decimal", "text")  # each holds what those before it hold
CHOSEN: tuple[tuple[str, Kind], ...] = (  # one row per chosen code; rank is its place in a rank question
    ("root_uuid", "text"),
    ("position", "integer"),
    ("question", "text"),
    ("choice", "text"),
    ("rank", "integer"),
)
MANY = {"select_multiple": "choices", "select_multiple_from_file": "choices", "rank": "rank"}
GEO_PARTS = ("lat", "lon", "alt", "acc")
GEOPOINTS = frozenset({"geopoint", "start-geopoint"})
PHONES = frozenset(
    "username deviceid phonenumber email subscriberid simserial".split()
)  # what a phone says of its owner
SILENT = frozenset({"note", "audit"})  # nothing that an analyst would have a column for


@dataclass(frozen=True)
class Column:
    """A column and the question it comes from; *part* is set for one of a geopoint's four numbers.

    *many* is ``choices`` or ``rank`` for answers of several codes: split in the table of `CHOSEN` too. *path* is
    the question's where several of its table have one name, each in a group of its own.
    """

    name: str
    kind: Kind
    question: str
    part: int = -1
    many: str = ""
    path: str = ""

    @property
    def chosen_as(self) -> str:
        """What the question is called in the table of `CHOSEN`."""
        return self.name if self.path else self.question


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
class Part:
    """A table of the database that holds *columns* of a flat table, behind its *system* columns or its key.

    *places* says where the values of all these stand in a row of the flat table.
    """

    name: str
    view: str
    system: tuple[tuple[str, Kind], ...]
    columns: tuple[Column, ...]
    places: tuple[int, ...]


def parts_of(table: FlatTable, most_columns: int) -> tuple[Part, ...]:
    """The tables of the database that a flat table is kept in: one, or several of one row each that share its key.

    *most_columns* is what one of them takes (see `dialects.Dialect.part_width`).
    """
    system, width = table.system, most_columns - len(table.system)
    keys = tuple(at for at, (name, _) in enumerate(system) if name in KEY)
    parts: list[Part] = []
    for start in range(0, max(1, len(table.columns)), width):
        columns = table.columns[start : start + width]
        before = tuple(range(len(system))) if not start else keys
        places = (*before, *range(len(system) + start, len(system) + start + len(columns)))
        n = len(parts) + 1
        parts.append(
            Part(
                part_name(table.name, n), view_name(table.name, n), tuple(system[at] for at in before), columns, places
            )
        )
    return tuple(parts)


def part_name(table: str, n: int = 1) -> str:
    """What the *n*-th part of a flat table is called in the database: no form_id can collide with it."""
    return FLAT_PREFIX + table if n == 1 else f"data{n}_{table}"


def view_name(table: str, n: int = 1) -> str:
    """What the view of that part is called."""
    return VIEW_PREFIX + table if n == 1 else f"v{n}_{table}"


def flat_tables(form: Form) -> tuple[FlatTable, ...]:
    """The form's table, then one per repeat, outer before inner.

    Columns carry the question's name; a name that a system column, another letter case or another group's question
    has taken gets a suffix, because SQL compares names without case.
    """
    tables = [FlatTable(form.form_id, "", "", _columns(form.questions, "", SYSTEM))]
    used_names = {form.form_id.lower()}
    for repeat in form.repeats:
        name = free_name(f"{form.form_id}__{repeat.name}", used_names)
        tables.append(FlatTable(name, repeat.path, repeat.parent, _columns(form.questions, repeat.path, REPEAT_SYSTEM)))
    return tuple(tables)


def _columns(questions: Sequence[Question], repeat: str, system: tuple[tuple[str, Kind], ...]) -> tuple[Column, ...]:
    used_names = {name for name, _ in system}
    mine = [question for question in questions if question.repeat == repeat and question.kind not in SILENT]
    n_named = Counter(question.name for question in mine)
    columns = []
    for question in mine:
        name, path = question.name, question.path if n_named[question.name] > 1 else ""
        if question.kind in GEOPOINTS:
            columns += [
                Column(free_name(f"{name}_{part}", used_names), "decimal", name, at, path=path)
                for at, part in enumerate(GEO_PARTS)
            ]
        else:
            many = MANY.get(question.kind, "")
            columns.append(Column(free_name(name, used_names), _kind(question), name, many=many, path=path))
    return tuple(columns)


def _kind(question: Question) -> Kind:
    if question.kind == "integer":
        return "integer"
    return "decimal" if question.kind in ("decimal", "range") else "text"


def free_name(name: str, used_names: set[str]) -> str:
    """*name*, or with a number that makes it unlike all *used_names*, which are in small letters; it is added to them."""
    candidate, n = name, 2
    while candidate.lower() in used_names:
        candidate, n = f"{name}_{n}", n + 1
    used_names.add(candidate.lower())
    return candidate


def merge_tables(
    stored: Sequence[FlatTable], current: Sequence[FlatTable]
) -> tuple[tuple[FlatTable, ...], tuple[str, ...]]:
    """The tables of *current* with what *stored* has beyond them, and the columns whose type has changed.

    A question that a newer form left out, moved into a repeat or out of one keeps its column, so that
    rows of older versions keep their answers. Where types differ the wider one holds (every integer is a decimal, every
    number a text): what was answered under either stays.
    """
    before = {table.name: table for table in stored}
    merged, conflicts = [], []
    for table in current:
        old = before.pop(table.name, None)
        mine = {column.name.lower(): column for column in table.columns}
        rest = []
        wider: dict[str, Kind] = {}
        for column in old.columns if old else ():
            now = mine.get(column.name.lower())
            if now is None:
                rest.append(column)
            elif now.kind != column.kind:
                wider[now.name] = max(now.kind, column.kind, key=WIDTH.index)
                conflicts.append(f"{column.name} ({column.kind} → {now.kind})")
        columns = [replace(column, kind=wider.get(column.name, column.kind)) for column in table.columns]
        merged.append(replace(table, columns=(*columns, *rest)))
    return (*merged, *before.values()), tuple(conflicts)


def dump_tables(tables: Sequence[FlatTable]) -> str:
    """Tables as JSON text."""
    return msgspec.json.encode(tables).decode()


def load_tables(text: str) -> tuple[FlatTable, ...]:
    """Tables from the text of `dump_tables`."""
    return msgspec.json.decode(text, type=tuple[FlatTable, ...]) if text else ()

"""A project's rows as tables, and those as CSV and XLSX, as a real server exports them [t04, v04].

Columns are the questions by name or in a language, then what the server knows; each repeat is a table of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import xlsxwriter

_FACTS = (
    "_id _uuid _submission_time _validation_status _notes _status _submitted_by __version__ _tags meta/rootUuid".split()
)
_ALWAYS = ("_uuid", "meta/rootUuid")
_GEO = ("latitude", "longitude", "altitude", "precision")
_SHEET_MOST = 31
_CELL_MOST = 32_767  # characters that a cell of a workbook holds
Cell = str | int | None
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """How an export is laid out: *language* None is names; *fields* are paths, none: all."""

    language: int | None
    has_groups: bool
    separator: str
    multiple: str
    fields: Sequence[str] = ()


@dataclass
class Table:
    """One table; *path* is that of its repeat, *parent* its place among the tables (-1: the first)."""

    name: str
    path: str
    parent: int
    columns: list[tuple[str, Callable[[Row], Cell]]] = field(default_factory=list)


def tables_of(content: Mapping[str, Any], name: str, layout: Layout) -> list[Table]:
    """The tables of a form's *content*, the project's own first."""
    tables = [Table(name, "", -1)]
    choices: dict[Any, list[tuple[str, str]]] = {}
    for choice in content.get("choices", []):
        if choice.get("name"):
            choices.setdefault(choice.get("list_name"), []).append((choice["name"], _shown(choice, layout)))
    groups: list[tuple[str, int]] = []
    for row in content["survey"]:
        kind, table = str(row.get("type", "")), tables[groups[-1][1] if groups else 0]
        if kind.startswith("end_") and groups:
            groups.pop()
        elif kind.startswith("begin_"):
            at = tables.index(table)
            if kind == "begin_repeat":
                tables.append(Table(str(row.get("name", "")), row.get("$xpath", ""), at))
                at = len(tables) - 1
            groups.append((_shown(row, layout), at))
        elif row.get("$xpath") and kind != "note" and (not layout.fields or row["$xpath"] in layout.fields):
            names = [group for group, _ in groups] if layout.has_groups else []
            header = layout.separator.join([*names, _shown(row, layout)])
            table.columns += _columns(row, kind, header, choices.get(row.get("select_from_list_name"), []), layout)
    return tables


def _shown(row: Mapping[str, Any], layout: Layout) -> str:
    label = row.get("label") or []
    if layout.language is None or layout.language >= len(label) or not label[layout.language]:
        return str(row.get("name", ""))
    return str(label[layout.language])


def _columns(
    row: Mapping[str, Any], kind: str, header: str, choices: Sequence[tuple[str, str]], layout: Layout
) -> Iterator[tuple[str, Callable[[Row], Cell]]]:
    path, labels = row["$xpath"], dict(choices)

    def answer(data: Row) -> Cell:
        value = data.get(path)
        if not isinstance(value, str) or layout.language is None:
            return value if isinstance(value, str) else None
        if kind == "select_multiple":
            return " ".join(labels.get(name, name) for name in value.split())
        return labels.get(value, value) if kind == "select_one" else value

    if kind != "select_multiple" or layout.multiple != "details":
        yield header, answer
    if kind == "select_multiple" and layout.multiple != "summary":
        for name, label in choices:
            yield f"{header}{layout.separator}{label}", _has(path, name)
    if kind == "geopoint":
        for n, part in enumerate(_GEO):
            yield f"_{header}_{part}", _part(path, n)


def _has(path: str, name: str) -> Callable[[Row], Cell]:
    return lambda data: str(int(name in str(data[path]).split())) if data.get(path) else None


def _part(path: str, n: int) -> Callable[[Row], Cell]:
    def part(data: Row) -> Cell:
        parts = str(data.get(path, "")).split()
        return parts[n] if n < len(parts) else None

    return part


# ── rows ────────────────────────────────────────────────────────────────────


def headers(table: Table, layout: Layout) -> list[str]:
    """The first line of a table."""
    names = [header for header, _ in table.columns]
    if table.parent < 0:
        return [*names, *_facts(layout), "_index"]
    own = ["_index", "_parent_table_name", "_parent_index"]
    return [*names, *own, *(f"_submission_{fact}" for fact in _facts(layout))]


def _facts(layout: Layout) -> list[str]:
    return [fact for fact in _FACTS if not layout.fields or fact in _ALWAYS or fact in layout.fields]


def lines(rows: Iterable[Row], tables: Sequence[Table], layout: Layout, at: int) -> Iterator[list[Cell]]:
    """The lines of the table *at*, its header left out; each repeat counts through all rows."""
    table = tables[at]
    counts = [0] * len(tables)
    for row in rows:
        facts = [_fact(row, name, layout) for name in _facts(layout)]
        for data, index, parent in _occurrences(row, tables, at, counts):
            cells = [value(data) for _, value in table.columns]
            if table.parent < 0:
                yield [*cells, *facts, index]
            else:
                yield [*cells, index, tables[table.parent].name, parent, *facts]


def _occurrences(row: Row, tables: Sequence[Table], at: int, counts: list[int]) -> Iterator[tuple[Row, int, int]]:
    """(answers, index, index of what it lies in) of each time the table *at* stands in a row."""
    if tables[at].parent < 0:
        counts[at] += 1
        yield row, counts[at], 0
        return
    for data, index, _ in _occurrences(row, tables, tables[at].parent, counts):
        inner = data.get(tables[at].path)
        for item in inner if isinstance(inner, list) else []:
            counts[at] += 1
            yield item, counts[at], index


def _fact(row: Row, name: str, layout: Layout) -> Cell:
    value = row.get(name)
    if name == "_validation_status":
        return (value or {}).get("uid" if layout.language is None else "label")
    return value if isinstance(value, (str, int)) else None


# ── files ───────────────────────────────────────────────────────────────────


def as_csv(rows: Iterable[Row], tables: Sequence[Table], layout: Layout) -> bytes:
    """The first table, semicolons and quotes throughout; repeats are left out."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(headers(tables[0], layout))
    for line in lines(rows, tables, layout, 0):
        writer.writerow(["" if cell is None else str(cell) for cell in line])
    return target.getvalue().encode()


def as_xlsx(rows: Sequence[Row], tables: Sequence[Table], layout: Layout) -> bytes:
    """One sheet per table; texts stay texts, also those that look like formulas."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"constant_memory": True})
    book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001 - a zip entry's fixed date, not a moment
    used: set[str] = set()
    for at, table in enumerate(tables):
        sheet = book.add_worksheet(_sheet_name(table.name, used))
        head: list[Cell] = [*headers(table, layout)]
        for n, line in enumerate(chain([head], lines(rows, tables, layout, at))):
            for m, cell in enumerate(line):
                if isinstance(cell, int):
                    sheet.write_number(n, m, cell)
                elif cell is not None:
                    sheet.write_string(n, m, cell[:_CELL_MOST])
    book.close()
    return target.getvalue()


def _sheet_name(name: str, used: set[str]) -> str:
    """A name that a workbook takes, and has not yet."""
    safe = "".join("_" if sign in "[]:*?/\\'" else sign for sign in name).strip()[:_SHEET_MOST] or "data"
    n = 1
    while safe.casefold() in used:
        n += 1
        safe = f"{safe[: _SHEET_MOST - 4]}_{n}"
    used.add(safe.casefold())
    return safe

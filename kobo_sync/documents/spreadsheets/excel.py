"""Excel files: text stays text, the same bytes each time; the only user of XlsxWriter."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from kobo_sync.documents.colours import tint
from kobo_sync.documents.legend import legend
from kobo_sync.documents.script import is_arabic
from kobo_sync.language.catalogue import later, t
from kobo_sync.language.clean_text import clean
from kobo_sync.language.speaking import spoken

Kind = Literal[
    "text", "integer", "decimal", "date", "datetime",
    "share", "percent", "tenth", "hundredth", "signed", "signed tenth", "p",
]  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A number that is shown in another way than its column: a sheet of figures has one of each kind a row."""

    value: float
    kind: Kind


Value = str | int | float | date | datetime | Figure | None

INK = "#1F4E79"
_RULE, _PALE = "#B8C2CC", 0.9
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)
_LONGEST_CELL, _SHORT = 32_000, 200  # characters; Excel holds 32,767 in a cell
_FIRST_DAY = date(1900, 3, 1)  # of Excel's calendar as other programs count it
_NOT_A_DATE = "#FFF2CC"  # fill of a date that is text, because Excel has no such day
NEXT_PART = later("(continued)")
_MOST_COLUMNS, _MOST_ROWS = 16_384, 1_048_576  # of a sheet: XlsxWriter leaves out what is beyond, without a word
_KEYS = ("root_uuid", "parent_position", "position")  # columns that say which row it is, on every part of a wide sheet
_MOST_DIGITS = 10**15
_FORMATS: dict[Kind, dict[str, Any]] = {
    "text": {},
    "integer": {"num_format": "#,##0"},
    "decimal": {"num_format": "#,##0.0###"},
    "share": {"num_format": '0"\u202f"%'},  # 0,57 as 57 %
    "percent": {"num_format": '0"\u202f%"'},  # 57 as 57 %
    "tenth": {"num_format": "#,##0.0"},
    "hundredth": {"num_format": "0.00"},
    "signed": {"num_format": "+0;\u22120;0"},
    "signed tenth": {"num_format": "+0.0;\u22120.0;0.0"},
    "p": {"num_format": '[<0.001]"<\u202f0,001";0.000'},
    "date": {"num_format": "dd/mm/yyyy", "align": "left"},
    "datetime": {"num_format": "dd/mm/yyyy hh:mm", "align": "left"},
}


@dataclass(frozen=True)
class Column:
    """A column: its header *name*, what it means (*title*, a line above the header), how it is shown.

    *question* is the question that it answers, where its name is another; *labels_of* the column whose labels it has.
    """

    name: str
    title: str = ""
    kind: Kind = "text"
    width: float = 0
    choices: tuple[str, ...] = ()
    question: str = ""
    labels_of: str = ""


@dataclass(frozen=True)
class Sheet:
    """One sheet: rows below a frozen, filtered header. Times in *rows* are naive local times.

    *highlight* maps a formula over the first data row (``=$A2<TODAY()``) to a fill colour; *intro* are
    lines above the table; *filtered* switches the filter buttons. *explained*: a line below says what dashes, signs and
    empty cells stand for. *printed* is how many columns, from the first, a printed page has (0: all).
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    intro: Sequence[str] = ()
    highlight: Mapping[str, str] = field(default_factory=dict)
    filtered: bool = True
    explained: bool = False
    printed: int = 0

    @property
    def first_row(self) -> int:
        """The 1-based number of the first data row."""
        return len(self.intro) + bool(self.intro) + any(column.title for column in self.columns) + 2


def letters(columns: Sequence[Column], name: str) -> str:
    """The letters of the column called *name*, for formulas."""
    return str(xl_col_to_name([column.name for column in columns].index(name)))


def workbook(
    sheets: Sequence[Sheet],
    *,
    title: str,
    author: str,
    when: datetime | None,
    comments: str = "",
    colour: str = INK,
) -> bytes:
    """The .xlsx file of *sheets*. Nothing in a cell ever becomes a formula or a link; *when* is its date.

    *colour* (``#RRGGBB``) is that of titles and header rows.
    """
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    created = (when or _EPOCH).astimezone(UTC).replace(tzinfo=None, microsecond=0)
    book.set_properties(
        {"title": clean(title), "author": clean(author), "comments": clean(comments), "created": created}
    )
    book.set_size(2000, 1400)
    formats = _Formats(book, colour)
    sheet_names: set[str] = set()
    for sheet in (part for whole in sheets for part in _parts(_fitted(whole))):
        _write_sheet(book.add_worksheet(sheet_name(sheet.name, sheet_names)), sheet, formats)
    book.close()
    return out.getvalue()


def sheet_name(name: str, sheet_names: set[str]) -> str:
    """*name* as Excel allows it: 31 characters, none of ``[]:*?/\\``, unlike those *sheet_names* (to which it is added)."""
    base = re.sub(r"[\[\]:*?/\\]", "-", clean(name)).strip("' ")[:31] or t("Sheet")
    candidate, number = base, 2
    while candidate.casefold() in sheet_names:
        suffix = f" ({number})"
        candidate, number = base[: 31 - len(suffix)] + suffix, number + 1
    sheet_names.add(candidate.casefold())
    return candidate


class _Formats:
    """The workbook's cell formats, each made once."""

    def __init__(self, book: Any, colour: str) -> None:
        self._book, self.colour = book, colour
        self._made: dict[tuple[Any, ...], Any] = {}
        self._cells: dict[tuple[Kind, bool, bool], Any] = {}

    def get(self, **properties: Any) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(
                {"valign": "top", "font_name": "Calibri", "font_size": 10} | properties
            )
        return self._made[key]

    def cell(self, kind: Kind, *, text: bool = False, arabic: bool = False) -> Any:
        """The format of a data cell; *arabic* texts read from the right whatever the sheet's direction."""
        key = (kind, text, arabic)
        if key not in self._cells:
            look: dict[str, Any] = {"border": 1, "border_color": _RULE} | _FORMATS[kind]
            look |= {"text_wrap": True} if text else {}
            # On a sheet that begins on the right, the right is where texts stand anyway.
            look |= {"reading_order": 2, "align": "right"} if arabic else {}
            self._cells[key] = self.get(**look)
        return self._cells[key]


def _write_sheet(target: Any, sheet: Sheet, formats: _Formats) -> None:
    titled = any(column.title for column in sheet.columns)
    if spoken().runs_right_to_left:
        target.right_to_left()
    for number, line in enumerate(sheet.intro):
        bold = {"bold": True, "font_size": 14, "font_color": formats.colour} if number == 0 else {}
        target.write_string(number, 0, clean(line), formats.get(**bold))
    header = sheet.first_row - 2
    for index, column in enumerate(sheet.columns):
        if titled:
            above = formats.get(
                text_wrap=True,
                italic=True,
                font_color="#44545F",
                bg_color=tint(formats.colour, _PALE),
                border=1,
                border_color=_RULE,
            )
            target.write_string(header - 1, index, _cut(column.title), above)
        style = formats.get(
            bold=True, font_color="white", bg_color=formats.colour, border=1, border_color=_RULE, text_wrap=True
        )
        target.write_string(header, index, _cut(column.name), style)
        target.set_column(index, index, column.width or _width(sheet, index))
    for number, row in enumerate(sheet.rows, header + 1):
        for index, (column, value) in enumerate(zip(sheet.columns, row, strict=True)):
            _write_cell(target, number, index, value, column.kind, formats)
    last = max(header, header + len(sheet.rows))
    if sheet.columns:
        target.freeze_panes(header + 1, 1 if len(sheet.columns) > 3 else 0)
        if sheet.filtered:
            target.autofilter(header, 0, last, len(sheet.columns) - 1)
    if explanation := _explanation(sheet):
        target.write_string(last + 2, 0, explanation, formats.get(italic=True, font_color="#44545F"))
    _extras(target, sheet, formats, header + 1)
    _page(target, sheet, header, last)


def _write_cell(target: Any, row: int, column: int, value: Value, kind: Kind, formats: _Formats) -> None:
    if value is None or value == "":
        target.write_blank(row, column, None, formats.cell(kind))
    elif isinstance(value, Figure):
        _write_cell(target, row, column, value.value, value.kind, formats)
    elif isinstance(value, str):
        text, arabic = _shown(value) if len(value) <= _SHORT else _looked_at(value)
        target.write_string(row, column, text, formats.cell(kind, text=True, arabic=arabic))
    elif isinstance(value, date) and _day(value) < _FIRST_DAY:
        target.write_string(
            row, column, value.isoformat(), formats.get(border=1, border_color=_RULE, bg_color=_NOT_A_DATE)
        )
    elif isinstance(value, date):
        target.write_datetime(row, column, value, formats.cell(kind))
    elif abs(value) >= _MOST_DIGITS or not math.isfinite(value):
        target.write_string(row, column, str(value), formats.cell(kind))
    else:
        target.write_number(row, column, value, formats.cell(kind))


def _extras(target: Any, sheet: Sheet, formats: _Formats, first: int) -> None:
    """Drop-downs and highlighting, over the rows there are and two hundred more for staff to fill."""
    last = first + len(sheet.rows) + 200
    for index, column in enumerate(sheet.columns):
        if column.choices:
            rule = {"validate": "list", "source": list(column.choices), "error_title": t("Unknown value")}
            rule["error_message"] = t("Choose a value of the list.")
            target.data_validation(first, index, last, index, rule)
    for formula, color in sheet.highlight.items():
        style = formats.get(bg_color=color)
        rule = {"type": "formula", "criteria": formula, "format": style}
        target.conditional_format(first, 0, last, max(0, len(sheet.columns) - 1), rule)


def _explanation(sheet: Sheet) -> str:
    """What the marks in the sheet stand for, and its empty cells; nothing where it has neither, or says it elsewhere."""
    if not sheet.explained or not sheet.rows:
        return ""
    cells = [cell for row in sheet.rows for cell in row]
    return legend((cell for cell in cells if isinstance(cell, str)), empty=any(cell is None for cell in cells))


def _page(target: Any, sheet: Sheet, header: int, last: int) -> None:
    if sheet.printed:
        target.print_area(0, 0, last, min(sheet.printed, len(sheet.columns)) - 1)
    target.set_landscape()
    target.set_paper(9)
    target.fit_to_pages(1, 0)
    target.set_footer(f"&L&8&A&R&8{t('Page')} &P / &N")
    if sheet.columns:
        target.repeat_rows(header)


def _width(sheet: Sheet, index: int) -> float:
    column = sheet.columns[index]
    if column.kind in ("date", "datetime"):
        return 16
    longest = max((len(str(row[index])) for row in sheet.rows if row[index] is not None), default=0)
    return float(min(60, max(len(column.name) + 3, min(len(column.title), 24), longest * 0.95 + 2, 8)))


def _looked_at(text: str) -> tuple[str, bool]:
    """The text as a cell holds it, and whether it runs right to left."""
    return _cut(text), is_arabic(text)


_shown = lru_cache(maxsize=4096)(_looked_at)  # of short texts: labels and codes come again, in a workbook and the next


def _cut(text: str) -> str:
    """A text without XML's forbidden characters; one of a header, a title or an intro in what a cell holds."""
    text = clean(text)
    return text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + " […]"


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _fitted(sheet: Sheet) -> Sheet:
    """The sheet with longer texts than a cell holds going on in columns beside theirs: nothing is lost, all can be joined."""
    longest = [
        max((len(row[index]) for row in sheet.rows if isinstance(row[index], str)), default=0)  # type: ignore[arg-type]
        for index in range(len(sheet.columns))
    ]
    parts = [max(1, -(-length // _LONGEST_CELL)) for length in longest]
    if max(parts, default=1) == 1:
        return sheet
    headers = {column.name for column in sheet.columns}
    columns = [
        column if number == 0 else replace(column, name=_next_name(column.name, number, headers))
        for column, n in zip(sheet.columns, parts, strict=True)
        for number in range(n)
    ]
    rows = [
        [cell for value, n in zip(row, parts, strict=True) for cell in (_pieces(value, n) if n > 1 else [value])]
        for row in sheet.rows
    ]
    return replace(sheet, columns=columns, rows=rows)


def _parts(sheet: Sheet) -> Iterator[Sheet]:
    """The sheet, or as many as Excel needs to hold all its columns and rows: each has the columns of `_KEYS`."""
    most_rows = _MOST_ROWS - sheet.first_row + 1
    if len(sheet.columns) <= _MOST_COLUMNS and len(sheet.rows) <= most_rows:
        yield sheet
        return
    keys = [index for index, column in enumerate(sheet.columns[:10]) if column.name in _KEYS]
    others = [index for index in range(len(sheet.columns)) if index not in keys]
    width = _MOST_COLUMNS - len(keys)
    for start in range(0, max(1, len(others)), width):
        places = keys + others[start : start + width]
        columns = [sheet.columns[place] for place in places]
        for first in range(0, max(1, len(sheet.rows)), most_rows):
            rows = [[row[place] for place in places] for row in sheet.rows[first : first + most_rows]]
            yield replace(sheet, columns=columns, rows=rows)


def _next_name(name: str, number: int, headers: set[str]) -> str:
    """The header of a text's next part, unlike all *headers*, to which it is added."""
    candidate = f"{name} {t(NEXT_PART)}" + (f" {number}" if number > 1 else "")
    while candidate in headers:
        candidate += " bis"
    headers.add(candidate)
    return candidate


def _pieces(value: Value, n: int) -> list[Value]:
    if not isinstance(value, str):
        return [value, *[None] * (n - 1)]
    return [value[at : at + _LONGEST_CELL] or None for at in range(0, n * _LONGEST_CELL, _LONGEST_CELL)]

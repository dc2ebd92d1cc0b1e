"""Rules on cells as they were typed: blanks, quotes, formulas, merged cells, macros."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.forms.headers import column
from kobo_sync.forms.rules.subject import TECHNICAL, Fault, Line, Subject, rule

_SMART = re.compile("[‘’‚‛“”„«»]")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SHEETS = ("survey", "choices", "settings")


@rule("FORM080", "warning", "advice")
def outer_blanks(subject: Subject) -> Iterator[Fault]:
    """Types, names and codes have no blank before or behind them."""
    for line, header, name, text in _technical(subject):
        if name in ("type", "name", "list_name") and text != text.strip():
            yield _place(subject, line, header), f"{text.strip()!r} has a blank before or behind it", "remove it"


@rule("FORM081", "warning", "advice")
def no_break_space(subject: Subject) -> Iterator[Fault]:
    """No no-break space or invisible mark stands in types, names or expressions."""
    for line, header, _, text in _technical(subject):
        if "\xa0" in text or "\u202f" in text:
            yield _place(subject, line, header), "there is a no-break space in the cell", "retype the spaces"
        elif mark := _INVISIBLE.search(text):
            yield (
                _place(subject, line, header),
                f"there is an invisible mark (U+{ord(mark[0]):04X}) in the cell",
                "retype the cell",
            )


@rule("FORM082", "warning", "advice")
def straight_quotes(subject: Subject) -> Iterator[Fault]:
    """Expressions use straight quotes."""
    for line, header, _, text in _technical(subject):
        if mark := _SMART.search(_QUOTED.sub("", text)):
            yield (
                _place(subject, line, header),
                f"{mark[0]} is not a quote for expressions",
                "type ' or \" (switch off smart quotes)",
            )


@rule("FORM083", "warning", "advice")
def no_formula(subject: Subject) -> Iterator[Fault]:
    """Cells hold text, not formulas of the spreadsheet."""
    for sheet in subject.book.sheets:
        if sheet.name.strip().lower() not in _SHEETS and sheet is not subject.book.survey:
            continue
        for cell, text in sheet.formulas.items():
            shown = text if len(text) <= 40 else f"{text[:37]}…"
            message = f"the cell holds a formula ({shown}); only its last result is read"
            yield f"{subject.filename}, sheet {sheet.name}, cell {cell}", message, "copy, then paste as values"


@rule("FORM084", "warning", "advice")
def no_merged_cells(subject: Subject) -> Iterator[Fault]:
    """No cells are merged: only the first of them is read."""
    for sheet in subject.book.sheets:
        if sheet.name.strip().lower() not in _SHEETS and sheet is not subject.book.survey:
            continue
        for area in sheet.merged:
            yield (
                f"{subject.filename}, sheet {sheet.name}, cells {area}",
                "the cells are merged",
                "split them, and fill each",
            )


@rule("FORM085", "warning", "advice")
def no_macros(subject: Subject) -> Iterator[Fault]:
    """The workbook has no macro and no link to another workbook."""
    if subject.book.has_macros:
        yield (
            subject.filename,
            "the workbook holds macros, which servers refuse or ignore",
            "save it as .xlsx without macros",
        )
    if subject.book.has_links:
        yield subject.filename, "the workbook is linked to another one", "copy the linked cells, paste them as values"


def _technical(subject: Subject) -> Iterator[tuple[Line, str, str, str]]:
    """(row, header, canonical column, text as typed) of every cell that machines read."""
    for line in (*subject.survey, *subject.choices):
        for header, text in line.raw.items():
            name = column(header).name
            if name in TECHNICAL:
                yield line, header, name, text


def _place(subject: Subject, line: Line, header: str) -> str:
    return f"{subject.at(line)}, column {header}"

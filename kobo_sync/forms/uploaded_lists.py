"""A list as somebody hands it in, CSV or workbook, from whatever program: its rows, and how they were read."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from kobo_sync.config.files import ZONES_FILE, check_readable
from kobo_sync.config.list_editing import Rows, code_column, csv_text, rows_of
from kobo_sync.config.lists import delimiter_of
from kobo_sync.errors import ConfigError, FormError
from kobo_sync.forms.sheets import Sheet, read_book
from kobo_sync.forms.unpacking import too_much

_MIXED = re.compile(r"[A-Za-z\u00c0-\u024f][\u0621-\u0652]|[\u0621-\u0652][A-Za-z\u00c0-\u024f]")
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d) 00:00:00")
_DAY_FIRST = re.compile(r"\b(\d\d?)/(\d\d?)/(\d{4})\b")
_DAYS = ("days", "training_on")
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class UploadedList:
    """The rows; *encoding* and *delimiter* of a text (empty for a workbook); *kept*: columns that it does not have, and that stay."""

    rows: Rows
    encoding: str = ""
    delimiter: str = ""
    kept: tuple[str, ...] = ()


def uploaded_list(content: bytes, file: str, current: Rows) -> UploadedList:
    """The list that is to become *file*, which has the rows *current* now: columns that it leaves out keep their cells.

    Days written as 11/02/2025 (as spreadsheets do of their own accord) are read day first. Raises: ConfigError saying what cannot be read.
    """
    encoding = delimiter = ""
    if content.startswith(_WORKBOOK):
        text = _workbook_text(content, file)
    else:
        text, encoding = _decoded(content, file) if content.strip(b"\x00\t\r\n ") else ("", "")
        if not text.strip():  # also one whose only line is Excel's sep=
            raise ConfigError("the file that was sent is empty", file=file, hint="choose the file with the rows")
        delimiter = delimiter_of(text)
    rows = rows_of(_with_known_columns(text, (code_column(file), *current.columns), file), file)
    kept = tuple(name for name in current.columns if name not in rows.columns)
    by_code = {
        code: {name: current.by_code.get(code, {}).get(name, "") for name in kept}
        | {name: _cell(name, cell, file) for name, cell in row.items()}
        for code, row in rows.by_code.items()
    }
    return UploadedList(Rows((*rows.columns, *kept), by_code), encoding, delimiter, kept)


def _with_known_columns(text: str, known: tuple[str, ...], file: str) -> str:
    """*text* with the columns' names as the list has them: « Code » is code."""
    delimiter = delimiter_of(text)
    check_readable(text, delimiter, file)
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    names = {name.casefold(): name for name in known}
    columns = [names.get(name.strip().casefold(), name.strip()) for name in header]
    _check_under_columns(columns, rows, file)
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([columns, *rows])
    return out.getvalue()


def _check_under_columns(columns: list[str], rows: list[list[str]], file: str) -> None:
    """Raises: ConfigError naming the row of a cell that no column names: the list would lose it, as after a comma without quotes."""
    for number, row in enumerate(rows, 2):
        for at, cell in enumerate(row):
            if cell.strip() and (at >= len(columns) or not columns[at]):
                raise ConfigError(
                    f"the cell {cell.strip()[:40]!r} stands below no column",
                    file=file,
                    key=f"row {number}",
                    hint="put a text that has a comma or a semicolon in it between quotes, or give the column a name",
                )


def _cell(column: str, text: str, file: str) -> str:
    plain = _MIDNIGHT.sub(r"\1", text)
    if file != ZONES_FILE or column not in _DAYS:
        return plain
    return _DAY_FIRST.sub(lambda day: f"{day[3]}-{int(day[2]):02}-{int(day[1]):02}", plain)


def _decoded(content: bytes, file: str) -> tuple[str, str]:
    """The text and its encoding: what is neither UTF-8 nor UTF-16 is Windows', Arabic unless letters of both scripts meet in words."""
    encoding = "UTF-16" if content.startswith(_UTF_16) else "UTF-8"
    try:
        text = content.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError:
        text, encoding = content.decode("cp1256"), "Windows-1256"
        if _MIXED.search(text):
            text, encoding = content.decode("cp1252", "replace"), "Windows-1252"
    if "\x00" in text or "\ufffd" in text:
        raise ConfigError(
            "the file that was sent is no text and no workbook",
            file=file,
            hint="send a workbook (.xlsx), or save it as “CSV UTF-8”",
        )
    first, _, rest = text.replace("\r\n", "\n").replace("\r", "\n").partition("\n")
    return (rest if first.lower().startswith("sep=") else f"{first}\n{rest}"), encoding


def _workbook_text(content: bytes, file: str) -> str:
    reason = too_much(content)
    if reason:
        raise ConfigError(
            f"the workbook is too large for a list: {reason}",
            file=file,
            hint="delete the rows and columns below and beside the list, and save it again",
        )
    try:
        book = read_book(content, "list.xls" if content.startswith(_WORKBOOK[1]) else "list.xlsx")
    except FormError as error:
        raise ConfigError(error.message.removeprefix(f"{error.form}: "), file=file, hint=error.hint) from error
    column = code_column(file)
    sheets = [sheet for sheet in book.sheets if column in {name.casefold() for name in sheet.header}]
    sheet = next(iter(sheets), next(iter(book.sheets), None))
    if sheet is None:
        raise ConfigError("the workbook has no sheet with rows", file=file, hint=f"begin with a column {column}")
    return _sheet_text(sheet)


def _sheet_text(sheet: Sheet) -> str:
    return csv_text(sheet.header, [row.cells for row in sheet.rows])

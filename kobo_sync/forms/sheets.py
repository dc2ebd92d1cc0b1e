"""Workbook bytes → sheets of text cells with their places: what an XLSForm holds before it has a meaning."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from kobo_sync.errors import FormError
from kobo_sync.forms.unpacking import MOST_BYTES, MOST_CELLS, too_much

ENDINGS = (".xlsx", ".xlsm", ".xls", ".md", ".csv")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_MERGED = re.compile(rb'<mergeCell ref="([A-Z0-9:]+)"')
_MAX_BLANK_ROWS = 60
_MAX_BLANK_COLUMNS = 20


@dataclass(frozen=True)
class Row:
    """A row with at least one filled cell; *cells* map a header to the text as typed, spaces kept."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Sheet:
    """A sheet: *header* as written (blank columns left out, repeats kept); *merged* and *formulas* are cell places.

    A formula's text stands in *formulas*, its last computed value in the row.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    merged: tuple[str, ...] = ()
    formulas: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Book:
    """All sheets of a workbook, in order."""

    sheets: tuple[Sheet, ...]
    has_macros: bool = False
    has_links: bool = False

    def sheet(self, name: str) -> Sheet | None:
        """The sheet called *name* in whatever case, or None."""
        return next((sheet for sheet in self.sheets if sheet.name.strip().lower() == name), None)

    @property
    def survey(self) -> Sheet | None:
        """The survey sheet; a workbook of one sheet needs not call it so (pyxform reads it the same way)."""
        survey = self.sheet("survey")
        return self.sheets[0] if survey is None and len(self.sheets) == 1 else survey


@lru_cache(maxsize=16)
def read_book(content: bytes, filename: str) -> Book:
    """The sheets of a workbook; the kind of file is told by *filename*'s ending. The same bytes are read once.

    Raises: FormError when the file is broken, protected by a password, empty or of another kind.
    """
    ending = PurePath(filename).suffix.lower()
    if ending not in ENDINGS:
        raise FormError(
            f"{ending or 'no ending'} is not a kind of form file", form=filename, hint=f"use {', '.join(ENDINGS)}"
        )
    if not content.strip():
        raise FormError("the file is empty", form=filename, hint="save the workbook again, or copy it from a backup")
    reason = too_much(content) if ending in (".xlsx", ".xlsm", ".xls") else ""
    if not reason and len(content) > MOST_BYTES and ending in (".md", ".csv"):
        reason = f"it has {len(content) // 1_000_000} MB"
    if reason:
        raise FormError(
            f"the file is too large for a form: {reason}",
            form=filename,
            hint="delete the rows and columns below and beside the form, or move long choice lists into a CSV of their own"
            " (select_one_from_file), and save it again",
        )
    if ending in (".xlsx", ".xlsm"):
        return _read_xlsx(content, filename)
    if ending == ".xls":
        return _read_xls(content, filename)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormError("the text is not UTF-8", form=filename, hint="save it as UTF-8") from error
    if "\x00" in text:
        raise FormError("this is not a text file", form=filename, hint="give the file the ending that fits its kind")
    try:
        return _book_of(_md_lines(text) if ending == ".md" else _csv_lines(text))
    except csv.Error as error:
        raise FormError(f"the text cannot be read ({error})", form=filename, hint="close the quotes there") from error


def cells_sha256(content: bytes, filename: str) -> str:
    """SHA-256 of what a workbook's cells say, in hex: neither fonts, widths nor the program that saved it count.

    Raises: FormError as `read_book`.
    """
    digest = hashlib.sha256()
    for sheet in read_book(content, filename).sheets:
        digest.update(repr((sheet.name, sheet.header)).encode())
        for row in sheet.rows:
            digest.update(repr((row.number, [(h, text.strip()) for h, text in row.cells.items()])).encode())
    return digest.hexdigest()


def as_workbook(content: bytes, filename: str) -> tuple[bytes, str]:
    """A form as a server takes it, with its file name: text (.md, .csv) becomes .xlsx, a workbook stays as it is.

    KoboToolbox reads nothing but workbooks [b16]. Raises: FormError as `read_book`.
    """
    from xlsxwriter import Workbook

    path = PurePath(filename)
    if path.suffix.lower() not in (".md", ".csv"):
        return content, filename
    written = io.BytesIO()
    with Workbook(written, {"in_memory": True}) as book:
        book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001 - a zip entry's fixed date, not a moment
        for sheet in read_book(content, filename).sheets:
            page = book.add_worksheet(sheet.name)
            for column, title in enumerate(sheet.header):
                page.write_string(0, column, title)
                for row in sheet.rows:
                    page.write_string(row.number - 1, column, row.cells.get(title, ""))
    return written.getvalue(), path.with_suffix(".xlsx").name


def _read_xlsx(content: bytes, filename: str) -> Book:
    if content.startswith(_OLE):
        if _ENCRYPTED in content:
            raise FormError(
                "the workbook is protected by a password",
                form=filename,
                hint="open it in Excel and save it without a password",
            )
        raise FormError(
            "this is an old .xls workbook with another ending",
            form=filename,
            hint="rename it to .xls, or save it as .xlsx",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            values, formulas = _load_xlsx(content)
            sheets = []
            for name, grid in values.items():
                path = grid[0]
                merged = tuple(ref.decode() for ref in _MERGED.findall(archive.read(path))) if path in names else ()
                sheets.append(_sheet(name, grid[1], merged=merged, formulas=formulas.get(name, {})))
    except FormError:
        raise
    except Exception as error:  # openpyxl lets through whatever a damaged archive or XML part provokes
        raise FormError(
            f"the workbook cannot be read ({type(error).__name__})",
            form=filename,
            hint="open it in Excel or LibreOffice and save it again as .xlsx",
        ) from error
    return Book(
        tuple(sheets),
        has_macros=any(name.endswith("vbaProject.bin") for name in names),
        has_links=any(name.startswith("xl/externalLinks/") for name in names),
    )


_Grid = list[tuple[int, tuple[Any, ...]]]


def _load_xlsx(content: bytes) -> tuple[dict[str, tuple[str, _Grid]], dict[str, dict[str, str]]]:
    """Each sheet's part name and grid, and the formulas by sheet and cell (read twice only where there are any)."""
    from openpyxl.utils import get_column_letter  # here, because most runs find the forms as they read them before

    grids = _xlsx_grids(content, data_only=False)
    formulas: dict[str, dict[str, str]] = {}
    for name, (_, grid) in grids.items():
        for number, values in grid:
            for index, value in enumerate(values, 1):
                text = getattr(value, "text", value)
                if isinstance(text, str) and text.startswith("=") and len(text) > 1:
                    formulas.setdefault(name, {})[f"{get_column_letter(index)}{number}"] = text
    return (_xlsx_grids(content, data_only=True) if formulas else grids), formulas


def _xlsx_grids(content: bytes, *, data_only: bool) -> dict[str, tuple[str, _Grid]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # openpyxl tells of Excel features that hold no text
        return _open_grids(content, data_only=data_only)


def _open_grids(content: bytes, *, data_only: bool) -> dict[str, tuple[str, _Grid]]:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
    try:
        grids = {}
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            grids[sheet.title] = (
                str(getattr(sheet, "_worksheet_path", "")).lstrip("/"),
                _until_blank(enumerate(sheet.iter_rows(values_only=True), 1)),
            )
        return grids
    finally:
        book.close()


def _read_xls(content: bytes, filename: str) -> Book:
    import xlrd  # type: ignore[import-untyped]

    try:
        with xlrd.open_workbook(
            file_contents=content, formatting_info=False, ragged_rows=True, logfile=io.StringIO()
        ) as book:
            return Book(
                tuple(
                    _sheet(
                        sheet.name,
                        _until_blank(
                            (n + 1, tuple(_xls_value(c, book.datemode) for c in sheet.row(n)))
                            for n in range(sheet.nrows)
                        ),
                    )
                    for sheet in _bounded(book.sheets(), filename)
                )
            )
    except FormError:
        raise
    except xlrd.XLRDError as error:
        if "encrypted" in str(error).lower():
            raise FormError(
                "the workbook is protected by a password", form=filename, hint="save it without a password"
            ) from error
        hint = "save it as .xlsx" if content.startswith(_OLE) else "give the file the ending that fits its kind"
        raise FormError("the workbook cannot be read as .xls", form=filename, hint=hint) from error
    except Exception as error:  # xlrd lets through IndexError, struct.error and others on damaged files
        raise FormError(
            f"the workbook cannot be read ({type(error).__name__})", form=filename, hint="save it again as .xlsx"
        ) from error


def _bounded(sheets: list[Any], filename: str) -> list[Any]:
    n_cells = sum(sheet.row_len(n) for sheet in sheets for n in range(sheet.nrows))
    if n_cells > MOST_CELLS:
        raise FormError(f"the workbook has {n_cells:,} cells", form=filename, hint="delete what is not of the form")
    return sheets


def _xls_value(cell: Any, datemode: int) -> Any:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        return xlrd.xldate_as_datetime(cell.value, datemode)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype in (xlrd.XL_CELL_ERROR, xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return None
    return cell.value


def _until_blank(rows: Iterable[tuple[int, tuple[Any, ...]]]) -> _Grid:
    """The rows up to a long run of blank ones: sheets formatted to the last row would take minutes."""
    grid: _Grid = []
    blank = 0
    for number, values in rows:
        if all(value is None or (isinstance(value, str) and not value.strip()) for value in values):
            blank += 1
            if blank > _MAX_BLANK_ROWS:
                break
            continue
        blank = 0
        grid.append((number, values))
    return grid


def _md_lines(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        match = re.match(r"\s*\|(.*)\|", line)
        if not match or re.fullmatch(r"[|\s:-]+", match[1]):
            continue
        name, *cells = (cell.replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", match[1]))
        # The blanks beside the pipes are layout, not content.
        yield name.strip(), [cell.removeprefix(" ").rstrip(" ") for cell in cells]


def _csv_lines(text: str) -> Iterator[tuple[str, list[str]]]:
    for cells in csv.reader(io.StringIO(text)):
        if cells:
            yield cells[0].strip(), cells[1:]


def _book_of(lines: Iterable[tuple[str, Sequence[str]]]) -> Book:
    """Sheets from lines whose first cell opens a sheet, as pyxform's Markdown and CSV forms do."""
    grids: dict[str, _Grid] = {}
    current: _Grid = []
    for name, cells in lines:
        if name:
            current = grids.setdefault(name, [])
        if any(cell.strip() for cell in cells):
            current.append((len(current) + 1, tuple(cells)))
    return Book(tuple(_sheet(name, grid) for name, grid in grids.items()))


def _sheet(name: str, grid: _Grid, *, merged: tuple[str, ...] = (), formulas: Mapping[str, str] | None = None) -> Sheet:
    """A sheet whose header is row 1; a column without a header is left out."""
    header: list[tuple[int, str]] = []
    body = grid
    if grid and grid[0][0] == 1:
        blank = 0
        for index, value in enumerate(grid[0][1]):
            text = " ".join(as_text(value).split())
            if text:
                header.append((index, text))
                blank = 0
            elif (blank := blank + 1) > _MAX_BLANK_COLUMNS:
                break
        body = grid[1:]
    rows = []
    for number, values in body:
        cells: dict[str, str] = {}
        for index, title in header:
            text = as_text(values[index]) if index < len(values) else ""
            if text.strip():
                cells.setdefault(title, text)
        if cells:
            rows.append(Row(number, cells))
    return Sheet(name, tuple(title for _, title in header), tuple(rows), merged, dict(formulas or {}))


def as_text(value: Any) -> str:
    """A cell's value as an XLSForm reads it: 3.0 is ``3``, True is ``TRUE``, nothing is an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

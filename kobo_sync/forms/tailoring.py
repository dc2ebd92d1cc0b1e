"""The starter's workbooks made a mission's own: its languages, its groups, its title in its first language."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_COLUMNS = {"fr": "Français (fr)", "ar": "العربية (ar)", "en": "English (en)"}
GROUP_LIST = "groupe"


def tailored(
    content: bytes, languages: Sequence[str], title: str, groups: Mapping[str, Mapping[str, str]] | None = None
) -> bytes:
    """A starter's workbook with the columns of *languages* alone, the first of which is the default.

    *title* is what the form is called; *groups* (code → language → label) take the place of the choices of `GROUP_LIST`,
    where there are such. Raises: KeyError for a language that the starter does not have.
    """
    import openpyxl  # a third of a second, for this verb alone

    book = openpyxl.load_workbook(io.BytesIO(content))
    if groups:
        _write_groups(book["choices"], groups)
    settings = book["settings"]
    headers = {cell.value: cell.column for cell in settings[1]}
    settings.cell(2, headers["form_title"], title)
    settings.cell(2, headers["default_language"], _COLUMNS[languages[0]])
    for sheet in book:
        for cell in reversed(sheet[1]):
            _, separator, language = str(cell.value).partition("::")
            if separator and language not in [_COLUMNS[code] for code in languages]:
                _delete_column(sheet, cell.column)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_groups(choices: Worksheet, groups: Mapping[str, Mapping[str, str]]) -> None:
    """The rows of `GROUP_LIST` replaced by *groups*, after the other lists."""
    rows = [row for row in range(2, choices.max_row + 1) if choices.cell(row, 1).value == GROUP_LIST]
    if not rows:
        return
    for row in reversed(rows):
        choices.delete_rows(row)
    headers = [str(cell.value) for cell in choices[1]]
    codes = {column: code for code, column in _COLUMNS.items()}
    for code, labels in groups.items():
        own = {
            f"label::{column}": labels.get(language, next(iter(labels.values()))) for column, language in codes.items()
        }
        values = {"list_name": GROUP_LIST, "name": code, **own}
        choices.append([values.get(header) for header in headers])


def _delete_column(sheet: Worksheet, column: int) -> None:
    """Delete a column; openpyxl leaves the widths where they were."""
    from openpyxl.utils import get_column_letter

    widths = [sheet.column_dimensions[get_column_letter(n)].width for n in range(1, sheet.max_column + 2)]
    sheet.delete_cols(column)
    for n, width in enumerate((*widths[: column - 1], *widths[column:]), 1):
        sheet.column_dimensions[get_column_letter(n)].width = width

"""A list of config/ as rows by their code, and with other rows; columns that the program does not know stay."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kobo_sync.config.files import ENUMERATORS_FILE
from kobo_sync.config.lists import delimiter_of, read_csv
from kobo_sync.errors import ConfigError

Cells = Mapping[str, str]  # column → text


@dataclass(frozen=True)
class Rows:
    """A list's columns in order, and its rows by the code that tells them apart."""

    columns: tuple[str, ...]
    by_code: Mapping[str, Cells]


def code_column(file: str) -> str:
    """The column whose cells tell the rows of *file* apart."""
    return "user" if file == ENUMERATORS_FILE else "code"


def rows_of(text: str, file: str) -> Rows:
    """The rows of a list's text; none of an empty text. Raises: ConfigError naming the row."""
    clean = text.lstrip("\ufeff")
    if not clean.strip():
        return Rows((), {})
    column = code_column(file)
    rows = read_csv(clean, file, required=(column,), may_be_empty=True)
    first = next(csv.reader(io.StringIO(clean), delimiter=delimiter_of(clean)))
    columns = [name.strip() for name in first if name.strip()]
    for name in columns:
        if columns.count(name) > 1:
            raise ConfigError(
                "the column stands there twice", file=file, key=name, hint="give one of them another name, or delete it"
            )
    cells = [{name: row.get(name, "") for name in columns} for row in rows]
    return Rows(tuple(columns), {row[column]: row for row in cells})


def with_rows(text: str, changes: Mapping[str, Any], file: str) -> str:
    """*text* with other rows (code → its cells, None: without it): rows keep their places, new ones stand last.

    Raises: ConfigError as `rows_of`.
    """
    rows = rows_of(text, file)
    wanted = {code: row for code, row in {**rows.by_code, **changes}.items() if row is not None}
    columns = dict.fromkeys([*rows.columns, *(name for row in wanted.values() for name in row)])
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    ending = "\r\n" if "\r\n" in text else "\n"
    return mark + csv_text(columns, wanted.values(), delimiter_of(text.lstrip("\ufeff")), ending)


def csv_text(columns: Iterable[str], rows: Iterable[Cells], delimiter: str = ",", ending: str = "\n") -> str:
    """Rows as the text of a CSV file with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns), restval="", delimiter=delimiter, lineterminator=ending)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()

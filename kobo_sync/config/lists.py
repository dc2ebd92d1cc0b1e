"""The lists of a mission: CSV files in config/."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from kobo_sync.config.files import check_readable
from kobo_sync.errors import ConfigError


def read_csv(text: str, file: str, *, required: tuple[str, ...], may_be_empty: bool = False) -> list[dict[str, str]]:
    """The rows of a CSV text with a header, cells stripped; comma or semicolon.

    Raises: ConfigError for a missing column, an empty file (unless it *may_be_empty*), an empty or a repeated key (the first
    of *required*).
    """
    clean = text.lstrip("\ufeff")
    first_line, delimiter = clean.partition("\n")[0], delimiter_of(clean)
    check_readable(clean, delimiter, file)
    reader = csv.DictReader(io.StringIO(clean), delimiter=delimiter)
    header = [(name or "").strip() for name in reader.fieldnames or []]
    for column in required:
        if column not in header:
            raise ConfigError(
                "the column is missing", file=file, key=column, hint=f"add it to the first line: {first_line!r}"
            )
    reader.fieldnames = header
    rows: list[dict[str, str]] = []
    first_rows: dict[str, int] = {}
    for number, row in enumerate(reader, 2):
        cells = {
            name: (value or "").strip()
            for name, value in row.items()
            if isinstance(name, str) and isinstance(value, str | None)
        }
        if not any(cells.values()):
            continue
        key = cells[required[0]]
        if not key:
            raise ConfigError("the cell is empty", file=file, key=f"row {number}, {required[0]}", hint="give it a code")
        if key in first_rows:
            raise ConfigError(
                f"{key!r} stands already in row {first_rows[key]}",
                file=file,
                key=f"row {number}, {required[0]}",
                hint="codes must differ",
            )
        first_rows[key] = number
        rows.append(cells)
    if not rows and not may_be_empty:
        raise ConfigError("there is no row below the header", file=file, hint="add one line per item")
    return rows


def delimiter_of(text: str) -> str:
    """What parts the cells of a CSV text: a semicolon where its first line has more of them than commas, or a tabulator."""
    first_line = text.partition("\n")[0]
    return max(",", ";", "\t", key=first_line.count)


def labels_of(row: Mapping[str, str]) -> dict[str, str]:
    """The ``label_<language>`` cells of a CSV row, by language, in column order."""
    return {name[6:]: text for name, text in row.items() if name.startswith("label_") and text}

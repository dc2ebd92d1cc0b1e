"""Whether a workbook may be unpacked: a small file can hold gigabytes of rows, and is told by its table of contents."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

MOST_BYTES = 32 * 1024 * 1024  # of XML: a choice list of a hundred thousand places has half of it
MOST_MEDIA = 256 * 1024 * 1024  # of pictures and all else that is never read
MOST_PARTS = 2_000
MOST_CELLS = 5_000_000  # rows times the widest row: readers fill the gaps
MOST_ROW = 1_048_576
MOST_OLD = 16 * 1024 * 1024  # bytes of a workbook of the old kind, which packs nothing
_READ = (".xml", ".rels", ".vml")
_COLUMN = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,4})\d')
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d{7,})"')
_ROWS = re.compile(rb"<(?:\w+:)?row\b")
_CELLS = re.compile(rb"<(?:\w+:)?c\b")
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def too_much(content: bytes) -> str:
    """What makes a workbook too large to be read, as ``it would unpack to 90 MB``; empty when it may be.

    A file that is no archive, or a broken one, is left to its reader.
    """
    if not content.startswith(b"PK"):
        return f"it has {len(content) // 1_000_000} MB" if len(content) > MOST_OLD else ""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            read = [part for part in parts if part.filename.lower().endswith(_READ)]
            n_read, n_all = (sum(part.file_size for part in some) for some in (read, parts))
            if len(parts) > MOST_PARTS:
                return f"it has {len(parts)} parts"
            if n_read > MOST_BYTES or n_all > MOST_MEDIA:
                return f"it would unpack to {max(n_read, n_all) // 1_000_000} MB"
            return next(filter(None, (_too_wide(archive.read(part)) for part in read)), "")
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError):
        return ""


def _too_wide(xml: bytes) -> str:
    """As `too_much`, of one part: a table with a cell far to the right in each row is as large as all its gaps."""
    if _DECLARATION.search(xml[:4096]):
        return "a part of it declares entities"
    n_rows = sum(1 for _ in _ROWS.finditer(xml))
    if not n_rows:
        return ""
    if any(int(match[1]) > MOST_ROW for match in _ROW.finditer(xml)):
        return f"it has a row beyond {MOST_ROW}"
    n_cells = sum(1 for _ in _CELLS.finditer(xml))
    names = set(_COLUMN.findall(xml)) if n_cells else set()
    widest = max((_column(name) for name in names), default=1)
    size = max(n_rows * widest, n_cells)
    return f"it would fill {size:,} cells" if size > MOST_CELLS else ""


def _column(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - 64
    return number

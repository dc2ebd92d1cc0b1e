"""Whether a workbook may be unpacked: a small file can hold gigabytes of rows, and is told by its table of contents."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from xml.parsers import expat

MOST_BYTES = 32 * 1024 * 1024  # of XML: a choice list of a hundred thousand places has half of it
MOST_MEDIA = 256 * 1024 * 1024  # of pictures and all else that is never read
MOST_PARTS = 2_000
MOST_CELLS = 5_000_000  # rows times the widest row: readers fill the gaps
MOST_ROW = 1_048_576
MOST_COLUMN = 16_384
MOST_OLD = 16 * 1024 * 1024  # bytes of a workbook of the old kind, which packs nothing
_READ = (".xml", ".rels", ".vml")


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


class _TooWide(Exception):
    """Its text says what makes a part too large to be read."""


def _too_wide(xml: bytes) -> str:
    """As `too_much`, of one part: a table with a cell far to the right in each row is as large as all its gaps.

    It is read as XML, not searched: attributes may stand in either quotes, and a part be written in UTF-16.
    """
    table, parser = _Table(), expat.ParserCreate()
    parser.StartElementHandler = table.open
    parser.StartDoctypeDeclHandler = table.declare
    try:
        with suppress(expat.ExpatError):  # told by the reader; what stands before the fault counts
            parser.Parse(xml, True)
        table.weigh()
    except _TooWide as reason:
        return str(reason)
    return ""


class _Table:
    """How large the table of a part is, of what was read of it so far: rows, the widest of them, cells."""

    def __init__(self) -> None:
        self.n_rows = self.widest = self.n_cells = self.column = 0

    def open(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Count an element. Raises: _TooWide."""
        name = tag.rpartition(":")[2]
        if name == "c" and self.n_rows:  # the chain of formulas has cells too, and is no table
            self.n_cells += 1
            self.column = _column(attributes.get("r", "")) or self.column + 1
            if self.column > MOST_COLUMN:
                raise _TooWide(f"it has a column beyond {MOST_COLUMN}")
            self.widest = max(self.widest, self.column)
            if self.n_cells > MOST_CELLS:
                self.weigh()
        elif name == "row":
            self.n_rows += 1
            self.column = 0
            number = attributes.get("r", "")
            if len(number) > 9 or (number.isdecimal() and int(number) > MOST_ROW):
                raise _TooWide(f"it has a row beyond {MOST_ROW}")

    def declare(self, *_doctype: object) -> None:
        """Refuse entities, which unpack once more. Raises: _TooWide."""
        raise _TooWide("a part of it declares entities")

    def weigh(self) -> None:
        """Judge what was counted. Raises: _TooWide."""
        size = max(self.n_rows * max(self.widest, 1), self.n_cells)
        if size > MOST_CELLS:
            raise _TooWide(f"it would fill {size:,} cells")


def _column(place: str) -> int:
    """The column of a cell's *place*, as ``XFD7``, from 1; 0 where it names none."""
    number = 0
    for letter in place.upper():
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
        if number > MOST_COLUMN:
            break
    return number

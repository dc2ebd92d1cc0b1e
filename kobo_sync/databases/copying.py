"""Values as the text of PostgreSQL's COPY."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\ufffd"})
_TO_ESCAPE = re.compile("[\\\\\t\n\r\0\ud800-\udfff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text as PostgreSQL can keep it: NUL and halves of surrogate pairs become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def cells_of(column: Sequence[object]) -> tuple[Iterable[str], bool]:
    """A column's cells as COPY writes them, and whether characters had to be replaced: see `storable`."""
    types = set(map(type, column))
    if types == {str}:
        return _texts(column)  # type: ignore[arg-type]
    if types == {int}:
        return map(str, column), False
    if types == {bytes}:
        return [f"\\\\x{value.hex()}" for value in column], False  # type: ignore[attr-defined]
    if types <= {str, type(None)}:
        texts, is_altered = _texts(["" if value is None else value for value in column])  # type: ignore[misc]
        shown = ["\\N" if value is None else text for value, text in zip(column, texts, strict=True)]
        return shown, is_altered
    cells = [_cell(value) for value in column]
    return [text for text, _ in cells], any(is_altered for _, is_altered in cells)


def _texts(column: Sequence[str]) -> tuple[Iterable[str], bool]:
    if not _TO_ESCAPE.search(" ".join(column)):  # as nearly always: one look at all of them
        return column, False
    clean = [storable(text) for text in column]
    return [text.translate(_ESCAPED) for text in clean], any(map(str.__ne__, clean, column))


def _cell(value: object) -> tuple[str, bool]:
    if value is None:
        return "\\N", False
    if isinstance(value, bool):
        return ("t" if value else "f"), False
    if isinstance(value, bytes | bytearray):
        return f"\\\\x{value.hex()}", False
    text = str(value)
    return storable(text).translate(_ESCAPED), _UNSTORABLE.search(text) is not None

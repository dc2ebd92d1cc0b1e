"""Texts as PostgreSQL can keep them: it takes neither NUL nor half a surrogate pair."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with U+FFFD in place of what cannot be kept."""
    return _UNSTORABLE.sub("\ufffd", text)


def storable_column(column: Sequence[object]) -> Sequence[object]:
    """A column's values, texts made storable; the very same column when all of them are, as nearly always."""
    texts = [value for value in column if isinstance(value, str)]
    if not texts or not _UNSTORABLE.search("".join(texts)):
        return column
    return [storable(value) if isinstance(value, str) else value for value in column]

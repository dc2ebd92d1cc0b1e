"""What the marks in a table stand for, said where they stand: « – », « ≈ », « ≤ », « ≥ », bands."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t

_SPACE = r"[\s\u00a0\u202f]*"
# A mark's pattern at the start of a line of a cell, and what it stands for; in the order in which they are told.
_MARKS = (
    (
        r"–$",
        later(
            "“–”: not applicable, or not published (fewer than 3 persons, or a number from which they could be derived)"
        ),
    ),
    (rf"≈{_SPACE}\S", later("“≈”: rounded, for the same reason")),
    (rf"≤{_SPACE}\d", later("“≤”: at most")),
    (rf"≥{_SPACE}\d", later("“≥”: at least")),
    (rf">{_SPACE}\d", later("“>”: more than")),
    (rf"<{_SPACE}\d", later("“<”: fewer than")),
)
_MARK = re.compile("|".join(f"(?P<m{number}>{pattern})" for number, (pattern, _) in enumerate(_MARKS)))
EMPTY = later(
    "empty cell: not applicable, or not published (fewer than 3 persons, or a number from which they could be derived)"
)
_ROUNDED = 1  # of the marks: what it stands for refers to the one before


def legend(texts: Iterable[str], *, empty: bool = False) -> str:
    """A line for the marks that stand in *texts*, nothing where none does; *empty*: cells without anything are told too."""
    seen = {
        int(match.lastgroup[1:])
        for text in texts
        for line in text.split("\n")
        if (match := _MARK.match(line.strip())) and match.lastgroup
    }
    parts = [t(EMPTY)] if empty else []
    for number in sorted(seen):
        if number == _ROUNDED and not (0 in seen or empty):
            parts.append(t("“≈”: rounded, because the exact number would point to one or two persons"))
        else:
            parts.append(t(_MARKS[number][1]))
    line = typography.spaced(t("; ").join(parts))
    return f"{line[:1].upper()}{line[1:]}." if line else ""

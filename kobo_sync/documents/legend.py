"""What the marks in a table stand for, said where they stand: « – », « ≈ », « ≤ », « ≥ », bands."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kobo_sync.language import typography

_SPACE = r"[\s\u00a0\u202f]*"
# A mark's pattern at the start of a line of a cell, and what it stands for; in the order in which they are told.
_MARKS = (
    (r"–$", "« – » : sans objet, ou non publié (moins de 3 personnes, ou un nombre d’où elles se déduiraient)"),
    (rf"≈{_SPACE}\S", "« ≈ » : arrondi, pour la même raison"),
    (rf"≤{_SPACE}\d", "« ≤ » : au plus"),
    (rf"≥{_SPACE}\d", "« ≥ » : au moins"),
    (rf">{_SPACE}\d", "« > » : plus de"),
    (rf"<{_SPACE}\d", "« < » : moins de"),
)
_MARK = re.compile("|".join(f"(?P<m{number}>{pattern})" for number, (pattern, _) in enumerate(_MARKS)))
EMPTY = "cellule vide : sans objet, ou non publié (moins de 3 personnes, ou un nombre d’où elles se déduiraient)"
_SAME = ", pour la même raison"


def legend(texts: Iterable[str], *, empty: bool = False) -> str:
    """A line for the marks that stand in *texts*, nothing where none does; *empty*: cells without anything are told too."""
    seen = {
        int(match.lastgroup[1:])
        for text in texts
        for line in text.split("\n")
        if (match := _MARK.match(line.strip())) and match.lastgroup
    }
    parts = [EMPTY] if empty else []
    for number in sorted(seen):
        said = _MARKS[number][1]
        if _SAME in said and not (0 in seen or empty):
            said = said.replace(_SAME, ", car le nombre exact désignerait une ou deux personnes")
        parts.append(said)
    line = typography.spaced(" ; ".join(parts))
    return f"{line[:1].upper()}{line[1:]}." if line else ""

"""The letters that a zone's participant codes begin with (``BER-07``): the column ``prefix`` of config/zones.csv."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Collection, Iterable, Mapping, Sequence

from kobo_sync.config.list_editing import Rows

COLUMN = "prefix"


def with_prefixes(rows: Rows) -> tuple[Rows, tuple[str, ...]]:
    """The *rows* of zones with letters of their own where they have none, and the codes of the zones that got some."""
    lacking = [code for code, row in rows.by_code.items() if not row.get(COLUMN, "").strip()]
    taken = {row[COLUMN].strip() for row in rows.by_code.values() if row.get(COLUMN, "").strip()}
    given = dict(zip(lacking, prefixes(lacking, taken), strict=True))
    by_code = {code: {**row, COLUMN: given.get(code) or row[COLUMN]} for code, row in rows.by_code.items()}
    return Rows(tuple(dict.fromkeys([*rows.columns, COLUMN])), by_code), tuple(lacking)


def prefixes(codes: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """Letters for each of *codes*: three of its own, or others where those are *taken*; four past thousands."""
    chosen: list[str] = []
    used = set(taken)
    for code in codes:
        letters = re.sub(r"[^A-Z]", "", code.upper()).ljust(3, "X")
        others = ("".join(each) for n in (2, 3) for each in itertools.product(string.ascii_uppercase, repeat=n))
        choices = itertools.chain([letters[:3]], (f"{letters[0]}{other}" for other in others))
        chosen.append(next(each for each in choices if each not in used))
        used.add(chosen[-1])
    return chosen


def shared_prefixes(zones: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, list[str]]:
    """Letters that several of the *zones* (code, other columns) have, or none at all (``""``), with these zones' codes.

    Zones without the column are none of them: nothing makes codes of it there.
    """
    by_prefix: dict[str, list[str]] = {}
    for code, columns in zones:
        if COLUMN in columns:
            by_prefix.setdefault(columns[COLUMN].strip(), []).append(code)
    return {letters: codes for letters, codes in by_prefix.items() if len(codes) > 1 or not letters}

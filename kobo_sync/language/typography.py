"""Numbers, days, hours, lists and spaces as the spoken language sets them; for texts that we write, never for what people answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from typing import Literal

from kobo_sync.language import french
from kobo_sync.language.arabic import Arabic, EasternArabic
from kobo_sync.language.english import English
from kobo_sync.language.speaking import spoken
from kobo_sync.language.style import NBSP, NNBSP, NOTHING, Style
from kobo_sync.numbers import half_away

__all__ = ["FORMS", "NBSP", "NNBSP", "NOTHING"]
_STYLES: Mapping[tuple[str, str], Style] = {
    ("fr", "latin"): french.French(),
    ("fr", "arabic"): french.French(),
    ("en", "latin"): English(),
    ("en", "arabic"): English(),
    ("ar", "latin"): Arabic(),
    ("ar", "arabic"): EasternArabic(),
}
# What a translation may do to a name that stands in it: ``{zone:of}``.
FORMS: Mapping[str, Callable[[str], str]] = {"of": french.of}


def _style() -> Style:
    language = spoken()
    return _STYLES[language.code, language.digits]


def spaced(text: str) -> str:
    """*text* with the spaces and marks of the language; what has them already comes back unchanged."""
    return _style().spaced(text)


def numerals(text: str) -> str:
    """*text*, which is of ours, with its digits as the language writes them."""
    return _style().numerals(text)


def number(value: float | None, digits: int = 0, *, times: int = 1) -> str:
    """*value* × *times* with *digits* decimals; « – » for None.

    Halves go away from zero, from what the value stands for: see `numbers.exact`.
    """
    return _style().number(value, digits, times=times)


def rounded(value: float | None, digits: int = 0) -> float | None:
    """The value that `number` prints, for cells that hold numbers; None for None."""
    return None if value is None or value != value else float(half_away(value, digits))


def signed(value: float | None, digits: int = 0) -> str:
    """`number` with an explicit plus sign above zero."""
    return _style().signed(value, digits)


def percent(share: float | None, digits: int = 0) -> str:
    """A share 0..1 as ``96 %``, ``96%``."""
    return _style().percent(share, digits)


def points(value: float | None, digits: int = 0) -> str:
    """A value that is already 0..100 as ``96 %``."""
    return percent(None if value is None else value / 100, digits)


def p_value(p: float | None) -> str:
    """``p = 0,012`` or ``p < 0,001``; « – » for None."""
    return _style().p_value(p)


def day(value: date, *, weekday: bool = False) -> str:
    """``11 février 2025``; with *weekday* ``mardi 11 février 2025``."""
    return _style().day(value, weekday=weekday)


def short_day(value: date) -> str:
    """``11/02/2025``, for narrow cells."""
    return _style().short_day(value)


def span(first: date, last: date) -> str:
    """``11 au 13 février 2025``, or one day when both are equal."""
    return _style().span(first, last)


def hour(value: time) -> str:
    """``9 h``, ``12:30``."""
    return _style().hour(value)


def duration(minutes: int) -> str:
    """``7 h``, ``3 h 30``, from minutes."""
    return _style().duration(minutes)


def size(n_bytes: int) -> str:
    """A file's size: « 12 ko », « 3,4 Mo »."""
    return _style().size(n_bytes)


def listing(items: Sequence[str], last_word: Literal["and", "or"] = "and") -> str:
    """``a, b et c``; *last_word* is ``and`` or ``or``."""
    return _style().listing(items, last_word)

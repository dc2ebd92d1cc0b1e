"""What a language's typography decides, and what it has in common with the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date, time
from typing import ClassVar, Literal

from kobo_sync.numbers import half_away

NBSP = "\u00a0"
NNBSP = "\u202f"
NOTHING = "–"
_MILLION = 1e6


class Style(ABC):
    """How a language sets numbers, days, hours, lists and spaces, for texts that we write; never for what people answered."""

    decimal: ClassVar[str]
    thousands: ClassVar[str]
    percent_sign: ClassVar[str]
    minus: ClassVar[str] = "\u2212"
    plus: ClassVar[str] = "+"
    months: ClassVar[tuple[str, ...]]
    weekdays: ClassVar[tuple[str, ...]]  # Monday first
    units: ClassVar[tuple[str, str]]  # of thousand and of a million bytes
    and_word: ClassVar[str]  # before a list's last item
    or_word: ClassVar[str]

    @abstractmethod
    def spaced(self, text: str) -> str:
        """*text* with the language's spaces and marks; what has them already comes back unchanged."""

    @abstractmethod
    def hour(self, value: time) -> str:
        """A time of day."""

    @abstractmethod
    def duration(self, minutes: int) -> str:
        """So many minutes, in hours and minutes."""

    @abstractmethod
    def span(self, first: date, last: date) -> str:
        """From a day to another, or one day when both are equal."""

    def numerals(self, text: str) -> str:
        """*text* with its digits as the language writes them."""
        return text

    def number(self, value: float | None, digits: int = 0, *, times: int = 1) -> str:
        """*value* × *times* with *digits* decimals; « – » for None. Halves go away from zero: see `numbers.exact`."""
        if value is None or value != value:
            return NOTHING
        rounded = half_away(value, digits, times)
        whole, _, fraction = f"{abs(rounded):f}".partition(".")
        grouped = f"{int(whole):,}".replace(",", self.thousands)
        sign = self.minus if rounded < 0 else ""
        return sign + grouped + (self.decimal + fraction if fraction else "")

    def signed(self, value: float | None, digits: int = 0) -> str:
        """`number` with an explicit plus sign above zero."""
        text = self.number(value, digits)
        return text if value is None or value != value or half_away(value, digits) <= 0 else self.plus + text

    def percent(self, share: float | None, digits: int = 0) -> str:
        """A share 0..1 as so many of a hundred."""
        return NOTHING if share is None or share != share else self.number(share, digits, times=100) + self.percent_sign

    def p_value(self, p: float | None) -> str:
        """``p = 0,012`` or ``p < 0,001``; « – » for None."""
        if p is None or p != p:
            return NOTHING
        sign, value = ("<", 0.001) if p < 0.001 else ("=", p)
        return f"p{NNBSP}{sign}{NNBSP}{self.number(value, 3)}"

    def day(self, value: date, *, weekday: bool = False) -> str:
        """``11 février 2025``; with *weekday* ``mardi 11 février 2025``."""
        text = f"{self.day_of_month(value)}{NBSP}{self.months[value.month - 1]}{NBSP}{value.year}"
        return f"{self.weekdays[value.weekday()]} {text}" if weekday else text

    def day_of_month(self, value: date) -> str:
        """``11``."""
        return str(value.day)

    def short_day(self, value: date) -> str:
        """``11/02/2025``, for narrow cells."""
        return f"{value:%d/%m/%Y}"

    def size(self, n_bytes: int) -> str:
        """A file's size."""
        thousand, million = self.units
        if n_bytes >= _MILLION:
            return f"{self.number(n_bytes / _MILLION, 1)}{NBSP}{million}"
        return f"{self.number(max(1, n_bytes / 1e3))}{NBSP}{thousand}"

    def listing(self, items: Sequence[str], last_word: Literal["and", "or"] = "and") -> str:
        """``a, b et c``; *last_word* is ``and`` or ``or``."""
        last = self.and_word if last_word == "and" else self.or_word
        return f"{', '.join(items[:-1])} {last} {items[-1]}" if len(items) > 1 else "".join(items)

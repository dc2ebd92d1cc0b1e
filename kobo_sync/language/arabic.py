"""Arabic as Morocco writes it: « 1 234,5 », « 96% », « 1 مارس 2025 », « 7 ساعات و30 دقيقة »; the digits are the mission's choice.

Within Arabic, digits take the direction of what stands before them: a sign before a number, and a hyphen between two, would
end up on the other side. A sign here carries a left-to-right mark, and two numbers are joined by a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, time
from typing import Literal

from kobo_sync.language.style import NBSP, NNBSP, Style

_LRM = "\u200e"
_EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_HOURS = ("ساعة", "ساعتان", "ساعات", "ساعة")
_MINUTES = ("دقيقة", "دقيقتان", "دقائق", "دقيقة")


class Arabic(Style):
    """With the digits 0–9, as in Morocco."""

    decimal = ","
    thousands = NNBSP
    percent_sign = "%"
    minus = _LRM + "\u2212"
    plus = _LRM + "+"
    months = tuple("يناير فبراير مارس أبريل ماي يونيو يوليوز غشت شتنبر أكتوبر نونبر دجنبر".split())
    weekdays = tuple("الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد".split())
    units = ("كيلوبايت", "ميغابايت")
    and_word, or_word = "و", "أو "

    def spaced(self, text: str) -> str:
        """Commas, semicolons and question marks between Arabic words turn as the writing does."""
        return text

    def span(self, first: date, last: date) -> str:
        """``من 11 إلى 13 فبراير 2025``."""
        if first == last:
            return self.day(first)
        if (first.year, first.month) == (last.year, last.month):
            return f"من {first.day} إلى {self.day(last)}"
        return f"من {self.day(first)} إلى {self.day(last)}"

    def hour(self, value: time) -> str:
        """``9:00``, ``12:30``."""
        return f"{value.hour}:{value.minute:02d}"

    def duration(self, minutes: int) -> str:
        """``7 ساعات``, ``3 ساعات و30 دقيقة``."""
        hours, rest = divmod(minutes, 60)
        parts = [_counted(hours, _HOURS)] if hours else []
        parts += [_counted(rest, _MINUTES)] if rest or not hours else []
        return " و".join(parts)

    def listing(self, items: Sequence[str], last_word: Literal["and", "or"] = "and") -> str:
        """``أ وب وج``: the word stands before each, apart from a name in other letters."""
        word = self.and_word if last_word == "and" else self.or_word
        return "".join(items[:1]) + "".join(f" {word}{_gap(word, item)}{item}" for item in items[1:])


def _gap(word: str, item: str) -> str:
    """What stands between *word* and *item*: a Latin letter is not written on to an Arabic one."""
    is_latin = unicodedata.bidirectional(item.lstrip("«“\"'(")[:1] or "ا") == "L"
    return NBSP if is_latin and not word.endswith(" ") else ""


class EasternArabic(Arabic):
    """With the digits ٠–٩."""

    decimal = "٫"
    thousands = "٬"
    percent_sign = "٪"

    def numerals(self, text: str) -> str:
        """``١٢٣``."""
        return text.translate(_EASTERN)

    def number(self, value: float | None, digits: int = 0, *, times: int = 1) -> str:
        """``١٬٢٣٤٫٥``."""
        return super().number(value, digits, times=times).translate(_EASTERN)

    def day(self, value: date, *, weekday: bool = False) -> str:
        """``١١ فبراير ٢٠٢٥``."""
        return super().day(value, weekday=weekday).translate(_EASTERN)

    def short_day(self, value: date) -> str:
        """``١١/٠٢/٢٠٢٥``."""
        return super().short_day(value).translate(_EASTERN)

    def span(self, first: date, last: date) -> str:
        """``من ١١ إلى ١٣ فبراير ٢٠٢٥``."""
        return super().span(first, last).translate(_EASTERN)

    def hour(self, value: time) -> str:
        """``٩:٠٠``."""
        return super().hour(value).translate(_EASTERN)

    def duration(self, minutes: int) -> str:
        """``٧ ساعات``."""
        return super().duration(minutes).translate(_EASTERN)


def _counted(n: int, forms: tuple[str, str, str, str]) -> str:
    one, two, few, many = forms
    if n in (1, 2):
        return (one, two)[n - 1]
    return f"{n}{NBSP}{few if 3 <= n % 100 <= 10 else many}"

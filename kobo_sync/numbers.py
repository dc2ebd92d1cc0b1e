"""How numbers and days are read wherever people may have typed them, and how numbers are rounded wherever they are shown: one function each."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

_UNSEEN = re.compile("[\u200b-\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")  # directions and joins: they say nothing
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_SPACED = re.compile(r"(?<=\d)[\s'’](?=\d{3}(?!\d))")  # 12 500, 12'500
_MARKS = str.maketrans({"،": ",", "−": "-", "‒": "-", "–": "-"})
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})(?:[T\s].*)?")
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})([-/.])(?P<month>\d{1,2})\2(?P<year>\d{4})")
_DECIMAL, _THOUSANDS = "٫", "٬"
_MOST_PERSONS, _NOISE = 1_000_000, Fraction(1, 10**12)


@lru_cache(maxsize=1 << 12)
def plain_number(text: str) -> str:
    """*text* as ``-1234.5`` in ASCII; empty when it is no number, or when what it means is open.

    Digits of any script are digits. ``٫`` is a decimal mark and ``٬`` parts thousands; so does a space or an apostrophe before
    three digits. A dot is the decimal mark that phones write. A comma is a decimal mark (``2,5``, ``٢،٥``, ``0,125``) where it
    cannot part thousands, and parts them where it comes twice or before a dot (``1,234,567``, ``1,234.5``; ``1.234,5`` turns
    the two round). ``1,234`` alone may be either, and is not read: rather missing and told (DATA027) than wrong by a thousand.
    """
    number = _in_ascii_digits(text).translate(_MARKS)
    if _PLAIN.fullmatch(number):
        return number
    number = _SPACED.sub("", number)
    if _THOUSANDS in number or _DECIMAL in number:
        return _parted(number.replace(",", _DECIMAL), _THOUSANDS, _DECIMAL)
    commas, dots = number.count(","), number.count(".")
    if commas and dots:
        last = max(number.rfind(","), number.rfind("."))
        return _parted(number, "." if number[last] == "," else ",", number[last])
    if commas == 1:
        is_open = re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", number) is not None
        return "" if is_open else _parted(number, "", ",")
    if commas > 1 or dots > 1:
        return _parted(number, "," if commas else ".", "")
    return number if _PLAIN.fullmatch(number) else ""


def number_of(text: str) -> float | None:
    """*text* as a finite number (`plain_number`); None for what is none."""
    plain = plain_number(text)
    value = float(plain) if plain else math.nan
    return value if math.isfinite(value) else None


@lru_cache(maxsize=1 << 12)
def day_of(text: str) -> date | None:
    """The day that *text* says in digits of any script: ``2025-03-15`` as phones write it, ``15/03/2025`` as people do.

    The day stands before the month, as in French and in Arabic; None for what is no day (``mars 2025``, ``03/15/2025``).
    """
    plain = _in_ascii_digits(text)
    read = _YEAR_FIRST.fullmatch(plain) or _DAY_FIRST.fullmatch(plain)
    try:
        return date(*(int(read[part]) for part in ("year", "month", "day"))) if read else None
    except ValueError:
        return None


def exact(value: float) -> Fraction:
    """The fraction that a float stands for: of 23 / 40 its float, times 100, is a little less than 57,5, and printed 57.

    Shares, means and their differences are quotients of numbers of persons; a float that is near none of these is taken as
    it is written.
    """
    near = Fraction(value).limit_denominator(_MOST_PERSONS)
    is_near = abs(near - Fraction(value)) <= _NOISE * max(Fraction(1), abs(near))
    return near if is_near else Fraction(repr(float(value)))


@lru_cache(maxsize=1 << 14)  # a page of many zones says the same few numbers thousands of times
def half_away(value: float, digits: int = 0, times: int = 1) -> Decimal:
    """*value* × *times* to *digits* decimals, halves away from zero, from what the value stands for."""
    scaled = exact(value) * times * 10**digits
    whole = math.floor(abs(scaled) + Fraction(1, 2))
    return Decimal(whole if scaled >= 0 else -whole).scaleb(-digits)


def _in_ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in _UNSEEN.sub("", text).strip())


def _parted(number: str, thousands: str, decimal: str) -> str:
    """A number whose thousands are parted by the one mark, all of them, and that has the other before its decimals."""
    sign = number[:1] if number[:1] in "+-" else ""
    whole, _, decimals = (
        number.removeprefix(sign).partition(decimal) if decimal else (number.removeprefix(sign), "", "")
    )
    groups = whole.split(thousands) if thousands and thousands in whole else [whole]
    if len(groups) > 1 and not (
        re.fullmatch(r"\d{1,3}", groups[0]) and all(re.fullmatch(r"\d{3}", g) for g in groups[1:])
    ):
        return ""
    plain = f"{sign}{''.join(groups)}" + (f".{decimals}" if decimals else "")
    return plain if _PLAIN.fullmatch(plain) else ""

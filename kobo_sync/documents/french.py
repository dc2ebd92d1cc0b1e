"""French typography, dates and numbers, for texts that we write; never for what people answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, time

from kobo_sync.numbers import half_away

NBSP = "\u00a0"
NNBSP = "\u202f"
NOTHING = "–"
NO_DATA = "Aucune donnée"

_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
_VOWELS = "aàâeéèêiîïoôuùûyh"


def typography(text: str) -> str:
    """*text* with French spacing: narrow no-break before ; ! ? %, no-break before : and inside « ».

    Already correct text comes back unchanged; hours (``9:30``) and addresses (``https://``) are left alone.
    """
    text = re.sub(r"[ \u00a0\u202f]*([;!?])(?=[\s»)]|$)", NNBSP + r"\1", text)
    text = re.sub(r"(?<=\S)[ \u00a0\u202f]+:(?=\s|$)", NBSP + ":", text)
    text = re.sub(r"«[ \u00a0\u202f]*", "«" + NBSP, text)
    text = re.sub(r"[ \u00a0\u202f]*»", NBSP + "»", text)
    text = re.sub(r"(\d)[ \u00a0\u202f]*%", r"\1" + NNBSP + "%", text)
    return text.replace("'", "’")


def number(value: float | None, digits: int = 0, *, times: int = 1) -> str:
    """*value* × *times* as ``1 234,5``: decimal comma, narrow no-break thousands, true minus; « – » for None.

    Halves go away from zero, from what the value stands for: see `numbers.exact`.
    """
    if value is None or value != value:
        return NOTHING
    rounded = half_away(value, digits, times)
    whole, _, fraction = f"{abs(rounded):f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", NNBSP)
    sign = "\u2212" if rounded < 0 else ""
    return sign + grouped + ("," + fraction if fraction else "")


def rounded(value: float | None, digits: int = 0) -> float | None:
    """The value that `number` prints, for cells that hold numbers; None for None."""
    return None if value is None or value != value else float(half_away(value, digits))


def signed(value: float | None, digits: int = 0) -> str:
    """`number` with an explicit plus sign above zero."""
    text = number(value, digits)
    return text if text[0] in "\u2212–" or not any(c in "123456789" for c in text) else "+" + text


def percent(share: float | None, digits: int = 0) -> str:
    """A share 0..1 as ``96 %`` with a narrow no-break space."""
    return NOTHING if share is None or share != share else number(share, digits, times=100) + NNBSP + "%"


def points(value: float | None, digits: int = 0) -> str:
    """A value that is already 0..100 as ``96 %``."""
    return percent(None if value is None else value / 100, digits)


def p_value(p: float | None) -> str:
    """``p = 0,012`` or ``p < 0,001``; « – » for None."""
    if p is None or p != p:
        return NOTHING
    sign, value = ("<", "0,001") if p < 0.001 else ("=", number(p, 3))
    return f"p{NNBSP}{sign}{NNBSP}{value}"


def day(value: date, *, weekday: bool = False) -> str:
    """``11 février 2025``, ``1er mars 2025``; with *weekday* ``mardi 11 février 2025``."""
    number_ = "1er" if value.day == 1 else str(value.day)
    text = f"{number_}{NBSP}{_MONTHS[value.month - 1]}{NBSP}{value.year}"
    return f"{_DAYS[value.weekday()]} {text}" if weekday else text


def short_day(value: date) -> str:
    """``11/02/2025``, for narrow cells."""
    return f"{value:%d/%m/%Y}"


def span(first: date, last: date) -> str:
    """``11 au 13 février 2025``, or one day when both are equal."""
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{'1er' if first.day == 1 else first.day} au {day(last)}"
    return f"{day(first)} au {day(last)}"


def hour(value: time) -> str:
    """``9 h`` or ``12 h 30``."""
    return f"{value.hour}{NNBSP}h" + (f"{NNBSP}{value.minute:02d}" if value.minute else "")


def duration(minutes: int) -> str:
    """``7 h`` or ``3 h 30``, from minutes."""
    return hour(time(minutes // 60, minutes % 60)) if minutes < 24 * 60 else f"{minutes // 60}{NNBSP}h"


def count(n: int, singular: str, plural: str = "") -> str:
    """``1 réponse``, ``2 réponses``: French is singular below two."""
    return f"{number(n)} {singular if abs(n) < 2 else plural or singular + 's'}"


def none_or(n: int, singular: str, plural: str = "", *, none: str = "aucun") -> str:
    """``aucune femme``, ``1 femme``, ``2 femmes``: a nought is said in words. *none* is ``aucun`` or ``aucune``."""
    return count(n, singular, plural) if n else f"{none} {singular}"


def size(n_bytes: int) -> str:
    """A file's size: « 12 ko », « 3,4 Mo »."""
    return f"{number(n_bytes / 1e6, 1)}{NBSP}Mo" if n_bytes >= 1e6 else f"{number(max(1, n_bytes / 1e3))}{NBSP}ko"


def of(name: str) -> str:
    """``de Midelt``, ``d’Azilal``."""
    return f"d’{name}" if name[:1].lower() in _VOWELS else f"de {name}"


def listing(items: Sequence[str], last: str = "et") -> str:
    """``a, b et c``."""
    return " ".join((", ".join(items[:-1]), last, items[-1])) if len(items) > 1 else "".join(items)

"""French: « 1 234,5 », « 96 % », « 1er mars 2025 », « 7 h 30 »."""

from __future__ import annotations

import re
from datetime import date, time

from kobo_sync.language.style import NBSP, NNBSP, Style

_VOWELS = "aàâeéèêiîïoôuùûyh"


class French(Style):
    """Narrow no-break spaces before ; ! ? %, no-break before : and inside « »."""

    decimal = ","
    thousands = NNBSP
    percent_sign = NNBSP + "%"
    months = tuple("janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split())
    weekdays = tuple("lundi mardi mercredi jeudi vendredi samedi dimanche".split())
    units = ("ko", "Mo")
    and_word, or_word = "et", "ou"

    def spaced(self, text: str) -> str:
        """Hours (``9:30``) and addresses (``https://``) are left alone."""
        text = re.sub(r"[ \u00a0\u202f]*([;!?])(?=[\s»)]|$)", NNBSP + r"\1", text)
        text = re.sub(r"(?<=\S)[ \u00a0\u202f]+:(?=\s|$)", NBSP + ":", text)
        text = re.sub(r"«[ \u00a0\u202f]*", "«" + NBSP, text)
        text = re.sub(r"[ \u00a0\u202f]*»", NBSP + "»", text)
        text = re.sub(r"(\d)[ \u00a0\u202f]*%", r"\1" + NNBSP + "%", text)
        return text.replace("'", "’")

    def day_of_month(self, value: date) -> str:
        """``1er``, ``2``."""
        return "1er" if value.day == 1 else str(value.day)

    def span(self, first: date, last: date) -> str:
        """``11 au 13 février 2025``."""
        if first == last:
            return self.day(first)
        if (first.year, first.month) == (last.year, last.month):
            return f"{self.day_of_month(first)} au {self.day(last)}"
        return f"{self.day(first)} au {self.day(last)}"

    def hour(self, value: time) -> str:
        """``9 h`` or ``12 h 30``."""
        return f"{value.hour}{NNBSP}h" + (f"{NNBSP}{value.minute:02d}" if value.minute else "")

    def duration(self, minutes: int) -> str:
        """``7 h`` or ``3 h 30``."""
        hours, rest = divmod(minutes, 60)
        return f"{hours}{NNBSP}h" + (f"{NNBSP}{rest:02d}" if rest and hours < 24 else "")


def of(name: str) -> str:
    """``de Midelt``, ``d’Azilal``."""
    return f"d’{name}" if name[:1].lower() in _VOWELS else f"de {name}"

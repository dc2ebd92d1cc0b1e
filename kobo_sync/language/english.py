"""English: “1,234.5”, “96%”, “1 March 2025”, “7 h 30 min”."""

from __future__ import annotations

import re
from datetime import date, time

from kobo_sync.language.style import NBSP, Style


class English(Style):
    """No spaces before marks, curly quotes."""

    decimal = "."
    thousands = ","
    percent_sign = "%"
    months = tuple("January February March April May June July August September October November December".split())
    weekdays = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
    units = ("kB", "MB")
    and_word, or_word = "and", "or"

    def spaced(self, text: str) -> str:
        """Straight quotation marks become curly ones; nothing stands before a mark."""
        text = re.sub(r"[ \u00a0\u202f]+([;:!?])(?=[\s”)]|$)", r"\1", text)
        text = re.sub(r"(?<=\d)[ \u00a0\u202f]+%", "%", text)
        text = re.sub(r'(^|[\s(])"(?=\S)', r"\1“", text).replace('"', "”")
        return text.replace("'", "’")

    def span(self, first: date, last: date) -> str:
        """``11 to 13 February 2025``."""
        if first == last:
            return self.day(first)
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day} to {self.day(last)}"
        return f"{self.day(first)} to {self.day(last)}"

    def hour(self, value: time) -> str:
        """``9:00``, ``12:30``."""
        return f"{value.hour}:{value.minute:02d}"

    def duration(self, minutes: int) -> str:
        """``7 h`` or ``3 h 30 min``."""
        hours, rest = divmod(minutes, 60)
        return f"{hours}{NBSP}h" + (f"{NBSP}{rest}{NBSP}min" if rest and hours < 24 else "")

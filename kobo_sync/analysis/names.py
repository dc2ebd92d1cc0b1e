"""When two spellings are one person: keys that ignore case, accents, order and punctuation."""

from __future__ import annotations

import re
import unicodedata

_MARKS = re.compile(r"[^\w\s]|_")
_ARABIC_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


def name_key(name: str) -> str:
    """A key that is equal for « EL  AMRANI Hamid » and « hamid El-Amrani »; empty for an empty name."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return " ".join(sorted(_MARKS.sub(" ", plain).split()))


def phone_key(phone: str) -> str:
    """The last nine digits, which are equal for 06…, +212 6… and Arabic digits; empty when there are fewer."""
    digits = re.sub(r"\D", "", phone.translate(_ARABIC_DIGITS))
    return digits[-9:] if len(digits) >= 9 else ""

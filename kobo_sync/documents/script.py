"""Which writing a text is in."""

from __future__ import annotations

import re
from typing import Literal
from unicodedata import bidirectional

Script = Literal["latin", "arabic", "tifinagh"]

ARABIC = "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc"
_PIECES = re.compile(
    rf"([{ARABIC}](?:[{ARABIC}\s\d،؛؟.,:()%–-]*[{ARABIC}])?[؟،؛.]?|[\u2d30-\u2d7f]+(?:[\s,.;:!?-]+[\u2d30-\u2d7f]+)*)"
)
_ANY_ARABIC = re.compile("[\u0600-\u08ff\ufb50-\ufefc]")


def pieces(text: str) -> list[tuple[Script, str]]:
    """*text* cut where the writing changes, in reading order; joined, the pieces give *text* back."""
    if text.isascii():
        return [("latin", text)] if text else []
    runs: list[tuple[Script, str]] = []
    for piece in _PIECES.split(text):
        if piece:
            runs.append((_script(piece[0]), piece))
    return runs


def is_arabic(text: str) -> bool:
    """Whether most letters of *text* are Arabic, so that its paragraph runs right to left."""
    if not _ANY_ARABIC.search(text):
        return False
    letters = [character for character in text if character.isalpha()]
    arabic = sum("\u0600" <= c <= "\u08ff" or "\ufb50" <= c <= "\ufefc" for c in letters)
    return bool(letters) and arabic > 0.4 * len(letters)


_MASKED = re.compile(r"\d\d(?: ••)+ \d\d")


def is_straight(text: str) -> bool:
    """Whether *text* runs left to right on any page: Latin words, or a phone number of which some digits are masked."""
    return reads_left_to_right(text) or _MASKED.fullmatch(text) is not None


def reads_left_to_right(text: str) -> bool:
    """Whether *text* has letters and none of a script that runs right to left: « Ensemble, Avançons » on an Arabic page."""
    return any(c.isalpha() for c in text) and not any(bidirectional(c) in ("R", "AL") for c in text)


def _script(character: str) -> Script:
    if "\u2d30" <= character <= "\u2d7f":
        return "tifinagh"
    return "arabic" if re.match(f"[{ARABIC}]", character) else "latin"

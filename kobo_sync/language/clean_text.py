"""Text that people typed, made fit to be shown beside ours: on paper, on a terminal, in the lists of phones."""

from __future__ import annotations

import re

# Controls would command a terminal, and with lone surrogates and non-characters they break XML; bidi controls would redirect a
# neighbour's text.
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u200f\u202a-\u202e\u2066-\u2069]"
    r"|\u200e(?![+\u2212][\d\u0660-\u0669])"  # before a signed number it is ours, and harmless
)


def clean(text: str) -> str:
    """*text* without the characters that XML or a terminal would not take as text, or that turn the direction of what follows."""
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))

"""Digests, in whose digits chance writes now and then what a search for people looks for."""

from __future__ import annotations

import re

_DIGEST = re.compile(r"[0-9a-fA-F]{32,}")


def without_digests(text: str) -> str:
    """*text* without what is hexadecimal for 32 places or more: it names nobody."""
    return _DIGEST.sub("", text)

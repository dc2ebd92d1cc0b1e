"""What captions begin with, in every language: a report is brought up to date in another one than it was begun in."""

from __future__ import annotations

import re
from functools import cache

from kobo_sync.language.catalogue import later, translations
from kobo_sync.language.speaking import LANGUAGES

_KINDS = (later("Table"), later("Figure"))  # as `writer` calls them


@cache
def labels() -> tuple[str, ...]:
    """What captions call a table and a figure, in every language."""
    return tuple(dict.fromkeys(translations(code).gettext(kind) for code in LANGUAGES for kind in _KINDS))


@cache
def caption() -> re.Pattern[str]:
    """The beginning of a numbered caption: its label, a space, its number."""
    return re.compile(rf"^({'|'.join(labels())})(\s)(\d+)(?=\s–)")

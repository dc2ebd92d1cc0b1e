"""Values of settings and rows of lists in words: as they are, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.config.toml_values import NAMES
from kobo_sync.language.catalogue import t
from kobo_sync.language.sentences import setting_label
from kobo_sync.language.speaking import spoken
from kobo_sync.web.words import setting_in_words

NONE = "–"


@dataclass(frozen=True)
class Difference:
    """One setting, or one cell of a row, before and after; *code*: how the file calls it."""

    label: str
    code: str
    before: str
    after: str


def flat(value: Any, key: str) -> list[tuple[str, str]]:
    """(key, value in words) of the settings below *key*, keys joined by dots and numbers (none where it is empty: of one text in no language, one number in all); what is not set is left out."""
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in flat(inner, f"{key}.{name}" if name else key)]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [pair for at, item in enumerate(value, 1) for pair in flat(item, f"{key}[{at}]")]
    if value in (None, "", [], {}):
        return []
    parts = value if isinstance(value, list) else [value]
    return [(key, t(", ").join(setting_in_words(key, each) for each in parts))]


def differences(path: str, key: str, before: Any, after: Any) -> list[Difference]:
    """What differs in one setting, or in one row of the list at *path*, None standing for none."""
    is_row = path != MISSION_FILE
    was, became = (({**(value or {})} if is_row else dict(flat(_by_name(value), key))) for value in (before, after))
    found = []
    for name in {**was, **became}:
        texts = [(each.get(name) or NONE) for each in (was, became)]
        if texts[0] != texts[1]:
            label = key if is_row else setting_label(name, spoken().code)
            found.append(Difference(label, name, *texts))
    return found


def _by_name(value: Any) -> Any:
    """A value as a page tells it: tables of an array by their names, days and hours as text."""
    if isinstance(value, Mapping):
        return {name: _by_name(inner) for name, inner in value.items()}
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        names = [next((str(row[name]) for name in NAMES if name in row), str(at)) for at, row in enumerate(value, 1)]
        return {name: _by_name(row) for name, row in zip(names, value, strict=True)}
    return [_by_name(each) for each in value] if isinstance(value, list) else value

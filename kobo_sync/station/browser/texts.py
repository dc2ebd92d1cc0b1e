"""The words of the pages, in each language that they speak."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kobo_sync.language.speaking import NAMES


@cache
def texts(language: str) -> Mapping[str, str]:
    """Key → text in *language*, one of NAMES; keys are dotted."""
    tables = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
    return dict(_flat(tables, "", language))


def _flat(table: Mapping[str, Any], prefix: str, language: str) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, inner in table.items():
        if set(inner) & set(NAMES):
            flat.append((f"{prefix}{key}", str(inner[language])))
        else:
            flat += _flat(inner, f"{prefix}{key}.", language)
    return flat

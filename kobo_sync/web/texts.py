"""The pages' words: French as written in the templates, Arabic from `texts/ar.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from flask import session

LANGUAGES = {"fr": "Français", "ar": "العربية"}
RIGHT_TO_LEFT = ("ar",)


def language() -> str:
    """The language that this browser chose; French at first."""
    chosen = session.get("language", "fr")
    return chosen if chosen in LANGUAGES else "fr"


def t(text: str, **values: object) -> str:
    """*text* in the browser's language, ``{name}`` filled in; French where no translation is at hand."""
    translation = catalogue(language()).get(text, text)
    return translation.format(**values) if values else translation


def label(labels: Mapping[str, str], default: str = "") -> str:
    """The label in the browser's language, else the first there is."""
    return labels.get(language()) or next(iter(labels.values()), "") or default


@cache
def catalogue(code: str) -> Mapping[str, str]:
    """French text → text in language *code*; empty for French."""
    if code == "fr":
        return {}
    path = resources.files("kobo_sync.web") / "texts" / f"{code}.toml"
    return dict(tomllib.loads(path.read_text("utf-8"))["texts"])

"""The pages' words: French as written in the templates, Arabic from `texts/ar.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import Any, cast

from flask import session

from kobo_sync.language import typography
from kobo_sync.language.sentences import translated
from kobo_sync.language.speaking import Code

LANGUAGES = {"fr": "Français", "ar": "العربية"}
RIGHT_TO_LEFT = ("ar",)
# A path, address or command within a sentence that runs the other way: from a Latin word to the last one in a row.
_LATIN = re.compile(
    r"((?:[`'\"]?\.?[A-Za-z/][!-~]*[\w/`'\"*\]]|[A-Za-z])(?: (?:[A-Za-z/\[=<>'\"-][!-~]*[\w/`'\"*\]]|[=A-Za-z]))*)"
)


def language() -> Code:
    """The language that this browser chose; French at first."""
    chosen = session.get("language", "fr")
    return cast("Code", chosen) if chosen in LANGUAGES else "fr"


def t(text: str, **values: object) -> str:
    """*text* in the browser's language, ``{name}`` filled in; French where no translation is at hand."""
    translation = catalogue(language()).get(text, text)
    return translation.format(**values) if values else translation


def tn(one: str, many: str, n: int | str, **values: object) -> str:
    """``{n} constat`` or ``{n} constats`` in the browser's language, as the number *n* asks.

    Arabic has six forms (CLDR), told apart by the number; one that is text (``≤ 10``) takes the form of many things.
    """
    n = int(n) if isinstance(n, str) and n.isdecimal() else n
    shown = typography.number(n) if isinstance(n, int) else n
    if language() == "fr":
        text = one if isinstance(n, int) and abs(n) < 2 else many
    else:
        forms = counted(language()).get(many, {})
        text = forms.get(_arabic_form(n) if isinstance(n, int) else "many") or forms.get("other", many)
    return text.format(n=shown, **values)


def _arabic_form(n: int) -> str:
    """The plural form that CLDR gives *n* in Arabic."""
    if n in (0, 1, 2):
        return ("zero", "one", "two")[n]
    return "few" if 3 <= n % 100 <= 10 else "many" if n % 100 >= 11 else "other"


class Html(str):
    """Text that is HTML already: templates put it in as it is."""

    def __html__(self) -> str:
        return self


def translate(text: str) -> Html:
    """What the program says, in the browser's language; what the catalogue does not know stays as it is, its direction its own.

    A sentence runs as its language does, though a file's name may stand at its head; a path or command in it runs its own way.
    """
    code = language()
    shown = translated(text, code)
    if code not in RIGHT_TO_LEFT or shown == text:
        return Html(f"<bdi>{escape(shown)}</bdi>")
    parts = [escape(part) for part in _LATIN.split(shown)]  # text, Latin, text, …
    parts[1::2] = [f'<bdi dir="ltr">{part}</bdi>' for part in parts[1::2]]
    return Html(f'<bdi dir="rtl">{"".join(parts)}</bdi>')


def label(labels: Mapping[str, str], default: str = "") -> str:
    """The label in the browser's language, else the first there is."""
    return labels.get(language()) or next(iter(labels.values()), "") or default


@cache
def catalogue(code: str) -> Mapping[str, str]:
    """French text → text in language *code*; empty for French."""
    if code == "fr":
        return {}
    return dict(_file(code)["texts"])


@cache
def counted(code: str) -> Mapping[str, Mapping[str, str]]:
    """French text of many things → plural form (``zero`` … ``other``) → text in language *code*."""
    return dict(_file(code)["counted"])


@cache
def _file(code: str) -> Mapping[str, Mapping[str, Any]]:
    path = resources.files("kobo_sync.web") / "texts" / f"{code}.toml"
    return tomllib.loads(path.read_text("utf-8"))

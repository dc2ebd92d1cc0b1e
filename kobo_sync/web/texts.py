"""What is a browser's own: the language that it reads, which way that runs, labels and the program's sentences in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import cast

from flask import request, session

from kobo_sync.language import typography
from kobo_sync.language.catalogue import t
from kobo_sync.language.sentences import translated
from kobo_sync.language.speaking import LANGUAGES, RIGHT_TO_LEFT, Code, first_spoken, spoken

# A path, address or command within a sentence that runs the other way: from a Latin word to the last one in a row.
_LATIN = re.compile(
    r"((?:[`'\"\[]?[._]*[A-Za-z/][!-~]*[\w/`'\"*\]]|[A-Za-z])(?: (?:[A-Za-z/\[=<>'\"-][!-~]*[\w/`'\"*\]]|[=A-Za-z]))*)"
)


_NUMBER = re.compile(r"(?<![\w.,:/-])\d+(?:[.,:]\d+)*(?![\w/-])")  # no part of a name, a code or a day


def browser_language(otherwise: Code) -> Code:
    """The language that this browser chose, else the one of ours that it would rather read, else *otherwise*."""
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return cast("Code", chosen)
    return first_spoken([code for code, quality in request.accept_languages if quality > 0], otherwise)


def direction() -> str:
    """``rtl`` where lines of the spoken language begin on the right, else ``ltr``."""
    return "rtl" if spoken().code in RIGHT_TO_LEFT else "ltr"


class Html(str):
    """Text that is HTML already: templates put it in as it is."""

    def __html__(self) -> str:
        return self


def translate(text: str) -> Html:
    """What the program says, in the browser's language; what the catalogue does not know stays as it is, its direction its own.

    A sentence runs as its language does, though a file's name may stand at its head; a path or command in it runs its own way.
    """
    code = spoken().code
    shown = translated(text, code)
    if code not in RIGHT_TO_LEFT or shown == text:
        return Html(f"<bdi>{escape(shown)}</bdi>")
    parts = [escape(part) for part in _LATIN.split(shown)]  # text, Latin, text, …
    parts[::2] = [_NUMBER.sub(lambda number: typography.numerals(number[0]), part) for part in parts[::2]]
    parts[1::2] = [f'<bdi dir="ltr">{part}</bdi>' for part in parts[1::2]]
    return Html(f'<bdi dir="rtl">{"".join(parts)}</bdi>')


def place(where: str) -> str:
    """Where a finding is, in the browser's language: a zone and a group as its lists are joined, words of the program translated.

    One word alone is the name of a form or a zone, which may be a word of ours as well: ``participants``.
    """
    return translated(where, spoken().code).replace(", ", t(", ")) if " " in where else where


def with_cure(fault: str, cure: str) -> Html:
    """What is wrong and what to do, each as `translate` tells it."""
    return Html(f"{translate(fault)} {t('→')} {translate(cure)}") if cure else translate(fault)


def label(labels: Mapping[str, str], default: str = "") -> str:
    """The label in the browser's language, else the first there is."""
    return labels.get(spoken().code) or next(iter(labels.values()), "") or default

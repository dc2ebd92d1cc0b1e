"""What the program says in English, as people read it on pages and in mails: in French and Arabic, its values kept.

The command line, logs and code speak English. `texts/messages.toml` has each sentence that a page or a mail may show,
with ``{1}``, ``{2}`` where values stand; tests/notices/test_translations.py compares it with the code.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources

LANGUAGES = ("fr", "ar")
_VALUE = re.compile(r"\{(\d+)\}")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_JOINTS = (": ", " → ", "; ", " (")


def translated(text: str, language: str) -> str:
    """*text* in *language* as far as the catalogue knows its sentences; the rest, and what is French already, as it is."""
    return _translated(text, language) if language in LANGUAGES else text


def rule_title(rule: str, language: str) -> str:
    """What a rule is about, in a few words; empty for a rule that the catalogue does not know (a mission's own)."""
    return catalogue("rules").get(rule, {}).get(language, "")


def setting_label(key: str, language: str) -> str:
    """What a setting (``pull.page_size``) or a table of settings decides; empty for one that the catalogue does not know.

    Names that a mission gives (of a form, a zone, a group) and numbers of items are ``*`` there.
    """
    labels = catalogue("settings")
    parts = key.replace("[", ".").replace("]", "").split(".")
    for at in range(len(parts), -1, -1):
        starred = [part if place < at else "*" for place, part in enumerate(parts)]
        for candidate in (".".join(starred), ".".join(p if i != 1 else "*" for i, p in enumerate(parts))):
            if candidate in labels:
                return labels[candidate].get(language, "")
    return ""


@lru_cache(maxsize=4096)
def _translated(text: str, language: str) -> str:
    whole = _sentence(text, language)
    if whole is not None:
        return whole
    # Errors are put together: the place first, the cure behind, what the server said in brackets.
    for joint in _JOINTS:
        at = text.find(joint)
        while at >= 0:
            rest = text[at + len(joint) :]
            known = _sentence(rest.removesuffix(")") if joint == " (" else rest, language)
            if known is not None:
                close = ")" if joint == " (" and rest.endswith(")") else ""
                return _translated(text[:at], language) + _joint(joint, language) + known + close
            at = text.find(joint, at + 1)
    for joint in _JOINTS[:3]:
        first, found, rest = text.partition(joint)
        known = _sentence(first, language) if found else None
        if known is not None:
            return known + _joint(joint, language) + _translated(rest, language)
    return text


def _joint(joint: str, language: str) -> str:
    return {"fr": {": ": "\u00a0: ", "; ": "\u202f; "}, "ar": {" → ": " ← ", "; ": "؛ "}}[language].get(joint, joint)


def _sentence(text: str, language: str) -> str | None:
    """The translation of a sentence of the catalogue, its values translated as well; None for another."""
    for pattern, numbers, translations in _patterns():
        match = pattern.fullmatch(text)
        if match and translations.get(language):
            values = {number: match[place] for place, number in enumerate(numbers, 1)}
            parts = _VALUE.split(translations[language])
            return "".join(
                _translated(values.get(part, ""), language) if at % 2 else part for at, part in enumerate(parts)
            )
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], list[str], Mapping[str, str]]]:
    """The sentences as patterns, those with the most words of their own first."""
    texts = catalogue("messages")
    ordered = sorted(texts, key=lambda text: (-len(_VALUE.sub("", text)), text))
    return [
        (re.compile("(.*?)".join(map(re.escape, _VALUE.split(text)[::2])), re.S), _VALUE.findall(text), texts[text])
        for text in ordered
        if len(_LETTERS.findall(_VALUE.sub(" ", text))) >= 2
    ]


@cache
def catalogue(name: str) -> Mapping[str, Mapping[str, str]]:
    """A table of ``texts/messages.toml`` (``messages``, ``rules``, ``settings``): key → language → text."""
    path = resources.files("kobo_sync.notices") / "texts" / "messages.toml"
    tables: dict[str, Mapping[str, Mapping[str, str]]] = tomllib.loads(path.read_text("utf-8"))
    return tables[name]

"""What people wrote, made fit to be shown: names of the roster, phone numbers and addresses masked, and told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.once import once_per_facts
from kobo_sync.config import Role
from kobo_sync.model import Facts

NAME, PHONE, MAIL = "[nom masqué]", "[téléphone masqué]", "[adresse masquée]"
_DIGIT = "[0-9\u0660-\u0669\u06f0-\u06f9]"
_PHONE = re.compile(
    rf"(?<![0-9\u0660-\u0669\u06f0-\u06f9])(?:\+|00)?{_DIGIT}(?:[\s.\-/()]{{0,2}}{_DIGIT}){{7,14}}(?!{_DIGIT})"
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_WORD = re.compile(r"[^\W\d_]+(?:[’'\-][^\W\d_]+)*")
_SHORTEST = 4
# Particles and titles that make no name by themselves.
_PARTICLES = frozenset("ait aït bent ould sidi lalla moulay abou abdel abd bani oulad عبد ابن أبو بنت آيت".split())

_JOINED = re.compile(
    rf"{re.escape(NAME)}(?:[\s-]+(?:(?:el|al|ou|{'|'.join(sorted(_PARTICLES))})[\s-]+)*{re.escape(NAME)})+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quoted:
    """A text ready to be shown; *masked* are the kinds of what was hidden in it (``nom``, ``téléphone``, ``adresse``)."""

    text: str
    masked: tuple[str, ...]


class Reader:
    """Reads texts against the roster of a zone or of the mission."""

    def __init__(self, facts: Facts) -> None:
        places = [zone.name for zone in facts.config.zones] + [
            text for zone in facts.config.zones for text in zone.extra.values()
        ]
        places += [item.name for item in facts.config.organisations] + [
            labels.need(facts, code) for code in labels.needs(facts)
        ]
        common = {word for text in places for word in _keys(text)}
        self._names: set[str] = set()
        roles: tuple[Role, ...] = ("registration", "attendance")
        for role in roles:
            table = meaning.rows(facts, role).table
            for column in ("family_name", "given_name", "name_ar"):
                for value in table[column]:
                    words = _keys(meaning.text(value))
                    # The article of a name is written alone as often as not.
                    self._names |= {w for w in words if len(w) >= _SHORTEST and w not in common | _PARTICLES}

    def quoted(self, text: str) -> Quoted:
        """*text* with names, numbers and addresses masked; word for word otherwise."""
        masked: list[str] = []

        def hide(kind: str, shown: str) -> str:
            masked.append(kind)
            return shown

        text = _MAIL.sub(lambda _: hide("adresse", MAIL), text)
        text = _PHONE.sub(lambda found: hide("téléphone", PHONE) if _is_number(found[0]) else found[0], text)
        text = _WORD.sub(lambda found: hide("nom", NAME) if self._is_name(found[0]) else found[0], text)
        text = _JOINED.sub(NAME, text)
        return Quoted(text, tuple(dict.fromkeys(masked)))

    def _is_name(self, word: str) -> bool:
        """Latin names are written with a capital; a common word of the same letters is not hidden."""
        if word[0].islower():
            return False
        keys = _keys(word)
        return any(key in self._names or key.removeprefix("و") in self._names for key in (*keys, "".join(keys)))


def review(facts: Facts, texts: Iterable[tuple[str, Sequence[str]]]) -> list[tuple[str, int, tuple[str, ...]]]:
    """(where, number of texts, kinds) for each of *texts* (where, words) in which something was masked."""
    reader = reader_of(facts)
    found = []
    for where, words in texts:
        quoted = [reader.quoted(text) for text in words]
        hits = [item for item in quoted if item.masked]
        if hits:
            found.append((where, len(hits), tuple(sorted({kind for item in hits for kind in item.masked}))))
    return found


def _is_number(text: str) -> bool:
    """Enough digits for a phone, and not a run of dates or amounts such as ``2023-2024``."""
    digits = "".join(character for character in text if character.isdigit())
    return len(digits) >= 9 or (len(digits) == 8 and not re.search(r"\s-\s|/", text))


def _keys(text: str) -> list[str]:
    """The words of *text* without accents, case, vowel signs and the Arabic article."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c) and c != "\u0640"
    )
    return [word.removeprefix("ال") for word in re.findall(r"[^\W\d_]+", plain)]


@once_per_facts
def reader_of(facts: Facts) -> Reader:
    """The `Reader` of *facts*."""
    return Reader(facts)

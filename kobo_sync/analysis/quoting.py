"""What people wrote, made fit to be shown: names of the roster, phone numbers and addresses masked, and told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process, memo_over_runs
from kobo_sync.analysis.names import phone_key
from kobo_sync.config.config import Role

NAME, PHONE, MAIL = "[nom masqué]", "[téléphone masqué]", "[adresse masquée]"
_DIGIT = "[0-9\u0660-\u0669\u06f0-\u06f9]"
# What people put between digits, marks of direction that keyboards slip in included.
_BETWEEN = r"(?:[\s.\-/()·–—\u2011\u200e\u200f\u202a-\u202e\u2066-\u2069]{0,3}|[_,:])"
_PHONE = re.compile(rf"(?<!{_DIGIT})(?:\+|00)?{_DIGIT}(?:{_BETWEEN}{_DIGIT}){{7,14}}(?!{_DIGIT})")
_DATE = re.compile(r"(?<!\d)\d{1,2}([/.-])\d{1,2}\1(?:19|20)\d{2}(?!\d)")
_YEARS = re.compile(r"(?:(?:19|20)\d{2}\D+)+(?:19|20)\d{2}")
_AMOUNT = re.compile(r"(?:[1-4]\d\d|[1-9]\d?)(?:[\s.]\d{3}){2}|[1-9](?:[\s.]\d{3}){3}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_WORD = re.compile(r"[^\W\d_]+(?:[\u064b-\u065f\u0670]+[^\W\d_]*)*")
_SHORTEST, _SHORTEST_ALONE, _SHORTEST_SMALL = 2, 3, 5
# Particles and titles that make no name by themselves, and short words that a sentence begins with.
_PARTICLES = frozenset(
    "el al ou u ben bin bint bent ait aït ould sidi lalla moulay abou abdel abd bani oulad des les une mon son ses nos vos عبد ابن أبو بنت آيت بن".split()
)
_ARABIC = re.compile("[\u0600-\u06ff]")
_SAME = str.maketrans("ةى", "هي")

_JOINED = re.compile(
    rf"{re.escape(NAME)}(?:[\s-]+(?:(?:el|al|ou|{'|'.join(sorted(_PARTICLES))})[\s-]+)*{re.escape(NAME)})+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Quoted:
    """A text ready to be shown; *masked* are the kinds of what was hidden in it (``nom``, ``téléphone``, ``adresse``)."""

    text: str
    masked: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """What tells persons of the roster, made comparable: names wherever they stand written with a capital (*alone*),
    *families* without one too, the numbers of the persons whose names hold a word (*people*), *phones*.
    """

    alone: frozenset[str]
    families: frozenset[str]
    people: Mapping[str, frozenset[int]]
    phones: frozenset[str]


@memo_over_runs
def names_of(facts: Facts) -> Names:
    """The names and phones of the persons registered or present; words that places, organisations and needs hold are none."""
    places = [zone.name for zone in facts.config.zones] + [
        text for zone in facts.config.zones for text in zone.extra.values()
    ]
    places += [item.name for item in facts.config.organisations] + [
        labels.need(facts, code) for code in labels.needs(facts)
    ]
    common = {word for text in places for word in _keys(text)} | {_key(word) for word in _PARTICLES}
    alone_of: set[str] = set()
    families: set[str] = set()
    people: dict[str, set[int]] = {}
    phones: set[str] = set()
    roles: tuple[Role, ...] = ("registration", "attendance")
    columns = ["phone", "family_name", "given_name", "name_ar"]
    rows = [row for role in roles for row in meaning.records(meaning.rows(facts, role).table[columns])]
    for person, row in enumerate(rows):
        if row["phone"] is not None:
            phones.add(phone_key(meaning.text(row["phone"])))
        for column in columns[1:]:
            if row[column] is None:
                continue
            words = _keys(meaning.text(row[column]))
            for word in (*words, "".join(words)):
                if len(word) >= _SHORTEST and word not in common:
                    people.setdefault(word, set()).add(person)
            alone = {word for word in (*words, "".join(words)) if word not in common}
            alone_of |= {word for word in alone if len(word) >= (4 if _ARABIC.search(word) else _SHORTEST_ALONE)}
            if column == "family_name":
                families |= {word for word in alone if len(word) >= _SHORTEST_SMALL}
    persons_by_word = {word: frozenset(persons) for word, persons in people.items()}
    return Names(frozenset(alone_of), frozenset(families), persons_by_word, frozenset(phones - {""}))


class Reader:
    """Reads texts against the roster of a zone or of the mission."""

    def __init__(self, facts: Facts) -> None:
        self._names = names_of(facts)

    def quoted(self, text: str) -> Quoted:
        """*text* with names, numbers and addresses masked; word for word otherwise."""
        masked: list[str] = []

        def hide(kind: str, mask: str) -> str:
            masked.append(kind)
            return mask

        text = _MAIL.sub(lambda _: hide("adresse", MAIL), text)
        text = _PHONE.sub(lambda found: hide("téléphone", PHONE) if self._is_number(found[0]) else found[0], text)
        # Our own marks are no words of anybody.
        parts = re.split(rf"({re.escape(PHONE)}|{re.escape(MAIL)})", text)
        for place in range(0, len(parts), 2):
            words = list(_WORD.finditer(parts[place]))
            for place_of in sorted(self._named([word[0] for word in words]), reverse=True):
                start, end = words[place_of].span()
                parts[place] = parts[place][:start] + hide("nom", NAME) + parts[place][end:]
        return Quoted(_JOINED.sub(NAME, "".join(parts)), tuple(dict.fromkeys(masked)))

    def _named(self, words: Sequence[str]) -> set[int]:
        """The places of the words that name somebody: a name by itself, or two words of one person's name side by side."""
        positions: set[int] = set()
        before: tuple[int, set[int]] | None = None
        for place, word in enumerate(words):
            forms = _forms(word)
            if any(form in self._names.families for form in forms) or (
                not word[0].islower() and any(form in self._names.alone for form in forms)
            ):
                positions.add(place)
            people = set().union(*(self._names.people.get(form, ()) for form in forms))
            if before is not None and (people & before[1] or (people and {before[0], place} & positions)):
                positions |= {before[0], place}
            if people or _key(word) not in _SKIPPED:
                before = (place, people) if people else None
        return positions

    def _is_number(self, text: str) -> bool:
        """Enough digits for a phone; no dates, years (``2023-2024``) nor amounts (``150 000 000``), unless somebody has that number."""
        plain = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in text)
        if phone_key(plain) in self._names.phones:
            return True
        return len(re.sub(r"\D", "", plain)) >= 8 and not (
            _DATE.search(plain) or _YEARS.fullmatch(plain) or _AMOUNT.fullmatch(plain)
        )


def review(facts: Facts, texts: Iterable[tuple[str, Sequence[str]]]) -> list[tuple[str, int, tuple[str, ...]]]:
    """(where, number of texts, kinds) for each of *texts* (where, words) in which something was masked."""
    reader = reader_of(facts)
    passages = []
    for where, words in texts:
        quoted = [reader.quoted(text) for text in words]
        hits = [item for item in quoted if item.masked]
        if hits:
            passages.append((where, len(hits), tuple(sorted({kind for item in hits for kind in item.masked}))))
    return passages


def _keys(text: str) -> list[str]:
    """The words of *text* made comparable."""
    return [key for word in _WORD.findall(text) if (key := _key(word))]


@lru_cache(maxsize=1 << 13)
def _key(word: str) -> str:
    """A word without accents, case, vowel signs and the Arabic article; letters that are mixed up are one."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c) and c != "\u0640"
    ).translate(_SAME)
    return plain.removeprefix("ال") if len(plain) > 4 else plain


def _forms(word: str) -> tuple[str, ...]:
    """The word's key, and in Arabic what is left without the small words that are written with it (و، ف، ب، ل، ك)."""
    key = _key(word)
    if not _ARABIC.search(key):
        return (key,)
    spellings = [key]
    for _ in range(2):
        spellings += [form[1:] for form in spellings if form[:1] in tuple("وفبلك") and len(form) > 3]
    spellings += [form.removeprefix("لل").removeprefix("ال") for form in spellings]
    return tuple(dict.fromkeys(spellings))


_SKIPPED = frozenset(_key(word) for word in _PARTICLES)


@memo_in_process
def reader_of(facts: Facts) -> Reader:
    """The `Reader` of *facts*."""
    return Reader(facts)

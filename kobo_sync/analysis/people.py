"""Whom the answers name: the names, numbers and codes of everybody registered, present or asked for, made comparable."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from heapq import merge
from itertools import accumulate, chain, count, groupby, repeat
from operator import itemgetter

from kobo_sync.analysis import meaning, words
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process, memo_over_runs, note
from kobo_sync.analysis.names import folded_word, phone_key
from kobo_sync.analysis.ordered_texts import OrderedTexts
from kobo_sync.config.config import Config
from kobo_sync.forms.classes import METADATA, classes
from kobo_sync.lazy import cached_property
from kobo_sync.model import Choice, Form

_NAME_MEANINGS = ("family_name", "given_name", "name_ar")
_TYPED = frozenset("text calculate hidden string barcode integer decimal".split())
_APOSTROPHES = re.compile("['’ʼ‘`´ʻ]")
_LONGEST_NAME = 5  # words: a longer answer is a sentence
_SHORTEST, _SHORTEST_ALONE, _SHORTEST_ARABIC, _SHORTEST_SMALL, _SHORTEST_GLUED = 2, 3, 4, 5, 6
_FEWEST_DIGITS = 5
_LIKE_A_CODE = re.compile(r"[^\W\d_][\w-]*\d")  # a letter, then a number at the end: BER-01


@dataclass(frozen=True)
class People:
    """Who some rows name. *persons*: what each is called, as (family, given) or whole; *numbers* of phones and cards; *codes* of participants."""

    persons: tuple[tuple[tuple[str, ...], ...], ...] = ()
    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


# What a word tells: a name where it stands with a capital; without one too; family and given name in one, in any case.
ALONE, SMALL, GLUED = 1, 2, 4


@dataclass(frozen=True)
class Names:
    """What tells persons, made comparable (`words.key`).

    *words*, and for each by its place what it tells (`ALONE`, `SMALL`, `GLUED`, added) in *tells*, and in *ends* where the
    numbers of those whose names hold it end in *persons* (both four bytes each); those after a ~ are `folded_word`.
    *phones* (`phone_key`), *numbers* and *codes* in small letters; *common* are the words of places, organisations and needs.
    """

    words: OrderedTexts
    tells: bytes
    ends: bytes
    persons: bytes
    phones: OrderedTexts
    numbers: OrderedTexts
    codes: OrderedTexts
    common: frozenset[str]

    def told_by(self, text: str) -> int | None:
        """What *text* tells, 0 for nothing; None where no word begins with it either: a search goes on as long as one does."""
        place = self._place(text)
        return place if place is None else self.tells[place] if place >= 0 else 0

    def has_number(self, key: str) -> bool:
        """Whether *key* is somebody's phone or other number."""
        return not key.isalpha() and (key in self.phones or key in self.numbers)

    def persons_of(self, word: str) -> Sequence[int]:
        """The numbers of the persons whose names hold *word*."""
        place = self._place(word)
        return () if place is None or place < 0 else self.persons_at(place)

    def persons_at(self, place: int) -> Sequence[int]:
        """The numbers of the persons whose names hold the word at this place."""
        return self._persons[self._ends[place - 1] if place else 0 : self._ends[place]]

    @cached_property
    def _place(self) -> Callable[[str], int | None]:
        return lru_cache(maxsize=1 << 14)(self.words.find)  # the words of texts come again and again

    @cached_property
    def _ends(self) -> memoryview[int]:
        return memoryview(self.ends).cast("I")

    @cached_property
    def _persons(self) -> memoryview[int]:
        return memoryview(self.persons).cast("I")


# ── gathered ────────────────────────────────────────────────────────────────


def asked_of_people(config: Config, form: Form) -> dict[str, str]:
    """Question → what it tells of whom (a meaning, ``person``, or "" for whoever it names) of the questions of *form* whose answers name people."""
    meanings = {name: each for each, name in config.forms[form.form_id].fields.items()}
    asked = {}
    for each in classes(form, config).values():
        is_own = each.source not in ("derived", "list")  # what is made of a name, or of a list of anything, adds nobody
        if each.privacy == "nominative" and each.kind in _TYPED - METADATA and is_own:
            asked[each.name] = "person" if each.trait == "person" else meanings.get(each.name, "")
    for name in (*_NAME_MEANINGS, "phone", "email", "person"):
        question = config.forms[form.form_id].fields.get(name, "")
        if question:
            asked[question] = name
    return asked


def gathered(asked: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> People:
    """Who *rows* (question → answer) name, by what the questions ask (`asked_of_people`); each once."""
    persons: dict[tuple[tuple[str, ...], ...], None] = {}
    numbers: dict[str, None] = {}
    codes: dict[str, None] = {}
    for row in rows:
        own: dict[str, str] = {}
        for question, told in asked.items():
            answer = meaning.text(row.get(question)).removesuffix(".0")  # a number where another row has none
            if not answer:
                continue
            if told == "person":
                codes[answer] = None
            elif told in _NAME_MEANINGS:
                own[told] = answer
            elif sum(map(str.isdigit, answer)) >= _FEWEST_DIGITS:
                numbers[answer] = None
            elif told != "phone" and len(words.WORD.findall(answer)) <= _LONGEST_NAME and "@" not in answer:
                persons[((answer,),)] = None
        latin = tuple(own[each] for each in ("family_name", "given_name") if each in own)
        names = tuple(filter(None, (latin, (own["name_ar"],) if "name_ar" in own else ())))
        if names:
            persons[names] = None
    return People(tuple(persons), tuple(numbers), tuple(codes))


@memo_over_runs
def people_in(facts: Facts, form_id: str) -> People:
    """Who the rows of a form name, refused and rejected ones included, and its lists of persons."""
    form = facts.forms.get(form_id)
    asked = asked_of_people(facts.config, form) if form else {
        name: each for each, name in facts.config.forms[form_id].fields.items() if each in (*_NAME_MEANINGS, "phone", "person")
    }  # fmt: skip
    rows: list[Mapping[str, object]] = []
    for name in facts.tables_of(form_id) if asked else ():
        table = facts.tables[name]
        columns = [column for column in asked if column in table]
        rows += meaning.records(table[columns].drop_duplicates()) if columns else []
    told = gathered(asked, rows)
    return (
        replace(told, persons=(*told.persons, *(((name,),) for name in listed(facts.config, form)))) if form else told
    )


def listed(config: Config, form: Form) -> list[str]:
    """The labels of the choices that are persons: of lists whose questions are nominative, where they look like names."""
    names = []
    for each in classes(form, config).values():
        question = form.question(each.name) if each.privacy == "nominative" else None
        for choice in form.choices.get(question.list_name, ()) if question and question.list_name else ():
            names += _like_names(choice)
    return names


def _like_names(choice: Choice) -> list[str]:
    shown = [text for text in choice.labels.values() if 2 <= len(words.WORD.findall(text)) <= _LONGEST_NAME]
    return [
        text
        for text in shown
        if not any(words.is_role(words.key(word)) or word.islower() for word in words.WORD.findall(text))
    ]


# ── made comparable ─────────────────────────────────────────────────────────


def names_of(facts: Facts) -> Names:
    """Everybody of the mission, whichever zone *facts* are of; words that places, organisations and needs hold tell nobody alone.

    What is remembered over runs and rests on them rests on all forms.
    """
    note(*facts.config.forms)
    return facts.names() if facts.names else names_in(facts)


@memo_in_process
def names_in(facts: Facts, common: frozenset[str] | None = None) -> Names:
    """Everybody whom the tables of *facts* name, and the trainer; *common* are their `common_words`, given where they are there.

    Those who give them put several parts `together`: what all parts share is then not in each.
    """
    parts = [people_in(facts, form_id) for form_id in facts.config.forms]
    trainer = facts.config.mission.trainer
    parts += [People((((trainer,),),))] if trainer else []
    if common is None:
        return comparable(parts, common_words(facts))
    return replace(comparable(parts, common), common=frozenset())


def together(parts: Iterable[Names], common: frozenset[str]) -> Names:
    """The names of several parts, whose persons are told apart; *common* are the words of all."""
    parts = list(parts)
    before = [0, *accumulate(max(memoryview(part.persons).cast("I"), default=0) for part in parts)]
    tells, ends, persons = bytearray(), array("I"), array("I")

    def merged() -> Iterator[str]:
        places = (zip(part.words, repeat(n), count(), strict=False) for n, part in enumerate(parts))
        for word, same in groupby(merge(*places), key=itemgetter(0)):
            told = 0
            for _, n, place in same:
                told |= parts[n].tells[place]
                persons.extend(before[n] + person for person in parts[n].persons_at(place))
            tells.append(told)
            ends.append(len(persons))
            yield word

    ordered = OrderedTexts.of(merged())
    phones, numbers, codes = (_of_all(getattr(part, name) for part in parts) for name in ("phones", "numbers", "codes"))
    return Names(ordered, bytes(tells), ends.tobytes(), persons.tobytes(), phones, numbers, codes, common)


def _of_all(parts: Iterable[OrderedTexts]) -> OrderedTexts:
    return OrderedTexts.of(text for text, _ in groupby(merge(*parts)))


def common_words(facts: Facts) -> frozenset[str]:
    """The words of the mission's places, organisations, needs and other lists that forms show."""
    texts = [zone.name for zone in facts.config.zones]
    texts += [text for zone in facts.config.zones for text in zone.extra.values()]
    texts += [item.name for item in facts.config.organisations]
    lists = list(facts.catalogues.values())
    for form_id in facts.config.forms_with_role("needs"):
        form, fields = facts.forms.get(form_id), facts.config.forms[form_id].fields
        asked = [form.question(fields.get(meaning, "")) for meaning in ("ranking", "need")] if form else []
        lists += [form.choices.get(question.list_name, ()) for question in asked if form and question]
    texts += [text for choices in lists for choice in choices for text in choice.labels.values()]
    return frozenset(words.key(word) for text in texts for word in words.WORD.findall(text))


def comparable(parts: Iterable[People], common: frozenset[str]) -> Names:
    """*parts* as a reader of texts asks for them; *common* words are nobody's name alone."""
    never = common | words.NOT_NAMES | words.PARTICLES | words.TITLES
    tells: dict[str, int] = {}
    people: dict[str, set[int]] = {}
    numbers: set[str] = set()
    codes: set[str] = set()
    n = 0
    for part in parts:
        for names in part.persons:
            n += 1
            for fields in names:
                lists = [_words(field) for field in fields]
                for at, own in enumerate(lists):
                    joined = [] if len(own) < 2 else [words.squeezed("".join(own))]
                    for word in (*own, *joined):
                        if word not in words.PARTICLES | words.TITLES and len(word) >= _SHORTEST:
                            people.setdefault(word, set()).add(n)
                    for word in (*own, *joined):
                        if len(word) > 2 and word not in words.PARTICLES | words.TITLES:
                            people.setdefault("~" + folded_word(word), set()).add(n)
                    telling = [word for word in (*own, *joined) if word not in never and not set(own) <= never]
                    for word in telling:
                        tells[word] = tells.get(word, 0) | _told(word)
                    others = [word for other in lists[:at] + lists[at + 1 :] for word in other]
                    for word in _glued(own, others):
                        tells[word] = tells.get(word, 0) | GLUED
        numbers |= set(part.numbers)
        codes |= {code.casefold() for code in part.codes if _LIKE_A_CODE.fullmatch(code)}
    people.pop("~", None)
    ordered = sorted({*tells, *people})
    persons = [sorted(people.get(word, ())) for word in ordered]
    return Names(
        words=OrderedTexts.of(ordered),
        tells=bytes(tells.get(word, 0) for word in ordered),
        ends=array("I", accumulate(map(len, persons))).tobytes(),
        persons=array("I", chain.from_iterable(persons)).tobytes(),
        phones=OrderedTexts.of(sorted({phone_key(number) for number in numbers} - {""})),
        numbers=OrderedTexts.of(sorted({number_key(number) for number in numbers} - {""})),
        codes=OrderedTexts.of(sorted(codes)),
        common=common,
    )


def _told(word: str) -> int:
    """What a word of a name tells by itself."""
    alone = ALONE if len(word) >= _shortest(word) else 0
    return alone | (SMALL if len(word) >= _SHORTEST_SMALL and word not in words.HOMONYMS else 0)


def _shortest(word: str) -> int:
    return _SHORTEST_ARABIC if words.ARABIC.search(word) else _SHORTEST_ALONE


def _words(name: str) -> list[str]:
    """The words of a name; an apostrophe parts none."""
    return [key for word in words.WORD.findall(_APOSTROPHES.sub("", name)) if (key := words.key(word))]


def _glued(own: list[str], others: list[str]) -> Iterable[str]:
    """A name's words and the person's other ones in one, whichever comes first; of a whole name its words turned round."""
    if not others:
        own, others = own[:1], own[1:]
    for one, other in ((own, others), (own[-1:], others), (own, others[:1])):
        for both in ((*one, *other), (*other, *one)):
            if one and other and len(joined := words.squeezed("".join(both))) >= _SHORTEST_GLUED:
                yield joined


def number_key(number: str) -> str:
    """A number's letters and digits, in small letters and Western digits."""
    return "".join(str(int(c)) if c.isdecimal() else c.casefold() for c in number if c.isalnum())

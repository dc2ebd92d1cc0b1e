"""Rules on tests whose answers the config knows: nobody should find them without knowing the subject."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kobo_sync.forms.expression import number_of
from kobo_sync.forms.rules.subject import Fault, Line, Subject, parameters, rule

_FEWEST = 4  # items: below, chance alone finds them all too often
_RARE = 0.02  # how seldom chance may do as well: 6 of 10 items of four choices, 4 of 5, 9 of 10 of two
_LAGS = range(1, 5)  # items after which a pattern may come back: abcabc does after three


@dataclass(frozen=True)
class _Item:
    """A question of the test in one language: its choices' *texts* and *codes* as listed, and the *right* one's place."""

    line: Line
    codes: tuple[str, ...]
    texts: tuple[str, ...]
    right: int


_Guess = Callable[[_Item], int | None]  # the place that a rule of thumb picks; None where it cannot tell
_Tally = tuple[int, Sequence[float]]  # how many it finds, and the chance of each item that it could tell


@rule("FORM050", "warning", "advice")
def guessed_key(subject: Subject) -> Iterator[Fault]:
    """The right answers of a test are found by no rule of thumb: the longest choice, the shortest, always the second, a pattern.

    A rule strikes when it finds so many items that guessing would do as well in at most 2 tests of 100 (exact, each
    item with the number of its choices; one that is right in no item, as « I do not know », does not count). Items where
    the rule cannot choose, two being as long, are left out; fewer than four items are not judged. Lengths count letters,
    without marks and vowel signs. A place counts as on the sheet and on paper, shuffled on phones or not.
    """
    languages = [code for code in subject.form.languages if code] or [""]
    places_told = False
    for language in languages:
        items = _items(subject, language)
        if len(items) < _FEWEST:
            return
        kinds = [(told, cure, language) for told, cure in _by_text(items)]
        if not places_told:  # the same in every language
            kinds.append(([*_by_place(items), *_patterns(items)], _MIX, ""))
            places_told = True
        for told, cure, where in kinds:
            name, (n_right, chances) = min(told, key=lambda each: _at_least(*each[1]))
            if len(chances) >= _FEWEST and _at_least(n_right, chances) <= _RARE:
                message = f"{name} finds {n_right} of {len(chances)} right answers{f' in {where}' if where else ''}"
                yield subject.at(items[0].line), f"{message}; chance finds {sum(chances):.1f}", cure


_MIX = "change the order of the choices, and the key with it, so that the right one stands in no usual place"
_EVEN = "write the wrong choices as long and as precise as the right one, and some of them longer"
_LONG = "write some of the wrong choices shorter"
_BOTH = "write wrong numbers on one side of the right one too"


def _by_text(items: Sequence[_Item]) -> Iterator[tuple[Sequence[tuple[str, _Tally]], str]]:
    """Rules that read, those of one kind together, each with what it finds; and the cure."""
    if len({item.texts for item in items}) == 1:
        return  # true, false: what is longest is a place

    def most(measure: Callable[[str], int], pick: Callable[[list[int]], int]) -> _Tally:
        return _tally(items, lambda item: _only(item.texts, measure, pick))

    words = ("the choice with the most words", most(lambda text: len(text.split()), max))
    commas = ("the choice with the most commas", most(lambda text: len(re.findall("[,;،؛]", text)), max))
    yield [("the longest choice", most(_length, max)), words, commas], _EVEN
    yield [("the shortest choice", most(_length, min))], _LONG
    yield [("the middle number", _tally(items, _middle))], _BOTH


def _by_place(items: Sequence[_Item]) -> Iterator[tuple[str, _Tally]]:
    def always(place: int) -> _Tally:
        return _tally(items, lambda item: place if place < len(item.texts) else None)

    def coded(code: str) -> _Tally:
        return _tally(items, lambda item: item.codes.index(code) if code in item.codes else None)

    for place in range(max(len(item.texts) for item in items)):
        yield f"always choice {place + 1}", always(place)
    yield "always the last choice", _tally(items, lambda item: len(item.texts) - 1)
    for code in dict.fromkeys(code for item in items for code in item.codes):
        yield f"always {code!r}", coded(code)


def _patterns(items: Sequence[_Item]) -> Iterator[tuple[str, _Tally]]:
    """Places that come back (abcabc), and places that climb from item to item (abcd)."""
    for lag in _LAGS:
        same = sum(one.right == other.right for one, other in zip(items, items[lag:], strict=False))
        yield f"the place of the item {lag} before", (same, _chances(items[lag:]))
    for step, word in ((1, "after"), (-1, "before")):
        hits = sum((one.right + step) % len(other.texts) == other.right for one, other in pairwise(items))
        yield f"the place {word} that of the last item", (hits, _chances(items[1:]))


# ── items ───────────────────────────────────────────────────────────────────


def _items(subject: Subject, language: str) -> list[_Item]:
    """The questions that the key names, without the choices that are right nowhere though many items offer them."""
    asked = []
    for line in subject.questions:
        right = subject.key.get(line.name)
        options = _options(subject, line, language) if right is not None else {}
        if right in options:
            asked.append((line, options, right))
    idle = _idle([(options, right) for _, options, right in asked])
    items = []
    for line, options, right in asked:
        offered = {code: text for code, text in options.items() if (code, text) not in idle or code == right}
        if len(offered) < 2:  # always « true »: the others are right nowhere, and are choices all the same
            offered = options
        if len(offered) > 1:
            codes = tuple(offered)
            items.append(_Item(line, codes, tuple(offered.values()), codes.index(right)))
    return items


def _options(subject: Subject, line: Line, language: str) -> dict[str, str]:
    """Code → what is read, in the list's order; without the marks of bold, and the letters' own."""
    if line.kind.file_name:
        table, named = subject.tables.get(line.kind.file_name), parameters(line)
        rows = table.rows if table and not table.fault else ()
        return {row.get(named.get("value", "name"), ""): row.get(named.get("label", "label"), "") for row in rows}
    choices = subject.form.choices.get(line.kind.list_name, ())
    return {choice.name: choice.labels.get(language) or choice.labels.get("", "") for choice in choices}


def _idle(asked: Sequence[tuple[Mapping[str, str], str]]) -> set[tuple[str, str]]:
    """Choices (code, text) that more than half of the items offer and that answer none: « Je ne sais pas »."""
    offered: dict[tuple[str, str], int] = {}
    for options, _ in asked:
        for each in options.items():
            offered[each] = offered.get(each, 0) + 1
    answers = {(right, options[right]) for options, right in asked}
    return {each for each, n in offered.items() if n > len(asked) / 2 and each not in answers}


def _length(text: str) -> int:
    plain = re.sub(r"</?[a-zA-Z][^>]*>|\*\*|__", "", text)
    letters = unicodedata.normalize("NFC", plain).strip()
    return sum(unicodedata.category(letter)[0] != "M" and letter != "ـ" for letter in letters)


def _only(texts: Sequence[str], measure: Callable[[str], int], most: Callable[[list[int]], int]) -> int | None:
    """The place of the one text that measures most (or least); None when there are several."""
    sizes = [measure(text) for text in texts]
    best = most(sizes)
    return sizes.index(best) if sizes.count(best) == 1 else None


def _middle(item: _Item) -> int | None:
    """The place of the middle one, where all choices are numbers."""
    numbers = [number_of(re.sub(r"(?<=\d)\s(?=\d)|\s?%$", "", text.strip()).replace(",", ".")) for text in item.texts]
    if len(numbers) % 2 == 0 or any(number != number for number in numbers) or len(set(numbers)) < len(numbers):
        return None
    return numbers.index(sorted(numbers)[len(numbers) // 2])


# ── chance ──────────────────────────────────────────────────────────────────


def _tally(items: Sequence[_Item], guess: _Guess) -> _Tally:
    told = [(item, place) for item in items if (place := guess(item)) is not None]
    return sum(item.right == place for item, place in told), _chances([item for item, _ in told])


def _chances(items: Sequence[_Item]) -> list[float]:
    return [1 / len(item.texts) for item in items]


def _at_least(n: int, chances: Sequence[float]) -> float:
    """The probability of *n* hits or more, each with its own chance."""
    odds = [1.0]
    for chance in chances:
        odds = [
            (odds[k] * (1 - chance) if k < len(odds) else 0) + (odds[k - 1] * chance if k else 0)
            for k in range(len(odds) + 1)
        ]
    return sum(odds[n:])

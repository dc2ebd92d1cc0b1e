"""What people wrote, made fit to be shown: names, phone and identity numbers, addresses and participant codes masked, and told.

The one place that every free text passes on its way out of files that may name people. Names are those of everybody
registered, present or asked for; of others, those that follow a title.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kobo_sync.analysis import words
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process
from kobo_sync.analysis.names import folded_word, phone_key
from kobo_sync.analysis.people import ALONE, GLUED, SMALL, Names, names_of, number_key
from kobo_sync.language.catalogue import later, t

NAME, PHONE, MAIL = later("[name masked]"), later("[phone masked]"), later("[address masked]")
NUMBER, CODE = later("[number masked]"), later("[code masked]")
_KINDS = {NAME: later("name"), PHONE: later("phone number"), MAIL: later("address")}
_KINDS |= {NUMBER: later("identity number"), CODE: later("participant code")}
# What people put between digits, marks of direction that keyboards slip in included.
_BETWEEN = r"(?:[\s.\-/()·•*|–—\u2010-\u2012\u200b-\u200f\u202a-\u202e\u2060-\u2069]{0,3}|[_,:])"
_PHONE = re.compile(rf"(?<!\d)(?:\+|00)?\d(?:{_BETWEEN}\d){{7,}}(?!\d)")
_DATES = re.compile(r"(?<!\d)(?:\d{1,2}([/.-])\d{1,2}\1(?:19|20)\d{2}|(?:19|20)\d{2}([/.-])\d{1,2}\2\d{1,2})(?!\d)")
_YEARS = re.compile(r"(?:(?:19|20)\d{2}\D+)+(?:19|20)\d{2}")
_AMOUNT = re.compile(r"(?:[1-4]\d\d|[1-9]\d?)(?:[\s.]\d{3}){2}|[1-9](?:[\s.]\d{3}){3}")
_MAIL = re.compile(
    r"(?<![\w.+'-])[\w.+'-]+[ \t]?(?:[@＠]|[([]\s?(?:at|arobase)\s?[)\]])[ \t]?[\w-]+(?:\.[\w-]+)*"
    r"(?:[ \t]?(?:\.|[([]\s?(?:dot|point)\s?[)\]])[ \t]?(?:com|ma|org|net|fr|es|info|edu|gov|eu|be|ch|ca|uk)\b)?",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<!\w)[@＠][\w.]{3,}(?<!\.)")
# AB123456, A 123456, AB-12 34 56; « DH 150000 » and « BP 54350 » are none.
_CARD = re.compile(
    r"(?<![^\W_])(?!(?:BP|CP|DH|MAD|RN|RP|RR|RD|PK|KM|N|NO|EU|UE|US|FM|HT|TTC)[\s.-])(?:[A-Z]{1,3}[\s.\-–/]{0,2}|[a-z]{1,2})\d(?:[\s.-]?\d){4,9}[A-Z]?(?![^\W_])"
)
_LABELLED = re.compile(
    r"(\b(?:cin|cine|cnie|cni|dni|nie|carte nationale|carte d.identité|passeport|passport|pasaporte)\b|(?:ال)?بطاقة(?: الوطنية)?|رقم التعريف|جواز السفر)"
    r"(\D{0,12}?)((?:\b[A-Za-z]{1,2}[\s.-]?)?\d(?:[\s.-]?\d){4,})",
    re.IGNORECASE,
)
_SERIES = re.compile(r"(?<![^\W_])[^\W_]*\d[^\W_]*(?:[\s.\-/_]{1,2}[^\W_]*\d[^\W_]*)*")
_CODE = re.compile(r"(?<![\w-])\w[\w-]*\d")
_TIGHT = re.compile(r"[\s'’ʼ‘`´ʻ\-‐‑–_.·]{0,3}")
_CLOSE = re.compile(r"['’ʼ‘`´ʻ\-‐‑_]{0,1}")
_WITHIN = re.compile(r"[\s'’ʼ‘`´ʻ\-‐‑–_·]{0,3}")
_AFTER_TITLE = re.compile(r"\.?\s{0,2}|[-‑]")
_AFTER_INITIAL = re.compile(r"\.?[\s-]{0,2}")
_BLANK = re.compile(r"[\s\-‐‑]{1,2}")
_MOST_WORDS = 6  # of a name


@dataclass(frozen=True)
class Quoted:
    """A text ready to be shown; *masked* are the kinds of what was hidden in it (``name``, ``phone number``…)."""

    text: str
    masked: tuple[str, ...]


@dataclass(frozen=True)
class _Word:
    """A word of a text: where it stands, its key, what follows until the next one; *forms*: the key, and without small words before it."""

    start: int
    end: int
    text: str
    key: str
    forms: tuple[str, ...]
    gap: str

    @property
    def is_capital(self) -> bool:
        return not self.text[0].islower()

    @property
    def is_latin(self) -> bool:
        return self.text[0].isupper() or self.text[0].islower()


class Reader:
    """Reads texts against the names of the mission; masks are in the language that is spoken when it is made."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._masks = {mask: t(mask) for mask in _KINDS}
        self._mark = re.compile(f"({'|'.join(map(re.escape, self._masks.values()))})")
        self._stops = words.STOPS | names.common
        self.quoted = lru_cache(maxsize=1 << 12)(self._quoted)
        self._persons = lru_cache(maxsize=1 << 10)(self._persons_of)  # the same words come again and again

    def _quoted(self, text: str, code: Callable[[str], str] | None = None, asks_who: bool = False) -> Quoted:
        """*text* with what tells persons masked; word for word otherwise.

        *code* gives what stands for a participant code; *asks_who*: an answer that is a name by nature, in which
        words with a capital that are no function, body nor place are one.
        """
        masked: list[str] = []

        def hide(mask: str, instead: str = "") -> str:
            masked.append(_KINDS[mask])
            return instead or self._masks[mask]

        def each(pattern: re.Pattern[str], mask: Callable[[re.Match[str]], str], text: str) -> str:
            parts = self._mark.split(text)  # our own marks are no words of anybody
            parts[::2] = [pattern.sub(mask, part) for part in parts[::2]]
            return "".join(parts)

        text = each(_MAIL, lambda _: hide(MAIL), text)
        text = each(_HANDLE, lambda _: hide(MAIL), text)
        if any(map(str.isdigit, text)):
            text = each(_CODE, lambda m: self._code(m[0], code, hide), text) if self._names.codes.pieces else text
            text = each(_LABELLED, lambda m: m[1] + m[2] + hide(NUMBER), text)
            text = each(_CARD, lambda _: hide(NUMBER), text)
            text = each(_SERIES, lambda m: hide(NUMBER) if self._is_registered(m[0]) else m[0], text)
            text = each(_PHONE, lambda m: hide(PHONE) if self._is_number(m[0]) else m[0], text)
        parts = self._mark.split(text)
        parts[::2] = [self._without_names(part, hide, asks_who) for part in parts[::2]]
        return Quoted("".join(parts), tuple(dict.fromkeys(masked)))

    def registered(self, text: str) -> str:
        """*text* without the names and numbers of those registered; whatever else looks like one stays."""
        for pattern, mask, is_one in ((_SERIES, NUMBER, self._is_registered), (_PHONE, PHONE, self._is_phone)):
            parts, told = self._mark.split(text), self._masks[mask]
            parts[::2] = [pattern.sub(lambda m: told if is_one(m[0]) else m[0], part) for part in parts[::2]]  # noqa: B023
            text = "".join(parts)
        parts = self._mark.split(text)
        parts[::2] = [self._without_names(part, self._masks.__getitem__, with_titles=False) for part in parts[::2]]
        return "".join(parts)

    # ── numbers ──

    def _code(self, found: str, code: Callable[[str], str] | None, hide: Callable[[str, str], str]) -> str:
        if found.casefold() not in self._names.codes:
            return found
        return hide(CODE, code(found) if code else "")

    def _is_registered(self, text: str) -> bool:
        return number_key(text) in self._names.numbers

    def _is_phone(self, text: str) -> bool:
        return phone_key("".join(str(int(c)) if c.isdecimal() else c for c in text)) in self._names.phones

    def _is_number(self, text: str) -> bool:
        """Enough digits for a phone; no dates, years (``2023-2024``) nor amounts (``150 000 000``), unless somebody has that number."""
        plain = "".join(str(int(c)) if c.isdecimal() else c for c in text)
        if self._is_phone(text):
            return True
        if _YEARS.fullmatch(plain) or _AMOUNT.fullmatch(plain):
            return False
        return len(re.sub(r"\D", "", _DATES.sub(" ", plain))) >= 8

    # ── names ──

    def _without_names(
        self, text: str, hide: Callable[[str], str], asks_who: bool = False, with_titles: bool = True
    ) -> str:
        found = _words(text)
        if not found:
            return text
        named = self._named(found)
        if with_titles:
            self._after_titles(found, named)
        if asks_who:
            named |= self._by_nature(found, text, named)
        self._neighbours(found, named)
        for first, last in reversed(_runs(found, named)):
            text = text[: found[first].start] + hide(NAME) + text[found[last].end :]
        return text

    def _named(self, found: Sequence[_Word]) -> set[int]:
        """The places of the words that name somebody registered."""
        named: set[int] = set()
        is_place = False
        for at, word in enumerate(found):
            before = found[at - 1] if at else None
            is_place = before is not None and bool(_BLANK.fullmatch(before.gap)) and (
                before.key in words.PLACE_NOUNS or (is_place and before.is_capital and word.is_capital)
            )  # fmt: skip
            n = self._longest(found, at, is_place)
            named |= set(range(at, at + n))
        self._pairs(found, named)
        return named

    def _longest(self, found: Sequence[_Word], at: int, is_place: bool) -> int:
        """How many words from *at* on are a name, written in one, apart, or joined by marks."""
        longest = 0
        for form in found[at].forms:
            joined, capitals, is_close = form, found[at].is_capital, True
            for n in range(1, _MOST_WORDS + 1):
                told = self._names.told_by(joined)
                if told is None:
                    break
                if told and self._tells(told, n, capitals, is_close, found, at, is_place):
                    longest = max(longest, n)
                if at + n >= len(found) or not _TIGHT.fullmatch(found[at + n - 1].gap):
                    break
                following = found[at + n]
                is_close = is_close and bool(_CLOSE.fullmatch(found[at + n - 1].gap))
                capitals = capitals and (following.is_capital or is_close)
                joined = words.squeezed(joined + following.key)
        return longest

    def _tells(
        self, told: int, n: int, capitals: bool, is_close: bool, found: Sequence[_Word], at: int, is_place: bool
    ) -> bool:
        if told & GLUED:
            return True
        following = found[at + n] if at + n < len(found) else None
        if is_place or (following is not None and following.text in words.ROMAN and found[at + n - 1].gap == " "):
            return False  # Avenue Mohammed V
        return bool(told & SMALL and (is_close or n > 1)) or bool(told & ALONE and capitals)

    def _pairs(self, found: Sequence[_Word], named: set[int]) -> None:
        """Add words of one person's name side by side, in any case and spelling, whatever particle stands between."""
        before: tuple[int, frozenset[int]] | None = None
        for at, word in enumerate(found):
            people = self._persons(word.text)
            is_near = before is not None and all(_TIGHT.fullmatch(found[k].gap) for k in range(before[0], at))
            if before is not None and is_near and (people & before[1] or (people and {before[0], at} & named)):
                named |= {before[0], at}
            if people or (word.key not in words.PARTICLES and len(word.text) > 1):
                before = (at, people) if people else None

    def _persons_of(self, word: str) -> frozenset[int]:
        """The numbers of the persons one of whose names *word* may be, in any spelling."""
        key, forms = _forms(word)
        spellings = [*forms]
        if (word[0].isupper() or word[0].islower()) and len(key) > 2 and key not in self._stops:
            spellings.append("~" + folded_word(key))
        return frozenset().union(*map(self._names.persons_of, spellings))

    def _after_titles(self, found: Sequence[_Word], named: set[int]) -> None:
        """Add the names that follow a title, registered or not; of a title that places begin with, those that are no place."""
        for at, word in enumerate(found[:-1]):
            if not _is_title(word) or not _AFTER_TITLE.fullmatch(word.gap):
                continue
            following = found[at + 1]
            if _in(word.forms, words.PLACE_TITLES) and (
                words.is_saint(following.key) or (at and found[at - 1].key in words.PLACE_NOUNS)
            ):
                continue
            named |= self._titled(found, at)

    def _titled(self, found: Sequence[_Word], at: int) -> set[int]:
        title, own, n = found[at], set[int](), 0
        for place in range(at + 1, min(at + 5, len(found))):
            word, gap = found[place], found[place - 1].gap
            if place > at + 1 and not (
                _WITHIN.fullmatch(gap) or (gap in (". ", ".") and len(found[place - 1].text) == 1)
            ):
                break
            if word.key in words.PARTICLES and (word.is_capital or n == 0) and len(word.text) > 1:
                own.add(place)
                continue
            if word.key in words.TITLES and n == 0 and word.is_capital:
                continue
            is_name = self._may_be_name(word, title, n)
            if not is_name or n == (3 if word.is_latin else 2):
                break
            own.add(place)
            n += 1
        while own and n and max(own) < len(found) and found[max(own)].key in words.PARTICLES:
            own.discard(max(own))
        return own if n else set()

    def _may_be_name(self, word: _Word, title: _Word, n: int) -> bool:
        if word.is_latin:
            is_acronym = title.key == "si" and word.text.isupper()
            return word.is_capital and not is_acronym and not self._is_no_name(word)
        if title.is_latin or any(form in self._stops or form in words.NOT_NAMES for form in word.forms):
            return False
        return not (_in(title.forms, words.ARABIC_NOUN_TITLES) and n == 0 and word.text.startswith("ال"))

    def _is_no_name(self, word: _Word) -> bool:
        return word.key in self._stops or word.key in words.TITLES or (word.text in words.ROMAN and len(word.text) > 1)

    def _by_nature(self, found: Sequence[_Word], text: str, named: set[int]) -> set[int]:
        """In an answer to who somebody is: words with a capital side by side that are no function, body nor place."""
        own: set[int] = set()
        run: list[int] = []
        for at, word in enumerate([*found, None]):
            is_near = bool(run) and _WITHIN.fullmatch(found[run[-1]].gap)
            may = word is not None and word.is_latin and word.is_capital
            if word is not None and may and (not run or is_near):
                run.append(at)
                continue
            own |= self._run_of_names(found, run, text)
            run = [at] if may else []
        return own

    def _run_of_names(self, found: Sequence[_Word], run: Sequence[int], text: str) -> set[int]:
        telling = [at for at in run if found[at].key not in words.PARTICLES]
        if not telling or any(words.is_role(found[at].key) or found[at].key in self._stops for at in telling):
            return set()
        acronym = all(found[at].text.isupper() and len(found[at].text) <= 6 for at in telling)
        after_place = run[0] > 0 and found[run[0] - 1].key in words.PLACE_NOUNS
        is_all = len(found) == len(run)
        if (acronym and len(telling) == 1) or after_place or (len(telling) < 2 and not is_all):
            return set()
        return set(run)

    def _neighbours(self, found: Sequence[_Word], named: set[int]) -> None:
        """Add what belongs to a name that is masked: initials beside it, particles within, the family name of one not registered."""
        for at in sorted(named):
            word = found[at]
            following = found[at + 1] if at + 1 < len(found) else None
            is_new = following is not None and at + 1 not in named
            if is_new and following is not None and _BLANK.fullmatch(word.gap) and word.is_capital and word.is_latin:
                is_name = following.is_latin and following.is_capital and len(following.text) > 2
                if (
                    is_name
                    and not self._is_no_name(following)
                    and following.key not in words.PARTICLES
                    and not following.text.isupper()
                ) or (_is_initial(following) and (following.gap.startswith(".") or at + 2 == len(found))):
                    named.add(at + 1)
        for at in sorted(named):
            place = at - 1
            while place >= 0 and _is_initial(found[place]) and _AFTER_INITIAL.fullmatch(found[place].gap):
                if found[place].key == "m" and found[place].gap == ". ":
                    break  # Monsieur
                named.add(place)
                place -= 1


def review(facts: Facts, texts: Iterable[tuple[str, Sequence[str]]]) -> list[tuple[str, int, tuple[str, ...]]]:
    """(where, number of texts, kinds) for each of *texts* (where, words) in which something was masked."""
    reader = reader_of(facts)
    passages = []
    for where, written in texts:
        quoted = [reader.quoted(text) for text in written]
        hits = [item for item in quoted if item.masked]
        if hits:
            passages.append((where, len(hits), tuple(sorted({kind for item in hits for kind in item.masked}))))
    return passages


def shown(facts: Facts, text: str, *, asks_who: bool = False) -> str:
    """*text* as whatever may not name people shows it; *asks_who* for an answer that is a name by nature."""
    return reader_of(facts).quoted(text, None, asks_who).text if text else text


def met(names: Names, keys: Collection[str]) -> list[str]:
    """Which of the words and numbers of some texts (`keys_in`) somebody of *names* is told by."""
    return sorted(key for key in frozenset(keys) if names.told_by(key) or names.has_number(key))


def keys_in(texts: Iterable[str]) -> set[str]:
    """The words and numbers of *texts*, made comparable."""
    keys: set[str] = set()
    for text in texts:
        keys.update(form for word in _words(text) for form in word.forms)
        keys.update(
            phone_key("".join(str(int(c)) if c.isdecimal() else c for c in m[0])) for m in _PHONE.finditer(text)
        )
        keys.update(number_key(m[0]) for m in _SERIES.finditer(text))
    return keys


@memo_in_process
def reader_of(facts: Facts) -> Reader:
    """The `Reader` of *facts*."""
    return Reader(names_of(facts))


# ── words of a text ─────────────────────────────────────────────────────────


def _words(text: str) -> list[_Word]:
    """The words of *text*; FatimaTazi is two."""
    spans = []
    for match in words.WORD.finditer(text):
        start, word = match.start(), match[0]
        for at in range(1, len(word)):
            if word[at - 1].islower() and word[at].isupper():
                spans.append((start, match.start() + at))
                start = match.start() + at
        spans.append((start, match.end()))
    ends = [*(start for start, _ in spans[1:]), len(text)][: len(spans)]
    found = []
    for (start, end), following in zip(spans, ends, strict=True):
        key, forms = _forms(text[start:end])
        if key:
            found.append(_Word(start, end, text[start:end], key, forms, text[end:following]))
    return found


@lru_cache(maxsize=1 << 14)
def _forms(word: str) -> tuple[str, tuple[str, ...]]:
    """The word's key, and in Arabic what is left without the small words that are written with it (و، ف، ب، ل، ك)."""
    key = words.key(word)
    if not words.ARABIC.search(key):
        return key, (key,)
    spellings = [key]
    for _ in range(2):
        spellings += [form[1:] for form in spellings if form[:1] in tuple("وفبلك") and len(form) > 3]
    spellings += [form.removeprefix("لل").removeprefix("ل" if form.startswith("لل") else "ال") for form in spellings]
    spellings += [form.removeprefix("ال") for form in spellings]
    return key, tuple(dict.fromkeys(filter(None, map(words.squeezed, spellings))))


def _in(forms: Iterable[str], of: frozenset[str]) -> bool:
    return any(form in of for form in forms)


def _is_title(word: _Word) -> bool:
    if word.is_latin:
        short = word.key in ("m", "me", "pr", "dr", "sr")
        return word.key in words.TITLES and (not short or word.is_capital)
    return _in(word.forms, words.TITLES) or (
        ("ال" in word.text[:4] or word.text.startswith("لل")) and _in(word.forms, words.ARABIC_NOUN_TITLES)
    )


def _is_initial(word: _Word) -> bool:
    return len(word.text) == 1 and word.text.isupper() and word.gap[:1] not in tuple("'’ʼ‘`´")


def _runs(found: Sequence[_Word], named: set[int]) -> list[tuple[int, int]]:
    """The names as (first, last) places: words side by side are one, with the particles between and before them."""
    runs: list[tuple[int, int]] = []
    for at in sorted(named):
        first = at
        while first and found[first - 1].key in words.BEFORE_NAMES and _WITHIN.fullmatch(found[first - 1].gap):
            first -= 1
        if runs and (runs[-1][1] >= first or _is_one(found, runs[-1][1], first)):
            first = runs.pop()[0]
        runs.append((first, at))
    return runs


def _is_one(found: Sequence[_Word], last: int, first: int) -> bool:
    """Whether the names that end at *last* and begin at *first* are one: blanks, marks or particles are between; a stop only after an initial."""
    if any(found[place].key not in words.PARTICLES for place in range(last + 1, first)):
        return False
    is_short = 1 in (len(found[last].text), len(found[first].text))
    return all(
        _WITHIN.fullmatch(found[place].gap)
        or found[place].gap == "."
        or (is_short and _AFTER_INITIAL.fullmatch(found[place].gap))
        for place in range(last, first)
    )

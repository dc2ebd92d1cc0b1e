"""What the program recorded in English, as people read it: in French and Arabic, its values kept.

Findings, errors, reports and logs are English where they are kept; whoever shows them translates. The catalogue ``program`` has
each sentence with ``{1}``, ``{2}`` where values stand; in a translation ``[1:ligne|lignes]`` is the form of a word beside the value.
tests/language/harvest.py reads the sentences from the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from kobo_sync.language.catalogue import texts_of
from kobo_sync.language.rule_titles import RULE_TITLES
from kobo_sync.language.setting_labels import SETTING_LABELS
from kobo_sync.language.speaking import Code
from kobo_sync.language.style import NNBSP

LANGUAGES: tuple[Code, ...] = ("fr", "ar")  # that English is translated to
MOST_PARTS = 40  # of one text that are looked at; what is behind stays as it is
MOST_DEPTH = 5  # of values within values
_SLOT = re.compile(r"\{(\d+)\}")
_FORMS = re.compile(r"\[(\d+):([^\[\]]*\|[^\[\]]*)\]")  # of a word, by how many the value is: [1:ligne|lignes]
# What errors are put together with: the place before, the cure behind, what the server said in brackets, lists.
_JOINT = re.compile(r"( → | ?: | ?; | · |, | \(| and (?=\d)| et (?=[^\W\d]))")
_MARKED = re.compile(r"([\s✓✗!]*)(.*?)(\s*)", re.S)  # the mark of a diagnosis, or the blanks of a line of a log, before
_VERBATIM = re.compile(r" \((?:pyxform|ODK Validate): “[^”]*”\)")  # another tool's words, which stay as they are
_DECIMAL, _UNIT = (
    re.compile(r"\d+\.\d+"),
    re.compile(r"\s(?:[GM]o|min|s|غيغابايت|ميغابايت|دقيقة|ثانية)\b"),
)  # 70.4 Go; not version 1.2
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")  # 142,486, as English groups what it counts
_SHARE = re.compile(r"\d+%")  # 75%, of ours; within quotes it is what somebody wrote
_OPENING = ("'", '"', "`", "«", "“")
_STOP = re.compile(
    r" → | ?: | ?; | · |, | \("
)  # of these: what never stands in a sentence's first value, unless in quotes
_QUOTED = re.compile(r"(['\"`«]).*(['\"`»])", re.S)
_ITEM = re.compile(
    r"[^\s,:;()“”«»\"'`=<>{}]+(?: [^\s,:;()“”«»\"'`=<>{}]+){0,4}"
)  # of a list: a name, no prose and no formula
_JOINTS = {
    "fr": {": ": "\u00a0: ", "; ": "\u202f; ", " and ": " et "},
    "ar": {" → ": " ← ", " and ": " و", " : ": ": ", "; ": "؛ ", " ; ": "؛ ", ", ": "، ", " et ": " و"},
}


def translated(text: str, language: Code) -> str:
    """*text*, which is English, in *language* as far as the catalogue knows its sentences; the rest as it is."""
    if language not in LANGUAGES:
        return text
    if quote := _VERBATIM.search(text):
        behind = text[quote.end() :]
        joint = parting[0] if (parting := _JOINT.match(behind)) else ""
        rest = translated(behind[len(joint) :], language)
        return translated(text[: quote.start()], language) + quote[0] + _JOINTS[language].get(joint, joint) + rest
    mark, body, end = _MARKED.fullmatch(text).groups()  # type: ignore[union-attr]  # all of it may be empty
    return mark + _translated(body, language, 0) + end


def rule_title(rule: str, language: Code) -> str:
    """What a rule is about, in a few words; empty for a rule that is not known (a mission's own)."""
    return _told(RULE_TITLES.get(rule, ""), language)


def setting_label(key: str, language: Code) -> str:
    """What a setting (``forms.presence.items.q1.answer``) or a table of settings decides; empty for one that is not known."""
    return _told(SETTING_LABELS.get(general_key(key), ""), language)


def _told(text: str, language: Code) -> str:
    return texts_of(language, "program").get(text, text)


def general_key(key: str) -> str:
    """A setting's key as the catalogue has it: ``*`` for names that a mission gives (of a form, a zone, a group), and for
    numbers of items; empty for one that it does not have.
    """
    node, general = _keys(), []
    for part in re.split(r"[.\[\]]+", key.rstrip("]")):
        step = part if part in node else "*"
        if step not in node:
            return ""
        node = node[step]
        general.append(step)
    return ".".join(general)


@cache
def _keys() -> dict[str, Any]:
    """The settings' keys as a tree of their parts."""
    tree: dict[str, Any] = {}
    for key in SETTING_LABELS:
        node = tree
        for part in key.split("."):
            node = node.setdefault(part, {})
    return tree


# ── a text ──


@lru_cache(maxsize=4096)
def _translated(text: str, language: Code, depth: int) -> str:
    """The text with each longest run of its parts that is a sentence put into *language*, from its beginning on."""
    if depth > MOST_DEPTH:
        return text
    bare = text.rstrip(" ")  # what stands before another sentence ends with the blank between them
    if bare and bare != text:
        return _translated(bare, language, depth) + text[len(bare) :]
    whole = _sentence(text, language, depth, is_head=not depth)
    if whole is not None:
        return whole
    parts = _JOINT.split(text, maxsplit=MOST_PARTS)
    if len(parts) == 1:
        return text
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + len(part))
    told, at, is_known, is_item, joint = "", 0, False, False, ""
    while at < len(parts):
        end, known = _longest(text, starts, at, language, depth)
        piece = text[starts[at] : starts[end + 1]]
        # Names alone are a list, of a zone and its group say; a file and its key are not.
        is_name = depth or (language == "ar" and "/" not in piece and "." not in piece)
        goes_on = bool(is_name and _ITEM.fullmatch(piece))
        is_ours = is_known or known is not None or (joint == ", " and is_item and goes_on)
        told += (_JOINTS[language].get(joint, joint) if is_ours else joint) + (piece if known is None else known)
        is_known, is_item, joint = known is not None, goes_on, parts[end + 1] if end + 1 < len(parts) else ""
        at = end + 2
    return told


def _longest(text: str, starts: Sequence[int], at: int, language: Code, depth: int) -> tuple[int, str | None]:
    """The last part of the longest sentence that begins with part *at*, and its translation; that part alone and None else."""
    last = len(starts) - 2
    for end in range(last, at - 1, -2):
        run = text[starts[at] : starts[end + 1]]
        if (at, end) == (0, last):
            continue  # the whole text was no sentence
        known = _sentence(run, language, depth, is_head=not (depth or at))
        if known is None and run.endswith(")") and run.count("(") < run.count(")"):  # it began behind the bracket
            inner = _sentence(run[:-1], language, depth)
            known = None if inner is None else f"{inner})"
        if known is not None:
            return end, known
    return at, None


# ── a sentence ──


@dataclass(frozen=True)
class _Sentence:
    """A sentence of the catalogue: what stands between its values, in order, and its *translation*."""

    pieces: tuple[str, ...]
    slots: tuple[str, ...]
    translation: str

    def values(self, text: str) -> dict[str, str] | None:
        """The values where *text* is this sentence, by slot; None else. One look from left to right, never back."""
        first, *others = self.pieces
        if not others:
            return {} if text == first else None
        if len(text) < sum(map(len, self.pieces)) or not text.startswith(first) or not text.endswith(others[-1]):
            return None
        at, end, values = len(first), len(text) - len(others[-1]), []
        for piece in others[:-1]:
            place = text.find(piece, at, end)
            if place < 0:
                return None
            values.append(text[at:place])
            at = place + len(piece)
        if at > end:
            return None
        values.append(text[at:end])
        return dict(zip(self.slots, values, strict=True)) if first or self._may_begin(values[0]) else None

    def _may_begin(self, value: str) -> bool:
        """Whether the sentence can begin with *value*: it may not take in what only stands before the sentence."""
        return bool(_STOP.match(self.pieces[1]) or not _STOP.search(value) or _QUOTED.fullmatch(value))

    def told(self, language: Code, values: Mapping[str, str], depth: int) -> Iterator[str]:
        """The translation in pieces, its values translated as well; but for what stands in quotes: somebody's own words."""
        text = _FORMS.sub(lambda match: _form(match[2].split("|"), values[match[1]], language), self.translation)
        counted = {match[1] for match in _FORMS.finditer(self.translation)}  # beside a word: neither a year nor an id
        parts = _SLOT.split(text)
        for at, part in enumerate(parts):
            if not at % 2:
                yield part
            elif _DECIMAL.fullmatch(values[part]) and _UNIT.match(parts[at + 1]):
                yield values[part].replace(".", ",")
            elif parts[at - 1].rstrip().endswith(_OPENING):
                yield values[part]
            elif _GROUPED.fullmatch(values[part]) or (part in counted and values[part].isdecimal()):
                yield f"{int(values[part].replace(',', '')):,}".replace(",", NNBSP)
            elif language == "fr" and _SHARE.fullmatch(values[part]) and not parts[at - 1].endswith("="):
                yield values[part].replace("%", f"{NNBSP}%")
            else:
                yield _translated(values[part], language, depth)


@dataclass(frozen=True)
class _Sentences:
    """The sentences to a language: those without values by their text, others by their first letters, longest first."""

    fixed: dict[str, str] = field(default_factory=dict)
    by_head: dict[str, list[_Sentence]] = field(default_factory=dict)

    def like(self, text: str) -> Iterator[_Sentence]:
        """Those that *text* may be."""
        yield from self.by_head.get(text[:_HEAD], ())
        yield from self.by_head.get("", ())


_HEAD = 4


def _sentence(text: str, language: Code, depth: int, *, is_head: bool = False) -> str | None:
    """The translation of a sentence of the catalogue, its values translated as well; None for another text.

    A single word (``server``) is one at the head of a text alone: within lists it may be the name of a question.
    """
    sentences = _sentences(language)
    if text in sentences.fixed and (is_head or " " in text):
        return sentences.fixed[text]
    for each in sentences.like(text):
        values = each.values(text)
        if values is not None:
            return "".join(each.told(language, values, depth + 1))
    return None


def _form(forms: Sequence[str], value: str, language: Code) -> str:
    """The form of a word beside the number *value*: one, many in French; one, two, 3 to 10, more in Arabic."""
    whole = value.replace(",", "") if _GROUPED.fullmatch(value) else value
    n = int(whole) if whole.isdecimal() else 100
    if language == "fr":
        return forms[n > 1]
    return forms[n - 1 if n in (1, 2) else 2 if 3 <= n % 100 <= 10 else 3 if n % 100 > 10 else 0]


@cache
def _sentences(language: Code) -> _Sentences:
    """The sentences that have a translation to *language*; of several that a text may be, that with the most own words first."""
    sentences = _Sentences()
    texts = texts_of(language, "program")
    for text in sorted(texts, key=lambda text: (-len(_SLOT.sub("", text)), text)):
        split = _SLOT.split(text)
        each = _Sentence(tuple(split[::2]), tuple(split[1::2]), texts[text])
        if each.slots:
            head = each.pieces[0][:_HEAD] if len(each.pieces[0]) >= _HEAD else ""
            sentences.by_head.setdefault(head, []).append(each)
        else:
            sentences.fixed[text] = texts[text]
    return sentences

"""Passwords that others try first: common words, names at hand, keys beside each other, the same again and again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from kobo_sync.config.common_passwords import WORDS

if TYPE_CHECKING:
    from kobo_sync.config.config import Config

PRODUCT = ("kobo", "kobosync", "kobotoolbox", "kobocollect", "odk", "collect")
LEAST_LEFT = 4  # letters that must remain when all that is guessed first is taken away
MOST_WORDS = 2  # a sentence may use common words: three of them are no longer guessed first
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "qsdfghjklm",
    "wxcvbn", "1qaz2wsx3edc4rfv", "1q2w3e4r5t6y7u8i9o0p", "1a2z3e4r5t6y", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤرلاىةوزظ",
)  # fmt: skip
_ALIKE = str.maketrans("013457@$€!ٱأإآىة", "oieastaseiاااايه")
_DIGITS = {ord(sign): str(value) for value in range(10) for sign in (chr(0x660 + value), chr(0x6F0 + value))}


def guessed_first(password: str, near: Iterable[str] = ()) -> str:
    """Why *password* is among those that are tried first, as ``it repeats itself``; empty when it is not.

    *near* are names at hand: the account's, the person's, the organisations', the mission's.
    """
    plain = _plain(password)
    if len(set(plain)) < 5:
        return "it has fewer than five different characters"
    if _is_repeated(plain):
        return "it repeats itself"
    words = {_letters(word) for name in (*PRODUCT, *near) for word in (name, *re.split(r"\W+", name))}
    names = {word for word in words if len(word) >= 3}
    for text in {re.sub(r"\d", " ", _without_runs(plain)), _without_runs(plain)}:  # digits as digits, and as letters
        left, n_words = _without(re.sub(r"[\W_]", "", text.translate(_ALIKE)), names)
        if len(re.sub(r"[\W\d_]", "", left)) < LEAST_LEFT and n_words <= MOST_WORDS:
            return "it is made of names, common words, dates or neighbouring keys"
    return ""


def names_of(config: Config) -> list[str]:
    """What others know of a mission, *near* for its accounts: its names and its organisations'."""
    mission = config.mission
    return [mission.code, mission.title, mission.programme, mission.trainer, *(o.name for o in config.organisations)]


@cache
def common() -> frozenset[str]:
    """The words that people take first, in French, English, Spanish, Arabic and its transliterations."""
    return frozenset(map(_letters, WORDS.split()))


def _plain(text: str) -> str:
    """In small letters, without accents; digits of all scripts as 0-9."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in folded if not unicodedata.combining(sign)).translate(_DIGITS)


def _letters(text: str) -> str:
    """*text* as it is compared: signs that stand for letters made letters, all else left out."""
    return re.sub(r"[\W_]", "", _plain(text).translate(_ALIKE))


def _is_repeated(text: str) -> bool:
    return any(text == (text[:n] * (len(text) // n + 1))[: len(text)] for n in range(1, len(text) // 2 + 1))


def _without_runs(text: str) -> str:
    """*text* with a blank for each run of four and more neighbouring keys, letters or digits."""
    for row in _ROWS:
        for run in (row, row[::-1]):
            for length in range(len(run), 3, -1):
                for at in range(len(run) - length + 1):
                    text = text.replace(run[at : at + length], " ")
    return text


def _without(text: str, names: Iterable[str]) -> tuple[str, int]:
    """What remains of *text* without *names* and common words, the longest first; and how many words these were."""
    n_words = 0
    for word in sorted({*names, *common()}, key=lambda word: (-len(word), word)):
        if len(word) > 1 and word in text:
            text, n_words = text.replace(word, " "), n_words + (word not in names)
    return text, n_words

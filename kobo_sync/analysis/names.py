"""When two spellings are one person: keys that ignore case, accents, order, and how Arabic was transliterated."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache

_MARKS = re.compile(r"[^\w\s]|_")
_ARABIC_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_ARABIC = re.compile(r"[\u0600-\u06ff]")
# One letter each in Arabic as it is typed: فاطمة and فاطمه, العلوي and العلوى, and what Persian keyboards send.
_ONE_LETTER = str.maketrans({"ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ہ": "ه", "ـ": None})
_ARTICLES = frozenset({"el", "al", "l", "ould", "ben", "bent", "bnt", "bn", "ait", "ou", "u"})
_SPELLINGS = (
    ("ou", "u"), ("oo", "u"), ("w", "u"), ("ee", "i"), ("y", "i"), ("tch", "S"), ("sch", "S"), ("ch", "S"), ("sh", "S"),
    ("kh", "X"), ("gh", "G"), ("rh", "G"), ("th", "t"), ("dh", "d"), ("dj", "j"), ("ph", "f"), ("q", "k"),
    ("ce", "se"), ("ci", "si"), ("c", "k"), ("e", "a"), ("o", "u"), ("v", "b"), ("p", "b"),
)  # fmt: skip
_LETTERS = str.maketrans({
    "ا": "a", "أ": "a", "إ": "a", "آ": "a", "ى": "a", "ة": "a", "ع": "a", "ء": None, "ئ": None, "ؤ": None, "ب": "b", "ت": "t",
    "ث": "t", "ج": "j", "ح": "h", "خ": "X", "د": "d", "ذ": "d", "ر": "r", "ز": "z", "س": "s", "ش": "S", "ص": "s", "ض": "d",
    "ط": "t", "ظ": "d", "غ": "G", "ف": "f", "ق": "k", "ك": "k", "ل": "l", "م": "m", "ن": "n", "ه": "h", "و": "u", "ي": "i",
})  # fmt: skip
_NO_VOWELS = str.maketrans("", "", "aiu")
ALIKE = 0.72  # of two folded names in one script; measured on the pairs of the tests


def name_key(name: str) -> str:
    """A key that is equal for « EL  AMRANI Hamid » and « hamid El-Amrani », for فاطمة and فاطمه; empty for an empty name."""
    plain = name.casefold()
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
        plain = plain.translate(_ONE_LETTER)
    return " ".join(sorted(_MARKS.sub(" ", plain).split()))


def phone_key(phone: str) -> str:
    """The last nine digits, which are equal for 06…, +212 6… and Arabic digits; empty when there are fewer."""
    digits = re.sub(r"\D", "", phone.translate(_ARABIC_DIGITS))
    return digits[-9:] if len(digits) >= 9 else ""


def sound_key(name: str) -> str:
    """The consonants as heard, in one alphabet: equal for Mohamed, Mohammed, M’hamed and محمد; rough on purpose."""
    return " ".join(sorted(filter(None, map(_consonants, _words(name)))))


def is_likely_same(one: str, other: str) -> bool:
    """Whether two full names are likely one person's: they sound alike, and in one script look alike too."""
    if not name_key(one) or not name_key(other):
        return False
    if name_key(one) == name_key(other):
        return True
    if sound_key(one) != sound_key(other) or len(sound_key(one)) < 4:
        return False
    if bool(_ARABIC.search(one)) != bool(_ARABIC.search(other)):
        return True
    return SequenceMatcher(None, " ".join(sorted(_folded(one))), " ".join(sorted(_folded(other)))).ratio() >= ALIKE


def _folded(name: str) -> list[str]:
    """The words in one alphabet, without articles, one letter for each sound."""
    return [folded for word in _words(name) if (folded := folded_word(word))]


def _words(name: str) -> list[str]:
    return name.replace("’", "").replace("'", "").replace("-", " ").split()


@lru_cache(maxsize=1 << 16)
def _consonants(word: str) -> str:
    return folded_word(word).translate(_NO_VOWELS)


@lru_cache(maxsize=1 << 16)  # the same names come again and again, and folding one is slow
def folded_word(word: str) -> str:
    """A word of a name in one alphabet, a letter for each sound; empty for an article."""
    key = name_key(word)
    if key in _ARTICLES:
        return ""
    if _ARABIC.search(word):
        plain = "".join(c for c in word if not unicodedata.combining(c) and c != "ـ")
        plain = plain.removeprefix("ال") if len(plain) > 4 else plain
        folded = plain.translate(_LETTERS)
    else:
        folded = key
        for old, new in _SPELLINGS:
            folded = folded.replace(old, new)
    return re.sub(r"h$", "", re.sub(r"(.)\1+", r"\1", folded))

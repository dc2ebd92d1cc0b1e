"""Which language is spoken here and now: the documents' while one is written, a browser's while it is answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, get_args

Code = Literal["fr", "en", "ar"]
Digits = Literal["latin", "arabic"]
LANGUAGES: tuple[Code, ...] = get_args(Code)
RIGHT_TO_LEFT = ("ar",)
NAMES = {"fr": "Français", "en": "English", "ar": "العربية"}


@dataclass(frozen=True)
class Language:
    """A language by its *code*; *digits* are those that Arabic is written with: ``latin`` (0–9), ``arabic`` (٠–٩)."""

    code: Code
    digits: Digits = "latin"

    @property
    def as_said(self) -> str:
        """The language as manifests say it: ``fr``, or ``ar arabic`` where its digits are not 0–9."""
        return self.code if self.digits == "latin" else f"{self.code} {self.digits}"

    @property
    def runs_right_to_left(self) -> bool:
        """Whether lines begin on the right."""
        return self.code in RIGHT_TO_LEFT


_FIRST = Language("fr")
_spoken: ContextVar[Language] = ContextVar("kobo_sync_language", default=_FIRST)


def spoken() -> Language:
    """The language that texts are told in here; French where nothing else was said."""
    return _spoken.get()


def speak(language: Language | Code) -> None:
    """Tell texts in *language* from here on, in this thread: at a request's and a command's beginning."""
    _spoken.set(language if isinstance(language, Language) else Language(language))


@contextmanager
def speaking(language: Language | Code) -> Iterator[None]:
    """Tell texts in *language* within the block. A thread begins with French: say it in there anew."""
    token = _spoken.set(language if isinstance(language, Language) else Language(language))
    try:
        yield
    finally:
        _spoken.reset(token)


def first_spoken(codes: Sequence[str], otherwise: Code = "en") -> Code:
    """The first of *codes* (``fr``, ``en_GB.UTF-8``, ``ar-MA``) that the program speaks, else *otherwise*."""
    for code in codes:
        for language in LANGUAGES:
            if code[:2].lower() == language and not code[2:3].isalpha():
                return language
    return otherwise

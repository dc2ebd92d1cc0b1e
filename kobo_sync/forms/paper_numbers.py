"""What the questions of a paper form are called: one number each, the author's own where the labels carry them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kobo_sync.model import Question

_OWN = re.compile(r"^(\**)(?:Q\s?)?(\d{1,3}(?:\.\d{1,3})*)(?:[.)]|\s?[-–—])\s+(?=\S)")
_FEWEST = 3  # questions with a number of their own: then the author has numbered the form


def own_number(label: str) -> str:
    """The number that a label begins with (``3. Nom`` → ``3``), or an empty text."""
    match = _OWN.match(label)
    return "".join(str(int(c)) if c.isdigit() else c for c in match[2]) if match else ""


def without_number(label: str) -> str:
    """The label without a number of its own: on paper a question has one number alone."""
    return _OWN.sub(r"\1", label)


def numbers(asked: Sequence[Question], letters: Sequence[str]) -> dict[str, str]:
    """Path → what the question is called on paper.

    Where the author has numbered questions, each differently and alike in all languages, these numbers stand, and the
    others (zone, person) are called by *letters*; else, or where letters run out, all are counted.
    """
    own = {question.path: _of_all(question.labels) for question in asked}
    given = [number for number in own.values() if number]
    plain = [path for path, number in own.items() if not number]
    if len(given) < _FEWEST or len(set(given)) < len(given) or len(plain) > len(letters):
        return {question.path: str(number) for number, question in enumerate(asked, 1)}
    called = dict(zip(plain, letters, strict=False))
    return {path: number or called[path] for path, number in own.items()}


def _of_all(labels: Mapping[str, str]) -> str:
    """The number that all translations of a label begin with."""
    found = {own_number(text) for text in labels.values() if text}
    return found.pop() if len(found) == 1 else ""

"""What changed between two states of a submission, question by question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ABSENT = "—"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(path, before, after) of each answer that differs, sorted by path; `ABSENT` stands for no answer.

    Items of repeats are numbered from 1: ``membre[2]/prenom``.
    """
    old, new = dict(leaves(before)), dict(leaves(after))
    paths = sorted(old.keys() | new.keys())
    return [(path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in paths if old.get(path) != new.get(path)]


def leaves(answers: Mapping[str, Any], within: str = "", path: str = "") -> Iterator[tuple[str, str]]:
    """(path, answer) of each answer; items of repeats are numbered."""
    for key, value in answers.items():
        label = f"{path}{key.removeprefix(within)}"
        if isinstance(value, Sequence) and not isinstance(value, str):
            for number, item in enumerate(value, 1):
                if isinstance(item, Mapping):
                    yield from leaves(item, f"{key}/", f"{label}[{number}]/")
                else:
                    yield f"{label}[{number}]", str(item)
        else:
            yield label, str(value)

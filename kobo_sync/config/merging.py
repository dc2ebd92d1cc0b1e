"""What two people changed in one file, put together key by key; what both changed otherwise is told, and decided by neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Values = Mapping[str, Any]  # key → value; a key that is not there has none
Choice = Literal["mine", "theirs"]


@dataclass(frozen=True)
class Clash:
    """A key that was changed on both sides, to different values; None stands for none."""

    key: str
    before: Any
    mine: Any
    theirs: Any


@dataclass(frozen=True)
class Merge:
    """What is to change in the file as it stands (key → value, None: taken out), and what is to be decided first."""

    changes: dict[str, Any]
    clashes: tuple[Clash, ...]


def changed(before: Values, after: Values) -> dict[str, Any]:
    """The keys whose values differ, with those of *after* (None: gone), in the order of both."""
    return {key: after.get(key) for key in {**before, **after} if before.get(key) != after.get(key)}


def merge(before: Values, mine: Values, theirs: Values, chosen: Mapping[str, Choice] | None = None) -> Merge:
    """My changes of *before*, to be made in *theirs*; *chosen* says for a key that both changed whose value holds."""
    changes, clashes = {}, []
    for key, value in changed(before, mine).items():
        now = theirs.get(key)
        if now == value:
            continue
        choice = (chosen or {}).get(key)
        if now == before.get(key) or choice == "mine":
            changes[key] = value
        elif choice is None:
            clashes.append(Clash(key, before.get(key), value, now))
    return Merge(changes, tuple(clashes))

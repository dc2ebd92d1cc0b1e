"""A piece of work as it lies in the queue: what, of which mission, before when, and what follows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

CLICK = 1_000_000  # what a person or the server's word is worth against the clock
AFTER_OTHERS = (
    10  # a piece that so many workers died with comes after all others: they may be innocent of it, or it of them
)
PARTS = ("pull", "reconcile", "zone")  # stages of which a mission has many at once
ALONE = ("purge", "backup", "deploy", "adopt")  # they touch all of the mission: no other piece of it may be at work
WAITS_FOR = {  # stage → the stages of which no piece of the mission may be unfinished when it begins
    "follow": ("pull", "reconcile"),
    "review": ("pull", "reconcile"),
    "plan": ("zone",),
    "set": ("zone",),
    "deliver": ("zone",),
    "final": ("zone",),
}
_TOGETHER = {
    "plan": "build",
    "set": "build",
    "deliver": "build",
    "final": "build",
    "follow": "check",
    "review": "check",
}


@dataclass(frozen=True)
class Piece:
    """One job of the queue.

    *mission* is its id; *part* the form_id or zone; *rest* the stages that follow; *due_by* (ISO 8601, aware) until when it
    may begin, empty for ever; *rank* its place among its siblings: those of several missions take turns; *place* names
    the one place of a server that a pull takes.
    """

    mission: str
    stage: str
    part: str = ""
    rest: tuple[str, ...] = ()
    origin: str = "schedule"
    asked_by: str = ""
    due_by: str = ""
    rank: int = 0
    place: str = ""
    deaths: int = 0  # of workers with it
    own_deaths: int = 0  # of its own process alone

    @property
    def lock(self) -> str:
        """What no other piece at work has: a place of the server for a pull, else what it writes."""
        if self.place:
            return self.place
        what = f"{_TOGETHER.get(self.stage, self.stage)} {self.part}"
        return f"{self.mission} {'build ' + self.part if self.stage == 'zone' else what}".strip()

    @property
    def waits_once(self) -> str:
        """Equal for pieces of which one may wait: the second would find nothing to do."""
        return f"{self.mission} {self.stage} {self.part} {'>'.join(self.rest)}".rstrip()

    @property
    def priority(self) -> int:
        """The higher the sooner: persons before the clock, then by rank."""
        return (CLICK if self.origin in ("person", "hook") else 0) - self.rank

    @property
    def arguments(self) -> dict[str, Any]:
        """The piece as JSON has it; `piece_of` reads it."""
        return {**asdict(self), "rest": list(self.rest)}


def piece_of(arguments: Mapping[str, Any]) -> Piece:
    """The piece that *arguments* describe; fields of a newer program are left aside."""
    known = {name: value for name, value in arguments.items() if name in Piece.__dataclass_fields__}
    return Piece(**{**known, "rest": tuple(known.get("rest", ()))})

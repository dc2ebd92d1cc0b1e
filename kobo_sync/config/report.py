"""What the final report answers to: the objectives of the terms of reference, their file, the annexes, the acronyms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kobo_sync.config.checks_and_keeping import Settings

FILE_NAME = r"^[\w][\w .-]*$"
FileName = Annotated[str, Field(pattern=FILE_NAME, max_length=100)]
# What may stand as evidence of an objective: each is computed from the forms of one role.
Evidence = Literal["attendance", "test", "satisfaction", "needs", "dialogue", "focus_groups", "road_map", "smart"]


class Objective(Settings):
    """An objective of the terms of reference: its *text*, what was *done* for it in words, the figures that are its *evidence*."""

    text: str = Field(min_length=1)
    done: str = ""
    evidence: list[Evidence] = []


class ReportSettings(Settings):
    """What the final report must carry: *annexes* are files that staff put in exports/annexes/, *terms_of_reference* among them.

    *acronyms* maps what texts of the mission shorten to what it stands for; *objectives* are those of the terms of reference.
    """

    objectives: list[Objective] = []
    annexes: list[FileName] = []
    terms_of_reference: FileName | Literal[""] = ""
    acronyms: dict[Annotated[str, Field(min_length=2, max_length=20)], Annotated[str, Field(min_length=1)]] = {}

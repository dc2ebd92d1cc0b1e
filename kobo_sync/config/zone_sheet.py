"""What a zone sheet shows of a form that no role explains: chosen questions, each as a number, a share or bars."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from kobo_sync.config.checks_and_keeping import Settings

ShownAs = Literal["number", "share", "bars"]
MOST_QUESTIONS = 24  # on one page


class ChosenQuestion(Settings):
    """A *question* (``form_id.question``, or ``form_id.path/of/question``), and what it is shown *as*, where its type does not tell.

    *of*: the codes that a share counts; empty: those that mean yes.
    """

    question: str = Field(pattern=r"^[^.]+\..+$")
    shown_as: ShownAs | None = Field(default=None, alias="as")
    of: list[str] = []

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        """A text is the question's name."""
        return {"question": value} if isinstance(value, str) else value

    @property
    def form_id(self) -> str:
        """The form that asks it."""
        return self.question.partition(".")[0]

    @property
    def name(self) -> str:
        """Its name, or its path, in that form."""
        return self.question.partition(".")[2]


class ZoneSheetSettings(Settings):
    """The *questions* of the zone sheet; None: those that it chooses itself in a mission that trains nobody."""

    questions: list[ChosenQuestion] | None = Field(default=None, max_length=MOST_QUESTIONS)

    @field_validator("questions")
    @classmethod
    def _each_once(cls, value: list[ChosenQuestion] | None) -> list[ChosenQuestion] | None:
        names = [each.question for each in value or ()]
        twice = next((name for name in names if names.count(name) > 1), "")
        if twice:
            raise ValueError(f"{twice} stands there twice")
        return value

"""Settings on personal data: the class of each question, what pseudonymised files keep, and what a link may lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from kobo_sync.config.checks_and_keeping import Retention, Settings

PrivacyClass = Literal["nominative", "sensitive", "free text", "ordinary"]
KEPT = (
    "zone",
    "group",
    "sex",
    "age_band",
)  # what pseudonymised files tell of a person unless the config says otherwise
Written = Annotated[PrivacyClass, BeforeValidator(lambda text: "free text" if text == "free_text" else text)]


class Privacy(Settings):
    """What may leave.

    *classes*: ``form_id.question`` (or ``form_id.path/of/question``) → its class, which wins over every guess. *keep*: what
    pseudonymised files tell of a person, by meaning or ``form_id.question``. *smallest_group*: how many persons at least
    share all of it; answers that make a group smaller are left blank (1: none is). *share_pseudonymised*: whether a link
    without an account may lead to a file of rows.
    """

    classes: dict[str, Written] = {}
    keep: list[str] = list(KEPT)
    smallest_group: int = Field(default=3, ge=1)
    share_pseudonymised: bool = False

    @field_validator("classes")
    @classmethod
    def _of_a_form(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not re.fullmatch(r"[^.]+\..+", name):
                raise ValueError(f"{name!r} is no form_id.question")
        return value

    def of_form(self, form_id: str) -> dict[str, PrivacyClass]:
        """Question, or its path → class, of one form."""
        own = f"{form_id}."
        return {name.removeprefix(own): each for name, each in self.classes.items() if name.startswith(own)}


def named_questions(privacy: Privacy, retention: Retention | None) -> Iterator[tuple[str, str, str]]:
    """(key, form_id, question) of every question that these settings name."""
    named = [("privacy.classes", name) for name in privacy.classes]
    named += [("privacy.keep", name) for name in privacy.keep if "." in name]
    named += [("retention.personal", name) for name in (retention.personal if retention else ())]
    for key, name in named:
        form_id, _, question = name.partition(".")
        yield key, form_id, question

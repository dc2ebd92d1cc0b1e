"""Meanings of the config that no question of the form carries: what would be counted stays empty."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.config.config import FormSettings
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.model import Finding, Form

CODE = "DATA004"
TITLE = "Question of the config that the form does not have"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per key of `config/mission.toml` that names a question which its form lacks."""
    for form_id, form in facts.forms.items():
        for key, name in unknown_questions(form, facts.config.forms[form_id]):
            yield Finding(
                CODE,
                "error",
                f"{MISSION_FILE}, forms.{form_id}.{key}",
                f"“{name}” is no question of the form {form_id}",
                "correct the name, or take the key out",
                form_id=form_id,
                why="what the key stands for stays empty in all deliverables",
                subject=key,
            )


def unknown_questions(form: Form, settings: FormSettings) -> list[tuple[str, str]]:
    """(key below ``forms.<form_id>``, question named) where the form has neither question, group nor repeat so called."""
    names = {question.name for question in form.questions} | {section.name for section in form.sections}
    named = [(f"fields.{meaning}", name) for meaning, name in settings.fields.items()]
    named += [("likert", name) for name in settings.likert]
    named += [("open_questions", name) for name in settings.open_questions]
    named += [(f"items.{name}", name) for name in settings.items]
    return [(key, name) for key, name in named if name and name not in names]

"""What ``[codes]`` is to say of forms that are adopted: guessed from their choices, and never against a form that is here already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kobo_sync.errors import FormError
from kobo_sync.forms.guessing import SURE_ENOUGH
from kobo_sync.forms.guessing_codes import MEANINGS, guess_codes
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Form

Fields = Mapping[str, str]  # meaning → question
Codes = dict[str, tuple[str, float]]  # key of [codes] → the code, how sure (0..1)


def new_codes(mission: Mission, adopted: Iterable[tuple[Form, Fields]]) -> Codes:
    """What ``[codes]`` should say that it does not: guessed surely, and no form of the mission means the codes that it has."""
    chosen: Codes = {}
    current = _current(mission)
    for form, fields in adopted:
        for key, (code, confidence) in guess_codes(form, fields).items():
            if key in chosen or code in current[key] or confidence < SURE_ENOUGH:
                continue
            if not any(_is_used(mission, MEANINGS[key], each) for each in current[key]):
                chosen[key] = (code, confidence)
    return chosen


def doubtful_codes(mission: Mission, form: Form, fields: Fields, written: Codes) -> Codes:
    """What was guessed of *form* and stands neither in ``[codes]`` nor among what is *written* there now."""
    current = _current(mission)
    return {
        key: (code, confidence)
        for key, (code, confidence) in guess_codes(form, fields).items()
        if code not in current[key] and written.get(key, ("", 0.0))[0] != code
    }


def _current(mission: Mission) -> dict[str, tuple[str, ...]]:
    codes = mission.config.codes
    named = {key: (str(getattr(codes, key)),) for key in ("yes", "female", "male", "before", "after")}
    return {**named, "present": tuple(sorted(mission.config.present_codes))}


def _is_used(mission: Mission, meaning: str, code: str) -> bool:
    """Whether a form of the mission asks *meaning* with *code* among its answers, or with answers that cannot be told."""
    for form_id, settings in mission.config.forms.items():
        if not (name := settings.fields.get(meaning)):
            continue
        try:
            form = mission.workspace.form(form_id, mission.config)
        except FormError:
            return True
        question = form.question(name)
        offered = [choice.name for choice in form.choices.get(question.list_name, ())] if question else []
        if not offered or code in offered:
            return True
    return False

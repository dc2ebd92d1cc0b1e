"""The questions that a zone sheet shows: those that the settings choose, or a sensible few of a survey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from kobo_sync.config.config import Config
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.config.zone_sheet import ChosenQuestion, ShownAs
from kobo_sync.config.zones import plain
from kobo_sync.errors import ConfigError
from kobo_sync.forms.classes import Asked
from kobo_sync.model import Choice, Form, Question

KEY = "zone_sheet.questions"
MOST_BY_ITSELF, MOST_CHOICES = 12, 12
_NUMBERS = frozenset({"integer", "decimal", "range"})
_ONE, _MANY = "select_one", frozenset({"select_multiple", "rank"})
_YES = frozenset({"yes", "oui", "si", "نعم"})
_COUNTED_AS: Mapping[ShownAs, frozenset[str]] = {
    "number": frozenset({*_NUMBERS, "calculate", _ONE}),
    "share": frozenset({_ONE, *_MANY}),
    "bars": frozenset({_ONE, *_MANY}),
}

Classes = Mapping[str, Mapping[str, Asked]]  # form_id → path → class


@dataclass(frozen=True)
class Chosen:
    """A question and how it is shown; *of*: the codes that a share counts."""

    form_id: str
    question: Question
    shown_as: ShownAs
    of: tuple[str, ...] = ()


def chosen_questions(config: Config, forms: Mapping[str, Form], classes: Classes) -> tuple[Chosen, ...]:
    """What ``zone_sheet.questions`` names; where it is not set, and the mission trains nobody, the first that tell nothing of persons.

    Raises: ConfigError for what no form asks, what names somebody, and what cannot be counted so.
    """
    named = config.zone_sheet.questions
    if named is not None:
        return tuple(_named(each, config, forms, classes) for each in named)
    return tuple(_by_itself(config, forms, classes))[:MOST_BY_ITSELF] if config.is_survey else ()


def _by_itself(config: Config, forms: Mapping[str, Form], classes: Classes) -> Iterator[Chosen]:
    for form_id in config.forms_with_role("other"):
        form, meant = forms[form_id], {*config.forms[form_id].fields.values()}
        for question in form.questions:
            asked = classes[form_id].get(question.path)
            is_list = question.kind == _ONE and 2 <= len(form.choices.get(question.list_name, ())) <= MOST_CHOICES
            if (
                asked
                and asked.privacy == "ordinary"
                and not (question.origin or question.name in meant)
                and (is_list or question.kind == "integer")
            ):
                yes = yes_codes(config, form, question)
                yield Chosen(form_id, question, _usual(form, question, yes) or "bars", tuple(yes))


def _named(entry: ChosenQuestion, config: Config, forms: Mapping[str, Form], classes: Classes) -> Chosen:
    form = forms.get(entry.form_id)
    if form is None:
        near = get_close_matches(entry.form_id, forms, n=3, cutoff=0.5) or [*forms]
        raise _refusal(f"{entry.question}: there is no form {entry.form_id!r}", f"the forms are: {', '.join(near)}")
    question = _question(entry, form)
    asked = classes[entry.form_id].get(question.path)
    if asked and asked.privacy == "nominative":
        raise _refusal(
            f"{entry.question} says who somebody is ({asked.reason})",
            f'take it out; or, where it does not, write "{entry.question}" = "ordinary" under [privacy.classes]',
        )
    yes = entry.of or yes_codes(config, form, question)
    shown_as = entry.shown_as or _usual(form, question, yes)
    if shown_as is None or question.kind not in _COUNTED_AS[shown_as]:
        message = f"{entry.question} is of type {question.kind}, which cannot be shown in a zone sheet"
        if entry.shown_as:
            message = f"{entry.question} is of type {question.kind}, which cannot be shown as {entry.shown_as}"
        raise _refusal(message, "numbers, select_one, select_multiple and rank can be; take it out, or correct its as")
    codes = [choice.name for choice in offered(form, question)]
    if shown_as == "share" and not yes:
        hint = f'write `{{ question = "{entry.question}", as = "share", of = ["{next(iter(codes), "1")}"] }}`'
        raise _refusal(f"{entry.question}: which of its answers mean yes is not said", hint)
    for code in entry.of:
        if codes and code not in codes:
            near = get_close_matches(code, codes, n=3, cutoff=0.5) or codes[:MOST_CHOICES]
            raise _refusal(f"{entry.question}: {code!r} is no choice of it", f"its choices are: {', '.join(near)}")
    return Chosen(entry.form_id, question, shown_as, tuple(yes))


def _question(entry: ChosenQuestion, form: Form) -> Question:
    """The question that *entry* names in *form*. Raises: ConfigError."""
    meant = [each for each in form.questions if entry.name in (each.name, each.path) and each.kind != "note"]
    if len(meant) > 1:
        paths = ", ".join(f"{entry.form_id}.{each.path}" for each in meant)
        raise _refusal(f"{entry.question}: several questions are called so", f"write one of {paths}")
    if meant:
        return meant[0]
    names = [each.name for each in form.questions if each.kind != "note"]
    near = get_close_matches(entry.name, names, n=3, cutoff=0.5)
    listed = ", ".join(f"{entry.form_id}.{name}" for name in near or names[:MOST_CHOICES])
    hint = f"the nearest are: {listed}" if near else f"it asks, among others: {listed}"
    raise _refusal(f"{entry.question}: the form {entry.form_id} does not ask {entry.name!r}", hint)


def _usual(form: Form, question: Question, yes: Sequence[str]) -> ShownAs | None:
    """How a question of its type is shown; None where nothing of it can be counted."""
    if question.kind in _NUMBERS or question.kind == "calculate":
        return "number"
    if question.kind == _ONE and yes and len(offered(form, question)) == 2:
        return "share"
    return "bars" if question.kind == _ONE or question.kind in _MANY else None


def offered(form: Form, question: Question) -> tuple[Choice, ...]:
    """The choices of the question's own list; none where it reads a file."""
    return form.choices.get(question.list_name, ())


def yes_codes(config: Config, form: Form, question: Question) -> list[str]:
    """The codes that mean yes: that of ``[codes]``, and those that are called so."""
    return [
        choice.name
        for choice in offered(form, question)
        if choice.name == config.codes.yes or {*map(plain, (choice.name, *choice.labels.values()))} & _YES
    ]


def _refusal(message: str, hint: str) -> ConfigError:
    return ConfigError(message, file=MISSION_FILE, key=KEY, hint=hint)

"""What becomes of each column in files that must name nobody: left out, masked, coded, made coarse, or as it was answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process, memo_of_lists
from kobo_sync.forms.classes import MOMENTS, PLACES, TRAITS, Asked, classes, lists_of, uses
from kobo_sync.forms.personal import names_person, names_trait
from kobo_sync.lazy import pd
from kobo_sync.model import Question
from kobo_sync.store.tables.layout import REPEAT_SYSTEM, SYSTEM, flat_tables

How = Literal["left out", "masked", "coded", "day", "bands", "place", "plain"]
_COORDINATE = re.compile(r"_(?:lat|lon|alt|acc)(?:_\d+)?$")  # of a geopoint, with the number of a name that was taken
_PHONE_FROM = 10_000_000
_TOLD = frozenset({"zone", "group", *TRAITS})  # meanings that, together, tell who somebody is
_OLDEST, _YEARS = 70, 10


@dataclass(frozen=True)
class Treatment:
    """What becomes of a column; *trait* is what it tells of a person that `pseudonyms.groups` counts by, *asked* its class.

    *is_written*: its texts are nobody's choice codes, so that names in them are masked although its class is ordinary.
    """

    how: How
    trait: str = ""
    asked: Asked | None = None
    is_written: bool = False

    def coarse(self, value: object) -> object:
        """*value* as files show it: an age by ten years, all else as it is."""
        age = meaning.number(value) if self.how == "bands" else None
        if age is None:
            return None if self.how == "bands" else value
        low = int(age // _YEARS * _YEARS)
        return f"{_OLDEST}+" if age >= _OLDEST else f"{max(low, 0)}-{max(low, 0) + _YEARS - 1}"


@memo_in_process
def classes_of(facts: Facts) -> dict[str, dict[str, Asked]]:
    """form_id → path → the class of each question. Lists that hold the name of somebody registered are lists of persons."""
    names = registered_names(facts)
    columns = labels.list_columns(facts)
    lists = lists_of(
        facts.forms.values(), {file: columns[file] for file in columns if names.isdisjoint(_names_listed(facts, file))}
    )
    return {form_id: classes(form, facts.config, lists) for form_id, form in facts.forms.items()}


@memo_of_lists
def _names_listed(facts: Facts, file: str) -> frozenset[str]:
    """The labels of a list that phones get, made comparable."""
    return frozenset(meaning.normal_name(text) for item in facts.catalogues[file] for text in item.labels.values())


@memo_in_process
def registered_names(facts: Facts) -> frozenset[str]:
    """The full names of registered persons, made comparable (`meaning.normal_name`)."""
    table = meaning.rows(facts, "registration").table
    full = {meaning.normal_name(a, b) for a, b in zip(table["family_name"], table["given_name"], strict=True)}
    arabic = {meaning.normal_name(name) for name in table["name_ar"]}
    return frozenset(name for name in full | arabic if " " in name)


@memo_in_process
def questions_of(facts: Facts, name: str) -> dict[str, Question]:
    """Column → question, of the table *name*: of what the form asks now. No name of a question is the columns' own."""
    form = facts.forms.get(facts.form_of(name))
    if form is None:
        return {}
    by_path = {question.path: question for question in form.questions}
    return {
        column.name: question
        for table in flat_tables(form)
        if table.name == name
        for column in table.columns
        if (question := by_path.get(column.path) or _asked_in(by_path.values(), column.question, table.repeat))
        is not None
    }


def _asked_in(questions: object, name: str, repeat: str) -> Question | None:
    mine = [each for each in questions if each.name == name]  # type: ignore[attr-defined]
    return next((each for each in mine if each.repeat == repeat), mine[0] if mine else None)


def system_of(facts: Facts, name: str) -> list[str]:
    """The columns of the table *name* that hold no answer."""
    return [column for column, _ in (SYSTEM if name in facts.config.forms else REPEAT_SYSTEM)]


@memo_in_process
def treatments(facts: Facts, name: str) -> dict[str, Treatment]:
    """What becomes of each column of the table *name* that holds answers, in the table's order."""
    table, form_id = facts.tables.get(name), facts.form_of(name)
    if table is None:
        return {}
    asked, questions, system = (
        classes_of(facts).get(form_id, {}),
        questions_of(facts, name),
        set(system_of(facts, name)),
    )
    told = {}
    for column in (str(each) for each in table.columns if each not in system):
        question = questions.get(column)
        mine = asked.get(question.path) if question else None
        told[column] = (
            _asked_now(facts, form_id, question, mine, table[column])
            if question and mine
            else _asked_no_more(facts, form_id, column, table[column])
        )
    return told


def _asked_now(facts: Facts, form_id: str, question: Question, asked: Asked, values: pd.Series) -> Treatment:
    keep, meanings = facts.config.privacy.keep, _meanings(facts, form_id, question.name)
    names = [*meanings, f"{form_id}.{question.name}", f"{form_id}.{question.path}"]
    trait = next((each for each in names if each in keep and (each in _TOLD or "." in each)), "")
    if asked.source == "config" and asked.privacy == "ordinary":
        return Treatment("plain", "", asked)
    if asked.privacy == "nominative":
        return Treatment("coded" if asked.trait in ("person", "listed") else "left out", "", asked)
    if asked.privacy == "free text":
        return Treatment("masked", "", asked)
    if asked.privacy == "sensitive":
        if trait:
            return Treatment("plain", trait, asked, question.kind in ("text", "hidden"))
        if asked.trait == "age" and {"age_band", "age"} & set(keep):
            return Treatment("bands", "age_band", asked)
        if question.kind in PLACES:
            return Treatment("place", "", asked)
        return Treatment("day" if question.kind in MOMENTS else "left out", "", asked)
    if set(meanings) & _TOLD and not trait:
        return Treatment("left out", "", asked)
    if _are_phones(values) and asked.is_guessed:
        return Treatment("left out", "", asked)
    # A calculation of nothing is a constant of ours.
    is_text = question.kind == "hidden" or (question.kind == "calculate" and bool(uses(question)))
    is_written = asked.is_guessed and is_text and not pd.api.types.is_numeric_dtype(values)
    return Treatment("plain", trait, asked, is_written)


def _asked_no_more(facts: Facts, form_id: str, column: str, values: pd.Series) -> Treatment:
    """Of a question that is asked no more nothing tells whether its words name somebody; its small numbers do not, unless it is called so."""
    set_so = facts.config.privacy.of_form(form_id).get(column)
    if set_so == "free text":
        return Treatment("masked")
    if set_so == "ordinary" or (form_id not in facts.forms and column in _declared(facts, form_id)):
        return Treatment("plain", is_written=True)
    is_number = pd.api.types.is_numeric_dtype(values) and not _COORDINATE.search(column)
    is_small = is_number and bool((values.dropna().astype(float).abs() < _PHONE_FROM).all())
    is_telling = names_person(column, is_number=True) or names_trait(column)
    return Treatment(
        "plain" if is_small and not is_telling and set_so is None and form_id in facts.forms else "left out"
    )


def _declared(facts: Facts, form_id: str) -> set[str]:
    settings = facts.config.forms[form_id]
    harmless = {
        question for key, question in settings.fields.items() if key in ("zone", "consent", "session", "moment")
    }
    return {*harmless, *settings.items, *settings.likert}


def _meanings(facts: Facts, form_id: str, question: str) -> list[str]:
    return [key for key, name in facts.config.forms[form_id].fields.items() if name == question]


def _are_phones(values: pd.Series) -> bool:
    """Whether numbers are mostly as long as phone numbers, and not round as amounts are."""
    if not pd.api.types.is_numeric_dtype(values):
        return False
    numbers = values.dropna().astype(float)
    long = numbers[(numbers.abs() >= _PHONE_FROM) & (numbers % 1000 != 0)]
    return len(long) * 2 > len(numbers)


def shown_choices(asked: Mapping[str, Asked], question: Question) -> bool:
    """Whether the labels of the question's choices may be shown: they are no names of persons."""
    mine = asked.get(question.path)
    return mine is None or mine.privacy != "nominative"

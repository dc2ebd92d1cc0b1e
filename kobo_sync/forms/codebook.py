"""Form → codebook: every question and choice with its texts, its logic, and what the product makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.config.config import Config, FormSettings, Role
from kobo_sync.config.privacy import PrivacyClass
from kobo_sync.forms.classes import Asked, classes, lists_of
from kobo_sync.forms.details import Details, details
from kobo_sync.forms.paper import is_required
from kobo_sync.forms.sheets import Book
from kobo_sync.model import Choice, Form, Question

# What is computed from an answer, by the role of its form and the meaning that the config gives its question.
INDICATORS: Mapping[tuple[Role, str], str] = {
    ("registration", "person"): "present, full_day",
    ("registration", "sex"): "present:sex",
    ("registration", "age_band"): "present:age_band",
    ("registration", "group"): "present:group, quota_completion:group",
    ("registration", "commune"): "present:commune",
    ("registration", "consent"): "refusals",
    ("attendance", "person"): "present, full_day, quota_completion, response_rate",
    ("attendance", "session"): "present, full_day",
    ("attendance", "signature"): "present, full_day",
    ("attendance", "present"): "present, full_day",
    ("attendance", "sex"): "present:sex",
    ("attendance", "group"): "present:group, quota_completion:group",
    ("attendance", "commune"): "present:commune",
    ("attendance", "consent"): "refusals",
    ("test", "moment"): "score_before, score_after, change, gain",
    ("test", "person"): "paired_before, paired_after, change, gain, attrition",
    ("test", "item"): "score_before, score_after, change, gain, item_before, item_after",
    ("satisfaction", "likert"): "favourable",
    ("satisfaction", "intention"): "favourable",
    ("satisfaction", "recommend"): "recommendation",
    ("needs", "ranking"): "need_score, agreement, common_priorities",
    ("needs", "group"): "need_score, agreement, common_priorities",
    ("needs", "severity"): "need_severity",
    ("road_map", "objective"): "smart_share",
    ("road_map", "target"): "smart_share",
    ("road_map", "responsible_function"): "smart_share",
    ("road_map", "deadline"): "smart_share, overdue",
    ("road_map", "indicator"): "smart_share",
    ("road_map", "status"): "overdue",
}
_SUMMARIES = ("zone_sheet", "final_report")
DELIVERABLES: Mapping[Role, tuple[str, ...]] = {
    "registration": ("attendance_list", *_SUMMARIES),
    "attendance": ("attendance_list", "evaluations", *_SUMMARIES),
    "test": ("evaluations", *_SUMMARIES),
    "satisfaction": ("evaluations", *_SUMMARIES),
    "needs": ("needs", *_SUMMARIES),
    "focus_group": ("needs", "final_report"),
    "road_map": ("road_map", *_SUMMARIES),
    "other": (),
}
_EVERY_ANSWER = "data_workbook"


@dataclass(frozen=True)
class Entry:
    """One question: texts by language, logic as written, *meaning* in the config, *indicators* and *deliverables*.

    *options* is the list or file it is answered from; *table* the flat table that holds its answers.
    """

    path: str
    table: str
    name: str
    kind: str
    options: str
    labels: Mapping[str, str]
    hints: Mapping[str, str]
    messages: Mapping[str, str]
    required: bool
    relevant: str
    constraint: str
    calculation: str
    meaning: str
    indicators: str
    deliverables: str


@dataclass(frozen=True)
class Option:
    """One choice of a list, with the questions that offer it."""

    list_name: str
    name: str
    labels: Mapping[str, str]
    extra: str
    questions: str


@dataclass(frozen=True)
class Codebook:
    """A form's questions and choices; *languages* in the form's order."""

    form_id: str
    version: str
    title: str
    languages: tuple[str, ...]
    entries: tuple[Entry, ...]
    options: tuple[Option, ...]


def codebook(
    form: Form, book: Book, lists: Mapping[str, Sequence[Choice]] | None = None, config: Config | None = None
) -> Codebook:
    """The codebook of *form* (read from *book*); with *config*, what the mission uses each answer for.

    *lists* are the items of file-based lists by file name. Raises: nothing.
    """
    settings = config.forms.get(form.form_id) if config else None
    cells = details(book)
    columns = {name: {c for choice in each for c in choice.extra} for name, each in (lists or {}).items()}
    asked = classes(form, config, lists_of([form], columns))
    entries = tuple(
        _entry(
            question,
            form,
            cells.get(question.sheet_row, Details()),
            settings,
            asked[question.path].privacy if question.path in asked else "ordinary",
        )
        for question in form.questions
    )
    languages = form.languages or ("",)
    return Codebook(
        form.form_id, form.version, form.title, languages, entries, tuple(_options(form, lists or {}, asked))
    )


def _entry(
    question: Question, form: Form, detail: Details, settings: FormSettings | None, privacy: PrivacyClass
) -> Entry:
    meanings = _meanings(question.name, settings)
    role: Role = settings.role if settings else "other"
    indicators = [name for meaning in meanings for name in INDICATORS.get((role, meaning), "").split(", ") if name]
    is_private = privacy == "nominative" and "person" not in meanings
    role = "other" if {"photo", "sketch"} & set(meanings) else role  # pictures of people reach no paper
    used = [name for name in DELIVERABLES[role] if not (is_private and name in _SUMMARIES)] if meanings else []
    if settings and question.kind not in ("note", "calculate") and not is_private:
        used.append(_EVERY_ANSWER)
    table = f"{form.form_id}__{question.repeat.rpartition('/')[2]}" if question.repeat else form.form_id
    return Entry(
        question.path,
        table,
        question.name,
        question.kind,
        question.list_name or question.file_name,
        question.labels,
        question.hints,
        detail.messages,
        is_required(question.required),
        question.relevant,
        question.constraint,
        question.calculation,
        ", ".join(meanings),
        ", ".join(dict.fromkeys(indicators)),
        ", ".join(used),
    )


def _meanings(name: str, settings: FormSettings | None) -> list[str]:
    """What the config calls the question: its meanings, ``item``, ``likert``, ``open_question``."""
    if settings is None:
        return []
    meanings = [meaning for meaning, question in settings.fields.items() if question == name]
    meanings += ["item"] if name in settings.items else []
    meanings += ["likert"] if name in settings.likert else []
    return meanings + (["open_question"] if name in settings.open_questions else [])


def _options(form: Form, lists: Mapping[str, Sequence[Choice]], asked: Mapping[str, Asked]) -> Iterator[Option]:
    """The choices of all lists but those of persons."""
    files = {q.file_name: lists[q.file_name] for q in form.questions if q.file_name in lists}
    people = {
        name
        for q in form.questions
        for name in (q.list_name, q.file_name)
        if q.path in asked and asked[q.path].privacy == "nominative"
    }
    for name, choices in (item for item in (*form.choices.items(), *files.items()) if item[0] not in people):
        users = ", ".join(q.name for q in form.questions if name in (q.list_name, q.file_name))
        for choice in choices:
            extra = "; ".join(f"{key} = {value}" for key, value in choice.extra.items() if value)
            yield Option(name, choice.name, choice.labels, extra, users)

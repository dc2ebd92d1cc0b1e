"""The row that a finding is about, and beside it the one it is compared with, question by question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from kobo_sync.analysis.changes import ABSENT, leaves
from kobo_sync.desk.worklist import Item
from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.classes import Asked
from kobo_sync.language.catalogue import t
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import classes_of_mission
from kobo_sync.model import Choice, Question, Submission
from kobo_sync.rows.listing import parse_submission
from kobo_sync.store.history import revisions_of
from kobo_sync.web.texts import label

_NUMBERED = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Row:
    """One submission and where its server shows it; *number*, by which people know it, and addresses are empty for one that is gone.

    *has_page*: it has answers to show, those from before it was deleted included; an erased one has none.
    """

    form_id: str
    root_uuid: str
    number: str = ""
    submitted_at: datetime | None = None
    submitted_by: str = ""
    view_url: str = ""
    edit_url: str = ""
    project_url: str = ""
    has_page: bool = True


@dataclass(frozen=True)
class Line:
    """What the rows answer to one question. *is_personal*: anything but ordinary, for those alone who may see names; others get no *answers*."""

    label: str
    answers: tuple[str, ...]
    differs: bool
    is_personal: bool


def compared(mission: Mission, item: Item, *, with_names: bool) -> tuple[tuple[Row, ...], tuple[Line, ...]]:
    """The rows of *item*, its own first, and a line per question that one of them answers, in the form's order.

    Nothing for a finding of no row. Raises: StoreError.
    """
    places = [(item.form_id, item.root_uuid)] if item.root_uuid else []
    if item.other_row:
        form_id, _, root_uuid = item.other_row.partition("/")
        places.append((form_id, root_uuid))
    return side_by_side(mission, places, with_names=with_names)


def side_by_side(
    mission: Mission, places: list[tuple[str, str]], *, with_names: bool, deleted_too: bool = False
) -> tuple[tuple[Row, ...], tuple[Line, ...]]:
    """The rows at *places* (form_id, root_uuid), and a line per question that one of them answers.

    *deleted_too*: those that were deleted as they were last. Raises: StoreError.
    """
    raws = [[r.raw for r in revisions_of(mission.store, root) if r.form_id == form_id] for form_id, root in places]
    submissions = [
        _newest(each, form_id, deleted_too=deleted_too) for each, (form_id, _) in zip(raws, places, strict=True)
    ]
    rows = tuple(
        replace(_row(mission, *place, submission), has_page=any(each))
        for place, submission, each in zip(places, submissions, raws, strict=True)
    )
    answers = [dict(leaves(submission.answers)) if submission else {} for submission in submissions]
    forms = [form_id for form_id, _ in places]
    questions = Questions(mission, forms)
    paths = sorted({path for each in answers for path in each}, key=questions.order)
    lines = []
    for path in paths:
        if questions.is_hidden(path):
            continue
        own = [each.get(path, ABSENT) for each in answers]
        is_personal = questions.is_personal(path)
        shown = () if is_personal and not with_names else tuple(questions.answer(path, text) for text in own)
        lines.append(Line(questions.label(path), shown, len(set(own)) > 1, is_personal))
    return rows, tuple(lines)


def _newest(raws: list[bytes], form_id: str, *, deleted_too: bool) -> Submission | None:
    """The submission as its revisions have it now, or had it before it was deleted; None when it is not here."""
    raws = [raw for raw in raws if raw] if deleted_too else raws[-1:]
    return parse_submission(raws[-1], form_id) if raws and raws[-1] else None


def _row(mission: Mission, form_id: str, root_uuid: str, submission: Submission | None) -> Row:
    deployment = mission.store.deployments().get(form_id)
    if submission is None:
        return Row(form_id, root_uuid)
    server_key = mission.store.server_keys(form_id, [root_uuid]).get(root_uuid, "")
    number = server_key if mission.features.numbers_rows else f"{root_uuid[:8]}…"
    row = (form_id, root_uuid, number, submission.submitted_at, submission.submitted_by)
    if deployment is None:
        return Row(*row)
    return Row(*row, *mission.row_addresses(deployment.asset_uid, server_key))


class Questions:
    """What the questions of the compared forms are called, offer, and tell of persons."""

    def __init__(self, mission: Mission, form_ids: list[str]) -> None:
        forms = [mission.forms[form_id] for form_id in dict.fromkeys(form_ids) if form_id in mission.forms]
        self.questions: dict[str, Question] = {}
        self.choices: dict[str, tuple[Choice, ...]] = {}
        self.classes: dict[str, Asked] = {}
        lists = mission.workspace.lists(mission.config, mission.forms) if forms else {}
        for form in reversed(forms):
            for question in form.questions:
                self.questions[question.path] = question
                self.choices[question.path] = form.choices.get(question.list_name) or lists.get(question.file_name, ())
        self.places = {path: at for at, path in enumerate(self.questions)}
        try:
            by_form = classes_of_mission(mission)
        except KoboSyncError:
            return  # what nobody could class is personal
        for form in forms:
            self.classes.update(by_form.get(form.form_id, {}))

    def question(self, path: str) -> Question | None:
        """The question of *path*, its numbers left out; None for what the form does not ask."""
        return self.questions.get(_NUMBERED.sub("", path))

    def order(self, path: str) -> tuple[int, list[int], str]:
        """The form's order, each question for all items of its repeat; what the form does not ask comes last."""
        place = self.places.get(_NUMBERED.sub("", path), len(self.places))
        return place, [int(n[1:-1]) for n in _NUMBERED.findall(path)], path

    def is_hidden(self, path: str) -> bool:
        """What the program asks of the phone, not of a person."""
        question = self.question(path)
        return path.startswith(("meta/", "formhub/", "__")) or (
            question is not None and question.kind in ("note", "audit")
        )

    def is_personal(self, path: str) -> bool:
        """Whether the answer is for those alone who may see names: anything but ordinary, and what nobody could class."""
        asked = self.classes.get(_NUMBERED.sub("", path))
        return asked is None or asked.privacy != "ordinary"

    def label(self, path: str) -> str:
        """What the question is called, in the browser's language; within repeats with its numbers."""
        question = self.question(path)
        text = " ".join((label(question.labels, question.name) if question else path).split())
        for n in _NUMBERED.findall(path):
            text = t("{question} no. {n}", question=text, n=n[1:-1])
        return text

    def answer(self, path: str, text: str) -> str:
        """An answer as people read it: the labels of its choices, else as it is."""
        names: Mapping[str, str] = {
            each.name: label(each.labels, each.name) for each in self.choices.get(_NUMBERED.sub("", path), ())
        }
        if text in names:
            return names[text]
        codes = text.split()
        return t(", ").join(names[code] for code in codes) if codes and all(code in names for code in codes) else text

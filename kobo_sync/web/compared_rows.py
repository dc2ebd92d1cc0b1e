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

NUMBERED = re.compile(r"\[\d+\]")  # which item of a repeat, within a path


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
    mission: Mission, places: list[tuple[str, str]], *, with_names: bool
) -> tuple[tuple[Row, ...], tuple[Line, ...]]:
    """The rows at *places* (form_id, root_uuid), and a line per question that one of them answers. Raises: StoreError."""
    raws = [[r.raw for r in revisions_of(mission.store, root) if r.form_id == form_id] for form_id, root in places]
    submissions = [
        parse_submission(each[-1], form_id) if each and each[-1] else None
        for each, (form_id, _) in zip(raws, places, strict=True)
    ]
    rows = tuple(
        replace(row_of(mission, *place, submission), has_page=any(each))
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
        own = tuple(each.get(path, ABSENT) for each in answers)
        lines.append(questions.line(path, own, with_names=with_names))
    return rows, tuple(lines)


def row_of(mission: Mission, form_id: str, root_uuid: str, submission: Submission | None) -> Row:
    """What is known of a row, whose newest state is *submission*; None: it is gone. Raises: StoreError."""
    deployment = mission.store.deployments().get(form_id)
    if submission is None:
        return Row(form_id, root_uuid)
    server_key = mission.store.server_keys(form_id, [root_uuid]).get(root_uuid, "")
    row = (
        form_id,
        root_uuid,
        number_of(mission, root_uuid, server_key),
        submission.submitted_at,
        submission.submitted_by,
    )
    if deployment is None:
        return Row(*row)
    return Row(*row, *mission.row_addresses(deployment.asset_uid, server_key))


def number_of(mission: Mission, root_uuid: str, server_key: str) -> str:
    """What people know a row by: its number on the server, or how its id begins where rows have none."""
    return server_key if mission.features.numbers_rows else f"{root_uuid[:8]}…"


class Questions:
    """What the questions of the compared forms are called, offer, and tell of persons."""

    def __init__(self, mission: Mission, form_ids: list[str]) -> None:
        forms = [mission.forms[form_id] for form_id in dict.fromkeys(form_ids) if form_id in mission.forms]
        self.sections = {section.path: section for form in reversed(forms) for section in form.sections}
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
        return self.questions.get(NUMBERED.sub("", path))

    def order(self, path: str) -> tuple[int, list[int], str]:
        """The form's order, each question for all items of its repeat; what the form does not ask comes last."""
        place = self.places.get(NUMBERED.sub("", path), len(self.places))
        return place, [int(n[1:-1]) for n in NUMBERED.findall(path)], path

    def is_hidden(self, path: str) -> bool:
        """What the program asks of the phone, not of a person."""
        question = self.question(path)
        return path.startswith(("meta/", "formhub/", "__")) or (
            question is not None and question.kind in ("note", "audit")
        )

    def is_personal(self, path: str) -> bool:
        """Whether the answer is for those alone who may see names: anything but ordinary, and what nobody could class."""
        asked = self.classes.get(NUMBERED.sub("", path))
        return asked is None or asked.privacy != "ordinary"

    def headings(self, path: str, *, is_itself: bool = False) -> tuple[str, ...]:
        """What the groups and repeats are called that *path* (without numbers) stands in, outermost first; groups without a label are left out.

        *is_itself*: *path* is that of a repeat, whose own name comes last.
        """
        parts = path.split("/")
        above = ["/".join(parts[:n]) for n in range(1, len(parts) + is_itself)]
        names = [self._heading(each) for each in above]
        if is_itself and path not in self.sections:
            names[-1] = parts[-1]
        return tuple(filter(None, names))

    def _heading(self, path: str) -> str:
        section = self.sections.get(path)
        if section is None or (section.kind == "group" and not any(section.labels.values())):
            return ""
        return " ".join(label(section.labels, section.name).split())

    def label_within(self, path: str, repeat: str) -> str:
        """What the question at *path* (without numbers) is called in a table of *repeat*: with the groups that it stands in there."""
        within = self.headings(path)[len(self.headings(repeat, is_itself=True)) :]
        return " – ".join([*within, self.label(path)])

    def line(self, path: str, texts: tuple[str, ...], *, with_names: bool) -> Line:
        """The answers *texts* to one question, each of another row or moment; none of what is personal without *with_names*."""
        is_personal = self.is_personal(path)
        shown = () if is_personal and not with_names else tuple(self.answer(path, text) for text in texts)
        return Line(self.label(path), shown, len(set(texts)) > 1, is_personal)

    def label(self, path: str) -> str:
        """What the question is called, in the browser's language; within repeats with its numbers."""
        question = self.question(path)
        text = " ".join((label(question.labels, question.name) if question else path).split())
        for n in NUMBERED.findall(path):
            text = t("{question} no. {n}", question=text, n=n[1:-1])
        return text

    def answer(self, path: str, text: str) -> str:
        """An answer as people read it: the labels of its choices, else as it is."""
        names: Mapping[str, str] = {
            each.name: label(each.labels, each.name) for each in self.choices.get(NUMBERED.sub("", path), ())
        }
        if text in names:
            return names[text]
        codes = text.split()
        return t(", ").join(names[code] for code in codes) if codes and all(code in names for code in codes) else text

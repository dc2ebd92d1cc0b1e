"""Answers that the form requires and that are not there, among rows that were asked for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, digest, sheets, texts
from kobo_sync.forms.expression import Unsupported, evaluate, is_true
from kobo_sync.model import Finding, Form, Question

CODE = "DATA015"
TITLE = "Missing answers"
REQUIRED = frozenset({"yes", "true", "true()"})
ESSENTIAL = {  # meanings without which a row serves nothing, whatever the form says
    "registration": ("zone", "person", "family_name", "group"),
    "attendance": ("zone", "session"),
    "test": ("zone", "moment", "person"),
    "satisfaction": ("zone",),
    "needs": ("zone", "group"),
}


@dataclass(frozen=True)
class Row:
    """A row that lacks answers: the *finding* without its words, the required questions left *empty*, the essential ones."""

    finding: Finding
    version: str
    empty: tuple[str, ...]
    essential: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """What some rows of a form lack. *answered*: question → the form versions in which somebody answered it."""

    form_id: str
    answered: Mapping[str, frozenset[str]]
    rows: tuple[Row, ...]


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per row, naming the questions."""
    return judged(gathered(facts))


def gathered(facts: Facts) -> list[Part]:
    """What the rows of *facts* lack, form by form."""
    parts = []
    for sheet in sheets(facts):
        versions = sheet.column("form_version")
        answered: dict[str, frozenset[str]] = {}
        empty: dict[int, list[str]] = {}
        for question in _due(sheet):
            column = sheet.column(question.name if question.name in sheet.table else f"{question.name}_lat")
            answered[question.name] = frozenset(v for answer, v in zip(column, versions, strict=True) if answer)
            for at in _empty(sheet, question, column):
                empty.setdefault(at, []).append(question.name)
        essential: dict[int, list[str]] = {}
        for meaning in ESSENTIAL.get(sheet.settings.role, ()):
            name = sheet.settings.fields.get(meaning, "")
            for at, answer in enumerate(sheet.column(name)) if name in sheet.table else ():
                if not answer and sheet.consented[at]:
                    essential.setdefault(at, []).append(name)
        rows = [
            Row(_finding(sheet, at), versions[at], tuple(empty.get(at, ())), tuple(essential.get(at, ())))
            for at in sorted({*empty, *essential})
        ]
        parts.append(Part(sheet.form_id, answered, tuple(rows)))
    return parts


def judged(parts: Iterable[Part]) -> Iterator[Finding]:
    """The findings of all *parts* together: a form version in which nobody answered a question had no such question,
    where other versions had.
    """
    all_parts = list(parts)
    answered: dict[tuple[str, str], frozenset[str]] = {}
    for part in all_parts:
        for name, versions in part.answered.items():
            answered[part.form_id, name] = answered.get((part.form_id, name), frozenset()) | versions
    for part in all_parts:
        for row in part.rows:
            questions = [n for n in row.empty if row.version in (answered[part.form_id, n] or (row.version,))]
            names = list(dict.fromkeys([*questions, *row.essential]))
            if names:
                message = f"no answer to: {', '.join(names[:8])}{'…' if len(names) > 8 else ''}"
                yield replace(row.finding, message=message, evidence=digest(*names))


def _finding(sheet: Sheet, at: int) -> Finding:
    return sheet.finding(
        at,
        CODE,
        "warning",
        "",
        why="a missing answer is never counted as zero: the submission leaves the figures that need it",
        hint="complete the submission on the server, or call the person again",
    )


def _due(sheet: Sheet) -> list[Question]:
    if sheet.form is None:
        return []
    return [
        question
        for question in sheet.form.questions
        if question.required.strip().lower() in REQUIRED
        and not question.repeat
        and question.kind not in ("note", "calculate", "hidden")
        and (question.name in sheet.table or f"{question.name}_lat" in sheet.table)
    ]


def _empty(sheet: Sheet, question: Question, column: Sequence[str]) -> Iterator[int]:
    """Places where the question was asked and not answered; a condition that cannot be judged counts as unmet."""
    empty = [at for at, answer in enumerate(column) if not answer and sheet.consented[at]]
    if not empty or sheet.form is None:
        return
    conditions = _conditions(sheet.form, question)
    used = [q.name for q in sheet.form.questions if any(f"${{{q.name}}}" in text for text in conditions)]
    columns = [texts(sheet.table, each) for each in used]
    judged: dict[tuple[str, ...], bool] = {}
    for at in empty:
        answer = tuple(column[at] for column in columns)
        if answer not in judged:
            judged[answer] = _holds(conditions, dict(zip(used, answer, strict=True)))
        if judged[answer]:
            yield at


def _conditions(form: Form, question: Question) -> list[str]:
    """The relevance of the question and of every group around it."""
    around = [s.relevant for s in form.sections if question.path.startswith(f"{s.path}/")]
    return [text for text in (*around, question.relevant) if text]


def _holds(conditions: Sequence[str], answers: Mapping[str, str]) -> bool:
    try:
        return all(is_true(evaluate(text, answers)) for text in conditions)
    except Unsupported:
        return False

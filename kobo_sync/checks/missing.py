"""Answers that the form requires and that are not there, among rows that were asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kobo_sync.checks.sheet import Sheet, sheets, texts
from kobo_sync.forms.expression import Unsupported, evaluate, is_true
from kobo_sync.model import Facts, Finding, Form, Question

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


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per row, naming the questions."""
    for sheet in sheets(facts):
        missing: dict[int, list[str]] = {}
        for question in _due(sheet):
            name = question.name
            for at in _empty(sheet, question):
                missing.setdefault(at, []).append(name)
        for meaning in ESSENTIAL.get(sheet.settings.role, ()):
            name = sheet.settings.fields.get(meaning, "")
            if name and name in sheet.table:
                for at, said in enumerate(sheet.column(name)):
                    if not said and sheet.consented[at] and name not in missing.get(at, ()):
                        missing.setdefault(at, []).append(name)
        for at, names in sorted(missing.items()):
            yield sheet.finding(
                at,
                CODE,
                "warning",
                f"sans réponse : {', '.join(names[:8])}{'…' if len(names) > 8 else ''}",
                why="une réponse manquante n’est jamais comptée comme zéro : la soumission sort des calculs concernés",
                hint="compléter la soumission sur le serveur, ou rappeler la personne",
                evidence=names,
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


def _empty(sheet: Sheet, question: Question) -> Iterator[int]:
    """Places where the question was asked and not answered; a condition that cannot be judged counts as unmet.

    A form version in which nobody answered it had no such question, where other versions had.
    """
    name = question.name if question.name in sheet.table else f"{question.name}_lat"
    column, versions = sheet.column(name), sheet.column("form_version")
    asked = {version for said, version in zip(column, versions, strict=True) if said} or set(versions)
    empty = [at for at, said in enumerate(column) if not said and sheet.consented[at] and versions[at] in asked]
    if not empty or sheet.form is None:
        return
    conditions = _conditions(sheet.form, question)
    used = [q.name for q in sheet.form.questions if any(f"${{{q.name}}}" in text for text in conditions)]
    columns = [texts(sheet.table, each) for each in used]
    judged: dict[tuple[str, ...], bool] = {}
    for at in empty:
        said = tuple(column[at] for column in columns)
        if said not in judged:
            judged[said] = _holds(conditions, dict(zip(used, said, strict=True)))
        if judged[said]:
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

"""The road map of advocacy actions: a paper by need, and its workbook to follow up; functions, never names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from docx.document import Document as WordDocument

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.roadmap import Action, RoadMap, closed_codes, road_map
from kobo_sync.config.config import Role
from kobo_sync.config.file_names import FileName
from kobo_sync.deliverables import letterhead, sentences
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tn
from kobo_sync.model import Class, Document, Scope

T = TypeVar("T")
NAME = "road_map"
TITLE = later("Road map")
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
ROLES: tuple[Role, ...] = ("road_map",)
PATH = FileName("feuille-de-route.docx", "road-map.docx")
WORKBOOK_PATH = FileName("feuille-de-route.xlsx", "road-map.xlsx")

_HEAD = (
    later("No."),
    later("Objective and action"),
    later("Target and level"),
    later("Responsible and allies"),
    later("Due date and status"),
    later("Indicator and evidence"),
    later("Means and risk"),
)
_WIDTHS = (1.0, 6.4, 3.9, 4.0, 3.2, 4.4, 3.8)
_DUE, _STATUS, _GROUP = later("Due"), later("Status"), later("Group responsible")
_PRINTED = 10  # columns of the workbook that a page has; the others are for the screen


def build(facts: Facts) -> list[Document]:
    """The paper and the workbook."""
    plan = road_map(facts)
    form_ids = letterhead.forms_of(facts, "road_map")
    document = letterhead.open_paper(facts, t(TITLE), form_ids, landscape=True)
    writer.title(
        document,
        f"{t(TITLE)} – {letterhead.place_name(facts)}",
        f"{letterhead.action(facts)} · {letterhead.held_on(facts)}",
    )
    if plan.actions:
        _summary(document, facts, plan)
        _actions(document, facts, plan)
        _counts(document, facts, plan)
    else:
        writer.paragraph(document, t("No data: no action was entered."))
    workbook = excel.workbook(
        [_sheet(facts, plan)],
        title=f"{t(TITLE)} – {letterhead.place_name(facts)}",
        author=letterhead.organisers(facts),
        when=facts.as_of,
        colour=letterhead.colour(facts),
        comments=letterhead.provenance(facts, form_ids),
    )
    return [
        letterhead.close_paper(facts, document, PATH.of(facts.config), CLASS),
        Document(WORKBOOK_PATH.of(facts.config), workbook, CLASS),
    ]


# ── the paper ───────────────────────────────────────────────────────────────


def _as_of(facts: Facts) -> date | None:
    return letterhead.local_day(facts, facts.as_of) if facts.as_of else None


def _summary(document: WordDocument, facts: Facts, plan: RoadMap) -> None:
    as_of = _as_of(facts)
    complete = sum(action.smart_complete for action in plan.actions)
    n_overdue = len(plan.overdue(as_of)) if as_of else 0
    n_actions, n_needs = len(plan.actions), len(plan.counts("need"))
    share = typography.percent(plan.smart_share)
    number = typography.number
    writer.key_figures(
        document,
        [
            (number(n_actions), tn("planned action", "planned actions", n_actions)),
            (number(n_needs), tn("need served", "needs served", n_needs)),
            (
                f"{number(complete)}{typography.NNBSP}/{typography.NNBSP}{number(n_actions)}",
                tn("complete action, SMART ({share})", "complete actions, SMART ({share})", complete, share=share),
            ),
            (number(n_overdue), t("late on {day}", day=as_of) if as_of else t("late")),
        ],
    )


def _actions(document: WordDocument, facts: Facts, plan: RoadMap) -> None:
    as_of = _as_of(facts)
    number = 0
    for need in dict.fromkeys(action.values["need"] for action in plan.actions):
        writer.heading(document, labels.need(facts, need) if need else t("Need not specified"), 2)
        rows = []
        for action in (action for action in plan.actions if action.values["need"] == need):
            number += 1
            rows.append(_row(facts, number, action, as_of))
        alt = t("Actions: {need}", need=labels.need(facts, need))
        head = [t(title) for title in _HEAD]
        writer.table(document, writer.Table(head, rows, _WIDTHS, alt=alt, right=(0,), size=8.5))


def _row(facts: Facts, number: int, action: Action, as_of: date | None) -> list[str | writer.Cell]:
    values = action.values
    level, kind = _label(facts, "level", values["level"]), _label(facts, "kind", values["kind"])
    late = as_of is not None and action.overdue(as_of)
    due = sentences.due_words(action)
    status = [_label(facts, "status", values["status"]), t("late") if late else ""]
    status.append("" if action.smart_complete else t("to be completed"))
    allies = _said(later("Allies: {text}"), values["allies"])
    responsible = _lines(values["responsible_function"], group(facts, action), allies)
    return [
        typography.number(number),
        writer.Cell(
            values["objective"] or values["action"],
            below=_lines(values["action"] if values["objective"] else "", _said(later("Type: {text}"), kind)),
        ),
        writer.Cell(values["target"] or t("to be specified"), below=_said(later("Level: {text}"), level)),
        responsible or t("to be designated"),
        writer.Cell(due, bold=late, below=_lines(*status), fill="FBE3D6" if late else ""),
        writer.Cell(
            values["indicator"] or t("to be defined"), below=_said(later("Evidence: {text}"), values["verification"])
        ),
        _lines(values["resources"], _said(later("Risk: {text}"), values["risk"])),
    ]


def group(facts: Facts, action: Action) -> str:
    """The short name of the group responsible, or nothing."""
    code = action.values["responsible_group"]
    return labels.group(facts, code, short=True) if code else ""


def _said(sentence: str, text: str) -> str:
    return t(sentence, text=text) if text else ""


def _lines(*texts: str) -> str:
    return "\n".join(filter(None, texts))


def _label(facts: Facts, meaning: str, code: str) -> str:
    """The label of a choice answered to the question that carries *meaning*."""
    for form_id in facts.config.forms_with_role("road_map"):
        name = facts.config.forms[form_id].fields.get(meaning, "")
        if name and code:
            return labels.choice(facts, form_id, name, code)
    return code


def _counts(document: WordDocument, facts: Facts, plan: RoadMap) -> None:
    writer.heading(document, t("Breakdown of the actions"))
    rows: list[Sequence[str | writer.Cell]] = []
    criteria = ((t("Level of decision"), "level"), (t("Type of action"), "kind"), (t("Status"), "status"))
    for title, meaning in criteria:
        for place, (code, n) in enumerate(plan.counts(meaning).items()):
            rows.append(
                ["" if place else title, _label(facts, meaning, code) or t(labels.UNKNOWN), typography.number(n)]
            )
    content = writer.Table(
        [t("Criterion"), t("Value"), t("Actions")],
        rows,
        [5.0, 6.5, 2.5],
        caption=t("Actions by level, type and status"),
        right=(2,),
    )
    writer.table(document, content)
    writer.note(
        document,
        t(
            "Complete action (SMART): objective, target, function responsible, due date and indicator are all filled in. Late: the due date is "
            "past on the day of the data, and the action is neither done nor abandoned. Functions, never names: to be checked before circulation."
        )
        if not facts.config.groups
        else t(
            "Complete action (SMART): objective, target, function responsible, due date and indicator are all filled in; a group alone answers "
            "for nothing. Late: the due date is past on the day of the data, and the action is neither done nor abandoned. Functions, never "
            "names: to be checked before circulation."
        ),
    )


# ── the workbook ────────────────────────────────────────────────────────────


def _sheet(facts: Facts, plan: RoadMap) -> excel.Sheet:
    statuses = _choices(facts, "status")
    columns = [
        excel.Column(t("No."), kind="integer", width=5),
        excel.Column(t("Zone"), width=15),
        excel.Column(t("Need"), width=22),
        excel.Column(t("Objective"), width=32),
        excel.Column(t("Action"), width=32),
        excel.Column(t("Target"), width=22),
        excel.Column(t("Function responsible"), width=20),
        excel.Column(t(_DUE), kind="date", width=12),
        excel.Column(t("Indicator"), width=22),
        excel.Column(t(_STATUS), width=13, choices=statuses),
        excel.Column(t("Type"), width=13, choices=_choices(facts, "kind")),
        excel.Column(t("Level"), width=13, choices=_choices(facts, "level")),
        excel.Column(t("Allies"), width=20),
        excel.Column(t(_GROUP), width=16),
        excel.Column(t("Means of verification"), width=22),
        excel.Column(t("Resources"), width=20),
        excel.Column(t("Risk"), width=20),
        excel.Column(t("Feasibility"), width=16),
        excel.Column(t("Impact"), width=16),
        excel.Column(t("Complete (SMART)"), width=11),
    ]
    rows = [_cells(facts, number, action) for number, action in enumerate(plan.actions, 1)]
    if not facts.config.groups:
        place = next(at for at, column in enumerate(columns) if column.name == t(_GROUP))
        columns, rows = _without(columns, place), [_without(row, place) for row in rows]
    intro = (
        f"{t(TITLE)} – {letterhead.place_name(facts)}",
        t("Choose the status in the list; the due date of an open action turns orange when it is past."),
    )
    sheet = excel.Sheet(t(TITLE), columns, rows, intro=intro, printed=_PRINTED)
    due, status = (f"${excel.letters(columns, t(name))}{sheet.first_row}" for name in (_DUE, _STATUS))
    still_open = "".join(f',{status}<>"{label}"' for label in _closed_labels(facts))
    return replace(sheet, highlight={f'=AND({due}<>"",{due}<TODAY(){still_open})': "#FBD5B5"})


def _without(items: Sequence[T], place: int) -> list[T]:
    return [*items[:place], *items[place + 1 :]]


def _cells(facts: Facts, number: int, action: Action) -> list[excel.Value]:
    values = action.values
    return [
        number,
        labels.zone(facts, action.zone),
        labels.need(facts, values["need"]),
        values["objective"],
        values["action"],
        values["target"],
        values["responsible_function"],
        action.deadline or values["deadline"] or None,
        values["indicator"],
        _label(facts, "status", values["status"]),
        _label(facts, "kind", values["kind"]),
        _label(facts, "level", values["level"]),
        values["allies"],
        group(facts, action),
        values["verification"],
        values["resources"],
        values["risk"],
        _label(facts, "feasibility", values["feasibility"]),
        _label(facts, "impact", values["impact"]),
        t("yes") if action.smart_complete else t("no"),
    ]


def _choices(facts: Facts, meaning: str) -> tuple[str, ...]:
    """The labels staff may choose from; Excel holds at most 255 characters of them, no comma and no quotation mark."""
    for form_id in facts.config.forms_with_role("road_map"):
        name = facts.config.forms[form_id].fields.get(meaning, "")
        choice_labels = tuple(_label(facts, meaning, choice.name) for choice in labels.choices(facts, form_id, name))
        if (
            choice_labels
            and len(",".join(choice_labels)) <= 255
            and not any(mark in label for label in choice_labels for mark in ',"')
        ):
            return choice_labels
    return ()


def _closed_labels(facts: Facts) -> list[str]:
    """As they stand in a formula, where a quotation mark is written twice."""
    closed = {code: _label(facts, "status", code) for code in sorted(closed_codes(facts))}
    return [label.replace('"', '""') for code, label in closed.items() if label != code]

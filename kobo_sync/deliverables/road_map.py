"""The road map of advocacy actions: a paper by need, and its workbook to follow up; functions, never names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from docx.document import Document as WordDocument

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.roadmap import Action, RoadMap, closed_codes, road_map
from kobo_sync.deliverables import letterhead, sentences
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.model import Class, Document, Scope

NAME = "road_map"
TITLE = "Feuille de route"
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
PATH = "feuille-de-route.docx"
WORKBOOK_PATH = "feuille-de-route.xlsx"

_HEAD = (
    "N°",
    "Objectif et action",
    "Cible et niveau",
    "Responsable et alliés",
    "Échéance et statut",
    "Indicateur et preuve",
    "Moyens et risque",
)
_WIDTHS = (1.0, 6.4, 3.9, 4.0, 3.2, 4.4, 3.8)
_DUE, _STATUS = "Échéance", "Statut"
_PRINTED = 10  # columns of the workbook that a page has; the others are for the screen


def build(facts: Facts) -> list[Document]:
    """The paper and the workbook."""
    plan = road_map(facts)
    form_ids = letterhead.forms_of(facts, "road_map")
    document = letterhead.open_paper(facts, TITLE, form_ids, landscape=True)
    writer.title(
        document,
        f"{TITLE} – {letterhead.place_name(facts)}",
        f"{letterhead.action(facts)} · {letterhead.held_on(facts)}",
    )
    if plan.actions:
        _summary(document, facts, plan)
        _actions(document, facts, plan)
        _counts(document, facts, plan)
    else:
        writer.paragraph(document, f"{typography.NO_DATA} : aucune action n’a été saisie.")
    workbook = excel.workbook(
        [_sheet(facts, plan)],
        title=f"{TITLE} – {letterhead.place_name(facts)}",
        author=letterhead.organisers(facts),
        when=facts.as_of,
        colour=letterhead.colour(facts),
        comments=letterhead.provenance(facts, form_ids),
    )
    return [letterhead.close_paper(facts, document, PATH, CLASS), Document(WORKBOOK_PATH, workbook, CLASS)]


# ── the paper ───────────────────────────────────────────────────────────────


def _as_of(facts: Facts) -> date | None:
    return letterhead.local_day(facts, facts.as_of) if facts.as_of else None


def _summary(document: WordDocument, facts: Facts, plan: RoadMap) -> None:
    as_of = _as_of(facts)
    complete = sum(action.smart_complete for action in plan.actions)
    n_overdue = len(plan.overdue(as_of)) if as_of else 0
    slash = f"{typography.NNBSP}/{typography.NNBSP}"
    writer.key_figures(
        document,
        [
            (str(len(plan.actions)), "action prévue" if len(plan.actions) < 2 else "actions prévues"),
            (str(len(plan.counts("need"))), "besoin servi" if len(plan.counts("need")) < 2 else "besoins servis"),
            (
                f"{complete}{slash}{len(plan.actions)}",
                f"{'action complète' if complete < 2 else 'actions complètes'}, SMART ({typography.percent(plan.smart_share)})",
            ),
            (str(n_overdue), f"en retard au {typography.day(as_of)}" if as_of else "en retard"),
        ],
    )


def _actions(document: WordDocument, facts: Facts, plan: RoadMap) -> None:
    as_of = _as_of(facts)
    number = 0
    for need in dict.fromkeys(action.values["need"] for action in plan.actions):
        writer.heading(document, labels.need(facts, need) if need else "Besoin non précisé", 2)
        rows = []
        for action in (action for action in plan.actions if action.values["need"] == need):
            number += 1
            rows.append(_row(facts, number, action, as_of))
        writer.table(
            document,
            writer.Table(_HEAD, rows, _WIDTHS, alt=f"Actions : {labels.need(facts, need)}", right=(0,), size=8.5),
        )


def _row(facts: Facts, number: int, action: Action, as_of: date | None) -> list[str | writer.Cell]:
    values = action.values
    level, kind = _label(facts, "level", values["level"]), _label(facts, "kind", values["kind"])
    late = as_of is not None and action.overdue(as_of)
    due = sentences.due_words(action)
    status = [_label(facts, "status", values["status"]), "en retard" if late else ""]
    status.append("" if action.smart_complete else "à compléter")
    responsible = _lines(values["responsible_function"], group(facts, action), _after("Alliés : ", values["allies"]))
    return [
        str(number),
        writer.Cell(
            values["objective"] or values["action"],
            below=_lines(values["action"] if values["objective"] else "", _after("Type : ", kind)),
        ),
        writer.Cell(values["target"] or "à préciser", below=_after("Niveau : ", level)),
        responsible or "à désigner",
        writer.Cell(due, bold=late, below=_lines(*status), fill="FBE3D6" if late else ""),
        writer.Cell(values["indicator"] or "à définir", below=_after("Preuve : ", values["verification"])),
        _lines(values["resources"], _after("Risque : ", values["risk"])),
    ]


def group(facts: Facts, action: Action) -> str:
    """The short name of the group responsible, or nothing."""
    code = action.values["responsible_group"]
    return labels.group(facts, code, short=True) if code else ""


def _after(prefix: str, text: str) -> str:
    return typography.spaced(prefix) + text if text else ""


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
    writer.heading(document, "Répartition des actions")
    rows: list[Sequence[str | writer.Cell]] = []
    for title, meaning in (("Niveau de décision", "level"), ("Type d’action", "kind"), ("Statut", "status")):
        for place, (code, n) in enumerate(plan.counts(meaning).items()):
            rows.append(["" if place else title, _label(facts, meaning, code) or labels.UNKNOWN, str(n)])
    content = writer.Table(
        ["Critère", "Valeur", "Actions"],
        rows,
        [5.0, 6.5, 2.5],
        caption="Actions par niveau, type et statut",
        right=(2,),
    )
    writer.table(document, content)
    writer.note(
        document,
        "Action complète (SMART) : objectif, cible, fonction responsable, échéance et indicateur sont tous remplis ; un groupe seul ne répond de rien. En retard : échéance passée à la date "
        "des données, action ni faite ni abandonnée. Des fonctions, jamais de noms : à vérifier avant diffusion.",
    )


# ── the workbook ────────────────────────────────────────────────────────────


def _sheet(facts: Facts, plan: RoadMap) -> excel.Sheet:
    statuses = _choices(facts, "status")
    columns = [
        excel.Column("N°", kind="integer", width=5),
        excel.Column("Zone", width=15),
        excel.Column("Besoin", width=22),
        excel.Column("Objectif", width=32),
        excel.Column("Action", width=32),
        excel.Column("Cible", width=22),
        excel.Column("Fonction responsable", width=20),
        excel.Column(_DUE, kind="date", width=12),
        excel.Column("Indicateur", width=22),
        excel.Column(_STATUS, width=13, choices=statuses),
        excel.Column("Type", width=13, choices=_choices(facts, "kind")),
        excel.Column("Niveau", width=13, choices=_choices(facts, "level")),
        excel.Column("Alliés", width=20),
        excel.Column("Groupe responsable", width=16),
        excel.Column("Moyen de vérification", width=22),
        excel.Column("Ressources", width=20),
        excel.Column("Risque", width=20),
        excel.Column("Faisabilité", width=16),
        excel.Column("Impact", width=16),
        excel.Column("Complète (SMART)", width=11),
    ]
    rows = [_cells(facts, number, action) for number, action in enumerate(plan.actions, 1)]
    intro = (
        f"{TITLE} – {letterhead.place_name(facts)}",
        "Choisissez le statut dans la liste ; une échéance passée sur une action ouverte devient orange.",
    )
    sheet = excel.Sheet(TITLE, columns, rows, intro=intro, printed=_PRINTED)
    due, status = (f"${excel.letters(columns, name)}{sheet.first_row}" for name in (_DUE, _STATUS))
    still_open = "".join(f',{status}<>"{label}"' for label in _closed_labels(facts))
    return replace(sheet, highlight={f'=AND({due}<>"",{due}<TODAY(){still_open})': "#FBD5B5"})


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
        "oui" if action.smart_complete else "non",
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

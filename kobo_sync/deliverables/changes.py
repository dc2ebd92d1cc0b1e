"""What changed since the last build: receipts and figures per zone, before and now; for the team."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import letterhead
from kobo_sync.documents import french
from kobo_sync.documents.word import writer
from kobo_sync.model import Class, Document, Manifest

NAME = "changes"
TITLE = "Ce qui a changé"
CLASS: Class = "internal"
PATH = "changements.docx"

_NAMES = {
    "presents": "Personnes présentes",
    "taux": "Taux de quota",
    "femmes": "Femmes",
    "hommes": "Hommes",
    "journee_entiere": "Journée entière signée",
    "tests_apparies": "Tests appariés",
    "score_avant": "Score avant",
    "score_apres": "Score après",
    "gain": "Gain de classe",
    "reponses_satisfaction": "Réponses de satisfaction",
    "recommandation": "Recommandation",
    "reponses_besoins": "Réponses aux besoins",
    "besoin_1": "Premier besoin",
    "besoin_2": "Deuxième besoin",
    "besoin_3": "Troisième besoin",
    "priorites_communes": "Priorités communes",
    "actions": "Actions prévues",
    "actions_completes": "Actions complètes",
    "actions_en_retard": "Actions en retard",
}


@dataclass(frozen=True)
class Change:
    """One zone's manifest before (None for a first build) and now."""

    zone: str
    before: Manifest | None
    now: Manifest


def changes_paper(facts: Facts, changes: Sequence[Change]) -> Document:
    """The page: a table per zone that was rebuilt; a zone built for the first time says so."""
    document = letterhead.open_paper(facts, TITLE, list(facts.config.forms))
    writer.title(document, f"{TITLE} depuis la dernière construction", f"{letterhead.action(facts)} · document interne")
    if not changes:
        writer.paragraph(document, "Aucune zone n’a changé.")
    for change in changes:
        writer.heading(document, labels.zone(facts, change.zone))
        if change.before is None:
            writer.paragraph(document, "Première construction de cette zone.")
            continue
        rows = _rows(change.before, change.now)
        if rows:
            head = ["Quoi", "Avant", "Maintenant"]
            caption = f"Changements de la zone {labels.zone(facts, change.zone)}"
            writer.table(document, writer.Table(head, rows, [7.0, 5.0, 5.0], caption=caption))
        else:
            writer.paragraph(
                document, "Ni les réceptions ni les chiffres n’ont changé : un modèle, un réglage ou le programme, oui."
            )
    return letterhead.close_paper(facts, document, PATH, CLASS)


def differs(before: Manifest, now: Manifest) -> bool:
    """Whether there is anything to tell of a zone."""
    return bool(_rows(before, now))


def _rows(before: Manifest, now: Manifest) -> list[list[str]]:
    return [
        *_differing(before.submissions, now.submissions, lambda form_id: f"Soumissions reçues : {form_id}"),
        *_differing(before.figures, now.figures, lambda name: _NAMES.get(name, "")),
        *_differing(before.form_versions, now.form_versions, lambda form_id: f"Version du formulaire {form_id}"),
    ]


def _differing(before: Mapping[str, object], now: Mapping[str, object], title: Callable[[str], str]) -> list[list[str]]:
    """A row per entry that is other than it was: its title (none: not told), before, now."""
    rows = []
    for key in dict.fromkeys([*now, *before]):
        old, new = str(before.get(key, french.NOTHING)), str(now.get(key, french.NOTHING))
        if title(key) and old != new:
            rows.append([french.typography(title(key)), old, new])
    return rows

"""What changed since the last build: receipts and figures per zone, before and now; for the team."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.deliverables import letterhead
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
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
    "part_femmes": "Part de femmes",
    "journee_entiere": "Journée entière signée",
    "tests_apparies": "Tests appariés",
    "score_avant": "Score avant",
    "score_apres": "Score après",
    "evolution": "Évolution du score",
    "gain": "Gain de classe",
    "reponses_satisfaction": "Réponses de satisfaction",
    "recommandation": "Recommandation",
    "reponses_besoins": "Réponses aux besoins",
    "besoin_1": "Premier besoin",
    "besoin_2": "Deuxième besoin",
    "besoin_3": "Troisième besoin",
    "accord": "Accord entre groupes",
    "priorites_communes": "Priorités communes",
    "actions": "Actions prévues",
    "actions_completes": "Actions complètes",
    "actions_en_retard": "Actions en retard",
}

# Numbers of persons, and the figures that rest on them: before and after of two builds that differ by one person tell that person.
_RESTING = {
    "presents": ("taux", "femmes", "hommes", "part_femmes", "journee_entiere"),
    "femmes": ("part_femmes",),
    "hommes": ("part_femmes",),
    "journee_entiere": (),
    "tests_apparies": ("score_avant", "score_apres", "evolution", "gain"),
    "reponses_satisfaction": ("recommandation",),
    "reponses_besoins": ("accord",),
}
_FEW = f"écart de moins de {THRESHOLD} personnes"


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
            same = change.before.fingerprint == change.now.fingerprint
            writer.paragraph(
                document,
                "Ni les réceptions ni les chiffres n’ont changé : un modèle, un réglage ou le programme, oui."
                if same
                else "Des réponses ont changé, sans qu’aucun chiffre publié ne change.",
            )
    return letterhead.close_paper(facts, document, PATH, CLASS)


def differs(before: Manifest, now: Manifest) -> bool:
    """Whether there is anything to tell of a zone: also answers that changed no figure as it is published."""
    return before.fingerprint != now.fingerprint or bool(_rows(before, now))


def _rows(before: Manifest, now: Manifest) -> list[list[str]]:
    return [
        *_differing(before.submissions, now.submissions, _received),
        *_figures(before.figures, now.figures),
        *_differing(before.form_versions, now.form_versions, lambda form_id: f"Version du formulaire {form_id}"),
    ]


def _received(form_id: str) -> str:
    return f"Soumissions reçues, à la dizaine supérieure : {form_id}"


def _figures(before: Mapping[str, str], now: Mapping[str, str]) -> list[list[str]]:
    """The figures that changed; of numbers that differ by one or two persons, and of what rests on them, only that they did."""
    few = set(few_apart(before, now))
    few |= {resting for name in few for resting in _RESTING[name]}
    rows = []
    for name in dict.fromkeys([*now, *before]):
        for row in _differing(
            {name: before.get(name, typography.NOTHING)}, {name: now.get(name, typography.NOTHING)}, _title
        ):
            rows.append([row[0], typography.NOTHING, _FEW] if name in few else row)
    return rows


def few_apart(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The numbers of persons, by the names of their figures, that differ by one or two between two sets."""
    return [name for name in _RESTING if _differ_by_few(before.get(name, ""), now.get(name, ""))]


def _title(name: str) -> str:
    return _NAMES.get(name, "")


def _differ_by_few(before: str, now: str) -> bool:
    numbers = [re.sub(r"\D", "", text) for text in (before, now)]
    return all(numbers) and 0 < abs(int(numbers[0]) - int(numbers[1])) < THRESHOLD


def _differing(before: Mapping[str, object], now: Mapping[str, object], title: Callable[[str], str]) -> list[list[str]]:
    """A row per entry that is other than it was: its title (none: not told), before, now."""
    rows = []
    for key in dict.fromkeys([*now, *before]):
        old, new = str(before.get(key, typography.NOTHING)), str(now.get(key, typography.NOTHING))
        if title(key) and old != new:
            rows.append([typography.spaced(title(key)), old, new])
    return rows

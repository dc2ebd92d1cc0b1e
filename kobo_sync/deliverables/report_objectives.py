"""The objectives of the terms of reference: what was done for each, what shows it, what that does not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.populations import told_number
from kobo_sync.config.config import Role
from kobo_sync.config.report import Evidence, Objective
from kobo_sync.deliverables import sentences
from kobo_sync.documents.word import writer
from kobo_sync.language import typography

SMALL = 30  # persons: of fewer, one more or less moves a share by more than three points
_NOT_MEASURED = "La mission n’a pas de formulaire qui le mesure."
_NO_EVIDENCE = "Aucune mesure n’est attachée à cet objectif : voir le texte du rapport."


@dataclass(frozen=True)
class _Measure:
    """What the forms of *role* say of an objective: what was *done*, the *evidence*, what it does not say (*limit*)."""

    role: Role
    done: Callable[[Facts], str]
    evidence: Callable[[Facts], str]
    limit: Callable[[Facts], str]


def table(document: WordDocument, facts: Facts) -> None:
    """Adds a row per objective of the mission's settings."""
    rows = [_row(facts, objective) for objective in facts.config.report.objectives]
    head = ["Objectif des termes de référence", "Ce qui a été fait", "Preuve", "Limite"]
    caption = "Des objectifs aux preuves"
    content = writer.Table(head, rows, [4.1, 4.1, 5.0, 3.8], caption=caption, size=8.5, keep_whole=False)
    writer.table(document, content)


def _row(facts: Facts, objective: Objective) -> list[str | writer.Cell]:
    parts = [_parts(facts, name) for name in objective.evidence]
    columns = [list(dict.fromkeys(filter(None, column))) for column in zip(*parts, strict=True)] or [[], [], []]
    done = [objective.done, *columns[0]]
    cells = [done, columns[1] or [_NO_EVIDENCE], columns[2]]
    texts = [typography.spaced("\n".join(filter(None, texts))) for texts in cells]
    return [writer.Cell(objective.text, bold=True), *texts]


def _parts(facts: Facts, name: Evidence) -> tuple[str, str, str]:
    """What was done, the evidence, its limit; of a form that the mission does not have, that it has none."""
    measure = _MEASURES[name]
    if not facts.config.forms_with_role(measure.role):
        return "", _NOT_MEASURED, ""
    return measure.done(facts), measure.evidence(facts), measure.limit(facts)


def _joined(*parts: Callable[[Facts], str]) -> Callable[[Facts], str]:
    return lambda facts: " ".join(filter(None, (part(facts) for part in parts)))


def _always(text: str) -> Callable[[Facts], str]:
    return lambda facts: text


def _where(facts: Facts, role: Role, text: str) -> str:
    """*text*, where anything of *role* came in at all: nothing is said to be done that no data show."""
    return text if any(meaning.n_received(facts, form_id) for form_id in facts.config.forms_with_role(role)) else ""


def _days(facts: Facts) -> str:
    n = len(facts.config.zones)
    text = "Journée de formation" if n == 1 else "Journées de formation, zone par zone"
    listed = "émargement" if present.is_signed(facts) else "liste de présence"
    return _where(facts, "attendance", f"{text}{' ' if n == 1 else ', '}avec {listed}.")


def _attested(facts: Facts) -> str:
    if present.is_signed(facts):
        return "La signature atteste la présence, non la participation."
    return "Présence déclarée par qui tient la liste, sans signature : elle ne dit rien de la participation."


def _test(facts: Facts) -> str:
    themes: dict[str, str] = {}
    items = 0
    for form_id in facts.config.forms_with_role("test"):
        themes |= facts.config.forms[form_id].themes
        items += len(facts.config.forms[form_id].items)
    about = f" ({typography.listing(list(themes.values()))})" if themes else ""
    questions = f" de {typography.count(items, 'question')}" if items else ""
    return _where(facts, "test", f"Formation et test{questions}, le même avant et après{about}.")


def _dialogue(facts: Facts) -> str:
    groups = [labels.group(facts, group.code) for group in facts.config.groups]
    who = f" : {typography.listing(groups)}" if groups else ""
    return _where(facts, "needs", f"Les groupes classent leurs besoins le même jour, puis les comparent{who}.")


def small_number(facts: Facts) -> str:
    """That the test rests on few persons, where it does."""
    pairs = told_number(facts, "pairs")
    n = pairs.n if pairs.near is None else pairs.near
    return f"Moins de {SMALL} personnes testées deux fois : lire avec prudence." if pairs.shown and n < SMALL else ""


_MEASURES: dict[Evidence, _Measure] = {
    "attendance": _Measure(
        "attendance",
        _days,
        _joined(sentences.presence, sentences.sexes),
        _attested,
    ),
    "test": _Measure(
        "test",
        _test,
        sentences.learning,
        _joined(_always("Sans groupe témoin : une évolution, qui ne prouve pas un impact."), small_number),
    ),
    "satisfaction": _Measure(
        "satisfaction",
        lambda facts: _where(facts, "satisfaction", "Questionnaire anonyme en fin de journée."),
        sentences.advice,
        _always("Avis donné à chaud : il ne dit rien de l’usage qui en sera fait."),
    ),
    "needs": _Measure(
        "needs",
        lambda facts: _where(facts, "needs", "Classement des besoins par les personnes présentes."),
        sentences.first_needs,
        _always("Choix des personnes venues, non de toute la population."),
    ),
    "dialogue": _Measure(
        "needs",
        _dialogue,
        sentences.common_needs,
        _always("Une priorité commune n’est pas encore un engagement commun."),
    ),
    "focus_groups": _Measure(
        "focus_group",
        lambda facts: _where(facts, "focus_group", "Groupes de discussion."),
        sentences.groups_heard,
        _always("Propos de groupe : ils ne se comptent pas par personne."),
    ),
    "road_map": _Measure(
        "road_map",
        lambda facts: _where(facts, "road_map", "Feuille de route rédigée en séance."),
        sentences.actions,
        _always("Actions prévues ; leur suite reste à suivre."),
    ),
    "smart": _Measure(
        "road_map",
        lambda facts: _where(facts, "road_map", "Chaque action rapportée à cinq critères."),
        sentences.complete,
        _always("Les cases remplies ne disent pas si l’objectif est atteignable."),
    ),
}  # fmt: skip

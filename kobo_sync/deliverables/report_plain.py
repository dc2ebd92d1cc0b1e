"""The final report's results for readers who are no statisticians: words and figures, with what the words mean beside them."""

from __future__ import annotations

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.populations import groups_left_out, told_number, zone_number
from kobo_sync.analysis.published import response_rate
from kobo_sync.analysis.published_needs import printed_needs
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.deliverables import evaluations, letterhead, report_objectives, sentences
from kobo_sync.deliverables.needs import agreement_word
from kobo_sync.documents.word import writer
from kobo_sync.language import typography


def in_short(document: WordDocument, facts: Facts) -> None:
    """Adds the summary: what a reader who reads nothing else should know, as far as the mission's forms ask it."""
    for line in filter(None, (words(facts) for words in (_came, _learnt, _judged, _wanted, _discussed, _planned))):
        writer.paragraph(document, line, style="List Bullet")
    if facts.config.forms_with_role("test") and told_number(facts, "pairs").shown:
        writer.note(
            document,
            "L’évolution au test compare les mêmes personnes avant et après. Sans groupe témoin, elle ne prouve pas un impact. "
            "Les mesures techniques sont en annexe.",
        )


def _came(facts: Facts) -> str:
    if not facts.config.forms_with_role("attendance"):
        return ""
    return " ".join(filter(None, (sentences.presence(facts), sentences.sexes(facts))))


def _learnt(facts: Facts) -> str:
    return sentences.learning(facts) if facts.config.forms_with_role("test") else ""


def _judged(facts: Facts) -> str:
    return sentences.advice(facts) if facts.config.forms_with_role("satisfaction") else ""


def _wanted(facts: Facts) -> str:
    if not facts.config.forms_with_role("needs"):
        return ""
    first = sentences.first_needs(facts)
    return f"{first} {sentences.common_needs(facts)}" if printed_needs(facts).needs else first


def _discussed(facts: Facts) -> str:
    return sentences.groups_heard(facts) if facts.config.forms_with_role("focus_group") else ""


def _planned(facts: Facts) -> str:
    if not facts.config.forms_with_role("road_map"):
        return ""
    planned = sentences.actions(facts)
    return f"{planned} {sentences.complete(facts)}" if road_map(facts).actions else planned


def collected(document: WordDocument, facts: Facts) -> None:
    """Adds what was received of each form, beside the persons present."""
    rows, above = [], False
    came = letterhead.counted(facts, "present")
    for label, what in evaluations.answers(facts):
        rate = response_rate(facts, what)
        above = above or (rate.exact and rate.value > 1)
        rows.append([label, letterhead.counted(facts, what), came, letterhead.share(rate)])
    if not rows:
        writer.paragraph(
            document, "La mission n’a ni test, ni questionnaire de satisfaction, ni classement des besoins."
        )
        return
    head = ["Formulaire", "Réponses", "Personnes présentes", "Taux de réponse"]
    caption = "Réponses recueillies, par formulaire"
    writer.table(document, writer.Table(head, rows, [7.0, 3.0, 3.6, 3.4], caption=caption, right=(1, 2, 3)))
    writer.note(
        document,
        f"Personne présente : {sentences.presence_rule(facts)}. Taux de réponse : réponses divisées par personnes présentes."
        + (
            " Au-dessus de 100 %, des personnes ont répondu sans être de celles-ci, ou plusieurs fois." if above else ""
        ),
    )


def limits(document: WordDocument, facts: Facts) -> None:
    """Adds what these figures do not say, as far as it concerns the mission."""
    lines = []
    if facts.config.forms_with_role("test"):
        lines.append(
            "**Pas de groupe témoin.** Personne n’a passé le test sans suivre la formation : on constate une évolution, on ne prouve pas un impact."
        )
        lines.append(report_objectives.small_number(facts))
    lines.append(
        f"**Petits effectifs.** Une personne de plus ou de moins change un pourcentage ; ce qui désignerait moins de {THRESHOLD} personnes n’est pas publié."
    )
    if facts.config.forms_with_role("satisfaction"):
        lines.append(
            "**Avis à chaud.** Le questionnaire de fin de journée dit la satisfaction du moment, non l’usage qui suivra."
        )
    if facts.config.forms_with_role("needs"):
        lines.append(
            "**Les personnes venues.** Elles ne sont pas tirées au sort : leurs choix ne sont pas ceux de toute la population."
        )
    silent = [
        labels.zone(facts, zone.code) for zone in facts.config.zones if not zone_number(facts, zone.code, "present").n
    ]
    if silent and len(silent) < len(facts.config.zones):
        names = typography.listing(silent) if len(silent) <= 5 else typography.count(len(silent), "zone")
        lines.append(f"**Zones sans données.** {sentences.no_presence(signed=present.is_signed(facts))} : {names}.")
    for line in filter(None, lines):
        writer.paragraph(document, line, style="List Bullet")


def learning(document: WordDocument, facts: Facts) -> None:
    """Adds how the score moved, in words and as a figure; the measures are in the annex."""
    writer.paragraph(document, _learnt(facts) or "La mission n’a pas de test avant et après.")
    if told_number(facts, "pairs").shown:
        evaluations.learning_figure(document, facts)
        writer.note(
            document,
            "Score : part de bonnes réponses ; une question sans réponse ne rapporte rien. Seules comptent les personnes testées deux fois. "
            "Sans groupe témoin, l’évolution ne prouve pas un impact. Détail par question en annexe.",
        )


def satisfaction(document: WordDocument, facts: Facts) -> None:
    """Adds what people thought of the day, in words and as figures; intervals are in the annex."""
    writer.paragraph(document, _judged(facts) or "La mission n’a pas de questionnaire de satisfaction.")
    if told_number(facts, "satisfaction").shown:
        evaluations.satisfaction_figures(document, facts)
        writer.note(
            document,
            "Indice de recommandation : % de notes 9–10 moins % de notes 0–6 ; il ne sert pas à classer les zones. Détail par critère en annexe.",
        )


def in_common(document: WordDocument, facts: Facts) -> None:
    """Adds the priorities that the groups share, and how near their rankings are."""
    printed = printed_needs(facts)
    if not printed.needs:
        writer.paragraph(document, "Sans classement publié, les priorités des groupes ne peuvent pas se comparer.")
        return
    if groups_left_out(facts):
        writer.paragraph(
            document,
            f"Un groupe compte moins de {THRESHOLD} réponses dans sa zone : il n’entre pas dans la comparaison entre groupes.",
        )
    if printed.ranked.agreement is not None:
        degree = agreement_word(printed.ranked.agreement)
        writer.paragraph(
            document, f"Accord entre les classements des groupes : **{degree}**, de « très faible » à « très fort »."
        )
    writer.paragraph(document, sentences.common_needs(facts))

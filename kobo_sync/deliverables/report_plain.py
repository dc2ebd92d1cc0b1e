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
from kobo_sync.deliverables import evaluations, letterhead, participation, plan_sentences, report_objectives, sentences
from kobo_sync.deliverables.needs import agreement_word, compares_groups
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t, tn


def in_short(document: WordDocument, facts: Facts) -> None:
    """Adds the summary: what a reader who reads nothing else should know, as far as the mission's forms ask it."""
    for line in filter(None, (words(facts) for words in (_came, _learnt, _judged, _wanted, _discussed, _planned))):
        writer.paragraph(document, line, style="List Bullet")
    if facts.config.forms_with_role("test") and told_number(facts, "pairs").shown:
        writer.note(
            document,
            t(
                "The change in the test compares the same persons before and after. Without a control group it does not prove an impact. "
                "The technical measures are in the annex."
            ),
        )


def _came(facts: Facts) -> str:
    if not facts.config.forms_with_role("attendance"):
        return ""
    return " ".join(filter(None, (sentences.presence(facts), sentences.sexes(facts))))


def _learnt(facts: Facts) -> str:
    return sentences.learning(facts) if facts.config.forms_with_role("test") else ""


def _judged(facts: Facts) -> str:
    return sentences.advice(facts) if facts.config.asks("recommend", "satisfaction") else ""


def _wanted(facts: Facts) -> str:
    if not facts.config.forms_with_role("needs"):
        return ""
    first = sentences.first_needs(facts)
    if not printed_needs(facts).needs or not compares_groups(facts):
        return first
    return f"{first} {sentences.common_needs(facts)}"


def _discussed(facts: Facts) -> str:
    return sentences.groups_heard(facts) if facts.config.forms_with_role("focus_group") else ""


def _planned(facts: Facts) -> str:
    if not facts.config.forms_with_role("road_map"):
        return ""
    planned = plan_sentences.actions(facts)
    return f"{planned} {plan_sentences.complete(facts)}" if road_map(facts).actions else planned


def collected(document: WordDocument, facts: Facts) -> None:
    """Adds what was received of each form, beside the persons present where the mission counts them."""
    if not facts.config.has_role("attendance"):
        lines = [[label, letterhead.counted(facts, what)] for label, what in participation.answers(facts)]
        caption = t("Answers collected, by form")
        writer.table(document, writer.Table([t("Form"), t("Answers")], lines, [7.0, 3.0], caption=caption, right=(1,)))
        return
    rows, above = [], False
    came = letterhead.counted(facts, "present")
    for label, what in participation.answers(facts):
        rate = response_rate(facts, what)
        above = above or (rate.exact and rate.value > 1)
        rows.append([label, letterhead.counted(facts, what), came, letterhead.share(rate)])
    head = [t("Form"), t("Answers"), t("Persons present"), t("Response rate")]
    caption = t("Answers collected, by form")
    writer.table(document, writer.Table(head, rows, [7.0, 3.0, 3.6, 3.4], caption=caption, right=(1, 2, 3)))
    note = t(
        "Person present: {rule}. Response rate: answers divided by persons present.",
        rule=sentences.presence_rule(facts),
    )
    if above:
        note += " " + t("Above 100%, persons answered who are not among these, or some answered several times.")
    writer.note(document, note)


def limits(document: WordDocument, facts: Facts) -> None:
    """Adds what these figures do not say, as far as it concerns the mission."""
    lines = []
    if facts.config.forms_with_role("test"):
        lines.append(
            t(
                "**No control group.** Nobody took the test without following the training: a change is observed, an impact is not proved."
            )
        )
        lines.append(report_objectives.small_number(facts))
    lines.append(
        t(
            "**Small numbers.** One person more or less changes a percentage; what would point to fewer than {threshold} persons is not published.",
            threshold=THRESHOLD,
        )
    )
    if facts.config.forms_with_role("satisfaction"):
        lines.append(
            t(
                "**Opinions on the spot.** The questionnaire at the end of the day tells the satisfaction of the moment, not the use that follows."
            )
            if not present.spans_days(facts)
            else t(
                "**Opinions on the spot.** The questionnaire at the end of the training tells the satisfaction of the moment, not the use that follows."
            )
        )
    if facts.config.forms_with_role("needs"):
        lines.append(
            t("**Those who came.** They are not drawn at random: their choices are not those of the whole population.")
        )
    zones = facts.config.zones if facts.config.has_role("attendance") else []
    silent = [labels.zone(facts, zone.code) for zone in zones if not zone_number(facts, zone.code, "present").n]
    if silent and len(silent) < len(facts.config.zones):
        names = typography.listing(silent) if len(silent) <= 5 else tn("{n} zone", "{n} zones", len(silent))
        lacking = sentences.no_presence(signed=present.is_signed(facts))
        lines.append(t("**Zones without data.** {lacking}: {zones}.", lacking=lacking, zones=names))
    for line in filter(None, lines):
        writer.paragraph(document, line, style="List Bullet")


def learning(document: WordDocument, facts: Facts) -> None:
    """Adds how the score moved, in words and as a figure; the measures are in the annex."""
    writer.paragraph(document, _learnt(facts))
    if told_number(facts, "pairs").shown:
        evaluations.learning_figure(document, facts)
        writer.note(
            document,
            t(
                "Score: share of right answers; a question without an answer earns nothing. Only the persons tested twice count. "
                "Without a control group the change does not prove an impact. Details by question in the annex."
            ),
        )


def satisfaction(document: WordDocument, facts: Facts) -> None:
    """Adds what people thought of the day, in words and as figures; intervals are in the annex."""
    if judged := _judged(facts):
        writer.paragraph(document, judged)
    if told_number(facts, "satisfaction").shown:
        evaluations.satisfaction_figures(document, facts)
    if judged and told_number(facts, "satisfaction").shown:
        writer.note(
            document,
            t(
                "Recommendation index: % of marks 9–10 minus % of marks 0–6; it does not serve to rank zones. Details by criterion in the annex."
            ),
        )


def in_common(document: WordDocument, facts: Facts) -> None:
    """Adds the priorities that the groups share, and how near their rankings are."""
    printed = printed_needs(facts)
    if not printed.needs:
        writer.paragraph(document, t("Without a published ranking, the priorities of the groups cannot be compared."))
        return
    if groups_left_out(facts):
        writer.paragraph(
            document,
            t(
                "A group has fewer than {threshold} answers in its zone: it does not enter the comparison between groups.",
                threshold=THRESHOLD,
            ),
        )
    if printed.ranked.agreement is not None:
        degree = agreement_word(printed.ranked.agreement)
        agreement = t(
            "Agreement between the rankings of the groups: **{degree}**, on a scale from “very weak” to “very strong”.",
            degree=degree,
        )
        writer.paragraph(document, agreement)
    writer.paragraph(document, sentences.common_needs(facts))

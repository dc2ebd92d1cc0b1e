"""What participants learnt and thought, for one zone or the mission: response, test, satisfaction, words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, quotas
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import Change
from kobo_sync.analysis.populations import What, told_number
from kobo_sync.analysis.published import (
    PrintedChange,
    PrintedItem,
    learnt,
    printed_change,
    printed_items,
    spread_shown,
)
from kobo_sync.analysis.published_answers import PrintedScale, printed_advice, printed_scales
from kobo_sync.analysis.satisfaction import Scale, open_answers
from kobo_sync.analysis.shares import whole_or_none
from kobo_sync.analysis.suppression import THRESHOLD
from kobo_sync.analysis.turnout import turnout
from kobo_sync.config.config import Role
from kobo_sync.deliverables import evaluation_sentences, figures, letterhead, participation, result_sheets, sentences
from kobo_sync.documents.pdf import charts
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t
from kobo_sync.model import Class, Document, Scope

NAME = "evaluations"
TITLE = later("Evaluations")
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
ROLES: tuple[Role, ...] = ("attendance", "test", "satisfaction")
PATH = "evaluations.docx"
WORKBOOK_PATH = "evaluations.xlsx"

_FIGURE_CM = 16.8


def build(facts: Facts) -> list[Document]:
    """The evaluation paper; a part without data says so, one with fewer than three persons is not published."""
    has = facts.config.has_role
    form_ids = letterhead.forms_of(facts, "registration", "attendance", "test", "satisfaction")
    document = letterhead.open_paper(facts, t(TITLE), form_ids)
    writer.title(
        document,
        f"{t(TITLE)} – {letterhead.place_name(facts)}",
        f"{letterhead.action(facts)} · {letterhead.held_on(facts)}",
    )
    key_figures(document, facts)
    if has("attendance"):
        writer.heading(document, t("Participation and response rates"))
        participation.rates(document, facts)
    if has("test"):
        title = t("Learning: change between the beginning and the end of the day")
        if present.spans_days(facts):
            title = t("Learning: change between the beginning and the end of the training")
        writer.heading(document, title)
        learning_results(document, facts)
    if has("satisfaction"):
        writer.heading(document, t("Satisfaction"))
        satisfaction_results(document, facts)
    if asks_words(facts):
        writer.heading(document, t("What participants said"))
        words(document, facts)
    _reading(document, facts)
    workbook = result_sheets.evaluation_workbook(facts, form_ids)
    findings = letterhead.review_findings(facts, PATH, open_answers(facts).items())
    return [
        letterhead.close_paper(facts, document, PATH, CLASS, findings),
        Document(WORKBOOK_PATH, workbook, "pseudonymised"),
    ]


def key_figures(document: WordDocument, facts: Facts) -> None:
    """Adds the band of numbers: presence, then test, gain and recommendation where the mission asks for them."""
    listed = turnout(facts)
    quota = quotas.completion(listed, present.zones_of(facts)).quota
    slash = f"{typography.NNBSP}/{typography.NNBSP}"
    printed, advice = printed_change(facts), printed_advice(facts)
    about = f"≈{typography.NBSP}" if advice.about else ""
    came, rate = letterhead.counted(facts, "present"), sentences.quota_words(facts)
    band = []
    if facts.config.has_role("attendance"):
        number = came + slash + typography.number(quota) if quota else came
        band.append((number, t("persons present ({rate})", rate=rate) if rate else t("persons present")))
    if facts.config.forms_with_role("test"):
        pairs = letterhead.n_is(letterhead.counted(facts, "pairs"))
        band += [(letterhead.score(printed), t("right answers, before → after ({n})", n=pairs)), _gain_figure(printed)]
    if facts.config.asks("recommend", "satisfaction"):
        score = typography.NOTHING if advice.score is None else about + typography.signed(advice.score)
        n = letterhead.n_is(letterhead.counted(facts, "satisfaction"))
        band.append((score, t("recommendation, from −100 to +100 ({n})", n=n)))
    if band:
        writer.key_figures(document, band)


def _gain_figure(printed: PrintedChange | None) -> tuple[str, str]:
    if printed is not None and printed.change < 0:
        return letterhead.scores(printed)[2], t("points: the score declines, there is no gain")
    return letterhead.scores(printed)[3], t("class gain (Hake, from 0 to 1)")


def _too_few() -> str:
    return t("Fewer than {threshold} persons: results not published.", threshold=THRESHOLD)


# ── test ────────────────────────────────────────────────────────────────────


def learning_results(document: WordDocument, facts: Facts) -> None:
    """Adds what the test says: the evolution in words, the figure, the tables by theme and by question."""
    results, pairs = learnt(facts), told_number(facts, "pairs")
    marks = len(results.items)
    if not pairs.n and not pairs.partial:
        sides: tuple[tuple[float | None, What, str], ...] = (
            (results.mean_before, "before", later("{score} before ({n})")),
            (results.mean_after, "after", later("{score} after ({n})")),
        )
        means_text = [
            t(
                text,
                score=letterhead.points(mean, told_number(facts, what), marks),
                n=letterhead.n_is(letterhead.counted(facts, what)),
            )
            for mean, what, text in sides
            if told_number(facts, what).shown
        ]
        alone = t(" Means without pairing: {means}.", means=typography.listing(means_text)) if means_text else ""
        writer.paragraph(document, t("No data: no paired test (before and after) was received.") + alone)
        return
    if not pairs.shown:
        writer.paragraph(document, _too_few())
        return
    evolution(document, facts)
    learning_figure(document, facts)
    learning_tables(document, facts)


def evolution(document: WordDocument, facts: Facts) -> None:
    """Adds the evolution with its measures, for readers of statistics."""
    writer.paragraph(document, _evolution(facts, learnt(facts).change))


def learning_figure(document: WordDocument, facts: Facts) -> None:
    """Adds the shares right before and after, by theme and by question, as a figure."""
    results = learnt(facts)
    rows = [(letterhead.theme(facts, code), printed_change(facts, code)) for code in results.themes]
    lines = [(name, printed.before, printed.after) for name, printed in rows if printed is not None]
    items = [
        (
            t("Question {n} ({theme})", n=number, theme=letterhead.theme(facts, item.item.theme)),
            100 * before,
            100 * after,
        )
        for number, item in enumerate(printed_items(facts), 1)
        if (before := item.before.drawn) is not None and (after := item.after.drawn) is not None
    ]
    lines += items
    rates = [
        t("{name} {before} then {after}", name=name, before=typography.points(before), after=typography.points(after))
        for name, before, after in lines
    ]
    alt = t("Right answers before then after: {rates}", rates=t("; ").join(rates))
    picture = writer.Picture(charts.dumbbell(lines, colour=letterhead.colour(facts)), alt, width_cm=_FIGURE_CM)
    n = letterhead.n_is(letterhead.counted(facts, "pairs"))
    caption = (
        t("Right answers before and after, by theme then by question ({n} paired tests)", n=n)
        if items
        else t("Right answers before and after, by theme ({n} paired tests)", n=n)
    )
    writer.figure(document, picture, caption)


def learning_tables(document: WordDocument, facts: Facts) -> None:
    """Adds the tables by theme and by question."""
    rows = [(letterhead.theme(facts, code), printed_change(facts, code)) for code in learnt(facts).themes]
    _theme_table(document, rows, letterhead.counted(facts, "pairs"))
    _item_table(document, facts)


def _evolution(facts: Facts, change: Change) -> str:
    pairs = told_number(facts, "pairs")
    printed = printed_change(facts)
    before, after, moved, gain = letterhead.scores(printed)
    text = evaluation_sentences.evolution_words(
        before, after, moved, letterhead.n_is(letterhead.counted(facts, "pairs"))
    )
    if change.low is not None and spread_shown(facts):
        text += t(
            " (95% CI: {low} to {high}; paired t test, {t_p}; Wilcoxon-Pratt, {wilcoxon_p}; effect size dz = {dz})",
            low=typography.signed(change.low, 1),
            high=typography.signed(change.high, 1),
            t_p=typography.p_value(change.t_p),
            wilcoxon_p=typography.p_value(change.wilcoxon_p),
            dz=typography.number(change.dz, 2),
        )
    text += f". {evaluation_sentences.gain_words(printed.gain if printed else None, printed.change if printed else 0.0, gain)}."
    n_same = change.n - change.n_up - change.n_down
    if facts.zone and pairs.exact and whole_or_none((change.n_up, change.n_down, n_same)):
        text += f" {evaluation_sentences.moves_words(change.n_up, change.n_down, n_same)}."
    return text


def _theme_table(document: WordDocument, themes: Sequence[tuple[str, PrintedChange | None]], n: str) -> None:
    rows = [[name, n, *letterhead.scores(printed)] for name, printed in themes]
    head = [t("Theme"), "n", t("Before"), t("After"), t("Change (points)"), t("Class gain")]
    writer.table(
        document,
        writer.Table(head, rows, [5.4, 1.6, 2.2, 2.2, 3.0, 2.6], caption=t("Change by theme"), right=range(1, 6)),
    )


def _item_table(document: WordDocument, facts: Facts) -> None:
    form_ids = facts.config.forms_with_role("test")
    texts = {
        name: labels.question(facts, form_id, name)
        for form_id in form_ids
        for name in facts.config.forms[form_id].items
    }
    rows = []
    if not any(item.before.sign != "–" or item.after.sign != "–" for item in printed_items(facts)):
        writer.paragraph(document, t("Results by question not published: their numbers of persons could be derived."))
        return
    for number, printed in enumerate(printed_items(facts), 1):
        item = printed.item
        # Forms number their questions already.
        text = re.sub(r"^\d+[.)]\s*", "", texts.get(item.name, item.name))
        rows.append(
            [
                typography.number(number),
                text,
                letterhead.theme(facts, item.theme),
                letterhead.denominator(printed.told),
                letterhead.share(printed.before),
                letterhead.share(printed.after),
                item_points(printed),
                figures.item_p(printed),
            ]
        )
    head = [t("No."), t("Question"), t("Theme"), "n", t("Before"), t("After"), t("Points"), "p"]
    caption = t("Right answers by question, the same persons before and after (p: exact McNemar)")
    content = writer.Table(
        head, rows, [0.9, 6.5, 2.2, 1.0, 1.7, 1.7, 1.5, 1.5], caption=caption, right=(0, 3, 4, 5, 6, 7), size=8.5
    )
    writer.table(document, content)


def item_points(printed: PrintedItem) -> str:
    """By how many points an item's share right moved; « – » where one of both is no more than a band."""
    before, after = printed.before.drawn, printed.after.drawn
    if before is None or after is None:
        return typography.NOTHING
    sign = "" if printed.before.exact and printed.after.exact else f"≈{typography.NBSP}"
    return sign + typography.signed(100 * (after - before))


# ── satisfaction ────────────────────────────────────────────────────────────


def satisfaction_results(document: WordDocument, facts: Facts) -> None:
    """Adds the recommendation, and the answers by question as figure and table."""
    number = told_number(facts, "satisfaction")
    if not number.n and not number.partial:
        writer.paragraph(document, t("No data: no satisfaction questionnaire was received."))
        return
    if not number.shown:
        writer.paragraph(document, _too_few())
        return
    if facts.config.asks("recommend", "satisfaction"):
        writer.paragraph(document, _recommendation(facts))
    satisfaction_figures(document, facts)
    scales(document, facts)


def satisfaction_figures(document: WordDocument, facts: Facts) -> None:
    """Adds the answers by question as figures, one for each set of levels."""
    for block in _same_levels([each for each in printed_scales(facts) if each.levels]):
        _picture(document, facts, block)


def _recommendation(facts: Facts) -> str:
    printed = printed_advice(facts)
    if printed.score is None:
        return t("Recommendation: too few answers to publish an index.")
    sign = f"≈{typography.NBSP}" if printed.about else ""
    interval = shares = ""
    if printed.interval:
        low, high = map(typography.signed, printed.interval)
        interval = t("; 95% interval: {low} to {high}", low=low, high=high)
    if printed.parts:
        high, middle, low = map(typography.percent, printed.parts)
        shares = t(
            ", that is {high} of marks 9–10, {middle} of marks 7–8 and {low} of marks 0–6",
            high=high,
            middle=middle,
            low=low,
        )
    text = t(
        "Recommendation: **{score}** on a scale from −100 to +100 ({n}{interval}){shares}.",
        score=sign + typography.signed(printed.score),
        n=letterhead.n_is(letterhead.denominator(printed.told)),
        interval=interval,
        shares=shares,
    )
    return f"{text} {evaluation_sentences.uncertainty_words(printed.told.n)}"


def _same_levels(scales: list[PrintedScale]) -> list[list[PrintedScale]]:
    """Scales with the same levels together, in order, so that each figure has one legend."""
    blocks: dict[tuple[str, ...], list[PrintedScale]] = {}
    for scale in scales:
        blocks.setdefault(scale.levels, []).append(scale)
    return list(blocks.values())


def _picture(document: WordDocument, facts: Facts, scales: list[PrintedScale]) -> None:
    rows = [(each.scale.label, each.shares, letterhead.denominator(each.told)) for each in scales]
    favourable_shares = [f"{each.scale.label} {letterhead.share(each.favourable)}" for each in scales]
    alt = t("Favourable answers: {shares}", shares=t("; ").join(favourable_shares))
    picture = writer.Picture(
        charts.likert(rows, scales[0].levels, colour=letterhead.colour(facts)), alt, width_cm=_FIGURE_CM
    )
    caption = (
        t("Answers, in % of the persons who answered")
        if scales[0].levels == scales[0].scale.levels
        else t("Answers, in % of the persons who answered; levels of fewer than 3 persons are merged")
    )
    writer.figure(document, picture, caption)


def scales(document: WordDocument, facts: Facts) -> None:
    """Adds the table of the questions: favourable share with its interval, median."""
    rows = [
        [
            each.scale.label,
            letterhead.denominator(each.told),
            favourable(each),
            _level(each.scale) if each.told.shown else typography.NOTHING,
        ]
        for each in printed_scales(facts)
    ]
    if rows:
        head = [t("Criterion"), "n", t("Favourable (95% CI)"), t("Median")]
        content = writer.Table(head, rows, [7.6, 1.3, 3.6, 4.4], caption=t("Satisfaction by criterion"), right=(1, 2))
        writer.table(document, content)


def favourable(printed: PrintedScale) -> str:
    """The share of favourable answers with its interval, as ``75 % (55–88)``; the share or a band alone where it is not exact."""
    if not printed.favourable.exact:
        return letterhead.share(printed.favourable)
    low, high = printed.scale.favourable_interval or (0.0, 0.0)
    return t(
        "{share} ({low}–{high})",
        share=typography.percent(printed.favourable.value),
        low=typography.number(100 * low),
        high=typography.number(100 * high),
    )


def _level(scale: Scale) -> str:
    """The median's label; both labels when it falls between two levels."""
    if scale.median is None:
        return typography.NOTHING
    low, high = int(scale.median), int(scale.median + 0.5)
    if low == high:
        return scale.levels[low - 1]
    return t("between “{low}” and “{high}”", low=scale.levels[low - 1], high=scale.levels[high - 1])


# ── words ───────────────────────────────────────────────────────────────────


def asks_words(facts: Facts) -> bool:
    """Whether a satisfaction form has open questions."""
    forms = (facts.config.forms[form_id] for form_id in facts.config.forms_with_role("satisfaction"))
    return any(form.open_questions for form in forms)


def words(document: WordDocument, facts: Facts, *, level: int = 2) -> None:
    """Adds what people wrote, by question, under headings of *level*."""
    if not figures.answered(facts):
        writer.paragraph(document, t("No data: no answer to the open questions."))
        return
    writer.note(
        document,
        t(
            "Word for word, in the original language, without names; identical answers are written only once. To be reviewed before they are "
            "circulated: a person may be recognised."
        ),
        keep_with_next=True,
    )
    for label, texts in figures.quoted(facts):
        writer.heading(document, label, level)
        if texts:
            writer.verbatims(document, letterhead.quotable(facts, texts))
        else:
            writer.paragraph(document, t("Fewer than {threshold} answers: not published.", threshold=THRESHOLD))


def _reading(document: WordDocument, facts: Facts) -> None:
    """How the figures are made, of those that the mission's forms give."""
    has = facts.config.has_role
    parts = []
    if has("attendance"):
        rule = sentences.presence_rule(facts)
        parts.append(t("Present: {rule}. Response rate: answers / persons present.", rule=rule))
    if has("test"):
        parts.append(
            t(
                "Score: % of right answers; a question without an answer earns nothing. "
                "The change is that of the persons tested twice alone; without a control group it does not prove an impact. "
                "Class gain: (after − before) / (100 − before), Hake 1998."
            )
        )
    if has("satisfaction"):
        parts.append(t("Favourable: share of the answers above the middle, 95% Wilson interval."))
        if facts.config.asks("recommend", "satisfaction"):
            parts.append(t("Recommendation: % of marks 9–10 minus % of marks 0–6, adjusted Wald interval."))
        parts.append(t("A questionnaire filled in on the spot: it tells satisfaction, not the long-term effect."))
    writer.heading(document, t("How to read these figures"), 2)
    writer.note(document, " ".join(parts))
    writer.note(document, t(letterhead.SUPPRESSION_NOTE))

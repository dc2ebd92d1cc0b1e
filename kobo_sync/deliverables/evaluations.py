"""What participants learnt and thought, for one zone or the mission: response, test, satisfaction, words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from docx.document import Document as WordDocument

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import Change, Learning, learning
from kobo_sync.analysis.publication import UNKNOWN, Crosstab, What, present_by_sex, small_zones
from kobo_sync.analysis.satisfaction import Satisfaction, Scale, satisfaction
from kobo_sync.analysis.suppression import THRESHOLD, publishable
from kobo_sync.deliverables import letterhead, result_sheets
from kobo_sync.documents import french
from kobo_sync.documents.pdf import charts
from kobo_sync.documents.word import writer
from kobo_sync.model import Class, Document, Scope

NAME = "evaluations"
TITLE = "Évaluations"
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
PATH = "evaluations.docx"
WORKBOOK_PATH = "evaluations.xlsx"

_FIGURE_CM = 16.8
_TOO_FEW = f"Effectif inférieur à {THRESHOLD} : résultats non publiés."


def build(facts: Facts) -> list[Document]:
    """The evaluation paper; a part without data says so, one with fewer than three persons is not published."""
    form_ids = letterhead.forms_of(facts, "registration", "attendance", "test", "satisfaction")
    listed, learnt, judged = present.attendance(facts), learning(facts), satisfaction(facts)
    document = letterhead.open_paper(facts, TITLE, form_ids)
    writer.title(
        document,
        f"Évaluations – {letterhead.place_name(facts)}",
        f"{letterhead.action(facts)} · {letterhead.held_on(facts)}",
    )
    key_figures(document, facts, listed, learnt, judged)
    writer.heading(document, "Participation et taux de réponse")
    participation(document, facts, listed, learnt, judged)
    writer.heading(document, "Acquis : évolution entre le début et la fin de la journée")
    learning_results(document, facts, learnt)
    writer.heading(document, "Satisfaction")
    satisfaction_results(document, facts, judged)
    writer.heading(document, "Paroles de participant·e·s")
    words(document, facts, judged)
    _reading(document)
    workbook = result_sheets.evaluation_workbook(facts, learnt, judged, form_ids)
    findings = letterhead.review_findings(facts, PATH, judged.open_answers.items())
    return [
        letterhead.close_paper(facts, document, PATH, CLASS, findings),
        Document(WORKBOOK_PATH, workbook, "pseudonymised"),
    ]


def key_figures(
    document: WordDocument, facts: Facts, listed: present.Attendance, learnt: Learning, judged: Satisfaction
) -> None:
    """Adds the band of four numbers: presence, test, gain, recommendation."""
    done = present.completion(listed, present.zones_of(facts))
    n = listed.n_present
    slash = f"{french.NNBSP}/{french.NNBSP}"
    change, advice = learnt.change, judged.recommendation
    test = (
        f"{french.number(change.before)} → {french.points(change.after)}" if publishable(change.n) else french.NOTHING
    )
    gain = french.number(change.gain, 2) if publishable(change.n) else french.NOTHING
    score = french.signed(advice.score) if publishable(advice.n) else french.NOTHING
    came = letterhead.counted(facts, "present", n)
    rate = french.NOTHING if small_zones(facts, "present") else _rate(n, done.share)
    figures = [
        (came + slash + french.number(done.quota), f"présent·e·s ({rate} du quota)"),
        (test, f"bonnes réponses, avant → après (n = {letterhead.counted(facts, 'pairs', change.n)})"),
        (gain, "gain de classe (Hake, de 0 à 1)"),
        (score, f"recommandation, de −100 à +100 (n = {letterhead.counted(facts, 'satisfaction', advice.n)})"),
    ]
    writer.key_figures(document, figures)


def _rate(n: int, share: float | None) -> str:
    return french.percent(share) if publishable(n) or n == 0 else french.NOTHING


# ── participation ───────────────────────────────────────────────────────────


def participation(
    document: WordDocument, facts: Facts, listed: present.Attendance, learnt: Learning, judged: Satisfaction
) -> None:
    """Adds response rates, then persons present by group and sex."""
    n_present = listed.n_present
    answers: list[tuple[str, What, int]] = [
        ("Test avant la formation", "before", learnt.n_before),
        ("Test après la formation", "after", learnt.n_after),
        ("Tests appariés (avant et après)", "pairs", learnt.n_pairs),
        ("Satisfaction (anonyme)", "satisfaction", judged.n),
        ("Besoins", "needs_rows", meaning.n_usable(facts, "needs")),
    ]
    rows = []
    for label, what, n in answers:
        is_publishable = not (small_zones(facts, what) or small_zones(facts, "present")) and publishable(n_present)
        rate = _rate(n, present.response_rate(n, n_present)) if is_publishable else french.NOTHING
        rows.append([label, letterhead.counted(facts, what, n), letterhead.counted(facts, "present", n_present), rate])
    head = ["Formulaire", "Réponses", "Personnes présentes", "Taux de réponse"]
    writer.table(
        document,
        writer.Table(head, rows, [7.0, 3.0, 3.6, 3.4], caption="Réponses reçues, par formulaire", right=(1, 2, 3)),
    )
    groups_and_sexes(document, facts)
    if publishable(learnt.n_before) and not small_zones(facts, "before") and not small_zones(facts, "pairs"):
        writer.paragraph(document, _attrition(learnt))


def _attrition(learnt: Learning) -> str:
    lost = learnt.n_before - learnt.n_pairs
    parts = [
        f"Sur {french.count(learnt.n_before, 'test')} avant la formation, {learnt.n_pairs} ont un test après de la même personne "
        f"(attrition : {french.percent(learnt.attrition_share)})."
    ]
    if 0 < lost < THRESHOLD:
        parts = ["Presque tous les tests d’avant la formation ont un test après de la même personne."]
    if learnt.n_duplicates:
        parts.append("Les tests répétés par une même personne sont écartés ; le premier compte.")
    if learnt.n_unmatched:
        parts.append("Les tests sans code de participant ne peuvent pas être appariés.")
    return " ".join(parts)


def groups_and_sexes(document: WordDocument, facts: Facts) -> None:
    """Adds the persons present by group and sex."""
    names = {group.code: labels.group(facts, group.code) for group in facts.config.groups}
    if names:
        caption = "Personnes présentes, par groupe et par sexe"
        writer.table(document, by_sex(present_by_sex(facts, "group", tuple(names)), names, "Groupe", caption))


def by_sex(crosstab: Crosstab, names: Mapping[str, str], title: str, caption: str) -> writer.Table:
    """Persons present by a trait (its codes' *names*) and sex; whoever has another or none is counted apart."""
    headings = [*(names.get(code, "Autre ou non précisé") for code in crosstab.rows), "Total"]
    head = [title, "Femmes", "Hommes", *(["Non précisé"] if UNKNOWN in crosstab.columns else []), "Total"]
    widths = [7.0] + [10.0 / (len(head) - 1)] * (len(head) - 1)
    lines = [[name, *cells] for name, cells in zip(headings, crosstab.cells(), strict=True)]
    return writer.Table(head, lines, widths, caption=caption, right=range(1, len(head)), totals=1)


# ── test ────────────────────────────────────────────────────────────────────


def learning_results(document: WordDocument, facts: Facts, learnt: Learning) -> None:
    """Adds what the test says: the evolution in words, the figure, the tables by theme and by question."""
    if not learnt.n_pairs:
        means = [(learnt.mean_before, learnt.n_before, "avant"), (learnt.mean_after, learnt.n_after, "après")]
        means_text = [f"{french.points(mean)} {when} (n = {n})" for mean, n, when in means if publishable(n)]
        alone = f" Moyennes sans appariement : {french.listing(means_text)}." if means_text else ""
        writer.paragraph(document, f"{french.NO_DATA} : aucun test apparié (avant et après) n’a été reçu.{alone}")
        return
    if not publishable(learnt.n_pairs):
        writer.paragraph(document, _TOO_FEW)
        return
    n = letterhead.counted(facts, "pairs", learnt.n_pairs)
    writer.paragraph(document, _evolution(learnt.change, n))
    themes = [(letterhead.theme(facts, code), change) for code, change in learnt.themes.items()]
    drawn = [
        (name, change.before, change.after)
        for name, change in themes
        if change.before is not None and change.after is not None
    ]
    items = [
        (f"Question {number} ({letterhead.theme(facts, item.theme)})", 100 * item.before_share, 100 * item.after_share)
        for number, item in enumerate(learnt.items, 1)
        if publishable(item.n) and item.before_share is not None and item.after_share is not None
    ]
    alt = "Bonnes réponses avant puis après : " + " ; ".join(
        f"{name} {french.points(before)} puis {french.points(after)}" for name, before, after in [*drawn, *items]
    )
    picture = writer.Picture(
        charts.dumbbell([*drawn, *items], colour=letterhead.colour(facts)), alt, width_cm=_FIGURE_CM
    )
    writer.figure(
        document,
        picture,
        f"Bonnes réponses avant et après, par thème puis par question (n = {n} tests appariés)",
    )
    _theme_table(document, themes, letterhead.denominator(facts, "pairs", learnt.n_pairs))
    _item_table(document, facts, learnt)


def _evolution(change: Change, n: str) -> str:
    text = (
        f"Score moyen : **{french.points(change.before)}** avant, **{french.points(change.after)}** après "
        f"(n = {n} tests appariés), soit une évolution de **{french.signed(change.change, 1)} points**"
    )
    if change.low is not None:
        text += (
            f" (IC à 95 % : {french.signed(change.low, 1)} à {french.signed(change.high, 1)} ; test t apparié, {french.p_value(change.t_p)} ; "
            f"Wilcoxon-Pratt, {french.p_value(change.wilcoxon_p)} ; taille d’effet dz = {french.number(change.dz, 2)})"
        )
    text += f". Gain de classe : {french.number(change.gain, 2)}{_gain_word(change.gain)}."
    n_same = change.n - change.n_up - change.n_down
    same_n = n == french.number(change.n)
    if same_n and all(publishable(k) or k == 0 for k in (change.n_up, change.n_down, n_same)):
        text += f" {french.count(change.n_up, 'personne progresse', 'personnes progressent')}, {change.n_down} en recul, {n_same} sans changement."
    return text


def _gain_word(gain: float | None) -> str:
    """Hake's bands: below 0.3 low, up to 0.7 medium, above high."""
    if gain is None:
        return " (sans objet : tout était juste avant)"
    return f" ({'faible' if gain < 0.3 else 'moyen' if gain <= 0.7 else 'élevé'} selon les repères de Hake)"


def _theme_table(document: WordDocument, themes: list[tuple[str, Change]], n: str) -> None:
    rows = [
        [
            name,
            n,
            french.points(change.before),
            french.points(change.after),
            french.signed(change.change, 1),
            french.number(change.gain, 2),
        ]
        for name, change in themes
    ]
    head = ["Thème", "n", "Avant", "Après", "Évolution (points)", "Gain de classe"]
    writer.table(
        document,
        writer.Table(head, rows, [5.4, 1.6, 2.2, 2.2, 3.0, 2.6], caption="Évolution par thème", right=range(1, 6)),
    )


def _item_table(document: WordDocument, facts: Facts, learnt: Learning) -> None:
    form_ids = facts.config.forms_with_role("test")
    texts = {
        name: labels.question(facts, form_id, name)
        for form_id in form_ids
        for name in facts.config.forms[form_id].items
    }
    rows = []
    for number, item in enumerate(learnt.items, 1):
        # Forms number their questions already.
        text = re.sub(r"^\d+[.)]\s*", "", texts.get(item.name, item.name))
        start = [str(number), text, letterhead.theme(facts, item.theme)]
        if not publishable(item.n) or item.before_share is None or item.after_share is None:
            rows.append([*start, letterhead.denominator(facts, "pairs", item.n), *[french.NOTHING] * 4])
            continue
        change = french.signed(100 * (item.after_share - item.before_share))
        shares = [french.percent(item.before_share), french.percent(item.after_share)]
        rows.append(
            [
                *start,
                letterhead.denominator(facts, "pairs", item.n),
                *shares,
                change,
                french.p_value(item.p).removeprefix(f"p{french.NNBSP}").removeprefix(f"={french.NNBSP}"),
            ]
        )
    head = ["N°", "Question", "Thème", "n", "Avant", "Après", "Points", "p"]
    caption = "Bonnes réponses par question, mêmes personnes avant et après (p : McNemar exact)"
    content = writer.Table(
        head, rows, [0.9, 6.7, 2.3, 1.0, 1.6, 1.6, 1.5, 1.4], caption=caption, right=(0, 3, 4, 5, 6, 7), size=8.5
    )
    writer.table(document, content)


# ── satisfaction ────────────────────────────────────────────────────────────


def satisfaction_results(document: WordDocument, facts: Facts, judged: Satisfaction) -> None:
    """Adds the recommendation, and the answers by question as figure and table."""
    if not judged.n:
        writer.paragraph(document, f"{french.NO_DATA} : aucun questionnaire de satisfaction n’a été reçu.")
        return
    if not publishable(judged.n):
        writer.paragraph(document, _TOO_FEW)
        return
    writer.paragraph(document, _recommendation(facts, judged))
    scales = [*judged.scales, *([judged.intention] if judged.intention else [])]
    for block in _same_levels([scale for scale in scales if scale.codes]):
        _scales(document, facts, block)


def _recommendation(facts: Facts, judged: Satisfaction) -> str:
    advice = judged.recommendation
    if not publishable(advice.n):
        return "Recommandation : trop peu de réponses pour publier un indice."
    neutral = advice.n - advice.n_promoters - advice.n_detractors
    text = (
        f"Recommandation : **{french.signed(advice.score)}** sur une échelle de −100 à +100 (n = {letterhead.counted(facts, 'satisfaction', advice.n)} ; intervalle à 95 % : "
        f"{french.signed(advice.low)} à {french.signed(advice.high)})"
    )
    counts = (advice.n_promoters, neutral, advice.n_detractors)
    if all(publishable(n) or n == 0 for n in counts):
        shares = [french.percent(n / advice.n) for n in counts]
        text += f", soit {shares[0]} de notes 9–10, {shares[1]} de notes 7–8 et {shares[2]} de notes 0–6"
    missing = (
        f" ; {french.count(advice.n_missing, 'réponse manquante', 'réponses manquantes')}"
        if publishable(advice.n_missing) and not small_zones(facts, "satisfaction")
        else ""
    )
    return f"{text}{missing}. Avec si peu de réponses, l’intervalle est large : l’indice ne sert jamais à classer les zones."


def _same_levels(scales: list[Scale]) -> list[list[Scale]]:
    """Scales with the same levels together, in order, so that each figure has one legend."""
    blocks: dict[tuple[str, ...], list[Scale]] = {}
    for scale in scales:
        blocks.setdefault(scale.levels, []).append(scale)
    return list(blocks.values())


def _scales(document: WordDocument, facts: Facts, scales: list[Scale]) -> None:
    rows = [(scale.label, scale.shares if publishable(scale.n) else (), scale.n) for scale in scales]
    alt = "Réponses favorables : " + " ; ".join(
        f"{s.label} {french.percent(s.favourable_share)}" for s in scales if publishable(s.n)
    )
    picture = writer.Picture(
        charts.likert(rows, scales[0].levels, colour=letterhead.colour(facts)), alt, width_cm=_FIGURE_CM
    )
    writer.figure(document, picture, "Réponses, en % des personnes qui ont répondu")
    head = ["Critère", "n", "Sans réponse", "Favorable (IC à 95 %)", "Médiane"]
    table = []
    for scale in scales:
        is_publishable = publishable(scale.n)
        cells = [_favourable(scale), _level(scale)] if is_publishable else [french.NOTHING, french.NOTHING]
        counts = [letterhead.denominator(facts, "satisfaction", n) for n in (scale.n, scale.n_missing)]
        table.append([scale.label, *counts, *cells])
    content = writer.Table(head, table, [6.6, 1.1, 2.1, 3.2, 4.0], caption="Satisfaction par critère", right=(1, 2, 3))
    writer.table(document, content)


def _favourable(scale: Scale) -> str:
    """The share of favourable answers with its interval, as ``75 % (55–88)``."""
    low, high = scale.favourable_interval or (0.0, 0.0)
    return f"{french.percent(scale.favourable_share)} ({french.number(100 * low)}–{french.number(100 * high)})"


def _level(scale: Scale) -> str:
    """The median's label; both labels when it falls between two levels."""
    if scale.median is None:
        return french.NOTHING
    low, high = int(scale.median), int(scale.median + 0.5)
    return (
        scale.levels[low - 1] if low == high else f"entre « {scale.levels[low - 1]} » et « {scale.levels[high - 1]} »"
    )


# ── words ───────────────────────────────────────────────────────────────────


def words(document: WordDocument, facts: Facts, judged: Satisfaction, *, level: int = 2) -> None:
    """Adds what people wrote, by question, under headings of *level*."""
    if not any(judged.open_answers.values()):
        writer.paragraph(document, f"{french.NO_DATA} : aucune réponse aux questions ouvertes.")
        return
    writer.note(
        document,
        "Mot pour mot, dans la langue d’origine, sans nom ; les réponses identiques ne sont écrites qu’une fois. À relire avant "
        "diffusion : une personne peut se reconnaître.",
        keep_with_next=True,
    )
    for label, texts in judged.open_answers.items():
        if not texts:
            continue
        writer.heading(document, label, level)
        if publishable(len(texts)):
            writer.verbatims(document, letterhead.quotable(facts, texts))
        else:
            writer.paragraph(document, f"Moins de {THRESHOLD} réponses : non publiées.")


def _reading(document: WordDocument) -> None:
    writer.heading(document, "Comment lire ces chiffres", 2)
    writer.note(
        document,
        "Présent·e : au moins une demi-journée signée. Taux de réponse : réponses / personnes présentes. Score : % de bonnes réponses ; une question "
        "sans réponse ne rapporte rien. L’évolution ne porte que sur les personnes testées deux fois ; sans groupe témoin, elle ne prouve pas un impact. "
        "Gain de classe : (après − avant) / (100 − avant), Hake 1998. Favorable : part des réponses au-dessus du milieu, intervalle de Wilson à 95 %. Recommandation : % de notes 9–10 moins % de notes 0–6, intervalle de Wald ajusté. "
        "Questionnaire « à chaud » : il dit la satisfaction, pas l’effet à long terme.",
    )
    writer.note(document, letterhead.SUPPRESSION_NOTE)

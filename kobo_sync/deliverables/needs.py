"""The needs that come first, per group and sex, and what the groups agree on."""

from __future__ import annotations

from docx.document import Document as WordDocument

from kobo_sync.analysis import labels, meaning, publication
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import FocusGroups, focus_groups
from kobo_sync.analysis.focus import photos as focus_photos
from kobo_sync.analysis.needs import COMMON_UP_TO, first_shown, is_tied, needs, ties
from kobo_sync.analysis.populations import groups_left_out, told
from kobo_sync.analysis.publication import people_heard
from kobo_sync.analysis.published_needs import RANKS_FROM, PrintedNeeds, printed_needs
from kobo_sync.analysis.suppression import THRESHOLD, publishable
from kobo_sync.deliverables import figures, letterhead, result_sheets, sentences
from kobo_sync.documents import pictures
from kobo_sync.documents.pdf import charts
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t
from kobo_sync.model import Class, Document, Scope

NAME = "needs"
TITLE = "Besoins prioritaires"
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
PATH = "besoins-prioritaires.docx"
WORKBOOK_PATH = "besoins-prioritaires.xlsx"

_FIGURE_CM = 16.8
_IN_CHART = 12
_PHOTOS, _PHOTO_PX = 4, 1000
_FRAME = (4, 3)  # of a photo in the paper: width to height
_STRONG = 3
_SMALL_GROUP = (
    f"Un groupe au moins compte moins de {THRESHOLD} réponses dans sa zone : la comparaison entre groupes n’est pas publiée pour lui, "
    "et il n’entre ni dans le score ni dans les mentions."
)
_WRITTEN = (
    ("proposal", "Propositions des participant·e·s"),
    ("steps", "Démarches déjà faites"),
    ("other", "Autres besoins cités"),
)


def build(facts: Facts) -> list[Document]:
    """The needs paper; without answers it says so, with fewer than three respondents nothing is published."""
    scores = printed_needs(facts)
    form_ids = letterhead.forms_of(facts, "needs", "focus_group")
    document = letterhead.open_paper(facts, TITLE, form_ids)
    writer.title(
        document,
        f"{TITLE} – {letterhead.place_name(facts)}",
        f"{letterhead.action(facts)} · {letterhead.held_on(facts)}",
    )
    if not scores.received:
        writer.paragraph(document, f"{typography.NO_DATA} : aucun classement de besoins n’a été reçu.")
    elif not scores.needs:
        writer.paragraph(document, f"Moins de {THRESHOLD} personnes ont classé les besoins : résultats non publiés.")
        if groups_left_out(facts):
            writer.paragraph(document, _SMALL_GROUP)
    else:
        _key_figures(document, facts, scores)
        writer.heading(document, "Classement")
        ranking(document, facts, scores)
        writer.heading(document, "Rang par groupe et par sexe")
        by_group_and_sex(document, facts, scores)
        writer.heading(document, "Ce que les groupes ont en commun")
        common(document, facts, scores)
    proposals(document, facts)
    focus = focus_groups(told(facts, "focus_group"))
    if focus.n_sessions:
        writer.heading(document, "Groupes de discussion")
        discussed(document, facts, focus)
        photos(document, facts, _PHOTOS)
    _reading(document)
    workbook = result_sheets.needs_workbook(facts, form_ids)
    columns = [
        ("propositions", needs(facts).proposals),
        ("accords", focus.agreements),
        ("désaccords", focus.disagreements),
    ]
    findings = letterhead.review_findings(facts, PATH, [*columns, ("paroles", focus.quotations)])
    return [letterhead.close_paper(facts, document, PATH, CLASS, findings), Document(WORKBOOK_PATH, workbook, CLASS)]


def _key_figures(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    ranked = scores.ranked
    first = sentences.first_need_figure([need.label for need in ties(ranked.needs).get(1, ())])
    common = typography.number(len(ranked.common)) if ranked.common is not None else typography.NOTHING
    one = ranked.common is not None and len(ranked.common) < 2
    writer.key_figures(
        document,
        [
            (letterhead.counted(facts, "needs"), "réponses classées"),
            first,
            (common, "priorité commune aux groupes" if one else "priorités communes aux groupes"),
            (
                figures.agreement(scores),
                f"accord entre groupes, de 0 à 1 ({agreement_word(ranked.agreement)})",
            ),
        ],
    )


def agreement_word(w: float | None) -> str:
    """Kendall's W in words. Source: Schmidt (1997), 0.1 very weak, 0.3 weak, 0.5 moderate, 0.7 strong."""
    if w is None:
        return "non calculable"
    steps = ((0.2, "très faible"), (0.4, "faible"), (0.6, "modéré"), (0.8, "fort"))
    return next((text for limit, text in steps if w < limit), "très fort")


def ranking(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    """Adds the needs first to last, as figure and table; for at least three respondents."""
    if not any(each.need.rank is not None for each in scores.needs):
        writer.paragraph(document, f"{typography.NO_DATA} : les personnes qui ont répondu n’ont pas de groupe connu.")
        return
    other = facts.config.mission.other_languages[:1]
    catalogue = labels.needs(facts)
    bars = []
    printed = {each.need.code: each for each in scores.needs if each.score is not None}
    for need in first_shown((each.need for each in printed.values()), _IN_CHART):
        each = printed[need.code]
        below = catalogue[need.code].labels.get(other[0], "") if other and need.code in catalogue else ""
        value = typography.rounded(each.score, scores.digits) or 0.0
        bars.append(charts.Bar(need.label, value, below, strong=(need.rank or 99) <= _STRONG))
    alt = "Score de chaque besoin : " + " ; ".join(
        f"{bar.label} {typography.number(bar.value, scores.digits)}" for bar in bars
    )
    drawn = charts.ranking(bars, digits=scores.digits, colour=letterhead.colour(facts))
    writer.figure(
        document,
        writer.Picture(drawn, alt, width_cm=_FIGURE_CM),
        f"Score moyen des groupes, de 0 à 3 ({letterhead.n_is(letterhead.counted(facts, 'needs'))})",
    )
    _ranking_table(document, facts, scores)


def _ranking_table(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    domains = {each.need.code: labels.domain(facts, each.need.code, each.need.domain) for each in scores.needs}
    head = ["Rang", "Besoin", "Domaine", "Score", "Mentions", "Gravité\n(1–5)", "Ménages", "Faisabilité\n(1–5)"]
    widths = [1.1, 5.5, 2.1, 1.3, 1.7, 1.7, 1.7, 1.9]
    every = [each.need for each in scores.needs]
    tied = {need.code for need in every if is_tied(every, need)}
    if tied:
        widths[:2] = [2.0, 4.6]
    rows = [
        [
            f"{typography.number(each.need.rank)} ex æquo"
            if each.need.code in tied
            else typography.number(each.need.rank),
            each.need.label,
            domains[each.need.code],
            typography.number(each.score, scores.digits),
            typography.number(each.mentions),
            typography.number(each.severity, 1),
            typography.number(each.households),
            typography.number(each.feasibility, 1),
        ]
        for each in scores.needs
    ]
    if not any(domains.values()):
        head, rows = head[:2] + head[3:], [row[:2] + row[3:] for row in rows]
        widths = [widths[0], widths[1] + widths[2], *widths[3:]]
    right = [index for index in range(len(head)) if head[index] not in ("Besoin", "Domaine")]
    caption = f"Besoins classés ({letterhead.n_is(letterhead.counted(facts, 'needs'))})"
    writer.table(document, writer.Table(head, rows, widths, caption=caption, right=right, size=8.5))
    writer.note(
        document, "Gravité et faisabilité : moyennes ; ménages touchés : médiane ; sur au moins trois avis par besoin."
    )


def by_group_and_sex(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    """Adds the rank of each need per group and sex, groups too small left out."""
    columns: list[tuple[str, dict[str, int | str | None]]] = []
    for name, n, attribute, code in figures.ranked_columns(facts, scores):
        ranks = {each.need.code: figures.rank_cell(scores, each.need, attribute, code) for each in scores.needs}
        columns.append((f"{name}\n{letterhead.n_is(typography.number(n))}", ranks))
    head = ["Besoin", "Ensemble", *(typography.spaced(title) for title, _ in columns)]
    rows = []
    for need in (each.need for each in scores.needs):
        cells = [writer.Cell(typography.number(need.rank), bold=True)]
        for _, ranks in columns:
            rank = ranks[need.code]
            text = rank if isinstance(rank, str) else typography.number(rank)
            is_first = isinstance(rank, str) or (rank is not None and rank <= COMMON_UP_TO)
            cells.append(writer.Cell(text, bold=is_first, fill="DCE8F3" if is_first else ""))
        rows.append([writer.Cell(need.label), *cells])
    widths = [5.6, 1.7] + [9.7 / max(1, len(columns))] * len(columns)
    caption = (
        "Rang de chaque besoin ; les cinq premiers de chaque colonne, ex æquo compris, sont en gras sur fond coloré"
    )
    content = writer.Table(head, rows, widths, caption=caption, right=range(1, len(head)), size=8.5, explained=False)
    writer.table(document, content)
    writer.note(
        document,
        "Même rang : ex æquo. "
        f"« ≤ {COMMON_UP_TO} » : parmi les cinq premiers ; moins de {RANKS_FROM} personnes ont répondu, leurs rangs diraient "
        "qui a cité quoi. « – » : besoin jamais classé, classé plus loin par un petit groupe, ou dont le score n’est pas publié.",
    )


def common(document: WordDocument, facts: Facts, printed: PrintedNeeds) -> None:
    """Adds how far the groups agree, and the priorities that they share."""
    scores = printed.ranked
    if groups_left_out(facts):
        writer.paragraph(document, _SMALL_GROUP)
    if scores.agreement is None:
        writer.paragraph(
            document,
            f"Moins de deux groupes comptent {THRESHOLD} réponses : l’accord entre groupes ne peut pas se calculer.",
        )
    else:
        writer.paragraph(
            document,
            f"L’accord entre les groupes est **{agreement_word(scores.agreement)}** (W de Kendall {'' if printed.agreement_about else f'={typography.NBSP}'}{figures.agreement(printed)}, "
            "de 0, aucun accord, à 1, classements identiques).",
        )
    if scores.common is None:
        writer.paragraph(
            document,
            f"Un groupe au moins compte moins de {THRESHOLD} réponses : les priorités communes ne peuvent pas s’établir.",
        )
    elif not scores.common:
        writer.paragraph(document, "Aucun besoin ne figure parmi les cinq premiers de tous les groupes.")
    else:
        names = [f"« {labels.need(facts, code)} »" for code in scores.common]
        verb = "figure" if len(names) == 1 else "figurent"
        writer.paragraph(
            document,
            f"{typography.listing(names)} {verb} parmi les cinq premiers besoins de chacun des groupes : c’est le socle d’un cadre de dialogue commun."
            + (f" {t(sentences.TIED_FIFTH)}" if scores.common_is_tied else ""),
        )


def proposals(document: WordDocument, facts: Facts, *, level: int = 1) -> None:
    """Adds what respondents proposed, did and named besides, under headings of *level*."""
    for form_id in facts.config.forms_with_role("needs"):
        fields = facts.config.forms[form_id].fields
        for key, title in _WRITTEN:
            if fields.get(key) and meaning.written(facts, form_id, fields[key]):
                _words(document, facts, title, publication.texts(facts, form_id, fields[key]), level)


def _words(document: WordDocument, facts: Facts, title: str, texts: tuple[str, ...], level: int) -> None:
    writer.heading(document, title, level)
    if texts:
        writer.note(
            document, "Mot pour mot, dans la langue d’origine, sans nom. À relire avant diffusion.", keep_with_next=True
        )
        writer.verbatims(document, letterhead.quotable(facts, texts))
    else:
        writer.paragraph(document, f"Moins de {THRESHOLD} réponses : non publiées.")


def discussed(document: WordDocument, facts: Facts, focus: FocusGroups, *, level: int = 2) -> None:
    """Adds what focus groups said; a session speaks for several persons, so each one may be quoted."""
    people, women, men = people_heard(facts)
    sentence = f"{typography.count(focus.n_sessions, 'séance')}"
    if focus.groups:
        sentence += f" ({typography.listing([labels.group(facts, code, short=True) for code in focus.groups])})"
    if people and women is not None and men is not None:
        sentence += (
            f", {typography.count(people, 'participation')} : {typography.none_or(women, 'femme', none='aucune')} "
            f"et {typography.none_or(men, 'homme')}"
        )
    elif people:
        sentence += f", {typography.count(people, 'participation')}"
    writer.paragraph(document, f"{sentence}.")
    if focus.themes:
        themes = [f"{labels.need(facts, code)} ({typography.count(n, 'séance')})" for code, n in focus.themes.items()]
        writer.paragraph(document, f"Thèmes discutés : {typography.listing(themes)}.")
    if not publishable(focus.n_women + focus.n_men):
        writer.paragraph(document, f"Moins de {THRESHOLD} personnes : propos non publiés.")
        return
    for title, texts in (
        ("Accords", focus.agreements),
        ("Désaccords", focus.disagreements),
        ("Paroles", focus.quotations),
    ):
        if texts:
            writer.heading(document, title, level)
            writer.verbatims(document, letterhead.quotable(facts, texts))


def photos(document: WordDocument, facts: Facts, most: int) -> int:
    """Adds the first *most* photos that may be shown, two a line, upright, small, without the camera's data; returns how many."""
    cells: list[writer.Cell] = []
    for photo in focus_photos(facts):
        if len(cells) == most:
            break
        content = facts.attachment(photo.root_uuid, photo.filename)
        crop = (0, 0) if photo.is_sketch else _FRAME  # of a sketch nothing may be lost
        small = pictures.photo(content, _PHOTO_PX, crop) if content else None
        if small is None:
            continue
        groups = typography.listing([labels.group(facts, code, short=True) for code in photo.groups])
        caption = [
            "Croquis" if photo.is_sketch else "Photo",
            "groupe de discussion",
            labels.zone(facts, photo.zone),
            groups,
        ]
        text = typography.spaced(" – ".join(filter(None, caption)))
        cells.append(writer.Cell(below=text, picture=writer.Picture(small, text, width_cm=8.0, height_cm=6.0)))
    if cells:
        padded = [*cells, writer.Cell()] if len(cells) % 2 else cells
        rows = [padded[at : at + 2] for at in range(0, len(padded), 2)]
        alt = f"{typography.count(len(cells), 'image')} des groupes de discussion"
        writer.table(document, writer.Table((), rows, [8.4, 8.4], alt=alt, explained=False, framed=False))
    return len(cells)


def _reading(document: WordDocument) -> None:
    writer.heading(document, "Comment lire ces chiffres", 2)
    writer.note(
        document,
        "Score de Borda : 3 points au premier choix, 2 au deuxième, 1 au troisième ; moyenne par personne dans chaque groupe, puis moyenne des "
        "groupes, pour qu’un groupe nombreux n’efface pas un petit. Mentions : personnes qui citent le besoin parmi leurs trois premiers. "
        "Priorité commune : parmi les cinq premiers besoins de tous les groupes.",
    )
    writer.note(document, t(letterhead.SUPPRESSION_NOTE))

"""The needs that come first, per group and sex, and what the groups agree on."""

from __future__ import annotations

from docx.document import Document as WordDocument

from kobo_sync.analysis import labels, publication
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.focus import FocusGroups, focus_groups
from kobo_sync.analysis.focus import photos as focus_photos
from kobo_sync.analysis.needs import COMMON_UP_TO, first_shown, is_tied, ties
from kobo_sync.analysis.needs import proposals as all_proposals
from kobo_sync.analysis.populations import groups_left_out, told
from kobo_sync.analysis.publication import people_heard
from kobo_sync.analysis.published_needs import RANKS_FROM, PrintedNeeds, printed_needs
from kobo_sync.analysis.suppression import THRESHOLD, publishable
from kobo_sync.config.config import Role
from kobo_sync.config.file_names import FileName
from kobo_sync.deliverables import figures, letterhead, result_sheets, sentences
from kobo_sync.documents import pictures
from kobo_sync.documents.pdf import charts
from kobo_sync.documents.word import writer
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tc, tn
from kobo_sync.model import Class, Document, Scope

NAME = "needs"
TITLE = later("Priority needs")
SCOPE: Scope = "zone"
CLASS: Class = "aggregate"
ROLES: tuple[Role, ...] = ("needs", "focus_group")
PATH = FileName("besoins-prioritaires.docx", "priority-needs.docx")
WORKBOOK_PATH = FileName("besoins-prioritaires.xlsx", "priority-needs.xlsx")

_FIGURE_CM = 16.8
_IN_CHART = 12
_PHOTOS, _PHOTO_PX = 4, 1000
_FRAME = (4, 3)  # of a photo in the paper: width to height
_STRONG = 3
_SMALL_GROUP = later(
    "At least one group has fewer than {threshold} answers in its zone: it is not compared with the others in print, "
    "and counts neither in the score nor in the mentions."
)
_RATED = (  # what a need is rated by: the meaning, the column's title and width
    ("severity", later("Severity\n(1–5)"), 1.7),
    ("households", later("Households"), 1.7),
    ("feasibility", later("Feasibility\n(1–5)"), 1.9),
)
_WRITTEN = (
    ("proposal", later("Proposals of the participants")),
    ("steps", later("Steps already taken")),
    ("other", later("Other needs named")),
)


def build(facts: Facts) -> list[Document]:
    """The needs paper; without answers it says so, with fewer than three respondents nothing is published."""
    form_ids = letterhead.forms_of(facts, "needs", "focus_group")
    ranks = facts.config.has_role("needs")
    title = t(TITLE) if ranks else t("Focus groups")
    document = letterhead.open_paper(facts, title, form_ids)
    writer.title(
        document,
        f"{title} – {letterhead.place_name(facts)}",
        f"{letterhead.action(facts)} · {letterhead.held_on(facts)}",
    )
    if ranks:
        _ranked(document, facts, printed_needs(facts))
    proposals(document, facts)
    focus = focus_groups(told(facts, "focus_group"))
    if focus.n_sessions:
        writer.heading(document, t("Focus groups"))
        discussed(document, facts, focus)
        photos(document, facts, _PHOTOS)
    elif not ranks:
        writer.paragraph(document, t("No data: no group session was received."))
    _reading(document, facts)
    columns = [
        (t("proposals"), all_proposals(facts)),
        (t("agreements"), focus.agreements),
        (t("disagreements"), focus.disagreements),
    ]
    path = PATH.of(facts.config)
    findings = letterhead.review_findings(facts, path, [*columns, (t("quotations"), focus.quotations)])
    paper = letterhead.close_paper(facts, document, path, CLASS, findings)
    if not ranks:
        return [paper]
    workbook = result_sheets.needs_workbook(facts, form_ids)
    return [paper, Document(WORKBOOK_PATH.of(facts.config), workbook, CLASS)]


def compares_groups(facts: Facts) -> bool:
    """Whether the mission has groups to compare, two at least."""
    return len(facts.config.groups) > 1


def _ranked(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    """The ranking, by group and sex, and what groups have in common; or why it is not printed."""
    if not scores.received:
        writer.paragraph(document, t("No data: no ranking of needs was received."))
    elif not scores.needs:
        few = t("Fewer than {threshold} persons ranked the needs: results not published.", threshold=THRESHOLD)
        writer.paragraph(document, few)
        if groups_left_out(facts) and facts.config.groups:
            writer.paragraph(document, t(_SMALL_GROUP, threshold=THRESHOLD))
    else:
        _key_figures(document, facts, scores)
        writer.heading(document, t("Ranking"))
        ranking(document, facts, scores)
        if title := by_whom(facts):
            writer.heading(document, title)
            by_group_and_sex(document, facts, scores)
        if compares_groups(facts):
            writer.heading(document, t("What the groups have in common"))
            common(document, facts, scores)


def by_whom(facts: Facts) -> str:
    """What the ranks are told by, as a heading; nothing where the mission asks neither group nor sex of those who rank."""
    by_group = bool(facts.config.groups) and facts.config.asks("group", "needs")
    by_sex = facts.config.asks("sex", "needs")
    if by_group and by_sex:
        return t("Rank by group and by sex")
    return t("Rank by group") if by_group else t("Rank by sex") if by_sex else ""


def _key_figures(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    ranked = scores.ranked
    first = sentences.first_need_figure([need.label for need in ties(ranked.needs).get(1, ())])
    common = typography.NOTHING if ranked.common is None else typography.number(len(ranked.common))
    band = [(letterhead.counted(facts, "needs"), t("rankings received")), first]
    if compares_groups(facts):
        degree = agreement_word(ranked.agreement)
        band += [
            (common, tn("priority common to the groups", "priorities common to the groups", common)),
            (figures.agreement(scores), t("agreement between groups, from 0 to 1 ({degree})", degree=degree)),
        ]
    writer.key_figures(document, band)


def agreement_word(w: float | None) -> str:
    """Kendall's W in words. Source: Schmidt (1997), 0.1 very weak, 0.3 weak, 0.5 moderate, 0.7 strong."""
    if w is None:
        return tc("agreement", "cannot be worked out")
    steps = (
        (0.2, tc("agreement", "very weak")),
        (0.4, tc("agreement", "weak")),
        (0.6, tc("agreement", "moderate")),
        (0.8, tc("agreement", "strong")),
    )
    return next((text for limit, text in steps if w < limit), tc("agreement", "very strong"))


def ranking(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    """Adds the needs first to last, as figure and table; for at least three respondents."""
    if not any(each.need.rank is not None for each in scores.needs):
        writer.paragraph(document, t("No data: the persons who answered have no known group."))
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
    told = (f"{bar.label} {typography.number(bar.value, scores.digits)}" for bar in bars)
    alt = t("Score of each need: {scores}", scores=t("; ").join(told))
    drawn = charts.ranking(bars, digits=scores.digits, colour=letterhead.colour(facts))
    n = letterhead.n_is(letterhead.counted(facts, "needs"))
    caption = (
        t("Mean score of the groups, from 0 to 3 ({n})", n=n)
        if compares_groups(facts)
        else t("Mean score per person, from 0 to 3 ({n})", n=n)
    )
    writer.figure(document, writer.Picture(drawn, alt, width_cm=_FIGURE_CM), caption)
    _ranking_table(document, facts, scores)


def _ranking_table(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    domains = {each.need.code: labels.domain(facts, each.need.code, each.need.domain) for each in scores.needs}
    rated = [(rating, t(title), width) for rating, title, width in _RATED if facts.config.asks(rating, "needs")]
    head = [t("Rank"), t("Need"), t("Domain"), t("Score"), t("Mentions"), *(title for _, title, _ in rated)]
    widths = [1.1, 5.5, 2.1, 1.3, 1.7, *(width for _, _, width in rated)]
    widths[1] += sum(width for _, _, width in _RATED) - sum(width for _, _, width in rated)
    every = [each.need for each in scores.needs]
    tied = {need.code for need in every if is_tied(every, need)}
    if tied:
        widths[:2] = [2.0, widths[1] - 0.9]
    rows = [
        [
            t("{rank} (tied)", rank=typography.number(each.need.rank))
            if each.need.code in tied
            else typography.number(each.need.rank),
            each.need.label,
            domains[each.need.code],
            typography.number(each.score, scores.digits),
            typography.number(each.mentions),
            *(typography.number(getattr(each, rating), 0 if rating == "households" else 1) for rating, _, _ in rated),
        ]
        for each in scores.needs
    ]
    right = range(3, len(head))
    if not any(domains.values()):
        right = range(2, len(head) - 1)
        head, rows = head[:2] + head[3:], [row[:2] + row[3:] for row in rows]
        widths = [widths[0], widths[1] + widths[2], *widths[3:]]
    caption = t("Needs ranked ({n})", n=letterhead.n_is(letterhead.counted(facts, "needs")))
    writer.table(document, writer.Table(head, rows, widths, caption=caption, right=(0, *right), size=8.5))
    if len(rated) == len(_RATED):
        writer.note(
            document,
            t("Severity and feasibility: means; households affected: median; of at least three opinions per need."),
        )
    elif rated:
        writer.note(document, t("Ratings: of at least three opinions per need."))


def by_group_and_sex(document: WordDocument, facts: Facts, scores: PrintedNeeds) -> None:
    """Adds the rank of each need per group and sex, groups too small left out."""
    columns: list[tuple[str, dict[str, int | str | None]]] = []
    for name, n, attribute, code in figures.ranked_columns(facts, scores):
        ranks = {each.need.code: figures.rank_cell(scores, each.need, attribute, code) for each in scores.needs}
        columns.append((f"{name}\n{letterhead.n_is(typography.number(n))}", ranks))
    head = [t("Need"), t("Overall"), *(typography.spaced(title) for title, _ in columns)]
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
    caption = t("Rank of each need; the first five of each column, ties included, are in bold on a coloured ground")
    content = writer.Table(head, rows, widths, caption=caption, right=range(1, len(head)), size=8.5, explained=False)
    writer.table(document, content)
    writer.note(
        document,
        t(
            "The same rank: tied. “≤ {last}”: among the first five; fewer than {fewest} persons answered, and their ranks would tell "
            "who named what. “–”: a need never ranked, ranked lower by a small group, or whose score is not published.",
            last=COMMON_UP_TO,
            fewest=RANKS_FROM,
        )
        if facts.config.groups
        else t(
            "The same rank: tied. “≤ {last}”: among the first five; fewer than {fewest} persons answered, and their ranks would tell "
            "who named what. “–”: a need never ranked, ranked lower by few persons, or whose score is not published.",
            last=COMMON_UP_TO,
            fewest=RANKS_FROM,
        ),
    )


def common(document: WordDocument, facts: Facts, printed: PrintedNeeds) -> None:
    """Adds how far the groups agree, and the priorities that they share."""
    scores = printed.ranked
    if groups_left_out(facts):
        writer.paragraph(document, t(_SMALL_GROUP, threshold=THRESHOLD))
    if scores.agreement is None:
        writer.paragraph(
            document,
            t(
                "Fewer than two groups have {threshold} answers: the agreement between groups cannot be worked out.",
                threshold=THRESHOLD,
            ),
        )
    else:
        w = figures.agreement(printed)
        told = w if printed.agreement_about else f"={typography.NBSP}{w}"
        writer.paragraph(
            document,
            t(
                "The agreement between the groups is **{degree}** (Kendall's W {value}, from 0, no agreement, to 1, the same rankings).",
                degree=agreement_word(scores.agreement),
                value=told,
            ),
        )
    if scores.common is None:
        writer.paragraph(
            document,
            t(
                "At least one group has fewer than {threshold} answers: the common priorities cannot be established.",
                threshold=THRESHOLD,
            ),
        )
    elif not scores.common:
        writer.paragraph(document, t("No need is among the first five of all groups."))
    else:
        names = [t("“{name}”", name=labels.need(facts, code)) for code in scores.common]
        shared = tn(
            "{needs} is among the first five needs of each of the groups: it is the base of a common framework for dialogue.",
            "{needs} are among the first five needs of each of the groups: they are the base of a common framework for dialogue.",
            len(names),
            needs=typography.listing(names),
        )
        tied = f" {t(sentences.TIED_FIFTH)}" if scores.common_is_tied else ""
        writer.paragraph(document, shared + tied)


def proposals(document: WordDocument, facts: Facts, *, level: int = 1) -> None:
    """Adds what respondents proposed, did and named besides, under headings of *level*."""
    for form_id in facts.config.forms_with_role("needs"):
        fields = facts.config.forms[form_id].fields
        for key, title in _WRITTEN:
            if fields.get(key) and publication.texts_by_zone(facts, form_id, fields[key]):
                _words(document, facts, t(title), publication.texts(facts, form_id, fields[key]), level)


def _words(document: WordDocument, facts: Facts, title: str, texts: tuple[str, ...], level: int) -> None:
    writer.heading(document, title, level)
    if texts:
        writer.note(
            document,
            t("Word for word, in the original language, without names. To be reviewed before circulation."),
            keep_with_next=True,
        )
        writer.verbatims(document, letterhead.quotable(facts, texts))
    else:
        writer.paragraph(document, t("Fewer than {threshold} answers: not published.", threshold=THRESHOLD))


def discussed(document: WordDocument, facts: Facts, focus: FocusGroups, *, level: int = 2) -> None:
    """Adds what focus groups said; a session speaks for several persons, so each one may be quoted."""
    writer.paragraph(document, _heard(facts, focus))
    if focus.themes:
        themes = [f"{labels.need(facts, code)} ({_sessions(n)})" for code, n in focus.themes.items()]
        writer.paragraph(document, t("Themes discussed: {themes}.", themes=typography.listing(themes)))
    if not publishable(focus.n_women + focus.n_men):
        few = t("Fewer than {threshold} persons: what they said is not published.", threshold=THRESHOLD)
        writer.paragraph(document, few)
        return
    for title, texts in (
        (t("Agreements"), focus.agreements),
        (t("Disagreements"), focus.disagreements),
        (t("Quotations"), focus.quotations),
    ):
        if texts:
            writer.heading(document, title, level)
            writer.verbatims(document, letterhead.quotable(facts, texts))


def _sessions(n: int) -> str:
    return tn("{n} session", "{n} sessions", n)


def _heard(facts: Facts, focus: FocusGroups) -> str:
    """How many sessions, of which groups, with how many women and men where these may be told."""
    people, women, men = people_heard(facts)
    sessions = _sessions(focus.n_sessions)
    if focus.groups:
        groups = typography.listing([labels.group(facts, code, short=True) for code in focus.groups])
        sessions = f"{sessions} ({groups})"
    if not people:
        return f"{sessions}."
    participations = tn("{n} participation", "{n} participations", people)
    if women is None or men is None:
        return t("{sessions}, {participations}.", sessions=sessions, participations=participations)
    return t(
        "{sessions}, {participations}: {women} and {men}.",
        sessions=sessions,
        participations=participations,
        women=tn("{n} woman", "{n} women", women) if women else t("no woman"),
        men=tn("{n} man", "{n} men", men) if men else t("no man"),
    )


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
            t("Sketch") if photo.is_sketch else t("Photo"),
            t("focus group"),
            labels.zone(facts, photo.zone),
            groups,
        ]
        text = typography.spaced(" – ".join(filter(None, caption)))
        cells.append(writer.Cell(below=text, picture=writer.Picture(small, text, width_cm=8.0, height_cm=6.0)))
    if cells:
        padded = [*cells, writer.Cell()] if len(cells) % 2 else cells
        rows = [padded[at : at + 2] for at in range(0, len(padded), 2)]
        alt = tn("{n} picture of the focus groups", "{n} pictures of the focus groups", len(cells))
        writer.table(document, writer.Table((), rows, [8.4, 8.4], alt=alt, explained=False, framed=False))
    return len(cells)


def _reading(document: WordDocument, facts: Facts) -> None:
    writer.heading(document, t("How to read these figures"), 2)
    if facts.config.has_role("needs"):
        text = (
            t(
                "Borda score: 3 points for a first choice, 2 for a second, 1 for a third; mean per person in each group, then mean of the groups, "
                "so that a large group does not efface a small one. Mentions: persons who name the need among their first three. "
                "Common priority: among the first five needs of all groups."
            )
            if compares_groups(facts)
            else t(
                "Borda score: 3 points for a first choice, 2 for a second, 1 for a third; mean per person. "
                "Mentions: persons who name the need among their first three."
            )
        )
        writer.note(document, text)
    writer.note(document, t(letterhead.SUPPRESSION_NOTE))

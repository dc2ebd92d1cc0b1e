"""The workbooks beside the evaluation and needs papers: the same numbers, to filter and reuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kobo_sync.analysis import labels, quoting
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.indicators import indicators
from kobo_sync.analysis.learning import scores
from kobo_sync.analysis.needs import Need
from kobo_sync.analysis.published import printed_items
from kobo_sync.analysis.published_answers import printed_scales
from kobo_sync.analysis.published_needs import PrintedNeeds, printed_needs
from kobo_sync.analysis.shares import Share
from kobo_sync.analysis.suppression import publishable
from kobo_sync.deliverables import figures, letterhead
from kobo_sync.deliverables.figures import n_cell, printed_figures, share_cell
from kobo_sync.deliverables.pseudonyms import person_code
from kobo_sync.documents.spreadsheets import excel
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, t, tc

Row = list[excel.Value]


def evaluation_workbook(facts: Facts, form_ids: list[str]) -> bytes:
    """Indicators, test items, satisfaction and comments as the paper prints them; scores per participant code, pseudonymised."""
    sheets = [_indicators(facts)]
    sheets += [_items(facts), _scores(facts)] if facts.config.has_role("test") else []
    sheets += [_scales(facts), _comments(facts)] if facts.config.has_role("satisfaction") else []
    return _workbook(facts, t("Evaluations"), sheets, form_ids)


def needs_workbook(facts: Facts, form_ids: list[str]) -> bytes:
    """The ranking and the ranks per group and sex, as the paper prints them."""
    scores = printed_needs(facts)
    sheets = [_ranking(facts, scores)]
    if facts.config.asks("sex", "needs") or facts.config.groups:
        sheets.append(_ranks(facts, scores))
    return _workbook(facts, t("Priority needs"), sheets, form_ids)


def _workbook(facts: Facts, title: str, sheets: Sequence[excel.Sheet], form_ids: list[str]) -> bytes:
    provenance = letterhead.provenance(facts, form_ids)
    intro = (f"{title} – {letterhead.place_name(facts)}", letterhead.action(facts), provenance)
    first = sheets[0]
    with_intro = [replace(first, intro=intro), *sheets[1:]]
    return excel.workbook(
        with_intro,
        title=intro[0],
        author=letterhead.organisers(facts),
        when=facts.as_of,
        comments=provenance,
        colour=letterhead.colour(facts),
    )


def _count(name: str, title: str = "") -> excel.Column:
    return excel.Column(name, title, kind="integer", width=11)


_UNITS = {
    "persons": later("persons"),
    "share": "%",
    "percent": "%",
    "points": later("points"),
    "index": later("index"),
    "actions": later("actions"),
    "needs": later("needs"),
}
_NAMES = {
    "present": later("Persons present"),
    "full_day": later("Present the whole day"),
    "refusals": later("Refusals of consent"),
    "quota_completion": later("Quota reached"),
    "score_before": later("Score before, all tests"),
    "score_after": later("Score after, all tests"),
    "attrition": later("Attrition (tested before, not after)"),
    "paired_before": later("Score before, paired tests"),
    "paired_after": later("Score after, paired tests"),
    "change": later("Change of the score"),
    "change_low": later("Change, lower bound (95%)"),
    "change_high": later("Change, upper bound (95%)"),
    "gain": later("Class gain (Hake)"),
    "effect_size": later("Effect size dz"),
    "t_p": later("p, paired t test"),
    "wilcoxon_p": later("p, Wilcoxon-Pratt"),
    "item_before": later("Right answer before"),
    "item_after": later("Right answer after"),
    "response_rate": later("Response rate"),
    "favourable": later("Favourable answers"),
    "favourable_low": later("Favourable answers, lower bound (95% CI)"),
    "favourable_high": later("Favourable answers, upper bound (95% CI)"),
    "recommendation": later("Recommendation"),
    "recommendation_low": later("Recommendation, lower bound (95%)"),
    "recommendation_high": later("Recommendation, upper bound (95%)"),
    "need_score": later("Score of the need"),
    "need_severity": later("Severity of the need"),
    "agreement": later("Agreement between groups (Kendall's W)"),
    "common_priorities": later("Common priorities"),
    "smart_share": later("Complete actions (SMART)"),
    "overdue": later("Late actions"),
}
# How a figure is shown: by its name where it has a way of its own, else by its unit.
_SHOWN: Mapping[str, excel.Kind] = {
    "change": "signed tenth",
    "change_low": "signed tenth",
    "change_high": "signed tenth",
    "gain": "hundredth",
    "effect_size": "hundredth",
    "t_p": "p",
    "wilcoxon_p": "p",
    "recommendation": "signed",
    "recommendation_low": "signed",
    "recommendation_high": "signed",
    "need_score": "hundredth",
    "need_severity": "tenth",
    "agreement": "hundredth",
    "share": "share",
    "percent": "percent",
    "points": "signed tenth",
    "index": "hundredth",
    "persons": "integer",
    "actions": "integer",
    "needs": "integer",
}
_FORMS = {
    "test_before": later("test before"),
    "test_after": later("test after"),
    "satisfaction": later("satisfaction"),
    "needs": later("needs"),
}


def _indicators(facts: Facts) -> excel.Sheet:
    columns = [
        excel.Column(t("Indicator"), width=58),
        excel.Column(t("Zone"), width=20),
        excel.Column(t("Value"), kind="decimal", width=12),
        excel.Column(t("Unit"), width=11),
        excel.Column("n", kind="integer", width=11),
        excel.Column(t("Code"), width=32),
    ]
    zone = letterhead.place_name(facts)
    # By kind: that a zone has no indicator of women, or of a group, would tell that nobody was one.
    units = {_kind(indicator.name): indicator.unit for indicator in indicators(facts)}
    rows: list[Row] = [
        [
            typography.spaced(_named(facts, name)),
            zone,
            _figure(value, _kind(name), units[_kind(name)]),
            t(_UNITS[units[_kind(name)]]),
            n,
            name,
        ]
        for name, value, n in printed_figures(facts)
        if _kind(name) in units
    ]
    return excel.Sheet(t("Indicators"), columns, rows, explained=True)


def _figure(value: figures.Cell, name: str, unit: str) -> excel.Value:
    """The value as its unit is read: 26 persons, 57 %, p 0,002."""
    return value if value is None or isinstance(value, str) else excel.Figure(value, _SHOWN.get(name) or _SHOWN[unit])


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _named(facts: Facts, name: str) -> str:
    """An indicator's name in words: ``present:sex:f`` is “Persons present – sex: Woman”."""
    kind, _, code = name.partition(":")
    if not code:
        return t(_NAMES[kind])
    if kind == "present":
        trait, _, value = code.partition(":")
        return t(
            "{figure} – {trait}: {value}",
            figure=t(_NAMES[kind]),
            trait=t(letterhead.TRAITS[trait]),
            value=_trait(facts, trait, value),
        )
    if kind == "quota_completion" and code.startswith("sex:"):
        return f"{t(_NAMES[kind])} – {_trait(facts, 'sex', code.removeprefix('sex:'))}"
    label_of = {"need_score": labels.need, "need_severity": labels.need, "quota_completion": labels.group}.get(kind)
    text = label_of(facts, code) if label_of else t(_FORMS[code]) if kind == "response_rate" else _question(facts, code)
    return f"{t(_NAMES[kind])} – {text}"


def _trait(facts: Facts, trait: str, code: str) -> str:
    for form_id in letterhead.forms_of(facts, "registration", "attendance"):
        question = facts.config.forms[form_id].fields.get(trait, "")
        if not question:
            continue
        return labels.choice(facts, form_id, question, code)
    return code


def _question(facts: Facts, name: str) -> str:
    for form_id, form in facts.forms.items():
        if form.question(name) is not None and facts.config.forms[form_id].role in ("test", "satisfaction"):
            return labels.question(facts, form_id, name)
    return name


def _items(facts: Facts) -> excel.Sheet:
    texts = {
        name: labels.question(facts, form_id, name)
        for form_id in facts.config.forms_with_role("test")
        for name in facts.config.forms[form_id].items
    }
    columns = [
        excel.Column(t("Question"), width=10),
        excel.Column(t("Label"), width=60),
        excel.Column(t("Theme"), width=16),
        excel.Column("n", kind="integer", width=11),
        *(excel.Column(name, kind="share", width=11) for name in (t("Before"), t("After"))),
        excel.Column("p McNemar", kind="p", width=11),
    ]
    rows: list[Row] = []
    for each in printed_items(facts):
        shares = [share_cell(each.before), share_cell(each.after)]
        name, theme = each.item.name, each.item.theme
        rows.append(
            [
                name,
                texts.get(name, ""),
                letterhead.theme(facts, theme),
                n_cell(each.told),
                *shares,
                figures.item_p(each) if each.p is None else typography.rounded(each.p, 3),
            ]
        )
    return excel.Sheet(t("Questions of the test"), columns, rows, explained=True)


def _scores(facts: Facts) -> excel.Sheet:
    columns = [
        excel.Column(t("Code of the participant"), width=20),
        excel.Column(t("Before"), kind="percent", width=12),
        excel.Column(t("After"), kind="percent", width=12),
        excel.Column(t("Change (points)"), kind="signed", width=12),
    ]
    rows: list[Row] = []
    for code, (before, after) in scores(facts).items():
        change = after - before if before is not None and after is not None else None
        rows.append([person_code(facts, code), before, after, change])
    rows.sort(key=lambda row: str(row[0]))  # in another order than that of the list of persons
    return excel.Sheet(t("Scores"), columns, rows if publishable(len(rows)) else [])


def _scales(facts: Facts) -> excel.Sheet:
    columns = [
        excel.Column(t("Criterion"), width=50),
        excel.Column(t("Answer"), width=40),
        excel.Column(tc("statistics", "Share"), kind="share", width=12),
        excel.Column("n", kind="integer", width=11),
    ]
    rows: list[Row] = []
    for each in printed_scales(facts):
        n = n_cell(each.told)
        rows.append([each.scale.label, t("favourable"), share_cell(each.favourable), n])
        rows += [
            [each.scale.label, level, share_cell(Share("" if each.told.exact else "≈", share, ())), n]
            for level, share in zip(each.levels, each.shares, strict=True)
        ]
    return excel.Sheet(t("Satisfaction"), columns, rows, explained=True)


def _comments(facts: Facts) -> excel.Sheet:
    columns = [excel.Column(t("Question"), width=40), excel.Column(t("Answer, word for word"), width=90)]
    reader = quoting.reader_of(facts)
    rows: list[Row] = [[label, reader.quoted(text).text] for label, texts in figures.quoted(facts) for text in texts]
    return excel.Sheet(t("Quotations"), columns, rows)


def _ranking(facts: Facts, scores: PrintedNeeds) -> excel.Sheet:
    asked = [name for name in _rated_columns() if facts.config.asks(name, "needs")]
    compares = len(facts.config.groups) > 1
    columns = [
        _count(t("Rank")),
        excel.Column(t("Need"), width=46),
        excel.Column(t("Domain"), width=14),
        excel.Column(t("Score (0–3)"), kind="hundredth" if scores.digits == 2 else "tenth", width=12),
        _count(t("Mentions")),
        *(column for name, column in _rated_columns().items() if name in asked),
        *([excel.Column(t("Common priority"), width=12)] if compares else []),
    ]
    shared = scores.ranked.common
    printed = {each.need.code: each for each in scores.needs}
    rows: list[Row] = []
    for need in scores.ranked.needs:
        each = printed.get(need.code)
        if each is None:
            rows.append(
                [None, need.label, _domain(facts, need), *[None] * (2 + len(asked)), *([""] if compares else [])]
            )
            continue
        common = "" if shared is None else t("yes") if need.code in shared else t("no")
        score = typography.rounded(each.score, scores.digits)
        rated = [typography.rounded(getattr(each, name), 0 if name == "households" else 1) for name in asked]
        own = [common] if compares else []
        rows.append([need.rank, need.label, _domain(facts, need), score, each.mentions, *rated, *own])
    return excel.Sheet(t("Ranking"), columns, rows, explained=True)


def _rated_columns() -> dict[str, excel.Column]:
    """What a need is rated by."""
    return {
        "severity": excel.Column(t("Severity (1–5)"), kind="tenth", width=12),
        "households": _count(t("Households")),
        "feasibility": excel.Column(t("Feasibility (1–5)"), kind="tenth", width=12),
    }


def _domain(facts: Facts, need: Need) -> str:
    return labels.domain(facts, need.code, need.domain) or labels.in_words(need.domain)


def _ranks(facts: Facts, scores: PrintedNeeds) -> excel.Sheet:
    columns = [excel.Column(t("Need"), width=46)]
    rankings: list[tuple[str, str]] = []
    for name, n, attribute, code in figures.ranked_columns(facts, scores):
        columns.append(_count(f"{name} ({letterhead.n_is(typography.number(n))})"))
        rankings.append((attribute, code))
    rows: list[Row] = [
        [need.label, *(figures.rank_cell(scores, need, name, code) for name, code in rankings)]
        for need in scores.ranked.needs
    ]
    return excel.Sheet(t("Ranks by group and sex"), columns, rows, explained=True)

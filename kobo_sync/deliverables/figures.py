"""The printed figures as papers and the cells of their workbooks show them: the same numbers, rounding and dashes."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import labels, publication, quotas
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.needs import Need
from kobo_sync.analysis.populations import Told, What, told_number
from kobo_sync.analysis.publication import present_by_sex
from kobo_sync.analysis.published import (
    P_STEPS,
    PrintedItem,
    learnt,
    printed_change,
    printed_items,
    response_rate,
    spread_shown,
)
from kobo_sync.analysis.published_answers import printed_advice, printed_scales
from kobo_sync.analysis.published_needs import PrintedNeeds, printed_needs
from kobo_sync.analysis.rates import wilson
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.shares import Share
from kobo_sync.analysis.turnout import turnout
from kobo_sync.config.config import Role
from kobo_sync.deliverables import letterhead
from kobo_sync.language import typography
from kobo_sync.language.catalogue import t

Cell = float | str | None
Figure = tuple[str, Cell, Cell]  # the indicator's name, its value, its n
_RATES: dict[str, tuple[What, Role]] = {
    "test_before": ("before", "test"),
    "test_after": ("after", "test"),
    "satisfaction": ("satisfaction", "satisfaction"),
    "needs": ("needs_rows", "needs"),
}


def share_cell(share: Share) -> Cell:
    """A share 0..1 to the hundredth where it is exact; as text where it is rounded or a band; empty where it is not told."""
    if share.sign == "–":
        return None
    return typography.rounded(share.value, 2) if share.exact else letterhead.share(share)


def _as_text(value: float | None, digits: int) -> Cell:
    """A figure of fewer decimals than its kind has: a cell's format would add the zeros that nobody measured."""
    return None if value is None else typography.number(value, digits)


def n_cell(told: Told) -> Cell:
    """A number of persons, or ``≈ 25``."""
    if told.hidden:
        return None
    return told.n if told.near is None else letterhead.denominator(told)


def printed_figures(facts: Facts) -> Iterator[Figure]:
    """Every figure that the papers print, by the name of its indicator."""
    has = facts.config.has_role
    yield from _people(facts)
    yield from _rates(facts)
    yield from _test(facts) if has("test") else ()
    yield from _satisfaction(facts) if has("satisfaction") else ()
    yield from _needs(facts) if has("needs") else ()
    if not has("road_map"):
        return
    plan = road_map(facts)
    yield "smart_share", typography.rounded(plan.smart_share, 2), len(plan.actions)
    as_of = letterhead.local_day(facts, facts.as_of) if facts.as_of else None
    if facts.config.asks("deadline", "road_map"):
        yield "overdue", len(plan.overdue(as_of)) if as_of else None, len(plan.actions)


def _counted(facts: Facts, what: What) -> Cell:
    told = told_number(facts, what)
    return letterhead.counted(facts, what) if told.partial and not told.hidden else n_cell(told)


def _people(facts: Facts) -> Iterator[Figure]:
    config, attends = facts.config, facts.config.has_role("attendance")
    came = _counted(facts, "present") if attends else None
    if attends:
        yield "present", came, None
    apart: tuple[tuple[str, What, bool], ...] = (
        ("full_day", "full_day", present.has_full_day(facts)),
        ("refusals", "refused", config.asks("consent", "registration")),
    )
    for name, what, is_asked in apart:
        if is_asked:
            yield name, None if told_number(facts, what).partial else n_cell(told_number(facts, what)), None
    if not attends:
        return
    if any(zone.target for zone in present.zones_of(facts)):
        yield "quota_completion", typography.rounded(_quota_share(facts), 2), None
    table = present_by_sex(facts, "group", present.group_codes(facts))
    quotas, sex_quotas = (facts.zone.quotas, facts.zone.sex_quotas) if facts.zone else ({}, {})
    for sex in table.columns:
        total = table.total(sex)
        if total is not None and sex_quotas.get(sex):
            yield f"quota_completion:sex:{sex}", typography.rounded(total / sex_quotas[sex], 2), sex_quotas[sex]
    for code, total in zip(table.rows, table.row_totals(), strict=True):
        if total is not None and quotas.get(code):
            yield f"quota_completion:{code}", typography.rounded(total / quotas[code], 2), quotas[code]
    for column in filter(None, table.columns):
        yield f"present:sex:{column}", table.total(column), came
    for code, total in zip(table.rows, table.row_totals(), strict=True):
        if code:
            yield f"present:group:{code}", total, came


def _rates(facts: Facts) -> Iterator[Figure]:
    for name, (what, role) in _RATES.items():
        if facts.config.has_role("attendance") and facts.config.has_role(role):
            yield f"response_rate:{name}", share_cell(response_rate(facts, what)), _counted(facts, "present")


def _test(facts: Facts) -> Iterator[Figure]:
    results, pairs = learnt(facts), told_number(facts, "pairs")
    change = results.change
    n = _counted(facts, "pairs")
    before = told_number(facts, "before")
    if before.exact and pairs.exact and before.n and not before.partial and not pairs.partial:
        yield "attrition", typography.rounded((before.n - pairs.n) / before.n, 2), before.n
    if not pairs.shown:
        return
    printed = printed_change(facts)
    if printed is not None:
        *texts, gain = letterhead.scores(printed)
        cells: list[Cell] = [*texts]
        if not printed.about:
            cells[:2] = typography.rounded(printed.before), typography.rounded(printed.after)
        if printed.exact:  # else as text: a cell's format, or the annex, would write +26 as +26,0
            cells[2] = typography.rounded(printed.change, 1)
        for name, cell in zip(("paired_before", "paired_after", "change"), cells, strict=True):
            yield name, cell, n
        if printed.gain is None:
            yield "gain", None, n
        else:
            yield "gain", typography.rounded(printed.gain, 2) if printed.exact else gain, n
    if spread_shown(facts):
        spread = (("change_low", change.low, 1), ("change_high", change.high, 1), ("effect_size", change.dz, 2))
        for name, value, digits in (*spread, ("t_p", change.t_p, 3), ("wilcoxon_p", change.wilcoxon_p, 3)):
            yield name, typography.rounded(value, digits), n
    for item in printed_items(facts):
        for name, share in (("item_before", item.before), ("item_after", item.after)):
            yield f"{name}:{item.item.name}", share_cell(share), n_cell(item.told)


def _satisfaction(facts: Facts) -> Iterator[Figure]:
    for each in printed_scales(facts):
        question, n = each.scale.question, n_cell(each.told)
        yield f"favourable:{question}", share_cell(each.favourable), n
        if each.favourable.exact:
            low, high = wilson(each.favourable.numerators[0], each.told.n) or (None, None)
            yield f"favourable_low:{question}", typography.rounded(low, 2), n
            yield f"favourable_high:{question}", typography.rounded(high, 2), n
    advice = printed_advice(facts)
    if advice.score is not None:
        n = n_cell(advice.told)
        score = typography.rounded(advice.score)
        yield "recommendation", score if not advice.about else f"≈{typography.NBSP}{typography.signed(score)}", n
        if advice.interval:
            for name, value in zip(("recommendation_low", "recommendation_high"), advice.interval, strict=True):
                yield name, typography.rounded(value), n


def _needs(facts: Facts) -> Iterator[Figure]:
    printed = printed_needs(facts)
    n = _counted(facts, "needs")
    for each in printed.needs:
        score = typography.rounded(each.score, printed.digits)
        yield f"need_score:{each.need.code}", score if printed.digits == 2 else _as_text(score, printed.digits), n
        if facts.config.asks("severity", "needs"):
            yield f"need_severity:{each.need.code}", typography.rounded(each.severity, 1), None
    if printed.needs and len(facts.config.groups) > 1:
        yield from _compared(printed)


def _compared(printed: PrintedNeeds) -> Iterator[Figure]:
    ranked = printed.ranked
    yield "agreement", agreement(printed) if printed.agreement_about else typography.rounded(ranked.agreement, 2), None
    yield "common_priorities", None if ranked.common is None else len(ranked.common), len(ranked.needs)


# ── what papers share ───────────────────────────────────────────────────────


def item_p(printed: PrintedItem) -> str:
    """McNemar's p as ``0,012``; as a step, ``< 0,05`` or ``≥ 0,05``, where it would tell who gained or lost."""
    if printed.p is not None:
        return typography.p_value(printed.p).removeprefix(f"p{typography.NNBSP}").removeprefix(f"={typography.NNBSP}")
    if printed.p_band is None:
        return typography.NOTHING
    if printed.p_band < len(P_STEPS):
        digits = 3 if printed.p_band == 0 else 2
        return f"<{typography.NNBSP}{typography.number(P_STEPS[printed.p_band], digits)}"
    return f"≥{typography.NNBSP}{typography.number(P_STEPS[-1], 2)}"


def quota_rate(facts: Facts) -> str:
    """How far the quota is reached; not told of a mission that leaves zones out."""
    return typography.percent(_quota_share(facts))


def _quota_share(facts: Facts) -> float | None:
    number = told_number(facts, "present")
    if not number.exact or number.partial or not facts.config.forms_with_role("attendance"):
        return None
    return quotas.completion(turnout(facts), present.zones_of(facts)).share


def answered(facts: Facts) -> frozenset[str]:
    """The labels of the open questions to which anybody wrote."""
    return frozenset(
        labels.question(facts, form_id, name)
        for form_id in facts.config.forms_with_role("satisfaction")
        for name in facts.config.forms[form_id].open_questions
        if publication.texts_by_zone(facts, form_id, name)
    )


def quoted(facts: Facts) -> list[tuple[str, tuple[str, ...]]]:
    """Each open question that was answered, and what may be quoted of it: nothing of fewer than three."""
    questions, answered_labels = [], answered(facts)
    for form_id in facts.config.forms_with_role("satisfaction"):
        for name in facts.config.forms[form_id].open_questions:
            label = labels.question(facts, form_id, name)
            if label in answered_labels:
                questions.append((label, publication.texts(facts, form_id, name)))
    return questions


def agreement(printed: PrintedNeeds) -> str:
    """Kendall's W as ``0,47``; as ``≈ 0,5`` where groups are small."""
    if not printed.agreement_about:
        return typography.number(printed.ranked.agreement, 2)
    return f"≈{typography.NBSP}{typography.number(printed.ranked.agreement, 1)}"


def rank_cell(printed: PrintedNeeds, need: Need, attribute: str, code: str) -> int | str | None:
    """The rank of *need* in a group or sex; ``≤ 5`` where these are few."""
    rank, at_most = printed.rank(need, attribute, code)
    return f"≤{typography.NBSP}{rank}" if at_most and rank is not None else rank


def ranked_columns(facts: Facts, scores: PrintedNeeds) -> list[tuple[str, int | None, str, str]]:
    """Whose ranks are printed: name, respondents where they may be counted, the attribute of `Need`, code."""
    codes = facts.config.codes
    sexes = {codes.female: t("Women"), codes.male: t("Men")}
    groups = [(labels.group(facts, code, short=True), n, "rank_by_group", code) for code, n in scores.groups.items()]
    return groups + [(sexes.get(code, code), n, "rank_by_sex", code) for code, n in scores.sexes.items()]

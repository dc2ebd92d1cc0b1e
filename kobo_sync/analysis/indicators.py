"""Every number of the mission as one list, each with its unit, its n and what is missing."""

from __future__ import annotations

from functools import partial

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import meaning, quotas
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import Learning, learning
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.quoting import shown
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.satisfaction import satisfaction
from kobo_sync.analysis.turnout import Turnout, turnout
from kobo_sync.config.config import Role
from kobo_sync.model import Indicator


def indicators(facts: Facts) -> tuple[Indicator, ...]:
    """The indicators of the zone of *facts*, or of the mission, in the order of its definitions.

    Units: ``persons``, ``share`` (0..1), ``percent`` (test scores), ``points``, ``index``, ``actions``.
    *n* is the denominator (for a count, what it was counted among). Raises: nothing.
    """
    zone, has = facts.zone.code if facts.zone else "", facts.config.has_role
    numbers: list[Indicator] = []
    if has("registration", "attendance"):
        numbers += _attendance(facts, zone, turnout(facts))
    if has("test"):
        numbers += _learning(zone, learning(facts))
    if has("attendance"):
        numbers += response_rates(facts)
    numbers += _satisfaction(facts, zone) if has("satisfaction") else []
    numbers += _needs(facts, zone) if has("needs") else []
    numbers += _road_map(facts, zone) if has("road_map") else []
    return tuple(numbers)


def _satisfaction(facts: Facts, zone: str) -> list[Indicator]:
    judged = satisfaction(facts)
    numbers: list[Indicator] = []
    for scale in (*judged.scales, *([judged.intention] if judged.intention else [])):
        low, high = scale.favourable_interval or (None, None)
        for name, value in (
            ("favourable", scale.favourable_share),
            ("favourable_low", low),
            ("favourable_high", high),
        ):
            numbers.append(Indicator(f"{name}:{scale.question}", zone, value, "share", scale.n, scale.n_missing))
    advice = judged.recommendation
    for name, value in (
        ("recommendation", advice.score),
        ("recommendation_low", advice.low),
        ("recommendation_high", advice.high),
    ):
        if facts.config.asks("recommend", "satisfaction"):
            numbers.append(Indicator(name, zone, value, "points", advice.n, advice.n_missing))
    return numbers


def _needs(facts: Facts, zone: str) -> list[Indicator]:
    ranked = needs(facts)
    numbers: list[Indicator] = []
    n_scored = sum(ranked.n_by_group.values()) if facts.config.groups else ranked.n
    for need in ranked.needs:
        numbers.append(
            Indicator(
                f"need_score:{shown(facts, need.code)}",
                zone,
                need.score,
                "index",
                n_scored,
                ranked.n_missing + ranked.n_no_group,
            )
        )
        if facts.config.asks("severity", "needs"):
            severity = need.severity
            numbers.append(
                Indicator(f"need_severity:{shown(facts, need.code)}", zone, severity.value, "index", severity.n)
            )
    if len(facts.config.groups) > 1:
        n_groups = sum(n > 0 for n in ranked.n_by_group.values())
        numbers.append(Indicator("agreement", zone, ranked.agreement, "index", n_groups))
        n_common = None if ranked.common is None else float(len(ranked.common))
        numbers.append(Indicator("common_priorities", zone, n_common, "needs", len(ranked.needs)))
    return numbers


def _road_map(facts: Facts, zone: str) -> list[Indicator]:
    plan = road_map(facts)
    overdue = float(len(plan.overdue(facts.as_of.date()))) if facts.as_of else None
    late = [Indicator("overdue", zone, overdue, "actions", len(plan.actions))]
    smart = Indicator("smart_share", zone, plan.smart_share, "share", len(plan.actions))
    return [smart, *(late if facts.config.asks("deadline", "road_map") else [])]


def _attendance(facts: Facts, zone: str, listed: Turnout) -> list[Indicator]:
    zones, config = present.zones_of(facts), facts.config
    n, n_listed = listed.n_present, listed.n_listed
    done = quotas.completion(listed, zones)
    came = Indicator("present", zone, float(n), "persons", n_listed, listed.n_unproved)
    whole = Indicator("full_day", zone, float(listed.n_full_day), "persons", n)
    refusals = Indicator("refusals", zone, float(listed.n_refused), "persons", n_listed + listed.n_refused)
    attends = config.has_role("attendance")
    numbers = [came, *([whole] if present.has_full_day(facts) else [])] if attends else []
    numbers += [refusals] if config.asks("consent", "registration") else []
    if not attends:
        return numbers
    if done.quota:
        numbers.append(Indicator("quota_completion", zone, done.share, "share", done.quota))
    cells = quotas.completion_by_group(listed, zones, present.group_codes(facts))
    if present.asks(facts, "sex"):
        cells |= {f"sex:{code}": cell for code, cell in quotas.completion_by_sex(listed, zones).items()}
    numbers += [
        Indicator(f"quota_completion:{code}", zone, cell.share, "share", cell.quota)
        for code, cell in cells.items()
        if cell.quota
    ]
    for trait in filter(partial(present.asks, facts), ("sex", "group", "age_band", "commune")):
        counts: dict[str, int] = {}
        for answer, k in listed.counts(trait).items():  # a commune is typed
            counts[shown(facts, answer)] = counts.get(shown(facts, answer), 0) + k
        missing = counts.pop("", 0)
        numbers += [
            Indicator(f"present:{trait}:{code}", zone, float(k), "persons", n, missing) for code, k in counts.items()
        ]
    return numbers


def response_rates(facts: Facts) -> list[Indicator]:
    """Answers over persons present, by form: those of the indicators that are called ``response_rate:…``."""
    has, n_present = facts.config.has_role, turnout(facts).n_present
    zone = facts.zone.code if facts.zone else ""
    answers: dict[str, int] = {}
    if has("test"):
        answers |= {"test_before": learning(facts).n_before, "test_after": learning(facts).n_after}
    roles: tuple[Role, ...] = ("satisfaction", "needs")
    answers |= {role: meaning.n_usable(facts, role) for role in roles if has(role)}
    return [
        Indicator(f"response_rate:{name}", zone, present.response_rate(n, n_present), "share", n_present)
        for name, n in answers.items()
    ]


def _learning(zone: str, learnt: Learning) -> list[Indicator]:
    change = learnt.change
    unpaired = learnt.n_before + learnt.n_after - 2 * change.n
    numbers = [
        Indicator("score_before", zone, learnt.mean_before, "percent", learnt.n_before),
        Indicator("score_after", zone, learnt.mean_after, "percent", learnt.n_after),
        Indicator("attrition", zone, learnt.attrition_share, "share", learnt.n_before),
    ]
    pairs = {
        "paired_before": (change.before, "percent"),
        "paired_after": (change.after, "percent"),
        "change": (change.change, "points"),
        "change_low": (change.low, "points"),
        "change_high": (change.high, "points"),
        "gain": (change.gain, "index"),
        "effect_size": (change.dz, "index"),
        "t_p": (change.t_p, "index"),
        "wilcoxon_p": (change.wilcoxon_p, "index"),
    }
    numbers += [Indicator(name, zone, value, unit, change.n, unpaired) for name, (value, unit) in pairs.items()]
    for item in learnt.items:
        numbers.append(Indicator(f"item_before:{item.name}", zone, item.before_share, "share", item.n, item.n_missing))
        numbers.append(Indicator(f"item_after:{item.name}", zone, item.after_share, "share", item.n, item.n_missing))
    return numbers

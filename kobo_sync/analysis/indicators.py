"""Every number of the mission as one list, each with its unit, its n and what is missing."""

from __future__ import annotations

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.learning import Learning, learning
from kobo_sync.analysis.needs import needs
from kobo_sync.analysis.quoting import shown
from kobo_sync.analysis.roadmap import road_map
from kobo_sync.analysis.satisfaction import satisfaction
from kobo_sync.model import Indicator


def indicators(facts: Facts) -> tuple[Indicator, ...]:
    """The indicators of the zone of *facts*, or of the mission, in the order of its definitions.

    Units: ``persons``, ``share`` (0..1), ``percent`` (test scores), ``points``, ``index``, ``actions``.
    *n* is the denominator (for a count, what it was counted among). Raises: nothing.
    """
    zone = facts.zone.code if facts.zone else ""
    listed, learnt = present.attendance(facts), learning(facts)
    numbers = [
        *_attendance(facts, zone, listed),
        *_learning(zone, learnt),
        *_rates(facts, zone, listed.n_present, learnt),
    ]
    judged, ranked, plan = satisfaction(facts), needs(facts), road_map(facts)
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
        numbers.append(Indicator(name, zone, value, "points", advice.n, advice.n_missing))
    n_scored = sum(ranked.n_by_group.values())
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
        numbers.append(
            Indicator(f"need_severity:{shown(facts, need.code)}", zone, need.severity.value, "index", need.severity.n)
        )
    numbers.append(
        Indicator("agreement", zone, ranked.agreement, "index", sum(n > 0 for n in ranked.n_by_group.values()))
    )
    n_common = None if ranked.common is None else float(len(ranked.common))
    numbers.append(Indicator("common_priorities", zone, n_common, "needs", len(ranked.needs)))
    numbers.append(Indicator("smart_share", zone, plan.smart_share, "share", len(plan.actions)))
    overdue = float(len(plan.overdue(facts.as_of.date()))) if facts.as_of else None
    numbers.append(Indicator("overdue", zone, overdue, "actions", len(plan.actions)))
    return tuple(numbers)


def _attendance(facts: Facts, zone: str, listed: present.Attendance) -> list[Indicator]:
    zones = present.zones_of(facts)
    n, n_listed = listed.n_present, len(listed.people)
    done = present.completion(listed, zones)
    numbers = [
        Indicator("present", zone, float(n), "persons", n_listed, listed.n_unsigned + listed.n_no_session),
        Indicator("full_day", zone, float(listed.n_full_day), "persons", n),
        Indicator("refusals", zone, float(listed.n_refused), "persons", n_listed + listed.n_refused),
        Indicator("quota_completion", zone, done.share, "share", done.quota),
    ]
    by_group = present.completion_by_group(listed, zones, [group.code for group in facts.config.groups])
    numbers += [
        Indicator(f"quota_completion:{code}", zone, cell.share, "share", cell.quota) for code, cell in by_group.items()
    ]
    for trait in ("sex", "group", "age_band", "commune"):
        counts: dict[str, int] = {}
        for answer, k in listed.counts(trait).items():  # a commune is typed
            counts[shown(facts, answer)] = counts.get(shown(facts, answer), 0) + k
        missing = counts.pop("", 0)
        numbers += [
            Indicator(f"present:{trait}:{code}", zone, float(k), "persons", n, missing) for code, k in counts.items()
        ]
    return numbers


def _rates(facts: Facts, zone: str, n_present: int, learnt: Learning) -> list[Indicator]:
    answers = {
        "test_before": learnt.n_before,
        "test_after": learnt.n_after,
        "satisfaction": len(meaning.rows(facts, "satisfaction").table),
        "needs": len(meaning.rows(facts, "needs").table),
    }
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

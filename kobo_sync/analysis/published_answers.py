"""What papers print of the satisfaction forms, decided once for zone, mission, workbooks and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_over_runs
from kobo_sync.analysis.populations import Told, told, told_number
from kobo_sync.analysis.published import beside_pairs, telling
from kobo_sync.analysis.satisfaction import Recommendation, Satisfaction, Scale, answers_by_zone, satisfaction
from kobo_sync.analysis.shares import FEW, NEAR_ZONES, Share, over_zones, rounded, share, whole_or_none
from kobo_sync.analysis.suppression import THRESHOLD, publishable
from kobo_sync.language.catalogue import t
from kobo_sync.numbers import half_away

Detail = Literal["all", "upper", "favourable", "none"]
_DETAILS: tuple[Detail, ...] = ("all", "upper", "favourable", "none")


def judged(facts: Facts) -> Satisfaction:
    """`satisfaction` over the rows that published figures rest on."""
    return satisfaction(told(facts, "satisfaction"))


@dataclass(frozen=True)
class PrintedScale:
    """A scaled question: over how many answers, the favourable share, and the parts that may be printed of its levels.

    *levels* and *shares* are those of the parts, least favourable first; both empty where no part may be printed.
    """

    scale: Scale
    told: Told
    favourable: Share
    levels: tuple[str, ...]
    shares: tuple[float, ...]

    @property
    def detail(self) -> int:
        """How many parts there are."""
        return len(self.levels)


@memo_over_runs
def printed_scales(facts: Facts) -> tuple[PrintedScale, ...]:
    """The scaled questions as every paper prints them, that about the intention last."""
    answers, number = judged(facts), told_number(facts, "satisfaction")
    scales = [*answers.scales, *([answers.intention] if answers.intention else [])]
    printed = []
    for scale in (scale for scale in scales if scale.codes):
        n = _beside_answers(scale.n, number)
        detail, favourable = _scale_of(scale.counts, n)
        if facts.zone is None:
            zones = _scale_by_zone(facts, scale)
            favourable = over_zones(_above(scale.counts), n, [(share_, told_) for _, share_, told_ in zones])
            if any(not told_.exact for *_, told_ in zones) and n.exact and n.n != number.n:
                n = replace(n, hidden=True)
            if favourable.drawn is None:
                detail = "none"
            elif all(zone.exact for _, zone, _ in zones):
                detail = _DETAILS[max(_DETAILS.index(each) for each in (detail, *(mine for mine, *_ in zones)))]
            else:
                detail = "favourable"
        printed.append(_printed(scale, n, favourable, detail))
    return tuple(printed)


def _beside_answers(n: int, number: Told) -> Told:
    return replace(number, hidden=True) if not number.shown else beside_pairs(n, number)


def _above(counts: Sequence[int]) -> int:
    middle = (len(counts) + 1) / 2
    return sum(count for place, count in enumerate(counts, 1) if place > middle)


def _parts(counts: Sequence[int], detail: Detail) -> list[int]:
    """The answers per part: each level, those up to the middle as one, or favourable against the others."""
    n_lower = (len(counts) + 1) // 2
    if detail == "all":
        return list(counts)
    upper = list(counts[n_lower:])
    return [sum(counts[:n_lower]), *upper] if detail == "upper" else [sum(counts[:n_lower]), sum(upper)]


def _scale_of(counts: Sequence[int], n: Told) -> tuple[Detail, Share]:
    """The finest detail in which every part is nobody or at least three persons, and the favourable share."""
    favourable = share(_above(counts), n)
    if favourable.drawn is None:
        return "none", favourable
    if not n.exact:
        return "favourable", favourable  # more parts of a rounded whole would tell it
    return next((d for d in _DETAILS[:2] if whole_or_none(_parts(counts, d))), "favourable"), favourable


def _scale_by_zone(facts: Facts, scale: Scale) -> list[tuple[Detail, Share, Told]]:
    answers = answers_by_zone(facts)
    zones = []
    for code, number in telling(facts, "satisfaction"):
        if code in answers:
            by_code = answers[code].scales.get(scale.question, {})
            counts = [by_code.get(each, 0) for each in scale.codes]
            n = _beside_answers(sum(counts), number)
            zones.append((*_scale_of(counts, n), n))
    return zones


def _printed(scale: Scale, n: Told, favourable: Share, detail: Detail) -> PrintedScale:
    if detail == "none" or not n.shown:
        return PrintedScale(scale, n, favourable, (), ())
    n_lower = (len(scale.levels) + 1) // 2
    shares = tuple(count / scale.n for count in _parts(scale.counts, detail))
    if not favourable.exact:
        shares = (1 - favourable.value, favourable.value)
    merged = t("up to “{level}”", level=scale.levels[n_lower - 1])
    above = t("from “{level}” on", level=scale.levels[n_lower]) if len(scale.levels) > n_lower else ""
    levels = {
        "all": scale.levels,
        "upper": (merged, *scale.levels[n_lower:]),
        "favourable": (merged, above),
    }[detail]
    return PrintedScale(scale, n, favourable, tuple(levels), shares)


@dataclass(frozen=True)
class PrintedAdvice:
    """The recommendation: its score rounded as it may be, None when it may not; its interval and its parts, where they may.

    *about*: the score is rounded further than to a point.
    """

    advice: Recommendation
    told: Told
    score: float | None
    interval: tuple[float, float] | None
    parts: tuple[float, float, float] | None
    about: bool = False


@memo_over_runs
def printed_advice(facts: Facts) -> PrintedAdvice:
    """The recommendation as every paper prints it."""
    advice, number = judged(facts).recommendation, told_number(facts, "satisfaction")
    n = _beside_answers(advice.n, number)
    counts = (advice.n_promoters, advice.n - advice.n_promoters - advice.n_detractors, advice.n_detractors)
    score_shown, parts_shown = _advice_of(counts, n)
    score, about = advice.score, not n.exact
    if score is not None and about:
        score = _rounded_score(score, n)
    if facts.zone is None:
        zones = _advice_by_zone(facts)
        n_near = sum(not told_.exact for _, _, _, told_ in zones)
        score_shown = score_shown and not 0 < sum(not shown for _, shown, _, _ in zones) < FEW
        parts_shown = parts_shown and score_shown and not 0 < sum(not shown for _, _, shown, _ in zones) < FEW
        if not n.exact or 0 < n_near < NEAR_ZONES:
            # No more than what the zones print, together.
            score_shown = score_shown and all(shown for _, shown, _, _ in zones)
            parts_shown, about = False, True
            weights = [(told_.n if told_.near is None else told_.near, each) for each, _, _, told_ in zones]
            score = 100 * rounded(sum(w * each for w, each in weights) / max(1, sum(w for w, _ in weights)) / 100, 0.05)
    if not score_shown or score is None:
        return PrintedAdvice(advice, n, None, None, None)
    if not parts_shown or advice.low is None or advice.high is None:
        return PrintedAdvice(advice, n, score, None, None, about)
    parts = (counts[0] / advice.n, counts[1] / advice.n, counts[2] / advice.n)
    return PrintedAdvice(advice, n, score, (advice.low, advice.high), parts)


def _rounded_score(score: float, n: Told) -> float:
    return 100 * rounded(score / 100, max(n.step(), 0.05))


def _advice_by_zone(facts: Facts) -> list[tuple[float, bool, bool, Told]]:
    """Per zone: the score as its papers print it, whether they do, whether they print the interval, the number of answers."""
    answers, zones = answers_by_zone(facts), []
    for code, number in telling(facts, "satisfaction"):
        mine = answers[code].advice if code in answers else (0, 0, 0)
        n = _beside_answers(sum(mine), number)
        score = 100 * (mine[0] - mine[2]) / max(1, sum(mine))
        shown, parts_shown = _advice_of(mine, n)
        zones.append((float(half_away(score)) if n.exact else _rounded_score(score, n), shown, parts_shown, n))
    return zones


def _advice_of(counts: tuple[int, int, int], n: Told) -> tuple[bool, bool]:
    """Whether the score may be printed, and whether what tells promoters and detractors apart may be.

    The score tells promoters minus detractors: it is hidden where no other numbers would give it.
    """
    if not n.shown or not publishable(sum(counts)):
        return False, False
    if whole_or_none(counts):
        return True, n.exact
    total, balance = sum(counts), counts[0] - counts[2]
    possible = [(balance + d, total - balance - 2 * d, d) for d in range(total + 1)]
    possible = [each for each in possible if min(each) >= 0]
    hidden = [place for place, count in enumerate(counts) if 0 < count < THRESHOLD]
    return all(len({each[place] for each in possible}) > 1 for place in hidden), False

"""Which needs come first: Borda per respondent, then the mean over the groups, and how far groups agree."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, repeat, starmap

from kobo_sync.analysis import labels, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_by_zone, memo_over_runs
from kobo_sync.analysis.ranks import midranks

POINTS = (3, 2, 1)
COMMON_UP_TO = 5
RATED = ("severity", "households", "feasibility")


@dataclass(frozen=True)
class Rating:
    """Ratings of a need: their mean (or median) over *n* answers; None without answers."""

    value: float | None
    n: int


@dataclass(frozen=True)
class Need:
    """One need. *score* 0..3: mean over the groups of the mean points per respondent (over all in a mission without groups); *rank* 1 is first.

    Ranks are shared on ties (1, 2, 2, 4) and None for a need without points. *mentions*: respondents who
    put it among their first three. *severity*, *feasibility*: means; *households*: median.
    """

    code: str
    label: str
    domain: str
    score: float | None
    rank: int | None
    mentions: int
    severity: Rating
    households: Rating
    feasibility: Rating
    rank_by_group: Mapping[str, int | None]
    rank_by_sex: Mapping[str, int | None]


@dataclass(frozen=True)
class Needs:
    """The needs of a zone or of the mission, first to last.

    *n*: respondents with a ranking; *n_missing*: without; *n_no_group*: with a ranking but no known
    group, absent from scores. *n_by_group*, *n_by_sex*: respondents with a ranking. *agreement*:
    Kendall's W between groups (0..1), None with fewer than two groups. *common*: codes in the first
    five of every group of the mission, ties at the fifth place included; None when a group did not answer. *n_first_by_group*:
    how many needs of each group stand there: where it exceeds five, « ex æquo » makes them more.
    """

    needs: tuple[Need, ...]
    n: int
    n_missing: int
    n_no_group: int
    n_by_group: Mapping[str, int]
    n_by_sex: Mapping[str, int]
    agreement: float | None
    common: tuple[str, ...] | None
    n_first_by_group: Mapping[str, int]

    @property
    def common_is_tied(self) -> bool:
        """Whether ties at the fifth place let more than five needs of a group into the common priorities."""
        return any(n > COMMON_UP_TO for n in self.n_first_by_group.values())


@dataclass(frozen=True)
class Ballots:
    """What some respondents with a ranking put first: how many they are (*n*), the points and the mentions of each need."""

    n: int
    points: Mapping[str, int]
    mentions: Mapping[str, int]


@dataclass(frozen=True)
class ZoneBallots:
    """The `Ballots` of a zone by group and sex, as they were answered; *n_missing* respondents rank nothing."""

    n_missing: int
    by_group_and_sex: Mapping[str, Mapping[str, Ballots]]


@memo_by_zone
def ranked_by_zone(facts: Facts) -> Mapping[str, ZoneBallots]:
    """The rankings of each zone, counted."""
    table = meaning.rows(facts, "needs").table
    zones: dict[str, dict[tuple[str, str], list[list[str]]]] = {}
    missing: dict[str, int] = {}
    columns = (table[name].tolist() for name in ("zone", "group", "sex", "ranking"))
    for *keys, value in zip(*columns, strict=True):
        zone, group, sex = map(meaning.text, keys)
        missing.setdefault(zone, 0)
        if own := ballot(value):
            zones.setdefault(zone, {}).setdefault((group, sex), []).append(own)
        else:
            missing[zone] += 1
    counted = {}
    for zone, n_missing in missing.items():
        by: dict[str, dict[str, Ballots]] = {}
        for (group, sex), ballots in zones.get(zone, {}).items():
            by.setdefault(group, {})[sex] = _counted(ballots)
        counted[zone] = ZoneBallots(n_missing, by)
    return counted


def _counted(ballots: Sequence[Sequence[str]]) -> Ballots:
    points, mentions = Counter[str](), Counter[str]()
    for each in ballots:
        mentions.update(each)
        for code, worth in zip(each, POINTS, strict=False):
            points[code] += worth
    return Ballots(len(ballots), points, mentions)


def _sum(parts: Iterable[Ballots]) -> Ballots:
    n, points, mentions = 0, Counter[str](), Counter[str]()
    for part in parts:
        n += part.n
        points.update(part.points)
        mentions.update(part.mentions)
    return Ballots(n, points, mentions)


@memo_over_runs
def needs(facts: Facts) -> Needs:
    """The needs ranked. Raises: nothing; no rows give the catalogue without scores."""
    n_missing, cells = 0, dict[tuple[str, str], Ballots]()
    for zone in ranked_by_zone(facts).values():
        n_missing += zone.n_missing
        for group, by in zone.by_group_and_sex.items():
            for sex, ballots in by.items():
                cells[group, sex] = _sum(filter(None, (cells.get((group, sex)), ballots)))
    everybody = _sum(cells.values())
    group_codes = [group.code for group in facts.config.groups]
    codes = list(dict.fromkeys([*labels.needs(facts), *sorted(everybody.mentions)]))
    groups = {code: _sum(each for (group, _), each in cells.items() if group == code) for code in group_codes}
    sexes = {
        code: _sum(each for (_, sex), each in cells.items() if sex == code)
        for code in (facts.config.codes.female, facts.config.codes.male)
    }
    by_group = {code: _mean_points(ballots, codes) for code, ballots in groups.items()}
    by_sex = {code: _mean_points(ballots, codes) for code, ballots in sexes.items()}
    answered = {code: points for code, points in by_group.items() if points is not None}
    scores = _mean_over_groups(answered, codes) if group_codes else _mean_points(everybody, codes) or {}
    ranks = ranking(scores)
    group_ranks = {code: ranking(points or {}) for code, points in by_group.items()}
    sex_ranks = {code: ranking(points or {}) for code, points in by_sex.items()}
    ratings = meaning.rated(facts, "needs", "need", RATED)
    needs_scored = [
        Need(
            code=code,
            label=labels.need(facts, code),
            domain=labels.need_domain(facts, code),
            score=float(scores[code]) if code in scores else None,
            rank=ranks.get(code),
            mentions=everybody.mentions.get(code, 0),
            severity=_mean(ratings["severity"].get(code, {})),
            households=_median(ratings["households"].get(code, {})),
            feasibility=_mean(ratings["feasibility"].get(code, {})),
            rank_by_group={group: ranks_.get(code) for group, ranks_ in group_ranks.items()},
            rank_by_sex={sex: ranks_.get(code) for sex, ranks_ in sex_ranks.items()},
        )
        for code in codes
    ]
    needs_scored.sort(key=lambda need: (need.rank or len(codes) + 1, -need.mentions, codes.index(need.code)))
    return Needs(
        needs=tuple(needs_scored),
        n=everybody.n,
        n_missing=n_missing,
        n_no_group=everybody.n - sum(ballots.n for ballots in groups.values()) if group_codes else 0,
        n_by_group={code: ballots.n for code, ballots in groups.items()},
        n_by_sex={code: ballots.n for code, ballots in sexes.items()},
        agreement=kendall_w([[points[code] for code in codes] for points in answered.values()]),
        common=_common(group_ranks, codes) if group_codes and len(answered) == len(group_codes) else None,
        n_first_by_group={code: sum(r <= COMMON_UP_TO for r in by.values()) for code, by in group_ranks.items()},
    )


def unanswered(facts: Facts) -> frozenset[str]:
    """The root_uuids of the rows that neither rank nor rate any need: they enter no figure of the needs."""
    table = meaning.rows(facts, "needs").table
    silent = {
        meaning.text(root)
        for root, value in zip(table["root_uuid"], table["ranking"], strict=True)
        if not ballot(value)
    }
    if silent:
        for row in meaning.records(meaning.detail(facts, "needs", ("need", *RATED))):
            if any(meaning.number(row[name]) is not None for name in RATED):
                silent.discard(meaning.text(row["root_uuid"]))
    return frozenset(silent)


def borda(ballots: Sequence[Sequence[str]], codes: Sequence[str]) -> dict[str, Fraction] | None:
    """Mean points per respondent of each of *codes*: 3 for the first, 2, 1; None without ballots.

    A short ballot gives the points of the places it fills (3 alone, 3 and 2); nothing is shared out.
    """
    return _mean_points(_counted(ballots), codes)


def _mean_points(ballots: Ballots, codes: Sequence[str]) -> dict[str, Fraction] | None:
    if not ballots.n:
        return None
    return {code: Fraction(ballots.points.get(code, 0), ballots.n) for code in codes}


def ranking(scores: Mapping[str, Fraction]) -> dict[str, int]:
    """Competition ranks (1, 2, 2, 4), highest score first; codes without points have none. Scores are exact: equal ones are a tie."""
    ranked = {code: score for code, score in scores.items() if score > 0}
    return {code: 1 + sum(other > score for other in ranked.values()) for code, score in ranked.items()}


def first_with_ties(needs: Iterable[Need], k: int) -> tuple[Need, ...]:
    """The needs of the first *k* ranks, all who share the last of them included: may be more than *k*, and fewer where few have points.

    What every paper names when it says « the first k »: no tie at the border is cut.
    """
    return tuple(need for need in needs if need.rank is not None and need.rank <= k)


def first_shown(needs: Iterable[Need], most: int) -> tuple[Need, ...]:
    """The first needs, at most *most*, without some of those that share a rank: a chart that has no more room cuts before a tie.

    Only where a tie at the first place fills all the room are *most* of them shown.
    """
    ranked = [need for need in needs if need.rank is not None]
    if len(ranked) <= most:
        return tuple(ranked)
    return tuple(need for need in ranked if need.rank != ranked[most].rank)[:most] or tuple(ranked[:most])


def is_tied(needs: Iterable[Need], need: Need) -> bool:
    """Whether *need* shares its rank with another of *needs*: « ex æquo »."""
    return need.rank is not None and sum(other.rank == need.rank for other in needs) > 1


def ties(needs: Iterable[Need]) -> dict[int, tuple[Need, ...]]:
    """Rank → the needs that share it, first to last: one each where nothing is tied."""
    by_rank: dict[int, list[Need]] = {}
    for need in needs:
        if need.rank is not None:
            by_rank.setdefault(need.rank, []).append(need)
    return {rank: tuple(mine) for rank, mine in sorted(by_rank.items())}


def kendall_w(judges: Sequence[Sequence[float | Fraction]]) -> float | None:
    """Kendall's coefficient of concordance, corrected for ties; None below two judges or two objects,
    or when every judge ties everything.

    Shape: judges × objects, any scores (higher is better). Source: Kendall & Babington Smith (1939).
    """
    m, n = len(judges), len(judges[0]) if judges else 0
    if m < 2 or n < 2:
        return None
    ranks = [midranks([-Fraction(score) for score in judge]) for judge in judges]
    sums = [math.fsum(judge[column] for judge in ranks) for column in range(n)]
    spread = math.fsum((total - m * (n + 1) / 2) ** 2 for total in sums)
    ties = math.fsum(judge.count(rank) ** 3 - judge.count(rank) for judge in ranks for rank in set(judge))
    most = m**2 * (n**3 - n) - m * ties
    return min(1.0, 12 * spread / most) if most > 1e-9 else None


def ballot(value: object) -> list[str]:
    """The needs that an answer puts first, first to third, each once."""
    return list(dict.fromkeys(meaning.text(value).split()))[: len(POINTS)]


def _mean_over_groups(by_group: Mapping[str, Mapping[str, Fraction]], codes: Sequence[str]) -> dict[str, Fraction]:
    if not by_group:
        return {}
    return {code: sum((points[code] for points in by_group.values()), Fraction()) / len(by_group) for code in codes}


def _common(group_ranks: Mapping[str, Mapping[str, int]], codes: Sequence[str]) -> tuple[str, ...]:
    last = COMMON_UP_TO
    return tuple(code for code in codes if all(ranks.get(code, last + 1) <= last for ranks in group_ranks.values()))


def _mean(numbers: Mapping[float, int]) -> Rating:
    n = sum(numbers.values())
    return Rating(math.fsum(chain.from_iterable(starmap(repeat, numbers.items()))) / n if n else None, n)


def _median(numbers: Mapping[float, int]) -> Rating:
    in_order = [*chain.from_iterable(starmap(repeat, sorted(numbers.items())))]
    return Rating(statistics.median(in_order) if in_order else None, len(in_order))


def proposals(facts: Facts) -> tuple[str, ...]:
    """What respondents proposed, word for word, in the order received."""
    texts: list[str] = []
    for form_id in facts.config.forms_with_role("needs"):
        name = facts.config.forms[form_id].fields.get("proposal", "")
        texts += meaning.written(facts, form_id, name) if name else []
    return tuple(texts)

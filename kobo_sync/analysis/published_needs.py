"""What papers print of the needs, decided once for zone, mission, workbooks and pages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kobo_sync.analysis import attendance as present
from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_in_process, memo_over_runs
from kobo_sync.analysis.needs import COMMON_UP_TO, RATED, Need, Needs, Rating, needs, ranked_by_zone
from kobo_sync.analysis.populations import (
    NO_GROUP,
    Told,
    ballots_by_zone,
    groups_left_out,
    told,
    told_number,
    zone_number,
)
from kobo_sync.analysis.shares import FEW
from kobo_sync.analysis.suppression import THRESHOLD, pinned, publishable
from kobo_sync.analysis.turnout import by_sex, turnout
from kobo_sync.model import ELSEWHERE

RANKS_FROM = 10  # respondents: of fewer, ranks tell the points of each need, and so who mentioned it
_FIRST = 3  # needs that are named in any case
_STEP = 0.2  # of the agreement between small groups: what its words tell


@dataclass(frozen=True)
class PrintedNeed:
    """A need as papers print it: None for what may not be; its rank (of *need*) goes with its score, but for the first three."""

    need: Need
    score: float | None
    mentions: int | None
    severity: float | None
    households: float | None
    feasibility: float | None


@dataclass(frozen=True)
class PrintedNeeds:
    """The needs first to last, over *told* respondents; empty where nothing may be printed.

    *groups*, *sexes*: code → respondents, None where their number may not be printed; whose ranks may not be is absent.
    *digits* of a score. *received*: whether anybody ranked needs at all. *ranked* has only the ranks that may be printed, and
    where *agreement_about* its agreement is the middle of the fifth that it lies in. Of fewer than `RANKS_FROM` respondents of a
    group or sex ranks up to `COMMON_UP_TO` say no more than that.
    """

    ranked: Needs
    told: Told
    needs: tuple[PrintedNeed, ...]
    groups: Mapping[str, int | None]
    sexes: Mapping[str, int | None]
    digits: int
    received: bool
    agreement_about: bool = False

    def rank(self, need: Need, attribute: str, code: str) -> tuple[int | None, bool]:
        """The rank that the group or sex *code* gives *need* (*attribute* of `Need`), and whether it means « at most »."""
        sizes = self.ranked.n_by_group if attribute == "rank_by_group" else self.ranked.n_by_sex
        rank: int | None = getattr(need, attribute)[code]
        if sizes[code] >= RANKS_FROM:
            return rank, False
        return (COMMON_UP_TO if rank is not None and rank <= COMMON_UP_TO else None), True


@memo_over_runs
def printed_needs(facts: Facts) -> PrintedNeeds:
    """The needs as every paper prints them."""
    ranked, number = needs(told(facts, "needs")), told_number(facts, "needs")
    received = bool(needs(facts).n)
    if not number.shown:
        return PrintedNeeds(ranked, number, (), {}, {}, 2, received)
    untold = _mentions_hidden(facts, ranked, number)
    ranked, rated = _ranks_shown(ranked, untold), _ratings_hidden(facts)
    zones = [zone_number(facts, code, "needs") for code in _zones(facts)]
    counted = number.exact and not 0 < sum(not zone.exact for zone in zones) < FEW
    printed = tuple(
        PrintedNeed(
            need,
            None if need.code in untold else need.score,
            None if need.code in untold or not counted else need.mentions,
            *(None if (name, need.code) in rated else _rating(getattr(need, name)) for name in RATED),
        )
        for need in ranked.needs
    )
    about = any(0 < n < RANKS_FROM for n in ranked.n_by_group.values()) and ranked.agreement is not None
    if about:
        ranked = replace(ranked, agreement=_middle(ranked.agreement or 0))
    groups = {code: n for code, n in ranked.n_by_group.items() if publishable(n)}
    sexes = {code: n for code, n in ranked.n_by_sex.items() if publishable(n)}
    return PrintedNeeds(
        ranked,
        number,
        printed,
        _sizes(facts, "group", groups, number),
        _sizes(facts, "sex", sexes, number),
        2 if number.exact else 1,
        received,
        about,
    )


def _ranks_shown(ranked: Needs, untold: Collection[str]) -> Needs:
    """The needs without the ranks of those whose score is not printed, which stand last among the ranked, by name."""
    is_shown = {
        need.code: need.rank is not None and (need.rank <= _FIRST or need.code not in untold) for need in ranked.needs
    }
    shown = [need for need in ranked.needs if is_shown[need.code]]
    hidden = [need for need in ranked.needs if not is_shown[need.code] and need.rank is not None]
    never = [need for need in ranked.needs if need.rank is None]
    hidden = [replace(need, rank=None) for need in sorted(hidden, key=lambda need: need.label)]
    return replace(ranked, needs=(*shown, *hidden, *never))


def _middle(agreement: float) -> float:
    return (min(math.floor(agreement / _STEP + 1e-9), round(1 / _STEP) - 1) + 0.5) * _STEP


def _rating(rating: Rating) -> float | None:
    return rating.value if publishable(rating.n) else None


def _zones(facts: Facts) -> list[str]:
    return [zone.code for zone in present.zones_of(facts) if zone_number(facts, zone.code, "needs").shown]


# ── mentions and scores ─────────────────────────────────────────────────────


def _mentions_hidden(facts: Facts, ranked: Needs, number: Told) -> frozenset[str]:
    """The needs whose mentions, and the score that tells them, may not be printed."""
    counts = {need.code: need.mentions for need in ranked.needs}
    untold = _few_mentions(counts, number)
    if facts.zone is not None:
        return untold
    by_zone = mentions_by_zone(facts)
    hiding = {
        code: _few_mentions(by_zone.get(code, {}), zone_number(facts, code, "needs"), list(counts))
        for code in _zones(facts)
    }
    for need, n in counts.items():
        few = [code for code, needs_ in hiding.items() if need in needs_]
        rest = n - sum(by_zone[code].get(need, 0) for code in hiding if code not in few and code in by_zone)
        supports = [_support(by_zone[code].get(need, 0), zone_number(facts, code, "needs").n) for code in few]
        if few and (len(few) < FEW or any(pinned(supports, rest))):
            untold |= {need}
    return untold


def _few_mentions(counts: Mapping[str, int], number: Told, codes: Sequence[str] = ()) -> frozenset[str]:
    """The needs that one or two persons mention, and others beside them: all mentions together are three a person."""
    counts = {**dict.fromkeys(codes, 0), **counts}
    untold = {code for code, n in counts.items() if 0 < n < THRESHOLD}
    while untold:
        chosen = sorted(untold)
        supports = [_support(counts[code], number.n) for code in chosen]
        found = pinned(supports, sum(counts[code] for code in chosen))
        if not any(each for each, code in zip(found, chosen, strict=True) if counts[code] < THRESHOLD):
            break
        left = [code for code, n in counts.items() if code not in untold and n]
        if not left:
            return frozenset(counts)
        untold.add(min(left, key=lambda code: (counts[code], code)))
    return frozenset(untold)


def _support(mentions: int, n: int) -> range:
    return range(1, THRESHOLD) if 0 < mentions < THRESHOLD else range(n + 1)


@memo_in_process
def mentions_by_zone(facts: Facts) -> Mapping[str, Mapping[str, int]]:
    """zone → need → respondents who put it among their first, without the groups that are left out."""
    small, known = groups_left_out(facts), {group.code for group in facts.config.groups}
    zones: dict[str, Counter[str]] = {}
    for zone, ranked in ranked_by_zone(facts).items():
        for group, by in ranked.by_group_and_sex.items():
            if (zone, group if group in known else NO_GROUP) not in small:
                for ballots in by.values():
                    zones.setdefault(zone, Counter()).update(ballots.mentions)
    return dict(sorted(zones.items()))


# ── ratings ─────────────────────────────────────────────────────────────────


@memo_in_process
def _ratings_hidden(facts: Facts) -> frozenset[tuple[str, str]]:
    """(rating, need) that one or two persons gave in a zone, where fewer than three zones hide theirs."""
    if facts.zone is not None:
        return frozenset()
    codes = {*_zones(facts)}
    hiding: dict[tuple[str, str], int] = {}
    for zone, by_cell in ratings_by_zone(facts).items():
        for cell, n in by_cell.items():
            if zone in codes and not publishable(n):
                hiding[cell] = hiding.get(cell, 0) + 1
    return frozenset(cell for cell, n in hiding.items() if n < FEW)


def ratings_by_zone(facts: Facts) -> dict[str, Counter[tuple[str, str]]]:
    """zone → (rating, need) → how many rated it so, without the groups that are left out."""
    small, known = groups_left_out(facts), {group.code for group in facts.config.groups}
    zones: dict[str, Counter[tuple[str, str]]] = {}
    for zone, by_group in meaning.rated_by_zone(facts, "needs", "need", RATED).items():
        mine = zones.setdefault(zone, Counter())
        for group, by_rating in by_group.items():
            if (zone, group if group in known else NO_GROUP) not in small:
                for rating, by_need in by_rating.items():
                    for need, answers in by_need.items():
                        mine[rating, meaning.text(need)] += len(answers)
    return dict(sorted(zones.items()))


# ── sizes of groups and sexes ───────────────────────────────────────────────


def _sizes(
    facts: Facts, trait: Literal["group", "sex"], sizes: Mapping[str, int], number: Told
) -> dict[str, int | None]:
    """How many respondents each group (or sex) counts, None where that may not be printed.

    None is small, nor is the number of those who were present and did not answer; and none follows from the others: where it
    would, none of them is named.
    """
    zones = (
        {facts.zone.code: number} if facts.zone else {code: zone_number(facts, code, "needs") for code in _zones(facts)}
    )
    hiding = {zone: _sizes_hidden(facts, trait, zone, mine) for zone, mine in zones.items()}
    untold = set()
    for code in sizes:
        n_hiding = sum(code in hidden for hidden in hiding.values())
        if n_hiding and (facts.zone is not None or n_hiding < FEW):
            untold.add(code)
    # All that are told and the total tell the last one; all of them tell the total.
    if bool(untold) == number.exact:
        untold = set(sizes)
    # That a group's ranks are printed tells that it counts three at least.
    rest = number.n - sum(n for code, n in sizes.items() if code not in untold)
    if number.exact and untold and any(pinned([range(THRESHOLD, number.n + 1)] * len(untold), rest)):
        return {}
    return {code: None if code in untold else n for code, n in sizes.items()}


def _sizes_hidden(facts: Facts, trait: Literal["group", "sex"], zone: str, number: Told) -> frozenset[str]:
    """The groups (or sexes) whose number a zone's own paper does not print."""
    small = groups_left_out(facts)
    by, came = ballots_by_zone(facts, trait).get(zone, {}), present_by_trait(facts, trait).get(zone, {})
    codes = {*by, *came}
    if trait == "sex" and any(place == zone for place, _ in small):
        return frozenset(codes)
    untold = set()
    for code in codes:
        n = 0 if trait == "group" and (zone, code) in small else by.get(code, 0)
        if 0 < n < THRESHOLD or (n and 0 < abs(came.get(code, 0) - n) < THRESHOLD):
            untold.add(code)
    return frozenset(codes if bool(untold) == number.exact else untold)


@memo_over_runs
def present_by_trait(facts: Facts, trait: Literal["group", "sex"]) -> Mapping[str, Mapping[str, int]]:
    """zone → group (or sex) → persons present."""
    zones: dict[str, dict[str, int]] = {}
    known = (
        {group.code for group in facts.config.groups}
        if trait == "group"
        else {facts.config.codes.female, facts.config.codes.male}
    )
    for zone, cells in turnout(facts).zones.items():
        mine = zones.setdefault(zone or ELSEWHERE, {})
        for code, n in (
            by_sex(cells) if trait == "sex" else {code: sum(by.values()) for code, by in cells.items()}
        ).items():
            place = code if code in known else NO_GROUP
            mine[place] = mine.get(place, 0) + n
    return zones

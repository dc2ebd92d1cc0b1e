"""Shares as papers may print them: exact, rounded to one person's weight, as a band, or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kobo_sync.analysis.populations import Told
from kobo_sync.analysis.suppression import THRESHOLD, pinned

_BANDS_FROM = 10  # persons: of fewer, a band would say nothing
BAND = 0.05
FEW = 3  # zones that hide a cell: as many of them hide each other
NEAR_ZONES = 10  # zones that round a cell: as many of them leave each other open, over all questions together


@dataclass(frozen=True)
class Share:
    """A share 0..1. *sign*: "" exact to the whole percent, « ≈ », « > » or « < » (a band), « – » not told.

    *numerators*: the numbers of persons that a reader may take it for.
    """

    sign: Literal["", "≈", ">", "<", "–"]
    value: float
    numerators: tuple[int, ...]

    @property
    def exact(self) -> bool:
        """Whether the number of persons can be worked out from it: it is printed to the percent."""
        return self.sign == ""

    @property
    def few(self) -> bool:
        """Whether a small number of persons is hidden by it."""
        return self.sign not in ("", "≈")

    @property
    def drawn(self) -> float | None:
        """What a chart may draw: the share, None when there is no more than a band."""
        return self.value if self.sign in ("", "≈") else None


NOT_TOLD = Share("–", 0.0, ())


def share(k: int, told: Told) -> Share:
    """The share of *k* among the persons *told*.

    A share whose persons, or whose others, are 0, 1 or 2 is a band (« > 85 % »): that nobody or everybody is in it is hidden
    with the small numbers, so that a band tells none of the three.
    """
    if not told.shown:
        return NOT_TOLD
    n, least = told.n, min(told.candidates)
    small, large = k < THRESHOLD, n - k < THRESHOLD
    if small or large:
        numerators = sorted({m for c in told.candidates for e in range(THRESHOLD) for m in (e, c - e) if 0 <= m <= c})
        if least < _BANDS_FROM:
            return Share("–", 0.0, tuple(numerators))
        numerators = [m for m in numerators if (m < THRESHOLD) == small]
        edge = math.ceil(THRESHOLD / least / BAND - 1e-9) * BAND
        return Share("<" if small else ">", edge if small else 1 - edge, tuple(numerators))
    if told.exact:
        return Share("", k / n, (k,))
    step = max(told.step(), BAND)
    value = rounded(k / n, step)
    # Neighbouring numbers of persons leave overlapping numerators: together they are all between the ends.
    low = max(THRESHOLD, math.ceil((value - step / 2) * least - 1e-9))
    most = max(told.candidates)
    high = min(most - THRESHOLD, math.ceil((value + step / 2) * most - 1e-9) - 1)
    return Share("≈", value, tuple(range(low, high + 1)))


def over_zones(k: int, told: Told, zones: Sequence[tuple[Share, Told]]) -> Share:
    """The mission's share of *k*, whose zones print *zones* with their numbers of persons: never so exact that one of theirs follows.

    Where one or two zones hide theirs, or some round theirs, the mission says no more than what the zones say together:
    it is worked out from their prints alone.
    """
    own = share(k, told)
    if not told.shown or (told.exact and all(zone.exact for zone, _ in zones)):
        return own
    shares = [zone for zone, _ in zones]
    hiding = [zone for zone in shares if not zone.exact]
    if any(not zone.numerators for zone in shares):
        return Share("–", 0.0, ())
    rest = k - sum(zone.numerators[0] for zone in shares if zone.exact)
    n_few, n_near = sum(zone.few for zone in hiding), sum(zone.sign == "≈" for zone in hiding)
    is_open = told.exact and not 0 < n_few < FEW and not 0 < n_near < NEAR_ZONES
    if is_open and not own.few and not any(pinned([zone.numerators for zone in hiding], rest)):
        return own
    low, high = (sum(end(zone.numerators) for zone in shares) for end in (min, max))
    span = tuple(range(low, high + 1))
    printed = sum(n.n if n.near is None else n.near for _, n in zones)
    if not n_few and not own.few:
        value = sum(zone.value * (n.n if n.near is None else n.near) for zone, n in zones) / printed
        return Share("≈", rounded(value, BAND), span)
    least, most = (sum(end(n.candidates) for _, n in zones) for end in (min, max))
    if 2 * low > most:
        return Share(">", math.floor((low - 1) / most / BAND) * BAND, span)
    if 2 * high < least:
        return Share("<", math.ceil((high + 1) / least / BAND) * BAND, span)
    return Share("–", 0.0, span)


def rounded(value: float, step: float) -> float:
    """*value* to the nearest multiple of *step*, halves up."""
    return math.floor(value / step + 0.5 + 1e-9) * step


def whole_or_none(counts: Sequence[int]) -> bool:
    """Whether each of *counts* is nobody or at least three persons."""
    return all(n == 0 or n >= THRESHOLD for n in counts)

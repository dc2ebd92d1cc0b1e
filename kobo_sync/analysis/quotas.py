"""How far the quotas of zones, groups and sexes are filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kobo_sync.analysis.turnout import Turnout, by_sex
from kobo_sync.model import Zone


@dataclass(frozen=True)
class Completion:
    """Quota completion: *share* = Σ min(present, quota) / Σ quota over cells; None without quota.

    *n_present* and *quota* are persons; one who came to two zones is in the quota of each. Over one zone the total uses the
    zone's target (nᵢ / quota, which may exceed 1); over several, and per group, each cell is capped so that an overfull zone
    never hides an empty one.
    """

    n_present: int
    quota: int
    share: float | None


def completion(present: Turnout, zones: Sequence[Zone]) -> Completion:
    """Quota completion of *zones* together: one zone nᵢ / quota, several Σ min(nᵢ, quotaᵢ) / Σ quota."""
    counts = present.counts("zone")
    pairs = [(counts.get(zone.code, 0), zone.target) for zone in zones]
    return _completion(pairs, capped=len(pairs) > 1)


def completion_by_group(present: Turnout, zones: Sequence[Zone], groups: Sequence[str]) -> dict[str, Completion]:
    """The same per group: each zone's group is a cell; persons without known group are in none."""
    completions = {}
    for group in groups:
        came = [present.zones.get(zone.code, {}).get(group, {}) for zone in zones]
        pairs = [(sum(by.values()), zone.quotas.get(group, 0)) for by, zone in zip(came, zones, strict=True)]
        completions[group] = _completion(pairs, capped=len(pairs) > 1)
    return completions


def completion_by_sex(present: Turnout, zones: Sequence[Zone]) -> dict[str, Completion]:
    """The same per sex, where the config expects so many women and men."""
    cells = {zone.code: by_sex(present.zones.get(zone.code, {})) for zone in zones}
    sexes = dict.fromkeys(sex for zone in zones for sex in zone.sex_quotas)
    return {
        sex: _completion(
            [(cells[zone.code][sex], zone.sex_quotas.get(sex, 0)) for zone in zones], capped=len(zones) > 1
        )
        for sex in sexes
    }


def _completion(pairs: list[tuple[int, int]], *, capped: bool) -> Completion:
    n_present, quota = sum(n for n, _ in pairs), sum(q for _, q in pairs)
    reached = sum(min(n, q) for n, q in pairs) if capped else n_present
    return Completion(n_present, quota, reached / quota if quota else None)

"""Registered persons against the quota, per zone and group."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.roster import plan_roster
from kobo_sync.model import Facts, Finding

CODE = "DATA001"
TITLE = "Quota per zone and group"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per zone and group that is short of its quota, or over it; persons are accepted registrations."""
    config = facts.config
    roster = config.roster
    if roster is None or facts.tables[roster.form].empty:
        return
    people = plan_roster(facts.tables[roster.form], config).rows
    for zone in config.zones:
        for code, target in zone.quotas.items():
            n = sum(person["zone"] == zone.code and person["group"] == code for person in people)
            if n == target:
                continue
            group = config.group(code)
            short = n < target
            yield Finding(
                CODE,
                "warning" if short else "info",
                f"{zone.name}, {group.name if group else code}",
                f"{n} inscrits pour un quota de {target} : {abs(n - target)} {'de moins' if short else 'de plus'}",
                "inviter d’autres personnes de ce groupe"
                if short
                else "rien à faire si les organisateurs sont d’accord",
                zone=zone.code,
                form_id=roster.form,
            )

"""Registered persons against the quota, per zone and group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.persons import registered
from kobo_sync.checks.sheet import digest, registrations
from kobo_sync.model import Finding, Severity, Zone

CODE = "DATA001"
TITLE = "Quota per zone and group"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per zone and group that is short of its quota, or over it; persons are accepted registrations."""
    sheets = registrations(facts)
    if not sheets:
        return
    people = registered(facts).values()
    counts = Counter((person.zone, person.traits["group"]) for person in people)
    by_zone = Counter(person.zone for person in people)
    form_id = sheets[0].form_id
    for zone in facts.config.zones:
        has_finding = False
        for code, target in zone.quotas.items():
            group = facts.config.group(code)
            n = counts[zone.code, code]
            if n != target:
                has_finding = True
                yield _finding(zone, f"{zone.name}, {group.name if group else code}", code, n, target, form_id)
        n = by_zone[zone.code]
        if not has_finding and zone.quotas and n != zone.target:
            yield _finding(zone, f"{zone.name}, tous groupes", "", n, zone.target, form_id)


def _finding(zone: Zone, where: str, group: str, n: int, target: int, form_id: str) -> Finding:
    short = n < target
    severity: Severity = "warning" if short else "info"
    return Finding(
        CODE,
        severity,
        where,
        f"{n or 'aucun'} inscrit{'s' if n > 1 else ''} pour un quota de {target} : {abs(n - target)} {'de moins' if short else 'de plus'}",
        "inviter d’autres personnes de ce groupe" if short else "rien à faire si les organisateurs sont d’accord",
        zone=zone.code,
        form_id=form_id,
        why="le quota fixe la part de chaque groupe ; un écart déséquilibre les priorités de la zone",
        subject=f"{zone.code}/{group}",
        evidence=digest(n - target),
    )

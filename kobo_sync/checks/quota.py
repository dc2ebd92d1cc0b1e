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
    """A finding per zone and group (or sex) that is short of its quota, or over it; persons are accepted registrations."""
    sheets = registrations(facts)
    if not sheets:
        return
    counts, by_zone, by_sex = Counter[tuple[str, str]](), Counter[str](), Counter[tuple[str, str]]()
    for person in registered(facts).values():
        counts[person.zone, person.traits["group"]] += 1
        by_zone[person.zone] += 1
        by_sex[person.zone, person.traits["sex"]] += 1
    form_id = sheets[0].form_id
    for zone in facts.config.zones:
        has_finding = False
        for code, target in zone.quotas.items():
            group = facts.config.group(code)
            n = counts[zone.code, code]
            if n != target:
                has_finding = True
                yield _finding(zone, f"{zone.name}, {group.name if group else code}", code, n, target, form_id)
        for sex, target in zone.sex_quotas.items():
            n = by_sex[zone.code, sex]
            if n != target:
                has_finding = True
                who = "women" if sex == facts.config.codes.female else "men"
                yield _finding(zone, f"{zone.name}, {who}", f"sex:{sex}", n, target, form_id)
        n = by_zone[zone.code]
        if not has_finding and zone.target and n != zone.target:
            where = f"{zone.name}, all groups" if zone.quotas else zone.name
            yield _finding(zone, where, "", n, zone.target, form_id)


def _finding(zone: Zone, where: str, group: str, n: int, target: int, form_id: str) -> Finding:
    short = n < target
    severity: Severity = "warning" if short else "info"
    if n:
        message = f"{n} registered for a quota of {target}: {abs(n - target)} {'fewer' if short else 'more'}"
    else:
        message = f"nobody registered for a quota of {target}: {target} fewer"
    return Finding(
        CODE,
        severity,
        where,
        message,
        ("invite more persons of this group" if group else "invite more persons")
        if short
        else "nothing to do if the organisers agree",
        zone=zone.code,
        form_id=form_id,
        why="the quota sets each group's share; a gap unbalances the zone's priorities"
        if group or zone.quotas
        else "the zone's results are those of as many persons as were expected",
        subject=f"{zone.code}/{group}",
        evidence=digest(n - target),
    )

"""What the checks find, with what people have decided about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import msgspec

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget
from kobo_sync.checks import ZonePart, checks_of, run_checks, run_in_forms, run_over_zones, zone_part
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk.worklist import counts_by_zone, states_of
from kobo_sync.errors import ConfigError
from kobo_sync.mission.facts import Marks, batches, facts_of_zones, rests_on, state_of
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.own_modules import let_import_own_modules
from kobo_sync.model import Finding
from kobo_sync.workspace.result_cache import hashed, held_once

_FEW_TEXTS = ("rule", "severity", "message", "hint", "zone", "form_id", "enumerator", "why", "state")  # that many say


def all_findings(mission: Mission, facts: Facts) -> tuple[Finding, ...]:
    """What all checks find in *facts*; a mission's own may lie in its folder. Raises: ConfigError."""
    _known(mission)
    return run_checks(facts)


def findings_by_zone(mission: Mission, whole: Callable[[], Facts], facts: Facts, marks: Marks) -> tuple[Finding, ...]:
    """The same, zone by zone: only zones whose rows changed since the last time are read and checked again.

    *whole* gives the columns that zones are compared by, when they are needed; *facts* the same facts, whose tables are
    not looked at. A mission's own checks see all rows at once. Raises: ConfigError.
    """
    if mission.config.checks.extra:
        return all_findings(mission, facts)
    _known(mission)
    shared = rests_on(mission, facts)
    key = hashed([shared, marks.whole.state, *(f"{code} {mark.state}" for code, mark in sorted(marks.zones.items()))])
    findings = mission.workspace.cache.get("findings", key, tuple[Finding, ...])
    if findings is not None:
        held_once(findings, _FEW_TEXTS)
    else:
        findings = run_over_zones(whole(), _parts(mission, facts, marks, shared))
        mission.workspace.cache.put("findings", key, findings)
    return findings


def check_zones(mission: Mission, facts: Facts, marks: Marks) -> None:
    """Keep the part of `findings_by_zone` that reads each zone's rows alone. Raises: as that."""
    if not mission.config.checks.extra:
        _known(mission)
        _parts(mission, facts, marks, rests_on(mission, facts))


def check_forms(mission: Mission, whole: Facts) -> None:
    """Keep the part of `findings_by_zone` that reads each form's rows alone. Raises: as that."""
    if not mission.config.checks.extra:
        _known(mission)
        run_in_forms(whole)


def n_to_check(mission: Mission, facts: Facts, marks: Marks) -> int:
    """How many zones `findings_by_zone` would read; none of a mission with checks of its own, nor of one as it was once."""
    if mission.config.checks.extra or mission.store.is_past:
        return 0
    previous = (
        mission.workspace.cache.get("checked-zones", rests_on(mission, facts), dict[str, tuple[str, msgspec.Raw]]) or {}
    )
    due = [batch for batch in batches(marks) if previous.get(batch[0], ("",))[0] != state_of(marks, batch)]
    return sum(bool(sum(marks.zones[code].counts.values())) for batch in due for code in batch)


def _parts(mission: Mission, facts: Facts, marks: Marks, shared: str) -> list[ZonePart]:
    """The part of each few zones: that of the last run where nothing changed in them since."""
    previous = mission.workspace.cache.get("checked-zones", shared, dict[str, tuple[str, ZonePart]]) or {}
    parts: dict[str, tuple[str, ZonePart]] = {}
    for batch in batches(marks):
        state = state_of(marks, batch)
        if batch[0] in previous and previous[batch[0]][0] == state:
            parts[batch[0]] = previous[batch[0]]
        elif any(any(marks.zones[code].counts.values()) for code in batch):
            parts[batch[0]] = (state, zone_part(facts_of_zones(mission, facts, batch)))
            forget()
    if parts != previous:
        mission.workspace.cache.put("checked-zones", shared, parts)
    return [part for _, part in parts.values()]


def _known(mission: Mission) -> None:
    let_import_own_modules(mission)
    checks = mission.config.checks
    codes = {check.code for check in checks_of(checks.extra)}
    unknown = sorted(set(checks.hold) - codes)
    if unknown:
        hint = f"the codes are: {', '.join(sorted(codes))}"
        raise ConfigError(f"{unknown[0]!r} is the code of no check", file=MISSION_FILE, key="checks.hold", hint=hint)


def with_states(mission: Mission, facts: Facts, findings: tuple[Finding, ...]) -> Facts:
    """*facts* with the findings in their states, false alarms left out, and the counts by zone and state.

    Items that were corrected are counted from the worklist. Raises: StoreError.
    """
    with_state = states_of(mission.desk, findings).values()
    triage: dict[str, Counter[str]] = {}
    for finding, state in with_state:
        triage.setdefault(finding.zone, Counter())[state] += 1
    for zone, counts in counts_by_zone(mission.desk).items():
        if counts.get("corrected"):
            triage.setdefault(zone, Counter())["corrected"] = counts["corrected"]
    findings_shown = tuple(replace(finding, state=state) for finding, state in with_state if state != "false_alarm")
    return replace(
        facts, findings=findings_shown, triage={zone: dict(sorted(n.items())) for zone, n in sorted(triage.items())}
    )

"""Data checks over the whole mirror."""

from __future__ import annotations

from collections import Counter

from kobo_sync.checks import run_checks
from kobo_sync.facts import gather_facts
from kobo_sync.mission import Mission
from kobo_sync.model import Report


def check(mission: Mission) -> Report:
    """What the checks find in the data held now; nothing is changed. Raises: StoreError, ConfigError, FormError."""
    started_at = mission.clock()
    findings = run_checks(gather_facts(mission))
    counts = Counter(finding.rule for finding in findings)
    lines = [f"{rule}: {n}" for rule, n in sorted(counts.items())] or ["nothing found"]
    return mission.report("check", started_at, counts, list(findings), lines)

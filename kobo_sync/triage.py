"""What the checks find, with what people have decided about it."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

from kobo_sync.checks import checks_of, run_checks
from kobo_sync.config import MISSION_FILE
from kobo_sync.desk.worklist import counts_by_zone, states_of
from kobo_sync.errors import ConfigError
from kobo_sync.mission import Mission
from kobo_sync.model import Facts, Finding


def found_in(mission: Mission, facts: Facts) -> tuple[Finding, ...]:
    """What all checks find in *facts*; a mission's own may lie in its folder. Raises: ConfigError."""
    root = str(mission.workspace.root)
    if mission.config.checks.extra and root not in sys.path:
        sys.path.append(root)  # last, so that no file of a mission hides a module of ours
    checks = mission.config.checks
    known = {check.code for check in checks_of(checks.extra)}
    unknown = sorted(set(checks.hold) - known)
    if unknown:
        hint = f"the codes are: {', '.join(sorted(known))}"
        raise ConfigError(f"{unknown[0]!r} is the code of no check", file=MISSION_FILE, key="checks.hold", hint=hint)
    return run_checks(facts)


def with_states(mission: Mission, facts: Facts, found: tuple[Finding, ...]) -> Facts:
    """*facts* with the findings in their states, false alarms left out, and the counts by zone and state.

    Items that were corrected are counted from the worklist. Raises: StoreError.
    """
    said = states_of(mission.desk, found).values()
    triage: dict[str, Counter[str]] = {}
    for finding, state in said:
        triage.setdefault(finding.zone, Counter())[state] += 1
    for zone, counts in counts_by_zone(mission.desk).items():
        if counts.get("corrected"):
            triage.setdefault(zone, Counter())["corrected"] = counts["corrected"]
    shown = tuple(replace(finding, state=state) for finding, state in said if state != "false_alarm")
    return replace(facts, findings=shown, triage={zone: dict(sorted(n.items())) for zone, n in sorted(triage.items())})

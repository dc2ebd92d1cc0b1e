"""Rows whose zone the config does not know: they reach no zone's deliverables."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import sheets
from kobo_sync.model import Finding

CODE = "DATA003"
TITLE = "Zone unknown to the config"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per row, naming the submission and the unknown code."""
    codes = {zone.code for zone in facts.config.zones}
    for sheet in sheets(facts):
        if not sheet.has("zone"):
            continue
        for at, zone in enumerate(sheet.zones):
            if zone in codes:
                continue
            yield sheet.finding(
                at,
                CODE,
                "warning",
                f"the zone “{zone[:40]}” is not in config/zones.csv" if zone else "the zone is missing",
                why="without a known zone the submission enters the deliverables of no zone",
                hint="correct the answer on the server, or add the zone to config/zones.csv",
                evidence=[zone],
            )

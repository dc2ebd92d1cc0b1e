"""Rows whose answers changed after a reviewer approved them: the approval no longer covers what they say."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import sheets
from kobo_sync.model import Finding

CODE = "DATA023"
TITLE = "Approved row changed afterwards"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per approved row whose answers are not those that were approved."""
    if not facts.reworked:
        return
    for sheet in sheets(facts):
        approved = sheet.column("validation")
        for at, root in enumerate(sheet.roots):
            if root in facts.reworked and approved[at] == "approved":
                yield sheet.finding(
                    at,
                    CODE,
                    "warning",
                    "approved, then changed: the approval does not hold for the new answers",
                    why="what is published is no longer what was reviewed",
                    hint="review it (kobo-sync history shows what has changed), then approve it again or refuse it",
                    evidence=[facts.reworked[root]],
                )

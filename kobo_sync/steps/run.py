"""The whole job once: pull, roster, check, build, deliver."""

from __future__ import annotations

from collections.abc import Callable

from kobo_sync.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import refresh_roster

STEPS: tuple[tuple[str, Callable[[Mission], Report]], ...] = (
    ("pull", pull),
    ("roster", refresh_roster),
    ("check", lambda mission: check(mission, write_back=mission.config.checks.write_back)),
    ("build", build),
    ("deliver", deliver),
)


def run(mission: Mission, *, done: Callable[[Report], None] = lambda _report: None) -> Report:
    """Carry out every step in order; *done* is told of each as it ends. Raises: as the steps do."""
    started_at = mission.clock()
    counts: dict[str, int] = {}
    findings: list[Finding] = []
    lines: list[str] = []
    for name, step in STEPS:
        report = step(mission)
        done(report)
        counts |= {f"{name}.{key}": n for key, n in report.counts.items()}
        findings += report.findings
        lines += report.lines
    return mission.report("run", started_at, counts, findings, lines)

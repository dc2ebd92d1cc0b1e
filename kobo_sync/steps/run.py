"""The whole job once: pull, roster, check, analyse, build, deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import refresh_roster

Step = tuple[str, Callable[[Mission], Report]]

STEPS: tuple[Step, ...] = (
    ("pull", pull),
    ("roster", refresh_roster),
    ("check", lambda mission: check(mission, write_back=mission.config.checks.write_back)),
    ("analyse", analyse),
    ("build", build),
    ("deliver", deliver),
)


def run(mission: Mission, *, done: Callable[[Report], None] = lambda _report: None) -> Report:
    """Carry out every step in order; *done* is told of each as it ends. Raises: as the steps do."""
    return in_turn(mission, "run", STEPS, done=done)


def in_turn(
    mission: Mission,
    name: str,
    steps: Sequence[Step],
    reports: Sequence[Report] = (),
    *,
    done: Callable[[Report], None] = lambda _report: None,
) -> Report:
    """One report called *name* of what was *reports* so far and of *steps*, carried out in order."""
    done_reports = list(reports)
    started_at = done_reports[0].started_at if done_reports else mission.clock()
    for _, step in steps:
        done_reports.append(step(mission))
        done(done_reports[-1])
    counts: dict[str, int] = {}
    findings: list[Finding] = []
    lines: list[str] = []
    for report in done_reports:
        counts |= {f"{report.step}.{key}": n for key, n in report.counts.items()}
        findings += report.findings
        lines += report.lines
    return mission.report(name, started_at, counts, findings, lines)

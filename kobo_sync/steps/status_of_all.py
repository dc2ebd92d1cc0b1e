"""How all missions of a folder stand: a line each, and what is at fault."""

from __future__ import annotations

from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.federation import Federation
from kobo_sync.model import Finding, Report
from kobo_sync.steps.status import ago, status


def status_of_all(federation: Federation) -> tuple[Report, int]:
    """(the report, the worst exit code): per mission its rows, the age of its last complete look, what fails.

    Counts are those of `status`, under ``<mission>.``. One mission at fault is a finding of it, and the others are told.
    Raises: StoreError when the folder cannot be read.
    """
    started_at = federation.clock()
    counts: dict[str, int] = {}
    lines, findings, exit_code = [], [], 0
    names = federation.names()
    for name in names:
        try:
            line, figures, has_errors = _line(federation, name)
        except KoboSyncError as error:
            findings.append(Finding("MISSION001", "error", name, error.message, error.hint))
            lines.append(f"✗ {name}: {error.message}")
            exit_code = max(exit_code, error.exit_code)
            continue
        lines.append(line)
        counts |= {f"{name}.{key}": n for key, n in figures.items()}
        exit_code = max(exit_code, int(has_errors))
    counts |= {"missions": len(names), "at_fault": len(findings)}
    if not names:
        lines.append("there is no mission here: make one with `kobo-sync init FOLDER/NAME`")
    return Report("status", started_at, federation.clock(), counts, tuple(findings), tuple(lines)), exit_code


def _line(federation: Federation, name: str) -> tuple[str, dict[str, int], bool]:
    mission = federation.open(name)
    try:
        report = status(mission)
        now = federation.clock()
        holdings = mission.store.holdings(list(mission.config.forms))
        mission.reader()  # says what is missing
    finally:
        mission.close()
    marks = [line.removeprefix("! ") for line in report.lines if line.startswith("! ")]
    pulled = min((each.pulled_at for each in holdings if each.pulled_at), default=None)
    age = f"pulled {ago(now, pulled)} ago" if pulled else "never pulled"
    rows = f"{report.counts['live']:,} rows, {report.counts['files_missing']:,} files missing"
    sign = "!" if marks else "✓"
    return "\n    ".join([f"{sign} {name}: {rows}, {age}", *marks]), dict(report.counts), report.has_errors

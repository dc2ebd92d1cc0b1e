"""How reports and findings are shown to people, and to programs as JSON."""

from __future__ import annotations

import json
import os

import click
from rich.console import Console

from kobo_sync.model import Finding, Report

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
if os.environ.get("NO_COLOR"):
    out.no_color = err.no_color = True


def print_report(report: Report, *, as_json: bool) -> None:
    """Print a report: its lines and findings, or one JSON object."""
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
        return
    for line in report.lines:
        out.print(escaped(line))
    for finding in report.findings:
        print_finding(finding)


def print_finding(finding: Finding) -> None:
    """Print a finding and its cure, to the error stream."""
    known = ", ".join(filter(None, (finding.zone, finding.enumerator, finding.state)))
    about = f" ({known})" if known and finding.why else ""  # of a data check: who sent it from where, and its state
    err.print(
        f"[{COLOURS[finding.severity]}]{finding.severity}[/] {finding.rule} {escaped(finding.where + about)}: "
        f"{escaped(finding.message)}"
    )
    if finding.why:
        err.print(f"  {escaped(finding.why)}")
    if finding.hint:
        err.print(f"  → {escaped(finding.hint)}")


def escaped(text: str) -> str:
    """The text with rich's markup made harmless."""
    return text.replace("[", "\\[")


def summary(report: Report | None) -> str:
    """The counts of a report in one line; empty without one."""
    if report is None:
        return ""
    counts = ", ".join(f"{n} {key}" for key, n in report.counts.items() if n and "." not in key)
    return f": {counts}" if counts else ""

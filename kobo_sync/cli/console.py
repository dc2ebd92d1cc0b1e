"""How reports and findings are shown to people, and to programs as JSON."""

from __future__ import annotations

import io
import json
import os
import sys

import click

from kobo_sync.model import Finding, Report

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def say(text: str) -> None:
    """Print a line."""
    click.echo(text)


def warn(text: str) -> None:
    """Print a line to the error stream."""
    click.echo(text, err=True)


def print_report(report: Report, *, as_json: bool) -> None:
    """Print a report: its lines and findings, or one JSON object."""
    if as_json:
        say(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
        return
    for line in report.lines:
        say(line)
    for finding in report.findings:
        print_finding(finding)


def print_finding(finding: Finding) -> None:
    """Print a finding and its cure, to the error stream."""
    origin = ", ".join(filter(None, (finding.zone, finding.enumerator, finding.state)))
    about = f" ({origin})" if origin and finding.why else ""  # of a data check: who sent it from where, and its state
    severity = _coloured(finding.severity, COLOURS[finding.severity])
    warn(f"{severity} {finding.rule} {finding.where}{about}: {finding.message}")
    if finding.why:
        warn(f"  {finding.why}")
    if finding.hint:
        warn(f"  → {finding.hint}")


def print_error(message: str, hint: str) -> None:
    """Print why a verb failed, and the cure, to the error stream."""
    warn(f"{_coloured('error:', 'red')} {message}")
    if hint:
        warn(f"  → {hint}")


def summary(report: Report | None) -> str:
    """The counts of a report in one line; empty without one."""
    if report is None:
        return ""
    counts = ", ".join(f"{n} {key}" for key, n in report.counts.items() if n and "." not in key)
    return f": {counts}" if counts else ""


def print_anything() -> None:
    """Let the streams print every text: what a terminal cannot show is written as its code, never a failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _coloured(text: str, colour: str) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)

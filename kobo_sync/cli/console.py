"""How reports and findings are shown to people, and to programs as JSON."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING

import click

from kobo_sync.model import Finding, Report

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def say(text: str) -> None:
    """Print a line as it is."""
    console(to_errors=False).print(_escaped(text))


def warn(text: str) -> None:
    """Print a line to the error stream as it is."""
    console(to_errors=True).print(_escaped(text))


def print_report(report: Report, *, as_json: bool) -> None:
    """Print a report: its lines and findings, or one JSON object."""
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
        return
    for line in report.lines:
        say(line)
    for finding in report.findings:
        print_finding(finding)


def print_finding(finding: Finding) -> None:
    """Print a finding and its cure, to the error stream."""
    origin = ", ".join(filter(None, (finding.zone, finding.enumerator, finding.state)))
    about = f" ({origin})" if origin and finding.why else ""  # of a data check: who sent it from where, and its state
    console(to_errors=True).print(
        f"[{COLOURS[finding.severity]}]{finding.severity}[/] {finding.rule} {_escaped(finding.where + about)}: "
        f"{_escaped(finding.message)}"
    )
    if finding.why:
        warn(f"  {finding.why}")
    if finding.hint:
        warn(f"  → {finding.hint}")


def print_error(message: str, hint: str) -> None:
    """Print why a verb failed, and the cure, to the error stream."""
    console(to_errors=True).print(f"[red]error:[/red] {_escaped(message)}")
    if hint:
        warn(f"  → {hint}")


def summary(report: Report | None) -> str:
    """The counts of a report in one line; empty without one."""
    if report is None:
        return ""
    counts = ", ".join(f"{n} {key}" for key, n in report.counts.items() if n and "." not in key)
    return f": {counts}" if counts else ""


@cache
def console(*, to_errors: bool) -> Console:
    """The terminal, or whatever stands in its place; rich is loaded with the first line, since `--help` prints none."""
    from rich.console import Console

    return Console(stderr=to_errors, highlight=False, soft_wrap=True, no_color=bool(os.environ.get("NO_COLOR")))


def _escaped(text: str) -> str:
    """The text with rich's markup made harmless."""
    return text.replace("[", "\\[")

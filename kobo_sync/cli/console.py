"""How reports and findings are shown to people, and to programs as JSON."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping

import click

from kobo_sync.cli.tongue import colon, comma, language, told
from kobo_sync.language.clean_text import clean
from kobo_sync.model import Finding, Report

COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def say(text: str) -> None:
    """Print a line, in the run's language."""
    click.echo(_shown(text))


def warn(text: str) -> None:
    """Print a line to the error stream, in the run's language."""
    click.echo(_shown(text), err=True)


def print_report(report: Report, *, as_json: bool) -> None:
    """Print a report: its lines and findings, or one JSON object, which is English."""
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
        return
    for line in report.lines:
        say(line)
    for finding in report.findings:
        print_finding(finding)


def print_reports_as_json(reports: Mapping[str, Report]) -> None:
    """Print several reports as one JSON object, by their names."""
    content = {name: report.as_json() for name, report in reports.items()}
    click.echo(json.dumps(content, ensure_ascii=False, indent=2))


def print_finding(finding: Finding) -> None:
    """Print a finding and its cure, to the error stream."""
    origin = comma().join(filter(None, (finding.zone, finding.enumerator, told(finding.state))))
    about = f" ({origin})" if origin and finding.why else ""  # of a data check: who sent it from where, and its state
    severity = _coloured(told(finding.severity), COLOURS[finding.severity])
    # One word is the name of a form or a zone, which may be a word of ours: `participants`; but what doctor looks at.
    is_name = " " not in finding.where and not finding.rule.startswith("DOCTOR")
    where = clean(finding.where) if is_name else _shown(finding.where)
    place = f"{severity} {finding.rule} {where}{about}{colon()}"
    click.echo(f"{place} {_shown(finding.message)}", err=True)
    if finding.why:
        warn(f"  {finding.why}")
    if finding.hint:
        click.echo(f"  → {_shown(finding.hint)}", err=True)


def print_error(message: str, hint: str) -> None:
    """Print why a verb failed, and the cure, to the error stream."""
    mark = _coloured(f"{told('error')}{colon()}", "red")
    click.echo(f"{mark} {_shown(message)}", err=True)
    if hint:
        click.echo(f"  → {_shown(hint)}", err=True)


def print_usage(error: click.ClickException) -> None:
    """Print how a verb is used, and what is wrong with how it was, to the error stream."""
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(context.get_usage(), err=True)
        warn(f"Try '{context.command_path} --help' for help.")
        click.echo(err=True)
    click.echo(f"{told('Error')}{colon()} {told(error.format_message())}", err=True)


def ask_password() -> str:
    """A password that the person types twice. Raises: click.Abort."""
    while True:
        password = click.prompt(told("password"), hide_input=True, prompt_suffix=f"{colon()} ")
        again = click.prompt(told("Repeat for confirmation"), hide_input=True, prompt_suffix=f"{colon()} ")
        if password == again:
            return str(password)
        warn("Error: The two entered values do not match.")


def summary(report: Report | None) -> str:
    """The counts of a report in one line; empty without one, and where their English names would stand in another language."""
    if report is None or language() != "en":
        return ""
    counts = ", ".join(
        f"{n:,} {(key.removesuffix('s') if n == 1 else key).replace('_', ' ')}"
        for key, n in report.counts.items()
        if n and "." not in key
    )
    return f": {counts}" if counts else ""


def print_anything() -> None:
    """Let the streams print every text: what a terminal cannot show is written as its code, never a failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _shown(text: str) -> str:
    """*text* in the run's language; what somebody typed in it neither turns the line nor commands the terminal."""
    return told(clean(text))


def _coloured(text: str, colour: str) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)

"""The verbs of forms: judged, compared, published, printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kobo_sync.cli.verb import (
    FOLDER,
    SEE_EXIT_CODES,
    as_one_json,
    cli,
    in_workspace,
    leave_with,
    refuse_unknown_forms,
    verb,
)
from kobo_sync.errors import ConfigError

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report


@cli.command(name="lint", epilog=SEE_EXIT_CODES)
@click.argument("files", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="How to print the findings.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--fast", is_flag=True, help="Leave out ODK Validate, which needs Java.")
@in_workspace
def lint_command(files: tuple[Path, ...], shape: str, as_json: bool, fast: bool, workspace: Path | None) -> None:
    """Judge the mission's forms, or any XLSForm FILES.

    A file may be xlsx, xls, md or csv; unchanged forms cost nothing.
    """
    from kobo_sync.cli.console import print_finding, say
    from kobo_sync.mission.mission import open_mission
    from kobo_sync.steps.lint import lint_files, lint_mission, sarif

    if files:
        linted = lint_files(files, None, validate=not fast)
    else:
        with open_mission(workspace) as mission:
            linted = lint_mission(mission, validate=not fast)
    findings = [finding for form in linted for finding in form.findings]
    if shape == "sarif":
        click.echo(json.dumps(sarif(linted), ensure_ascii=False, indent=2))
    elif shape == "json" or as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            print_finding(finding)
        for form in linted:
            for line in form.classes:
                say(line)
        for form in linted:
            say(f"{form.file}: {len(form.findings)} findings{' (unchanged)' if form.cached else ''}")
    sys.exit(1 if any(finding.severity == "error" for finding in findings) else 0)


@verb(name="diff")
@click.argument("form_ids", nargs=-1)
@click.option(
    "--against",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Compare with this workbook, not the deployed form.",
)
def diff_command(mission: Mission, form_ids: tuple[str, ...], against: Path | None) -> Report:
    """Tell what deploying would change, and which answers it touches."""
    from kobo_sync.steps.diff import diff

    refuse_unknown_forms(mission, form_ids)
    if against and len(form_ids) != 1:
        raise click.UsageError("--against compares one form: name it")
    return diff(mission, form_ids=form_ids, against=against)


@verb("deploy", name="deploy")
@click.argument("form_ids", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Print the plan; send nothing.")
@click.option(
    "--despite", multiple=True, metavar="CODE", help="Do what the finding CODE refuses (DEPLOY001, …); may be repeated."
)
@click.option(
    "--force", is_flag=True, help="Replace a form that was changed or archived on the server (DEPLOY001, 005)."
)
def deploy_command(
    mission: Mission, form_ids: tuple[str, ...], dry_run: bool, despite: tuple[str, ...], force: bool
) -> Report:
    """Compile, validate and publish forms and media; skip the unchanged.

    What would lose or replace something is refused, each kind by a code of its own; --despite names it.
    """
    from kobo_sync.steps.deploy import deploy
    from kobo_sync.steps.deploy_plan import ARCHIVED, CHANGED, REFUSALS

    refuse_unknown_forms(mission, form_ids)
    for code in despite:
        if code not in REFUSALS:
            raise click.BadParameter(f"{code!r} refuses nothing: {', '.join(sorted(REFUSALS))}", param_hint="--despite")
    overridden = {*despite, *((CHANGED, ARCHIVED) if force else ())}
    return deploy(mission, form_ids=form_ids, dry_run=dry_run, despite=overridden)


@cli.command(name="print", epilog=SEE_EXIT_CODES)
@click.argument("form")
@click.option("--lang", "language", default="", metavar="CODE", help="Language (default: the form's).")
@click.option("--copies", default=3, show_default=True, type=click.IntRange(1, 30), help="Blank copies of a repeat.")
@click.option("--codebook", "as_codebook", is_flag=True, help="Make the codebook (xlsx) instead.")
@click.option("--output", type=FOLDER, help="Where to write (default: exports/out/questionnaires).")
@in_workspace
@as_one_json
def print_command(workspace: Path | None, as_json: bool, **options: Any) -> None:
    """Put FORM on paper: one of the mission's, or any XLSForm file.

    Writes the questionnaire as docx and pdf, right to left for Arabic; with --codebook the list of
    questions and choices, and what each answer is used for.
    """
    from kobo_sync.mission.mission import open_mission

    if workspace is None and not _in_mission():
        report = _printed(None, **options)
    else:
        with open_mission(workspace) as mission:
            report = _printed(mission, **options)
    leave_with(report, as_json=as_json)


@cli.command(name="textconv", epilog=SEE_EXIT_CODES)
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def textconv_command(file: Path) -> None:
    """Print a workbook as text, a line per cell, for git diff.

    kobo-sync guide operations tells how git is told of it.
    """
    from kobo_sync.forms.sheets import read_book

    for sheet in read_book(file.read_bytes(), file.name).sheets:
        for row in sheet.rows:
            name = next((row.cells[key] for key in ("name", "form_id") if row.cells.get(key)), str(row.number))
            for header, text in row.cells.items():
                click.echo(f"{sheet.name} {name} {header}: {text}")


def _printed(
    mission: Mission | None, *, form: str, language: str, copies: int, as_codebook: bool, output: Path | None
) -> Report:
    from kobo_sync.steps.print import print_codebook, print_form

    if as_codebook:
        return print_codebook(mission, form, output=output)
    return print_form(mission, form, language=language, output=output, copies=copies)


def _in_mission() -> bool:
    from kobo_sync.workspace.folders import find

    try:
        find(Path.cwd())
    except ConfigError:
        return False
    return True

"""The verbs that print: questionnaires, codebooks, enrolment codes, badges; `verbs` takes them in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kobo_sync.errors import ConfigError
from kobo_sync.mission.mission import Mission, open_mission
from kobo_sync.model import Report
from kobo_sync.workspace.folders import find

_FOLDER = click.Path(file_okay=False, path_type=Path)


def add_paper_verbs(
    cli: click.Group,
    verb: Callable[..., Callable[[Callable[..., Any]], click.Command]],
    show: Callable[..., None],
    epilog: str,
) -> None:
    """Give *cli* the verbs ``print`` and ``enrol``; *verb* makes commands of steps, *show* prints a report."""

    @cli.command(name="print", epilog=epilog)
    @click.argument("form")
    @click.option("--lang", "language", default="", metavar="CODE", help="Language (default: the form's).")
    @click.option(
        "--copies", default=3, show_default=True, type=click.IntRange(1, 30), help="Blank copies of a repeat."
    )
    @click.option("--codebook", "as_codebook", is_flag=True, help="Make the codebook (xlsx) instead.")
    @click.option("--output", type=_FOLDER, help="Where to write (default: exports/out/questionnaires).")
    @click.option("--workspace", type=_FOLDER, help="The mission's folder (default: this one or above).")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
    def print_command(workspace: Path | None, as_json: bool, **options: Any) -> None:
        """Put FORM on paper: a form of the mission, or any XLSForm file (then no mission is needed).

        Writes the questionnaire as docx and pdf, right to left for Arabic; with --codebook the list of
        questions and choices, and what each answer is used for.
        """
        if workspace is None and not _in_mission():
            report = _printed(None, **options)
        else:
            with open_mission(workspace) as mission:
                report = _printed(mission, **options)
        show(report, as_json=as_json)
        sys.exit(1 if report.has_errors else 0)

    @verb(name="enrol")
    @click.argument("user", required=False, default="")
    @click.option("--name", default="", help="The enumerator's name, printed on the sheet.")
    @click.option(
        "--all",
        "people",
        type=click.Path(dir_okay=False, exists=True, path_type=Path),
        help="A CSV of enumerators: columns user, name.",
    )
    @click.option("--language", type=click.Choice(["fr", "ar"]), default="fr", show_default=True, help="Of the app.")
    @click.option("--with-password", is_flag=True, help="Put the password in COLLECT_PASSWORD into the code.")
    @click.option("--badges", is_flag=True, help="Make badges for the participants instead.")
    @click.option("--zone", default="", metavar="CODE", help="Badges of this zone only.")
    @click.option("--blank", default=0, type=click.IntRange(0, 999), help="Badges with codes only, so many for --zone.")
    @click.option("--output", type=_FOLDER, help="Where to write (default: exports/out/enrolment or badges).")
    def enrol_command(mission: Mission, user: str, badges: bool, zone: str, blank: int, **options: Any) -> Report:
        """Make QR codes that set up KoboCollect for USER, or badges with bar codes for participants.

        A code holds the server and the user's name, and no password unless --with-password asks for it.
        """
        from kobo_sync.steps.enrol import badge_sheets, enrol

        if badges:
            return badge_sheets(mission, zone=zone, n_blank=blank, output=options["output"])
        if bool(user) == bool(options["people"]):
            raise click.UsageError("give one USER, or --all FILE.csv, or --badges")
        return enrol(mission, user=user, **options)


def _printed(
    mission: Mission | None, *, form: str, language: str, copies: int, as_codebook: bool, output: Path | None
) -> Report:
    from kobo_sync.steps.print import print_codebook, print_form

    if as_codebook:
        return print_codebook(mission, form, output=output)
    return print_form(mission, form, language=language, output=output, copies=copies)


def _in_mission() -> bool:
    try:
        find(Path.cwd())
    except ConfigError:
        return False
    return True

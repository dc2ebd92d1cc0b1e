"""The verbs of data: checks, the past of a submission, exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kobo_sync.cli.verb import FOLDER, verb

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report


@verb("check", name="check")
@click.option("--write-back", is_flag=True, help="Put rows with open findings of checks.hold on hold on the server.")
@click.option("--dry-run", is_flag=True, help="Change neither the worklist nor the server.")
def check_command(mission: Mission, write_back: bool, dry_run: bool) -> Report:
    """Look for faults in the data, and bring the worklist up to date."""
    from kobo_sync.steps.analyse import then_figures
    from kobo_sync.steps.check import check

    report = check(mission, write_back=write_back, dry_run=dry_run)
    return report if dry_run else then_figures(mission, report)


@verb(name="history")
@click.argument("submission")
def history_command(mission: Mission, submission: str) -> Report:
    """Tell what changed in SUBMISSION (its id or uuid), edit by edit."""
    from kobo_sync.steps.history import history

    return history(mission, submission)


@verb("export", name="export")
@click.argument("shape", type=click.Choice(["csv", "xlsx", "parquet", "sav", "dta", "geojson"]))
@click.option(
    "--output", type=FOLDER, help="Where to write (default: exports/out/data; donnees where documents are in French)."
)
@click.option("--nominative", is_flag=True, help="Keep names, phones and positions; this is logged.")
def export_command(mission: Mission, shape: str, output: Path | None, nominative: bool) -> Report:
    """Write the data for analysts, pseudonymised, with a codebook."""
    from kobo_sync.steps.export import export

    return export(mission, shape, output=output, nominative=nominative)

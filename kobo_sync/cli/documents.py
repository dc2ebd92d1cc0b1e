"""The verbs of documents: built, zipped, or the whole job at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kobo_sync.cli.verb import verb

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report


@verb("build", name="build")
@click.option("--zone", "zones", multiple=True, metavar="CODE", help="Only this zone; may be repeated.")
@click.option("--fresh", is_flag=True, help="Start a new final report beside the one that people write in.")
@click.option("--pdf", is_flag=True, help="Make the PDF of the final report as well (needs LibreOffice).")
@click.option("--as-of", metavar="DATE", help="From what was known at the end of that day, in a folder of its own.")
def build_command(mission: Mission, zones: tuple[str, ...], fresh: bool, pdf: bool, as_of: str | None) -> Report:
    """Make the deliverables of zones that changed, and the mission's.

    They lie in exports/out/, a folder per zone and one for the mission.
    """
    from kobo_sync.steps.as_of import build_as_of
    from kobo_sync.steps.build import build

    if as_of:
        return build_as_of(mission, as_of, lambda past: build(past, zones=zones, fresh=fresh, pdf=pdf))
    return build(mission, zones=zones, fresh=fresh, pdf=pdf, figures=True)


@verb("deliver", name="deliver")
@click.option("--final", is_flag=True, help="Take the draft mark out of what is delivered.")
@click.option(
    "--despite",
    multiple=True,
    metavar="CODE",
    help="Deliver a final report despite REPORT002, 003 or 004; may be repeated.",
)
def deliver_command(mission: Mission, final: bool, despite: tuple[str, ...]) -> Report:
    """Zip what was built, nominative files apart.

    Per zone one zip to send and one with the nominative files; one for the mission.
    """
    from kobo_sync.steps.deliver import UNFINISHED, deliver

    for code in despite:
        if code not in UNFINISHED:
            raise click.BadParameter(f"{code!r} refuses nothing: {', '.join(UNFINISHED)}", param_hint="--despite")
    return deliver(mission, final=final, despite=despite)


@verb("run", name="run")
def run_command(mission: Mission) -> Report:
    """Do the whole job once: pull, roster, check, build, deliver."""
    from kobo_sync.steps.run import run

    return run(mission)

"""The verbs of collection: the roster, what was sent, phones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kobo_sync.cli.verb import FOLDER, refuse_unknown_forms, verb

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report


@verb("pull", name="pull")
@click.argument("form_ids", nargs=-1)
@click.option("--accept-deletions", is_flag=True, help="Believe that many rows were deleted at once.")
@click.option("--quick", is_flag=True, help="Look for changes only; everything when the counts leave a doubt.")
@click.option("--full", is_flag=True, help="Read every row again.")
@click.option("--rebuild", is_flag=True, help="Ask no server: derive the tables again from the rows as received.")
@click.option("--explain", is_flag=True, help="Say how each decision was made.")
@click.option("--progress", is_flag=True, help="Print a line now and then, also where there is no terminal.")
def pull_command(mission: Mission, form_ids: tuple[str, ...], rebuild: bool, progress: bool, **how: bool) -> Report:
    """Bring the mirror to what the server has, and prove it is complete.

    The proof: as many rows on the server as here, form by form.
    """
    from kobo_sync.cli.progress import Lines
    from kobo_sync.steps import pull
    from kobo_sync.steps.analyse import then_figures

    refuse_unknown_forms(mission, form_ids)
    if progress:
        mission.progress = Lines().show
    if rebuild:
        return pull.rebuild(mission, form_ids=form_ids)
    return then_figures(mission, pull.pull(mission, form_ids=form_ids, **how))


@verb("roster", name="roster")
@click.option(
    "--import",
    "imported",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Take in a pre-printed roster (xlsx, csv) first.",
)
@click.option("--force", is_flag=True, help="Publish now, whatever the minimum time between deployments.")
@click.option("--dry-run", is_flag=True, help="Say what would be published; send nothing.")
def roster_command(mission: Mission, imported: Path | None, force: bool, dry_run: bool) -> Report:
    """Publish the accepted registrations as the list that forms show."""
    from kobo_sync.steps.roster import import_roster, refresh_roster

    if imported:
        report = import_roster(mission, imported, dry_run=dry_run)
        if report.has_errors:
            return report
    return refresh_roster(mission, force=force, dry_run=dry_run)


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
@click.option("--station", metavar="ADDRESS", help="Of all accounts of this workspace's own station, passwords included; ADDRESS as it prints it.")  # fmt: skip
@click.option("--badges", is_flag=True, help="Make badges for the participants instead.")
@click.option(
    "--zone", default="", metavar="CODE", help="Badges of this zone only; or the zone of the phone (ODK Central)."
)
@click.option("--blank", default=0, type=click.IntRange(0, 999), help="Badges with codes only, so many for --zone.")
@click.option("--output", type=FOLDER, help="Where to write (default: exports/out/enrolment or badges).")
def enrol_command(
    mission: Mission, user: str, badges: bool, zone: str, blank: int, station: str | None, **options: Any
) -> Report:
    """Make QR codes that set up phones, or badges for participants.

    A code holds the server and the user's name, and no password unless --with-password asks for it.
    """
    from kobo_sync.steps.enrol import badge_sheets, enrol, enrol_at_station

    if badges:
        return badge_sheets(mission, zone=zone, n_blank=blank, output=options["output"])
    if station:
        return enrol_at_station(mission, station, language=options["language"], output=options["output"])
    if bool(user) == bool(options["people"]):
        raise click.UsageError("give one USER, or --all FILE.csv, or --station ADDRESS, or --badges")
    return enrol(mission, user=user, zone=zone, **options)


@verb(name="phones")
@click.option("--revoke", multiple=True, metavar="NAME", help="Let this phone submit no more; what it sent stays.")
def phones_command(mission: Mission, revoke: tuple[str, ...]) -> Report:
    """List the phones that may submit (ODK Central), or revoke lost ones."""
    from kobo_sync.steps.phones import phones

    return phones(mission, revoke=revoke)


@verb(name="relay")
@click.argument("form_ids", nargs=-1)
@click.option("--again", is_flag=True, help="Try once more what the server refused.")
@click.option("--readdress", default="", metavar="FORM", help="First write what was filled before the station was paired for the form on the server.")  # fmt: skip
@click.option("--forget", is_flag=True, help="Erase here what is relayed; post nothing.")
@click.option("--dry-run", is_flag=True, help="Say what would be posted, or erased; do nothing.")
def relay_command(
    mission: Mission, form_ids: tuple[str, ...], again: bool, readdress: str, forget: bool, dry_run: bool
) -> Report:
    """Bring to the server what the field station received.

    Each submission once, in order, with its files, byte for byte; run it again as often as you like. The ledger says how
    far it is: stored = relayed + refused + waiting. The station may go on serving, and so may pulls and builds.
    """
    from dataclasses import replace

    from kobo_sync.steps import relay

    refuse_unknown_forms(mission, (*form_ids, *filter(None, [readdress])))
    if forget:
        if form_ids or again or readdress:
            raise click.UsageError("--forget goes alone, or with --dry-run")
        return relay.forget(mission, dry_run=dry_run)
    first = relay.readdress(mission, readdress, dry_run=dry_run) if readdress else None
    report = relay.relay(mission, relay.Wish(form_ids, again=again, dry_run=dry_run))
    if first is None:
        return report
    return replace(
        report,
        counts={**first.counts, **report.counts},
        findings=first.findings + report.findings,
        lines=first.lines + report.lines,
    )

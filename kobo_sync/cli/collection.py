"""The verbs of collection: the roster, what was sent, phones, and the field station."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from kobo_sync.cli.verb import FOLDER, refuse_unknown_forms, verb
from kobo_sync.errors import ConfigError

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report

ADMINISTRATION = "administration"  # the account of the station's API, which phones never see
MIN_STATION_PASSWORD = 8


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
    from kobo_sync.steps.run import then_figures

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
@click.option("--badges", is_flag=True, help="Make badges for the participants instead.")
@click.option("--zone", default="", metavar="CODE", help="Badges of this zone only.")
@click.option("--blank", default=0, type=click.IntRange(0, 999), help="Badges with codes only, so many for --zone.")
@click.option("--output", type=FOLDER, help="Where to write (default: exports/out/enrolment or badges).")
def enrol_command(mission: Mission, user: str, badges: bool, zone: str, blank: int, **options: Any) -> Report:
    """Make QR codes that set up phones, or badges for participants.

    A code holds the server and the user's name, and no password unless --with-password asks for it.
    """
    from kobo_sync.steps.enrol import badge_sheets, enrol

    if badges:
        return badge_sheets(mission, zone=zone, n_blank=blank, output=options["output"])
    if bool(user) == bool(options["people"]):
        raise click.UsageError("give one USER, or --all FILE.csv, or --badges")
    return enrol(mission, user=user, **options)


@verb(name="relay")
@click.argument("form_ids", nargs=-1)
@click.option("--again", is_flag=True, help="Try once more what the server refused.")
@click.option("--readdress", default="", metavar="FORM", help="First write what was filled before the station was paired for the form on KoboToolbox.")  # fmt: skip
@click.option("--forget", is_flag=True, help="Erase here what is relayed; post nothing.")
@click.option("--dry-run", is_flag=True, help="Say what would be posted, or erased; do nothing.")
def relay_command(
    mission: Mission, form_ids: tuple[str, ...], again: bool, readdress: str, forget: bool, dry_run: bool
) -> Report:
    """Bring to KoboToolbox what the field station received.

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


@verb(name="station")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets phones on the Wi-Fi in."
)
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--user", default="station", show_default=True, help="The phones' account; its password is STATION_PASSWORD."
)
@click.option(
    "--api",
    type=click.Choice(["off", "local", "everyone"]),
    default="local",
    show_default=True,
    help="Whom the API answers: nobody, programs on this machine, or whoever has its token.",
)
def station_command(
    mission: Mission, host: str, port: int, user: str, api: Literal["off", "local", "everyone"]
) -> None:
    """Serve phones and this product without the Internet.

    The station is a server of its own, on this machine: phones send to it over the room's Wi-Fi, and every other
    verb works with it once server.kf in config/mission.toml is http://127.0.0.1 with its port; server.kc is the
    address that phones use. Phones sign in as --user with STATION_PASSWORD of config/secrets.env, and may fetch forms
    and send, nothing else. The API has a token of its own, made at random, which the other verbs find in .kobo_sync/.
    What it receives lies in .kobo_sync/station.sqlite.
    """
    import secrets

    from kobo_sync.cli.console import warn
    from kobo_sync.cli.signals import StopSignal
    from kobo_sync.mission.mission import random_uuid, utc_now
    from kobo_sync.station import Account, Station, serve

    if user == ADMINISTRATION:
        raise click.UsageError(f"{ADMINISTRATION!r} is the account of the API; give phones another --user")
    given = mission.workspace.station_token()
    token = given[1] if given else secrets.token_urlsafe(32)
    station = Station(
        mission.workspace.station_database,
        accounts=[
            Account(user, _station_password(mission, user)),
            Account(ADMINISTRATION, "", token, is_superuser=True),
        ],
        clock=utc_now,
        new_uid=lambda prefix: (prefix + random_uuid().replace("-", ""))[:22],
        new_uuid=random_uuid,
        api=api,
    )
    stop = StopSignal()
    try:
        with serve(station, host=host, port=port) as running:
            mission.workspace.put_station_token(running.port, token)
            warn(f"listening on {running.url} (Ctrl-C stops)")
            warn(f"  → server.kf is http://127.0.0.1:{running.port}, server.kc the address that phones use")
            stop.wait()
            stop.end_soon()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise click.UsageError(
            f"cannot listen on {host}, port {port} ({reason}); give another --host or --port"
        ) from error
    finally:
        station.close()
    warn("stopped")


def _station_password(mission: Mission, user: str) -> str:
    """The password of the phones' account. Raises: ConfigError when there is none, or one that is guessed first."""
    from kobo_sync.config.passwords import guessed_first, names_of

    password = mission.config.secret("STATION_PASSWORD")
    reason = "" if password else "the station needs a password for the phones' account"
    if password and len(password) < MIN_STATION_PASSWORD:
        reason = f"the password of phones has {len(password)} characters; at least {MIN_STATION_PASSWORD}"
    elif password and (why := guessed_first(password, [user, *names_of(mission.config)])):
        reason = f"the password of phones is easy to guess: {why}"
    elif password and password in (mission.config.secret("KOBO_TOKEN"), mission.config.secret("KOBO_DEPLOY_TOKEN")):
        reason = "the password of phones is the token of the server as well"
    if reason:
        hint = "write there three or four words that do not belong together: phones keep it, nobody types it twice"
        raise ConfigError(reason, file="config/secrets.env", key="STATION_PASSWORD", hint=hint)
    return password

"""The verbs of the field station: it serves a room without the Internet, and is paired with KoboToolbox beforehand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kobo_sync.cli.verb import FOLDER, SEE_EXIT_CODES, as_one_json, cli, in_workspace, leave_with
from kobo_sync.errors import ConfigError

if TYPE_CHECKING:
    import ssl

    from kobo_sync.mission.mission import CurrentMission, Mission
    from kobo_sync.serving import Listening
    from kobo_sync.station import Account, Station
    from kobo_sync.station.accounts import StationAccounts

MIN_STATION_PASSWORD = 8
STAND_ALONE = Path("station")  # where a station without a mission keeps what it receives
EVERYWHERE = ("0.0.0.0", "::")
Api = Literal["off", "local", "everyone"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """How the station is to be run."""

    host: str
    port: int
    user: str
    api: Api
    tls: bool
    new_pin: bool


@cli.group(name="station", invoke_without_command=True, epilog=SEE_EXIT_CODES)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets phones on the Wi-Fi in.")  # fmt: skip
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")  # fmt: skip
@click.option("--user", default="station", show_default=True, help="A further account for phones, where STATION_PASSWORD is set.")  # fmt: skip
@click.option("--api", type=click.Choice(["off", "local", "everyone"]), default="local", show_default=True, help="Whom the API answers: nobody, programs on this machine, or whoever has its token.")  # fmt: skip
@click.option("--tls", is_flag=True, help="Encrypt, with a certificate made here; its fingerprint is printed.")
@click.option("--new-pin", is_flag=True, help="Make another PIN for browser forms: who came in with the old one signs in again.")  # fmt: skip
@click.option("--data", type=FOLDER, help="Serve no mission: a server of its own that keeps its data in this folder.")
@in_workspace
@click.pass_context
def station_group(context: click.Context, /, workspace: Path | None, data: Path | None, **options: object) -> None:
    """Serve phones, browsers and this product without the Internet.

    Inside a mission its forms are before the phones at once, as they lie in forms/, or as the server has them after
    `station pair`. Each enumerator of config/enumerators.csv has an account (else enqueteur1, enqueteur2, …); accounts,
    passwords and the PIN of browser forms lie in .kobo_sync/station-accounts.json, what is received in
    .kobo_sync/station.sqlite. The screen for the room is /salle, browser forms are below /f/. Without a mission, or with
    --data, it is a server to deploy to.
    """
    if context.invoked_subcommand is not None:
        context.obj = workspace
        return
    from kobo_sync.station.accounts import ADMINISTRATION

    wish = Wish(**options)  # type: ignore[arg-type]
    if wish.user == ADMINISTRATION:
        raise click.UsageError(f"{ADMINISTRATION!r} is the account of the API; give phones another --user")
    if data is None and (workspace is not None or _is_in_mission()):
        _serve_mission(workspace, wish)
    else:
        _serve_alone(data or STAND_ALONE, wish)


@station_group.command(name="pair", epilog=SEE_EXIT_CODES)
@click.argument("form_ids", nargs=-1)
@in_workspace
@as_one_json
@click.pass_context
def pair_command(context: click.Context, form_ids: tuple[str, ...], workspace: Path | None, as_json: bool) -> None:
    """Have the station serve the forms that the server has deployed, byte for byte.

    Do it while there is the Internet, and again after a deployment: what was collected stays. What phones then send is
    what the server expects, and `relay` brings it there.
    """
    from kobo_sync.cli.progress import Bars
    from kobo_sync.cli.verb import refuse_unknown_forms
    from kobo_sync.mission.mission import open_mission
    from kobo_sync.steps.field_station import enumerators, station_accounts
    from kobo_sync.steps.pair import pair_station

    with Bars(shown=not as_json) as bars, open_mission(workspace or context.obj, bars.show) as mission:
        refuse_unknown_forms(mission, form_ids)
        if mission.is_own_station:
            raise ConfigError(
                "the server is this workspace's own station: there is nothing to pair it with",
                file="config/mission.toml",
                key="server.kf",
                hint="write the address of KoboToolbox there, or ODK Central's (server.kind); the station needs no address in the config",
            )
        accounts = station_accounts(mission.workspace.state, enumerators(mission))
        station = _station(
            mission.workspace.station_database, accounts, accounts.accounts, Wish("", 0, "", "off", False, False)
        )
        try:
            report = pair_station(mission, station, form_ids=form_ids)
        finally:
            station.close()
    leave_with(report, as_json=as_json)


def _is_in_mission() -> bool:
    from kobo_sync.workspace.folders import find

    try:
        find(Path.cwd())
    except ConfigError:
        return False
    return True


# ── a mission's station ──


def _serve_mission(folder: Path | None, wish: Wish) -> None:
    import os

    from kobo_sync.mission.mission import CurrentMission, Mission
    from kobo_sync.steps.field_station import enumerators, station_accounts
    from kobo_sync.workspace.folders import find
    from kobo_sync.workspace.secret_files import with_secret_files

    workspace = find(folder or Path.cwd())
    current = CurrentMission(lambda: Mission(workspace, with_secret_files(os.environ)))
    try:
        mission = current()
        more = _further_account(mission, wish.user)
        with _one_at_a_time(workspace.state_folder()), ExitStack() as stack:
            accounts = station_accounts(workspace.state, enumerators(mission), fresh_pin=wish.new_pin)
            station = _station(workspace.station_database, accounts, [*more, *accounts.accounts], wish)
            stack.callback(station.close)
            phones, api = _listening(stack, station, workspace.state, mission.config.mission.title, wish)
            workspace.put_station_token(api.port, accounts.token)
            own = (
                api if wish.api != "off" else stack.enter_context(_served(station, "127.0.0.1", 0, None, own_api=True))
            )
            _show_room(stack, current, station, accounts, more, phones, own)
            _until_stopped(phones, api, workspace.state)
    finally:
        current.close()


def _show_room(
    stack: ExitStack,
    current: CurrentMission,
    station: Station,
    accounts: StationAccounts,
    more: list[Account],
    phones: _Served,
    api: Listening,
) -> None:
    """Put the mission's forms before the phones, and keep the room's screen up to date, until *stack* closes."""
    from kobo_sync.cli.console import print_finding, warn
    from kobo_sync.language.speaking import LANGUAGES
    from kobo_sync.station.pairing import paired_media, pairings
    from kobo_sync.station.room.pages import Screen
    from kobo_sync.steps.relay import ledger, sums
    from kobo_sync.steps.room import Room
    from kobo_sync.steps.room_joins import Ways
    from kobo_sync.steps.room_watch import RoomWatch

    room = Room(
        current,
        api.url,
        accounts.token,
        paired=lambda: pairings(station.db.reader),
        paired_list=lambda file: paired_media(station.db.reader, file),
    )
    published = [current().workspace.stamp()]
    report = room.publish()
    for finding in report.findings:
        print_finding(finding)
    warn(f"{report.counts['served']} of {len(current().config.forms)} forms are before the phones")

    def look() -> dict[str, object]:
        stamp = current().workspace.stamp()
        if stamp != published[0]:
            published[0] = stamp
            _follow_enumerators(current(), station, more)
            for finding in room.publish().findings:
                log.warning("%s: %s", finding.where, finding.message)
        on_the_way = sums(ledger(current().workspace)) if pairings(station.db.reader) else {"waiting": 0, "refused": 0}
        return {
            **room.look(),
            "n_waiting": on_the_way["waiting"],
            "n_refused": on_the_way["refused"],
            "fingerprint": phones.fingerprint,
        }

    def mark() -> object:
        return station.change_mark(), current().workspace.stamp()

    watch = RoomWatch(look, mark)
    mission = current().config.mission
    title: dict[str, str] = {language: mission.titles.get(language, mission.title) for language in LANGUAGES}
    language = mission.document_language.code
    station.screen = Screen(title, Ways(current, phones.url), watch.board, lambda: accounts.pin, language)
    watch.start()
    stack.callback(watch.stop)


def _follow_enumerators(mission: Mission, station: Station, more: list[Account]) -> None:
    """Let those sign in whom config/enumerators.csv names now; a list at fault changes nothing."""
    from kobo_sync.steps.field_station import enumerators, station_accounts

    try:
        accounts = station_accounts(mission.workspace.state, enumerators(mission))
    except ConfigError as error:
        log.warning("%s", error.message)
        return
    station.admit_accounts([*more, *accounts.accounts])


def _further_account(mission: Mission, user: str) -> list[Account]:
    """The account of STATION_PASSWORD, where that is set. Raises: ConfigError when it is one that is guessed first."""
    from kobo_sync.config.passwords import guessed_first, names_of
    from kobo_sync.station import Account

    password = mission.config.secret("STATION_PASSWORD")
    if not password:
        return []
    reason = ""
    if len(password) < MIN_STATION_PASSWORD:
        reason = f"the password of phones has {len(password)} characters; at least {MIN_STATION_PASSWORD}"
    elif why := guessed_first(password, [user, *names_of(mission.config)]):
        reason = f"the password of phones is easy to guess: {why}"
    elif password in [mission.config.secret(name) for name in (*mission.features.secrets, "KOBO_DEPLOY_TOKEN")]:
        reason = "the password of phones is the secret of the server as well"
    if reason:
        hint = "write there three or four words that do not belong together: phones keep it, nobody types it twice"
        raise ConfigError(reason, file="config/secrets.env", key="STATION_PASSWORD", hint=hint)
    return [Account(user, password)]


# ── a station of its own ──


def _serve_alone(folder: Path, wish: Wish) -> None:
    from kobo_sync.cli.console import warn
    from kobo_sync.config.station import StationSettings
    from kobo_sync.steps.field_station import default_enumerators, station_accounts
    from kobo_sync.workspace.private import private_file

    with _one_at_a_time(folder), ExitStack() as stack:
        accounts = station_accounts(folder, default_enumerators(StationSettings().enumerators), fresh_pin=wish.new_pin)
        # Whose token it is owns what is deployed here, and sends like any owner: a superuser may not, and no relay would arrive.
        owners = [replace(each, is_superuser=False) for each in accounts.accounts]
        station = _station(private_file(folder / "station.sqlite"), accounts, owners, wish)
        stack.callback(station.close)
        phones, api = _listening(stack, station, folder, "kobo-sync", wish)
        warn(f"no mission here: a server to deploy to, whose data lie in {folder}")
        _until_stopped(phones, api, folder)


# ── what both have in common ──


@dataclass(frozen=True)
class _Served:
    """What phones reach: *url* as they write it, *fingerprint* of the certificate where there is one."""

    url: str
    fingerprint: str = ""


def _station(path: Path, accounts: StationAccounts, people: list[Account], wish: Wish) -> Station:
    from kobo_sync.mission.mission import random_uuid, utc_now
    from kobo_sync.station import Station

    return Station(
        path,
        accounts=people,
        clock=utc_now,
        new_uid=lambda prefix: (prefix + random_uuid().replace("-", ""))[:22],
        new_uuid=random_uuid,
        url_scheme="https" if wish.tls else "http",
        api=wish.api,
        event_pin=accounts.pin,
    )


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Raises: Busy when another process serves the same data."""
    from kobo_sync.errors import Busy
    from kobo_sync.workspace.locking import lock
    from kobo_sync.workspace.private import private_file

    with private_file(folder / "station.lock").open("a+b") as handle:
        try:
            lock(handle.fileno())
        except OSError as error:
            raise Busy("a station is at work here already", hint="stop it first, or use it: one is enough") from error
        yield


def _listening(stack: ExitStack, station: Station, state: Path, title: str, wish: Wish) -> tuple[_Served, Listening]:
    """(what phones reach, the API on this machine): one and the same unless TLS, or an address of the network, parts them."""
    from kobo_sync.steps.addresses import host_names, lan_addresses

    addresses = lan_addresses() if wish.host in EVERYWHERE else [wish.host]
    context, fingerprint = (
        _tls(station, state, title, [*addresses, "127.0.0.1", *host_names()]) if wish.tls else (None, "")
    )
    listening = stack.enter_context(_served(station, wish.host, wish.port, context))
    shown = (
        f"{'https' if wish.tls else 'http'}://{_in_url(addresses[0] if addresses else '127.0.0.1')}:{listening.port}"
    )
    if not wish.tls and wish.host in (*EVERYWHERE, "127.0.0.1", "localhost"):
        return _Served(shown, fingerprint), listening
    return _Served(shown, fingerprint), stack.enter_context(_served(station, "127.0.0.1", 0, None))


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _tls(station: Station, state: Path, title: str, addresses: list[str]) -> tuple[ssl.SSLContext, str]:
    from kobo_sync.cli.console import warn
    from kobo_sync.mission.mission import utc_now
    from kobo_sync.station.certificate import may_vouch_for, server_context
    from kobo_sync.steps.station_certificate import station_certificate

    for address in addresses:
        if not may_vouch_for(address):
            warn(f"the certificate does not name {address}, which is no address of a private network: phones will not trust it there")  # fmt: skip
    certificate, authority, file = station_certificate(state, title, addresses, utc_now())
    station.authority = authority.certificate
    return server_context(file), certificate.fingerprint


def _served(station: Station, host: str, port: int, tls: ssl.SSLContext | None, *, own_api: bool = False) -> Listening:
    """Raises: UsageError when the address cannot be listened on."""
    from kobo_sync.station import serve

    try:
        return serve(station, host=host, port=port, tls=tls, own_api=own_api)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise click.UsageError(
            f"cannot listen on {host}, port {port} ({reason}); give another --host or --port"
        ) from error


def _until_stopped(phones: _Served, api: Listening, state: Path) -> None:
    from kobo_sync.cli.console import warn
    from kobo_sync.cli.signals import StopSignal
    from kobo_sync.workspace.folders import STATION_ACCOUNTS

    stop = StopSignal()
    lines = [f"listening on {phones.url} (Ctrl-C stops)"]
    if phones.fingerprint:
        lines.append(f"  → certificate, SHA-256: {phones.fingerprint}")
        lines.append(f"    phones that are to trust it install {phones.url}/certificate.crt")
    lines += [
        f"  → phones: server {phones.url}, accounts and passwords in {state / STATION_ACCOUNTS} (kobo-sync enrol --station {phones.url} prints them)",
        f"  → browsers: {phones.url}/f/    the room's screen: {api.url}/salle",
        f"  → this product: server.kf is {api.url}, server.kc {phones.url}",
    ]
    for line in lines:
        warn(line)
    stop.wait()
    stop.end_soon()
    warn("stopped")

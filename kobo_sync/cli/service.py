"""The verbs of the long-running service: ``service`` with its pages, ``user`` for their accounts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from kobo_sync.cli.verb import SEE_EXIT_CODES, cli, federation_in, in_workspace, in_workspaces, verb
from kobo_sync.errors import ConfigError

if TYPE_CHECKING:
    from kobo_sync.desk.database import Desk
    from kobo_sync.mission.federation import Federation
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import AccountRole
    from kobo_sync.serving import Listening, Porter
    from kobo_sync.workspace.folders import Workspace

MOST_BYTES = 64 * 1024 * 1024  # the porter says how much of it each page takes
THREADS = 8
ROLES: tuple[AccountRole, ...] = ("administrator", "staff", "consultant", "reader")
_PASSWORD = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
_MISSION = click.option(
    "--mission",
    "missions",
    multiple=True,
    help="With --workspaces: in this mission alone (its folder's name); repeatable.",
)
_GENERATE = click.option("--generate", is_flag=True, help="Make a password and print it, once.")


def _service_of_all(federation: Federation, *, as_json: bool, **options: Any) -> None:
    from kobo_sync.cli.many import serve_many

    with _announced(federation.home, lambda: federation.desk, of_many=True) as shown:
        serve_many(federation, listen, **options, shown=shown)


@contextmanager
def _announced(home: Workspace, desk: Callable[[], Desk], *, of_many: bool = False) -> Iterator[Callable[[str], None]]:
    """What is told the address of the pages in *home*, where others find it until the end."""
    from contextlib import ExitStack, suppress

    from kobo_sync.cli.console import warn
    from kobo_sync.desk import accounts
    from kobo_sync.errors import Busy
    from kobo_sync.workspace.showing import showing

    def shown(url: str) -> None:
        with suppress(Busy):  # a second service beside the first one
            closing.enter_context(showing(home))(url)
        if not accounts.users(desk()):
            warn(
                f"  → no account yet: `kobo-sync open{' --workspaces FOLDER' * of_many}` makes the first one, in the browser"
            )

    with ExitStack() as closing:
        yield shown


@verb(name="service", over_all=_service_of_all)
@click.option("--host", help="Address that the pages listen on (default: service.host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the pages (default: service.port).")
@click.option("--no-pages", is_flag=True, help="Run the jobs only.")
@click.option(
    "--no-jobs", is_flag=True, help="Show the pages only; runs wished for there wait for a service with jobs."
)
def service_command(mission: Mission, host: str | None, port: int | None, no_pages: bool, no_jobs: bool) -> None:
    """Run jobs by the clock and show the pages, until stopped.

    The hours are those of [schedule], in the mission's time zone. With --workspaces all missions of a folder are served by
    one process and behind one sign-in; one that comes, goes or is mended meanwhile is noticed.

    SIGTERM and Ctrl-C stop a job at work at its next safe point; what was received is stored.
    """
    with _announced(mission.workspace, lambda: mission.desk) as shown:
        serve(mission, host, port, pages=not no_pages, jobs=not no_jobs, shown=shown)


@cli.group(name="user", epilog=SEE_EXIT_CODES)
def user_group() -> None:
    """Make, change, close and list accounts of the pages."""


@dataclass(frozen=True)
class _Office:
    """Where accounts are kept: *near* are names that are tried first as passwords, *by* is who is at the command line.

    *federation* is there where there are many missions.
    """

    desk: Desk
    clock: Callable[[], datetime]
    near: list[str]
    by: str
    federation: Federation | None = None


@contextmanager
def _office(workspace: Path | None, workspaces: Path | None, missions: tuple[str, ...] = ()) -> Iterator[_Office]:
    from kobo_sync.config.passwords import names_of
    from kobo_sync.mission.mission import open_mission, operator

    if workspaces is None:
        if missions:
            raise click.UsageError("--mission names one of the missions in --workspaces")
        with open_mission(workspace) as mission:
            yield _Office(mission.desk, mission.clock, list(names_of(mission.config)), mission.doer)
        return
    with federation_in(workspace, workspaces) as federation:
        names = federation.names()
        for name in missions:
            if name not in names:
                there = ", ".join(names) or "none"
                raise click.BadParameter(f"there is no mission {name!r}; there are: {there}", param_hint="--mission")
        yield _Office(federation.desk, federation.clock, names, operator(), federation)


@user_group.command(name="add")
@click.argument("username")
@click.option("--name", default="", help="The person's name, shown on the pages.")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the person may do.")
@click.option("--names", is_flag=True, help="A consultant who may see nominative documents.")
@_MISSION
@_PASSWORD
@_GENERATE
@in_workspace
@in_workspaces
def add_command(
    workspace: Path | None,
    workspaces: Path | None,
    username: str,
    missions: tuple[str, ...],
    password_stdin: bool,
    generate: bool,
    **about: Any,
) -> None:
    """Make an account USERNAME; the password is asked for, and never an argument.

    With --workspaces the role holds in all missions, or with --mission in those alone.
    """
    from kobo_sync.cli.console import say
    from kobo_sync.desk import accounts, rights

    role, names = cast("AccountRole", about["role"]), about["names"]
    with _office(workspace, workspaces, missions) as office:
        password = _password(password_stdin, generate)
        everywhere = cast("AccountRole", rights.NO_ROLE) if missions else role
        see_names = names and not missions
        accounts.add_user(
            office.desk,
            username,
            about["name"],
            everywhere,
            password,
            names=see_names,
            now=office.clock(),
            by=office.by,
            near=office.near,
        )
        for mission in missions:
            rights.give(office.desk, username, mission, role, names=names, now=office.clock(), by=office.by)
    say(f"account {username} ({role}{_where(missions)}) made")


def _where(missions: tuple[str, ...]) -> str:
    return f" in {', '.join(missions)}" if missions else ""


@user_group.command(name="password")
@click.argument("username")
@_PASSWORD
@_GENERATE
@in_workspace
@in_workspaces
def password_command(
    workspace: Path | None, workspaces: Path | None, username: str, password_stdin: bool, generate: bool
) -> None:
    """Give USERNAME another password, unlock the account, and sign its browsers out."""
    from kobo_sync.cli.console import say
    from kobo_sync.desk import accounts

    with _office(workspace, workspaces) as office:
        password = _password(password_stdin, generate)
        accounts.set_password(office.desk, username, password, office.near, by=office.by, now=office.clock())
    say(f"the password of {username} is changed")


@user_group.command(name="change")
@click.argument("username")
@click.option("--role", type=click.Choice(ROLES), help="Another role.")
@click.option("--no-role", is_flag=True, help="With --workspaces: no role in the missions of --mission, or in all.")
@click.option("--names/--no-names", default=None, help="Whether nominative documents may be seen.")
@click.option("--name", help="Another name to show.")
@click.option("--close", "is_open", flag_value=False, type=bool, default=None, help="Close the account.")
@click.option("--open", "is_open", flag_value=True, type=bool, help="Open it again.")
@_MISSION
@in_workspace
@in_workspaces
def change_command(
    workspace: Path | None,
    workspaces: Path | None,
    username: str,
    missions: tuple[str, ...],
    is_open: bool | None,
    **changes: Any,
) -> None:
    """Change USERNAME's role or rights, or close the account: its browsers are signed out, its share links end.

    With --mission the role and --names are those in that mission.
    """
    from kobo_sync.cli.console import say
    from kobo_sync.desk import accounts, rights

    role, names, name = changes["role"], changes["names"], changes["name"]
    if changes["no_role"] and (role or workspaces is None):
        raise click.UsageError("--no-role needs --workspaces, and no --role beside it")
    with _office(workspace, workspaces, missions) as office:
        for mission in missions:
            _change_right(office, username, mission, role, names, is_withdrawn=changes["no_role"])
        everywhere = None if missions else cast("AccountRole", rights.NO_ROLE) if changes["no_role"] else role
        shown = None if missions else names
        if everywhere is not None or shown is not None or name is not None:
            given: dict[str, Any] = {"role": everywhere, "names": shown, "name": name}
            accounts.change_user(office.desk, username, **given, now=office.clock(), by=office.by)
        if is_open is not None:
            act = accounts.open_user if is_open else accounts.close_user
            act(office.desk, username, office.clock(), office.by)
    say(f"account {username} changed")


def _change_right(
    office: _Office, username: str, mission: str, role: AccountRole | None, names: bool | None, *, is_withdrawn: bool
) -> None:
    from kobo_sync.desk import accounts, rights

    desk = office.desk
    if is_withdrawn:
        if not rights.withdraw(desk, username, mission, now=office.clock(), by=office.by):
            raise accounts.AccountRefused(
                f"{username} has no right of its own in {mission}", hint="`user list` shows them"
            )
        return
    before = rights.rights_of(desk, username).get(mission)
    if role is None and before is None:
        raise click.UsageError(f"{username} has no right of its own in {mission} yet: give --role")
    kept_role, kept_names = before or (role, False)
    given = role or kept_role
    assert given
    shown = kept_names if names is None else names
    rights.give(desk, username, mission, given, names=shown, now=office.clock(), by=office.by)


@user_group.command(name="list")
@in_workspace
@in_workspaces
def list_command(workspace: Path | None, workspaces: Path | None) -> None:
    """Name the accounts; with --workspaces also what each may in which mission."""
    from kobo_sync.cli.console import say
    from kobo_sync.desk import accounts, rights

    with _office(workspace, workspaces) as office:
        users = accounts.users(office.desk)
        if not users:
            say("there is no account yet: `kobo-sync open` makes the first one")
        for each in users:
            marks = ["names"] if each.may_see_names else []
            marks += ["closed"] if each.disabled_at else []
            given = rights.rights_of(office.desk, each.username) if office.federation else {}
            marks += [f"{mission}: {role}{' names' * names}" for mission, (role, names) in given.items()]
            say("  ".join([each.username, each.role or "-", each.name, *marks]))


def serve(
    mission: Mission, host: str | None, port: int | None, *, pages: bool, jobs: bool, shown: Callable[[str], None]
) -> None:
    """Run the jobs and show the pages until a signal comes; *shown* is told the pages' address. Raises: ConfigError, StoreError."""
    from contextlib import ExitStack

    from kobo_sync.cli.console import warn
    from kobo_sync.cli.signals import StopSignal
    from kobo_sync.cli.timezones import check_rules
    from kobo_sync.mission.mission import CurrentMission, Mission
    from kobo_sync.service.logs import write_log
    from kobo_sync.service.loop import Service
    from kobo_sync.web import Site, create_app
    from kobo_sync.web.porter import porter

    config = mission.config
    write_log(config.service.log_format, [value.get_secret_value() for value in config.secrets.values()])
    check_rules(config.mission.timezone)
    workspace, environ, server = mission.workspace, mission.environ, mission.server

    def open_one() -> Mission:
        return Mission(workspace, environ, mission.clock, server=server)

    stop = StopSignal()
    with ExitStack() as closing:
        service = Service(open_one) if jobs else None
        if service:
            closing.callback(service.stop)
        if pages:
            current = CurrentMission(open_one)
            closing.callback(current.close)
            app = create_app(Site(current, mission.clock, service.wake if service else lambda: None))
            where, at = host or config.service.host, config.service.port if port is None else port
            listening = closing.enter_context(listen(app, porter(app), where, at, "config/mission.toml"))
            warn(f"pages: {listening.url}")
            shown(listening.url)
        if service:
            service.start()
        stop.wait()
        stop.end_soon()
        warn("stopping at the next safe point")
    warn("stopped")


def listen(wsgi: Any, porter: Porter, host: str, port: int, file: str) -> Listening:
    """The pages on their port. Raises: ConfigError, for a setting in *file*, when they cannot have it."""
    from kobo_sync.serving import Listening

    try:
        return Listening(wsgi, host, port, threads=THREADS, most_bytes=MOST_BYTES, porter=porter)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port} ({error.strerror})",
            file=file,
            key="service.host, service.port",
            hint="another program may have the port: give another, here or with --port",
        ) from error


def _password(from_stdin: bool, generate: bool) -> str:
    from kobo_sync.cli.console import ask_password, say

    if generate:
        import secrets

        from kobo_sync.config.passwords import guessed_first

        password = ""
        while guessed_first(password):  # a very rare one would be refused
            password = "-".join(secrets.token_hex(3) for _ in range(3))
        say(f"password: {password}")
        return password
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return ask_password()

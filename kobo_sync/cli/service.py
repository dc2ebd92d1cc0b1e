"""The verbs of the long-running service: ``service`` with its pages, ``user`` for their accounts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from kobo_sync.cli.verb import SEE_EXIT_CODES, cli, in_workspace, verb
from kobo_sync.errors import ConfigError

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import AccountRole

MOST_BYTES = 1024 * 1024
THREADS = 8
ROLES: tuple[AccountRole, ...] = ("staff", "consultant", "reader")
_PASSWORD = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
_GENERATE = click.option("--generate", is_flag=True, help="Make a password and print it, once.")


@verb(name="service")
@click.option("--host", help="Address that the pages listen on (default: service.host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the pages (default: service.port).")
@click.option("--no-pages", is_flag=True, help="Run the jobs only.")
@click.option(
    "--no-jobs", is_flag=True, help="Show the pages only; runs wished for there wait for a service with jobs."
)
def service_command(mission: Mission, host: str | None, port: int | None, no_pages: bool, no_jobs: bool) -> None:
    """Run jobs by the clock and show the pages, until stopped.

    The hours are those of [schedule], in the mission's time zone.

    SIGTERM and Ctrl-C stop a job at work at its next safe point; what was received is stored.
    """
    _serve(mission, host, port, pages=not no_pages, jobs=not no_jobs)


@cli.group(name="user", epilog=SEE_EXIT_CODES)
def user_group() -> None:
    """Make, change, close and list accounts of the pages."""


@user_group.command(name="add")
@click.argument("username")
@click.option("--name", default="", help="The person's name, shown on the pages.")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the person may do.")
@click.option("--names", is_flag=True, help="A consultant who may see nominative documents.")
@_PASSWORD
@_GENERATE
@in_workspace
def add_command(
    workspace: Path | None, username: str, name: str, role: str, names: bool, password_stdin: bool, generate: bool
) -> None:
    """Make an account USERNAME; the password is asked for, and never an argument."""
    from kobo_sync.cli.console import say
    from kobo_sync.config.passwords import names_of
    from kobo_sync.desk import accounts
    from kobo_sync.mission.mission import open_mission

    with open_mission(workspace) as mission:
        password = _password(password_stdin, generate)
        accounts.add_user(
            mission.desk,
            username,
            name,
            cast("AccountRole", role),
            password,
            names=names,
            now=mission.clock(),
            near=names_of(mission.config),
        )
    say(f"account {username} ({role}) made")


@user_group.command(name="password")
@click.argument("username")
@_PASSWORD
@_GENERATE
@in_workspace
def password_command(workspace: Path | None, username: str, password_stdin: bool, generate: bool) -> None:
    """Give USERNAME another password, unlock the account, and sign its browsers out."""
    from kobo_sync.cli.console import say
    from kobo_sync.config.passwords import names_of
    from kobo_sync.desk import accounts
    from kobo_sync.mission.mission import open_mission

    with open_mission(workspace) as mission:
        accounts.set_password(mission.desk, username, _password(password_stdin, generate), names_of(mission.config))
    say(f"the password of {username} is changed")


@user_group.command(name="change")
@click.argument("username")
@click.option("--role", type=click.Choice(ROLES), help="Another role.")
@click.option("--names/--no-names", default=None, help="Whether nominative documents may be seen.")
@click.option("--name", help="Another name to show.")
@click.option("--close", "is_open", flag_value=False, type=bool, default=None, help="Close the account.")
@click.option("--open", "is_open", flag_value=True, type=bool, help="Open it again.")
@in_workspace
def change_command(
    workspace: Path | None,
    username: str,
    role: str | None,
    names: bool | None,
    name: str | None,
    is_open: bool | None,
) -> None:
    """Change USERNAME's role or rights, or close the account: its browsers are signed out, its share links end."""
    from kobo_sync.cli.console import say
    from kobo_sync.desk import accounts
    from kobo_sync.mission.mission import open_mission

    with open_mission(workspace) as mission:
        if role is not None or names is not None or name is not None:
            changed = cast("AccountRole | None", role)
            accounts.change_user(mission.desk, username, role=changed, names=names, name=name, now=mission.clock())
        if is_open is not None:
            accounts.disable_user(mission.desk, username, None if is_open else mission.clock())
    say(f"account {username} changed")


@user_group.command(name="list")
@in_workspace
def list_command(workspace: Path | None) -> None:
    """Name the accounts."""
    from kobo_sync.cli.console import say
    from kobo_sync.desk import accounts
    from kobo_sync.mission.mission import open_mission

    with open_mission(workspace) as mission:
        for each in accounts.users(mission.desk):
            marks = ["names"] if each.may_see_names else []
            marks += ["closed"] if each.disabled_at else []
            say("  ".join([each.username, each.role, each.name, *marks]))


def _serve(mission: Mission, host: str | None, port: int | None, *, pages: bool, jobs: bool) -> None:
    from contextlib import ExitStack

    from kobo_sync.cli.console import warn
    from kobo_sync.cli.signals import StopSignal
    from kobo_sync.cli.timezones import check_rules
    from kobo_sync.desk import accounts
    from kobo_sync.mission.mission import CurrentMission, Mission
    from kobo_sync.service.logs import write_log
    from kobo_sync.service.loop import Service
    from kobo_sync.serving import Listening
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
            try:
                listening = closing.enter_context(
                    Listening(app, where, at, threads=THREADS, most_bytes=MOST_BYTES, porter=porter(app))
                )
            except OSError as error:
                raise ConfigError(
                    f"cannot listen on {where}, port {at} ({error.strerror})",
                    file="config/mission.toml",
                    key="service.host, service.port",
                    hint="another program may have the port: give another, here or with --port",
                ) from error
            warn(f"pages: {listening.url}")
            if not accounts.users(mission.desk):
                warn("  → no account yet: kobo-sync user add NAME --role staff")
        if service:
            service.start()
        stop.wait()
        stop.end_soon()
        warn("stopping at the next safe point")
    warn("stopped")


def _password(from_stdin: bool, generate: bool) -> str:
    from kobo_sync.cli.console import say

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
    return str(click.prompt("password", hide_input=True, confirmation_prompt=True))

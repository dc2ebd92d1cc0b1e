"""The verbs of keys and secrets: ``key new``, ``key secret``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kobo_sync.cli.verb import SEE_EXIT_CODES, Group, cli, in_workspace


@cli.group(name="key", cls=Group, epilog=SEE_EXIT_CODES)
def key_group() -> None:
    """Make keys for encrypted backups, and keep secrets in the keyring."""


@key_group.command(name="new", epilog=SEE_EXIT_CODES)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new_key_command(file: Path) -> None:
    """Write a new private key to FILE, and print the public one that goes with it.

    The private key opens what is encrypted, and nothing else does: keep it on another disk, and a copy where fire does not reach.
    """
    from kobo_sync.cli.console import say
    from kobo_sync.workspace.encryption import new_key

    recipient = new_key(file)
    say(f"the private key lies in {file!s}: keep it away from this disk, and a copy of it in a safe place")
    say(f'next: write recipients = ["{recipient}"] under [encryption] in config/mission.toml')


@key_group.command(name="secret", epilog=SEE_EXIT_CODES)
@click.argument("name")
@in_workspace
def keep_secret_command(name: str, workspace: Path | None) -> None:
    """Keep the secret NAME (as KOBO_TOKEN) in the keyring of this account, in place of config/secrets.env.

    It is asked for, or read from a pipe; nothing of it stands in the file afterwards, which says where it lies.
    """
    from kobo_sync.cli.console import say
    from kobo_sync.mission.mission import open_mission
    from kobo_sync.steps.keep_secret import keep_in_keyring

    with open_mission(workspace) as mission:
        secret = click.prompt(name, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
        place = keep_in_keyring(mission, name, secret)
        say(f"{name} lies in the keyring: {place}")

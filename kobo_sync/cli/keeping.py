"""The verbs that keep and erase: backup, restore, purge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kobo_sync.cli.verb import FOLDER, SEE_EXIT_CODES, as_one_json, cli, in_workspace, leave_with, verb

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report


@verb("backup", name="backup")
@click.option("--output", type=FOLDER, help="Where to (default: backup.folder).")
@click.option("--encrypt/--no-encrypt", default=None, help="One file that only the recipients of [encryption] can open (default: encryption.backups).")  # fmt: skip
def backup_command(mission: Mission, output: Path | None, encrypt: bool | None) -> Report:
    """Copy all that makes the mission, with hashes; thin out old copies."""
    from kobo_sync.steps.backup import backup

    return backup(mission, output=output, encrypt=encrypt)


@cli.command(name="restore", epilog=SEE_EXIT_CODES)
@click.argument("archive", type=click.Path(exists=True, path_type=Path))
@click.option("--workspace", type=FOLDER, default=Path(), help="Where to (default: this folder).")
@click.option("--force", is_flag=True, help="Replace the mission that is there; it is kept beside.")
@click.option("--key", type=click.Path(dir_okay=False, path_type=Path), help="The file of a private key, for an encrypted backup.")  # fmt: skip
def restore_command(archive: Path, workspace: Path, force: bool, key: Path | None) -> None:
    """Put the backup ARCHIVE back into an empty folder, whole or not."""
    from kobo_sync.cli.console import say
    from kobo_sync.mission.mission import utc_now
    from kobo_sync.steps.restore import restore

    for line in restore(archive, workspace, force=force, now=utc_now(), key=key):
        say(line)


@cli.group(name="store", epilog=SEE_EXIT_CODES)
def store_group() -> None:
    """Bring mirror and desk to a database that machines share, or back.

    They lie in files of this machine, or where STORE_URL in config/secrets.env says: `store move` brings them there and back.
    """


@store_group.command(name="move", epilog=SEE_EXIT_CODES)
@click.option("--to", type=click.Choice(["server", "files"]), required=True, help="To the database that STORE_URL names, or from it into files of this machine.")  # fmt: skip
@in_workspace
@as_one_json
def move_command(to: Literal["server", "files"], workspace: Path | None, as_json: bool) -> None:
    """Move mirror and desk, and prove that every table is equal there; killed, run it again.

    Stop the service and the station's relay first. The side that was left is refused from then on, until all is moved back.
    """
    from kobo_sync.cli.progress import Bars
    from kobo_sync.mission.mission import open_mission
    from kobo_sync.steps.move import move

    with Bars(shown=not as_json) as bars, open_mission(workspace, bars.show) as mission:
        report = move(mission, to=to)
    leave_with(report, as_json=as_json)


@verb("purge", name="purge")
@click.option("--dry-run", is_flag=True, help="Say what is due and how much it is; erase nothing.")
def purge_command(mission: Mission, dry_run: bool) -> Report:
    """Erase for good what [retention] no longer allows to keep.

    A receipt stays in the state folder.
    """
    from kobo_sync.steps.purge import purge

    return purge(mission, dry_run=dry_run)

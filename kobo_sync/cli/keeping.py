"""The verbs that keep and erase: backup, restore, purge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kobo_sync.cli.verb import FOLDER, SEE_EXIT_CODES, cli, verb

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission
    from kobo_sync.model import Report


@verb("backup", name="backup")
@click.option("--output", type=FOLDER, help="Where to (default: backup.folder).")
def backup_command(mission: Mission, output: Path | None) -> Report:
    """Copy all that makes the mission, with hashes; thin out old copies."""
    from kobo_sync.steps.backup import backup

    return backup(mission, output=output)


@cli.command(name="restore", epilog=SEE_EXIT_CODES)
@click.argument("archive", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option("--workspace", type=FOLDER, default=Path(), help="Where to (default: this folder).")
@click.option("--force", is_flag=True, help="Replace the mission that is there; it is kept beside.")
def restore_command(archive: Path, workspace: Path, force: bool) -> None:
    """Put the backup ARCHIVE back into an empty folder, whole or not."""
    from kobo_sync.cli.console import say
    from kobo_sync.mission.mission import utc_now
    from kobo_sync.steps.restore import restore

    for line in restore(archive, workspace, force=force, now=utc_now()):
        say(line)


@verb("purge", name="purge")
@click.option("--dry-run", is_flag=True, help="Say what is due and how much it is; erase nothing.")
def purge_command(mission: Mission, dry_run: bool) -> Report:
    """Erase for good what [retention] no longer allows to keep.

    A receipt stays in the state folder.
    """
    from kobo_sync.steps.purge import purge

    return purge(mission, dry_run=dry_run)

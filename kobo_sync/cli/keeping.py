"""The verbs that keep, erase and explain: backup, restore, purge, guide; `verbs` takes them in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kobo_sync.cli.console import escaped, out
from kobo_sync.mission.mission import Mission, utc_now
from kobo_sync.model import Report

_FOLDER = click.Path(file_okay=False, path_type=Path)


def add_keeping_verbs(
    cli: click.Group, verb: Callable[..., Callable[[Callable[..., Any]], click.Command]], epilog: str
) -> None:
    """Give *cli* the verbs ``backup``, ``restore``, ``guide`` and ``purge``; *verb* makes commands of steps."""

    @verb("backup", name="backup")
    @click.option("--output", type=_FOLDER, help="Where to (default: backup.folder).")
    def backup_command(mission: Mission, output: Path | None) -> Report:
        """Copy all that makes the mission, with hashes, and remove the copies beyond the days and weeks kept."""
        from kobo_sync.steps.backup import backup

        return backup(mission, output=output)

    @cli.command(name="restore", epilog=epilog)
    @click.argument("archive", type=click.Path(file_okay=False, exists=True, path_type=Path))
    @click.option("--workspace", type=_FOLDER, default=Path(), help="Where to (default: this folder).")
    @click.option("--force", is_flag=True, help="Replace the mission that is there; it is kept beside.")
    def restore_command(archive: Path, workspace: Path, force: bool) -> None:
        """Put the backup ARCHIVE back, whole or not at all, into an empty folder."""
        from kobo_sync.steps.restore import restore

        for line in restore(archive, workspace, force=force, now=utc_now()):
            out.print(escaped(line))

    @cli.command(name="guide", epilog=epilog)
    @click.argument("name", type=click.Choice(["guide", "operations", "systemd"]), default="guide")
    def guide_command(name: str) -> None:
        """Show the guide for the team (French), the operations guide, or the systemd unit of the service."""
        from kobo_sync.steps.guide import guide

        click.echo_via_pager(guide(name))

    @verb("purge", name="purge")
    @click.option("--dry-run", is_flag=True, help="Say what is due and how much it is; erase nothing.")
    def purge_command(mission: Mission, dry_run: bool) -> Report:
        """Erase what [retention] no longer allows to keep, for good, and leave a receipt."""
        from kobo_sync.steps.purge import purge

        return purge(mission, dry_run=dry_run)

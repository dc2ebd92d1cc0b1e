"""The verbs that keep, erase and account for it: backup, restore, store, purge, audit."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from kobo_sync.cli.verb import (
    FOLDER,
    SEE_EXIT_CODES,
    Day,
    as_one_json,
    cli,
    federation_in,
    in_workspace,
    in_workspaces,
    leave_with,
    verb,
)

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


@verb(name="person")
@click.argument("code")
@click.option("--show", "is_show", is_flag=True, help="Write all that is held about them as one file to hand over.")
@click.option("--erase", "is_erase", is_flag=True, help="Erase them from this workspace for good; documents are made anew without them.")  # fmt: skip
@click.option("--upstream", is_flag=True, help="With --erase: delete their rows on the server too, and ask whether they are gone.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="With --show: the zip file to write.")
@click.option("--yes", is_flag=True, help="Do not ask before erasing.")
def person_command(
    mission: Mission, code: str, is_show: bool, is_erase: bool, upstream: bool, output: Path | None, yes: bool
) -> Report:
    """Give a participant all that is held about them, or erase them.

    CODE is theirs in the roster. Killed, run it again: it goes on from there. A receipt without names stays in the state folder, an entry in the journal.
    """
    from kobo_sync.cli.tongue import told
    from kobo_sync.mission.run_log import recorded
    from kobo_sync.steps import person

    if is_show == is_erase or (upstream and not is_erase) or (output and not is_show):
        raise click.UsageError("give --show or --erase; --output goes with --show, --upstream with --erase")
    if is_show:
        return person.show(mission, code, output=output)
    where = " and on the server" if upstream else ""
    if not yes:
        click.confirm(told(f"erase everything about {code} here{where}, for good?"), abort=True)
    return recorded(mission, "person", lambda opened: person.erase_all(opened, code, upstream=upstream))


@verb(name="register")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="The Word file to write.")
def register_command(mission: Mission, output: Path | None) -> Report:
    """Write the register of processing that a law on data asks for.

    Purposes, persons, data, recipients, retention, security and places, from the settings and the forms; in the documents' language.
    """
    from kobo_sync.steps.register import register

    return register(mission, output=output)


@cli.command(name="audit", epilog=SEE_EXIT_CODES)
@click.option("--since", type=Day(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="Entries of this day or later (UTC).")
@click.option("--by", default="", help="Entries of this account, or of this user at the command line.")
@click.option("--act", "acts", multiple=True, help="Entries of this act: pull, look, download, change, …; repeatable.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many of the newest.")
@click.option("--verify", is_flag=True, help="Prove that nothing was changed, taken out or put in; heads in backups are held against it.")  # fmt: skip
@click.option("--expect", "expected", multiple=True, help="With --verify: a head that --head printed before; repeatable.")  # fmt: skip
@click.option("--head", "is_head", is_flag=True, help="Print the head: kept elsewhere, it proves later that nothing was cut off.")  # fmt: skip
@in_workspace
@in_workspaces
@as_one_json
def audit_command(
    workspace: Path | None, workspaces: Path | None, as_json: bool, verify: bool, is_head: bool, **asked: Any
) -> None:
    """Tell who did what and when; prove that the journal is as written.

    With --workspaces: the journal of the accounts that the missions share.
    """
    from kobo_sync.cli.console import say
    from kobo_sync.desk import journal
    from kobo_sync.mission.mission import open_mission
    from kobo_sync.steps.audit import as_json as entry_as_json
    from kobo_sync.steps.audit import head_beside, head_of, heads_at_hand, listed, verified

    expected = {f"--expect {text[:16]}": head_of(text) for text in asked.pop("expected")}
    with ExitStack() as opened:
        if workspaces is None:
            mission = opened.enter_context(open_mission(workspace))
            desk, clock, local, heads = mission.desk, mission.clock, mission.local, heads_at_hand(mission)
        else:
            federation = opened.enter_context(federation_in(workspace, workspaces))
            desk, clock, local = federation.desk, federation.clock, journal.kept_moment
            heads = head_beside(federation.home.desk_database.parent)
        if verify:
            leave_with(verified(desk, {**heads, **expected}, clock), as_json=as_json)
        if is_head:
            say(json.dumps({"head": str(journal.head(desk))}) if as_json else str(journal.head(desk)))
            return
        since = asked["since"].replace(tzinfo=UTC) if asked["since"] else None
        entries = journal.entries(desk, asked["limit"], since=since, by=asked["by"], acts=asked["acts"])
        if as_json:
            say(json.dumps([entry_as_json(entry) for entry in entries], ensure_ascii=False, indent=2))
            return
        for line in listed(entries, local):
            say(line)

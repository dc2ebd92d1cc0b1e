"""A copy of all that makes the mission, with hashes; old copies are removed as ``[backup]`` says."""

from __future__ import annotations

from pathlib import Path

from kobo_sync.desk import journal
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.move import copy_to_files
from kobo_sync.workspace.archive import JOURNAL, make_backup, new_backup, remove_surplus, sweep_half_made
from kobo_sync.workspace.encryption import ARCHIVE, encrypt_folder, recipients_of
from kobo_sync.workspace.folders import BACKUPS
from kobo_sync.workspace.private import FOLDER
from kobo_sync.workspace.scratch import scratch_folder

COPIES = "copy-"  # of databases that lie elsewhere, and of what is to be encrypted


def backup(mission: Mission, *, output: Path | None = None, encrypt: bool | None = None) -> Report:
    """Make a backup in *output*, ``backup.folder`` or the state folder, and remove those beyond the days and weeks kept.

    *encrypt* makes one file that only the recipients of ``[encryption]`` can open; None: as ``encryption.backups`` says.
    Raises: StoreError, ConfigError.
    """
    started_at = mission.clock()
    settings = mission.config.backup
    folder = output or (mission.workspace.root / settings.folder if settings.folder else None)
    folder = folder or mission.workspace.state_folder() / BACKUPS
    code = mission.config.mission.code
    encryption = mission.config.encryption
    is_encrypted = encryption.backups if encrypt is None else encrypt
    if is_encrypted:
        recipients_of(encryption.recipients)  # says what is wrong with them before anything is copied
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        sweep_half_made(folder, code)
    head = journal.head(mission.desk)  # read before: the copy has at least so much
    with scratch_folder(COPIES, mission.workspace.state_folder()) as copies:
        copy = make_backup(
            mission.workspace,
            copies / "whole" if is_encrypted else folder,
            code,
            started_at,
            lambda done, total: mission.progress("backup", done, total),
            copy_to_files(mission, copies),
            {JOURNAL: str(head)},
        )
        target, n_bytes = copy.folder, copy.n_bytes
        if is_encrypted:
            target = new_backup(folder, code, started_at, ARCHIVE)
            n_bytes = encrypt_folder(copy.folder, target, encryption.recipients)
    removed = remove_surplus(folder, code, daily=settings.daily, weekly=settings.weekly)
    counts = {"files": copy.n_files, "bytes": n_bytes, "removed": len(removed)}
    lines = [f"{target}: {copy.n_files} files, {n_bytes} bytes", *(f"removed {name}" for name in removed)]
    lines.append(f"the journal's head in it: {head}")
    if is_encrypted:
        lines.append(f"encrypted; recipients: {len(encryption.recipients)}; without a key of theirs it opens nothing")
    findings = []
    if mission.config.files.url:
        message = f"attached files are kept at {mission.config.files.url}: they are not in this backup"
        findings.append(
            Finding("BACKUP001", "warning", "files.url", message, "have the storage keep versions, or copy it")
        )
    return mission.report("backup", started_at, counts, findings, lines)

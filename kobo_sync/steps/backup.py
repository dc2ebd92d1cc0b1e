"""A copy of all that makes the mission, with hashes; old copies are removed as ``[backup]`` says."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from kobo_sync.desk import journal
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.move import copy_to_files
from kobo_sync.workspace.archive import JOURNAL, make_backup, remove_surplus
from kobo_sync.workspace.folders import BACKUPS


def backup(mission: Mission, *, output: Path | None = None) -> Report:
    """Make a backup in *output*, ``backup.folder`` or the state folder, and remove those beyond the days and weeks kept.

    Raises: StoreError, ConfigError.
    """
    started_at = mission.clock()
    settings = mission.config.backup
    folder = output or (mission.workspace.root / settings.folder if settings.folder else None)
    folder = folder or mission.workspace.state_folder() / BACKUPS
    code = mission.config.mission.code
    head = journal.head(mission.desk)  # read before: the copy has at least so much
    with TemporaryDirectory(prefix="copy-", dir=mission.workspace.state_folder()) as copies:
        copy = make_backup(
            mission.workspace,
            folder,
            code,
            started_at,
            lambda done, total: mission.progress("backup", done, total),
            copy_to_files(mission, Path(copies)),
            {JOURNAL: str(head)},
        )
    removed = remove_surplus(folder, code, daily=settings.daily, weekly=settings.weekly)
    counts = {"files": copy.n_files, "bytes": copy.n_bytes, "removed": len(removed)}
    lines = [f"{copy.folder}: {copy.n_files} files, {copy.n_bytes} bytes", *(f"removed {name}" for name in removed)]
    findings = []
    if mission.config.files.url:
        message = f"attached files are kept at {mission.config.files.url}: they are not in this backup"
        findings.append(
            Finding("BACKUP001", "warning", "files.url", message, "have the storage keep versions, or copy it")
        )
    return mission.report("backup", started_at, counts, findings, lines)

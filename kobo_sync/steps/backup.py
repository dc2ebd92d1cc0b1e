"""A copy of all that makes the mission, with hashes; old copies are removed as ``[backup]`` says."""

from __future__ import annotations

from pathlib import Path

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.workspace.archive import make_backup, remove_surplus
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
    copy = make_backup(
        mission.workspace, folder, code, started_at, lambda done, total: mission.progress("backup", done, total)
    )
    removed = remove_surplus(folder, code, daily=settings.daily, weekly=settings.weekly)
    counts = {"files": copy.n_files, "bytes": copy.n_bytes, "removed": len(removed)}
    lines = [f"{copy.folder}: {copy.n_files} files, {copy.n_bytes} bytes", *(f"removed {name}" for name in removed)]
    findings = []
    if mission.config.secret("DESK_URL"):
        findings.append(
            Finding(
                "BACKUP001",
                "warning",
                "DESK_URL",
                "the desk is in PostgreSQL: worklist, accounts and schedules are not in this backup",
                "back that database up with pg_dump",
            )
        )
    return mission.report("backup", started_at, counts, findings, lines)

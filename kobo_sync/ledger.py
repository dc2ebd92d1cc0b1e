"""Runs, one at a time over processes, each leaving a row: start, end, counts, findings, or the error with its cure."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kobo_sync.errors import KoboSyncError
from kobo_sync.mission import Mission
from kobo_sync.model import Report
from kobo_sync.store.database import report_json

log = logging.getLogger("kobo_sync")


def recorded(mission: Mission, step: str, act: Callable[[Mission], Report]) -> Report:
    """Carry out *act* alone in the workspace and record how it went.

    Raises: StoreError when another run is at work; whatever *act* raises, after recording it.
    """
    with mission.workspace.exclusive():
        run_id = mission.store.start_run(step, mission.clock())
        try:
            report = act(mission)
        except BaseException as error:
            failure = (
                {"error": error.message, "hint": error.hint}
                if isinstance(error, KoboSyncError)
                else {"error": type(error).__name__, "hint": ""}
            )
            mission.store.end_run(run_id, mission.clock(), "failed", failure)
            raise
        status = "findings" if report.has_errors else "done"
        mission.store.end_run(run_id, mission.clock(), status, report_json(report))
        return report

"""What a build of many zones asks of all rows, worked out by processes of its own, one after the other: their memory goes back with them.

Python gives little back of what it once held, and a build holds one zone after the other. What the processes find is
kept (`memo_over_runs`, `findings_by_zone`); what it does not find for any reason, whoever asks works out himself.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from kobo_sync.analysis.memo import forget
from kobo_sync.analysis.people import names_of
from kobo_sync.analysis.turnout import turnout
from kobo_sync.config.files import SECRET_NAMES
from kobo_sync.language.speaking import speak
from kobo_sync.mission.facts import gather_facts, gather_marks
from kobo_sync.mission.findings import findings_by_zone
from kobo_sync.mission.mission import Mission
from kobo_sync.workspace.folders import Workspace

WORTH = 50  # zones to check; of fewer the rows are small beside the program
_TASKS = ("checks", "attendance", "report")  # who came needs everybody registered, the report only how many
_REPORT = "final_report"
_MAIN = f"import sys; sys.path[:] = sys.argv[5:]; from {__name__} import main; main(*sys.argv[1:5])"


def look_ahead(mission: Mission) -> None:
    """Keep what the checks and the final report of *mission* will ask of its rows; never fails."""
    folders = mission.workspace.root, mission.workspace.state, mission.workspace.out
    nowhere = subprocess.DEVNULL
    environ = {**os.environ, **dict.fromkeys(SECRET_NAMES, ""), **mission.environ}
    for task in _TASKS:
        command = [sys.executable, "-c", _MAIN, task, *map(str, folders), *sys.path]
        with suppress(OSError):
            subprocess.run(command, env=environ, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)


def main(task: str, root: str, state: str, out: str) -> None:
    """The process that does one of `_TASKS`, for the workspace in these folders. Raises: KoboSyncError."""
    gc.set_threshold(50_000, 20, 100)  # as the command has it
    mission = Mission(Workspace(Path(root), Path(state), Path(out)), os.environ)
    speak(mission.config.mission.document_language)
    marks = gather_marks(mission)
    compared = gather_facts(mission, marks=marks, named_only=True)
    if task == "checks":
        findings_by_zone(mission, lambda: compared, gather_facts(mission, marks=marks), marks)
        names_of(compared)
    elif task == "attendance":
        if mission.config.has_role("registration", "attendance"):
            turnout(compared)
    elif _REPORT in mission.config.deliverables.mission:
        from kobo_sync.deliverables import final_report  # here: checks need no Word

        final_report.look_ahead(compared)
    forget()
    mission.close()

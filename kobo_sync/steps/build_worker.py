"""What a build of many zones asks of all rows, worked out by a process of its own: its memory goes back with it.

Python gives little back of what it once held, and a build holds one zone after the other. What the process finds is
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
from kobo_sync.config.files import SECRET_NAMES
from kobo_sync.mission.facts import gather_facts, gather_marks
from kobo_sync.mission.findings import findings_by_zone
from kobo_sync.mission.mission import Mission
from kobo_sync.workspace.folders import Workspace

WORTH = 50  # zones to check; of fewer the rows are small beside the program
_MAIN = f"import sys; sys.path[:] = sys.argv[4:]; from {__name__} import main; main(*sys.argv[1:4])"


def look_ahead(mission: Mission) -> None:
    """Keep what the checks and the final report of *mission* will ask of its rows; never fails."""
    folders = mission.workspace.root, mission.workspace.state, mission.workspace.out
    command = [sys.executable, "-c", _MAIN, *map(str, folders), *sys.path]
    nowhere = subprocess.DEVNULL
    environ = {**os.environ, **dict.fromkeys(SECRET_NAMES, ""), **mission.environ}
    with suppress(OSError):
        subprocess.run(command, env=environ, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)


def main(root: str, state: str, out: str) -> None:
    """The process, for the workspace in these folders. Raises: KoboSyncError."""
    from kobo_sync.deliverables import final_report  # here: who starts the process may need no Word

    gc.set_threshold(50_000, 20, 100)  # as the command has it
    mission = Mission(Workspace(Path(root), Path(state), Path(out)), os.environ)
    marks = gather_marks(mission)
    facts, compared = (gather_facts(mission, marks=marks, named_only=named_only) for named_only in (False, True))
    findings_by_zone(mission, lambda: compared, facts, marks)
    names_of(facts)
    forget()
    if final_report.NAME in mission.config.deliverables.mission:
        final_report.look_ahead(compared)
    mission.close()

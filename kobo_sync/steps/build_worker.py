"""What a build of many zones asks of all rows, worked out by processes of its own, one after the other: their memory goes back with them.

Python gives little back of what it once held, and a build holds one zone after the other. What the processes find is
kept (`memo_over_runs`, `findings_by_zone`, the pages' figures); what one does not find for any reason, whoever asks works
out himself.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from kobo_sync.analysis.memo import forget
from kobo_sync.analysis.people import names_of
from kobo_sync.analysis.turnout import turnout
from kobo_sync.config.files import SECRET_NAMES
from kobo_sync.language.speaking import speak
from kobo_sync.mission.facts import gather_facts, gather_marks
from kobo_sync.mission.findings import check_forms, check_zones, findings_by_zone
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.process_ends import end_with_parent
from kobo_sync.workspace.folders import Workspace

WORTH = 50  # zones to check; of fewer the rows are small beside the program
# What checks find (in each zone, in each form, in all), who came (which asks for everybody registered), what the final report says;
# what pages show.
Task = Literal["zones", "forms", "checks", "attendance", "report", "figures"]
FIRST: tuple[Task, ...] = ("zones", "forms", "checks", "attendance", "report")  # before any zone is made
_REPORT = "final_report"
_MAIN = f"import sys; sys.path[:] = sys.argv[5:]; from {__name__} import main; main(*sys.argv[1:5])"
_IDLE_S = 1.0  # until the build looks whether it is to stop


def look_ahead(mission: Mission, task: Task, waiting: Callable[[], None]) -> None:
    """Keep what *task* will ask of the rows of *mission*; *waiting* is called every second until it is done.

    Raises: what *waiting* raises, once the process has ended.
    """
    folders = mission.workspace.root, mission.workspace.state, mission.workspace.out
    command = [sys.executable, "-c", _MAIN, task, *map(str, folders), *sys.path]
    nowhere, environ = subprocess.DEVNULL, environ_of(mission)
    try:
        process = subprocess.Popen(command, env=environ, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    except OSError:
        return
    try:
        while process.poll() is None:
            waiting()
            try:
                process.wait(_IDLE_S)
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.kill()  # nothing where it has ended: what it keeps is kept whole or not at all
        process.wait()


def environ_of(mission: Mission) -> dict[str, str]:
    """The environment of a process that works for *mission*: of this process's secrets it has those of the mission alone."""
    others = [
        key for key in os.environ if key.partition("__")[0] in SECRET_NAMES
    ]  # KOBO_TOKEN__NORD: another mission's
    return {**os.environ, **dict.fromkeys((*SECRET_NAMES, *others), ""), **mission.environ}


def main(task: Task, root: str, state: str, out: str) -> None:
    """The process that does *task* for the workspace in these folders. Raises: KoboSyncError."""
    end_with_parent()
    gc.set_threshold(50_000, 20, 100)  # as the command has it
    mission = Mission(Workspace(Path(root), Path(state), Path(out)), os.environ)
    speak(mission.config.mission.document_language)
    _CARRIED_OUT_BY[task](mission)
    forget()
    mission.close()


def _zones(mission: Mission) -> None:
    marks = gather_marks(mission)
    check_zones(mission, gather_facts(mission, marks=marks), marks)


def _forms(mission: Mission) -> None:
    check_forms(mission, gather_facts(mission, marks=gather_marks(mission), named_only=True))


def _checks(mission: Mission) -> None:
    marks = gather_marks(mission)
    compared = gather_facts(mission, marks=marks, named_only=True)
    findings_by_zone(mission, lambda: compared, gather_facts(mission, marks=marks), marks)
    names_of(compared)


def _attendance(mission: Mission) -> None:
    if mission.config.has_role("registration", "attendance"):
        turnout(gather_facts(mission, marks=gather_marks(mission), named_only=True))


def _report(mission: Mission) -> None:
    if _REPORT in mission.config.deliverables.mission:
        from kobo_sync.deliverables import final_report  # here: checks need no Word

        final_report.look_ahead(gather_facts(mission, marks=gather_marks(mission), named_only=True))


def _figures(mission: Mission) -> None:
    from kobo_sync.steps.analyse import analyse

    analyse(mission)


_CARRIED_OUT_BY: Mapping[Task, Callable[[Mission], None]] = {
    "zones": _zones,
    "forms": _forms,
    "checks": _checks,
    "attendance": _attendance,
    "report": _report,
    "figures": _figures,
}

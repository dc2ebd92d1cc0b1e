"""How a mission stands: what its databases say of it, read at one look, for a list of missions and for figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kobo_sync.desk import runs, schedules, worklist
from kobo_sync.desk.runs import Run
from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.freshness import last_collected
from kobo_sync.mission.mission import Mission
from kobo_sync.service.hours import next_runs
from kobo_sync.store.form_status import FormStatus, form_statuses

PULLS = ("run", "pull", "reconcile")


@dataclass(frozen=True)
class State:
    """A mission at one look; moments are aware UTC. No answer and no secret is in it.

    *failing* are the newest runs of the jobs that broke off last; *lacks* says what it cannot work without (a token).
    """

    title: str
    titles: Mapping[str, str]
    timezone: str
    kf: str
    last_success: datetime | None
    failing: tuple[Run, ...]
    paused: tuple[str, ...]
    next_job: str
    next_at: datetime | None
    is_running: bool
    n_waiting: int
    forms: tuple[FormStatus, ...]
    runs: Mapping[tuple[str, str], int]  # (job, status) → how many
    findings: Mapping[str, int]  # state → how many
    lacks: KoboSyncError | None = None
    at_once: int = 2  # of the jobs at its server

    @property
    def n_open(self) -> int:
        """Findings of the worklist that wait for somebody."""
        return sum(n for state, n in self.findings.items() if state in worklist.OPEN)

    @property
    def n_live(self) -> int:
        """Live submissions in the mirror."""
        return sum(form.n_live for form in self.forms)


def state_of(mission: Mission, now: datetime) -> State:
    """The state of *mission*. Its cost does not grow with the rows stored. Raises: StoreError, ConfigError."""
    settings = schedules.settings(mission.desk)
    coming = next_runs(mission.config, settings, now)
    next_job = min(coming, key=lambda job: coming[job], default="")
    about = mission.config.mission
    try:
        mission.reader()
        lacks = None
    except KoboSyncError as error:
        lacks = error
    return State(
        about.title,
        about.titles,
        about.timezone,
        mission.kf,
        last_collected(mission, PULLS),
        tuple(runs.failing(mission.desk)),
        tuple(job for job in sorted(settings) if settings[job].paused),
        next_job,
        coming.get(next_job),
        runs.running(mission.desk) is not None,
        len(schedules.wishes(mission.desk)),
        tuple(form_statuses(mission.store, list(mission.config.forms))),
        runs.counts_by_status(mission.desk),
        worklist.counts(mission.desk),
        lacks,
        mission.at_once,
    )

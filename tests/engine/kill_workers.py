# ruff: noqa: E402 (as a program it must find its neighbours first)
"""Three workers that are killed at random while zones are built and projects pulled, and the database stopped once.

Run as a program for the full size (300 zones, 50 projects), with a transcript: ``python tests/engine/kill_workers.py``.
The suite runs it small. Everything is real: PostgreSQL, workers and services as processes, a station as the server.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

for _folder in ("", "tests", "tests/engine", "tests/steps"):
    sys.path.insert(0, str(Path(__file__).parents[2] / _folder))

from conftest import Field
from engine_cluster import (
    PASSWORD,
    Postgres,
    Processes,
    Server,
    copied,
    mission_of,
    name_server,
    postgres_server,
    processes_in,
    projects_mission,
    put_secrets,
    server_in,
    tree,
    zones_mission,
)
from mirror_truth import mirror_state

from kobo_sync.desk import runs, schedules
from kobo_sync.desk.runs import Run
from kobo_sync.engine.queue import Queue, QueueState
from kobo_sync.errors import KoboSyncError
from kobo_sync.phones.collect import Phone
from kobo_sync.steps.build import build
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace

N_WORKERS = 3


@dataclass
class Outcome:
    """What happened and what came of it."""

    n_zones: int
    n_projects: int
    n_kills: int = 0
    n_database_stops: int = 0
    alone_s: float = 0.0
    took_s: float = 0.0
    zones_differing: list[str] = field(default_factory=list)
    projects_equal: bool = False
    built_with_effect: Counter[str] = field(default_factory=Counter)
    new_rows: int = 0
    rows_sent: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    state: QueueState | None = None
    exits: list[int] = field(default_factory=list)
    ratio: float = 0.0

    @property
    def is_well(self) -> bool:
        """Whether all was done, once, and as one process alone does it."""
        is_equal = self.projects_equal and not self.zones_differing and self.new_rows <= self.rows_sent
        is_once = len(self.built_with_effect) <= self.n_zones and max(self.built_with_effect.values(), default=1) == 1
        return is_equal and is_once and self.state is not None and not self.state.n_failed and not self.state.n_waiting


def main() -> None:
    """The full size, with its transcript on the standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=300)
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--between", type=float, nargs=2, default=(6.0, 14.0), help="seconds between two kills")
    parser.add_argument("--ratio", action="store_true", help="also hold two workers against one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = killed(
            Path(folder),
            options.zones,
            options.projects,
            options.seed,
            tell=_print,
            measure=options.ratio,
            between_s=tuple(options.between),
        )
    report(outcome, _print)
    if not outcome.is_well:
        sys.exit(1)


def _print(line: str) -> None:
    print(line, flush=True)


def report(outcome: Outcome, tell: Callable[[str], None]) -> None:
    """The counts."""
    n_built = sum(outcome.built_with_effect.values())
    twice = [zone for zone, n in outcome.built_with_effect.items() if n > 1]
    state = outcome.state
    tell(f"kills of workers at work: {outcome.n_kills}; database stops: {outcome.n_database_stops}")
    tell(f"runs by status: {outcome.statuses}")
    tell(
        f"zones: {outcome.n_zones}; recorded as built: {n_built}, twice: {twice or 'none'}; differing: {outcome.zones_differing[:6] or 'none'}"
    )
    tell(
        f"projects: {outcome.n_projects}; rows sent {outcome.rows_sent}, recorded as new {outcome.new_rows}; mirrors equal: {outcome.projects_equal}"
    )
    tell(
        f"left in the queue: {state.n_waiting + state.n_running if state else '?'}; failed: {state.n_failed if state else '?'}; exit codes at SIGTERM: {outcome.exits}"
    )
    tell(
        f"one process alone: {outcome.alone_s:.1f} s for the zones; {N_WORKERS} workers under fire, zones and projects: {outcome.took_s:.1f} s"
    )
    if outcome.ratio:
        tell(f"one worker ÷ two workers, builds of all zones: {outcome.ratio:.2f}")


def killed(
    folder: Path,
    n_zones: int,
    n_projects: int,
    seed: int,
    *,
    tell: Callable[[str], None] = lambda _line: None,
    measure: bool = False,
    between_s: tuple[float, float] = (3.0, 7.0),
    most_kills: int = 1000,
) -> Outcome:
    """Carry it out in *folder*."""
    outcome = Outcome(n_zones, n_projects)
    with server_in(folder) as server, postgres_server() as postgres, processes_in(folder / "logs") as processes:
        postgres.make("shared")
        zones, projects = _missions(folder, server, postgres, outcome)
        tell(f"missions ready: {n_zones} zones, {n_projects} projects")
        alone = _alone(folder, zones, projects, server, outcome)
        tell(f"a single process has done it: {outcome.alone_s:.1f} s for the zones")
        queue = Queue(postgres.url("shared"))
        _start(processes, zones, projects)
        _wish(zones, "build")
        _wish(projects, "reconcile")
        began = time.monotonic()
        _fire(random.Random(seed), processes, postgres, queue, (zones, projects), outcome, tell, between_s, most_kills)
        outcome.took_s = time.monotonic() - began
        _compare(zones, projects, alone, outcome)
        outcome.state = queue.state()
        outcome.exits = [processes.end(name) for name in list(processes.running)]
        if measure:
            outcome.ratio = _two_to_one(processes, zones, queue, tell)
        queue.close()
        if outcome.zones_differing or not outcome.projects_equal:
            tell(f"logs in {shutil.copytree(folder / 'logs', Path(tempfile.mkdtemp()) / 'logs')}")
    return outcome


# ── before ──


def _missions(folder: Path, server: Server, postgres: Postgres, outcome: Outcome) -> tuple[Workspace, Workspace]:
    ids = count(1)

    def new_id() -> str:
        return f"00000000-0000-4000-8000-{next(ids):012}"

    zones, projects = (
        zones_mission(folder / "zones", outcome.n_zones),
        projects_mission(folder / "projects", outcome.n_projects),
    )
    phone = Phone(server.url, "maha", PASSWORD)
    for workspace in (zones, projects):
        name_server(workspace, server.url)
        put_secrets(workspace, STORE_URL=postgres.url("shared"))
        mission = mission_of(workspace, server.clock)
        deploy(mission)
        team = Field(mission, server.station, server.url, server.clock, phone, partial(mission_of, workspace), new_id)
        if workspace is zones:
            for zone in mission.config.zones:
                for number in (1, 2):
                    code = f"{zone.code.upper()}-{number:02}"
                    team.person(code, zone.code, "a" if number == 1 else "b", age=20 + number)
            pull(mission)
        else:
            for form_id in mission.config.forms:
                if form_id.startswith("projet"):
                    for number in range(4):
                        team.submit(
                            form_id,
                            {"zone": "nord"},
                            files={} if number else {"photo.jpg": (b"\xff\xd8x", "image/jpeg")},
                        )
                        outcome.rows_sent += 1
        mission.close()
    phone.close()
    return zones, projects


def _alone(
    folder: Path, zones: Workspace, projects: Workspace, server: Server, outcome: Outcome
) -> tuple[Workspace, Workspace]:
    """The same work by this one process, in copies of both missions."""
    one, other = copied(zones, folder / "alone-zones"), copied(projects, folder / "alone-projects")
    mission = mission_of(one, server.clock)
    pull(mission)
    began = time.monotonic()
    build(mission)
    outcome.alone_s = time.monotonic() - began
    mission.close()
    mission = mission_of(other)
    pull(mission)
    mission.close()
    return one, other


def _start(processes: Processes, zones: Workspace, projects: Workspace) -> None:
    for number in range(N_WORKERS):
        _worker(processes, number, zones, projects)
    for workspace in (zones, projects):
        processes.start(f"service-{workspace.root.name}", "service", "--no-pages", "--workspace", str(workspace.root))


def _worker(processes: Processes, number: int, *workspaces: Workspace) -> None:
    folders = [part for workspace in workspaces for part in ("--workspace", str(workspace.root))]
    processes.start(f"worker-{number}", "worker", *folders)


def _wish(workspace: Workspace, job: str) -> None:
    mission = mission_of(workspace)
    schedules.wish(mission.desk, job, origin="person", asked_by="maha", now=mission.clock())
    mission.close()


# ── under fire ──


def _fire(
    chance: random.Random,
    processes: Processes,
    postgres: Postgres,
    queue: Queue,
    workspaces: tuple[Workspace, ...],
    outcome: Outcome,
    tell: Callable[[str], None],
    between_s: tuple[float, float],
    most_kills: int,
) -> None:
    """Kill a worker that is at work now and then, and stop the database once, until nothing is left to do."""
    began, n_idle = time.monotonic(), 0
    next_kill, next_look = began, began + 1
    while n_idle < 6:
        now = time.monotonic()
        if now - began > 1500:
            raise AssertionError("it does not come to its end")
        if now >= next_kill and outcome.n_kills < most_kills and (name := _at_work(chance, processes, queue)):
            processes.kill(name)
            outcome.n_kills += 1
            tell(f"{now - began:6.1f} s  SIGKILL {name} at work; {_told(_state(queue))}")
            _worker(processes, int(name[-1]), *workspaces)
            next_kill = now + chance.uniform(*between_s)
            if outcome.n_kills == 3:
                postgres.stop()
                tell(f"{time.monotonic() - began:6.1f} s  PostgreSQL stopped")
                time.sleep(3)
                postgres.start()
                outcome.n_database_stops += 1
                tell(f"{time.monotonic() - began:6.1f} s  PostgreSQL started")
        if now >= next_look:
            next_look = now + 0.5
            for name, process in list(processes.running.items()):
                if process.poll() == 6 and "cannot be reached" in processes.log(name):  # begun while it was away
                    _worker(processes, int(name[-1]), *workspaces)
                elif process.poll() is not None:
                    raise AssertionError(
                        f"{name} ended by itself ({process.returncode}): {processes.log(name)[-2000:]}"
                    )
            n_idle = n_idle + 1 if _is_done(queue, workspaces) else 0
        time.sleep(0.05)


def _at_work(chance: random.Random, processes: Processes, queue: Queue) -> str:
    """The name of one of the workers that are at work; empty while none is."""
    state = _state(queue)
    pids = {each.pid for each in state.workers if each.n_running} if state else set()
    names = sorted(name for name, process in processes.running.items() if process.pid in pids)
    return chance.choice(names) if names else ""


def _is_done(queue: Queue, workspaces: tuple[Workspace, ...]) -> bool:
    state = _state(queue)
    if state is None or state.n_waiting or state.n_running:
        return False
    for workspace in workspaces:
        mission = mission_of(workspace)
        try:
            if schedules.wishes(mission.desk):
                return False
        except KoboSyncError:
            return False
        finally:
            mission.close()
    return True


def _state(queue: Queue) -> QueueState | None:
    with suppress(KoboSyncError):
        return queue.state()
    return None


def _told(state: QueueState | None) -> str:
    if state is None:
        return "the queue cannot be asked"
    return f"{state.n_waiting} wait, {state.n_running} run, {state.n_alive} workers live"


# ── after ──


def _compare(zones: Workspace, projects: Workspace, alone: tuple[Workspace, Workspace], outcome: Outcome) -> None:
    ours, theirs = tree(zones.out), tree(alone[0].out)
    outcome.zones_differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    mission, single = mission_of(projects), mission_of(alone[1])
    outcome.projects_equal = mirror_state(mission) == mirror_state(single)
    for each in _ledger(mission.desk):
        outcome.new_rows += each.report.get("counts", {}).get("new", 0) if each.job == "reconcile" else 0
    statuses = Counter(each.status for each in _ledger(mission.desk))
    mission.close()
    single.close()
    mission = mission_of(zones)
    for each in _ledger(mission.desk):
        lines = [line for line in each.report.get("lines", ()) if line.startswith("z") and "unchanged" not in line]
        outcome.built_with_effect.update(line.partition(":")[0] for line in lines if each.job == "build")
    statuses += Counter(each.status for each in _ledger(mission.desk))
    outcome.statuses = dict(sorted(statuses.items()))
    mission.close()


def _ledger(desk: object) -> list[Run]:
    return runs.last_runs(desk, 100_000)  # type: ignore[arg-type]


def _two_to_one(processes: Processes, zones: Workspace, queue: Queue, tell: Callable[[str], None]) -> float:
    """How much longer one worker takes than two for all zones from nothing."""
    took = {}
    path = zones.root / "config" / "mission.toml"
    path.write_text(
        path.read_text("utf-8").replace("zones_at_once = 1", "zones_at_once = 0"), "utf-8"
    )  # as people have it
    for n_workers in (1, 2):
        shutil.rmtree(zones.out)
        shutil.rmtree(zones.state / "kept")
        mission = mission_of(zones)
        from kobo_sync.desk.runs import Order
        from kobo_sync.service.stages import first_pieces

        for number in range(n_workers):
            _worker(processes, number, zones)
        pieces = first_pieces(mission.config, "build", Order("person", "maha"), "", mission.clock())
        mission.close()
        _wait(lambda n=n_workers: (state := _state(queue)) is not None and state.n_alive == n)
        began = time.monotonic()
        queue.defer(pieces)
        _wait(lambda: (state := _state(queue)) is not None and not state.n_waiting and not state.n_running)
        took[n_workers] = time.monotonic() - began
        tell(f"{n_workers} workers: {took[n_workers]:.1f} s for all zones, planning and the mission's set included")
        for name in list(processes.running):
            processes.end(name)
    return took[1] / took[2]


def _wait(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 900
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError("it does not come to its end")
        time.sleep(0.2)


if __name__ == "__main__":
    main()

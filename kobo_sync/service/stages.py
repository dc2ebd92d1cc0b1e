"""A job of the service as pieces for several workers: which there are, what each does, and what follows it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import InterfaceError, OperationalError

from kobo_sync.config.config import Config
from kobo_sync.desk import runs
from kobo_sync.desk.pieces import name_of
from kobo_sync.desk.runs import Order
from kobo_sync.engine.pieces import ALONE, Piece
from kobo_sync.engine.queue import mission_key
from kobo_sync.errors import Busy, KoboSyncError, RunStopped
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded, recorded_piece
from kobo_sync.model import Report
from kobo_sync.notices.messages import after_run
from kobo_sync.service.jobs import CHANGES, FOLLOWING, JOBS
from kobo_sync.steps.build import build, changed_zones
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.deliver_ordered import deliver_ordered
from kobo_sync.steps.pull import pull
from kobo_sync.steps.run import STEPS, in_turn

REST: Mapping[str, tuple[str, ...]] = {
    "run": ("plan", "set", "deliver"),
    "build": ("set",),
    "deliver": ("set", "deliver"),
}
PIECE_S = 3.0  # what a piece of zones should take: a look at the mission is a small part of it, what a kill costs too
GUESS_S = 1.0  # of a zone, where none was built before
LEAST_PIECES, MOST_TOGETHER = 16, 16  # so that many workers have their share; zones in a piece
Act = Callable[[Mission, str], Report]


@dataclass(frozen=True)
class Stage:
    """What a piece of this stage does, as which *job* it is recorded, and the kind of its lease (empty: the mission's)."""

    job: str
    lease: str
    act: Act


def _review(mission: Mission, _: str) -> Report:
    steps = [step for step in STEPS if step[0] in ("roster", "check", "analyse")]
    return in_turn(mission, "check", steps)


STAGES: Mapping[str, Stage] = {
    "pull": Stage("pull", "pull", lambda mission, form_id: pull(mission, form_ids=[form_id], quick=True)),
    "reconcile": Stage("reconcile", "pull", lambda mission, form_id: pull(mission, form_ids=[form_id])),
    "follow": Stage("check", "check", lambda mission, _: in_turn(mission, "check", FOLLOWING)),
    "review": Stage("check", "check", _review),
    "zone": Stage("build", "build", lambda mission, codes: build(mission, zones=codes.split())),
    "set": Stage("build", "build", lambda mission, _: build(mission)),
    "deliver": Stage("deliver", "build", lambda mission, _: deliver(mission)),
    "final": Stage("final", "build", lambda mission, _: deliver_ordered(mission)),
    **{
        name: Stage(name, "" if name in ALONE else name, job.act)
        for name, job in JOBS.items()
        if name not in ("pull", "reconcile", "run", "build", "deliver", "final")
    },
}


@dataclass(frozen=True)
class Answer:
    """How a piece ended.

    *outcome* is done, failed, busy (somebody works on the same), away (the database is), stopped, or missed (it waited
    too long).
    """

    outcome: str
    following: tuple[Piece, ...] = ()
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """The answer as the worker reads it."""
        return {
            "outcome": self.outcome,
            "message": self.message,
            "next": [piece.arguments for piece in self.following],
        }


def first_pieces(
    config: Config, job: str, order: Order, form_id: str, now: datetime, at_once: int | None = None
) -> list[Piece]:
    """The pieces that *job* begins with, and the one that waits for them where something follows in any case.

    *at_once* pulls of the server run side by side (None: as the mission's config says).
    """
    places = at_once or config.at_once
    due_by = (order.slot_at or now) + timedelta(minutes=config.schedule.grace_minutes)
    piece = Piece(mission_key(config), job, form_id, (), order.origin, order.asked_by, due_by.isoformat())
    if job in ("pull", "reconcile"):
        return list(_pulls(config, piece, [form_id] if form_id else list(config.forms), places))
    if job == "run":
        first = _pulls(config, replace(piece, stage="reconcile", rest=("review",)), list(config.forms), places)
        return [*first, replace(piece, stage="review", rest=REST["run"])]
    return [replace(piece, stage="plan", part="", rest=REST[job])] if job in REST else [piece]


def _pulls(config: Config, piece: Piece, form_ids: Sequence[str], places: int) -> Iterator[Piece]:
    """A pull per project; it always takes the same of the server's places, so no project is pulled twice at once."""
    address = urlsplit(config.server.kf)
    for rank, form_id in enumerate(form_ids):
        number = zlib.crc32(f"{piece.mission} {form_id}".encode()) % places
        yield replace(piece, part=form_id, rank=rank, place=f"{address.netloc} {number}")


def carry_out(mission: Mission, piece: Piece, *, is_again: bool) -> Answer:
    """Carry *piece* out, recorded in the ledger; *is_again* when a run before it may have done a part of it.

    Raises: what no step may raise; every failure that can be told is an answer.
    """
    stage, order, now = STAGES.get(piece.stage), Order(piece.origin, piece.asked_by), mission.clock()
    if piece.stage == "plan":
        stage = Stage("build", "build", lambda opened, _: _planned(opened, zones))
    if stage is None:
        return Answer("failed", message=f"this program knows no work called {piece.stage!r}: update it")
    zones: list[str] = []
    if piece.due_by and now > datetime.fromisoformat(piece.due_by) and not is_again:
        runs.note_missed(mission.desk, stage.job, order, now, mission.host)
        return Answer("missed")
    try:
        act = stage.act
        if stage.lease:
            name = name_of(stage.lease, piece.part)
            report = recorded_piece(mission, stage.job, lambda opened: act(opened, piece.part), order, name)
        else:
            report = recorded(mission, stage.job, lambda opened: act(opened, piece.part), order)
        answer = Answer("done", tuple(_following(mission, piece, report, zones, is_again=is_again)))
    except RunStopped as error:
        return Answer("stopped", message=error.message)
    except Busy as error:
        return Answer("busy", message=error.message)
    except KoboSyncError as error:
        if _is_away(error):
            return Answer("away", message=str(error))
        answer = Answer("failed", message=str(error))
    after_run(mission, stage.job, mission.clock())
    return answer


def _is_away(error: BaseException | None) -> bool:
    """Whether a database that answers to nobody just now is behind *error*: no fault of the piece."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError):
            state = getattr(error.orig, "sqlstate", "none of a server's")
            return state is None or state.startswith(("08", "57P"))
        error = error.__cause__ or error.__context__
    return False


def _planned(mission: Mission, zones: list[str]) -> Report:
    started_at = mission.clock()
    zones += changed_zones(mission)
    n = len(mission.config.zones)
    return mission.report("build", started_at, {}, [], [f"{len(zones)} of {n} zones to build, then the mission's set"])


def _following(mission: Mission, piece: Piece, report: Report, zones: list[str], *, is_again: bool) -> Iterator[Piece]:
    config = mission.config
    due_by = mission.clock() + timedelta(minutes=config.schedule.grace_minutes)
    then = replace(piece, part="", rest=(), due_by=due_by.isoformat(), rank=0, place="", deaths=0, own_deaths=0)
    if piece.stage == "plan":
        at_once = config.engine.zones_at_once or _together(len(zones), _zone_s(mission))
        groups = [zones[at : at + at_once] for at in range(0, len(zones), at_once)]
        yield from (replace(then, stage="zone", part=" ".join(codes), rank=rank) for rank, codes in enumerate(groups))
    if piece.stage in ("pull", "reconcile"):
        if piece.rest:  # what follows all of them waits already
            return
        fresh = any(report.counts.get(kind) for kind in CHANGES) or mission.desk.snapshot("dashboard") is None
        if fresh or is_again:  # what the run before it brought shows in nothing else
            yield replace(then, stage="follow")
    elif piece.rest:
        yield replace(then, stage=piece.rest[0], rest=piece.rest[1:])


def _together(n_zones: int, zone_s: float) -> int:
    """How many of *n_zones* are built in one piece, when each takes *zone_s* seconds."""
    return max(1, min(MOST_TOGETHER, int(PIECE_S / zone_s), -(-n_zones // LEAST_PIECES)))


def _zone_s(mission: Mission) -> float:
    """Seconds that a zone took, of the last runs that built some."""
    codes = {zone.code for zone in mission.config.zones}
    n_zones, took_s = 0, 0.0
    for run in runs.last_runs(mission.desk, job="build"):
        built = [line for line in run.report.get("lines", ()) if not line.endswith(": unchanged")]
        n = sum(line.partition(":")[0] in codes for line in built)
        if n and run.ended_at:
            n_zones, took_s = n_zones + n, took_s + (run.ended_at - run.started_at).total_seconds()
    return max(took_s / n_zones, 0.01) if n_zones else GUESS_S

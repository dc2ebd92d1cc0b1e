"""A worker: takes pieces from the queue, has them carried out by its hands, and takes back what dead workers left."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from procrastinate import App, JobContext, RetryDecision, exceptions, jobs, retry
from procrastinate.worker import Worker as LibraryWorker

from kobo_sync.engine.connecting import TASK, working_app
from kobo_sync.engine.hands import HandDied, Hands, OverTime
from kobo_sync.engine.pieces import AFTER_OTHERS, ALONE, CLICK, WAITS_FOR, Piece, piece_of
from kobo_sync.engine.queue import _SOONER, BEAT_S, DEAD_S, GONE_S, deferrer, say_less, sooner
from kobo_sync.engine.tables import prepare

log = logging.getLogger("kobo_sync.engine.worker")
POLL_S = 0.5  # a piece whose lock was taken is looked at again
TEND_S = 1.0
GAP_S = 3.0  # a look that took longer: the database, or this machine, was away, and every beat is old
SIBLING_S = 0.05  # how long siblings are waited for, by each that is unfinished
LEAST_S, MOST_S = 0.25, 5.0  # and within what
BUSY_S = 2.0  # for somebody who works on the same by hand
HELD_S = 3.0  # for a piece of the whole mission that is older
TURN_S, EVERY_S = 600, 3600  # so long of each hour that it waits the younger ones are held back for it
MOST_OWN_DEATHS = 6  # a piece whose own process died so often is left
KEEP_FAILED_H = 7 * 24
_TAKE_BACK = """
WITH stalled AS (
    SELECT job.id, coalesce((job.args->>'deaths')::int, 0) + 1 AS deaths, EXISTS (SELECT 1 FROM procrastinate_jobs other
        WHERE other.status = 'todo' AND other.queueing_lock = job.queueing_lock) AS is_double
    FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND (job.id = ANY(%(lost)s)
        OR pg_postmaster_start_time() < now() - make_interval(secs => %(dead_s)s)
        AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(dead_s)s)))
    FOR UPDATE OF job SKIP LOCKED
)
UPDATE procrastinate_jobs job SET attempts = attempts + 1, worker_id = NULL, abort_requested = false, scheduled_at = NULL,
    args = job.args || jsonb_build_object('deaths', stalled.deaths),
    priority = job.priority - (CASE WHEN stalled.deaths %% %(after)s = 0 THEN 2 * %(click)s ELSE 0 END),
    status = (CASE WHEN is_double THEN 'aborted' ELSE 'todo' END)::procrastinate_job_status
FROM stalled WHERE job.id = stalled.id
RETURNING job.id, job.queue_name AS mission, job.args->>'stage' AS stage, job.args->>'part' AS part,
    job.status::text AS status
"""
_MINE = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = %(worker_id)s"
_UNFINISHED = """
SELECT count(*) AS n FROM procrastinate_jobs WHERE queue_name = %(mission)s AND status IN ('todo', 'doing')
    AND id < %(job_id)s AND args->>'stage' = ANY(%(stages)s)
"""
_OLDER_ALONE = """
SELECT 1 FROM procrastinate_jobs alone JOIN procrastinate_events event ON event.job_id = alone.id AND event.type = 'deferred'
WHERE alone.queue_name = %(mission)s AND alone.status IN ('todo', 'doing') AND alone.id < %(job_id)s
    AND alone.args->>'stage' = ANY(%(alone)s)
    AND mod(extract(epoch FROM now() - event.at)::bigint, %(every_s)s) < %(turn_s)s LIMIT 1
"""
_ONE_MORE_DEATH = """
UPDATE procrastinate_jobs SET args = args || jsonb_build_object('own_deaths', %(deaths)s::int) WHERE id = %(job_id)s
"""
_REGISTER = """
INSERT INTO engine_workers (worker_id, host, pid, at_once, missions)
VALUES (%(worker_id)s, %(host)s, %(pid)s, %(at_once)s, %(missions)s) ON CONFLICT DO NOTHING
"""
_FORGET_WORKERS = """
DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - make_interval(secs => %(gone_s)s)
"""


class PutBack(Exception):
    """The piece goes back into the queue, to be taken again after *in_s* seconds; *first*: before all others then."""

    def __init__(self, in_s: float, *, first: bool = False) -> None:
        super().__init__()
        self.in_s, self.first = in_s, first


class PieceFailed(Exception):
    """The piece ended by a fault, which the ledger has."""


class _PutBackOnly(retry.BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: jobs.Job) -> RetryDecision | None:
        """Retry what was put back; a failure stays one: the next hour tries again."""
        if not isinstance(exception, PutBack):
            return None
        at = datetime.now(UTC) + timedelta(seconds=exception.in_s)
        return RetryDecision(retry_at=at, priority=2 * CLICK if exception.first else None)


@dataclass(frozen=True)
class MissionPlace:
    """Where a mission lies on this machine, and how long one of its pieces may take; *federation*: the folder of many.

    *name* is what lines of the log call it; empty for a worker of one mission.
    """

    folder: str
    most_s: float
    federation: str = ""
    name: str = ""


class Worker:
    """Works on *missions* (id → place) until `stop`; *command* starts a hand. Raises: StoreError, ConfigError at its start."""

    def __init__(
        self,
        url: str,
        missions: Mapping[str, MissionPlace],
        at_once: int,
        command: Sequence[str],
        env: Mapping[str, str],
    ) -> None:
        say_less()
        prepare(url)
        self._url, self._missions, self._at_once = url, missions, at_once
        self._hands = Hands(command, env)
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._current: LibraryWorker | None = None
        self._at_work: set[int] = set()

    def stop(self) -> None:
        """End soon, from any thread: what is at work stops at its next safe point and is put back."""
        self._stopping.set()
        if self._loop:
            with suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._stop_here)

    def _stop_here(self) -> None:
        if self._current:
            self._current.stop()  # type: ignore[no-untyped-call]
        self._hands.stop()

    def run(self) -> None:
        """Work until stopped; a database that is away is waited for."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._hands.begin()
        while not self._stopping.is_set():
            app = working_app(self._url, self._at_once + 4)
            app.task(name=TASK, pass_context=True, retry=_PutBackOnly())(self._work)
            try:
                async with app.open_async():
                    await self._work_on(app)
            except (exceptions.ProcrastinateException, psycopg.Error, OSError) as error:
                log.warning("the queue is away (%s): the worker waits for it", type(error).__name__)
            if not self._stopping.is_set():
                await asyncio.sleep(TEND_S)
        await self._hands.let_go(all_of_them=True)

    async def _work_on(self, app: App) -> None:
        worker = self._current = LibraryWorker(
            app,
            queues=list(self._missions),
            concurrency=self._at_once,
            fetch_job_polling_interval=POLL_S,
            delete_jobs=jobs.DeleteJobCondition.SUCCESSFUL,  # what was done stands in the ledger
            install_signal_handlers=False,
            update_heartbeat_interval=BEAT_S,
            stalled_worker_timeout=GONE_S,
        )
        tending = asyncio.create_task(self._tend(app, worker))
        try:
            if not self._stopping.is_set():
                await worker.run()  # type: ignore[no-untyped-call]
        finally:
            self._current = None
            tending.cancel()
            with suppress(asyncio.CancelledError):
                await tending

    # ── one piece ──

    async def _work(self, context: JobContext, /, **arguments: Any) -> None:
        piece, job_id = piece_of(arguments), context.job.id
        assert job_id is not None
        self._at_work.add(job_id)
        try:
            await self._carried_out(context, piece, job_id)
        finally:
            self._at_work.discard(job_id)

    async def _carried_out(self, context: JobContext, piece: Piece, job_id: int) -> None:
        connector, place = context.app.connector, self._missions[piece.mission]
        await self._let_others_first(context.app, piece, job_id)
        order = {
            "folder": place.folder,
            "federation": place.federation,
            "piece": piece.arguments,
            "is_again": context.job.attempts > 0,
        }
        try:
            answer = await self._hands.carry_out(order, place.most_s)
        except HandDied as error:
            log.error("%s %s: its process died", piece.stage, piece.part, extra=self._about(piece))
            deaths = piece.own_deaths + 1
            if deaths >= MOST_OWN_DEATHS:
                raise PieceFailed from error
            await connector.execute_query_async(query=_ONE_MORE_DEATH, job_id=job_id, deaths=deaths)
            raise PutBack(0) from error
        except OverTime as error:
            log.error(
                "%s %s: took longer than engine.most_hours, and was ended",
                piece.stage,
                piece.part,
                extra=self._about(piece),
            )
            raise PieceFailed from error
        await self._ended(context.app, piece, answer)

    def _about(self, piece: Piece) -> dict[str, str]:
        """What a line of the log is about."""
        return {"job": piece.stage, "mission": self._missions[piece.mission].name}

    async def _let_others_first(self, app: App, piece: Piece, job_id: int) -> None:
        """Put back a piece whose siblings are unfinished, or that is younger than one which needs the mission for itself."""
        ask, values = app.connector.execute_query_all_async, {"mission": piece.mission, "job_id": job_id}
        stages = list(WAITS_FOR.get(piece.stage, ()))
        rows = await ask(query=_UNFINISHED, stages=stages, **values) if stages else []
        if n := sum(row["n"] for row in rows):
            raise PutBack(min(MOST_S, max(LEAST_S, SIBLING_S * n)))
        if await ask(query=_OLDER_ALONE, alone=list(ALONE), turn_s=TURN_S, every_s=EVERY_S, **values):
            raise PutBack(HELD_S)

    async def _ended(self, app: App, piece: Piece, answer: Mapping[str, Any]) -> None:
        outcome = answer["outcome"]
        log.info("%s %s: %s", piece.stage, piece.part, outcome, extra=self._about(piece))
        if outcome in ("busy", "away"):
            raise PutBack(BUSY_S, first=piece.stage in ALONE)
        if outcome == "stopped" and not answer.get("over_time"):
            raise PutBack(0 if self._stopping.is_set() else BUSY_S)
        if outcome in ("failed", "stopped"):
            raise PieceFailed
        for arguments in answer.get("next", ()):
            following = piece_of(arguments)
            try:
                await deferrer(app, following).defer_async(**following.arguments)
            except exceptions.AlreadyEnqueued:
                await app.connector.execute_query_async(query=_SOONER, **sooner(following))

    # ── beside the pieces ──

    async def _tend(self, app: App, worker: LibraryWorker) -> None:
        """Every second: take back what dead workers left, and what this one was given without knowing; forget what is old.

        Not a job of the queue: it would wait for a free hand, and leave a row every two seconds. After an outage of the
        database, or of this machine, every worker's beat is old: they are believed once there was time for a fresh one.
        """
        now = asyncio.get_running_loop().time
        since, forgotten_at, registered, not_ours = now() - DEAD_S, float("-inf"), -1, set[int]()
        while True:
            began = now()
            await asyncio.sleep(TEND_S)
            try:
                if worker.worker_id is not None and worker.worker_id != registered:
                    await self._register(app, worker.worker_id)
                    registered = worker.worker_id
                not_ours = await self._take_back(app, worker, not_ours, everybody=now() - since > DEAD_S)
                if now() - forgotten_at > 3600:
                    await app.connector.execute_query_async(query=_FORGET_WORKERS, gone_s=GONE_S)
                    await app.job_manager.delete_old_jobs(KEEP_FAILED_H, None, True, True, True)
                    forgotten_at = now()
            except exceptions.ConnectorException as error:
                log.warning("the queue could not be tended: %s", type(error.__cause__ or error).__name__)
                since = now()
            if now() - began > GAP_S:
                since = now()
            await self._hands.let_go()

    async def _register(self, app: App, worker_id: int) -> None:
        values = {"worker_id": worker_id, "host": socket.gethostname(), "pid": os.getpid(), "at_once": self._at_once}
        await app.connector.execute_query_async(query=_REGISTER, missions=" ".join(self._missions), **values)

    async def _take_back(self, app: App, worker: LibraryWorker, before: set[int], *, everybody: bool) -> set[int]:
        """Put back what is stalled; returns what this worker has but does not work on, to be put back at the next look."""
        rows = await app.connector.execute_query_all_async(query=_MINE, worker_id=worker.worker_id)
        not_ours = {row["id"] for row in rows} - self._at_work
        lost = sorted(not_ours & before)
        if not everybody and not lost:
            return not_ours
        values = {"dead_s": DEAD_S if everybody else 1e9, "lost": lost, "after": AFTER_OTHERS, "click": CLICK}
        for row in await app.connector.execute_query_all_async(query=_TAKE_BACK, **values):
            place = self._missions.get(row["mission"])  # it may be a mission of that worker alone
            about = {"job": row["stage"], "mission": place.name if place else row["mission"]}
            log.warning("%s %s: its worker died: %s", row["stage"], row["part"] or "", row["status"], extra=about)
        return not_ours

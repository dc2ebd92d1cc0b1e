"""The queue from outside: pieces put in, and what waits, runs, failed and works."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kobo_sync.engine.pieces import AFTER_OTHERS, Piece
from kobo_sync.engine.tables import engine_url, prepare
from kobo_sync.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from procrastinate import App

    from kobo_sync.config.config import Config

BEAT_S, DEAD_S = 2.0, 6.0  # of a worker: how often it says that it lives; silent for so long it is dead
GONE_S = 600  # a dead worker is shown for so long
SHOWN_FAILED = "1 day"
_SOONER = """
UPDATE procrastinate_jobs SET priority = %(priority)s, args = args || jsonb_build_object('origin', %(origin)s::text,
    'asked_by', %(asked_by)s::text, 'due_by', %(due_by)s::text)
WHERE status = 'todo' AND queueing_lock = %(waits_once)s AND priority < %(priority)s
"""
_KINDS = """
SELECT args->>'stage' AS stage, status::text AS status, count(*) AS n FROM procrastinate_jobs job
WHERE (%(missions)s::text[] IS NULL OR queue_name = ANY(%(missions)s)) AND (status IN ('todo', 'doing') OR (status = 'failed'
    AND EXISTS (SELECT 1 FROM procrastinate_events WHERE job_id = job.id AND type = 'failed'
                AND at > now() - %(shown)s::interval)))
GROUP BY 1, 2
"""
_LAG = """
SELECT coalesce(extract(epoch FROM now() - min(coalesce(job.scheduled_at, (
    SELECT max(at) FROM procrastinate_events WHERE job_id = job.id AND type IN ('deferred', 'deferred_for_retry'))))), 0)::float
    AS lag_s, count(*) FILTER (WHERE (job.args->>'deaths')::int >= %(after)s) AS n_deadly
FROM procrastinate_jobs job
WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
    AND (%(missions)s::text[] IS NULL OR queue_name = ANY(%(missions)s))
"""
_WORKERS = """
SELECT ours.host, ours.pid, ours.at_once, ours.missions, ours.began_at, worker.last_heartbeat AS beat_at,
    extract(epoch FROM now() - worker.last_heartbeat)::float AS silent_s,
    (SELECT count(*) FROM procrastinate_jobs job WHERE job.worker_id = worker.id AND status = 'doing') AS n_running
FROM procrastinate_workers worker JOIN engine_workers ours ON ours.worker_id = worker.id ORDER BY ours.host, ours.pid
"""


@dataclass(frozen=True)
class Kind:
    """How many pieces of a stage wait, run, and failed within a day."""

    stage: str
    n_waiting: int = 0
    n_running: int = 0
    n_failed: int = 0


@dataclass(frozen=True)
class WorkerShown:
    """A worker: *silent_s* since its last beat; it is taken for dead after `DEAD_S`."""

    host: str
    pid: int
    missions: tuple[str, ...]
    at_once: int
    n_running: int
    began_at: datetime
    beat_at: datetime
    silent_s: float

    @property
    def is_alive(self) -> bool:
        """Whether it said so lately."""
        return self.silent_s < DEAD_S


@dataclass(frozen=True)
class QueueState:
    """What the queue holds of some missions, and who works on it.

    *lag_s*: how long the oldest piece that is due waits; *n_deadly*: of those, pieces that `AFTER_OTHERS` workers died with.
    """

    kinds: tuple[Kind, ...]
    workers: tuple[WorkerShown, ...]
    lag_s: float
    n_deadly: int = 0

    @property
    def n_waiting(self) -> int:
        """Pieces that wait."""
        return sum(kind.n_waiting for kind in self.kinds)

    @property
    def n_running(self) -> int:
        """Pieces at work."""
        return sum(kind.n_running for kind in self.kinds)

    @property
    def n_failed(self) -> int:
        """Pieces that failed within a day."""
        return sum(kind.n_failed for kind in self.kinds)

    @property
    def n_alive(self) -> int:
        """Workers that live."""
        return sum(worker.is_alive for worker in self.workers)

    def of_mission(self, key: str) -> QueueState:
        """The same with those workers alone that work for the mission called *key*."""
        return replace(self, workers=tuple(worker for worker in self.workers if key in worker.missions))


class Queue:
    """The queue at *url*, for whoever puts pieces in or looks at it. Raises (every method): StoreError."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._app: App | None = None
        self._opening = threading.Lock()  # several missions' threads share a queue

    def defer(self, pieces: Iterable[Piece]) -> int:
        """Put *pieces* in; one that waits already stays as it is, or comes sooner. Returns how many are new."""
        from procrastinate.exceptions import AlreadyEnqueued

        n = 0
        with self._opened() as app:
            for piece in pieces:
                try:
                    deferrer(app, piece).defer(**piece.arguments)
                    n += 1
                except AlreadyEnqueued:
                    app.connector.get_sync_connector().execute_query(query=_SOONER, **sooner(piece))
        return n

    def state(self, missions: Iterable[str] | None = None) -> QueueState:
        """What waits and runs of *missions* (None: of all), and all workers."""
        with self._opened() as app:
            ask = app.connector.get_sync_connector().execute_query_all
            return read_state(ask, None if missions is None else list(missions))

    def close(self) -> None:
        """Give the connections back."""
        with self._opening:
            if self._app:
                self._app.close()
                self._app = None

    @contextmanager
    def _opened(self) -> Iterator[App]:
        try:
            from procrastinate import exceptions

            from kobo_sync.engine.connecting import waiting_app
        except ImportError as error:
            raise missing_extra() from error
        with self._opening:
            if self._app is None:
                prepare(self._url)
                self._app = waiting_app(self._url).open()
            app = self._app
        try:
            yield app
        except exceptions.ConnectorException as error:
            self.close()
            hint = "nothing is lost: what is due stays due; look whether PostgreSQL runs"
            raise StoreError("the connection to the queue was lost", hint=hint) from error


def deferrer(app: App, piece: Piece) -> Any:
    """How the library puts *piece* in."""
    from kobo_sync.engine.connecting import TASK

    return app.configure_task(
        TASK, queue=piece.mission, lock=piece.lock, queueing_lock=piece.waits_once, priority=piece.priority
    )


def sooner(piece: Piece) -> dict[str, Any]:
    """The values of `_SOONER`: a person need not wait because the clock had asked before."""
    values = {"priority": piece.priority, "waits_once": piece.waits_once, "origin": piece.origin}
    return values | {"asked_by": piece.asked_by, "due_by": piece.due_by}


def read_state(ask: Callable[..., list[dict[str, Any]]], missions: list[str] | None) -> QueueState:
    """The state, by *ask*, which sends a query and gives its rows."""
    kinds: dict[str, dict[str, int]] = {}
    for row in ask(query=_KINDS, missions=missions, shown=SHOWN_FAILED):
        kinds.setdefault(row["stage"] or "", {})[row["status"]] = row["n"]
    workers = tuple(
        WorkerShown(
            row["host"],
            row["pid"],
            tuple(row["missions"].split()),
            row["at_once"],
            row["n_running"],
            row["began_at"],
            row["beat_at"],
            row["silent_s"],
        )
        for row in ask(query=_WORKERS)
    )
    counts = tuple(
        Kind(stage, n.get("todo", 0), n.get("doing", 0), n.get("failed", 0)) for stage, n in sorted(kinds.items())
    )
    due = ask(query=_LAG, missions=missions, after=AFTER_OTHERS)[0]
    return QueueState(counts, workers, float(due["lag_s"]), due["n_deadly"])


def missing_extra() -> ConfigError:
    """What is said where procrastinate is not installed."""
    return ConfigError(
        "the queue needs what is not installed here",
        file="config/secrets.env",
        key="ENGINE_URL",
        hint="install the workers' part: `pip install 'kobo-sync[cluster]'`",
    )


def mission_key(config: Config) -> str:
    """What the queue calls this mission: its id, or its code where it has none."""
    return config.mission.id or config.mission.code


def say_less() -> None:
    """Keep the libraries' own lines out of the log: each piece with all its arguments, a lost connection with a traceback."""
    for name in ("procrastinate", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@lru_cache(maxsize=8)
def _at(url: str) -> Queue:
    say_less()
    return Queue(url)


def queue_of(config: Config) -> Queue | None:
    """The queue of this mission, shared by the process; None without an engine. Raises: ConfigError."""
    url = engine_url(config)
    return _at(url) if url else None

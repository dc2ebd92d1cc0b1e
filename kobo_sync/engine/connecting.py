"""procrastinate's connectors, patient: a database that is away for a moment ends no worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from procrastinate import App, PsycopgConnector, exceptions, jobs
from procrastinate.manager import JobManager

from kobo_sync.engine.tables import conninfo

T = TypeVar("T")
TASK = "work"
PATIENCE_S = 900.0  # how long a statement waits for the database to come back
AGAIN_S = 0.5
_PUT_BACK = """
SELECT procrastinate_retry_job_v2(%(job_id)s, now() + make_interval(secs => %(in_s)s), %(priority)s, %(queue)s, %(lock)s)
"""


class PatientConnector(PsycopgConnector):
    """As the library's, but a statement that the connection was lost under is sent again.

    Every statement of a worker may be: a job that was taken without our knowing is put back by `Worker`, one that was ended
    twice by `Manager`, and one that was deferred twice waits once.
    """

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Send *query*."""
        await _patiently(lambda: super(PatientConnector, self).execute_query_async(query, **arguments))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        """The one row of *query*."""
        return await _patiently(lambda: super(PatientConnector, self).execute_query_one_async(query, **arguments))

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        """The rows of *query*."""
        return await _patiently(lambda: super(PatientConnector, self).execute_query_all_async(query, **arguments))

    async def listen_notify(self, on_notification: Any, channels: Iterable[str]) -> None:
        """Listen for ever, on one connection after the other."""
        while True:
            await _patiently(lambda: super(PatientConnector, self).listen_notify(on_notification, channels))


async def _patiently(act: Callable[[], Awaitable[T]]) -> T:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await act()
        except (exceptions.ConnectorException, psycopg.OperationalError) as error:
            lost = isinstance(error, psycopg.OperationalError) or isinstance(error.__cause__, psycopg.OperationalError)
            if not lost or time.monotonic() >= until:
                raise
        await asyncio.sleep(AGAIN_S)


class Manager(JobManager):
    """As the library's, but a job that ended twice, or whose double waits already, stops no worker."""

    async def finish_job_by_id_async(self, job_id: int, status: jobs.Status, delete_job: bool) -> None:
        """End the job; nothing where it is ended, or was put back, already."""
        try:
            await super().finish_job_by_id_async(job_id, status, delete_job)
        except exceptions.ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise

    async def retry_job_by_id_async(
        self,
        job_id: int,
        retry_at: datetime,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put the job back; where the same waits already, that one does the work.

        The database says when *retry_at* is: the clocks of two machines may be hours apart.
        """
        in_s = max(0.0, (retry_at - datetime.now(UTC)).total_seconds())
        values = {"job_id": job_id, "in_s": in_s, "priority": priority, "queue": queue, "lock": lock}
        try:
            await self.connector.execute_query_async(query=_PUT_BACK, **values)
        except exceptions.UniqueViolation:
            await self.finish_job_by_id_async(job_id, jobs.Status.SUCCEEDED, delete_job=True)
        except exceptions.ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise


def waiting_app(url: str) -> App:
    """An app for whoever only defers and looks: few connections, opened when needed. Raises: ConfigError."""
    from procrastinate import SyncPsycopgConnector

    return App(connector=SyncPsycopgConnector(conninfo=conninfo(url), min_size=0, max_size=4, timeout=5))


def working_app(url: str, n_connections: int) -> App:
    """An app for a worker. Raises: ConfigError."""
    app = App(connector=PatientConnector(conninfo=conninfo(url), min_size=1, max_size=n_connections, timeout=30))
    app.job_manager = Manager(app.connector)
    return app

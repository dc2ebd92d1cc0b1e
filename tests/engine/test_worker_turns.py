"""Whose turn it is: what a piece waits for, what is held back for those that need a mission alone, what deaths of workers do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import POSTGRES
from engine_cluster import Postgres, postgres_server

pytest.importorskip("procrastinate", reason="procrastinate is not installed")
pytestmark = [pytest.mark.postgres, pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")]

import psycopg  # noqa: E402

from kobo_sync.engine import worker as workers  # noqa: E402
from kobo_sync.engine.connecting import working_app  # noqa: E402
from kobo_sync.engine.pieces import AFTER_OTHERS, Piece  # noqa: E402
from kobo_sync.engine.queue import Queue  # noqa: E402
from kobo_sync.engine.tables import conninfo  # noqa: E402
from kobo_sync.engine.worker import PutBack, Worker  # noqa: E402


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def database(server: Postgres, request: pytest.FixtureRequest) -> str:
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    server.make(name)
    return name


def _ids(server: Postgres, database: str, *deferred: Piece) -> dict[str, int]:
    """The jobs of *deferred*, put in in this order, by their stage and part."""
    queue = Queue(server.url(database))
    queue.defer(deferred)
    queue.close()
    with psycopg.connect(server.conninfo(database)) as connection:
        query = "SELECT trim(concat(args->>'stage', ' ', args->>'part')), id FROM kobo_engine.procrastinate_jobs"
        return dict(connection.execute(query).fetchall())


def _with_worker(server: Postgres, database: str, act: Callable[[Worker, Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        url = server.url(database)
        worker = Worker(url, {}, 1, [], {})
        app = working_app(url, 2)
        async with app.open_async():
            return await act(worker, app)

    with ThreadPoolExecutor(1) as aside:  # a browser of another test in this process may have the main thread's loop
        return aside.submit(lambda: asyncio.run(run())).result()


def _waits_s(server: Postgres, database: str, piece: Piece, job_id: int) -> float:
    """After how many seconds the piece is taken again; 0 when it may begin."""

    async def act(worker: Worker, app: Any) -> float:
        try:
            await worker._let_others_first(app, piece, job_id)
        except PutBack as back:
            return back.in_s
        return 0

    return float(_with_worker(server, database, act))


def test_what_needs_the_mission_alone_has_its_turn_before_what_was_put_in_later(
    server: Postgres, database: str
) -> None:
    first, later, other = Piece("m", "pull", "a"), Piece("m", "pull", "b"), Piece("n", "pull", "a")
    purge = Piece("m", "purge")
    ids = _ids(server, database, first, purge, later)
    assert _waits_s(server, database, first, ids["pull a"]) == 0 == _waits_s(server, database, purge, ids["purge"])
    assert _waits_s(server, database, later, ids["pull b"]) == workers.HELD_S
    assert _waits_s(server, database, other, ids["pull b"] + 1) == 0  # of another mission
    with psycopg.connect(server.conninfo(database)) as connection:
        connection.execute("UPDATE kobo_engine.procrastinate_events SET at = at - interval '11 minutes'")
    assert _waits_s(server, database, later, ids["pull b"]) == 0  # something takes long: the others go on meanwhile
    with psycopg.connect(server.conninfo(database)) as connection:
        connection.execute("UPDATE kobo_engine.procrastinate_events SET at = at - interval '50 minutes'")
    assert _waits_s(server, database, later, ids["pull b"]) == workers.HELD_S  # and it has its turn again


def test_siblings_are_waited_for_the_longer_the_more_they_are(server: Postgres, database: str) -> None:
    zones, plan = [Piece("m", "zone", str(n)) for n in range(20)], Piece("m", "set")
    ids = _ids(server, database, zones[0], plan, *zones[1:])
    assert _waits_s(server, database, plan, ids["set"]) == workers.LEAST_S
    assert _waits_s(server, database, plan, max(ids.values()) + 1) == pytest.approx(20 * workers.SIBLING_S)


def test_a_piece_is_never_given_up_for_workers_that_died_with_it_but_comes_after_the_others(
    server: Postgres, database: str
) -> None:
    ids = _ids(server, database, Piece("m", "plan", origin="person"), Piece("m", "digest"))
    url = server.url(database)

    async def act(_worker: Worker, app: Any) -> Any:
        ask = app.connector.execute_query_all_async
        values = {"dead_s": 1e9, "lost": [ids["plan"]], "after": AFTER_OTHERS, "click": workers.CLICK}
        assert [row["status"] for row in await ask(query=workers._TAKE_BACK, **values)] == ["todo"]
        rows = await ask(query="SELECT priority FROM procrastinate_jobs WHERE id = %(id)s", id=ids["plan"])
        return rows[0]["priority"]

    priorities = []
    for deaths in (AFTER_OTHERS - 2, AFTER_OTHERS - 1, 40 * AFTER_OTHERS):
        with psycopg.connect(conninfo(url)) as connection:
            at_work = (
                "UPDATE procrastinate_jobs SET status = 'doing', args = args || jsonb_build_object('deaths', %s::int)"
            )
            connection.execute(f"{at_work} WHERE id = %s".encode(), [deaths, ids["plan"]])
        priorities.append(_with_worker(server, database, act))
    assert priorities[0] > 0 > priorities[1] == priorities[2]
    queue = Queue(url)
    assert queue.state(["m"]).n_deadly == 1
    queue.close()

"""The queue's tables, what is put in and seen, and a worker as a process: killed, stopped, without its database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from conftest import POSTGRES, REPO, TOKEN, Field
from engine_cluster import (
    PASSWORD,
    Postgres,
    Processes,
    Server,
    mission_of,
    name_server,
    postgres_server,
    processes_in,
    put_secrets,
    server_in,
    until,
    zones_mission,
)

from kobo_sync.databases.engines import Address
from kobo_sync.desk import pieces, runs, schedules
from kobo_sync.desk.database import Desk
from kobo_sync.desk.processes import holder_name
from kobo_sync.desk.runs import Order
from kobo_sync.engine.pieces import Piece
from kobo_sync.errors import ConfigError, StoreError
from kobo_sync.phones.collect import Phone
from kobo_sync.service.loop import Service
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.status import status
from kobo_sync.workspace.folders import Workspace, find

if TYPE_CHECKING:
    from web_office import Office

pytest.importorskip("procrastinate", reason="procrastinate is not installed")
pytestmark = [pytest.mark.postgres, pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")]

import psycopg  # noqa: E402

from kobo_sync.engine import tables  # noqa: E402
from kobo_sync.engine.queue import Queue, queue_of  # noqa: E402

PIECE = Piece("essai", "zone", "nord")
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def database(server: Postgres, request: pytest.FixtureRequest) -> str:
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    server.make(name)
    return name


@pytest.fixture
def queue(server: Postgres, database: str) -> Iterator[Queue]:
    opened = Queue(server.url(database))
    yield opened
    opened.close()


# ── tables ──


def test_two_processes_make_the_tables_once_and_find_them_current(server: Postgres, database: str) -> None:
    code = f"from kobo_sync.engine.tables import prepare; prepare({server.url(database)!r})"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")])}
    makers = [subprocess.Popen([sys.executable, "-c", code], env=env) for _ in range(4)]
    assert [maker.wait(60) for maker in makers] == [0] * 4
    tables.prepare(server.url(database))
    with psycopg.connect(server.conninfo(database)) as connection:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(query).fetchone() == (0,)


def test_tables_of_a_newer_program_are_refused_unharmed(server: Postgres, database: str) -> None:
    tables.prepare(server.url(database))
    with psycopg.connect(server.conninfo(database)) as connection:
        connection.execute("UPDATE kobo_engine.engine_facts SET value = '2' WHERE name = 'version'")
    with pytest.raises(StoreError, match="newer") as refused:
        tables.prepare(server.url(database))
    assert "pip install" in refused.value.hint


def test_tables_of_an_older_procrastinate_are_brought_up(server: Postgres, database: str) -> None:
    tables.prepare(server.url(database))
    with psycopg.connect(server.conninfo(database)) as connection:
        last = tables._steps()[-1]
        connection.execute("SET search_path = kobo_engine")
        connection.execute("DROP FUNCTION procrastinate_retry_job_v2")
        step = "03.04.00_01_pre_add_retry_failed_job_procedure.sql"
        before = [name for name in tables._steps() if name < step][-1]
        connection.execute("UPDATE engine_facts SET value = %s WHERE name = 'procrastinate'", [before])
        connection.execute(
            "DROP TRIGGER IF EXISTS procrastinate_jobs_notify_queue_job_aborted_v1 ON procrastinate_jobs"
        )
    try:
        tables.prepare(server.url(database))
    except StoreError as error:  # what a step changes may stand already: all of it is undone
        assert "refuses" in error.message
    else:
        with psycopg.connect(server.conninfo(database)) as connection:
            query = "SELECT value FROM kobo_engine.engine_facts WHERE name = 'procrastinate'"
            assert connection.execute(query).fetchone() == (last,)


def test_somebody_else_s_queue_is_left_alone(server: Postgres, database: str) -> None:
    with psycopg.connect(server.conninfo(database)) as connection:
        connection.execute("CREATE SCHEMA kobo_engine")
        connection.execute("CREATE TABLE kobo_engine.procrastinate_jobs (id int)")
    with pytest.raises(StoreError, match="none of kobo-sync's"):
        tables.prepare(server.url(database))


def test_an_account_that_may_not_make_tables_is_told_what_to_do(server: Postgres, database: str) -> None:
    with psycopg.connect(server.conninfo(database)) as connection:
        connection.execute(f"CREATE ROLE poor_{database} LOGIN".encode())
    with pytest.raises(StoreError, match="may not make them") as refused:
        tables.prepare(server.url(database, f"poor_{database}"))
    assert "GRANT CREATE" in refused.value.hint


def test_an_old_server_is_refused(server: Postgres, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "OLDEST", 99)
    with pytest.raises(StoreError, match="too old"):
        tables.prepare(server.url(database))


@pytest.mark.parametrize(
    "url", ["", "mysql://a@b/c", "postgresql://host", "postgresql://u:secretword@h/d?nonsense=1", "x"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="ENGINE_URL") as refused:
        tables.conninfo(url)
    assert "secretword" not in str(refused.value)


def test_a_database_that_is_not_there_and_a_server_that_does_not_run(server: Postgres, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        tables.prepare(server.url("nowhere"))
    with pytest.raises(StoreError, match="cannot be reached") as refused:
        tables.prepare(f"postgresql://desk:secretword@/desk?host={tmp_path}")
    assert "secretword" not in str(refused.value)


# ── what is put in ──


def test_what_waits_already_waits_once_and_comes_sooner_for_a_person(queue: Queue) -> None:
    assert queue.defer([PIECE, replace(PIECE, part="sud")]) == 2
    assert queue.defer([PIECE, replace(PIECE, rank=7)]) == 0
    state = queue.state(["essai"])
    assert (state.n_waiting, state.n_running, state.n_failed, state.workers) == (2, 0, 0, ())
    assert queue.state(["another"]).n_waiting == 0 and state.lag_s >= 0
    assert queue.defer([replace(PIECE, origin="person", asked_by="maha")]) == 0
    rows = queue._app.connector.get_sync_connector().execute_query_all(  # type: ignore[union-attr]
        query="SELECT args->>'part' AS part, args->>'asked_by' AS who FROM procrastinate_jobs ORDER BY priority DESC"
    )
    assert rows[0] == {"part": "nord", "who": "maha"}


def test_a_queue_that_went_away_is_told_and_comes_back(tmp_path: Path) -> None:
    with postgres_server() as own:
        queue = Queue(own.url())
        assert queue.defer([PIECE]) == 1
        own.stop()
        with pytest.raises(StoreError):
            queue.defer([replace(PIECE, part="sud")])
        own.start()
        assert queue.defer([replace(PIECE, part="sud")]) == 1
        queue.close()


def test_the_service_hands_over_and_status_tells(field_team: Field, server: Postgres, database: str) -> None:
    path = field_team.mission.workspace.root / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8") + '\n[schedule]\npull = ["0 * * * *"]\njitter_s = 0\n', "utf-8")
    put_secrets(field_team.mission.workspace, ENGINE_URL=server.url(database))
    service = Service(field_team.reopen)
    field_team.clock.forward(hours=1)
    assert service.carry_out_next() and not service.carry_out_next()
    mission = field_team.reopen()
    schedules.wish(mission.desk, "build", origin="person", asked_by="maha", now=field_team.clock())
    assert service.carry_out_next() and not service.carry_out_next()
    service.stop()
    assert [(run.job, run.status, run.origin) for run in runs.last_runs(mission.desk)] == [
        ("build", "queued", "person"),
        ("pull", "queued", "schedule"),
    ]
    assert runs.last_success(mission.desk, runs.COLLECTING) is None  # it was only handed over
    report = status(mission)
    assert report.counts["queue.waiting"] == 3 and report.counts["queue.workers"] == 0
    assert any("no worker lives" in line for line in report.lines)


def test_the_page_shows_queue_and_workers(office: Office, server: Postgres, database: str) -> None:
    put_secrets(office.field.mission.workspace, ENGINE_URL=server.url(database))
    queue = Queue(server.url(database))
    queue.defer([PIECE, replace(PIECE, part="sud")])
    page = office.client("maha").get("/synchronisations").text
    assert "2 travaux attendent" in page and "aucun exécutant" in page and "Documents d’une zone" in page
    put_secrets(office.field.mission.workspace, ENGINE_URL=server.url("nowhere"))
    assert "hors d’atteinte" in office.client("maha").get("/synchronisations").text
    queue.close()


# ── a worker ──


@pytest.fixture
def cluster(server: Postgres, database: str, tmp_path: Path) -> Iterator[tuple[Workspace, Server, Queue, Processes]]:
    """A mission of three zones on one shared store, its queue, and processes to be started."""
    with server_in(tmp_path) as station, processes_in(tmp_path / "logs") as processes:
        workspace = zones_mission(tmp_path / "mission", 3)
        name_server(workspace, station.url)
        put_secrets(workspace, STORE_URL=server.url(database))
        mission = mission_of(workspace)
        deploy(mission)
        phone, ids = Phone(station.url, "maha", PASSWORD), iter(range(1, 100))
        team = Field(
            mission,
            station.station,
            station.url,
            station.clock,
            phone,
            lambda: mission,
            lambda: f"00000000-0000-4000-8000-{next(ids):012}",
        )
        for zone in ("z000", "z001", "z002"):
            team.person(f"{zone.upper()}-01", zone)
        queue = queue_of(mission.config)
        assert queue
        yield workspace, station, queue, processes
        queue.close()
        phone.close()
        mission.close()


def test_each_of_two_runs_that_begin_at_once_is_recorded_under_its_own_number(server: Postgres, database: str) -> None:
    """A worker's run ended another's in the ledger, and was told as cut short itself, some three times in a hundred."""
    address = Address(server.url(database), "", "DESK_URL")
    with closing(Desk(address)) as desk, closing(Desk(address)) as other:
        numbers: dict[str, int] = {}

        @sa.event.listens_for(desk.engine, "after_cursor_execute")
        def _meanwhile(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO runs") and "other" not in numbers:
                numbers["other"] = runs.start_run(other, "build", Order(), NOW, "office", 2)

        numbers["one"] = runs.start_run(desk, "build", Order(), NOW, "office", 1)
        assert numbers["one"] != numbers["other"]
        runs.end_run(desk, numbers["one"], NOW, "done", {})
        assert [(run.run_id, run.status) for run in runs.last_runs(desk)] == [
            (numbers["other"], "running"),
            (numbers["one"], "done"),
        ]


def _idle(queue: Queue) -> bool:
    state = queue.state()
    return not state.n_waiting and not state.n_running


def test_a_worker_does_the_whole_run_in_order_and_stops_when_asked(
    cluster: tuple[Workspace, Server, Queue, Processes],
) -> None:
    from kobo_sync.service.stages import first_pieces

    workspace, _, queue, processes = cluster
    with closing(mission_of(workspace)) as mission:
        queue.defer(first_pieces(mission.config, "run", Order("person", "maha"), "", mission.clock()))
        processes.start("worker", "worker", "--workspace", str(workspace.root), "--concurrency", "2")
        until(lambda: _idle(queue), 120, "the run is done")
        jobs = [(run.job, run.status) for run in reversed(runs.last_runs(mission.desk, 50))]
    assert {status for _, status in jobs} <= {"done", "findings"}, jobs
    assert [job for job, _ in jobs[2:]] == ["check", *["build"] * 5, "deliver"]
    assert [job for job, _ in jobs[:2]] == ["reconcile", "reconcile"]
    assert (workspace.out / "z002" / "MANIFEST.json").is_file() and (workspace.out / "mission").is_dir()
    state = queue.state()
    assert [(worker.at_once, worker.missions, worker.is_alive) for worker in state.workers] == [(2, ("zones",), True)]
    assert processes.end("worker") == 0 and queue.state().workers == ()
    assert "Traceback" not in processes.log("worker")


def test_what_a_killed_worker_was_at_is_taken_over_and_done(
    cluster: tuple[Workspace, Server, Queue, Processes],
) -> None:
    """A hand that is stopped in its tracks (SIGSTOP) stands for a piece that takes long."""
    workspace, _, queue, processes = cluster
    for number in (1, 2):
        processes.start(f"worker-{number}", "worker", "--workspace", str(workspace.root))
    until(lambda: queue.state().n_alive == 2, 60, "both live")
    queue.defer([Piece("zones", "doctor", origin="person", asked_by="maha")])
    until(lambda: queue.state().n_running == 1, 30, "it runs")
    worker = next(each for each in queue.state().workers if each.n_running)
    name = next(name for name, process in processes.running.items() if process.pid == worker.pid)
    hand = int(subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, check=True).stdout.split()[0])
    os.kill(hand, signal.SIGSTOP)
    processes.kill(name)
    took_s = until(
        lambda: any(each.n_running for each in queue.state().workers if each.pid != worker.pid) or _idle(queue),
        30,
        "taken over",
    )
    until(lambda: _idle(queue), 60, "it is done")
    print(f"taken over after {took_s:.1f} s")
    with suppress(ProcessLookupError):  # it dies with its worker, unless it was stopped before it could ask for that
        os.kill(hand, signal.SIGKILL)
    mission = mission_of(workspace)
    assert runs.last_runs(mission.desk)[0].status in ("done", "findings")
    mission.close()


def test_two_missions_of_one_id_and_one_without_a_queue_are_refused(
    cluster: tuple[Workspace, Server, Queue, Processes], tmp_path: Path
) -> None:
    workspace, _, _, processes = cluster
    twin = tmp_path / "twin"
    shutil.copytree(workspace.root / "config", twin / "config")
    shutil.copytree(workspace.root / "forms", twin / "forms")
    processes.start("twins", "worker", "--workspace", str(workspace.root), "--workspace", str(twin))
    assert processes.running["twins"].wait(60) == 3 and "the same id" in processes.log("twins")
    path = twin / "config" / "mission.toml"
    path.write_text(path.read_text("utf-8").replace("enabled = true", ""), "utf-8")
    processes.start("alone", "worker", "--workspace", str(twin))
    assert processes.running["alone"].wait(60) == 3 and "the mission has no queue" in processes.log("alone")


def test_one_worker_for_a_folder_of_missions_leaves_aside_what_it_cannot_work_on(
    cluster: tuple[Workspace, Server, Queue, Processes], tmp_path: Path
) -> None:
    """The mission has its token from the environment, under its own name; another has no queue, a third is broken."""
    workspace, _, queue, processes = cluster
    folder = tmp_path / "many"
    folder.mkdir()
    workspace.root.rename(folder / "nord")
    for name, text in (("lone", (folder / "nord/config/mission.toml").read_text("utf-8")), ("torn", "[mission")):
        (folder / name / "config").mkdir(parents=True)
        (folder / name / "config" / "mission.toml").write_text(text.replace("enabled = true", ""), "utf-8")
        (folder / name / "config" / "zones.csv").write_text(
            (folder / "nord/config/zones.csv").read_text("utf-8"), "utf-8"
        )
    secrets = folder / "nord" / "config" / "secrets.env"
    secrets.write_text(secrets.read_text("utf-8").replace(f"KOBO_TOKEN={TOKEN}\n", ""), "utf-8")
    processes.env["KOBO_TOKEN__NORD"] = TOKEN
    processes.start("worker", "worker", "--workspaces", str(folder))
    until(lambda: queue.state().n_alive == 1, 60, "it lives")
    queue.defer([Piece("zones", "pull", "personnes", origin="person", asked_by="maha")])
    until(lambda: _idle(queue), 60, "it is done")
    log = processes.log("worker")
    assert "lone is left aside: " in log and "torn is left aside: " in log and TOKEN not in log
    assert "nord: pull personnes: done" in log
    mission = mission_of(find(folder / "nord"))
    assert [run.status for run in runs.last_runs(mission.desk) if run.job == "pull"] == ["done"]
    mission.close()
    assert processes.end("worker") == 0
    shutil.rmtree(folder / "nord")
    processes.start("none", "worker", "--workspaces", str(folder))
    assert processes.running["none"].wait(60) == 3 and "no mission in it" in processes.log("none")


def test_a_backup_is_not_kept_out_by_pulls_that_keep_coming(
    cluster: tuple[Workspace, Server, Queue, Processes], server: Postgres, database: str
) -> None:
    """This test is at work on a pull of its own: the backup waits for it, and the pull that was put in later for the backup."""
    workspace, _, queue, processes = cluster
    mission, holder = mission_of(workspace), holder_name("test")
    pieces.take_piece(mission.desk, "pull far", holder, "here", os.getpid(), mission.clock(), pieces.StillWatch())
    queue.defer([Piece("zones", "backup"), Piece("zones", "pull", "personnes", origin="hook")])
    processes.start("worker", "worker", "--workspace", str(workspace.root))

    def put_back() -> int:
        with psycopg.connect(server.conninfo(database)) as connection:
            query = "SELECT count(*) FROM kobo_engine.procrastinate_jobs WHERE attempts > 1"
            return int(connection.execute(query).fetchone()[0])  # type: ignore[index]

    until(lambda: put_back() == 2, 60, "both were taken, and put back twice")
    assert not [run for run in runs.last_runs(mission.desk) if run.job in ("backup", "pull")]
    pieces.give_back(mission.desk, "pull far", holder)
    until(lambda: _idle(queue), 60, "both are done")
    assert [run.job for run in reversed(runs.last_runs(mission.desk)) if run.job in ("backup", "pull")] == [
        "backup",
        "pull",
    ]
    mission.close()

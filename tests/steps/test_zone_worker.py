"""Many zones' sets are made by a process that ends: the same bytes, report and failures as in one, whatever becomes of the process."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from test_build import NAMES, built  # noqa: F401

from kobo_sync.analysis import overview
from kobo_sync.desk import schema
from kobo_sync.errors import KoboSyncError, RunStopped
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report, Zone
from kobo_sync.steps import analyse as analyse_step
from kobo_sync.steps import build as build_step
from kobo_sync.steps import build_worker, zone_worker
from kobo_sync.steps.build import build
from kobo_sync.steps.zone_worker import ZoneSet

IN_PROCESS = 10**6
# Before the process begins: what `make` does to its second zone stands in place of `pass`.
AT_SECOND = """
import os, signal, sys
sys.path[:] = sys.argv[1:]
from kobo_sync.steps import build, zone_worker_process
make, zones = build._Run.make, []
def make_one(run, zone):
    zones.append(zone)
    if len(zones) == 2:
        pass
    return make(run, zone)
build._Run.make = make_one
zone_worker_process.main()
"""
WAIT = 'place = open(os.environ["AT_SECOND"], "w"); print(os.getpid(), file=place, flush=True); signal.pause()'
END_S = 60


@pytest.fixture
def due(built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:  # noqa: F811
    """Both zones are to be made anew, one of them edited by hand; ``build(worth)`` does it, from the same state each time.

    ``made`` are the zones whose sets this process made since, ``dashboards`` what it worked out for the pages.
    """
    state, out = built.root / ".kobo_sync", built.out
    template = built.root / "exports" / "templates" / "outils-andragogiques" / "note.txt"
    template.parent.mkdir(parents=True)
    template.write_text("Une note", "utf-8")
    sheet = out / "nord" / "fiche-zone.pdf"
    sheet.write_bytes(sheet.read_bytes() + b"%note")
    before = built.root.parent / "before"
    shutil.copytree(out, before / "out")
    shutil.copytree(state / "kept", before / "kept")
    shutil.copy2(state / "told-sets.json", before)
    made: list[str] = []
    make = build_step._Run.make

    def make_one(run: object, zone: Zone) -> ZoneSet:
        made.append(zone.code)
        return make(run, zone)  # type: ignore[arg-type]

    monkeypatch.setattr(build_step._Run, "make", make_one)
    dashboards: list[object] = []
    dashboard_of = overview.dashboard_of

    def dashboard_here(*of: object) -> object:
        dashboards.append(of)
        return dashboard_of(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(analyse_step, "dashboard_of", dashboard_here)
    missions: list[Mission] = []

    def again(worth: int, progress: Callable[[str, int, int | None], None] = lambda *_: None) -> SimpleNamespace:
        for folder, name in ((out, "out"), (state / "kept", "kept")):
            shutil.rmtree(folder)
            shutil.copytree(before / name, folder)
        shutil.copy2(before / "told-sets.json", state)
        made.clear()
        dashboards.clear()
        return finish(worth, progress)

    def finish(worth: int, progress: Callable[[str, int, int | None], None] = lambda *_: None) -> SimpleNamespace:
        monkeypatch.setattr(build_worker, "WORTH", worth)
        mission = Mission(built.mission.workspace, built.mission.environ, built.mission.clock, progress)
        missions.append(mission)
        with mission.desk.begin() as desk:
            desk.execute(sa.delete(schema.snapshots))
        report = told(build(mission, figures=True))
        snapshots = [mission.desk.snapshot(name) for name in ("dashboard", "collection")]
        assert all(snapshots)
        shown = [snapshot[:2] for snapshot in snapshots if snapshot]
        return SimpleNamespace(report=report, files=files(built.root), shown=shown)

    yield SimpleNamespace(build=again, finish=finish, made=made, dashboards=dashboards, before=before, **vars(built))
    for mission in missions:
        mission.close()


def told(report: Report) -> dict[str, object]:
    return {name: value for name, value in report.as_json().items() if not name.endswith("_at")}


def files(root: Path) -> dict[str, bytes]:
    """The sets, what was told of them, and the figures that are kept of zones."""
    out, state = root / "exports" / "out", root / ".kobo_sync"
    paths = [*out.rglob("*"), state / "told-sets.json", *(state / "kept").glob("figures-*")]
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(paths) if path.is_file()}


def of_zones(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not path.startswith("exports/out/mission/")}


def test_bytes_report_and_progress_are_those_of_one_process(due: SimpleNamespace) -> None:
    steps: tuple[list[object], list[object]] = ([], [])
    alone = due.build(IN_PROCESS, lambda *step: steps[0].append(step))
    assert due.made == ["nord", "sud"] and "BUILD001" in str(alone.report)
    apart = due.build(2, lambda *step: steps[1].append(step))
    assert due.made == [] and due.dashboards == []
    assert apart.report == alone.report
    assert apart.files == alone.files
    assert apart.shown == alone.shown
    assert list(dict.fromkeys(steps[1])) == steps[0]


def test_a_first_build_is_told_as_such(due: SimpleNamespace) -> None:
    for path in (due.before / "out").iterdir():
        shutil.rmtree(path)
    (due.before / "told-sets.json").write_bytes(b"")
    alone, apart = due.build(IN_PROCESS), due.build(2)
    assert due.made == []
    assert apart.report == alone.report and apart.files == alone.files


def test_zones_that_stay_as_they_are_are_told_so(due: SimpleNamespace) -> None:
    due.build(IN_PROCESS)
    shutil.rmtree(due.before)
    shutil.copytree(due.out, due.before / "out")
    shutil.copytree(due.root / ".kobo_sync" / "kept", due.before / "kept")
    shutil.copy2(due.root / ".kobo_sync" / "told-sets.json", due.before)
    shutil.rmtree(due.before / "out" / "sud")
    alone, apart = due.build(IN_PROCESS), due.build(1)
    assert due.made == []
    assert apart.report == alone.report and apart.files == alone.files
    assert apart.report["counts"]["unchanged"] == 1 and apart.report["lines"][0] == "nord: unchanged"


@pytest.mark.parametrize(
    ("main", "left"),
    [
        (AT_SECOND.replace("pass", "os.kill(os.getpid(), signal.SIGKILL)"), ["sud"]),
        (AT_SECOND.replace("pass", "os.write(3, b'{'); os._exit(1)"), ["sud"]),  # half a line
        ("raise SystemExit(1)", ["nord", "sud"]),
        ("print('of another program')", ["nord", "sud"]),
    ],
    ids=["killed", "half told", "never began", "speaks otherwise"],
)
def test_what_the_process_did_not_make_is_made_without_it(
    due: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, main: str, left: list[str]
) -> None:
    alone = due.build(IN_PROCESS)
    monkeypatch.setattr(zone_worker, "_MAIN", main)
    apart = due.build(2)
    assert due.made == left
    assert apart.report == alone.report and apart.files == alone.files


def test_without_a_second_process_the_build_does_it_all(due: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = due.build(IN_PROCESS)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert due.build(2) == alone and due.made == ["nord", "sud"] and len(due.dashboards) == 1


def test_a_mission_that_changed_meanwhile_is_not_built_by_half(due: SimpleNamespace) -> None:
    """The process reads the files as they are now, the build had read them before: it then makes the sets itself."""
    alone = due.build(IN_PROCESS)
    notes = due.root / "exports" / "templates" / "outils-andragogiques" / "note.txt"

    def change(_what: str, done: int, _total: int | None) -> None:
        if done == 0:
            notes.write_text("Une autre note", "utf-8")

    assert due.build(2, change).files == alone.files and due.made == ["nord", "sud"]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Those that are started."""
    started: list[subprocess.Popen[bytes]] = []
    init = subprocess.Popen.__init__

    def noted(process: subprocess.Popen[bytes], *args: object, **options: object) -> None:
        init(process, *args, **options)  # type: ignore[call-overload]
        started.append(process)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    return started


def test_a_run_that_is_stopped_leaves_no_process(
    due: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, processes: list[subprocess.Popen[bytes]]
) -> None:
    alone = due.build(IN_PROCESS)
    monkeypatch.setattr(zone_worker, "_MAIN", AT_SECOND.replace("pass", "signal.pause()"))

    def stop(_what: str, done: int, _total: int | None) -> None:
        if done == 1:
            raise RunStopped("stopped, as asked")

    with pytest.raises(RunStopped, match="as asked"):
        due.build(2, stop)
    assert [process.returncode for process in processes] == [128 + signal.SIGTERM]
    assert due.made == [] and (due.out / "nord" / "fiche-zone.pdf").is_file()
    monkeypatch.undo()
    again = due.finish(IN_PROCESS)
    assert again.report["lines"][0] == "nord: unchanged"
    assert of_zones(again.files) == of_zones(alone.files)


@pytest.mark.parametrize("task", ["zones", "checks", "report", "figures"])
def test_a_run_that_is_stopped_while_a_process_looks_ahead_leaves_none(
    due: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, processes: list[subprocess.Popen[bytes]], task: str
) -> None:
    shutil.rmtree(due.before / "kept")
    (due.before / "kept").mkdir()
    monkeypatch.setattr(build_worker, "_MAIN", f"import signal, sys; sys.argv[1] == {task!r} and signal.pause()")

    def stop(_what: str, _done: int, _total: int | None) -> None:
        if processes and processes[-1].args[3] == task:  # type: ignore[index]
            raise RunStopped("stopped, as asked")

    with pytest.raises(RunStopped, match="as asked"):
        due.build(2, stop)
    assert processes[-1].returncode == -signal.SIGKILL
    finished, alone = of_zones(due.finish(IN_PROCESS).files), of_zones(due.build(IN_PROCESS).files)
    assert finished == alone


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_with_the_build(due: SimpleNamespace, tmp_path: Path, number: signal.Signals) -> None:
    """The lock is the build's: whatever ends it, nobody goes on at the sets, and nothing but its own sentence is printed."""
    place = tmp_path / "at-second"
    os.mkfifo(place)
    main = AT_SECOND.replace("pass", WAIT)
    script = (  # a shell that starts the tests in the background lets their children ignore Ctrl-C
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from kobo_sync.steps import build_worker, zone_worker; from kobo_sync.__main__ import main; "
        f"build_worker.WORTH = 2; zone_worker._MAIN = {main!r}; "
        f"sys.argv = ['kobo-sync', 'build', '--workspace', {str(due.root)!r}]; main()"
    )
    environ = {**os.environ, **due.mission.environ, "AT_SECOND": str(place), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environ, stdout=-1, stderr=-1, start_new_session=True
    ) as run:
        with os.fdopen(os.open(place, os.O_RDONLY | os.O_NONBLOCK), "rb") as end:
            assert select.select([end], [], [], END_S)[0]
            pid = int(end.readline())
            assert pid != run.pid
            os.killpg(run.pid, number) if number == signal.SIGINT else run.send_signal(number)
            assert select.select([end], [], [], END_S)[0] and end.read() == b""  # its end of the pipe is closed
        _, errors = run.communicate(timeout=END_S)
    assert run.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert b"Traceback" not in errors


OWN = """
from kobo_sync.model import Document
NAME, TITLE, SCOPE, CLASS = "own", "Own", "zone", "internal"
def build(facts):
    return [Document("fiche-zone.pdf", b"%PDF", CLASS)] if facts.zone.code == "sud" else []
"""


def test_a_failure_is_told_as_in_one_process(due: SimpleNamespace) -> None:
    """A module of the mission's own, which its process imports too."""
    (due.root / "own_papers.py").write_text(OWN, "utf-8")
    toml = due.root / "config" / "mission.toml"
    toml.write_text(toml.read_text("utf-8").replace('"training_kit"]', '"training_kit", "own_papers"]'), "utf-8")
    assert "own_papers" in toml.read_text("utf-8") and "training_kit" in NAMES
    failures = []
    for worth in (IN_PROCESS, 2):
        with pytest.raises(KoboSyncError, match=r"two deliverables make fiche-zone\.pdf") as caught:
            due.build(worth)
        failures.append((type(caught.value), caught.value.message, caught.value.hint, due.made[:]))
    assert failures[0][:3] == failures[1][:3]
    assert (failures[0][3], failures[1][3]) == (["nord", "sud"], ["sud"])  # told by whoever waited
    assert json.loads((due.out / "nord" / "MANIFEST.json").read_bytes())["zone"] == "nord"


def test_a_process_has_no_other_missions_secrets(due: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOBO_TOKEN", "of the service")
    monkeypatch.setenv("KOBO_TOKEN__SUD", "of another mission")
    environ = build_worker.environ_of(due.mission)
    assert environ["KOBO_TOKEN"] == due.mission.environ.get("KOBO_TOKEN", "")
    assert not environ["KOBO_TOKEN__SUD"]

"""Speed and memory of the deliverables: whole processes of `kobo-sync build` on one core, without LibreOffice.

Usage: ``python benchmarks/build.py [--zones 30 300] [--data DIR] [--keep DIR]``. The demo's mirror is the data of
3 zones × 25 persons; more zones are copies of it in a larger mirror (other zones, codes, names, phones, uuids, pictures),
read as any mirror is. CPU is that of the whole process, imports included; memory its peak. *DIR* keeps the demo's data, or
the missions made of it, between runs. With 300 zones it takes some ten minutes.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RUNS = 3  # of which the cheapest counts
_CODE = re.compile(r"[A-Z]{3}-(\d{2})")
_SYLLABLES = "ba ra li mo su ka de fi ha na ti za wo ge jo pu".split()


@dataclass(frozen=True)
class Cost:
    """What a process took: CPU in seconds, peak memory in MB."""

    cpu_s: float
    rss_mb: float


# ── missions of many zones ──────────────────────────────────────────────────


def make_mission(demo: Path, folder: Path, n_zones: int) -> Path:
    """A workspace of *n_zones* zones whose mirror holds a copy of one of the demo's zones for each of them."""
    workspace = folder / f"{n_zones}-zones"
    if (workspace / "ready").exists():
        return workspace
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.copytree(ROOT / "config", workspace / "config", ignore=shutil.ignore_patterns("secrets.env"))
    shutil.copytree(ROOT / "forms", workspace / "forms")
    zones = [line.split(",") for line in (ROOT / "config" / "zones.csv").read_text().splitlines()]
    header, real = zones[0], zones[1:]
    named = [real[k] if n_zones <= len(real) else _named(real[k % len(real)], k) for k in range(n_zones)]
    (workspace / "config" / "zones.csv").write_text("\n".join(map(",".join, [header, *named])) + "\n")
    toml = (workspace / "config" / "mission.toml").read_text()
    (workspace / "config" / "mission.toml").write_text(
        re.sub(r"(?m)^(bertat|zaouiat_sidi_hamza|oumjniba) = .*\n", "", toml)
    )
    state = workspace / ".kobo_sync"
    state.mkdir(mode=0o700)
    files = (demo / ".kobo_sync" / "attachments").resolve()
    shutil.copy(demo / ".kobo_sync" / "mirror.sqlite", state / "mirror.sqlite")
    if n_zones != len(real):
        _multiply(state, files, [zone[0] for zone in real], [zone[0] for zone in named])
    else:
        (state / "attachments").symlink_to(files)
    (workspace / "ready").touch()
    return workspace


def _named(zone: list[str], number: int) -> list[str]:
    return [f"{zone[0]}_{number:03}", f"{zone[1]} {number}", *zone[2:3], f"Z{number:03}", *zone[4:]]


def _multiply(state: Path, files: Path, real: list[str], codes: list[str]) -> None:
    """Fill the mirror with a copy of a real zone's rows per code; the originals go, but for what has no zone."""
    with sqlite3.connect(state / "mirror.sqlite") as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')] for name in tables}
        keyed = [name for name in tables if "root_uuid" in columns[name]]
        owners = {}
        for name in keyed:
            if "zone" in columns[name]:
                owners |= dict(db.execute(f'SELECT root_uuid, zone FROM "{name}" WHERE zone IS NOT NULL'))
        for name in keyed:
            at = columns[name].index("root_uuid")
            rows = [row for row in db.execute(f'SELECT * FROM "{name}"') if row[at] in owners]
            db.execute(
                f'DELETE FROM "{name}" WHERE root_uuid IN (SELECT value FROM json_each(?))',
                [json.dumps([row[at] for row in rows])],
            )
            marks = ",".join("?" * len(columns[name]))
            for number, code in enumerate(codes):
                source = real[number % len(real)]
                mine = [_copied(columns[name], row, source, code, number) for row in rows if owners[row[at]] == source]
                if name == "attachments":
                    mine = [_own_file(row, columns[name].index("sha256"), files, state, number) for row in mine]
                db.executemany(f'INSERT INTO "{name}" VALUES ({marks})', mine)
    db.close()


def _own_file(row: list[Any], at: int, files: Path, state: Path, number: int) -> list[Any]:
    """The row with a file of its own: the same picture under another hash, as no two signatures are alike."""
    source = files / str(row[at])[:2] / str(row[at])
    if row[at] and source.is_file():
        content = source.read_bytes() + str(number).encode()  # what follows a picture's end is not looked at
        row[at] = hashlib.sha256(content).hexdigest()
        path = state / "attachments" / row[at][:2] / row[at]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return row


def _copied(columns: list[str], row: tuple[Any, ...], source: str, code: str, number: int) -> list[Any]:
    return [_cell(name, value, source, code, number) for name, value in zip(columns, row, strict=True)]


def _cell(column: str, value: Any, source: str, code: str, number: int) -> Any:
    if column in ("root_uuid", "uuid", "attachment_uid"):
        return f"{value}-{number}"
    if column == "row_id":
        return None  # the database numbers it
    if column == "submission_id":
        return value + number * 10**6
    if column in ("nom", "prenom", "nom_ar", "telephone") and value:
        return _other_name(str(value), number, digits=column == "telephone")
    if value == source:
        return code
    return _CODE.sub(rf"Z{number:03}-\1", value) if isinstance(value, str) and _CODE.fullmatch(value) else value


def _other_name(text: str, number: int, *, digits: bool) -> str:
    """Another name or phone for the person's copy, so that no copy counts as the same person."""
    seed = hashlib.sha256(f"{text} {number}".encode()).digest()
    return (
        f"06{int.from_bytes(seed[:4]) % 10**8:08}"
        if digits
        else "".join(_SYLLABLES[byte % 16] for byte in seed[:5]).title()
    )


def touch_one(workspace: Path, code: str, *, every_form: bool = False) -> None:
    """Change one answer of one zone in the mirror, as an edit on the server would; with *every_form* a row of each form."""
    with sqlite3.connect(workspace / ".kobo_sync" / "mirror.sqlite") as db:
        (root,) = db.execute(
            "SELECT root_uuid FROM data_satisfaction WHERE zone = ? ORDER BY root_uuid LIMIT 1", [code]
        ).fetchone()
        db.execute(
            "UPDATE data_satisfaction SET recommandation = (recommandation + 1) % 11 WHERE root_uuid = ?", [root]
        )
        roots = [root]
        for (form,) in db.execute("SELECT DISTINCT form_id FROM submissions").fetchall() if every_form else ():
            roots += db.execute(f'SELECT min(root_uuid) FROM "data_{form}" WHERE zone = ?', [code]).fetchone()
        for each in roots:
            db.execute("UPDATE submissions SET content_sha256 = hex(randomblob(32)) WHERE root_uuid = ?", [each])
    db.close()


# ── measures ────────────────────────────────────────────────────────────────


def build(workspace: Path, *options: str) -> Cost:
    """One `kobo-sync build` in a process of its own, with the program compiled as an installation has it."""
    command = [sys.executable, "-m", "kobo_sync", "build", "--json", "--workspace", str(workspace), *options]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read().decode()
    if process.returncode > 1 or not said.lstrip().startswith("{"):
        raise SystemExit(said)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def cheapest(costs: list[Cost]) -> Cost:
    """The one with the least CPU: a busy machine only ever adds."""
    return min(costs, key=lambda cost: cost.cpu_s)


def measured(demo: Path, folder: Path, n_zones: int) -> dict[str, Cost]:
    """Build all zones from nothing, then nothing changed, then one zone changed: with the mission's set, and it alone.

    *one zone* is a mission of one zone from nothing, measured beside the last two.
    """
    workspace = make_mission(demo, folder, n_zones)
    runs = RUNS if n_zones <= 3 else 1
    found: dict[str, Cost] = {"all": cheapest([_from_nothing(workspace) for _ in range(runs)])}
    found["unchanged"] = cheapest([build(workspace) for _ in range(RUNS)])
    first = (workspace / "config" / "zones.csv").read_text().splitlines()[1].partition(",")[0]
    one = make_mission(demo, folder, 1)

    def changed(*options: str, every_form: bool = False) -> Cost:
        touch_one(workspace, first, every_form=every_form)
        return build(workspace, *options)

    # In turn, and with what they are held against: a machine has slow minutes.
    names = ("one changed", "without the mission's", "every form", "one zone")
    turns = [(changed(), changed("--zone", first), changed(every_form=True), _from_nothing(one)) for _ in range(RUNS)]
    for name, costs in zip(names, zip(*turns, strict=True), strict=True):
        found[name] = cheapest(list(costs))
    return found


def _from_nothing(workspace: Path) -> Cost:
    """A first build: neither documents nor anything kept from earlier runs."""
    shutil.rmtree(workspace / "exports" / "out", ignore_errors=True)
    shutil.rmtree(workspace / ".kobo_sync" / "kept", ignore_errors=True)
    return build(workspace)


def shares(demo: Path) -> dict[str, float]:
    """CPU of each step for the demo's three zones, from nothing; in this process."""
    began = time.process_time()
    sys.path.insert(0, str(ROOT))
    import kobo_sync.steps.build as step
    from kobo_sync.deliverables import names
    from kobo_sync.mission.mission import Mission
    from kobo_sync.workspace.folders import Workspace

    spent: dict[str, float] = {}

    def timed(name: str, act: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return act(*args, **kwargs)
            finally:
                spent[name] = spent.get(name, 0) + time.process_time() - start

        return run

    real = step.deliverable
    for name in names():
        real(name)
    spent["imports"] = time.process_time() - began
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        shutil.copytree(demo / ".kobo_sync", state, ignore=shutil.ignore_patterns("kept"))
        mission = Mission(Workspace(ROOT, state, Path(folder) / "out"), {})
        timed("settings and forms", lambda: (mission.config, mission.forms))()
        patched: Any = step
        patched.deliverable = lambda name: replace(made := real(name), build=timed(name, made.build))
        patched.gather_marks = timed("what changed", step.gather_marks)
        patched.findings_by_zone = timed("checks, reading for them", step.findings_by_zone)
        patched._put = timed("comparing, writing", step._put)
        step.build(mission)
        mission.close()
    rest = time.process_time() - began - sum(spent.values()) + spent["imports"]
    return {**spent, "manifests, figures and the rest": rest}


# ── tables ──────────────────────────────────────────────────────────────────


def main() -> None:
    """Make the demo's data once, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, nargs="*", default=[30, 300])
    parser.add_argument("--data", type=Path, help="keeps the demo's data")
    parser.add_argument("--keep", type=Path, help="keeps the missions made of it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        demo, missions = options.data or Path(folder) / "demo", options.keep or Path(folder) / "missions"
        if not (demo / ".kobo_sync").exists():
            command = [sys.executable, "-m", "kobo_sync", "demo", "--output", str(demo)]
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        compileall.compile_dir(ROOT / "kobo_sync", quiet=1)  # as pip does
        results = {}
        heads = (
            "zones",
            "all, from nothing",
            "nothing changed",
            "1 changed",
            "1 changed, zone alone",
            "1 changed, in every form",
            "MB: all",
            "MB: 1",
        )
        print(f"| {' | '.join(heads)} |\n|{' ---: |' * len(heads)}")
        for n in [1, 3, *options.zones]:
            r = results[n] = measured(demo, missions, n)
            names = ("all", "unchanged", "one changed", "without the mission's", "every form")
            cells = " | ".join(f"{r[name].cpu_s:.2f} s" for name in names)
            print(f"| {n} | {cells} | {r['all'].rss_mb:.0f} | {r['one changed'].rss_mb:.0f} |", flush=True)
        low, high = min(options.zones, default=3), max(results)
        if high > low:
            slope = (results[high]["all"].cpu_s - results[low]["all"].cpu_s) / (high - low)
            memory = 1000 * (results[high]["all"].rss_mb - results[low]["all"].rss_mb) / (high - low)
            each = ", ".join(f"{n}: {results[n]['all'].cpu_s / n:.2f} s" for n in results)
            print(f"\nper zone of {each}; slope from {low} to {high} zones: {slope:.3f} s and {memory:.0f} kB per zone")
            print(
                f"peak at {high} ÷ peak at {low} zones: {results[high]['all'].rss_mb / results[low]['all'].rss_mb:.2f}"
            )
            one = results[high]["one zone"].cpu_s
            times = {name: cost.cpu_s / one for name, cost in results[high].items()}
            alone = times["without the mission's"]
            print(
                f"one changed of {high} ÷ a mission of one zone from nothing, with both missions' sets: "
                f"{times['one changed']:.2f}; that zone's set alone: {alone:.2f}; "
                f"a row of every form changed: {times['every form']:.2f}"
            )
        spent = shares(demo)
        total = sum(spent.values())
        print("\n| step (3 zones) | CPU | share |\n| --- | ---: | ---: |")
        for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
            print(f"| {name} | {seconds:.2f} s | {100 * seconds / total:.0f} % |")
        print(f"| whole | {total:.2f} s | |")


if __name__ == "__main__":
    main()

"""Speed and memory of the deliverables: whole processes of `kobo-sync build` on one core, without LibreOffice.

Usage: ``python benchmarks/build.py [--zones 1 3 30 300 1500] [--runs 3] [--cold-runs N] [--equal-up-to 30] [--data DIR] [--keep DIR]``.
The demo's mirror is the data of 3 zones × 25 persons; more zones are copies of it in a larger mirror (other zones, codes, names,
phones, uuids, pictures), read as any mirror is. CPU (user + system, children included) is that of the whole process, imports
included; memory its peak; figures are medians of *runs*, of which every size has its own mission of one zone measured beside it:
a machine has slow minutes. A mission that is built from nothing *cold-runs* times (3 up to 3 zones, else once) takes about half a
second a zone each time: sizes are what ``--zones`` says, 1, 3 and 30 by default. Up to *equal-up-to* zones the sets after an edit
are compared, byte by byte, with those of a build from nothing of the same rows. *DIR* keeps the demo's data, or the missions made
of it, between runs.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import math
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
        output = log.read().decode()
    if process.returncode > 1 or not output.lstrip().startswith("{"):
        raise SystemExit(output)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(costs: list[Cost]) -> Cost:
    """The one in the middle by CPU."""
    return sorted(costs, key=lambda cost: cost.cpu_s)[len(costs) // 2]


def measured(demo: Path, folder: Path, n_zones: int, runs: int, cold_runs: int) -> dict[str, Cost]:
    """Build all zones from nothing, then nothing changed, then a row of one form, or of every form, of one zone changed.

    *one zone* is a mission of one zone from nothing, measured in turn with the last ones.
    """
    workspace = make_mission(demo, folder, n_zones)
    cold_runs = cold_runs or (runs if n_zones <= 3 else 1)
    costs: dict[str, Cost] = {"all": median([_from_nothing(workspace) for _ in range(cold_runs)])}
    costs["unchanged"] = median([build(workspace) for _ in range(runs)])
    first = _first_zone(workspace)
    one = make_mission(demo, folder, 1)

    def changed(*options: str, every_form: bool = False) -> Cost:
        touch_one(workspace, first, every_form=every_form)
        return build(workspace, *options)

    names = ("one changed", "without the mission's", "every form", "one zone")
    turns = [(changed(), changed("--zone", first), changed(every_form=True), _from_nothing(one)) for _ in range(runs)]
    for name, of_turns in zip(names, zip(*turns, strict=True), strict=True):
        costs[name] = median(list(of_turns))
    return costs


def _first_zone(workspace: Path) -> str:
    return (workspace / "config" / "zones.csv").read_text().splitlines()[1].partition(",")[0]


def differing(workspace: Path) -> list[str]:
    """The files of the zones' sets that a build from nothing of the same rows makes otherwise; the mission's report is patched."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "copy"
        for part in ("config", "forms"):
            shutil.copytree(workspace / part, copy / part)
        shutil.copytree(
            workspace / ".kobo_sync", copy / ".kobo_sync", ignore=shutil.ignore_patterns("kept"), symlinks=True
        )
        build(copy)
        after, fresh = _sets(workspace), _sets(copy)
    return sorted(path for path in {*after, *fresh} if after.get(path) != fresh.get(path))


def _sets(workspace: Path) -> dict[str, str]:
    out = workspace / "exports" / "out"
    paths = [path.relative_to(out) for path in sorted(out.rglob("*")) if path.is_file()]
    mine = [path for path in paths if path.parts[0] not in ("mission", ".sauvegardes")]
    return {str(path): hashlib.sha256((out / path).read_bytes()).hexdigest() for path in mine}


def exponent(sizes: dict[int, float]) -> float:
    """k of cost ~ zonesᵏ, by least squares over the logarithms."""
    xs, ys = [math.log(n) for n in sizes], [math.log(cost) for cost in sizes.values()]
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True)) / sum((x - middle) ** 2 for x in xs)


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
    parser.add_argument("--zones", type=int, nargs="*", default=[1, 3, 30])
    parser.add_argument("--runs", type=int, default=3, help="of each short case")
    parser.add_argument("--cold-runs", type=int, default=0, help="from nothing; 0: as many up to 3 zones, else one")
    parser.add_argument("--equal-up-to", type=int, default=30, help="zones up to which sets are compared")
    parser.add_argument("--data", type=Path, help="keeps the demo's data")
    parser.add_argument("--keep", type=Path, help="keeps the missions made of it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        demo, missions = options.data or Path(folder) / "demo", options.keep or Path(folder) / "missions"
        if not (demo / ".kobo_sync").exists():
            command = [sys.executable, "-m", "kobo_sync", "demo", "--output", str(demo)]
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        compileall.compile_dir(ROOT / "kobo_sync", quiet=1)  # as pip does
        results = table(demo, missions, options)
        growth(results)
        spent = shares(demo)
        total = sum(spent.values())
        print("\n| step (3 zones) | CPU | share |\n| --- | ---: | ---: |")
        for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
            print(f"| {name} | {seconds:.2f} s | {100 * seconds / total:.0f} % |")
        print(f"| whole | {total:.2f} s | |")


def table(demo: Path, missions: Path, options: argparse.Namespace) -> dict[int, dict[str, Cost]]:
    """Measure each size and print its line: CPU, its ratio to a mission of one zone beside it, peak memory, equality."""
    heads = (
        "zones",
        "from nothing",
        "a zone",
        "unchanged",
        "1 row",
        "1 row, zone alone",
        "a row of every form",
        "÷ one zone from nothing",
        "MB: from nothing",
        "MB: every form",
        "as from nothing",
    )
    print(f"| {' | '.join(heads)} |\n|{' ---: |' * len(heads)}")
    results = {}
    for n in sorted(options.zones):
        r = results[n] = measured(demo, missions, n, options.runs, options.cold_runs)
        names = ("unchanged", "one changed", "without the mission's", "every form")
        cells = [
            f"{r['all'].cpu_s:.2f} s",
            f"{r['all'].cpu_s / n:.3f} s",
            *(f"{r[name].cpu_s:.2f} s" for name in names),
        ]
        cells += [
            f"{r['every form'].cpu_s / r['one zone'].cpu_s:.2f}",
            f"{r['all'].rss_mb:.0f}",
            f"{r['every form'].rss_mb:.0f}",
        ]
        if n <= options.equal_up_to:
            unlike = differing(missions / f"{n}-zones")
            cells.append("yes" if not unlike else f"NO: {len(unlike)}, first {unlike[0]}")
        else:
            cells.append("not looked at")
        print(f"| {n} | {' | '.join(cells)} |", flush=True)
    return results


def growth(results: dict[int, dict[str, Cost]]) -> None:
    """Print how the costs grow with the zones."""
    if len(results) < 2:
        return
    low, high = min(results), max(results)
    for name in ("all", "unchanged", "one changed", "every form"):
        time_k = exponent({n: r[name].cpu_s for n, r in results.items()})
        memory_k = exponent({n: r[name].rss_mb for n, r in results.items()})
        slope = 1000 * (results[high][name].cpu_s - results[low][name].cpu_s) / (high - low)
        memory = 1000 * (results[high][name].rss_mb - results[low][name].rss_mb) / (high - low)
        print(
            f"{name}: CPU ~ zones^{time_k:.2f}, memory ~ zones^{memory_k:.2f}; "
            f"{slope:.1f} ms and {memory:.0f} kB a zone from {low} to {high}"
        )


if __name__ == "__main__":
    main()

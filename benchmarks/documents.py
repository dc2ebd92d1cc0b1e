"""The deliverables of many zones, beside the way that a first script makes them; prints records (see `records`).

Usage: ``python benchmarks/documents.py --zones 30 [--runs 3] [--naive-zones 30] [--data DIR]``. Missions are those of `build.py`: 25 persons
a zone. *Ours* is a whole process of `kobo-sync build`. *The naive way* is a whole process too: for each zone pandas reads every
table of the mission, keeps the zone's rows, and python-docx writes them as tables, with a table of counts per question, into one
document: much less than ours writes. Of many zones it does the first *naive-zones*, and the record says what all would take.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from build import make_mission, touch_one
from records import ROOT, emit, own_line, peak_mb, used_cpu, whole_process

SHOWN = 12  # columns that fit a page


def naive(workspace: Path, n_zones: int) -> dict[str, Any]:
    """The documents of the first *n_zones* zones, the naive way, in this process."""
    import docx
    import pandas as pd

    began, cpu = time.perf_counter(), used_cpu()
    with (workspace / "config" / "zones.csv").open(encoding="utf-8") as file:
        zones = [row["code"] for row in csv.DictReader(file)]
    out = workspace / "naive"
    out.mkdir(exist_ok=True)
    for zone in zones[:n_zones]:
        document = docx.Document()
        document.add_heading(zone)
        with sqlite3.connect(workspace / ".kobo_sync" / "mirror.sqlite") as db:
            names = [
                name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            tables = {name: pd.read_sql(f'SELECT * FROM "{name}"', db) for name in names if name.startswith("data_")}
        for name, rows in tables.items():
            if "zone" not in rows:
                continue
            mine = rows[rows["zone"] == zone].dropna(axis="columns", how="all")
            document.add_heading(name, 2)
            _table(
                document,
                list(mine.columns[:SHOWN]),
                [list(map(str, row)) for row in mine.iloc[:, :SHOWN].itertuples(index=False)],
            )
            counts = [[column, str(mine[column].nunique()), str(mine[column].count())] for column in mine]
            _table(document, ["question", "different", "answers"], counts)
        document.save(str(out / f"{zone}.docx"))
    return {"s": time.perf_counter() - began, "cpu": used_cpu() - cpu, "mb": peak_mb()}


def _table(document: Any, heads: list[str], rows: list[list[str]]) -> None:
    table = document.add_table(rows=1, cols=max(1, len(heads)))
    for cell, text in zip(table.rows[0].cells, heads, strict=False):
        cell.text = text
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=False):
            cell.text = text


def main() -> None:
    """Make the mission once, measure in turn, print records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold-runs", type=int, default=0, help="from nothing; 0: as many as the others")
    parser.add_argument("--naive-zones", type=int, default=30)
    parser.add_argument("--data", type=Path, help="keeps the demo's data")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    n = min(options.zones, options.naive_zones)
    if options.child:
        print(json.dumps(naive(options.child, n)))
        return
    with tempfile.TemporaryDirectory() as name:
        demo = options.data or Path(name) / "demo"
        if not (demo / ".kobo_sync").exists():
            command = [sys.executable, "-m", "kobo_sync", "demo", "--output", str(demo)]
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        workspace = make_mission(demo, Path(name), options.zones)
        measure(workspace, options, n)


def measure(workspace: Path, options: argparse.Namespace, n_naive: int) -> None:
    """Ours and the naive way in turn."""
    build = [sys.executable, "-m", "kobo_sync", "build", "--json", "--workspace", str(workspace)]
    first = (workspace / "config" / "zones.csv").read_text("utf-8").splitlines()[1].partition(",")[0]
    base = "naive way, every zone"
    n = {"n": options.zones}
    for run in range(1, options.runs + 1):
        words = ("--zones", str(options.zones), "--naive-zones", str(n_naive), "--child", str(workspace))
        result = own_line(__file__, *words)
        if n_naive < options.zones:
            result = {
                **result,
                "s": result["s"] * options.zones / n_naive,
                "cpu": result["cpu"] * options.zones / n_naive,
            }
            result["note"] = f"{n_naive} zones measured, times {options.zones / n_naive:g}"
        emit(base, run, **n, **result)
        if run <= (options.cold_runs or options.runs):
            shutil.rmtree(workspace / "exports" / "out", ignore_errors=True)
            shutil.rmtree(workspace / ".kobo_sync" / "kept", ignore_errors=True)
            result = whole_process(build, cwd=ROOT)
            note = f"{result['cpu'] / options.zones:.2f} s CPU a zone"
            emit("whole set from nothing", run, **n, against={base: ""}, note=note, **result)
        emit("whole set, nothing changed", run, **n, against={base: ""}, **whole_process(build, cwd=ROOT))
        touch_one(workspace, first)
        emit("whole set, one answer changed", run, **n, against={base: ""}, **whole_process(build, cwd=ROOT))
        touch_one(workspace, first, every_form=True)
        what = "whole set, a row of every form of one zone changed"
        emit(what, run, **n, against={base: ""}, **whole_process(build, cwd=ROOT))


if __name__ == "__main__":
    main()

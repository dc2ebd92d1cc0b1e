"""The page of results is made right from what was measured, and the driver measures: never how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPO = Path(__file__).parents[2]
BENCHMARKS = REPO / "benchmarks"
MACHINE = {
    "commit": "abc", "at": "2026-11-29 21:00 UTC", "processor": "2 × that", "memory": "8 GB", "system": "Linux",
    "python": "3.11.7", "programs": {"curl": "8.1"}, "libraries": {"pandas": "3.1"}, "peers": {"dlt": "1.31.0"},
}  # fmt: skip


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import results
    import run

    return {"results": results, "run": run}


def record(what: str, run: int, s: float, cpu: float, *, n: int = 10, **more: Any) -> dict[str, Any]:
    title = {"part": f"pull-{n}", "title": f"Pull of {n}", "family": "pull"}
    return {**title, "what": what, "run": run, "n": n, "s": s, "cpu": cpu, "load": 1.0, **more}


def line_of(page: str, what: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {what} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_ratio_is_that_of_the_same_round(benchmarks: dict[str, ModuleType]) -> None:
    records: list[dict[str, Any]] = [{"machine": MACHINE}]
    for at, (limit, ours) in enumerate(((1.0, 2.0), (4.0, 4.0), (1.0, 3.0)), 1):
        records += [
            record("curl", at, limit, limit / 2),
            record("first", at, ours, ours, mb=100.0 + at, against={"curl": "≤ 1.8"}),
            record("there", at, 2 * ours, ours, mb=90, against={"curl": "", "first": "≤ 2"}, load=at),
        ]
    records.append({"part": "pull-10", "done": True, "took_s": 7})

    page = benchmarks["results"].page(records, {"Station": "not measured: x is missing"})

    assert line_of(page, "first")[1:] == [
        "3", "**3.00 s** (2.00 s–4.00 s)", "3.00 s", "103", "**2.00** (1.00–3.00)", "**4.00** (2.00–6.00)", "curl", "≤ 1.8", "1.0–1.0",
    ]  # fmt: skip
    assert line_of(page, "there")[5:] == ["**4.00** (2.00–6.00)", "**4.00** (2.00–6.00)", "curl", "", "1.0–3.0"]
    assert "| **2.00** (2.00–2.00) | **1.00** (1.00–1.00) | first | ≤ 2 |" in page
    assert (
        "Commit `abc`" in page and "dlt 1.31.0" in page and "The part took 7 s." in page and "Load: 1.0 to 3.0" in page
    )
    assert "Station: not measured: x is missing." in page


def test_growth_is_fitted_over_the_sizes_and_what_is_unfinished_says_so(benchmarks: dict[str, ModuleType]) -> None:
    records = [record("first", run, 1, n / 10, n=n, mb=50) for n in (10, 100, 1000) for run in (1, 2)]
    page = benchmarks["results"].page(records, {})
    assert "| pull | first | 10, 100, 1,000 | 1.00 | 0.00 |" in page
    assert page.count("The part was not measured to its end.") == 3


def test_what_a_peer_lacks_is_told(benchmarks: dict[str, ModuleType]) -> None:
    records = [
        {**record("pykobo", 1, 1, 1), "rows": 4},
        {"part": "pull-10", "title": "P", "what": "dlt", "run": 1, "load": 1.0, "n": 10, "error": "no such module"},
        {
            "part": "pull-10",
            "title": "P",
            "what": "then",
            "run": 1,
            "load": 1.0,
            "right": [9, 1],
            "rows": 10,
            "blank": 1,
        },
    ]
    page = benchmarks["results"].page(records, {})
    assert "- pykobo: gives 4 of 10 rows." in page
    assert "- dlt: could not be measured: no such module." in page
    assert "- then: rows 10, of them blank 1; true is 9, 1." in page


def test_a_killed_run_goes_on_behind_the_parts_that_are_done(tmp_path: Path, benchmarks: dict[str, ModuleType]) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text(
        '{"part": "a", "what": "x"}\n{"part": "a", "done": true}\n{"part": "b", "what": "y"}\n{"part": "b", "wh'
    )
    records = benchmarks["run"].read(kept)
    assert len(records) == 3
    assert benchmarks["run"].done_parts(records) == {"a"}


def test_every_part_is_a_program_here(benchmarks: dict[str, ModuleType], tmp_path: Path) -> None:
    for quick in (True, False):
        parts = benchmarks["run"].parts_of(tmp_path, "python", quick=quick, largest=10**6)
        assert len({part.name for part in parts}) == len(parts)
        assert all((BENCHMARKS / part.words[0]).is_file() for part in parts)


def run_program(*words: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=env, cwd=REPO, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_driver_measures_and_writes_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    words = ("--quick", "--only", "start-up", "--kept", str(tmp_path / "kept"), "--output", str(page))
    run_program(str(BENCHMARKS / "run.py"), *words)
    assert line_of(page.read_text("utf-8"), "--version")[1] == "5"


def test_a_quick_pull_is_measured_at_a_tiny_size() -> None:
    lines = run_program(str(BENCHMARKS / "pull.py"), "growth", "--rows", "2000", "--runs", "1").splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["edited"] for record in records] == [0, 100, 900]

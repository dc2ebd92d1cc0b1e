"""Speed and memory of the deliverables: the demo's set, then many zones made of the demo's; prints tables.

Usage: ``python benchmarks/build.py [--zones 30 100 300] [--data DIR]``. Each measure runs in a process of its own;
CPU is that of one core (no LibreOffice), memory the peak of the process. *DIR* keeps the demo's data between runs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def measure(data: Path, n_zones: int) -> dict[str, Any]:
    """Build *n_zones* zones (copies of the demo's), then nothing changed, then one zone changed; CPU in seconds."""
    began = time.process_time()
    import kobo_sync.steps.build as step
    from kobo_sync.deliverables import names
    from kobo_sync.facts import Mark, content_marks, gather_facts
    from kobo_sync.mission import Mission
    from kobo_sync.workspace import Workspace

    shares: dict[str, float] = {}
    real = step.deliverable

    def timed(name: str) -> Any:
        made = real(name)

        def build(facts: Any) -> Any:
            start = time.process_time()
            try:
                return made.build(facts)
            finally:
                shares[name] = shares.get(name, 0) + time.process_time() - start

        return replace(made, build=build)

    for name in names():
        real(name)
    imports_s = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        mission = Mission(Workspace(ROOT, data / ".kobo_sync", Path(folder)), {})
        facts, marks = copies(gather_facts(mission), content_marks(mission), n_zones, Mark)
        mission.__dict__["config"] = facts.config
        patched: Any = step
        patched.deliverable, patched.gather_facts, patched.content_marks = timed, lambda _: facts, lambda _: marks
        found: dict[str, Any] = {"imports": imports_s}
        found["all"] = cpu(lambda: step.build(mission))
        found["steps"] = dict(shares)
        found["unchanged"] = cpu(lambda: step.build(mission))
        first = facts.config.zones[0]
        (Path(folder) / first.code / "fiche-zone.pdf").unlink()
        found["one changed"] = cpu(lambda: step.build(mission))
        for path in (Path(folder) / first.code).rglob("*.pdf"):
            path.unlink()
        found["one zone alone"] = cpu(lambda: step.build(mission, zones=[first.code]))
        mission.close()
    found["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def copies(facts: Any, marks: dict[str, Any], n_zones: int, mark: Any) -> tuple[Any, dict[str, Any]]:
    """The mission with *n_zones* zones, each holding the rows of one of the real ones under new ids."""
    import pandas as pd

    real = facts.config.zones
    if n_zones <= len(real):
        return facts, marks
    zones = [replace(real[k % len(real)], code=f"z{k:03}") for k in range(n_zones)]
    parts: dict[str, list[Any]] = {name: [] for name in facts.tables}
    more: dict[str, Any] = {}
    for number, zone in enumerate(zones):
        source = real[number % len(real)].code
        for form_id in facts.config.forms:
            column = facts.config.forms[form_id].fields["zone"]
            mine = facts.tables[form_id][facts.tables[form_id][column] == source]
            for name, table in facts.tables.items():
                if name == form_id:
                    rows = mine.assign(**{column: zone.code})
                elif name.startswith(f"{form_id}__"):
                    rows = table[table["root_uuid"].isin(mine["root_uuid"])]
                else:
                    continue
                parts[name].append(rows.assign(root_uuid=rows["root_uuid"] + f"-{number}"))
            for root in mine["root_uuid"]:
                more[f"{root}-{number}"] = mark(f"{root}-{number}", marks[root].content, marks[root].seen_at)
    config = facts.config.model_copy(update={"zones": zones})
    real_files = facts.attachment

    def attachment(root: str, name: str) -> bytes | None:
        return real_files(root.rpartition("-")[0], name)

    tables = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    return replace(facts, config=config, tables=tables, attachment=attachment), more


def cpu(act: Callable[[], object]) -> float:
    """CPU seconds of *act*."""
    start = time.process_time()
    act()
    return time.process_time() - start


def run(data: Path, n_zones: int) -> dict[str, Any]:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--data", str(data), "--measure", str(n_zones)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Make the demo's data once, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, nargs="*", default=[30, 100, 300])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        sys.path.insert(0, str(ROOT))
        print(json.dumps(measure(options.data, options.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or Path(folder)
        if not (data / ".kobo_sync").exists():
            subprocess.run(
                [sys.executable, "-m", "kobo_sync", "demo", "--output", str(data)],
                check=True,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
            )
        print(
            "| zones | imports | build all | per zone | nothing changed | 1 changed, with report | 1 zone alone | peak MB |"
        )
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        results = {}
        for n in [3, *options.zones]:
            r = results[n] = run(data, n)
            cells = [r["imports"], r["all"], r["all"] / n, r["unchanged"], r["one changed"], r["one zone alone"]]
            print(f"| {n} | " + " | ".join(f"{value:.2f} s" for value in cells) + f" | {r['rss_mb']:.0f} |", flush=True)
        sizes = sorted(results)
        if len(sizes) > 1:
            low, high = sizes[0], sizes[-1]
            slope = (results[high]["all"] - results[low]["all"]) / (high - low)
            memory = 1000 * (results[high]["rss_mb"] - results[low]["rss_mb"]) / (high - low)
            print(f"\nslope from {low} to {high} zones: {slope:.3f} s and {memory:.0f} kB per zone")
        steps = results[3]["steps"]
        total = results[3]["all"]
        print("\n| step (3 zones) | CPU | share |\n| --- | ---: | ---: |")
        rows = [
            *sorted(steps.items(), key=lambda item: -item[1]),
            ("reading, hashing, writing", total - sum(steps.values())),
        ]
        for name, seconds in rows:
            print(f"| {name} | {seconds:.2f} s | {100 * seconds / total:.0f} % |")


if __name__ == "__main__":
    main()

"""How long the command takes to do next to nothing, as ratios to bare Python, measured in turn in one run.

    python benchmarks/start_up.py            # eleven rounds
    python benchmarks/start_up.py --rounds 31
    python benchmarks/start_up.py --records  # records instead of a table, see `records`

Goals: `--help`, `--version` and completion within 5 times bare Python; `status`, and `lint` of unchanged forms, within 10.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from records import emit

# As the installed script starts it: completion asks by its name.
ENTRY = "import sys; sys.argv[0] = 'kobo-sync'; from kobo_sync.__main__ import main; main()"
COMPLETION = {"_KOBO_SYNC_COMPLETE": "bash_complete", "COMP_WORDS": "kobo-sync re", "COMP_CWORD": "1"}
GOALS = {"--help": 5, "--version": 5, "completion": 5, "status": 10, "lint": 10}


def wall_s(words: list[str], folder: Path, environ: dict[str, str]) -> float:
    """Wall time in seconds of one process, from its start to its end."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *words], cwd=folder, env={**os.environ, **environ}, capture_output=True, check=False
    )
    return time.perf_counter() - began


def main() -> None:
    """Print the median of each command and its ratio to bare Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--records", action="store_true")
    options = parser.parse_args()
    command = ["-c", ENTRY]
    with tempfile.TemporaryDirectory() as name:
        mission = Path(name) / "mission"
        subprocess.run([sys.executable, *command, "init", str(mission)], check=True, capture_output=True)
        for verb in ("lint", "status"):  # forms are judged once, databases made once
            subprocess.run([sys.executable, *command, verb], cwd=mission, check=True, capture_output=True)
        commands = {"bare Python": (["-c", "pass"], {}), "completion": (command, COMPLETION)}
        commands |= {verb: ([*command, verb], {}) for verb in GOALS if verb != "completion"}
        times: dict[str, list[float]] = {label: [] for label in commands}
        for run in range(1, options.rounds + 1):
            for label, (words, environ) in commands.items():
                times[label].append(wall_s(words, mission, environ))
                if options.records:
                    against = {"bare Python": f"≤ {GOALS[label]}"} if label in GOALS else {}
                    emit(label, run, s=times[label][-1], against=against)
    if options.records:
        return
    bare = times["bare Python"]
    for label, walls in times.items():
        ratio = statistics.median(wall / base for wall, base in zip(walls, bare, strict=True))
        goal = f"  (goal {GOALS[label]})" if label in GOALS else ""
        print(f"{label:12} {1000 * statistics.median(walls):7.0f} ms  {ratio:5.1f} × bare Python{goal}")


if __name__ == "__main__":
    main()

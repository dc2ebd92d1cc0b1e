"""What a measure says: a JSON line per process measured, with the machine's load; and what a process took."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def emit(what: str, run: int, /, **values: Any) -> None:
    """Print a record: *what* was measured, for the *run*-th time.

    Units: ``s`` on the clock, ``cpu`` of the processor, in seconds; ``mb`` peak memory; ``load`` of the last minute.
    """
    print(json.dumps({"what": what, "run": run, "load": round(os.getloadavg()[0], 1), **values}), flush=True)


def used_cpu(who: int = resource.RUSAGE_SELF) -> float:
    """Seconds of the processor that this process took, or with RUSAGE_CHILDREN those that it waited for."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process held, in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def children() -> list[int]:
    """The processes that this one started and that live."""
    pids = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            pids += [int(pid) for pid in (task / "children").read_text().split()]
    return pids


def whole_process(command: Sequence[str], **options: Any) -> dict[str, float]:
    """What a process took from its start to its end, its children included; its output is dropped.

    Raises: SystemExit when it fails.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode > 1:
        raise SystemExit(f"{' '.join(command)[:300]}: exit {process.returncode}")
    took = time.perf_counter() - began
    return {"s": took, "cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024}


def last_line(command: Sequence[str], *, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The record that a process prints as its last line; its reason as ``error`` when it fails."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no reason given"])[-1][:160]}
    record: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return record


def own_line(script: str, *words: str, processors: int = 0) -> dict[str, Any]:
    """`last_line` of a program of this folder, on so many processors (0: on all). Raises: SystemExit when it fails."""
    pinned = ["taskset", "-c", f"0-{processors - 1}"] if processors else []
    record = last_line([*pinned, sys.executable, script, *words])
    if "error" in record:
        raise SystemExit(f"{script} {' '.join(words)}: {record['error']}")
    return record

"""All benchmarks, one after the other, each in a process of its own; writes RESULTS.md beside this file.

Usage: ``python benchmarks/run.py [--quick] [--only PART ...] [--largest 1000000] [--peers PYTHON] [--again]``; `make bench` runs it, with the
peers' own Python. Each measure is a line in ``.results/``, by commit: a run that was killed goes on with the parts that are not
done; one that was finished starts anew, and so does every part with *--again*. *--quick* takes about 5 minutes, the whole half an hour:
on a machine so slow that *--minutes* are over first, the longest parts are left to the next call.
*--only* measures the parts of these names (``pull`` is every ``pull-…``), and leaves the others as they are. *--list* names the parts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers import versions
from records import ROOT
from results import page

HERE = Path(__file__).parent
BOTH = ("--databases", "sqlite", "postgresql")
LIBRARIES = ("pyxform", "SQLAlchemy", "psycopg", "msgspec", "zlib-ng", "pandas", "python-docx", "typst", "Flask")


@dataclass(frozen=True)
class Part:
    """A program of this folder with its words; parts of one *family* are sizes of the same, *n* each."""

    name: str
    title: str
    words: tuple[str, ...]
    family: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Commands without which it is left out."""
        return ("nginx", "curl") if self.words[0] == "pull.py" else ()

    def is_of(self, word: str) -> bool:
        """Whether *word* is the part's name, or begins it up to a hyphen."""
        return f"{self.name}-".startswith(f"{word}-")


def parts_of(data: Path, peers: str, *, quick: bool, largest: int) -> list[Part]:
    """What is run, in order; *data* keeps what several parts are measured on."""
    runs = ("--runs", "3")
    python = ("--peers", peers) if peers else ()
    demo = ("--data", str(data / "demo"))
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size <= (10_000 if quick else largest)]
    parts = [
        Part("lint", "Lint and compile", ("forms.py", *runs)),
        Part("start-up", "Start-up of the command", ("start_up.py", "--records", "--rounds", "5" if quick else "11")),
    ]
    for size in sizes:
        # Of a million rows one mirror each is made; the light scan of its ids is repeated.
        turns = ("--runs", "1", "--scan-runs", "3") if size > 200_000 else ("--runs", "5") if size < 50_000 else runs
        words = ("pull.py", "curl", "--rows", str(size), *turns, *BOTH, *python)
        parts.append(Part(f"pull-{size}", f"Pull of {size:,} submissions", words, "pull"))
    largest_pull = [part for part in parts if part.name == "pull-1000000"]
    parts = [part for part in parts if part not in largest_pull]
    for size in sizes[:2]:
        words = ("pull.py", "growth", "--rows", str(size), *runs, *BOTH)
        parts.append(Part(f"changes-{size}", f"A quick pull after k edits, of {size:,} stored", words, "changes"))
    if not quick:
        words = ("pull.py", "think", "--rows", "20000", *runs, *BOTH)
        parts.append(Part("think", "A server that thinks 300 ms a page", words))
    n = "300" if quick else "3000"
    words = ("central.py", "--rows", n, "--runs", "1" if quick else "3")
    parts.append(Part("central", f"First pull of {int(n):,} submissions of ODK Central", words))
    if peers:
        words = ("pull.py", "peers", "--rows", "2000" if quick else "10000", *runs, *python)
        parts.append(Part("peers", "Peers", words))
    for zones in (3, 30) if quick else (3, 30, 300):
        turns = ("--runs", "1" if quick else "3", "--cold-runs", "3" if zones < 30 and not quick else "1")
        naive = "30" if zones == 30 and not quick else "10"  # its cost a zone is the same, however many there are
        words = ("documents.py", "--zones", str(zones), "--naive-zones", naive, *turns, *demo)
        parts.append(Part(f"documents-{zones}", f"Deliverables of {zones} zones × 25 persons", words, "documents"))
    n = "10000" if quick else "100000"
    words = ("web.py", "--records", "--submissions", n, "--findings", n, "--rounds", "5" if quick else "20", *demo)
    parts.append(Part("pages", f"Pages, {int(n):,} submissions and as many findings", words))
    words = ("station.py", "--records", "--memory", "0", "--runs", "1" if quick else "3")
    parts.append(Part("station", "A room of 30 phones × 10 submissions with a photo of 200 kB", words))
    hundreds = [part for part in parts if part.name == "documents-300"]
    return [part for part in parts if part not in hundreds] + hundreds + largest_pull  # the longest last


# ── what was measured so far ──


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a line that a kill cut short is left out."""
    records = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def done_parts(records: list[dict[str, Any]]) -> set[str]:
    """The parts that were measured to their end."""
    return {record["part"] for record in records if record.get("done")}


def keep(path: Path, records: list[dict[str, Any]]) -> None:
    """Write the records anew, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    draft.replace(path)


def measure(part: Part, path: Path) -> str:
    """Run a part, adding its records to *path* as they come; returns why it was not measured, or nothing."""
    missing = [command for command in part.needs if not shutil.which(command)]
    if missing:
        return f"not measured: {', '.join(missing)} is missing"
    began = time.monotonic()
    command = [sys.executable, str(HERE / part.words[0]), *part.words[1:]]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    head = {"part": part.name, "title": part.title, "family": part.family}
    with path.open("a", encoding="utf-8") as kept:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        try:
            assert process.stdout
            for line in process.stdout:
                record = {**head, **json.loads(line)}
                kept.write(json.dumps(record) + "\n")
                kept.flush()
                took = f"{record['s']:.2f} s" if "s" in record else ""
                print(f"  {record['what']}, run {record['run']}: {took} {record.get('error') or ''}", flush=True)
        finally:
            if process.poll() is None:
                process.wait()
        if process.returncode:
            return f"not measured to its end: exit {process.returncode}"
        kept.write(json.dumps({**head, "done": True, "took_s": round(time.monotonic() - began)}) + "\n")
    return ""


# ── the machine ──


def machine(peers: str) -> dict[str, Any]:
    """What the figures depend on: processor, memory, versions, commit."""
    model = [line for line in _text("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    total = [line for line in _text("/proc/meminfo").splitlines() if line.startswith("MemTotal")]
    return {
        "commit": commit(),
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{len(os.sched_getaffinity(0))} × {model[0].partition(': ')[2] if model else platform.machine()}",
        "memory": f"{int(total[0].split()[1]) / 1024**2:.0f} GB" if total else "?",
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "programs": {name: _program(*words) for name, words in PROGRAMS.items()},
        "libraries": {name: version(name) for name in LIBRARIES},
        "peers": versions(peers) if peers else {},
    }


PROGRAMS = {
    "curl": ("curl", "--version"),
    "nginx": ("nginx", "-v"),
    "PostgreSQL": ("sh", "-c", "$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/postgres --version"),
}


def _text(path: str) -> str:
    return Path(path).read_text("utf-8") if Path(path).exists() else ""


def _program(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "missing"
    words = (done.stdout + done.stderr).replace("/", " ").split()
    return next((word for word in words if word[0].isdigit()), "missing")


def commit() -> str:
    """The commit measured, with a mark when files differ from it."""
    git = ("git", "-C", str(ROOT))
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--", "kobo_sync", "benchmarks", ":!benchmarks/RESULTS.md"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (head.stdout.strip() or "no commit") + ("+changes" if changed.stdout.strip() else "")


def main() -> None:
    """Measure what is not measured yet, write the page."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--quick", action="store_true", help="small sizes, about 5 minutes")
    asked.add_argument("--largest", type=int, default=1_000_000, help="rows of the largest pull")
    asked.add_argument("--minutes", type=float, default=20, help="no part begins later; the same command goes on")
    asked.add_argument("--only", nargs="*", default=[], help="these parts alone: documents, pull-100000")
    asked.add_argument("--peers", default="", help="a Python that has the peers")
    asked.add_argument("--again", action="store_true", help="measure again what was measured at this commit")
    asked.add_argument("--list", action="store_true", help="name the parts, and measure nothing")
    asked.add_argument("--kept", type=Path, default=HERE / ".results", help="where records lie")
    asked.add_argument("--output", type=Path, help="the page (default: RESULTS.md, with --quick one in .results)")
    options = asked.parse_args()
    options.kept.mkdir(exist_ok=True)
    parts = parts_of(options.kept, options.peers, quick=options.quick, largest=options.largest)
    if options.list:
        print("\n".join(f"{part.name:20} {' '.join(part.words)}" for part in parts))
        return
    kind = "quick" if options.quick else "whole"
    path = options.kept / f"{commit()}-{kind}.jsonl"
    chosen = [part for part in parts if not options.only or any(part.is_of(word) for word in options.only)]
    names = {part.name for part in chosen}
    records = read(path)
    done = done_parts(records)
    if options.again or names <= done:
        done -= names
    records = [record for record in records if record.get("part") in done or "machine" in record]
    if not records:
        records = [{"machine": machine(options.peers)}]
    keep(path, records)
    absent = {}
    began = time.monotonic()
    for part in chosen:
        if part.name not in done:
            if time.monotonic() - began > options.minutes * 60:
                absent[part.title] = f"not measured: {options.minutes:g} minutes were over; the same command goes on"
                continue
            print(f"{part.title} ({part.name})", flush=True)
            if reason := measure(part, path):
                absent[part.title] = reason
                print(f"  {reason}", flush=True)
    output = options.output or (options.kept / "RESULTS-quick.md" if options.quick else HERE / "RESULTS.md")
    order = [part.name for part in parts]  # what was measured again stands where it stood
    records = sorted(read(path), key=lambda record: order.index(record["part"]) if record.get("part") in order else -1)
    output.write_text(page(records, absent, quick=options.quick), "utf-8")
    print(f"wrote {output}")
    raise SystemExit(1 if absent else 0)


if __name__ == "__main__":
    main()

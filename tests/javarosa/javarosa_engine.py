"""The engine inside KoboCollect, run from tests: `FormFiller.java` over the JavaRosa that pyxform's ODK Validate bundles."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("FormFiller.java")
JAR = Path(str(files("pyxform"))) / "validators" / "odk_validate" / "bin" / "ODK_Validate.jar"
_STEP = re.compile(r"([^/\[\]]+)(?:\[(\d+)\])?")


@dataclass(frozen=True)
class Job:
    """One filling: *form* and *media* as a phone has them, *language* as the form calls it (empty: its default)."""

    form: Path
    media: Path
    out: Path
    language: str = ""
    seed: int = 1
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def line(self) -> str:
        """The job as `FormFiller` reads it."""
        job = {name: str(getattr(self, name)) for name in ("form", "media", "out", "language")}
        return json.dumps(
            {**job, "seed": self.seed, "words": {name: list(texts) for name, texts in self.words.items()}}
        )


def compiled(folder: Path) -> Path:
    """*folder* with the program's classes. Raises: CalledProcessError."""
    subprocess.run(
        [str(shutil.which("javac")), "-nowarn", "-encoding", "UTF-8", "-cp", str(JAR), "-d", str(folder), str(SOURCE)],
        check=True,
        timeout=300,
        capture_output=True,
    )
    return folder


def fill(classes: Path, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The report of each job, see FormFiller's own words; all in one process of Java."""
    done = subprocess.run(
        ["java", "-Djava.awt.headless=true", "-Duser.timezone=Africa/Casablanca", "-Dfile.encoding=UTF-8", "-cp", f"{JAR}:{classes}", "FormFiller"],
        input="".join(job.line() + "\n" for job in jobs).encode(),
        capture_output=True,
        check=True,
        timeout=300,
    )  # fmt: skip
    reports = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(reports) == len(jobs), done.stderr.decode()[-2000:]
    return reports


@dataclass(frozen=True)
class Leaf:
    """An answer's place: *path* as KoboToolbox writes it, and the turn of each repeat around it, counted from 0."""

    path: str
    turns: tuple[tuple[str, int], ...]


def leaves(report: Mapping[str, Any], *, what: Sequence[str] = ("entered", "calculated")) -> dict[Leaf, str]:
    """Every answer of a report that is not blank. A turn with no answer at all is no turn in KoboToolbox's data."""
    texts = {path: text for part in what for path, text in report[part].items() if str(text).strip()}
    everything = {
        path for part in ("entered", "calculated") for path, text in report[part].items() if str(text).strip()
    }
    turns: dict[tuple[str, str], set[int]] = {}
    for path in everything:
        for around, repeat, turn in _turns(path):
            turns.setdefault((around, repeat), set()).add(turn)
    placed = {}
    for path, text in texts.items():
        numbered = tuple((repeat, sorted(turns[around, repeat]).index(turn)) for around, repeat, turn in _turns(path))
        placed[Leaf(_bare(path), numbered)] = text
    return placed


def _turns(path: str) -> list[tuple[str, str, int]]:
    """(the place around it with its numbers, the repeat's own path, the turn) of each repeat on the way to *path*."""
    found, numbered, bare = [], "", ""
    for name, turn in _STEP.findall(path)[1:]:
        around, numbered, bare = numbered, f"{numbered}/{name}[{turn}]", f"{bare}/{name}"
        if turn:
            found.append((around, bare.lstrip("/"), int(turn)))
    return found


def _bare(path: str) -> str:
    return "/".join(name for name, _ in _STEP.findall(path)[1:])

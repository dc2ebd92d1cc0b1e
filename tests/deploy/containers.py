"""A Dockerfile's instructions, and its build played in a bare chroot where there is no Docker.

    python tests/deploy/containers.py ROOTFS TARGET [--pip-conf FILE]

plays docs/deploy/Dockerfile on a copy of ROOTFS for each stage (the base image's stand-in: `debootstrap --variant=minbase
--include=python3,python3-venv,ca-certificates bookworm ROOTFS`), with the layers' RUN lines as the shell gets them, and leaves what the
image would hold in TARGET. It needs root and the network; what Docker itself does (layers, networks, secrets' mounts) is not played.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "deploy"
_CHROOT = 'mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh -c "$2"'


@dataclass(frozen=True)
class Instruction:
    """A line of a Dockerfile, its continuation joined: the word in capitals, and what follows it."""

    word: str
    rest: str


@dataclass
class Stage:
    """What stands between one FROM and the next."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all_of(self, word: str) -> list[str]:
        """What follows *word*, wherever it stands."""
        return [each.rest for each in self.instructions if each.word == word]


def instructions(text: str) -> Iterator[Instruction]:
    """Those of a Dockerfile, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word.upper(), rest.strip())


def stages(text: str) -> tuple[dict[str, str], list[Stage]]:
    """The ARGs before the first FROM, and the stages."""
    arguments: dict[str, str] = {}
    every: list[Stage] = []
    for each in instructions(text):
        if each.word == "FROM":
            base, _, name = each.rest.partition(" AS ")
            every.append(Stage(name, base))
        elif every:
            every[-1].instructions.append(each)
        else:
            name, _, value = each.rest.partition("=")
            arguments[name] = value
    return arguments, every


def play(rootfs: Path, target: Path, pip_conf: Path | None) -> None:
    """Build every stage in a folder of its own below *target*; the last one is ``target/image``."""
    done: dict[str, Path] = {}
    _, every = stages((FOLDER / "Dockerfile").read_text("utf-8"))
    for number, stage in enumerate(every):
        place = target / ("image" if number == len(every) - 1 else stage.name)
        subprocess.run(["cp", "-a", str(rootfs), str(place)], check=True)
        for link in ("usr/local/bin/python", "usr/local/bin/python3"):
            (place / link).symlink_to("/usr/bin/python3")
        shutil.copyfile("/etc/resolv.conf", place / "etc/resolv.conf")
        if pip_conf:
            shutil.copyfile(pip_conf, place / "etc/pip.conf")
        _play_stage(stage, place, done)
        done[stage.name] = place


def _play_stage(stage: Stage, place: Path, done: dict[str, Path]) -> None:
    workdir, environ = "/", {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    for each in stage.instructions:
        print(f"{each.word} {each.rest[:110]}", flush=True)
        if each.word == "ARG":
            name, _, value = each.rest.partition("=")
            environ[name] = value.strip('"')
        elif each.word == "WORKDIR":
            workdir = each.rest
            (place / workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif each.word == "COPY":
            _copy(each.rest, place, workdir, done)
        elif each.word == "RUN":
            command = f"cd {shlex.quote(workdir)} && {each.rest}"
            subprocess.run(
                ["unshare", "--mount", "/bin/sh", "-c", _CHROOT, "sh", str(place), command], check=True, env=environ
            )


def _copy(rest: str, place: Path, workdir: str, done: dict[str, Path]) -> None:
    words = rest.split()
    whence = done[words.pop(0).removeprefix("--from=")] if words[0].startswith("--from=") else ROOT
    *sources, last = words
    aim = place / (last if last.startswith("/") else f"{workdir}/{last}").lstrip("/")
    for source in sources:
        there = whence / source.lstrip("/")
        if there.is_dir():
            shutil.copytree(there, aim, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            aim.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(there, aim / there.name)


def command_of(rest: str) -> list[str]:
    """The words of an instruction in its JSON form."""
    words: list[str] = json.loads(rest)
    return words


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rootfs", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--pip-conf", type=Path, help="how this place reaches packages")
    asked = parser.parse_args()
    play(asked.rootfs, asked.target, asked.pip_conf)

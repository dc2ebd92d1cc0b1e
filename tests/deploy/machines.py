"""Machines of the guide's steps, played in folders: its shell blocks run as they stand, with their paths below one folder each.

What needs a whole machine is played by commands of the same name in front of the PATH: ``sudo`` (other accounts), ``systemctl`` (starts
what the unit says), ``ssh`` (the other folder).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "kobo_sync" / "starter" / "docs" / "operations.md"
_SUDO = """#!/bin/sh
account=root
if [ "$1" = -u ]; then account=$2; shift 2; fi
case "$account $1" in
  "root useradd"|"root chown") echo "$@" >> "$MACHINE/log"; exit 0 ;;
  "postgres psql") export PGHOST="$DATABASE" PGUSER=desk PGDATABASE=postgres ;;
esac
exec "$@"
"""
_SSH = '#!/bin/sh\nshift\nexec "$@"\n'
_PYTHON = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
_SYSTEMCTL = f"""#!{sys.executable}
import os, re, shlex, signal, subprocess, sys, time
from pathlib import Path
machine = Path(os.environ["MACHINE"])
verb, *names = [word for word in sys.argv[1:] if word != "--now"]
def alive(pid):
    try:
        return Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
for name in names:
    file, instance = (f"{{name.partition('@')[0]}}@.service", name.partition("@")[2]) if "@" in name else (f"{{name}}.service", "")
    unit = (machine / "units" / file).read_text()
    run = machine / f"{{name}}.pid"
    if verb in ("stop", "restart"):
        pid = int(run.read_text())
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 120
        while alive(pid) and time.monotonic() < end:
            time.sleep(0.05)
        if alive(pid):
            sys.exit(f"{{name}} does not stop")
        run.unlink()
    if verb in ("enable", "start", "restart"):
        line = re.search("^ExecStart=(.*)$", unit, re.M)[1].replace("%i", instance)
        with (machine / f"{{name}}.log").open("a") as log:
            started = subprocess.Popen(shlex.split(line), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        run.write_text(str(started.pid))
"""


def blocks() -> list[tuple[str, str]]:
    """(machine, commands) of the guide's blocks that say where they are run, in order."""
    return re.findall(r"^```sh (\w+)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)


@dataclass(frozen=True)
class Machine:
    """One that the guide speaks of, in *folder*; *stick* is shared, *database* the folder of PostgreSQL's socket."""

    folder: Path
    stick: Path
    database: str
    server: Path | None = None

    def __post_init__(self) -> None:
        for name in ("srv", "units", "home", "bin"):
            (self.folder / name).mkdir(parents=True)
        for name, text in {"sudo": _SUDO, "ssh": _SSH, "python3": _PYTHON, "systemctl": _SYSTEMCTL}.items():
            (self.folder / "bin" / name).write_text(text, "utf-8")
            (self.folder / "bin" / name).chmod(0o755)

    @property
    def mission(self) -> Path:
        """The mission's folder on a server."""
        return self.folder / "srv" / "mission"

    def here(self, commands: str) -> str:
        """*commands* with this machine's places."""
        if self.server:
            commands = commands.replace("tar -C /srv/", f"tar -C {self.server}/srv/", 1)
        commands = re.sub(r"(?<![\w.])/srv/", f"{self.folder}/srv/", commands)
        commands = commands.replace("/media/usb", str(self.stick)).replace(
            "/etc/systemd/system", f"{self.folder}/units"
        )
        # A unit names its machine's places too.
        commands = re.sub(r"(guide systemd[\w-]*)", rf"\1 | sed s#/srv/#{self.folder}/srv/#g", commands)
        return commands.replace("@db.example.org/kobo", f"@/kobo?host={self.database}")

    def run(self, commands: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a block; the first command that fails ends it. *typed* is what a person types."""
        env = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "MACHINE": str(self.folder),
            "DATABASE": self.database,
            "PYTHONPATH": sysconfig.get_path("purelib"),  # the libraries; the program itself is the wheel's
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
        }
        command = ["bash", "-euo", "pipefail", "-c", self.here(commands)]
        return subprocess.run(
            command, input=typed, capture_output=True, text=True, env=env, cwd=self.folder, timeout=300, check=False
        )

    def pid(self, unit: str) -> int:
        """The process of a unit that was started."""
        return int((self.folder / f"{unit}.pid").read_text())

    def end(self) -> None:
        """Stop what still runs."""
        for file in self.folder.glob("*.pid"):
            pid = int(file.read_text())
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(pid, number)
                except ProcessLookupError:
                    break
                end = time.monotonic() + 60
                while _is_alive(pid) and time.monotonic() < end:
                    time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

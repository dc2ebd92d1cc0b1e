"""The systemd units: the worker's is the service's in all that keeps it in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kobo_sync.cli.signals import LAST_S
from kobo_sync.cli.verbs import cli
from kobo_sync.steps.guide import guide

UNITS = {"systemd": "kobo-sync.service", "systemd-worker": "kobo-sync-worker@.service"}
MOST_EXPOSED = 1.5  # of 10, as systemd-analyze counts
_OWN = ("ExecStart", "ReadWritePaths", "Restart")


def _service(name: str) -> list[tuple[str, str]]:
    section = guide(name).partition("[Service]")[2].partition("[Install]")[0]
    return re.findall(r"^(\w+)=(.*)$", section, re.M)


def test_both_have_the_same_hardening() -> None:
    one, other = ([(key, value) for key, value in _service(name) if key not in _OWN] for name in UNITS)
    assert one == other and ("CapabilityBoundingSet", "") in one and ("ProtectSystem", "strict") in one


@pytest.mark.parametrize("name", UNITS)
def test_they_start_a_verb_and_give_it_time_to_stop(name: str) -> None:
    settings = dict(_service(name))
    verb, *words = settings["ExecStart"].split()[1:]
    options = {option for parameter in cli.commands[verb].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    assert int(settings["TimeoutStopSec"]) > LAST_S
    assert words[words.index("--workspace") + 1] == settings["ReadWritePaths"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_them_and_counts_little_exposure(name: str, tmp_path: Path) -> None:
    program = tmp_path / "kobo-sync"
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    unit = tmp_path / UNITS[name]
    unit.write_text(guide(name).replace("/srv/kobo-sync/.venv/bin/kobo-sync", str(program)), "utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    told = [line for line in verified.stderr.splitlines() if UNITS[name].partition(".")[0] in line]
    assert not told
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    analysed = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (level := re.search(r"exposure level for \S+: ([\d.]+)", analysed.stdout)):
        pytest.skip("this systemd cannot look at a unit that is not installed")
    assert float(level[1]) <= MOST_EXPOSED

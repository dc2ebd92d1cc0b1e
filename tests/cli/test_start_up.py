"""The command starts at once: what `--help`, `--version` and completion do not show, they do not load."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import Field

from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import Workspace

HEAVY = {"sqlalchemy", "pandas", "numpy", "scipy", "lxml", "flask", "pyxform", "pydantic", "requests", "docx", "typst", "rich", "openpyxl"}  # fmt: skip
_LIST = (
    "import sys, runpy\n"
    "sys.argv = ['kobo-sync', *sys.argv[1:]]\n"
    "import os; leave = os._exit\n"
    "def told(code):\n"
    "    print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr); leave(code)\n"
    "os._exit = told\n"
    "runpy.run_module('kobo_sync', run_name='__main__')\n"
)


def _loaded(*words: str, **environ: str) -> set[str]:
    """The top-level modules that the command has loaded when it ends."""
    command = [sys.executable, "-c", _LIST, *words]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environ}, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("pull", "--help"), ("user", "add", "--help")])
def test_help_and_version_load_nothing_heavy(words: tuple[str, ...]) -> None:
    loaded = _loaded(*words)
    assert "kobo_sync" in loaded and "click" in loaded
    assert not loaded & HEAVY


def test_lint_of_unchanged_forms_reads_its_cache_alone(workspace: Workspace) -> None:
    words = ("lint", "--fast", "--workspace", str(workspace.root))
    assert "pyxform" in _loaded(*words)
    assert not _loaded(*words) & HEAVY
    form = workspace.root / "forms" / "personnes.md"
    form.write_text(form.read_text("utf-8").replace("Âge", "Ages"), "utf-8")
    assert "pyxform" in _loaded(*words), "a form that was edited is judged again"


def test_status_loads_neither_forms_nor_tables(workspace: Workspace) -> None:
    """Part 10: it loaded the station, and with it pyxform, for a ledger that most workspaces do not have."""
    assert _loaded("status", "--workspace", str(workspace.root)) & HEAVY <= {"sqlalchemy", "pydantic", "rich"}


def test_what_is_as_it_was_is_checked_and_built_without_tables(field_team: Field) -> None:
    """Part 10: pandas and numpy, which a build of unchanged sets needs for nothing, were a third of its time."""
    field_team.person("P-1")
    pull(field_team.mission)
    field_team.mission.close()
    for words in (("check",), ("build",)):
        place = ("--workspace", str(field_team.mission.workspace.root))
        assert "pandas" in _loaded(*words, *place), "the first run reads rows"
        assert not _loaded(*words, *place) & HEAVY - {"sqlalchemy", "pydantic", "rich"}


def test_the_command_alone_loads_what_it_shows(workspace: Workspace) -> None:
    """Part 11: a server's client, for one letter of HTML, and a dialect of databases that the mission does not have, took a tenth of its time."""
    command = [sys.executable, "-X", "importtime", "-m", "kobo_sync"]
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert {"kobo_sync.steps.whereabouts", "sqlalchemy.dialects.sqlite"} <= loaded
    heavy = HEAVY - {"sqlalchemy", "pydantic"} | {
        "urllib.request",
        "sqlalchemy.dialects.postgresql",
        "kobo_sync.kobo.server",
    }
    assert not loaded & heavy


def test_completion_loads_nothing_heavy() -> None:
    environ = {"_KOBO_SYNC_COMPLETE": "bash_complete", "COMP_WORDS": "kobo-sync re", "COMP_CWORD": "1"}
    assert not _loaded(**environ) & HEAVY

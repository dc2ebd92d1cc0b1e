"""`--help` shows every verb under its task, its line whole; exit codes stand in one place."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from kobo_sync.cli.verb import TASKS
from kobo_sync.cli.verbs import cli

WIDTH = 80


def test_every_verb_stands_once_under_a_task_and_no_line_is_cut() -> None:
    text = CliRunner().invoke(cli, ["--help"], terminal_width=WIDTH).output
    assert all(f"\n{heading}:\n" in text for heading in TASKS.values())
    lines = text.splitlines()
    for name, command in cli.commands.items():
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert line.split(maxsplit=1)[1] == (command.help or "").partition("\n")[0]


def test_exit_codes_stand_in_one_place() -> None:
    assert "Exit codes" in CliRunner().invoke(cli, ["--help"]).output
    for name in cli.commands:
        output = CliRunner().invoke(cli, [name, "--help"]).output
        assert "kobo-sync --help" in output and "done, with findings" not in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_had(shell: str) -> None:
    result = CliRunner().invoke(cli, [], prog_name="kobo-sync", env={"_KOBO_SYNC_COMPLETE": f"{shell}_source"})
    assert result.exit_code == 0 and "kobo-sync" in result.output
    assert isinstance(cli, click.Group)

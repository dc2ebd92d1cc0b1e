"""What is erased is erased from the backups in the workspace too: a new one takes their place; those elsewhere are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import test_purge_unmasks_nobody as marked
from conftest import Field, field_in
from test_purge_unmasks_nobody import filled, found, person, written

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps import person as person_step
from kobo_sync.steps import purge as purge_step
from kobo_sync.steps.backup import backup
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.purging import renewing
from kobo_sync.steps.restore import restore

HERS = re.compile(rb"qwortalub|zzyxien|vexilmarg|61239988|129988|0661 23 99 88|06 61 23 99")
ERASURES: dict[str, Callable[[Mission], Report]] = {
    "purge": purge_step.purge,
    "person": lambda mission: person_step.erase(mission, "NOR-01"),
}


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    monkeypatch.setattr(marked, "MARKS", HERS)
    with field_in(tmp_path, written) as field:
        yield field


@pytest.mark.parametrize("name", ERASURES)
def test_backups_in_the_workspace_are_made_anew_and_those_elsewhere_told(
    team: Field, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mission = filled(team)
    settings = mission.workspace.root / "config" / "mission.toml"
    settings.write_text(f'{settings.read_text("utf-8")}\n[backup]\nfolder = "{tmp_path / "stick"}"\n', "utf-8")
    mission = team.reopen()
    mission.workspace.expected_roster.write_text("[]")  # which calls her by another code
    inside = mission.workspace.state / "backups"
    for folder in (inside, tmp_path / "stick"):
        backup(mission, output=folder)
    team.clock.forward(days=190)
    backup(mission, output=inside)
    assert {path.parts[2] for path in map(Path, found(mission.workspace.root)) if path.parts[:2] == (".kobo_sync", "backups")} >= {path.name for path in inside.iterdir()}  # fmt: skip
    with monkeypatch.context() as patched:  # died before they gave way: they are there still, and the next run ends it
        patched.setattr(renewing, "backup", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ERASURES[name](mission)
    assert len(list(inside.iterdir())) == 2
    report = ERASURES[name](mission)
    (new,) = inside.iterdir()
    assert any(str(new) in line for line in report.lines)
    (told,) = (each.where for each in report.findings if each.where.startswith("backups"))
    assert told.startswith("backups (1)")
    for each in (build, deliver):
        each(mission)
    mission.close()
    assert not found(mission.workspace.root)
    restore(new, tmp_path / "back", force=False, now=team.clock.now)
    assert not found(tmp_path / "back")
    assert person(2)["code"].encode() in (tmp_path / "back" / ".kobo_sync" / "mirror.sqlite").read_bytes()


def test_without_a_backup_none_is_made(team: Field) -> None:
    mission = filled(team)
    killed = mission.workspace.state / "backups" / f".making-{mission.config.mission.code}-20250101T000000Z"
    killed.mkdir(parents=True)
    report = person_step.erase(mission, "NOR-01", rebuild=False)
    assert not list((mission.workspace.state / "backups").iterdir()) and not any(
        "backups" in line for line in report.lines
    )

"""The journal through a mission's life: runs, backups, a restored backup, the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Field

from kobo_sync.desk import journal
from kobo_sync.desk.kept_head import HEAD
from kobo_sync.mission.mission import Mission, operator
from kobo_sync.mission.run_log import recorded
from kobo_sync.steps.audit import HeadRefused, head_of, heads_at_hand, verified
from kobo_sync.steps.backup import backup
from kobo_sync.steps.enrol import badge_sheets, enrol_at_station
from kobo_sync.steps.history import history
from kobo_sync.steps.pull import pull
from kobo_sync.steps.purge import purge
from kobo_sync.steps.restore import restore
from kobo_sync.workspace.folders import find


def _verified(mission: Mission) -> list[tuple[str, str]]:
    report = verified(mission.desk, heads_at_hand(mission), mission.clock)
    return [(each.rule, each.severity) for each in report.findings]


def _audit(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_COLOR": "1", "KOBO_SYNC_LANG": "en", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "kobo_sync", "audit", "--workspace", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


def test_runs_name_who_began_them_and_the_line_of_a_command_names_the_systems_user(field_team: Field) -> None:
    mission = field_team.mission
    recorded(mission, "pull", pull)
    entry = journal.entries(mission.desk, acts=["pull"])[0]
    assert entry.by == mission.doer == operator() and "@" in entry.by
    deployed = journal.entries(mission.desk, acts=["deploy"])
    assert {each.subject for each in deployed} >= {"personnes", "visites"}


def test_who_looks_at_a_row_prints_names_or_hands_out_a_way_in_is_told(field_team: Field, tmp_path: Path) -> None:
    mission = field_team.mission
    root = field_team.person("NOR-01", nom="Aïcha").removeprefix("uuid:")
    pull(mission)
    history(mission, f"uuid:{root}")
    badge_sheets(mission, zone="nord", output=tmp_path / "names")
    badge_sheets(mission, zone="nord", n_blank=2, output=tmp_path / "codes")
    enrol_at_station(mission, "http://192.168.1.10:8080", output=tmp_path / "ways")
    told = {(each.act, each.subject, each.details.get("class", "")) for each in journal.entries(mission.desk)}
    assert ("look", f"rows/personnes/{root}", "nominative") in told
    assert ("download", "badges-nord.pdf", "nominative") in told
    assert {subject for act, subject, _ in told if act == "enrol_phone"} == {
        path.stem for path in (tmp_path / "ways").glob("*.pdf")
    }
    assert {kind for act, subject, kind in told if act == "download" and "nord-" in subject} == {"internal"}
    assert "Aïcha" not in str(journal.entries(mission.desk))


def test_a_backup_keeps_the_head_and_a_cut_is_found_by_it(field_team: Field) -> None:
    mission = field_team.mission
    recorded(mission, "pull", pull)
    recorded(mission, "backup", backup)
    in_backup, beside = heads_at_hand(mission).values()
    assert beside == in_backup or beside.number > in_backup.number
    head = journal.head(mission.desk)
    assert head in (in_backup, beside) and _verified(mission) == []
    with mission.desk.begin() as connection:
        connection.execute(journal.J.delete().where(journal.J.c.number == head.number))
    assert ("AUDIT003", "error") in _verified(mission)


@pytest.mark.parametrize("n_left", [0, 2])
def test_a_cut_is_found_without_a_backup_also_after_more_was_done(field_team: Field, n_left: int) -> None:
    mission = field_team.mission
    for _ in range(3):
        recorded(mission, "pull", pull)
    kept = mission.workspace.state / HEAD
    head = journal.head(mission.desk)
    assert kept.read_text() == f"{head}\n" and kept.stat().st_mode & 0o777 == 0o600 and _verified(mission) == []
    with mission.desk.begin() as connection:
        connection.execute(journal.J.delete().where(journal.J.c.number > n_left))
    assert _verified(mission) == [("AUDIT003", "error")]
    for _ in range(head.number + 2):
        journal.note(mission.desk, "pull", by="maha", now=field_team.clock.now)
    assert _verified(mission) == [("AUDIT003", "error")] and kept.read_text() == f"{head}\n"
    broken = _audit(mission.workspace.root, "--verify")
    assert broken.returncode == 1 and f"{HEAD} has kept" in broken.stderr


def test_what_came_to_nothing_is_kept_nowhere(field_team: Field) -> None:
    mission = field_team.mission
    recorded(mission, "pull", pull)
    head = (mission.workspace.state / HEAD).read_text()
    with pytest.raises(ZeroDivisionError), mission.desk.begin() as connection:
        journal.append(connection, "pull", by="maha", now=field_team.clock.now)
        raise ZeroDivisionError
    with mission.desk.begin():
        pass
    assert (mission.workspace.state / HEAD).read_text() == head and _verified(mission) == []


def test_a_backup_that_is_put_back_has_its_journal_which_says_so(field_team: Field, tmp_path: Path) -> None:
    mission, clock = field_team.mission, field_team.clock
    recorded(mission, "backup", lambda opened: backup(opened, output=tmp_path / "elsewhere"))
    (older,) = (tmp_path / "elsewhere").iterdir()
    head = journal.head(mission.desk)
    recorded(mission, "pull", pull)
    clock.forward(seconds=2)
    recorded(mission, "backup", backup)
    mission.close()
    clock.forward(seconds=2)
    restore(older, mission.workspace.root, force=True, now=clock.now)
    back = Mission(find(mission.workspace.root), mission.environ, clock, server=mission.server)
    (told,) = journal.entries(back.desk, acts=["restore"])
    assert (told.subject, told.by) == (older.name, operator()) and told.number == head.number + 1
    assert _verified(back) == [("AUDIT003", "warning")]  # the backup made of the journal that was replaced
    back.close()


def test_a_purge_is_told_and_alters_nothing(field_team: Field) -> None:
    mission = field_team.mission
    recorded(mission, "pull", pull)
    head = journal.head(mission.desk)
    mission.close()
    toml = mission.workspace.root / "config" / "mission.toml"
    toml.write_text(toml.read_text("utf-8") + "\n[retention]\npersonal_months = 1\n", "utf-8")
    mission = field_team.reopen()
    field_team.clock.now = field_team.clock.now.replace(year=field_team.clock.now.year + 1)
    recorded(mission, "purge", purge)
    (erased,) = journal.entries(mission.desk, acts=["erase"])
    assert (mission.workspace.state / "receipts" / erased.subject).is_file()
    assert not list(journal.breaks(mission.desk, {"before": head}))


def test_the_command_lists_filters_verifies_and_exits_1_where_it_breaks(field_team: Field) -> None:
    mission = field_team.mission
    recorded(mission, "pull", pull)
    root, head = mission.workspace.root, journal.head(mission.desk)
    listed = _audit(root, "--act", "pull")
    assert listed.returncode == 0 and operator() in listed.stdout and "run " in listed.stdout
    assert len(listed.stdout.splitlines()) == 1
    entries: Any = json.loads(_audit(root, "--json", "--limit", "1").stdout)
    assert [(each["act"], each["sha256"]) for each in entries] == [("pull", head.sha256)]
    assert _audit(root, "--head").stdout.strip() == str(head)
    whole = _audit(root, "--verify", "--expect", str(head))
    assert whole.returncode == 0 and "nothing of it was changed" in whole.stdout
    with mission.desk.begin() as connection:
        connection.execute(journal.J.update().where(journal.J.c.number == 1).values(by="maha"))
    broken = _audit(root, "--verify")
    assert broken.returncode == 1 and "AUDIT002" in broken.stderr and "→" in broken.stderr
    refused = _audit(root, "--verify", "--expect", "7:abc")
    assert refused.returncode == 2 and "no head of a journal" in refused.stderr and "Traceback" not in refused.stderr


def test_a_head_is_read_as_it_was_printed_or_refused() -> None:
    text = "12:" + "0f" * 32
    assert str(head_of(f" {text}\n")) == text
    for wrong in ("", "12", "x:" + "0f" * 32, "12:" + "0F" * 32, "12:0f"):
        with pytest.raises(HeadRefused):
            head_of(wrong)

"""What people change on pages is noted with both states, and either can be had again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kobo_sync.desk.changes import change, changes, record_change
from kobo_sync.desk.database import Desk
from kobo_sync.workspace.earlier_files import EarlierFiles

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_the_newest_changes_come_first_and_tell_who_what_and_when(desk: Desk) -> None:
    first = record_change(
        desk, "config/mission.toml", ["mission.title"], by="maha", now=NOW, before_sha256="a", after_sha256="b"
    )
    record_change(desk, "config/zones.csv", [], by="lea", now=NOW, before_sha256="", after_sha256="c")
    record_change(
        desk,
        "config/mission.toml",
        ["mission.title"],
        by="lea",
        now=NOW,
        before_sha256="b",
        after_sha256="a",
        undoes=first,
    )
    assert [(each.by, each.path, each.undoes) for each in changes(desk)] == [
        ("lea", "config/mission.toml", first),
        ("lea", "config/zones.csv", None),
        ("maha", "config/mission.toml", None),
    ]
    assert len(changes(desk, path="config/mission.toml")) == 2 and len(changes(desk, 1)) == 1
    noted = change(desk, first)
    assert noted and (noted.at, noted.keys, noted.before_sha256) == (NOW, ("mission.title",), "a")
    assert change(desk, 99) is None


def test_an_earlier_file_is_kept_once_and_a_damaged_one_is_not_given(tmp_path: Path) -> None:
    files = EarlierFiles(tmp_path)
    sha256 = files.keep(b"zones")
    assert files.keep(b"zones") == sha256 and files.get(sha256) == b"zones"
    (path,) = (each for each in tmp_path.rglob("*") if each.is_file())
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"zonen")
    assert files.get(sha256) is None and files.get("../../etc/passwd") is None and files.get("0" * 64) is None

"""Folders: written whole or not at all, and found again after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kobo_sync.errors import ConfigError, DocumentError, KoboSyncError, StoreError
from kobo_sync.workspace import private, writing
from kobo_sync.workspace.folders import Workspace, find
from kobo_sync.workspace.locking import lock
from kobo_sync.workspace.private import UNFINISHED
from kobo_sync.workspace.result_cache import ResultCache
from kobo_sync.workspace.scratch import scratch_folder, sweep_scratch
from kobo_sync.workspace.writing import sweep_unfinished, write_atomic


def test_a_mission_is_found_from_below(workspace: Workspace) -> None:
    deep = workspace.root / "forms" / "media"
    deep.mkdir()
    assert find(deep).root == workspace.root.resolve()
    with pytest.raises(ConfigError):
        find(workspace.root.parent)


def test_a_set_is_replaced_whole(workspace: Workspace) -> None:
    workspace.replace_folder("nord", {"a.txt": b"1", "sous/b.txt": b"2"})
    workspace.replace_folder("nord", {"a.txt": b"3"})
    assert sorted(path.name for path in (workspace.out / "nord").rglob("*")) == ["a.txt"]
    assert [path.name for path in workspace.out.iterdir()] == ["nord"]


def test_a_failed_replacement_keeps_the_old_set(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.replace_folder("nord", {"a.txt": b"old"})
    write_bytes = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "b.txt":
            raise OSError(28, "No space left on device")
        return write_bytes(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="No space left"):
        workspace.replace_folder("nord", {"a.txt": b"new", "b.txt": b"new"})
    assert (workspace.out / "nord" / "a.txt").read_bytes() == b"old"


def test_killed_between_the_two_renames_the_old_set_comes_back(workspace: Workspace) -> None:
    workspace.replace_folder("nord", {"a.txt": b"old"})
    (workspace.out / "nord").rename(workspace.out / ".nord.old")
    (workspace.out / ".nord.new").mkdir()
    (workspace.out / ".nord-est.new").mkdir()  # of a zone whose code begins alike
    assert workspace.previous_set("nord").files["a.txt"]() == b"old"
    assert sorted(path.name for path in workspace.out.iterdir()) == [".nord-est.new", "nord"]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_a_document_cannot_leave_its_folder(workspace: Workspace, name: str) -> None:
    with pytest.raises(DocumentError):
        workspace.replace_folder("nord", {name: b""})


def test_an_atomic_write_leaves_no_half_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b", b"1")
    write_atomic(tmp_path / "a" / "b", b"2")
    assert [path.read_bytes() for path in (tmp_path / "a").iterdir()] == [b"2"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KoboSyncError):
        write_atomic(tmp_path / "file" / "below", b"1")


KILLED = """
import os, sys
from pathlib import Path
from kobo_sync.workspace.writing import write_atomic
os.fsync = lambda _: os.kill(os.getpid(), 9)
write_atomic(Path(sys.argv[1]), b"Awa B., 06 61 23 99 88", private=True)
"""


def test_what_a_killed_writer_left_goes_with_the_next_write_of_a_process(tmp_path: Path) -> None:
    """A list of people lay hidden beside the files that leave, for ever, where a delivery was killed as it wrote."""
    name = "une liste nominative dont le nom est plus long que quarante lettres.csv"
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path / name], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    assert b"Awa" in left.read_bytes() and left.name.startswith(".")
    living = tmp_path / f".liste{UNFINISHED}"
    with living.open("wb") as handle:  # another process writes it now
        lock(handle.fileno())
        write_atomic(tmp_path / "autre.csv", b"1")
        assert sorted(tmp_path.iterdir()) == [living, tmp_path / "autre.csv"]
    sweep_unfinished(tmp_path.parent, below=True)
    assert [path.name for path in tmp_path.iterdir()] == ["autre.csv"]


def test_a_file_that_is_swept_before_it_is_locked_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, swept = writing.lock, []

    def late(descriptor: int) -> None:
        if not swept:
            swept.append(descriptor)
            sweep_unfinished(tmp_path)
        real(descriptor)

    monkeypatch.setattr(writing, "lock", late)
    monkeypatch.setattr(writing, "sweep_unfinished", lambda _folder: None)
    write_atomic(tmp_path / "liste.csv", b"content")
    assert swept and [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("liste.csv", b"content")]


def test_a_key_that_is_swept_before_it_is_locked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, swept = private.lock, []

    def late(descriptor: int) -> None:
        if not swept:
            swept.append(descriptor)
            sweep_unfinished(tmp_path)
        real(descriptor)

    monkeypatch.setattr(private, "lock", late)
    key = private.key_in(tmp_path / "a.key")
    assert swept and len(key) == 32 and [path.name for path in tmp_path.iterdir()] == ["a.key"]
    assert private.key_in(tmp_path / "a.key") == key
    (tmp_path / "b.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError):
        private.key_in(tmp_path / "b.key")


def test_a_folder_of_a_killed_process_goes_with_the_next_of_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = "import os\nfrom kobo_sync.workspace.scratch import scratch_folder\nwith scratch_folder('sav-') as f: (f / 'a.sav').write_text('Awa'); os.kill(os.getpid(), 9)"
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", killed], env=environ, check=False).returncode == -9
    assert [path.name for path in tmp_path.rglob("*.sav")] == ["a.sav"]
    (tmp_path / "sav-ation").mkdir()  # somebody's own
    (tmp_path / "sav-ation" / "notes.txt").write_text("à garder")
    with scratch_folder("pdf-"), scratch_folder("sav-") as first, scratch_folder("sav-") as second:
        (second / "b.sav").write_text("B")
        assert first.is_dir() and [path.name for path in tmp_path.rglob("*.sav")] == ["b.sav"]
        with scratch_folder("copy-", tmp_path / "sav-ation") as third:
            sweep_scratch("copy-", tmp_path / "sav-ation")
            assert third.is_dir()
    assert [path.name for path in tmp_path.rglob("*")] == ["sav-ation", "notes.txt"]
    sweep_scratch("sav-", tmp_path)  # of an older program, in a place of the mission's own
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_cannot_be_kept_and_a_file_that_is_cut_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part 7, C18: on a full disk halves of values took the room that the run's own record needed."""
    cache = ResultCache(tmp_path / "kept")
    (tmp_path / "kept" / "value").mkdir(parents=True)  # the disk refuses the last step
    cache.put("value", "key", [1, 2, 3])
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["value"]

    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "out" / "liste.csv", b"content")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_set_that_is_replaced_while_a_signal_comes_is_there_whole(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.replace_folder("nord", {"a.txt": b"old"})
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == ".nord.new":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workspace.replace_folder("nord", {"a.txt": b"new"})
    assert [path.name for path in workspace.out.iterdir()] == ["nord"]
    assert (workspace.out / "nord" / "a.txt").read_bytes() == b"old"


_PUTS = """
import sys
from pathlib import Path
from kobo_sync.workspace.folders import Workspace
root = Path(sys.argv[1])
workspace, mine = Workspace(root, root / ".kobo_sync", root / "out"), sys.argv[2].encode()
for n in range(40):
    workspace.replace_folder("nord", {f"{k}.txt": mine for k in range(5)})
    there = workspace.previous_set("nord").files
    workspace.cache.put("value", "key", [sys.argv[2]] * 1000)
    kept = workspace.cache.get("value", "key", list[str])
    assert len(there) == 5 and kept is not None and len(set(kept)) == 1, (sorted(there), kept)
"""


def test_processes_that_put_the_same_set_and_keep_the_same_value_leave_one_of_each_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PUTS, str(tmp_path)]
    workers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in "abc"]
    assert [(worker.communicate()[1], worker.returncode) for worker in workers] == [("", 0)] * 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["nord"]
    assert len({path.read_bytes() for path in (tmp_path / "out" / "nord").iterdir()}) == 1
    assert [path.name for path in (tmp_path / ".kobo_sync" / "kept").iterdir()] == ["value"]

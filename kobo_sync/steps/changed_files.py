"""Files of a mission that somebody changes on a page: written whole, the earlier state kept, who and when noted."""

from __future__ import annotations

from collections.abc import Sequence

from kobo_sync.desk.changes import record_change
from kobo_sync.mission.mission import Mission
from kobo_sync.workspace.reading import read_text
from kobo_sync.workspace.writing import write_atomic


def put_file(mission: Mission, name: str, content: bytes | None, keys: Sequence[str], by: str) -> None:
    """Write the file *name* of the mission's folder, or remove it with None; both states are kept, and the change of *keys* is noted.

    Never for a file with secrets. Raises: StoreError.
    """
    path, kept, now = mission.workspace.root / name, mission.workspace.earlier_files, mission.clock()
    before = path.read_bytes() if path.is_file() else None
    if before == content:
        return
    before_sha256, after_sha256 = (kept.keep(each) if each is not None else "" for each in (before, content))
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, content)
    record_change(mission.desk, name, keys, by=by, now=now, before_sha256=before_sha256, after_sha256=after_sha256)


def lists_of_config(mission: Mission) -> dict[str, str]:
    """The lists of config/ by their name from the mission's folder, as `parse_config` takes them. Raises: ConfigError."""
    names = [f"config/{path.name}" for path in sorted((mission.workspace.root / "config").glob("*.csv"))]
    return {name: read_text(mission.workspace.root / name, name) for name in names}

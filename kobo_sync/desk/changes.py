"""What people changed on pages, in which file, and how it was before; so that it can be looked at and taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk import journal, schema
from kobo_sync.desk.database import Desk

C = schema.changes
CHANGE = "change"


@dataclass(frozen=True)
class Change:
    """One change of the file at *path* (from the mission's folder): *keys* of it, by the account *by*.

    The hashes name both states (`workspace.earlier_files`); an empty one says that there was, or is, no file. *undoes* is the
    `change_id` of the change that this one takes back.
    """

    change_id: int
    at: datetime
    by: str
    path: str
    keys: tuple[str, ...]
    before_sha256: str
    after_sha256: str
    undoes: int | None


def record_change(
    desk: Desk,
    path: str,
    keys: Sequence[str],
    *,
    by: str,
    now: datetime,
    before_sha256: str,
    after_sha256: str,
    undoes: int | None = None,
) -> int:
    """Note a change, in the journal too; returns its id. Keys of lists may name people: there they stand here alone."""
    values = {"at": now, "by": by, "path": path, "keys": json.dumps(list(keys)), "undoes": undoes}
    values |= {"before_sha256": before_sha256, "after_sha256": after_sha256}
    with desk.begin() as connection:
        key = connection.execute(C.insert().values(**values)).inserted_primary_key
        about = {"change": str(key[0] if key else 0)}
        if path == MISSION_FILE or before_sha256 == after_sha256:  # settings, or the codes that an order overrides
            about["keys"] = ", ".join(keys)
        journal.append(connection, CHANGE, path, by=by, now=now, **about)
    return int(key[0]) if key else 0


def changes(
    desk: Desk, limit: int = 50, *, path: str = "", folder: str = "", before: int | None = None
) -> list[Change]:
    """The newest changes first, of one file, of what lies in a *folder*, or of all; *before*: only those with a smaller id."""
    query = sa.select(C).order_by(C.c.change_id.desc()).limit(limit)
    if path:
        query = query.where(C.c.path == path)
    if folder:  # what was only noted there (a secret given) left the file as it was
        query = query.where(C.c.path.startswith(f"{folder}/", autoescape=True), C.c.before_sha256 != C.c.after_sha256)
    if before is not None:
        query = query.where(C.c.change_id < before)
    with desk.begin() as connection:
        return [_change(row) for row in connection.execute(query)]


def taken_back(desk: Desk) -> set[int]:
    """The ids of the changes that a later one took back."""
    with desk.begin() as connection:
        return {key for (key,) in connection.execute(sa.select(C.c.undoes).where(C.c.undoes.is_not(None)))}


def change(desk: Desk, change_id: int) -> Change | None:
    """The change of that id, or None."""
    with desk.begin() as connection:
        row = connection.execute(sa.select(C).where(C.c.change_id == change_id)).first()
    return _change(row) if row else None


def _change(row: sa.Row[tuple[object, ...]]) -> Change:
    return Change(
        row.change_id,
        row.at,
        row.by,
        row.path,
        tuple(json.loads(row.keys)),
        row.before_sha256,
        row.after_sha256,
        row.undoes,
    )

"""Who took which deliverable, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk

D = schema.downloads


@dataclass(frozen=True)
class Download:
    """One file taken: by *username*, or through the link *share_id*."""

    at: datetime
    username: str
    share_id: str
    path: str
    classification: str


def log_download(
    desk: Desk, path: str, classification: str, sha256: str, now: datetime, *, username: str = "", share_id: str = ""
) -> None:
    """Note that a file is handed out; called before the first byte leaves."""
    values = {"at": now, "username": username, "share_id": share_id, "path": path}
    with desk.begin() as connection:
        connection.execute(D.insert().values(**values, classification=classification, sha256=sha256))


def downloads(desk: Desk, limit: int = 50, *, path: str = "") -> list[Download]:
    """The newest downloads first."""
    query = sa.select(D).order_by(D.c.download_id.desc()).limit(limit)
    if path:
        query = query.where(D.c.path == path)
    with desk.begin() as connection:
        rows = connection.execute(query).all()
    return [Download(row.at, row.username, row.share_id, row.path, row.classification) for row in rows]

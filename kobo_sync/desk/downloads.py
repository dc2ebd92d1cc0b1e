"""Who took which deliverable, and links for people without an account."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk

D, H = schema.downloads, schema.shares


@dataclass(frozen=True)
class Download:
    """One file taken: by *username*, or through the link *share_id*."""

    at: datetime
    username: str
    share_id: str
    path: str
    classification: str


@dataclass(frozen=True)
class Share:
    """A link to the deliverable at *path* (below exports/out/), until *expires_at* or its revocation."""

    share_id: str
    path: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str

    def is_open(self, now: datetime) -> bool:
        """Whether the link still leads to the file."""
        return self.revoked_at is None and self.created_at <= now < self.expires_at


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


def share(desk: Desk, path: str, by: str, now: datetime, expires_at: datetime) -> Share:
    """Make a link to *path*."""
    made = Share(secrets.token_urlsafe(12), path, by, now, expires_at, None, "")
    with desk.begin() as connection:
        connection.execute(
            H.insert().values(
                share_id=made.share_id,
                path=path,
                created_by=by,
                created_at=now,
                expires_at=expires_at,
                revoked_by="",
            )
        )
    return made


def find_share(desk: Desk, share_id: str) -> Share | None:
    """The link called *share_id*, or None."""
    with desk.begin() as connection:
        row = connection.execute(sa.select(H).where(H.c.share_id == share_id)).first()
    return _share(row) if row else None


def shares(desk: Desk, limit: int = 100) -> list[Share]:
    """The newest links first, ended ones included."""
    with desk.begin() as connection:
        return [_share(row) for row in connection.execute(sa.select(H).order_by(H.c.created_at.desc()).limit(limit))]


def revoke(desk: Desk, share_id: str, by: str, now: datetime) -> bool:
    """End a link; False when there is none that is open."""
    mine = (H.c.share_id == share_id) & H.c.revoked_at.is_(None)
    with desk.begin() as connection:
        return bool(connection.execute(H.update().where(mine).values(revoked_at=now, revoked_by=by)).rowcount)


def _share(row: sa.Row[tuple[object, ...]]) -> Share:
    return Share(row.share_id, row.path, row.created_by, row.created_at, row.expires_at, row.revoked_at, row.revoked_by)

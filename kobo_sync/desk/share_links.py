"""Links to one deliverable for people without an account."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.desk import journal, schema
from kobo_sync.desk.database import Desk

H = schema.shares


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


def may_be_shared(classification: str, *, pseudonymised: bool) -> bool:
    """Whether a file of this class may go out without an account, by link or mail: rows of people only where the config says so.

    What is internal names accounts and rows, and counts single persons: it is the team's.
    """
    return classification not in ("nominative", "internal") and (pseudonymised or classification != "pseudonymised")


def share(desk: Desk, path: str, by: str, now: datetime, expires_at: datetime) -> Share:
    """Make a link to *path*."""
    link = Share(secrets.token_urlsafe(12), path, by, now, expires_at, None, "")
    with desk.begin() as connection:
        connection.execute(
            H.insert().values(
                share_id=link.share_id,
                path=path,
                created_by=by,
                created_at=now,
                expires_at=expires_at,
                revoked_by="",
            )
        )
        until = journal.kept_moment(expires_at)
        journal.append(connection, "share", path, by=by, now=now, link=link.share_id, until=until)
    return link


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
        is_ended = bool(connection.execute(H.update().where(mine).values(revoked_at=now, revoked_by=by)).rowcount)
        if is_ended:
            journal.append(connection, "unshare", by=by, now=now, link=share_id)
    return is_ended


def revoke_all_of(desk: Desk, username: str, now: datetime) -> int:
    """End the open links that *username* made; returns how many."""
    mine = (H.c.created_by == username) & H.c.revoked_at.is_(None)
    ended = {"revoked_at": now, "revoked_by": username}
    with desk.begin() as connection:
        return int(connection.execute(H.update().where(mine).values(**ended)).rowcount)


def _share(row: sa.Row[tuple[object, ...]]) -> Share:
    return Share(row.share_id, row.path, row.created_by, row.created_at, row.expires_at, row.revoked_at, row.revoked_by)

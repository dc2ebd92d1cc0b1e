"""The rows that one account sent, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.model import Validation
from kobo_sync.store import schema
from kobo_sync.store.database import Store

S = schema.submissions


@dataclass(frozen=True)
class SentRow:
    """A live row; *submission_id* is its place in the server's listing, *server_key* what the server calls it."""

    submission_id: int
    root_uuid: str
    server_key: str
    submitted_at: datetime
    validation: Validation


def rows_of_sender(store: Store, form_id: str, account: str, limit: int, before: int | None = None) -> list[SentRow]:
    """At most *limit* live rows of *account*, empty for those without one, listed before the place *before*. Raises: StoreError."""
    names = ("submission_id", "root_uuid", "server_key", "submitted_at", "validation")
    query = sa.select(*(S.c[name] for name in names)).where(
        S.c.form_id == form_id, S.c.submitted_by == account, S.c.gone_at.is_(None)
    )
    if before is not None:
        query = query.where(S.c.submission_id < before)
    with store.read() as connection:
        return [SentRow(*row) for row in connection.execute(query.order_by(S.c.submission_id.desc()).limit(limit))]

"""What the mirror holds per form, from what pulls keep count of: cheap enough for every look at a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.store import schema
from kobo_sync.store.database import Store

S, A, Q, C = schema.submissions, schema.attachments, schema.quarantine, schema.cursors


@dataclass(frozen=True)
class FormStatus:
    """A form's state as of its last pull; *server_n* and the times are None before the first."""

    form_id: str
    n_live: int
    server_n: int | None
    n_files_missing: int
    n_quarantined: int
    pulled_at: datetime | None
    reconciled_at: datetime | None


@dataclass(frozen=True)
class ReadingMark:
    """What a form's last reading left: *content* is highest id, live rows and newest modification; two that are equal hold the same."""

    content: tuple[int, int, str]
    read_at: datetime | None
    pulled_at: datetime | None


def reading_marks(store: Store) -> dict[str, ReadingMark]:
    """The mark of each form that was read. Raises: StoreError."""
    query = sa.select(C.c.form_id, C.c.last_id, C.c.n_live, C.c.modified, C.c.read_at, C.c.pulled_at)
    with store.read() as connection:
        return {row[0]: ReadingMark((row[1], row[2], row[3]), row[4], row[5]) for row in connection.execute(query)}


def form_statuses(store: Store, form_ids: Sequence[str]) -> list[FormStatus]:
    """The state of each form, in the given order. Its cost does not grow with the rows stored. Raises: StoreError."""
    waiting = (
        sa.select(A.c.form_id, sa.func.count())
        .select_from(A.join(S, (A.c.form_id == S.c.form_id) & (A.c.root_uuid == S.c.root_uuid)))
        .where(A.c.sha256.is_(None), A.c.is_current, ~A.c.is_deleted, S.c.gone_at.is_(None))
        .group_by(A.c.form_id)
    )
    with store.read() as connection:
        cursors = {row.form_id: row for row in connection.execute(sa.select(C))}
        missing = {row[0]: int(row[1]) for row in connection.execute(waiting)}
        aside = sa.select(Q.c.form_id, sa.func.count()).group_by(Q.c.form_id)
        odd = {row[0]: int(row[1]) for row in connection.execute(aside)}
    statuses = []
    for form_id in form_ids:
        cursor = cursors.get(form_id)
        statuses.append(
            FormStatus(
                form_id,
                cursor.n_live if cursor else 0,
                cursor.server_n if cursor else None,
                missing.get(form_id, 0),
                odd.get(form_id, 0),
                cursor.pulled_at if cursor else None,
                cursor.reconciled_at if cursor else None,
            )
        )
    return statuses

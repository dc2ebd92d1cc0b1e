"""The files that a row lists, and which of them are here."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from kobo_sync.store import schema
from kobo_sync.store.database import Store

A = schema.attachments


@dataclass(frozen=True)
class RowFile:
    """A file of a row; *sha256* is empty until its bytes are here, *kind* is the media type that they show."""

    attachment_uid: str
    filename: str
    question_path: str
    kind: str
    sha256: str
    n_bytes: int


def files_of_row(store: Store, form_id: str, root_uuid: str) -> tuple[RowFile, ...]:
    """In the order in which they were listed; those that only earlier revisions named too. Raises: StoreError."""
    mine = (A.c.form_id == form_id) & (A.c.root_uuid == root_uuid)
    with store.read() as connection:
        rows = connection.execute(sa.select(A).where(mine).order_by(A.c.row_id)).all()
    return tuple(
        RowFile(
            row.attachment_uid,
            row.filename.rpartition("/")[2],
            row.question_path,
            row.sniffed or "application/octet-stream",
            row.sha256 or "",
            row.n_bytes or 0,
        )
        for row in rows
    )

"""Rows whose answers changed after a reviewer approved them."""

from __future__ import annotations

import sqlalchemy as sa

from kobo_sync.rows.listing import parse_head
from kobo_sync.store import schema
from kobo_sync.store.database import Store
from kobo_sync.store.raw_pages import RawPages

S, R = schema.submissions, schema.revisions


def reworked(store: Store) -> dict[str, str]:
    """Root uuid → present uuid of the live rows whose approval is older than their last edit.

    KoboToolbox keeps the status through an edit [h14]: the first revision that carries the present approval
    says which edit was approved. Raises: StoreError.
    """
    of_row = (R.c.form_id == S.c.form_id) & (R.c.root_uuid == S.c.root_uuid) & R.c.body_id.is_not(None)
    past = R.alias()
    of_past = (past.c.form_id == S.c.form_id) & (past.c.root_uuid == S.c.root_uuid)
    was_edited = sa.exists().where(of_past, past.c.uuid != S.c.uuid)  # few were; each state of theirs must be unpacked
    approved = (S.c.validation == "approved") & (S.c.revision > 1) & S.c.gone_at.is_(None)
    query = (
        sa.select(S.c.root_uuid, S.c.uuid, S.c.validated_at, R.c.revision, R.c.uuid.label("then"))
        .add_columns(R.c.body_id, R.c.body_at, R.c.body_n)
        .join(R, of_row)
        .where(approved, was_edited)
        .order_by(R.c.body_id, R.c.body_at)
    )
    first: dict[str, tuple[int, bool]] = {}  # the first revision with the present approval; edited since?
    uuids: dict[str, str] = {}
    with store.read() as connection:
        bodies = RawPages(connection)
        for row in connection.execute(query).all():
            head = parse_head(bodies.row((row.body_id, row.body_at, row.body_n)))
            if (head.validation, head.validated_at) == ("approved", row.validated_at):
                approval = (row.revision, row.then != row.uuid)
                first[row.root_uuid] = min(first.get(row.root_uuid, approval), approval)
                uuids[row.root_uuid] = row.uuid
    return {root: uuids[root] for root, (_, edited) in sorted(first.items()) if edited}

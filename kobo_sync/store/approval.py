"""Rows whose answers changed after a reviewer approved them."""

from __future__ import annotations

import sqlalchemy as sa

from kobo_sync.kobo.listing import parse_head
from kobo_sync.store import schema
from kobo_sync.store.bodies import Bodies
from kobo_sync.store.database import Store

S, R = schema.submissions, schema.revisions


def reworked(store: Store) -> dict[str, str]:
    """Root uuid → present uuid of the live rows whose approval is older than their last edit.

    KoboToolbox keeps the status through an edit [h14]: the first revision that carries the present approval
    says which edit was approved. Raises: StoreError.
    """
    approved = (S.c.validation == "approved") & (S.c.revision > 1) & S.c.gone_at.is_(None)
    query = (
        sa.select(
            S.c.root_uuid, S.c.uuid, S.c.validated_at, R.c.uuid.label("then"), R.c.body_id, R.c.body_at, R.c.body_n
        )
        .join(R, (R.c.form_id == S.c.form_id) & (R.c.root_uuid == S.c.root_uuid))
        .where(approved, R.c.body_id.is_not(None))
        .order_by(S.c.form_id, S.c.root_uuid, R.c.revision)
    )
    found: dict[str, str] = {}
    seen: set[str] = set()
    with store.begin() as connection:
        bodies = Bodies(connection)
        for row in connection.execute(query).all():
            if row.root_uuid in seen:
                continue
            head = parse_head(bodies.row((row.body_id, row.body_at, row.body_n)))
            if head.validation == "approved" and head.validated_at == row.validated_at:
                seen.add(row.root_uuid)
                if row.then != row.uuid:
                    found[row.root_uuid] = row.uuid
    return found

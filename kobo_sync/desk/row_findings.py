"""Findings as the pages of rows and the menu ask for them."""

from __future__ import annotations

from dataclasses import fields

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk
from kobo_sync.desk.worklist import OPEN, Item, counts

_I = schema.findings


def findings_of_row(desk: Desk, form_id: str, root_uuid: str) -> tuple[Item, ...]:
    """The findings on a row and those that compare another row with it, the gravest first. Raises: StoreError."""
    is_own = (_I.c.form_id == form_id) & (_I.c.root_uuid == root_uuid)
    query = sa.select(*(_I.c[each.name] for each in fields(Item)))
    query = query.where(is_own | (_I.c.other_row == f"{form_id}/{root_uuid}")).order_by(_I.c.rank, _I.c.item_id)
    with desk.read() as connection:
        return tuple(Item(**row) for row in connection.execute(query).mappings())


def n_to_deal_with(desk: Desk) -> int:
    """How many findings are open; read from the counts, never from the findings. Raises: StoreError."""
    return sum(n for state, n in counts(desk).items() if state in OPEN)

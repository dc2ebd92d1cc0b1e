"""People taken out of what the desk keeps: their names out of what it says in words, and all that rests on their rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk
from kobo_sync.desk.worklist import recount

Mask = Callable[[str], str]
# Table → (columns of its key, columns in words, columns of JSON).
_WRITTEN: tuple[tuple[sa.Table, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (schema.findings, ("item_id",), ("place", "message", "why", "hint", "enumerator"), ()),
    (schema.runs, ("run_id",), (), ("report", "progress")),
    (schema.notices, ("event",), ("subject", "body", "error"), ()),
    (schema.holds, ("form_id", "root_uuid"), ("reason",), ()),
)
_NOTES: tuple[tuple[sa.Table, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (schema.findings, ("item_id",), ("note",), ()),
    (schema.finding_events, ("event_id",), ("note",), ()),
)


def forget_rows(desk: Desk, root_uuids: Collection[str]) -> int:
    """Take out of the worklist, and of what was put on hold, all that these submissions are in; returns how many findings.

    Raises: StoreError.
    """
    F, E, H = schema.findings, schema.finding_events, schema.holds
    with desk.begin() as connection:
        columns = (F.c.key, F.c.root_uuid, F.c.other_row)
        rows = connection.execute(sa.select(*columns)).all()
        keys = [row.key for row in rows if {row.root_uuid, row.other_row.rpartition("/")[2]} & set(root_uuids)]
        for key in keys:
            connection.execute(E.delete().where(E.c.key == key))
            connection.execute(F.delete().where(F.c.key == key))
        for root_uuid in sorted(root_uuids):
            connection.execute(H.delete().where(H.c.root_uuid == root_uuid))
        recount(connection)
    return len(keys)


def mask_texts(desk: Desk, mask: Mask, *, dry_run: bool = False, with_notes: bool = False) -> int:
    """Have *mask* look at everything in words, *with_notes* also at what people wrote about findings; returns how many rows change.

    Digests of answers, which can be guessed, and figures go: the next checks make them anew.
    Raises: StoreError.
    """
    n = 0
    with desk.begin() as connection:
        for table, keys, texts, jsons in (*_WRITTEN, *(_NOTES if with_notes else ())):
            for row in connection.execute(sa.select(*(table.c[name] for name in (*keys, *texts, *jsons)))).mappings():
                values: dict[str, Any] = {name: mask(row[name]) for name in texts}
                values |= {name: _masked_json(row[name], mask) for name in jsons}
                changed = {name: value for name, value in values.items() if value != row[name]}
                n += bool(changed)
                if changed and not dry_run:
                    here = sa.and_(*(table.c[name] == row[name] for name in keys))
                    connection.execute(table.update().where(here).values(**changed))
        if not dry_run:
            connection.execute(schema.findings.update().values(evidence="", said=""))
            connection.execute(schema.snapshots.delete())
    return n


def _masked_json(text: str, mask: Mask) -> str:
    try:
        content = json.loads(text)
    except ValueError:
        return mask(text)
    masked = masked_values(content, mask)
    return text if masked == content else json.dumps(masked, ensure_ascii=False)


def masked_values(content: Any, mask: Mask) -> Any:
    """The JSON value with each text in it masked; keys stay."""
    if isinstance(content, str):
        return mask(content)
    if isinstance(content, list):
        return [masked_values(item, mask) for item in content]
    if isinstance(content, dict):
        return {key: masked_values(value, mask) for key, value in content.items()}
    return content

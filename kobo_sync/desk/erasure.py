"""People's names taken out of what the desk keeps in words: findings, notes, reports of runs, mails, reasons of holds; snapshots go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk

Mask = Callable[[str], str]
# Table → (columns of its key, columns in words, columns of JSON).
_WRITTEN: tuple[tuple[sa.Table, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (schema.findings, ("item_id",), ("place", "message", "why", "hint", "enumerator"), ()),
    (schema.runs, ("run_id",), (), ("report", "progress")),
    (schema.notices, ("event",), ("subject", "body", "error"), ()),
    (schema.holds, ("form_id", "root_uuid"), ("reason",), ()),
)


def mask_texts(desk: Desk, mask: Mask, *, dry_run: bool = False) -> int:
    """Have *mask* look at everything in words; returns how many rows change.

    Digests of answers, which can be guessed, and figures go: the next checks make them anew.
    Raises: StoreError.
    """
    n = 0
    with desk.begin() as connection:
        for table, keys, texts, jsons in _WRITTEN:
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

"""What there is to tell of rows that could not be understood and are kept apart: which they are, and why."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import sqlalchemy as sa

from kobo_sync.rows.odd_rows import SET_ASIDE_CAUSE, SetAsideCause
from kobo_sync.store import schema

S, Q = schema.submissions, schema.quarantine
_is_identity = re.compile(r"[\w:.{}-]{1,80}", re.ASCII).fullmatch  # anything else may be an answer, or break a line


@dataclass(frozen=True)
class SetAsideRow:
    """A row that is kept apart.

    *name* is what the server calls it, or its instanceID, or its number where neither can be read. *is_held*: an earlier state of
    it is held live. *cause* is ``failing`` where the server itself cannot give it, ``doubled`` where it lists it twice as well.
    """

    name: str
    is_held: bool
    cause: SetAsideCause


def rows_set_aside(connection: sa.Connection, form_id: str) -> list[SetAsideRow]:
    """The rows of the form that are kept apart, in the order of their ids."""
    same = (S.c.form_id == Q.c.form_id) & (S.c.submission_id == Q.c.submission_id) & S.c.gone_at.is_(None)
    query = sa.select(Q.c.submission_id, Q.c.raw, sa.exists().where(same)).where(Q.c.form_id == form_id)
    rows = []
    for submission_id, raw, is_held in connection.execute(query.order_by(Q.c.submission_id)):
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            content = None
        keys = content if isinstance(content, dict) else {}
        names = (keys.get(key) for key in ("_server_key", "meta/instanceID", "_uuid"))
        name = next((name for name in names if isinstance(name, str) and _is_identity(name)), f"_id {submission_id}")
        cause = keys.get(SET_ASIDE_CAUSE)
        rows.append(SetAsideRow(name, bool(is_held), cause if cause in ("failing", "doubled") else ""))
    return rows

"""What a submission or the whole mirror looked like before: read from the revisions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from kobo_sync.model import Form
from kobo_sync.rows.listing import Page, parse_head
from kobo_sync.store import schema
from kobo_sync.store.database import Store
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.raw_pages import Place, RawPages

S, R, A = schema.submissions, schema.revisions, schema.attachments
BATCH = 500


@dataclass(frozen=True)
class Revision:
    """A state of a submission: *raw* is empty for a deletion."""

    form_id: str
    root_uuid: str
    number: int
    kind: str
    seen_at: datetime
    raw: bytes


def revisions_of(store: Store, submission: str) -> list[Revision]:
    """Every revision of the submission with this id or (root) uuid, oldest first; none when it is not held.

    An id that several forms use gives those of each.
    """
    uuid = submission.removeprefix("uuid:")
    which = S.c.root_uuid == uuid
    if submission.isdigit() and len(submission) < 19:
        which = S.c.submission_id == int(submission)
    elif not uuid:
        return []
    elif is_beginning(uuid.rstrip("…")):
        which = S.c.root_uuid.startswith(uuid.rstrip("…"), autoescape=True)
    with store.read() as connection:
        rows = connection.execute(sa.select(S).where(which).order_by(S.c.form_id)).all()
        if not rows and uuid:
            older = sa.select(R.c.root_uuid).where(R.c.uuid == uuid)
            by_uuid = (S.c.uuid == uuid) | S.c.root_uuid.in_(older)
            rows = connection.execute(sa.select(S).where(by_uuid).order_by(S.c.form_id)).all()
        bodies = RawPages(connection)
        return [revision for row in rows for revision in _revisions(connection, bodies, row)]


is_beginning = re.compile(r"[0-9a-f]{8}").fullmatch  # what people are shown of a uuid


def _revisions(connection: sa.Connection, bodies: RawPages, row: Any) -> Iterator[Revision]:
    if row.revision == 1:
        raw = bodies.row((row.body_id, row.body_at, row.body_n))
        yield Revision(row.form_id, row.root_uuid, 1, "new", row.first_seen_at, raw)
        return
    mine = (R.c.form_id == row.form_id) & (R.c.root_uuid == row.root_uuid)
    for each in connection.execute(sa.select(R).where(mine).order_by(R.c.revision)).all():
        raw = bodies.row((each.body_id, each.body_at, each.body_n)) if each.body_id is not None else b""
        yield Revision(row.form_id, row.root_uuid, each.revision, each.kind, each.seen_at, raw)


def store_as_of(store: Store, forms: Mapping[str, Form], moment: datetime) -> Store:
    """A mirror in memory that holds what *store* had seen by *moment*; the caller closes it.

    Files are those listed then whose bytes are here.
    """
    past = Store(Path(":memory:"))
    for form_id, form in forms.items():
        mirror = Mirror(past, form)
        mirror.prepare()
        with store.read() as connection:
            rows = _rows_as_of(connection, form_id, moment)
        for at in range(0, len(rows), BATCH):
            some = rows[at : at + BATCH]
            mirror.write_page(Page(len(some), tuple(some)), moment, advance=False)
    _lend_files(store, past)
    return past


def _rows_as_of(connection: sa.Connection, form_id: str, moment: datetime) -> list[tuple[int, bytes]]:
    """(submission_id, raw) of the rows that were live then, in order of id."""
    places: dict[str, Place | None] = {}
    alone = sa.select(S).where(S.c.form_id == form_id, S.c.revision == 1, S.c.first_seen_at <= moment)
    for row in connection.execute(alone):
        places[row.root_uuid] = (row.body_id, row.body_at, row.body_n)
    states = sa.select(R).where(R.c.form_id == form_id, R.c.seen_at <= moment).order_by(R.c.root_uuid, R.c.revision)
    for row in connection.execute(states):
        places[row.root_uuid] = (row.body_id, row.body_at, row.body_n) if row.body_id is not None else None
    bodies = RawPages(connection)
    raws = [bodies.row(place) for place in sorted(place for place in places.values() if place)]
    return sorted((parse_head(raw).submission_id, raw) for raw in raws)


def _lend_files(store: Store, past: Store) -> None:
    here = sa.select(A.c.form_id, A.c.root_uuid, A.c.attachment_uid, A.c.sha256).where(A.c.sha256.is_not(None))
    with store.read() as connection:
        files = [(row.sha256, row.form_id, row.root_uuid, row.attachment_uid) for row in connection.execute(here)]
    if files:
        with past.begin() as connection:
            key = ("form_id", "root_uuid", "attachment_uid")
            past.dialect.update_rows(connection, A.name, ("sha256",), key, files)

"""Answers taken out of the mirror for good: out of every state of every row, tombstones and odd rows included."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.rows.listing import SERVER_FIELDS
from kobo_sync.store import schema
from kobo_sync.store.database import Store
from kobo_sync.store.raw_pages import Place, RawPages, keep

S, R, B, Q, A = (schema.submissions, schema.revisions, schema.bodies, schema.quarantine, schema.attachments)
# What the server says of a row, and what tells its versions apart; all else is an answer.
SYSTEM = frozenset(
    "_id _uuid _attachments _status _submission_time _validation_status _submitted_by _xform_id_string formhub/uuid "
    "__version__ meta/instanceID meta/rootUuid meta/deprecatedID _date_modified start end today".split()
)
FREE = {"_geolocation": [None, None], "_notes": [], "_tags": []}  # what the server adds and may name somebody
TITLES = ("meta/instanceName", "_supplementalDetails")
ROWS_PER_BODY = 500
Judge = Callable[[str], bool]  # whether the answer to the question of this name goes
Mask = Callable[[str, str], str]  # what stands for an answer in words to the question of this name


def _as_it_is(_question: str, text: str) -> str:
    return text


@dataclass(frozen=True)
class Erased:
    """What a redaction touched: live and dead *rows*, *states* of rows, *answers*; *sha256* is over the rows before."""

    rows: int
    states: int
    answers: int
    sha256: str


def redact(store: Store, form_id: str, goes: Judge, mask: Mask = _as_it_is, *, dry_run: bool = False) -> Erased:
    """Take the answers of a form that *goes* names out of the rows as received, and *mask* what is in words, in one transaction.

    Rows keep their place, ids, times and status, so that a pull still proves its count and asks for none of them
    again. The flat tables must be derived anew afterwards, and the file vacuumed. Raises: StoreError.
    """
    with store.begin() as connection:
        places = _places(connection, form_id)
        bodies = RawPages(connection)
        new_places: dict[Place, Place] = {}
        digest, n_answers, n_states = hashlib.sha256(), 0, 0
        batch: list[tuple[Place, bytes]] = []
        for place in sorted(places):
            raw = bodies.row(place)
            clean, n = redacted(raw, goes, mask)
            digest.update(hashlib.sha256(raw).digest())
            n_answers, n_states = n_answers + n, n_states + bool(n)
            batch.append((place, clean))
            if len(batch) == ROWS_PER_BODY and not dry_run:
                new_places |= stored(connection, batch)
                batch = []
        if not dry_run:
            new_places |= stored(connection, batch)
            point(connection, form_id, new_places)
        n_odd, n_odd_answers = _odd_rows(connection, form_id, goes, mask, dry_run=dry_run)
        n_rows = int(connection.execute(sa.select(sa.func.count()).where(S.c.form_id == form_id)).scalar_one())
    return Erased(n_rows + n_odd, n_states + n_odd, n_answers + n_odd_answers, digest.hexdigest())


def raw_rows(store: Store, form_id: str) -> Iterator[bytes]:
    """Every state of every row of the form as received, those that could not be understood included."""
    with store.read() as connection:
        bodies = RawPages(connection)
        for place in sorted(_places(connection, form_id)):
            yield bodies.row(place)
        yield from connection.execute(sa.select(Q.c.raw).where(Q.c.form_id == form_id)).scalars().all()


def redacted(raw: bytes, goes: Judge, mask: Mask = _as_it_is) -> tuple[bytes, int]:
    """The row without the answers that *goes* names, at any depth, the others masked, and how many were touched."""
    row = json.loads(raw)
    n = _strip(row, goes, mask)
    for key in TITLES:
        n += row.pop(key, None) is not None
    for key, blank in FREE.items():
        if key in row and row[key] != blank and row[key]:
            row[key] = blank
            n += 1
    return (
        (json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"), n)
        if n
        else (raw, 0)
    )


def _strip(row: dict[str, Any], goes: Judge, mask: Mask) -> int:
    n = 0
    for key in [key for key in row if key not in SYSTEM and key not in SERVER_FIELDS]:  # a question may be called _nom
        value = row[key]
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            n += sum(_strip(item, goes, mask) for item in value)
        elif goes(key.rpartition("/")[2]):
            del row[key]
            n += 1
        elif isinstance(value, str) and (shown := mask(key.rpartition("/")[2], value)) != value:
            row[key] = shown
            n += 1
    return n


def _places(connection: sa.Connection, form_id: str) -> set[Place]:
    columns = (
        sa.select(T.c.body_id, T.c.body_at, T.c.body_n).where(T.c.form_id == form_id, T.c.body_id.is_not(None))
        for T in (S, R)
    )
    return {(body_id, at, n) for query in columns for body_id, at, n in connection.execute(query).all()}


def stored(connection: sa.Connection, batch: list[tuple[Place, bytes]]) -> dict[Place, Place]:
    """Keep the new content of places; returns where it lies now."""
    new = keep(connection, [raw for _, raw in batch])
    return dict(zip((place for place, _ in batch), new, strict=True))


_MOVED = "FROM moved WHERE moved.body_id = {0}.body_id AND moved.body_at = {0}.body_at"


def point(connection: sa.Connection, form_id: str, new_places: dict[Place, Place]) -> None:
    """Let rows and revisions say where their content lies now, and remove the bodies that nothing uses any more."""
    dialect = dialect_of(connection)
    names = ("body_id", "body_at", "new_id", "new_at", "new_n")
    columns = ", ".join(f"{name} {dialect.kinds['integer']}" for name in names)
    dialect.run(connection, f"CREATE TEMP TABLE moved ({columns}, PRIMARY KEY (body_id, body_at))")
    dialect.insert_rows(connection, "moved", names, [(*old[:2], *new) for old, new in new_places.items()])
    for table in ("submissions", "revisions"):
        here = _MOVED.format(table)
        change = (
            f"UPDATE {table} SET (body_id, body_at, body_n) = (SELECT new_id, new_at, new_n {here})"
            f" WHERE form_id = ? AND EXISTS (SELECT 1 {here})"
        )
        dialect.run(connection, change, (form_id,))
    dialect.run(connection, f"DROP TABLE {dialect.temporary}.moved")
    used = sa.union(sa.select(S.c.body_id), sa.select(R.c.body_id).where(R.c.body_id.is_not(None)))
    connection.execute(B.delete().where(B.c.body_id.not_in(used)))
    connection.execute(S.update().where(S.c.form_id == form_id).values(content_sha256=""))


def _odd_rows(connection: sa.Connection, form_id: str, goes: Judge, mask: Mask, *, dry_run: bool) -> tuple[int, int]:
    """Rows that could not be understood: what is JSON is stripped, the rest goes whole."""
    n_rows = n_answers = 0
    mine = sa.select(Q.c.submission_id, Q.c.raw, Q.c.reason).where(Q.c.form_id == form_id)
    for submission_id, raw, reason in connection.execute(mine).all():
        try:
            clean, n = redacted(raw, goes, mask)
        except (ValueError, AttributeError, RecursionError):
            clean, n = b"", int(bool(raw))
        n_rows, n_answers = n_rows + bool(n), n_answers + n
        if n and not dry_run:
            here = (Q.c.form_id == form_id) & (Q.c.submission_id == submission_id)
            connection.execute(Q.update().where(here).values(raw=clean, reason=mask("", reason)))
    return n_rows, n_answers


def files_of(store: Store) -> dict[str, int]:
    """SHA-256 → bytes of every file that is on disk for a submission, by the ledger."""
    query = sa.select(A.c.sha256, A.c.n_bytes).where(A.c.sha256.is_not(None))
    with store.read() as connection:
        return {sha256: int(n or 0) for sha256, n in connection.execute(query).all()}


def names_in(goes: Collection[str]) -> Judge:
    """A judge for the questions of these names."""
    return frozenset(goes).__contains__

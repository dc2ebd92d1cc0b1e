"""The submissions of one form as received: rows, tombstones, revisions, quarantine and cursor."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec
import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.model import Submission
from kobo_sync.rows.listing import HEAD_FIELDS, Head, Page, content_hash, parse_submission, same_files
from kobo_sync.store import raw_pages, schema
from kobo_sync.store.tables.flatten import Placed

S, R, C, Q = schema.submissions, schema.revisions, schema.cursors, schema.quarantine
BATCH = 500
OLDER_ROWS = 100  # so many older rows in a row end the search for recent ones: one alone may be backdated

_IDENTITY = ("form_id", "root_uuid")
_HEAD = tuple(name for name in HEAD_FIELDS if name not in _IDENTITY)
_BODY = ("body_id", "body_at", "body_n")
_STATE = (*_HEAD, "raw_sha256", *_BODY, "revision", "changed_at")
_head_state = attrgetter(*_HEAD)
_INSERTED = (*_IDENTITY, *_STATE, "first_seen_at")
_UPDATED = (*_STATE, "content_sha256", "missed_at", "gone_at")
_TOUCHED = ("raw_sha256", "submission_id", "server_key", "signature", *_BODY, "missed_at")
_REVISION = (*_IDENTITY, "revision", "kind", "seen_at", "uuid", *_BODY)


@dataclass
class Tally:
    """What a pull did to one form: counts by kind, and what it met on the way."""

    counts: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)
    misfits: set[str] = field(default_factory=set)
    conflicts: set[str] = field(default_factory=set)
    altered: set[str] = field(default_factory=set)


class Row(msgspec.Struct, gc=False):
    """A row that differs from what is held; *submission* is all of it, decoded, where tables are to follow."""

    head: Head
    raw: bytes
    digest: bytes
    submission: Submission | Placed | None = None


@dataclass(frozen=True)
class Cursor:
    """How far a form was read; see `schema.cursors`."""

    last_id: int
    asset_uid: str
    server: str
    owner: str
    rights: str
    server_n: int | None
    doubles: int
    n_live: int
    modified: str
    read_at: datetime | None
    pulled_at: datetime | None
    reconciled_at: datetime | None


NO_CURSOR = Cursor(-1, "", "", "", "", None, 0, 0, "", None, None, None)


class SubmissionTable:
    """The rows of *form_id*; every method works within the caller's transaction."""

    def __init__(self, form_id: str, tally: Tally) -> None:
        self.form_id, self.tally = form_id, tally

    # ── rows ──

    def changed(
        self, connection: sa.Connection, page: Page, *, in_order: bool
    ) -> tuple[list[tuple[int, bytes, bytes]], bool]:
        """The rows whose bytes differ from what is held, with their SHA-256; and whether any has an id that is held.

        *in_order*: the page is a stretch of the listing, rather than rows picked by id.
        """
        ids = [submission_id for submission_id, _ in page.rows if submission_id >= 0] or [-1]
        dialect = dialect_of(connection)
        among: tuple[str, Sequence[Any]] = ("submission_id BETWEEN ? AND ?", (min(ids), max(ids)))
        if not in_order:
            condition, listed = dialect.among("submission_id", ids)
            among = (condition, (listed,))
        query = (
            f"SELECT submission_id, raw_sha256 FROM submissions WHERE form_id = ? AND {among[0]}"
            " AND gone_at IS NULL AND missed_at IS NULL"
        )
        stored: dict[int, bytes] = dict(dialect.rows(connection, query, (self.form_id, *among[1])))
        if len(stored) == len(page.rows) and list(map(stored.get, ids)) == page.digests:
            return [], False
        hashed = zip(page.rows, page.digests, strict=True)
        changed = [(*row, digest) for row, digest in hashed if stored.get(row[0]) != digest]
        return changed, bool(stored) and any(item[0] in stored for item in changed)

    def write(
        self, connection: sa.Connection, rows: Sequence[Row], page: Page, now: datetime, *, force: bool, unseen: bool
    ) -> tuple[list[Row], list[str]]:
        """Store rows; returns those that the tables must follow, and the root uuids among them held before.

        Of two rows with one root uuid (a phantom that a failed request left behind) the higher id lives;
        *force* stores a row although a higher id is held: a complete scan has seen that the other is gone.
        *unseen*: none of them is held, without a look.
        """
        newest = {row.head.root_uuid: row for row in rows}
        if len(newest) < len(rows):
            newest = {row.head.root_uuid: row for row in sorted(rows, key=lambda row: row.head.submission_id)}
            self.tally.counts["doubles"] += len(rows) - len(newest)
        if unseen:
            self._append(connection, list(newest.values()), page, now)
            return list(newest.values()), []
        stored = self._stored_rows(connection, list(newest))
        old = raw_pages.RawPages(connection)
        fresh: list[tuple[Row, str, Any]] = []
        same: list[tuple[Row, Any]] = []
        for root_uuid, row in newest.items():
            before = stored.get(root_uuid)
            if before and not before.gone_at and before.submission_id > row.head.submission_id and not force:
                self.tally.counts["doubles"] += 1
                continue
            kind = self._kind(old, before, row)
            self.tally.counts[kind] += 1
            if kind == "unchanged":
                same.append((row, before))
            else:
                fresh.append((row, kind, before))
        self._store(connection, fresh, page, now)
        self._touch(connection, same, page)
        written = [row for row, _, _ in fresh] + [row for row, _ in same]
        return written, [row.head.root_uuid for row in written if row.head.root_uuid in stored]

    def _stored_rows(self, connection: sa.Connection, root_uuids: list[str]) -> dict[str, Any]:
        dialect = dialect_of(connection)
        condition, listed = dialect.among("root_uuid", root_uuids)
        query = f"SELECT * FROM submissions WHERE form_id = ? AND {condition}"
        rows = dialect.run(connection, query, (self.form_id, listed))
        return {row.root_uuid: row for row in rows}

    def append(
        self,
        connection: sa.Connection,
        heads: Sequence[Sequence[Any]],
        digests: Sequence[bytes],
        page: Page,
        now: datetime,
    ) -> None:
        """Store all the rows of *page*, none of which is held; *heads* are columns, see `typed.Columns`."""
        places = raw_pages.keep(connection, [raw for _, raw in page.rows], page.body, page.packed)
        n = len(page.rows)
        stamps = [_text(now)] * n
        columns: dict[str, Sequence[Any]] = {
            "form_id": [self.form_id] * n,
            **dict(zip(HEAD_FIELDS, heads, strict=True)),
            "raw_sha256": list(map(bytearray, digests)),
            **dict(zip(_BODY, zip(*places, strict=True), strict=True)),
            "revision": [1] * n,
            "changed_at": stamps,
            "first_seen_at": stamps,
        }
        dialect = dialect_of(connection)
        dialect.insert(connection, dialect.inserts_of(S.name, _INSERTED, [columns[name] for name in _INSERTED]))
        self.tally.counts["new"] += n
        self._count(connection, n)

    def _append(self, connection: sa.Connection, rows: Sequence[Row], page: Page, now: datetime) -> None:
        """Store rows that were not held."""
        places = raw_pages.keep(connection, [row.raw for row in rows], page.body, page.packed)
        stamp = _text(now)
        added = [
            (self.form_id, row.head.root_uuid, *_state(row, place, 1, stamp), stamp)
            for row, place in zip(rows, places, strict=True)
        ]
        dialect_of(connection).insert_rows(connection, S.name, _INSERTED, added)
        self.tally.counts["new"] += len(rows)
        self._count(connection, len(rows))

    def _store(
        self, connection: sa.Connection, fresh: Sequence[tuple[Row, str, Any]], page: Page, now: datetime
    ) -> None:
        new = [row for row, kind, _ in fresh if kind == "new"]
        self.tally.counts["new"] -= len(new)
        self._append(connection, new, page, now)
        old = [item for item in fresh if item[1] != "new"]
        if not old:
            return
        places = raw_pages.keep(connection, [row.raw for row, _, _ in old], page.body, page.packed)
        stamp = _text(now)
        updated, revisions = [], []
        for (row, kind, before), place in zip(old, places, strict=True):
            revision = before.revision + 1
            updated.append((*_state(row, place, revision, stamp), "", None, None, before.row_id))
            if before.revision == 1:
                revisions.append(self._first_revision(before))
            revisions.append((self.form_id, row.head.root_uuid, revision, kind, stamp, row.head.uuid, *place))
        dialect = dialect_of(connection)
        dialect.update_rows(connection, S.name, _UPDATED, ("row_id",), updated)
        dialect.insert_rows(connection, R.name, _REVISION, revisions)
        self._count(connection, sum(kind == "restored" for _, kind, _ in old))

    def _first_revision(self, row: Any) -> tuple[Any, ...]:
        """Told only once a submission changes: until then its row says the same."""
        place = (row.body_id, row.body_at, row.body_n)
        return (self.form_id, row.root_uuid, 1, "new", row.first_seen_at, row.uuid, *place)

    def _kind(self, old: raw_pages.RawPages, before: Any, row: Row) -> str:
        head = row.head
        if before is None:
            return "new"
        if before.gone_at is not None:
            return "restored"
        if before.uuid != head.uuid:
            return "edited"
        if before.validation != head.validation or before.validated_at != head.validated_at:
            return "validated"
        if not same_files(before.signature, head.signature):
            return "files"
        # Answers that change under one uuid: no server should do that; kept as an edit.
        raw = old.row((before.body_id, before.body_at, before.body_n))
        same = raw == row.raw or self._content(raw) == self._content(row.raw)
        return "unchanged" if same else "edited"

    def _content(self, raw: bytes) -> str:
        return content_hash(parse_submission(raw, self.form_id))

    def _touch(self, connection: sa.Connection, same: Sequence[tuple[Row, Any]], page: Page) -> None:
        """Rows that say the same in other bytes: kept anew (another id, other addresses) unless only key order differs."""
        if not same:
            return
        bodies = raw_pages.RawPages(connection)
        are_other = [
            not _equal_json(bodies.row((before.body_id, before.body_at, before.body_n)), row.raw)
            for row, before in same
        ]
        raws = [row.raw for (row, _), is_moved in zip(same, are_other, strict=True) if is_moved]
        places = iter(raw_pages.keep(connection, raws, page.body, page.packed))
        values = []
        for (row, before), is_moved in zip(same, are_other, strict=True):
            place = next(places) if is_moved else (before.body_id, before.body_at, before.body_n)
            values.append(
                (
                    row.digest,
                    row.head.submission_id,
                    row.head.server_key,
                    row.head.signature,
                    *place,
                    None,
                    self.form_id,
                    row.head.root_uuid,
                )
            )
        dialect_of(connection).update_rows(connection, S.name, _TOUCHED, _IDENTITY, values)

    def bury(self, connection: sa.Connection, root_uuids: Sequence[str], now: datetime) -> None:
        """Turn live rows into tombstones: content and revisions stay."""
        revisions = []
        for root_uuid, row in sorted(self._stored_rows(connection, list(root_uuids)).items()):
            if row.gone_at:
                continue
            mine = (S.c.form_id == self.form_id) & (S.c.root_uuid == root_uuid)
            connection.execute(
                S.update().where(mine).values(gone_at=now, missed_at=None, changed_at=now, revision=row.revision + 1)
            )
            if row.revision == 1:
                revisions.append(self._first_revision(row))
            revisions.append(
                (self.form_id, root_uuid, row.revision + 1, "deleted", _text(now), row.uuid, None, None, None)
            )
            self.tally.counts["deleted"] += 1
            self._count(connection, -1)
        dialect_of(connection).insert_rows(connection, R.name, _REVISION, revisions)

    def miss(self, connection: sa.Connection, root_uuids: Sequence[str], now: datetime) -> None:
        """Remember that a complete scan lacked these rows, though they are not proved gone."""
        dialect = dialect_of(connection)
        condition, listed = dialect.among("root_uuid", root_uuids)
        change = f"UPDATE submissions SET missed_at = ? WHERE form_id = ? AND {condition} AND missed_at IS NULL"
        dialect.run(connection, change, (_text(now), self.form_id, listed))

    # ── quarantine ──

    def set_aside(self, connection: sa.Connection, submission_id: int, raw: bytes, reason: str, now: datetime) -> None:
        """Keep a row that cannot be understood apart."""
        self.let_in(connection, [submission_id])
        connection.execute(
            Q.insert().values(form_id=self.form_id, submission_id=submission_id, raw=raw, reason=reason, seen_at=now)
        )

    def let_in(self, connection: sa.Connection, submission_ids: Sequence[int]) -> None:
        """Forget that these rows were set aside."""
        if connection.execute(sa.select(Q.c.submission_id).where(Q.c.form_id == self.form_id).limit(1)).first():
            for at in range(0, len(submission_ids), BATCH):
                some = submission_ids[at : at + BATCH]
                connection.execute(Q.delete().where(Q.c.form_id == self.form_id, Q.c.submission_id.in_(some)))

    # ── cursor ──

    def cursor(self, connection: sa.Connection) -> Cursor | None:
        """How far the form was read; None before the first page."""
        row = connection.execute(sa.select(C).where(C.c.form_id == self.form_id)).mappings().first()
        return Cursor(**{key: value for key, value in row.items() if key != "form_id"}) if row else None

    def put_cursor(self, connection: sa.Connection, values: Mapping[str, Any]) -> None:
        """Change what the cursor says."""
        mine = C.c.form_id == self.form_id
        if not connection.execute(C.update().where(mine).values(**values)).rowcount:
            connection.execute(C.insert().values(form_id=self.form_id, **{"last_id": -1, **values}))

    def advance(self, connection: sa.Connection, last_id: int) -> None:
        """Move the cursor to *last_id*, never back."""
        self._move(connection, "last_id = CASE WHEN last_id < ? THEN ? ELSE last_id END", last_id, last_id)

    def _count(self, connection: sa.Connection, more: int) -> None:
        """Keep the number of live rows beside the cursor, so that asking it costs nothing."""
        if more:
            self._move(connection, "n_live = n_live + ?", more)

    def _move(self, connection: sa.Connection, how: str, *values: int) -> None:
        change, run = f"UPDATE cursors SET {how} WHERE form_id = ?", dialect_of(connection).run
        if not run(connection, change, (*values, self.form_id)).rowcount:
            self.put_cursor(connection, {"last_id": -1})
            run(connection, change, (*values, self.form_id))

    def low_water(self, connection: sa.Connection, overlap: timedelta) -> int:
        """The id to read above: rows that the last reading may have missed lie above it.

        An id is drawn before its row is listed, so rows may appear below the highest id seen. Those that
        arrived since shortly before the last reading began are read again.
        """
        cursor = self.cursor(connection)
        if cursor is None or cursor.last_id < 0:
            return -1
        if cursor.read_at is None:
            return cursor.last_id
        since = _text(cursor.read_at - overlap)
        lowest, older = cursor.last_id, 0
        for submission_id, submitted_at in self._downward(connection, cursor.last_id):
            if submitted_at >= since:
                lowest, older = submission_id - 1, 0
            else:
                older += 1
                if older > OLDER_ROWS:
                    break
        return lowest

    def _downward(self, connection: sa.Connection, last_id: int) -> Iterator[tuple[int, str]]:
        query = (
            "SELECT submission_id, submitted_at FROM submissions WHERE form_id = ? AND submission_id <= ?"
            " ORDER BY submission_id DESC"
        )
        for rows in dialect_of(connection).batches(connection, query, (self.form_id, last_id)):
            yield from map(tuple, rows)

    def keys_of(self, connection: sa.Connection, root_uuids: list[str]) -> dict[str, str]:
        """root_uuid → what the server calls it, of those among *root_uuids* that are held and live."""
        stored = self._stored_rows(connection, root_uuids)
        return {root: str(row.server_key) for root, row in stored.items() if row.gone_at is None}

    def recount_live(self, connection: sa.Connection) -> int:
        """How many live rows are held, counted one by one; the cursor is set right with it."""
        query = sa.select(sa.func.count()).select_from(S).where(S.c.form_id == self.form_id, S.c.gone_at.is_(None))
        n_live = int(connection.execute(query).scalar() or 0)
        self.put_cursor(connection, {"n_live": n_live})
        return n_live

    def n_set_aside(self, connection: sa.Connection, *, held_too: bool = True) -> int:
        """How many rows are in quarantine; without *held_too* those alone of which no earlier state is held live."""
        query = sa.select(sa.func.count()).select_from(Q).where(Q.c.form_id == self.form_id)
        if not held_too:
            same = (S.c.form_id == Q.c.form_id) & (S.c.submission_id == Q.c.submission_id) & S.c.gone_at.is_(None)
            query = query.where(~sa.exists().where(same))
        return int(connection.execute(query).scalar() or 0)


def _equal_json(left: bytes, right: bytes) -> bool:
    return left == right or bool(json.loads(left) == json.loads(right))


def _text(moment: datetime) -> str:
    return schema.Utc().process_bind_param(moment, None) or ""  # type: ignore[arg-type]


def _state(row: Row, place: raw_pages.Place, revision: int, stamp: str) -> tuple[Any, ...]:
    """The values of `_STATE`."""
    return (*_head_state(row.head), row.digest, *place, revision, stamp)

"""What a pull writes: rows, revisions, flat rows, files and cursor of a page, all in one transaction."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kobo_sync.errors import KoboUnexpected
from kobo_sync.kobo import protocol
from kobo_sync.model import Form, Submission
from kobo_sync.store import schema
from kobo_sync.store.database import Store
from kobo_sync.store.rows import flat_tables, flatten

S, A, R, C = schema.submissions, schema.attachments, schema.revisions, schema.cursors
BATCH = 500


@dataclass
class Tally:
    """What a pull did to one form: counts by kind, and what it met on the way."""

    counts: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)
    misfits: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Held:
    """What the mirror knows of a row before it is written again."""

    submission_id: int
    uuid: str
    signature: str
    validation: str
    content_sha256: str
    revision: int
    is_gone: bool
    first_seen_at: datetime


@dataclass(frozen=True)
class WantedFile:
    """An attachment whose bytes are not here yet."""

    root_uuid: str
    attachment_uid: str
    filename: str
    url: str


@dataclass(frozen=True)
class Comparison:
    """A complete light scan held against the mirror.

    *wanted* are ids to fetch (new or changed); *absent* maps the root_uuid of live rows that the scan
    lacks to their id; *n_rows* counts the scan's rows, *n_distinct* its submissions (doubles once).
    """

    wanted: tuple[int, ...]
    absent: Mapping[str, int]
    n_rows: int
    n_distinct: int


class Mirror:
    """The rows of one form in the store; *form* gives the flat tables."""

    def __init__(self, store: Store, form: Form, tally: Tally | None = None) -> None:
        self.store, self.form = store, form
        self.tables = flat_tables(form)
        self.tally = tally or Tally()
        self._flat = {table.name: store.flat(table) for table in self.tables}

    # ── layout ──

    def prepare(self) -> bool:
        """Bring the flat tables to the form's layout; derives them anew from raw when the form changed.

        Returns: whether they were derived anew.
        """
        layouts = schema.flat_layouts
        with self.store.begin() as connection:
            query = sa.select(layouts.c.form_sha256).where(layouts.c.form_id == self.form.form_id)
            known = connection.execute(query).scalar()
            if known == self.form.sha256:
                return False
            self.store.ensure_flat(connection, self.tables)
            if known is not None:
                self._rebuild(connection)
            connection.execute(layouts.delete().where(layouts.c.form_id == self.form.form_id))
            connection.execute(layouts.insert().values(form_id=self.form.form_id, form_sha256=self.form.sha256))
            return known is not None

    def rebuild(self) -> None:
        """Derive the flat tables again from raw JSON alone."""
        with self.store.begin() as connection:
            self.store.ensure_flat(connection, self.tables)
            self._rebuild(connection)

    def _rebuild(self, connection: sa.Connection) -> None:
        for table in self._flat.values():
            connection.execute(table.delete())
        live = sa.select(S.c.raw).where(S.c.form_id == self.form.form_id, S.c.gone_at.is_(None))
        for some in connection.execute(live.order_by(S.c.submission_id)).partitions(BATCH):
            self._write_flat(connection, [protocol.parse_submission(row.raw, self.form.form_id) for row in some])

    # ── pages ──

    def low_water(self, since: datetime) -> int:
        """The id to read above: all rows that were first seen before *since* lie at or below it."""
        form_id = self.form.form_id
        with self.store.begin() as connection:
            last = connection.execute(sa.select(C.c.last_id).where(C.c.form_id == form_id)).scalar()
            if last is None:
                return -1
            recent = sa.select(sa.func.min(S.c.submission_id)).where(S.c.form_id == form_id, S.c.first_seen_at >= since)
            first_recent = connection.execute(recent).scalar()
            return min(last, first_recent - 1) if first_recent is not None else int(last)

    def write_page(self, rows: Sequence[tuple[int, bytes]], now: datetime, *, advance: bool) -> None:
        """Store a page's rows, and with *advance* the cursor behind them: together or not at all."""
        if not rows:
            return
        with self.store.begin() as connection:
            changed = self._changed(connection, rows)
            self.tally.counts["unchanged"] += len(rows) - len(changed)
            if changed:
                self._write_changed(connection, changed, now)
            if advance:
                self._advance(connection, max(submission_id for submission_id, _ in rows))

    def _changed(self, connection: sa.Connection, rows: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes, bytes]]:
        """The rows whose bytes differ from what is held, with their SHA-256."""
        ids = [submission_id for submission_id, _ in rows]
        query = sa.select(S.c.submission_id, S.c.raw_sha256).where(
            S.c.form_id == self.form.form_id,
            S.c.submission_id.between(min(ids), max(ids)),
            S.c.gone_at.is_(None),
            S.c.missed_at.is_(None),
        )
        held = {row.submission_id: row.raw_sha256 for row in connection.execute(query)}
        hashed = ((submission_id, raw, hashlib.sha256(raw).digest()) for submission_id, raw in rows)
        return [item for item in hashed if held.get(item[0]) != item[2]]

    def _write_changed(self, connection: sa.Connection, changed: list[tuple[int, bytes, bytes]], now: datetime) -> None:
        parsed: dict[str, tuple[Submission, bytes, bytes]] = {}
        for submission_id, raw, digest in changed:
            try:
                submission = protocol.parse_submission(raw, self.form.form_id)
            except KoboUnexpected as error:
                self._set_aside(connection, submission_id, raw, error.message, now)
                continue
            # Two rows with one root uuid: a phantom that a failed request left behind; the higher id lives.
            other = parsed.get(submission.root_uuid)
            if other is None or other[0].submission_id < submission.submission_id:
                parsed[submission.root_uuid] = (submission, raw, digest)
        held = self._held(connection, list(parsed))
        written = []
        for root_uuid, (submission, raw, digest) in parsed.items():
            before = held.get(root_uuid)
            if before and not before.is_gone and before.submission_id > submission.submission_id:
                self.tally.counts["doubles"] += 1
                continue
            self._write_row(connection, submission, raw, digest, before, now)
            written.append(submission)
        self._write_flat(connection, written)
        self._write_files(connection, written)

    def _held(self, connection: sa.Connection, root_uuids: list[str]) -> dict[str, Held]:
        held = {}
        for at in range(0, len(root_uuids), BATCH):
            query = sa.select(S).where(S.c.form_id == self.form.form_id, S.c.root_uuid.in_(root_uuids[at : at + BATCH]))
            for row in connection.execute(query):
                held[row.root_uuid] = Held(
                    row.submission_id,
                    row.uuid,
                    row.signature,
                    row.validation,
                    row.content_sha256,
                    row.revision,
                    row.gone_at is not None,
                    row.first_seen_at,
                )
        return held

    def _write_row(
        self,
        connection: sa.Connection,
        submission: Submission,
        raw: bytes,
        digest: bytes,
        before: Held | None,
        now: datetime,
    ) -> None:
        signature = protocol.signature_of(submission, raw)
        content = protocol.content_hash(submission)
        kind = _kind(before, submission, signature, content)
        self.tally.counts[kind] += 1
        revision = (before.revision if before else 0) + (kind != "unchanged")
        key = (S.c.form_id == self.form.form_id) & (S.c.root_uuid == submission.root_uuid)
        connection.execute(S.delete().where(key))
        connection.execute(
            S.insert().values(
                form_id=self.form.form_id,
                root_uuid=submission.root_uuid,
                submission_id=submission.submission_id,
                uuid=submission.uuid,
                submitted_at=submission.submitted_at,
                submitted_by=submission.submitted_by,
                form_version=submission.form_version,
                validation=submission.validation,
                validated_at=submission.validated_at,
                signature=signature,
                raw_sha256=digest,
                content_sha256=content,
                raw=raw,
                revision=revision,
                first_seen_at=before.first_seen_at if before else now,
                changed_at=now,
            )
        )
        if kind != "unchanged":
            connection.execute(
                R.insert().values(
                    form_id=self.form.form_id,
                    root_uuid=submission.root_uuid,
                    revision=revision,
                    kind=kind,
                    seen_at=now,
                    uuid=submission.uuid,
                    raw=raw,
                )
            )

    def _set_aside(self, connection: sa.Connection, submission_id: int, raw: bytes, reason: str, now: datetime) -> None:
        q = schema.quarantine
        connection.execute(q.delete().where(q.c.form_id == self.form.form_id, q.c.submission_id == submission_id))
        connection.execute(
            q.insert().values(
                form_id=self.form.form_id, submission_id=submission_id, raw=raw, reason=reason, seen_at=now
            )
        )
        self.tally.counts["quarantined"] += 1

    def _write_flat(self, connection: sa.Connection, submissions: Sequence[Submission]) -> None:
        flattened = [flatten(submission, self.tables) for submission in submissions]
        roots = [submission.root_uuid for submission in submissions]
        for name, table in self._flat.items():
            self._clear(connection, table, roots)
            rows = [row for item in flattened for row in item.rows[name]]
            if rows:
                connection.execute(table.insert(), rows)
        for item in flattened:
            self.tally.unknown |= item.unknown
            self.tally.misfits |= item.misfits

    @staticmethod
    def _clear(connection: sa.Connection, table: sa.Table, root_uuids: Sequence[str]) -> None:
        for at in range(0, len(root_uuids), BATCH):
            connection.execute(table.delete().where(table.c.root_uuid.in_(root_uuids[at : at + BATCH])))

    def _write_files(self, connection: sa.Connection, submissions: Sequence[Submission]) -> None:
        """Bring the ledger to what the rows list now; bytes that are here stay, whatever the server did."""
        for submission in submissions:
            mine = (A.c.form_id == self.form.form_id) & (A.c.root_uuid == submission.root_uuid)
            known = set(connection.execute(sa.select(A.c.attachment_uid).where(mine)).scalars())
            if not known and not submission.attachments:
                continue
            connection.execute(A.update().where(mine).values(is_current=False))
            for item in submission.attachments:
                values: dict[str, Any] = {
                    "filename": item.filename,
                    "question_path": item.question_path,
                    "mimetype": item.mimetype,
                    "url": item.url,
                    "is_deleted": item.is_deleted,
                    "is_current": True,
                }
                if item.attachment_uid in known:
                    connection.execute(
                        A.update().where(mine, A.c.attachment_uid == item.attachment_uid).values(**values)
                    )
                else:
                    connection.execute(
                        A.insert().values(
                            form_id=self.form.form_id,
                            root_uuid=submission.root_uuid,
                            attachment_uid=item.attachment_uid,
                            **values,
                        )
                    )

    def _advance(self, connection: sa.Connection, last_id: int) -> None:
        mine = C.c.form_id == self.form.form_id
        held = connection.execute(sa.select(C.c.last_id).where(mine)).scalar()
        if held is None:
            connection.execute(C.insert().values(form_id=self.form.form_id, last_id=last_id))
        elif last_id > held:
            connection.execute(C.update().where(mine).values(last_id=last_id))

    # ── reconcile ──

    def compare(self, pages: Iterable[Sequence[protocol.LightRow]]) -> Comparison:
        """Hold a complete light scan against the mirror, in the database."""
        seen = sa.Table(
            "seen",
            sa.MetaData(),
            sa.Column("root_uuid", sa.String),
            sa.Column("submission_id", sa.BigInteger),
            sa.Column("signature", sa.String),
            prefixes=["TEMPORARY"],
        )
        with self.store.begin() as connection:
            connection.execute(sa.text("DROP TABLE IF EXISTS temp.seen"))
            seen.create(connection)
            scanned = 0
            for page in pages:
                scanned += len(page)
                connection.execute(
                    seen.insert(),
                    [
                        {"root_uuid": r.root_uuid, "submission_id": r.submission_id, "signature": r.signature}
                        for r in page
                    ],
                )
            connection.execute(sa.text("CREATE INDEX temp.seen_by_root ON seen (root_uuid)"))
            live = (S.c.form_id == self.form.form_id) & S.c.gone_at.is_(None)
            joined = seen.outerjoin(S, (S.c.root_uuid == seen.c.root_uuid) & live)
            stale = (S.c.signature != seen.c.signature) & (S.c.submission_id <= seen.c.submission_id)
            differs = S.c.root_uuid.is_(None) | stale | S.c.missed_at.is_not(None)
            wanted = connection.execute(
                sa.select(seen.c.submission_id).select_from(joined).where(differs).order_by(seen.c.submission_id)
            )
            ids = list(wanted.scalars())
            lost = S.outerjoin(seen, S.c.root_uuid == seen.c.root_uuid)
            query = (
                sa.select(S.c.root_uuid, S.c.submission_id).select_from(lost).where(live, seen.c.root_uuid.is_(None))
            )
            gone = {row.root_uuid: row.submission_id for row in connection.execute(query)}
            distinct = connection.execute(sa.select(sa.func.count(seen.c.root_uuid.distinct()))).scalar_one()
            seen.drop(connection)
        return Comparison(tuple(ids), gone, scanned, distinct)

    def bury(self, root_uuids: Sequence[str], now: datetime) -> None:
        """Turn live rows into tombstones: content and revisions stay, flat rows go."""
        with self.store.begin() as connection:
            for root_uuid in root_uuids:
                mine = (S.c.form_id == self.form.form_id) & (S.c.root_uuid == root_uuid)
                row = connection.execute(sa.select(S.c.revision, S.c.uuid).where(mine, S.c.gone_at.is_(None))).first()
                if row is None:
                    continue
                connection.execute(
                    S.update()
                    .where(mine)
                    .values(gone_at=now, missed_at=None, changed_at=now, revision=row.revision + 1)
                )
                connection.execute(
                    R.insert().values(
                        form_id=self.form.form_id,
                        root_uuid=root_uuid,
                        revision=row.revision + 1,
                        kind="deleted",
                        seen_at=now,
                        uuid=row.uuid,
                        raw=None,
                    )
                )
                self.tally.counts["deleted"] += 1
            for table in self._flat.values():
                self._clear(connection, table, root_uuids)

    def n_live(self) -> int:
        """How many live rows are held."""
        query = sa.select(sa.func.count()).select_from(S).where(S.c.form_id == self.form.form_id, S.c.gone_at.is_(None))
        with self.store.begin() as connection:
            return int(connection.execute(query).scalar() or 0)

    def finish(self, server_n: int, now: datetime, *, reconciled: bool) -> None:
        """Record that a pull of this form ended: what the server counts, and when."""
        values: dict[str, Any] = {"server_n": server_n, "pulled_at": now}
        if reconciled:
            values["reconciled_at"] = now
        mine = C.c.form_id == self.form.form_id
        with self.store.begin() as connection:
            if not connection.execute(C.update().where(mine).values(**values)).rowcount:
                connection.execute(C.insert().values(form_id=self.form.form_id, last_id=-1, **values))

    # ── files ──

    def wanted_files(self) -> list[WantedFile]:
        """The current attachments of live rows whose bytes are not here, in a stable order."""
        joined = A.join(S, (A.c.form_id == S.c.form_id) & (A.c.root_uuid == S.c.root_uuid))
        query = (
            sa.select(A.c.root_uuid, A.c.attachment_uid, A.c.filename, A.c.url)
            .select_from(joined)
            .where(
                A.c.form_id == self.form.form_id,
                A.c.is_current,
                ~A.c.is_deleted,
                A.c.sha256.is_(None),
                S.c.gone_at.is_(None),
            )
            .order_by(S.c.submission_id, A.c.attachment_uid)
        )
        with self.store.begin() as connection:
            return [WantedFile(*row) for row in connection.execute(query)]

    def file_here(self, wanted: WantedFile, sha256: str, n_bytes: int, now: datetime) -> None:
        """Record that the bytes are on disk."""
        self._update_file(wanted, {"sha256": sha256, "n_bytes": n_bytes, "stored_at": now, "error": None})

    def file_missing(self, wanted: WantedFile, reason: str) -> None:
        """Record why the bytes could not be had; the next run asks again."""
        self._update_file(wanted, {"error": reason})

    def _update_file(self, wanted: WantedFile, values: Mapping[str, Any]) -> None:
        mine = (
            (A.c.form_id == self.form.form_id)
            & (A.c.root_uuid == wanted.root_uuid)
            & (A.c.attachment_uid == wanted.attachment_uid)
        )
        with self.store.begin() as connection:
            connection.execute(A.update().where(mine).values(**values))


def _kind(before: Held | None, submission: Submission, signature: str, content: str) -> str:
    if before is None:
        return "new"
    if before.is_gone:
        return "restored"
    if before.uuid != submission.uuid:
        return "edited"
    if before.validation != submission.validation:
        return "validated"
    if before.signature != signature or before.content_sha256 != content:
        return "files" if before.validation == submission.validation else "validated"
    return "unchanged"

"""The ledger of attachments: what the rows list, and which bytes are here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.model import Attachment
from kobo_sync.store import schema
from kobo_sync.store.database import Store
from kobo_sync.store.tables.derive import FILE_COLUMNS, FILE_TABLE

A, S = schema.attachments, schema.submissions
BATCH = 500
ERASED = "erased files"
_KEY, _DESCRIPTION = FILE_COLUMNS[:3], FILE_COLUMNS[3:]


@dataclass(frozen=True)
class WantedFile:
    """An attachment whose bytes are not here yet."""

    root_uuid: str
    attachment_uid: str
    filename: str
    mimetype: str
    url: str


def list_files(
    connection: sa.Connection,
    form_id: str,
    listed: Iterable[tuple[str, Sequence[Attachment]]],
    stale: Sequence[str],
) -> None:
    """Bring the ledger to what rows list now, by root uuid; bytes that are here stay, whatever the server did.

    *stale* are the root uuids that were held before.
    """
    listed_before: set[tuple[str, str]] = set()
    for at in range(0, len(stale), BATCH):
        mine = (A.c.form_id == form_id) & A.c.root_uuid.in_(stale[at : at + BATCH])
        listed_before |= set(map(tuple, connection.execute(sa.select(A.c.root_uuid, A.c.attachment_uid).where(mine))))
        if listed_before:
            connection.execute(A.update().where(mine).values(is_current=False))
    fresh, changed = [], []
    for root_uuid, files in listed:
        for item in files if len(files) < 2 else {item.attachment_uid: item for item in files}.values():
            uid = item.attachment_uid
            description = (item.filename, item.question_path, item.mimetype, item.url, item.is_deleted, True)
            if (root_uuid, uid) in listed_before:
                changed.append((*description, form_id, root_uuid, uid))
            else:
                fresh.append((form_id, root_uuid, uid, *description))
    dialect = dialect_of(connection)
    dialect.insert_rows(connection, FILE_TABLE, FILE_COLUMNS, fresh)
    dialect.update_rows(connection, FILE_TABLE, _DESCRIPTION, _KEY, changed)


def n_wanted(store: Store, form_id: str) -> int:
    """How many current attachments of live rows have no bytes here."""
    with store.read() as connection:
        return int(connection.execute(_missing(form_id, sa.func.count())).scalar_one())


def wanted_files(store: Store, form_id: str) -> Iterator[WantedFile]:
    """The current attachments of live rows whose bytes are not here, in the order in which they were listed.

    They are read some at a time: what is recorded of one meanwhile changes nothing for those that follow.
    """
    columns = (A.c.row_id, A.c.root_uuid, A.c.attachment_uid, A.c.filename, A.c.mimetype, A.c.url)
    last = 0
    while True:
        query = _missing(form_id, *columns).where(A.c.row_id > last).order_by(A.c.row_id).limit(BATCH)
        with store.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        last = rows[-1].row_id
        yield from (WantedFile(*row[1:]) for row in rows)


def files_here(store: Store, form_id: str) -> list[str]:
    """SHA-256 of the current files of live rows that were received, sorted."""
    joined = A.join(S, (A.c.form_id == S.c.form_id) & (A.c.root_uuid == S.c.root_uuid))
    here = (A.c.form_id == form_id, A.c.sha256.is_not(None), A.c.is_current, ~A.c.is_deleted, S.c.gone_at.is_(None))
    query = sa.select(A.c.sha256).select_from(joined).where(*here).distinct().order_by(A.c.sha256)
    with store.read() as connection:
        return list(connection.execute(query).scalars())


@dataclass(frozen=True)
class ReceivedFile:
    """A current file of a live row, whose bytes are here under *sha256*."""

    root_uuid: str
    attachment_uid: str
    url: str
    sha256: str


def current_files(store: Store, form_id: str) -> list[ReceivedFile]:
    """The current files of live rows that were received, by row and name."""
    joined = A.join(S, (A.c.form_id == S.c.form_id) & (A.c.root_uuid == S.c.root_uuid))
    here = (A.c.form_id == form_id, A.c.sha256.is_not(None), A.c.is_current, ~A.c.is_deleted, S.c.gone_at.is_(None))
    columns = (A.c.root_uuid, A.c.attachment_uid, A.c.url, A.c.sha256)
    query = sa.select(*columns).select_from(joined).where(*here).order_by(A.c.root_uuid, A.c.attachment_uid)
    with store.read() as connection:
        return [ReceivedFile(*row) for row in connection.execute(query)]


def file_replaced(store: Store, form_id: str, file: ReceivedFile) -> None:
    """Record that the server has other bytes under the file's name by now: they are wanted; those that are here stay."""
    mine = (A.c.form_id == form_id) & (A.c.root_uuid == file.root_uuid) & (A.c.attachment_uid == file.attachment_uid)
    with store.begin() as connection:
        connection.execute(A.update().where(mine).values(sha256=None, error=None))


def received_files(store: Store) -> list[str]:
    """SHA-256 of all files that were received and not erased on purpose, whatever became of their rows. Raises: StoreError."""
    with store.read() as connection:
        received = connection.execute(sa.select(A.c.sha256).where(A.c.sha256.is_not(None)).distinct()).scalars()
        return sorted(set(received) - _erased(connection))


def note_erased(store: Store, sha256s: Sequence[str]) -> None:
    """Remember that files were erased on purpose: where they lie, they are not missed. Raises: StoreError."""
    facts = schema.facts
    with store.begin() as connection:
        erased = _erased(connection) | set(sha256s)
        connection.execute(facts.delete().where(facts.c.name == ERASED))
        connection.execute(facts.insert().values(name=ERASED, value=" ".join(sorted(erased))))


def _erased(connection: sa.Connection) -> set[str]:
    query = sa.select(schema.facts.c.value).where(schema.facts.c.name == ERASED)
    return set((connection.execute(query).scalar() or "").split())


def erased_files(store: Store) -> set[str]:
    """SHA-256 of the files that were erased on purpose. Raises: StoreError."""
    with store.read() as connection:
        return _erased(connection)


def files_lost(store: Store, form_id: str, sha256s: Sequence[str]) -> None:
    """Record that these files are here no more: the next look at what is wanted asks the server for them again."""
    with store.begin() as connection:
        for at in range(0, len(sha256s), BATCH):
            mine = (A.c.form_id == form_id) & A.c.sha256.in_(sha256s[at : at + BATCH])
            connection.execute(A.update().where(mine).values(sha256=None, error="it was lost where it was kept"))


def _missing(form_id: str, *columns: Any) -> sa.Select[Any]:
    joined = A.join(S, (A.c.form_id == S.c.form_id) & (A.c.root_uuid == S.c.root_uuid))
    conditions = (A.c.form_id == form_id, A.c.sha256.is_(None), A.c.is_current, ~A.c.is_deleted, S.c.gone_at.is_(None))
    return sa.select(*columns).select_from(joined).where(*conditions)


def file_here(
    store: Store, form_id: str, file: WantedFile, *, sha256: str, n_bytes: int, sniffed: str, now: datetime
) -> None:
    """Record that the bytes are on disk."""
    values = {"sha256": sha256, "n_bytes": n_bytes, "sniffed": sniffed, "stored_at": now, "error": None}
    _update(store, form_id, file, values)


def file_missing(store: Store, form_id: str, file: WantedFile, reason: str) -> None:
    """Record why the bytes could not be had; the next run asks again."""
    _update(store, form_id, file, {"error": reason})


def _update(store: Store, form_id: str, file: WantedFile, values: Mapping[str, Any]) -> None:
    mine = (A.c.form_id == form_id) & (A.c.root_uuid == file.root_uuid) & (A.c.attachment_uid == file.attachment_uid)
    with store.begin() as connection:
        connection.execute(A.update().where(mine).values(**values))


SIGNATURES: tuple[tuple[int, bytes, str], ...] = (  # first byte, what stands there, media type
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (8, b"WAVE", "audio/wav"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"event,", "text/csv"),
    (0, b"<!DOCTYPE html", "text/html"),
    (0, b"<html", "text/html"),
)


def sniff(head: bytes) -> str:
    """The media type that a file's first bytes show; empty when they show none."""
    return next((kind for at, mark, kind in SIGNATURES if head[at : at + len(mark)] == mark), "")

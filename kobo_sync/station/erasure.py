"""Rows and lists of persons erased from the station's file for good, beside a station that serves from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from kobo_sync.station.database import Database, drop_unused_blobs, load_blob, one, store_blob
from kobo_sync.station.ledger import leave
from kobo_sync.station.outbox import WHOLE
from kobo_sync.station.wire import micros


@dataclass(frozen=True)
class StationRow:
    """A row of the station: *versions* are the instances as sent, the newest first; *is_relayed* all of them, with all files."""

    number: int
    asset: str
    root_uuid: str
    versions: tuple[bytes, ...]
    is_relayed: bool


def rows_of(db: Database) -> Iterator[StationRow]:
    """Every row that lies here, with the bytes of all its versions; one after the other, so that no more than one is in memory."""
    for number, asset, root_uuid in db.reader.execute("SELECT id, asset, root_uuid FROM submissions").fetchall():
        sql = (
            "SELECT xml FROM submissions WHERE id = :row UNION ALL SELECT xml FROM ledger WHERE submission_id = :row AND"
            " xml IS NOT NULL UNION ALL SELECT sent_as FROM ledger WHERE submission_id = :row AND sent_as IS NOT NULL"
        )
        versions = [bytes(xml) for (xml,) in db.reader.execute(sql, {"row": number})]
        is_whole = bool(one(db.reader, f"SELECT 1 FROM ({WHOLE}) WHERE id = ?", number))
        yield StationRow(number, asset, root_uuid, tuple(versions), is_whole)


def erase_rows(db: Database, numbers: Collection[int], now: datetime) -> None:
    """Erase rows for good, relayed or not; the ledger goes on counting what was relayed, and knows the ids: a phone that sends one again is told that it is known.

    The bytes are overwritten in the file, not only let go.
    """
    with db.writing() as connection:
        connection.execute("PRAGMA secure_delete = ON")
        for number in numbers:
            row = {"row": number}
            ids = connection.execute(
                "SELECT asset, uuid FROM submissions WHERE id = :row UNION SELECT asset, uuid FROM retired WHERE submission_id = :row",
                row,
            ).fetchall()
            blobs = connection.execute("SELECT blob FROM attachments WHERE submission_id = :row", row).fetchall()
            for table, key in (
                ("attachments", "submission_id"),
                ("retired", "submission_id"),
                ("submissions", "id"),
            ):
                connection.execute(f"DELETE FROM {table} WHERE {key} = :row", row)
            of_versions = leave(connection, number, micros(now))
            connection.execute(
                "UPDATE ledger_files SET name = '' WHERE record IN (SELECT id FROM ledger WHERE submission_id = :row)",
                row,
            )
            drop_unused_blobs(connection, [*(blob for (blob,) in blobs), *of_versions])
            connection.executemany(
                "INSERT INTO retired (asset, uuid, submission_id, in_ledger) VALUES (?, ?, ?, 0)",
                [(asset, uuid, number) for asset, uuid in ids],
            )


def change_lists(db: Database, filename: str, change: Callable[[bytes], bytes]) -> int:
    """Have every list called *filename* that phones are shown be what *change* makes of it; returns how many became others."""
    n = 0
    with db.writing() as connection:
        connection.execute("PRAGMA secure_delete = ON")
        for table, digest in (("files", "md5"), ("published", "md5"), ("paired_media", "hash")):
            for number, blob in connection.execute(
                f"SELECT rowid, blob FROM {table} WHERE filename = ?", (filename,)
            ).fetchall():
                before = load_blob(connection, blob)
                after = change(before)
                if after == before:
                    continue
                md5 = hashlib.md5(after, usedforsecurity=False).hexdigest()
                connection.execute(
                    f"UPDATE {table} SET blob = ?, {digest} = ? WHERE rowid = ?",
                    (store_blob(connection, after), md5, number),
                )
                drop_unused_blobs(connection, [blob])
                n += 1
    return n

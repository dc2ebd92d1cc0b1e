"""Rows and lists of persons erased from the station's file for good, beside a station that serves from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape, unescape

from kobo_sync.station.database import Database, drop_unused_blobs, load_blob, store_blob
from kobo_sync.station.ledger import leave
from kobo_sync.station.wire import micros

_LEAF = re.compile(r"<(?P<tag>[^\s<>/!?]+)[^<>]*>(?:(?P<text>[^<>]+)|<!\[CDATA\[(?P<data>.*?)\]\]>)</", re.DOTALL)
_PAIR = re.compile(r'"(?P<key>(?:[^"\\]|\\.)*)":\s*(?P<value>"(?:[^"\\]|\\.)*")')
Change = Callable[[str, str], str]  # of a question's name and an answer


@dataclass(frozen=True)
class StationRow:
    """A row of the station: *versions* are the instances as sent, the newest first."""

    number: int
    asset: str
    root_uuid: str
    versions: tuple[bytes, ...]


def rows_of(db: Database) -> Iterator[StationRow]:
    """Every row that lies here, with the bytes of all its versions; one after the other, so that no more than one is in memory."""
    for number, asset, root_uuid in db.reader.execute("SELECT id, asset, root_uuid FROM submissions").fetchall():
        sql = (
            "SELECT xml FROM submissions WHERE id = :row UNION ALL SELECT xml FROM ledger WHERE submission_id = :row AND"
            " xml IS NOT NULL UNION ALL SELECT sent_as FROM ledger WHERE submission_id = :row AND sent_as IS NOT NULL"
        )
        versions = [bytes(xml) for (xml,) in db.reader.execute(sql, {"row": number})]
        yield StationRow(number, asset, root_uuid, tuple(versions))


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


def change_texts(db: Database, number: int, change: Change) -> None:
    """Have every answer of a row, in all its versions, be what *change* makes of it: what waits is relayed so.

    Names of files stay, and so do the hashes by which a phone that sends again is known.
    """
    with db.writing() as connection:
        connection.execute("PRAGMA secure_delete = ON")
        names = connection.execute("SELECT name FROM attachments WHERE submission_id = ?", (number,)).fetchall()
        files = {name for (name,) in names}

        def of_answer(name: str, text: str) -> str:
            return text if text.strip() in files else change(name, text)

        for table, key in (("submissions", "id"), ("ledger", "submission_id")):
            columns = ("xml", "head") if table == "submissions" else ("xml", "sent_as")
            sql = f"SELECT rowid, {', '.join(columns)} FROM {table} WHERE {key} = ?"
            for rowid, *values in connection.execute(sql, (number,)).fetchall():
                for column, value in zip(columns, values, strict=True):
                    if value is None:
                        continue
                    changed = _in_json(value, of_answer) if column == "head" else _in_xml(bytes(value), of_answer)
                    if changed != value:
                        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, rowid))


def _in_xml(xml: bytes, change: Change) -> bytes:
    def of_leaf(match: re.Match[str]) -> str:
        text = unescape(match["text"]) if match["data"] is None else match["data"]
        changed = change(match["tag"].rpartition(":")[2], text)
        part = "text" if match["data"] is None else "data"
        if changed == text:
            return match[0]
        begins = match.start(part) - match.start()
        tag = match[0][:begins].removesuffix("<![CDATA[")
        return f"{tag}{escape(changed)}</"

    return _LEAF.sub(of_leaf, xml.decode("utf-8", "replace")).encode()


def _in_json(text: str, change: Change) -> str:
    def of_pair(match: re.Match[str]) -> str:
        value = json.loads(match["value"])
        changed = change(match["key"].rpartition("/")[2], value)
        if changed == value:
            return match[0]
        return match[0][: match.start("value") - match.start()] + json.dumps(changed, ensure_ascii=False)

    return _PAIR.sub(of_pair, text)


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

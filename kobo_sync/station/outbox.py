"""What the relay reads of a station's ledger and notes in it, beside a station that serves from the same file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kobo_sync.databases.inspection import read_only
from kobo_sync.station.database import Connection, Database, Row, drop_unused_blobs, load_blob, one
from kobo_sync.station.ledger import ADOPTED, REFUSED, RELAYED, WAITING
from kobo_sync.station.refiling import refile

TOO_MANY = 429
_BYTES = (
    "SELECT ifnull(sent_as, ifnull(ledger.xml, submissions.xml)) FROM ledger"
    " LEFT JOIN submissions ON submissions.id = submission_id WHERE ledger.id = ?"
)
# Counted in the tables of what is stored, not in the ledger: rows, their earlier versions, and what left after it was relayed.
_STORED = """
    SELECT asset, count(*) AS n FROM (
        SELECT asset FROM submissions UNION ALL SELECT asset FROM retired WHERE in_ledger
        UNION ALL SELECT asset FROM ledger WHERE removed_at IS NOT NULL) GROUP BY asset"""
# A row goes whole or stays: no version of it waits or was refused, and no file.
_WHOLE = """
    SELECT id FROM submissions WHERE EXISTS (SELECT 1 FROM ledger WHERE submission_id = submissions.id)
        AND NOT EXISTS (SELECT 1 FROM ledger WHERE submission_id = submissions.id AND state != 'relayed')"""


@dataclass(frozen=True)
class Record:
    """One accepted submission, and how far it is; uuids are bare, times aware UTC.

    *address* is the uid of the form that the bytes to be sent name, *server* tells the server and project that they were
    filled for, or relayed to; empty when nobody noted it. *code* is the server's own for a refusal, where it has one.
    """

    record_id: int
    submission_id: int
    address: str
    uuid: str
    root_uuid: str
    deprecated: str
    kind: str
    state: str
    tries: int
    status: int | None
    message: str
    received_at: datetime
    relayed_at: datetime | None
    next_try_at: datetime | None
    server: str = ""
    code: str = ""


@dataclass(frozen=True)
class SentFile:
    """A file of a record as its phone named it; *size* in bytes."""

    file_id: int
    name: str
    mimetype: str
    blob: str
    size: int


@dataclass(frozen=True)
class Totals:
    """The ledger of one form: what is stored, and where it is; *n_removed* of those relayed are no longer here."""

    asset: str
    n_stored: int
    n_relayed: int
    n_refused: int
    n_waiting: int
    n_removed: int
    waiting_since: datetime | None

    @property
    def is_balanced(self) -> bool:
        """Whether all that is stored is accounted for, once."""
        return self.n_stored == self.n_relayed + self.n_refused + self.n_waiting


@dataclass(frozen=True)
class Paired:
    """A form as KoboToolbox at *kc* had it when the station was paired; *server* tells the project too, empty of before that was noted."""

    form_id: str
    asset: str
    kc: str
    version: str
    form_uuid: str
    server: str = ""


class Outbox:
    """The ledger in the station's *path*; *server* tells the server and project that it is relayed to.

    Raises: StoreError when it is no station's file.
    """

    def __init__(self, path: Path, server: str = "") -> None:
        self._db, self._server = Database(path), server
        refile(self._db)

    @property
    def database(self) -> Database:
        """The file itself, for who erases in it."""
        return self._db

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ── reading ──

    def totals(self) -> list[Totals]:
        """The ledger form by form, of one moment."""
        return _totals(self._db.reader)

    def waiting(self, above: int = 0, due_at: datetime | None = None) -> Record | None:
        """The first record after *above* that waits; with *due_at*, that may be tried then."""
        sql = f"SELECT * FROM ledger WHERE state = '{WAITING}' AND id > ? AND ifnull(next_try_at, '') <= ? ORDER BY id"
        row = one(self._db.reader, f"{sql} LIMIT 1", above, _iso(due_at) if due_at else "9999")
        return _record(row) if row else None

    def record(self, record_id: int) -> Record | None:
        """A record as it is now; None when it left."""
        row = one(self._db.reader, "SELECT * FROM ledger WHERE id = ?", record_id)
        return _record(row) if row else None

    def refused(self) -> list[Record]:
        """The records that were refused, in order of arrival."""
        sql = f"SELECT * FROM ledger WHERE state = '{REFUSED}' ORDER BY id"
        return [_record(row) for row in self._db.reader.execute(sql)]

    def original(self, record: Record) -> Record | None:
        """The record that an edit replaces; None when the ledger never had it."""
        if record.kind == ADOPTED:
            return None
        sql = "SELECT * FROM ledger WHERE submission_id = ? AND uuid = ?"
        row = one(self._db.reader, sql, record.submission_id, record.deprecated)
        return _record(row) if row else None

    def later_versions(self, record: Record) -> set[str]:
        """The uuids of what replaced a record here."""
        sql = "SELECT uuid FROM ledger WHERE submission_id = ? AND id > ?"
        return {uuid for (uuid,) in self._db.reader.execute(sql, (record.submission_id, record.record_id))}

    def n_waiting_for(self, record: Record) -> int:
        """How many edits wait until this record is relayed."""
        sql = f"SELECT count(*) FROM ledger WHERE submission_id = ? AND id > ? AND state = '{WAITING}'"
        return int(self._db.reader.execute(sql, (record.submission_id, record.record_id)).fetchone()[0])

    def xml(self, record: Record) -> bytes:
        """The bytes to send; empty when the record left."""
        row = one(self._db.reader, _BYTES, record.record_id)
        return bytes(row[0]) if row and row[0] is not None else b""

    def files(self, record: Record) -> list[SentFile]:
        """The files of a record that are not relayed yet."""
        sql = (
            "SELECT id, name, mimetype, blob, length(content) AS size FROM ledger_files JOIN blobs ON sha = blob"
            " WHERE record = ? AND relayed_at IS NULL ORDER BY id"
        )
        rows = self._db.reader.execute(sql, (record.record_id,))
        return [SentFile(row["id"], row["name"], row["mimetype"], row["blob"], row["size"]) for row in rows]

    def content(self, file: SentFile) -> bytes:
        """A file's bytes. Raises: LookupError when it was deleted meanwhile."""
        if one(self._db.reader, "SELECT 1 FROM blobs WHERE sha = ?", file.blob) is None:
            raise LookupError(file.name)
        return load_blob(self._db.reader, file.blob)

    def asked_to_wait_until(self) -> datetime | None:
        """When the server wants to be asked again (429); None when it did not say."""
        sql = f"SELECT max(next_try_at) FROM ledger WHERE state = '{WAITING}' AND status = {TOO_MANY}"
        return _moment(self._db.reader.execute(sql).fetchone()[0])

    def paired(self) -> dict[str, Paired]:
        """The forms that were taken over from KoboToolbox, by their uid there; none that another project took the place of."""
        rows = self._db.reader.execute(
            "SELECT * FROM pairings WHERE asset NOT IN (SELECT replaces FROM pairings WHERE replaces IS NOT NULL)"
        )
        return {
            row["asset"]: Paired(
                row["form_id"], row["asset"], row["kc"], row["version"], row["form_uuid"], row["server"]
            )
            for row in rows
        }

    def replaced(self) -> frozenset[str]:
        """The uids of what a paired form took the place of: the station's own forms, and the mission's earlier projects."""
        rows = self._db.reader.execute("SELECT replaces FROM pairings WHERE replaces IS NOT NULL")
        return frozenset(uid for (uid,) in rows)

    def form_ids(self) -> dict[str, str]:
        """Uid → form_id, as the station knows it: by pairing, by the mark of `deploy`, by the form itself."""
        form_ids = {}
        sql = (
            "SELECT assets.uid, assets.name, assets.settings, content FROM assets"
            " LEFT JOIN versions ON versions.uid = assets.version_id"
        )
        for row in self._db.reader.execute(sql):
            mark = (json.loads(row["settings"]).get("extra_metadata") or {}).get("kobo_sync") or {}
            settings = json.loads(row["content"] or "{}").get("settings") or {}
            form_ids[row["uid"]] = mark.get("form_id") or settings.get("id_string") or row["name"]
        for row in self._db.reader.execute("SELECT asset, replaces, form_id FROM pairings"):
            form_ids |= {uid: row["form_id"] for uid in (row["asset"], row["replaces"]) if uid}
        return form_ids

    # ── noting ──

    def note_files(self, record: Record, files: Sequence[SentFile], now: datetime) -> None:
        """The server has the record's XML, and these of its files."""
        with self._db.writing() as connection:
            self._note_files(connection, record, files, now)

    def note_relayed(
        self, record: Record, files: Sequence[SentFile], status: int, now: datetime, message: str = ""
    ) -> None:
        """The server has it, with these of its files; one that came meanwhile keeps the record waiting."""
        with self._db.writing() as connection:
            self._note_files(connection, record, files, now)
            connection.execute(
                f"UPDATE ledger SET tries = tries + 1, status = ?, message = ?, code = '', next_try_at = NULL, state = '{RELAYED}',"
                " settled_at = ? WHERE id = ?",
                (status, message, _iso(now), record.record_id),
            )
            connection.execute(
                f"UPDATE ledger SET state = '{WAITING}', settled_at = NULL WHERE id = ? AND EXISTS"
                " (SELECT 1 FROM ledger_files WHERE record = ledger.id AND relayed_at IS NULL)",
                (record.record_id,),
            )

    def _note_files(self, connection: Connection, record: Record, files: Sequence[SentFile], now: datetime) -> None:
        moment = _iso(now)
        connection.execute(
            "UPDATE ledger SET relayed_at = ifnull(relayed_at, ?), server = ? WHERE id = ?",
            (moment, self._server or record.server, record.record_id),
        )
        connection.executemany(
            "UPDATE ledger_files SET relayed_at = ? WHERE id = ?", [(moment, file.file_id) for file in files]
        )

    def note_refused(self, record: Record, status: int, message: str, now: datetime, code: str = "") -> None:
        """The server said no: the record is kept, and tried again when somebody says so."""
        with self._db.writing() as connection:
            connection.execute(
                f"UPDATE ledger SET state = '{REFUSED}', tries = tries + 1, status = ?, message = ?, code = ?,"
                " next_try_at = NULL, settled_at = ? WHERE id = ?",
                (status, message, code, _iso(now), record.record_id),
            )

    def note_failed(self, record: Record, status: int | None, message: str, next_try_at: datetime) -> None:
        """No answer, or one that says to come again: the record waits until then."""
        with self._db.writing() as connection:
            connection.execute(
                "UPDATE ledger SET tries = tries + 1, status = ?, message = ?, next_try_at = ? WHERE id = ?",
                (status, message, _iso(next_try_at), record.record_id),
            )

    def put_back(self, addresses: Sequence[str]) -> int:
        """Let what was refused of these forms wait again; returns how many records."""
        with self._db.writing() as connection:
            cursor = connection.execute(
                f"UPDATE ledger SET state = '{WAITING}', tries = 0, next_try_at = NULL, settled_at = NULL"
                f" WHERE state = '{REFUSED}' AND address IN (SELECT value FROM json_each(?))",
                (json.dumps(list(addresses)),),
            )
            return cursor.rowcount

    def unsettled(self, address: str) -> Iterator[Record]:
        """The records of a form that the server never took, in order of arrival."""
        sql = "SELECT * FROM ledger WHERE address = ? AND relayed_at IS NULL AND removed_at IS NULL ORDER BY id"
        yield from [_record(row) for row in self._db.reader.execute(sql, (address,))]

    def send_as(self, record: Record, xml: bytes, address: str) -> None:
        """Send *xml*, which names the form *address*, in place of what the phone sent; the phone's bytes stay."""
        with self._db.writing() as connection:
            connection.execute(
                f"UPDATE ledger SET sent_as = ?, address = ?, server = ?, state = '{WAITING}', tries = 0,"
                " next_try_at = NULL, settled_at = NULL WHERE id = ?",
                (xml, address, self._server, record.record_id),
            )

    # ── erasing ──

    def n_whole(self) -> int:
        """How many rows are relayed with all their versions and files, and lie here still."""
        return int(self._db.reader.execute(f"SELECT count(*) FROM ({_WHOLE})").fetchone()[0])

    def relayed_to(self) -> dict[tuple[str, str], dict[int, set[str]]]:
        """Server and form uid → the rows that `forget` would erase and were posted there: number → the uuids that may be the root's."""
        sql = f"SELECT server, address, submission_id, root_uuid, uuid FROM ledger WHERE submission_id IN ({_WHOLE})"
        rows: dict[tuple[str, str], dict[int, set[str]]] = {}
        for server, address, submission_id, *uuids in self._db.reader.execute(sql):
            rows.setdefault((server, address), {}).setdefault(submission_id, set()).update(uuids)
        return rows

    def forget(self, now: datetime, spared: Collection[int] = ()) -> tuple[int, int]:
        """Erase the rows, files and bytes of what is wholly relayed; the ledger keeps its counts. Returns: rows, files.

        The rows with the numbers *spared* stay. The bytes are overwritten in the file, not only let go.
        """
        with self._db.writing() as connection:
            connection.execute("PRAGMA secure_delete = ON")
            rows = [row for (row,) in connection.execute(_WHOLE) if row not in spared]
            values = [(row,) for row in rows]
            blobs: set[str] = set()
            n_files = 0
            for row in values:
                own = connection.execute("SELECT blob FROM attachments WHERE submission_id = ?", row).fetchall()
                sql = "SELECT blob FROM ledger_files JOIN ledger ON ledger.id = record WHERE submission_id = ?"
                n_files += len(own)
                blobs |= {blob for (blob,) in [*own, *connection.execute(sql, row)]}
            for table, key in (("attachments", "submission_id"), ("retired", "submission_id"), ("submissions", "id")):
                connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", values)
            connection.executemany(
                "UPDATE ledger_files SET blob = '', name = '' WHERE record IN (SELECT id FROM ledger WHERE submission_id = ?)",
                values,
            )
            connection.executemany(
                "UPDATE ledger SET xml = NULL, sent_as = NULL, removed_at = ? WHERE submission_id = ? AND removed_at IS NULL",
                [(_iso(now), row) for row in rows],
            )
            drop_unused_blobs(connection, sorted(blobs))
        return len(rows), n_files

    def shrink(self) -> bool:
        """Give back the room of what was erased, with what an earlier deletion left in it; False while phones hinder it."""
        return self._db.shrink()


def ledger_in(path: Path) -> list[Totals]:
    """The ledger of a station's file, which is neither made nor changed: what one of before the ledger has all waits."""
    if not path.is_file() or not path.stat().st_size:
        return []
    try:
        with read_only(path) as connection:
            connection.row_factory = sqlite3.Row
            if one(connection, "SELECT 1 FROM sqlite_master WHERE name = 'ledger'"):
                return _totals(connection)
            sql = "SELECT asset, count(*), min(created_at) FROM submissions GROUP BY asset"
            return [Totals(asset, n, 0, 0, n, 0, _moment(since)) for asset, n, since in connection.execute(sql)]
    except sqlite3.Error:  # damaged, or no station's: who needs it will say so
        return []


def _totals(reader: Connection) -> list[Totals]:
    states = ", ".join(f"sum(state = '{state}')" for state in (RELAYED, REFUSED, WAITING))
    reader.execute("BEGIN")  # both counts of one moment: phones may be sending
    try:
        stored = {row["asset"]: row["n"] for row in reader.execute(_STORED)}
        rows = reader.execute(
            f"SELECT ifnull(submissions.asset, ledger.asset) AS form, {states}, sum(removed_at IS NOT NULL),"
            f" min(CASE state WHEN '{WAITING}' THEN received_at END) FROM ledger"
            " LEFT JOIN submissions ON submissions.id = submission_id GROUP BY form"
        )
        counts = {row[0]: tuple(row)[1:] for row in rows}
    finally:
        reader.execute("COMMIT")
    return [
        Totals(asset, stored.get(asset, 0), n_relayed, n_refused, n_waiting, n_removed, _moment(since))
        for asset in sorted({*stored, *counts})
        for n_relayed, n_refused, n_waiting, n_removed, since in [counts.get(asset, (0, 0, 0, 0, None))]
    ]


def _record(row: Row) -> Record:
    return Record(
        record_id=row["id"],
        submission_id=row["submission_id"],
        address=row["address"],
        uuid=row["uuid"],
        root_uuid=row["root_uuid"],
        deprecated=row["deprecated"],
        kind=row["kind"],
        state=row["state"],
        tries=row["tries"],
        status=row["status"],
        message=row["message"],
        received_at=datetime.fromisoformat(row["received_at"]),
        relayed_at=_moment(row["relayed_at"]),
        next_try_at=_moment(row["next_try_at"]),
        server=row["server"],
        code=row["code"],
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )  # as the station writes times: they are compared as texts


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

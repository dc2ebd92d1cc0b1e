"""The ledger: one record per accepted submission, edits included, in order of arrival, for the relay to KoboToolbox.

Written in the transaction that stores the submission. A record's bytes are those of the submission's row until an edit
replaces them there; its files are those that came with it, shared with the row's.
"""

from __future__ import annotations

from kobo_sync.rows.instance import Instance
from kobo_sync.station.database import Connection, one

NEW, EDIT, ADOPTED = "new", "edit", "adopted"  # adopted: an edit of before the ledger, whose original's bytes are lost
WAITING, RELAYED, REFUSED = "waiting", "relayed", "refused"
_OF_ROW = "SELECT id FROM ledger WHERE submission_id = :row"
_VERSION = "submission_id = ? AND uuid = ?"


def enter(
    connection: Connection, asset: str, submission_id: int, instance: Instance, root_uuid: str, sha: str, at: str
) -> None:
    """Add the record of a submission that was just stored; it waits. *at* is when it came, ISO.

    Its address is the form that its bytes name, as KoboToolbox reads them; that is another than the row's *asset* where
    a phone filled what the station served before it was paired. Its server is that of the pairing at this moment: ODK
    Central's forms are called the same in every project.
    """
    named = one(connection, "SELECT asset FROM deployments WHERE uuid = ? AND uuid != ''", instance.form_uuid)
    address = named["asset"] if named else instance.form_id
    paired = one(connection, "SELECT server FROM pairings WHERE asset = ?", address)
    connection.execute(
        "INSERT INTO ledger"
        " (asset, address, server, submission_id, uuid, root_uuid, deprecated, kind, sha, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            asset,
            address,
            paired["server"] if paired else "",
            submission_id,
            instance.uuid,
            root_uuid,
            instance.deprecated,
            EDIT if instance.deprecated else NEW,
            sha,
            at,
        ),
    )


def keep_bytes(connection: Connection, submission_id: int, uuid: str) -> None:
    """Copy a version's bytes into its record: an edit is about to replace them in the row."""
    connection.execute(
        f"UPDATE ledger SET xml = (SELECT xml FROM submissions WHERE id = submission_id) WHERE {_VERSION}",
        (submission_id, uuid),
    )


def add_file(connection: Connection, submission_id: int, uuid: str, name: str, mimetype: str, blob: str) -> None:
    """Add a file that came with a submission, or after it: a record that was relayed waits again, for that file."""
    connection.execute(
        f"INSERT INTO ledger_files (record, name, mimetype, blob) SELECT id, ?, ?, ? FROM ledger WHERE {_VERSION}",
        (name, mimetype, blob, submission_id, uuid),
    )
    connection.execute(
        f"UPDATE ledger SET state = '{WAITING}', tries = 0, next_try_at = NULL, settled_at = NULL"
        f" WHERE {_VERSION} AND state = '{RELAYED}'",
        (submission_id, uuid),
    )


def leave(connection: Connection, submission_id: int, at: str) -> list[str]:
    """Take out the records of a row that is deleted, all but those that KoboToolbox has: these stay, without bytes.

    Returns: the keys of the bytes that they named.
    """
    values = {"row": submission_id, "at": at}
    blobs = connection.execute(f"SELECT blob FROM ledger_files WHERE record IN ({_OF_ROW})", values).fetchall()
    connection.execute(
        f"DELETE FROM ledger_files WHERE record IN ({_OF_ROW})"
        " AND (relayed_at IS NULL OR record IN (SELECT id FROM ledger WHERE relayed_at IS NULL))",
        values,
    )
    connection.execute(f"UPDATE ledger_files SET blob = '' WHERE record IN ({_OF_ROW})", values)
    connection.execute("DELETE FROM ledger WHERE submission_id = :row AND relayed_at IS NULL", values)
    connection.execute(
        f"UPDATE ledger SET state = '{RELAYED}', xml = NULL, sent_as = NULL, next_try_at = NULL, removed_at = :at,"
        " settled_at = ifnull(settled_at, :at) WHERE submission_id = :row AND removed_at IS NULL",
        values,
    )
    return [blob for (blob,) in blobs]


def erase_file(connection: Connection, submission_id: int, name: str) -> None:
    """Let go of a file that was deleted from a row: it is not relayed any more, and its bytes stay nowhere."""
    values = {"row": submission_id, "name": name}
    of_file = f"record IN ({_OF_ROW}) AND name = :name"
    connection.execute(f"DELETE FROM ledger_files WHERE {of_file} AND relayed_at IS NULL", values)
    connection.execute(f"UPDATE ledger_files SET blob = '' WHERE {of_file}", values)
    connection.execute(
        f"UPDATE ledger SET state = '{RELAYED}', next_try_at = NULL, settled_at = relayed_at WHERE submission_id = :row"
        f" AND state = '{WAITING}' AND relayed_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM ledger_files WHERE record = ledger.id AND relayed_at IS NULL)",
        values,
    )

"""A complete light scan compared with the mirror, in the database: what to fetch, and what is absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.kobo.wire.listing import LightRow
from kobo_sync.store.database import Store

# A row is known when the mirror holds it under its id and root uuid, as it is now, and never missed it.
_KNOWN = """SELECT 1 FROM submissions s WHERE s.form_id = :form_id AND s.submission_id = seen.submission_id
 AND s.root_uuid = seen.root_uuid AND s.signature = seen.signature AND s.gone_at IS NULL AND s.missed_at IS NULL"""
# A double is the lower of two listed rows with one root uuid, when the mirror holds the higher.
_DOUBLE = """SELECT 1 FROM submissions s JOIN seen higher ON higher.submission_id = s.submission_id
 WHERE s.form_id = :form_id AND s.root_uuid = seen.root_uuid AND s.submission_id > seen.submission_id
 AND s.gone_at IS NULL"""
_WANTED = f"""SELECT submission_id FROM seen WHERE NOT EXISTS ({_KNOWN}) AND NOT EXISTS ({_DOUBLE})
 ORDER BY submission_id"""
_ABSENT = """SELECT s.root_uuid, s.submission_id FROM submissions s
 LEFT JOIN seen ON seen.submission_id = s.submission_id AND seen.root_uuid = s.root_uuid
 LEFT JOIN seen other ON other.root_uuid = s.root_uuid
 WHERE s.form_id = :form_id AND s.gone_at IS NULL AND seen.submission_id IS NULL AND other.submission_id IS NULL"""
_SEEN = ("submission_id", "root_uuid", "signature")


@dataclass(frozen=True)
class Comparison:
    """A complete light scan compared with the mirror.

    *to_read* are ids to fetch (new or changed); *absent* maps the root_uuid of live rows that the scan
    lacks to their id; *n_rows* counts the scan's rows, *n_distinct* its submissions (doubles once);
    *last_id* is the highest id seen, -1 when nothing is listed; *modified* the newest modification date,
    empty where rows have none.
    """

    to_read: tuple[int, ...]
    absent: Mapping[str, int]
    n_rows: int
    n_distinct: int
    last_id: int
    modified: str


def reconcile(store: Store, form_id: str, pages: Iterable[Sequence[LightRow]]) -> Comparison:
    """Compare a complete light scan with the live rows of a form; forgets rows set aside that are listed no longer."""
    scanned, last_id, modified = 0, -1, ""
    with store.scan() as connection:
        dialect = dialect_of(connection)
        dialect.run(connection, f"DROP TABLE IF EXISTS {dialect.temporary}.seen")
        number, text = dialect.row_id, dialect.kinds["text"]
        columns = f"submission_id {number} PRIMARY KEY, root_uuid {text}, signature {text}"
        dialect.run(connection, f"CREATE TEMP TABLE seen ({columns})")
        for page in pages:
            scanned += len(page)
            last_id = max(last_id, *(row.submission_id for row in page))
            modified = max(modified, *(row.modified for row in page))
            rows = [(row.submission_id, row.root_uuid, row.signature) for row in page]
            dialect.replace_rows(connection, "seen", _SEEN, rows)
        mine = {"form_id": form_id}
        dialect.join_whole(connection)
        # Rows that were set aside and are listed no longer have nothing left to be tried again. The first statement that
        # touches the file itself, so that it waits for other writers; the scan, which may take minutes, locks nothing.
        connection.execute(
            sa.text(
                "DELETE FROM quarantine WHERE form_id = :form_id AND NOT EXISTS"
                " (SELECT 1 FROM seen WHERE seen.submission_id = quarantine.submission_id)"
            ),
            mine,
        )
        # Ids below zero stand in for some that cannot be asked for.
        to_read = tuple(id_ for id_ in connection.execute(sa.text(_WANTED), mine).scalars() if id_ >= 0)
        absent = {row.root_uuid: row.submission_id for row in connection.execute(sa.text(_ABSENT), mine)}
        distinct = int(connection.exec_driver_sql("SELECT count(DISTINCT root_uuid) FROM seen").scalar() or 0)
        dialect.run(connection, f"DROP TABLE {dialect.temporary}.seen")
    return Comparison(to_read, absent, scanned, distinct, last_id, modified)


def differing(store: Store, form_id: str, rows: Sequence[LightRow]) -> list[int]:
    """The ids among some light rows whose row is not held as they show it."""
    to_read = []
    with store.read() as connection:
        dialect = dialect_of(connection)
        condition, roots = dialect.among("root_uuid", [row.root_uuid for row in rows])
        query = (
            "SELECT root_uuid, signature, submission_id FROM submissions"
            f" WHERE form_id = ? AND {condition} AND gone_at IS NULL"
        )
        rows_here = {row.root_uuid: row for row in dialect.run(connection, query, (form_id, roots))}
        for row in rows:
            row_here = rows_here.get(row.root_uuid)
            is_double = row_here is not None and row_here.submission_id > row.submission_id
            if row_here is None or (row_here.signature != row.signature and not is_double):
                to_read.append(row.submission_id)
    return to_read


def n_unlike(store: Store, form_id: str, rows: Sequence[LightRow]) -> int:
    """How many rows a complete listing shows otherwise than they are held, or not at all.

    Rows set aside, and those that an earlier scan missed, were told already: they do not count.
    """
    with store.read() as connection:
        mine, run = (form_id,), dialect_of(connection).run
        set_aside = set(run(connection, "SELECT submission_id FROM quarantine WHERE form_id = ?", mine).scalars())
        live = "SELECT root_uuid FROM submissions WHERE form_id = ? AND gone_at IS NULL AND missed_at IS NULL"
        roots = set(run(connection, live, mine).scalars())
    return len(set(differing(store, form_id, rows)) - set_aside) + len(roots - {row.root_uuid for row in rows})

"""A complete light scan compared with the mirror, in the database: what to fetch, and what is absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.rows.listing import LightRow
from kobo_sync.store.database import Store

# Two tables of the comparison's own hold what does not match, which is little: *unmatched* are listed rows whose id and root uuid
# no live row has, *unlisted* are live rows that the scan lacks under theirs. A live row not among these was listed.
_LISTED = "NOT EXISTS (SELECT 1 FROM unlisted u WHERE u.root_uuid = s.root_uuid)"
_SAME_ROOT = (
    "SELECT 1 FROM submissions s WHERE s.form_id = :form_id AND s.root_uuid = t.root_uuid AND s.gone_at IS NULL"
)
# A double is the lower of two listed rows with one root uuid, when the mirror holds the higher.
_DOUBLE = f"{_SAME_ROOT} AND s.submission_id > t.submission_id AND {_LISTED}"
_NEW = f"SELECT t.submission_id FROM unmatched t WHERE NOT EXISTS ({_DOUBLE})"
_ABOVE = """INSERT INTO unlisted (root_uuid, submission_id) SELECT root_uuid, submission_id FROM submissions
 WHERE form_id = :form_id AND submission_id > :last_id AND gone_at IS NULL"""
_ABSENT = """SELECT u.root_uuid, s.server_key FROM unlisted u JOIN submissions s
 ON s.form_id = :form_id AND s.root_uuid = u.root_uuid AND s.submission_id = u.submission_id AND s.gone_at IS NULL
 WHERE NOT EXISTS (SELECT 1 FROM unmatched other WHERE other.root_uuid = u.root_uuid)"""
_DOUBLED = f"SELECT t.root_uuid FROM unmatched t WHERE EXISTS ({_DOUBLE}) ORDER BY t.submission_id"
_OTHERS = f"SELECT count(DISTINCT t.root_uuid) FROM unmatched t WHERE NOT EXISTS ({_SAME_ROOT} AND {_LISTED})"
_LIVE = """SELECT submission_id, root_uuid, signature, missed_at FROM submissions
 WHERE form_id = ? AND submission_id > ? AND submission_id <= ? AND gone_at IS NULL"""
_modified = attrgetter("modified")
MANY = 10_000  # rows that match nothing: tables are joined as wholes


@dataclass(frozen=True)
class Comparison:
    """A complete light scan compared with the mirror.

    *to_read* are ids to fetch (new or changed); *absent* maps the root_uuid of live rows that the scan
    lacks to what the server calls them; *n_rows* counts the scan's rows, *n_distinct* its submissions (doubles once);
    *last_id* is the highest id seen, -1 when nothing is listed; *modified* the newest modification date,
    empty where rows have none. *doubled* names some of the submissions that are listed twice, as the server calls them.
    """

    to_read: tuple[int, ...]
    absent: Mapping[str, str]
    n_rows: int
    n_distinct: int
    last_id: int
    modified: str
    doubled: tuple[str, ...] = ()


class _Scan:
    """A light scan under way: each page is compared with the live rows of its stretch of ids, then forgotten."""

    def __init__(self, store: Store, form_id: str, connection: sa.Connection) -> None:
        self._store, self._form_id, self._connection = store, form_id, connection
        self._dialect = dialect_of(connection)
        self.n_rows = self.n_matched = self.n_unmatched = 0
        self.last_id, self.modified = -1, ""
        self.to_read: list[int] = []
        self.doubled: list[str] = []
        number, text = self._dialect.row_id, self._dialect.kinds["text"]
        self.forget()
        self._run(f"CREATE TEMP TABLE unmatched (submission_id {number} PRIMARY KEY, root_uuid {text})")
        self._run(f"CREATE TEMP TABLE unlisted (root_uuid {text} PRIMARY KEY, submission_id {number})")
        with store.read() as reading:
            query = "SELECT submission_id FROM quarantine WHERE form_id = ?"
            self._set_aside = {id_ for (id_,) in self._dialect.rows(reading, query, (form_id,))}

    def _run(self, statement: str) -> None:
        self._dialect.run(self._connection, statement)

    def compare(self, page: Sequence[LightRow]) -> None:
        """Compare the next page; ids rise from page to page."""
        listed = {row.submission_id: row for row in page}  # of two with one id the last counts
        top = max(self.last_id, *listed)
        if len(listed) < len(page):
            numbers = Counter(row.submission_id for row in page)
            self.doubled += [row.server_key for id_, row in listed.items() if numbers[id_] > 1]
        with self._store.read() as reading:
            stretch = self._dialect.rows(reading, _LIVE, (self._form_id, self.last_id, top))
        # After a server was put back two live rows may have one id, until the scan has told which is listed.
        here = {(id_, root_uuid): (signature, missed_at) for id_, root_uuid, signature, missed_at in stretch}
        unmatched = []
        for id_, row in listed.items():
            live = here.pop((id_, row.root_uuid), None)
            if live is None:
                unmatched.append((id_, row.root_uuid))
                continue
            self.n_matched += 1
            if live != (row.signature, None):
                self.to_read.append(id_)
        self._put("unmatched", ("submission_id", "root_uuid"), unmatched)
        self._put("unlisted", ("root_uuid", "submission_id"), [(root_uuid, id_) for id_, root_uuid in here])
        self._set_aside.difference_update(listed)
        self.n_unmatched += len(unmatched)
        self.n_rows += len(page)
        self.last_id = top
        self.modified = max(self.modified, *map(_modified, page))

    def _put(self, table: str, names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            self._dialect.replace_rows(self._connection, table, names, rows)

    def end(self) -> Comparison:
        """What came of it, as the mirror is now."""
        # Rows that were set aside and are listed no longer have nothing left to be tried again. The first statement that
        # touches the file itself, so that it waits for other writers; the scan, which may take minutes, locks nothing.
        if self._set_aside:
            condition, ids = self._dialect.among("submission_id", sorted(self._set_aside))
            query = f"DELETE FROM quarantine WHERE form_id = ? AND {condition}"
            self._dialect.run(self._connection, query, (self._form_id, ids))
        if self.n_unmatched > MANY:
            self._dialect.join_whole(self._connection)
        self._run("CREATE INDEX unmatched_by_root ON unmatched (root_uuid)")
        mine = {"form_id": self._form_id}
        execute = self._connection.execute
        execute(sa.text(_ABOVE), {**mine, "last_id": self.last_id})
        absent = {row.root_uuid: row.server_key for row in execute(sa.text(_ABSENT), mine)}
        new, n_others = list[int](), 0
        if self.n_unmatched:
            # Ids below zero stand in for some that cannot be asked for.
            new = [id_ for id_ in execute(sa.text(_NEW), mine).scalars() if id_ >= 0]
            n_others = int(execute(sa.text(_OTHERS), mine).scalar() or 0)
            if self.n_rows > self.n_matched + n_others:
                self.doubled += execute(sa.text(_DOUBLED), mine).scalars()
        self.forget()
        to_read = tuple(sorted([*self.to_read, *new]))
        return Comparison(
            to_read, absent, self.n_rows, self.n_matched + n_others, self.last_id, self.modified, tuple(self.doubled)
        )

    def forget(self) -> None:
        """Take the comparison's own tables away."""
        for table in ("unmatched", "unlisted"):
            self._run(f"DROP TABLE IF EXISTS {self._dialect.temporary}.{table}")


def reconcile(store: Store, form_id: str, pages: Iterable[Sequence[LightRow]]) -> Comparison:
    """Compare a complete light scan with the live rows of a form; forgets rows set aside that are listed no longer.

    *pages* come in order of id, as the client gives them.
    """
    with store.scan() as connection:
        scan = _Scan(store, form_id, connection)
        for page in pages:
            scan.compare(page)
        return scan.end()


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

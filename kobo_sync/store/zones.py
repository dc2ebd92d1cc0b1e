"""Which rows belong to which zone: told by the mirror itself, without reading an answer but the zone's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.errors import StoreError
from kobo_sync.model import ELSEWHERE
from kobo_sync.store.database import Store, ensure_hashes
from kobo_sync.store.reading import EVERYWHERE, Where, first_answers, part_with, stored_parts
from kobo_sync.store.tables.layout import FlatTable

_MANY = 20  # zones from which on tables are indexed by zone
# A line per zone: the database puts the words of its rows side by side in a third of the time that looking at each takes here.
# Rows and files are read as they lie: by an index of random uuids each would be a page of its own.
_CONTENT = "s.root_uuid || ' ' || s.content_sha256"
_STATE = (
    f"{_CONTENT} || ' ' || s.submitted_at || ' ' || s.validated_at || ' ' || s.submission_id || ' ' || s.uuid || ' ' ||"
    " s.submitted_by || ' ' || s.form_version || ' ' || s.validation || ' ' || s.revision"
)
_FILE = "a.root_uuid || ' ' || a.filename || ' ' || a.sha256"
_ROWS = """SELECT d.zone, count(*), max(s.submitted_at), max(s.validated_at), {content}, {state}
 FROM submissions s {as_they_lie} LEFT JOIN ({rows}) d ON d.root_uuid = s.root_uuid
 WHERE s.form_id = ? AND s.gone_at IS NULL GROUP BY d.zone"""
_FILES = """SELECT d.zone, {files} FROM attachments a {as_they_lie} JOIN ({rows}) d ON d.root_uuid = a.root_uuid
 WHERE a.form_id = ? AND a.is_current AND a.sha256 IS NOT NULL GROUP BY d.zone"""
_UNHASHED = (
    "SELECT DISTINCT s.form_id FROM submissions s {as_they_lie} WHERE s.content_sha256 = '' AND s.gone_at IS NULL"
)
_TEXTS = {"content": _CONTENT, "state": _STATE, "files": _FILE}


@dataclass(frozen=True)
class ZoneColumn:
    """Where a form's rows say their zone: *column* of its own *table*, or of a repeat's, whose first item with an answer decides.

    *code* gives the zone that an answer means; None: answers are the zones' codes.
    """

    table: FlatTable
    column: str
    code: Callable[[object], str] | None = None


Answers = Mapping[str, Sequence[Any]]  # zone → the answers that mean it


@dataclass(frozen=True)
class Mark:
    """What the live rows of a zone, or of the mission, look like.

    *fingerprint*: of all contents (12 hex digits), equal for equal data whichever server or day they come from;
    *files*: of the attachments that are here; *states*: form by form of all that the mirror knows of the rows and their
    files; *seen_at*: the newest submission or validation (aware UTC); *counts*: rows per form.
    """

    fingerprint: str
    files: str
    states: Mapping[str, str]
    seen_at: datetime | None
    counts: Mapping[str, int]

    @property
    def state(self) -> str:
        """All *states* in one."""
        return " ".join(f"{form_id} {state}" for form_id, state in sorted(self.states.items()))


@dataclass
class _Sum:
    """A mark in the making: form after form."""

    content: Any = field(default_factory=hashlib.sha256)
    files: Any = field(default_factory=hashlib.sha256)
    states: dict[str, Any] = field(default_factory=dict)
    submitted_at: str = ""
    validated_at: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, form_id: str, n: int, submitted_at: str, validated_at: int, content: bytes, state: bytes) -> None:
        self.content.update(content)
        self._state(form_id).update(state)
        self.submitted_at = max(self.submitted_at, submitted_at)
        self.validated_at = max(self.validated_at, validated_at)
        self.counts[form_id] = self.counts.get(form_id, 0) + n

    def add_files(self, form_id: str, files: bytes) -> None:
        self.files.update(files)
        self._state(form_id).update(files)

    def _state(self, form_id: str) -> Any:
        if form_id not in self.states:
            self.states[form_id] = hashlib.sha256()
        return self.states[form_id]

    def mark(self, form_ids: Iterable[str]) -> Mark:
        validated_at = datetime.fromtimestamp(self.validated_at, UTC)
        seen_at = max(datetime.fromisoformat(self.submitted_at), validated_at) if self.counts else None
        counts = {form_id: self.counts.get(form_id, 0) for form_id in form_ids}
        states = {form_id: self._state(form_id).hexdigest() for form_id in form_ids}
        return Mark(self.content.hexdigest()[:12], self.files.hexdigest(), states, seen_at, counts)


def marks(
    store: Store, columns: Mapping[str, ZoneColumn | None], zones: Collection[str]
) -> tuple[Mark, dict[str, Mark]]:
    """The mark of the whole mirror, and that of each of *zones* and of what lies `ELSEWHERE`.

    *columns* maps each form to the column that says a row's zone, or to None. Memory grows with the rows that
    a zone has of a form, not with the zones. Raises: StoreError.
    """
    whole, sums = _Sum(), {zone: _Sum() for zone in (*zones, ELSEWHERE)}
    for form_id in _unhashed(store) & {*columns}:
        ensure_hashes(store, form_id)
    if len(zones) >= _MANY:
        _index(store, columns)
    with store.read() as connection:
        for form_id, column in sorted(columns.items()):
            rows = _zones_of(connection, form_id, column)
            code = (column.code if column else None) or _as_it_is
            for zone, n, submitted_at, validated_at, content, state in _read(connection, _ROWS, rows, form_id):
                figures = (n, submitted_at, validated_at, _lines(content), _lines(f"{zone}", state))
                for place in (whole, sums.get(code(zone), sums[ELSEWHERE])):
                    place.add(form_id, *figures)
            for zone, files in _read(connection, _FILES, rows, form_id):
                for place in (whole, sums.get(code(zone), sums[ELSEWHERE])):
                    place.add_files(form_id, _lines(files))
    return whole.mark(columns), {zone: total.mark(columns) for zone, total in sums.items()}


def _as_it_is(answer: object) -> str:
    return answer if isinstance(answer, str) else ELSEWHERE


def answers(store: Store, form_id: str, column: ZoneColumn) -> Answers:
    """What the rows of a form answer, as the database holds it, by the zone that it means; what means none by itself. Raises: StoreError."""
    by_zone: dict[str, list[Any]] = {}
    with store.read() as connection:
        dialect = dialect_of(connection)
        rows = _zones_of(connection, form_id, column)
        query = f"SELECT DISTINCT d.zone FROM ({rows}) d WHERE d.zone IS NOT NULL ORDER BY d.zone"
        for batch in dialect.batches(connection, query):
            for (answer,) in batch:
                by_zone.setdefault(column.code(answer) if column.code else answer, []).append(answer)
    return by_zone


def _unhashed(store: Store) -> set[str]:
    """The forms that have rows whose contents are not hashed, by one look at all rows: form by form it would be many."""
    with store.read() as connection:
        query = _UNHASHED.format(as_they_lie=store.dialect.as_they_lie)
        return {form_id for batch in store.dialect.batches(connection, query) for (form_id,) in batch}


def _index(store: Store, columns: Mapping[str, ZoneColumn | None]) -> None:
    """Index the forms' tables by zone where they are not: each zone's rows are asked for alone, and would cost a look at all."""
    missing = []
    with store.read() as connection:
        inspector = sa.inspect(connection)
        for each in filter(None, columns.values()):
            part = part_with(store.dialect, stored_parts(connection, each.table.name), each.column)
            name = store.dialect.stored(f"{part}_by_zone")
            if part and all(index["name"] != name for index in inspector.get_indexes(store.dialect.stored(part))):
                missing.append((part, each.column))
    if missing and not store.is_past:
        quoted = store.dialect.quoted
        with suppress(StoreError), store.begin() as connection:  # without one it is slow, and nothing else
            for part, column in missing:
                index = f"CREATE INDEX IF NOT EXISTS {quoted(f'{part}_by_zone')} ON {quoted(part)} ({quoted(column)})"
                store.dialect.run(connection, index)


def _zones_of(connection: sa.Connection, form_id: str, column: ZoneColumn | None) -> str:
    """The query for root uuid and zone of a form's rows; there are none before its first pull, and no zone where none is asked."""
    parts = stored_parts(connection, form_id)
    if not parts:
        return "SELECT NULL AS root_uuid, NULL AS zone"
    dialect = dialect_of(connection)
    part = part_with(dialect, stored_parts(connection, column.table.name), column.column) if column else ""
    if column and part and column.table.repeat:
        return first_answers(dialect, part, column.column)
    zone = dialect.quoted(column.column) if column and part else "NULL"
    return f"SELECT root_uuid, {zone} AS zone FROM {dialect.quoted(part or parts[0][0])}"


def _read(connection: sa.Connection, query: str, rows: str, form_id: str) -> Iterator[Any]:
    """The lines of *query*, a zone each; those of no zone come under None."""
    dialect = dialect_of(connection)
    texts = {name: dialect.joined(text, "char(10)") for name, text in _TEXTS.items()}
    statement = query.format(rows=rows, as_they_lie=dialect.as_they_lie, **texts)
    for lines in dialect.batches(connection, statement, (form_id,), at_once=1):
        yield from lines


def _lines(*texts: str) -> bytes:
    """The texts, each with its lines in an order of their own: that in which a database puts them is nowhere promised."""
    lines = (line for text in texts for line in sorted(text.split("\n")))
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def condition(
    form_table: FlatTable,
    column: ZoneColumn | None,
    zones: Sequence[str],
    all_zones: Sequence[str],
    said: Answers | None = None,
) -> Where:
    """The rows of a form, or of a repeat of it, that are in *zones*; *form_table* is the form's own.

    *zones* may be `ELSEWHERE` alone: the rows that are in none of *all_zones*. A form whose rows say no zone
    (*column* is None) is elsewhere. *said*: what its rows answer (`answers`), where that is not the zones' codes.
    """
    is_elsewhere = list(zones) == [ELSEWHERE]
    if column is None:
        return EVERYWHERE if is_elsewhere else Where("root_uuid", (), table=form_table.name)
    codes = all_zones if is_elsewhere else zones
    values = codes if said is None else [answer for code in codes for answer in said.get(code, ())]
    return Where(column.column, values, is_elsewhere, column.table.name, bool(column.table.repeat))

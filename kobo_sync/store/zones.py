"""Which rows belong to which zone, in one pass over the mirror and without reading an answer but the zone's."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from kobo_sync.store.database import Store, hash_contents
from kobo_sync.store.rows import FLAT_PREFIX, FlatTable

ELSEWHERE = ""  # the zone of rows whose zone is missing, or none of the mission's
EVERYWHERE: tuple[str, Sequence[str]] = ("", ())
_AT_ONCE = 2_000
_LIVE = """SELECT root_uuid, content_sha256, submitted_at, validated_at, submission_id || ' ' || uuid || ' ' ||
 submitted_by || ' ' || form_version || ' ' || validation || ' ' || revision FROM submissions
 WHERE form_id = ? AND gone_at IS NULL ORDER BY root_uuid"""
_FILES = """SELECT root_uuid, group_concat(file, char(10)) FROM (SELECT root_uuid, filename || ' ' || sha256 AS file
 FROM attachments WHERE form_id = ? AND is_current AND sha256 IS NOT NULL ORDER BY root_uuid, filename)
 GROUP BY root_uuid ORDER BY root_uuid"""


@dataclass(frozen=True)
class Mark:
    """What the live rows of a zone, or of the mission, look like.

    *fingerprint*: of all contents (12 hex digits), equal for equal data whichever server or day they come from;
    *files*: of the attachments that are here; *state*: of all that the mirror knows of the rows and their files;
    *seen_at*: the newest submission or validation (aware UTC); *counts*: rows per form.
    """

    fingerprint: str
    files: str
    state: str
    seen_at: datetime | None
    counts: Mapping[str, int]


@dataclass
class _Sum:
    """A mark in the making: rows come by root uuid."""

    content: Any = field(default_factory=hashlib.sha256)
    files: Any = field(default_factory=hashlib.sha256)
    state: Any = field(default_factory=hashlib.sha256)
    submitted_at: str = ""
    validated_at: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, form_id: str, content: bytes, state: bytes, submitted_at: str, validated_at: int) -> None:
        self.content.update(b"\n" + content if self.counts else content)
        self.state.update(state)
        if submitted_at > self.submitted_at:
            self.submitted_at = submitted_at
        if validated_at > self.validated_at:
            self.validated_at = validated_at
        self.counts[form_id] = self.counts.get(form_id, 0) + 1

    def mark(self, form_ids: Iterable[str]) -> Mark:
        validated_at = datetime.fromtimestamp(self.validated_at, UTC)
        seen_at = max(datetime.fromisoformat(self.submitted_at), validated_at) if self.counts else None
        counts = {form_id: self.counts.get(form_id, 0) for form_id in form_ids}
        return Mark(self.content.hexdigest()[:12], self.files.hexdigest(), self.state.hexdigest(), seen_at, counts)


def marks(store: Store, questions: Mapping[str, str], zones: Collection[str]) -> tuple[Mark, dict[str, Mark]]:
    """The mark of the whole mirror, and that of each of *zones* and of what lies `ELSEWHERE`.

    *questions* maps each form to the question that says a row's zone, or to nothing. Memory does not grow with the
    rows. Raises: StoreError.
    """
    whole, sums = _Sum(), {zone: _Sum() for zone in (*zones, ELSEWHERE)}
    with store.begin() as connection:
        streams = [_rows(connection, form_id, question) for form_id, question in questions.items()]
        for root, form_id, zone, content, submitted_at, validated_at, rest, files in merge(*streams, key=itemgetter(0)):
            said = f"{root} {content}".encode()
            state = f"{form_id} {zone} {root} {content} {submitted_at} {validated_at} {rest}\n{files}\n"
            place = sums[zone if zone in sums else ELSEWHERE]
            for each in (whole, place):
                each.add(form_id, said, state.encode("utf-8", "surrogatepass"), submitted_at, validated_at)
            if files:
                place.files.update(f"{root}\n{files}\n".encode("utf-8", "surrogatepass"))
    return whole.mark(questions), {zone: found.mark(questions) for zone, found in sums.items()}


def _rows(connection: sa.Connection, form_id: str, question: str) -> Iterator[tuple[Any, ...]]:
    """A form's live rows by root uuid, each with its zone and its files: three lists in one order, read side by side."""
    hash_contents(connection, form_id)
    owners = iter(())
    if question:
        table = _quoted(FLAT_PREFIX + form_id)
        owners = _read(connection, f"SELECT root_uuid, {_quoted(question)} FROM {table} ORDER BY root_uuid")
    zone_of, files_of = _Beside(owners), _Beside(_read(connection, _FILES, form_id))
    for root, *told in _read(connection, _LIVE, form_id):
        yield root, form_id, zone_of(root), *told, files_of(root)


class _Beside:
    """The value of a root in a list of (root, value) by root, asked for in that order."""

    def __init__(self, pairs: Iterator[Any]) -> None:
        self._pairs: Iterator[Any] = pairs
        self._now: Any = ("", None)

    def __call__(self, root: str) -> Any:
        while self._now is not None and self._now[0] < root:
            self._now = next(self._pairs, None)
        return self._now[1] if self._now is not None and self._now[0] == root else None


def _read(connection: sa.Connection, query: str, *values: str) -> Iterator[Any]:
    cursor = connection.connection.cursor()
    try:
        cursor.execute(query, values)
        while batch := cursor.fetchmany(_AT_ONCE):
            yield from batch
    finally:
        cursor.close()


def condition(
    table: FlatTable, form_id: str, question: str, zones: Sequence[str], known: Sequence[str]
) -> tuple[str, Sequence[str]]:
    """The rows of *table* (of the form, or of a repeat of it) that are in *zones*, as `Store.read_table` takes it.

    *zones* may be `ELSEWHERE` alone: the rows that are in none of those *known*. A form whose rows say no zone
    (*question* is empty) is elsewhere.
    """
    is_elsewhere = list(zones) == [ELSEWHERE]
    if not question:
        return EVERYWHERE if is_elsewhere else ("0", ())
    column, values = _quoted(question), known if is_elsewhere else zones
    marks = ",".join("?" * len(values))
    mine = f"({column} IS NULL OR {column} NOT IN ({marks}))" if is_elsewhere else f"{column} IN ({marks})"
    if not table.repeat:
        return mine, values
    return f"root_uuid IN (SELECT root_uuid FROM {_quoted(FLAT_PREFIX + form_id)} WHERE {mine})", values


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

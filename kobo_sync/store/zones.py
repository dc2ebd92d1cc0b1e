"""Which rows belong to which zone, in one pass over the mirror and without reading an answer but the zone's."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from kobo_sync.store import schema
from kobo_sync.store.database import Store, hash_contents
from kobo_sync.store.rows import FlatTable

ELSEWHERE = ""  # the zone of rows whose zone is missing, or none of the mission's
EVERYWHERE: tuple[str, Sequence[str]] = ("", ())
_AT_ONCE = 2_000
_FILES = """(SELECT group_concat(file, char(10)) FROM (SELECT filename || ' ' || sha256 AS file FROM attachments a
 WHERE a.form_id = s.form_id AND a.root_uuid = s.root_uuid AND is_current AND sha256 IS NOT NULL ORDER BY filename))"""
_ROWS = """SELECT s.root_uuid AS root, s.form_id, {zone}, s.content_sha256, s.submitted_at, s.validated_at,
 s.submission_id || ' ' || s.uuid || ' ' || s.submitted_by || ' ' || s.form_version || ' ' || s.validation || ' '
 || s.revision, {files} FROM submissions s {join} WHERE s.form_id = ? AND s.gone_at IS NULL"""


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

    def add(self, row: Sequence[Any]) -> None:
        root, form_id, zone, content, submitted_at, validated_at, rest, files = row
        self.content.update(f"{chr(10) if self.counts else ''}{root} {content}".encode("utf-8", "surrogatepass"))
        if files:
            self.files.update(f"{root}\n{files}\n".encode("utf-8", "surrogatepass"))
        said = f"{root} {form_id} {zone} {content} {submitted_at} {validated_at} {rest}\n{files}\n"
        self.state.update(said.encode("utf-8", "surrogatepass"))
        self.submitted_at = max(self.submitted_at, submitted_at)
        self.validated_at = max(self.validated_at, validated_at)
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
        for row in _rows(connection, questions):
            whole.add(row)
            sums[row[2] if row[2] in sums else ELSEWHERE].add(row)
    return whole.mark(questions), {zone: found.mark(questions) for zone, found in sums.items()}


def _rows(connection: sa.Connection, questions: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    parts = []
    for form_id, question in questions.items():
        hash_contents(connection, form_id)
        table = _quoted(schema.FLAT_PREFIX + form_id)
        held = {str(row[1]).lower() for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
        known = question.lower() in held
        zone = f"d.{_quoted(question)}" if known else "NULL"
        join = f"LEFT JOIN {table} d ON d.root_uuid = s.root_uuid" if known else ""
        parts.append(_ROWS.format(zone=zone, join=join, files=_FILES))
    if not parts:
        return
    cursor = connection.connection.cursor()
    try:
        cursor.execute(" UNION ALL ".join(parts) + " ORDER BY root", tuple(questions))
        while batch := cursor.fetchmany(_AT_ONCE):
            yield from batch
    finally:
        cursor.close()


def condition(table: FlatTable, form_id: str, question: str, zones: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The rows of *table* (of the form, or of a repeat of it) in one zone, as `Store.read_table` takes it.

    *zones*: that zone alone; or, for the rows `ELSEWHERE`, that and all others.
    """
    if not question:
        return ("0", ()) if zones[0] != ELSEWHERE else ("", ())
    column = _quoted(question)
    marks = ",".join("?" * (len(zones) - 1))
    if zones[0] == ELSEWHERE:
        mine, values = f"({column} IS NULL OR {column} NOT IN ({marks}))", zones[1:]
    else:
        mine, values = f"{column} = ?", zones[:1]
    if not table.repeat:
        return mine, values
    return f"root_uuid IN (SELECT root_uuid FROM {_quoted(schema.FLAT_PREFIX + form_id)} WHERE {mine})", values


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

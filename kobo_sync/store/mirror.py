"""What a pull writes: rows, revisions, flat rows, files and cursor of a page, all in one transaction."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from kobo_sync.errors import KoboUnexpected
from kobo_sync.kobo.listing import LightRow, Page, parse_head, parse_submission
from kobo_sync.model import Form, Submission
from kobo_sync.store.database import Store
from kobo_sync.store.files import list_files
from kobo_sync.store.flat import Flat
from kobo_sync.store.ledger import NO_CURSOR, Cursor, Ledger, Row, Tally
from kobo_sync.store.reconcile import Comparison, compare


@contextmanager
def _no_collector() -> Iterator[None]:
    """Spare the collector the page's many small objects: none of them is in a circle, all go with the page."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Mirror:
    """The rows of one form in the store; *form* gives the flat tables.

    Without *derive* neither flat tables nor the ledger of files follow: raw rows and cursor alone.
    """

    def __init__(self, store: Store, form: Form, tally: Tally | None = None, *, derive: bool = True) -> None:
        self.store, self.form, self._derive = store, form, derive
        self.tally = tally or Tally()
        self._ledger = Ledger(form.form_id, self.tally)
        self._flat = Flat(store, form, self.tally)

    # ── layout ──

    def prepare(self) -> bool:
        """Bring the flat tables to the form's layout; returns whether they were derived anew."""
        with self.store.begin() as connection:
            return self._flat.prepare(connection)

    def index(self) -> None:
        """Index the flat tables, once a first reading has filled them."""
        with self.store.begin() as connection:
            self._flat.index(connection)

    def rebuild(self) -> int:
        """Derive the flat tables again from the rows as received; returns the number of submissions."""
        with self.store.begin() as connection:
            self._flat.prepare(connection)
            return self._flat.rebuild(connection)

    # ── reading ──

    def cursor(self) -> Cursor:
        """How far the form was read."""
        with self.store.begin() as connection:
            return self._ledger.cursor(connection) or NO_CURSOR

    def note(self, values: Mapping[str, Any]) -> None:
        """Change what the cursor says."""
        with self.store.begin() as connection:
            self._ledger.put_cursor(connection, values)

    def low_water(self, overlap: timedelta) -> int:
        """The id to read above: rows that the last reading may have missed lie above it."""
        with self.store.begin() as connection:
            return self._ledger.low_water(connection, overlap)

    def write_page(self, page: Page, now: datetime, *, advance: bool) -> None:
        """Store a page's rows, and with *advance* the cursor behind them: together or not at all.

        A page without *advance* holds rows that a complete scan asked for, by id.
        """
        if not page.rows:
            return
        with _no_collector(), self.store.begin() as connection:
            changed = self._ledger.changed(connection, page, in_order=advance)
            self.tally.counts["unchanged"] += len(page.rows) - len(changed)
            rows: list[Row] = []
            parsed: dict[int, Submission] = {}
            for submission_id, raw, digest in changed:
                try:
                    rows.append(self._read(raw, digest, parsed))
                except KoboUnexpected as error:
                    self._ledger.set_aside(connection, submission_id, raw, error.message, now)
            if rows:
                self._ledger.let_in(connection, [row.head.submission_id for row in rows])
                written, stale = self._ledger.write(connection, rows, page, now, force=not advance)
                if self._derive:
                    submissions = [parsed[row.head.submission_id] for row in written]
                    self._flat.write(connection, submissions, stale)
                    list_files(connection, self.form.form_id, submissions, stale)
            if advance:
                self._ledger.advance(connection, max(submission_id for submission_id, _ in page.rows))

    def _read(self, raw: bytes, digest: bytes, parsed: dict[int, Submission]) -> Row:
        head = parse_head(raw)
        if self._derive:
            parsed[head.submission_id] = parse_submission(raw, self.form.form_id)
        return Row(head, raw, digest)

    # ── reconcile ──

    def compare(self, pages: Iterable[Sequence[LightRow]]) -> Comparison:
        """Hold a complete light scan against the mirror, in the database."""
        return compare(self.store, self.form.form_id, pages)

    def bury(self, root_uuids: Sequence[str], now: datetime) -> None:
        """Turn live rows into tombstones: content and revisions stay, flat rows go."""
        if root_uuids:
            with self.store.begin() as connection:
                self._ledger.bury(connection, root_uuids, now)
                self._flat.clear(connection, root_uuids)

    def miss(self, root_uuids: Sequence[str], now: datetime) -> None:
        """Remember that a complete scan lacked these rows, though they are not proved gone."""
        with self.store.begin() as connection:
            self._ledger.miss(connection, root_uuids, now)

    def n_live(self) -> int:
        """How many live rows are held, counted one by one."""
        with self.store.begin() as connection:
            return self._ledger.n_live(connection)

    def n_set_aside(self) -> int:
        """How many rows could not be understood and are kept apart."""
        with self.store.begin() as connection:
            return self._ledger.n_set_aside(connection)

    def ids_of(self, root_uuids: Iterable[str]) -> dict[str, int]:
        """root_uuid → id of those among *root_uuids* that are held and live."""
        with self.store.begin() as connection:
            return self._ledger.ids_of(connection, sorted(root_uuids))

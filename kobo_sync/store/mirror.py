"""What a pull writes: rows, revisions, flat rows, files and cursor of a page, all in one transaction."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from kobo_sync.databases.dialects import DuplicateKey
from kobo_sync.errors import KoboUnexpected, StoreError
from kobo_sync.model import Form
from kobo_sync.rows.listing import LightRow, Page, parse_head
from kobo_sync.rows.typed import head_column, head_columns
from kobo_sync.store import bulk_load, erased_rows
from kobo_sync.store.attachments import list_files
from kobo_sync.store.database import Store, is_about_the_file
from kobo_sync.store.derive_worker import WORTH
from kobo_sync.store.flat_tables import Flat
from kobo_sync.store.reconcile import Comparison, reconcile
from kobo_sync.store.set_aside import SetAsideRow, rows_set_aside
from kobo_sync.store.submissions import NO_CURSOR, Cursor, Row, SubmissionTable, Tally
from kobo_sync.store.tables.flatten import Placed
from kobo_sync.store.untold import Untold

_id_of = itemgetter(0)
FLUSHED_BYTES = 60_000_000  # so much is received between two copies of the log


def _is_of_a_row(error: BaseException) -> bool:
    """Whether *error* may be the fault of a row, and not that of the disk, of another process or of who stops the run."""
    if isinstance(error, StoreError):
        return not is_about_the_file(error)
    return isinstance(error, Exception) and not isinstance(error, OSError | MemoryError)


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
        self._ledger = SubmissionTable(form.form_id, self.tally)
        self._flat = Flat(store, form, self.tally)
        self._untold = Untold(form.form_id, self.tally)
        self._unflushed = 0
        self._erased: frozenset[str] | None = None  # read when the first page comes: nothing is erased beside a pull

    def close(self) -> None:
        """End what helped with a first reading; the store stays open."""
        self._flat.dismiss()

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """A transaction that changes the form's rows: one at a time, whichever machine it comes from."""
        with self.store.begin() as connection:
            self.store.dialect.lock(connection, f"form {self.form.form_id}")
            yield connection

    # ── layout ──

    def prepare(self) -> bool:
        """Bring the flat tables to the form's layout; returns whether they were derived anew."""
        with self._begin() as connection:
            if bulk_load.loading(connection, self.form.form_id) not in (None, self.form.form_id):
                bulk_load.settle(connection, self.form.form_id)  # another form's first reading was killed
            self._untold.resume(connection)
            is_new = self._flat.prepare(connection)
            self._untold.keep(connection)
            return is_new

    def told(self) -> None:
        """What the tally noticed was told: the next pull need not say it again."""
        with self._begin() as connection:
            self._untold.forget(connection)

    def index(self) -> None:
        """End a first reading: put in order what it appended, and index the tables that it filled."""
        with self._begin() as connection:
            self._settle(connection)

    def _settle(self, connection: sa.Connection) -> None:
        self._flat.dismiss()
        form_id, doubles = bulk_load.settle(connection, self.form.form_id)
        if form_id == self.form.form_id:
            self.tally.counts["doubles"] += len(doubles)
            self.tally.counts["new"] -= len(doubles)
        if self._derive:
            self._flat.prepare(connection)

    def rebuild(self) -> int:
        """Derive the flat tables again from the rows as received; returns the number of submissions."""
        with self._begin() as connection:
            bulk_load.settle(connection, self.form.form_id)
            return self._flat.rebuild(connection)

    # ── reading ──

    def cursor(self) -> Cursor:
        """How far the form was read."""
        with self.store.read() as connection:
            return self._ledger.cursor(connection) or NO_CURSOR

    def note(self, values: Mapping[str, Any]) -> None:
        """Change what the cursor says."""
        with self._begin() as connection:
            self._ledger.put_cursor(connection, values)

    def low_water(self, overlap: timedelta) -> int:
        """The id to read above: rows that the last reading may have missed lie above it."""
        with self.store.read() as connection:
            return self._ledger.low_water(connection, overlap)

    def ahead(self, page: Page) -> None:
        """Say which page comes after the one being written, from any thread: it may be derived meanwhile."""
        if not self._erased:  # else the page may be written otherwise than it came
            self._flat.ahead(page)

    def write_page(self, page: Page, now: datetime, *, advance: bool) -> None:
        """Store a page's rows, and with *advance* the cursor behind them: together or not at all.

        A page without *advance* holds rows that a complete scan asked for, by id.
        """
        if self._erased is None:
            with self.store.read() as connection:
                self._erased = erased_rows.erased(connection)
        if self._erased:
            page = erased_rows.without_erased(page, self.form.form_id, self._erased)
        if page.rows:
            try:
                with _no_collector():
                    self._write_page(page, now, advance=advance)
            except BaseException as error:
                if not _is_of_a_row(error):
                    raise
                self._write_singly(page, now, advance=advance, error=error)
            self._unflushed += len(page.body)
            if self._unflushed > FLUSHED_BYTES:
                self._unflushed = 0
                self.store.flush_behind()

    def _write_singly(self, page: Page, now: datetime, *, advance: bool, error: BaseException) -> None:
        """Store a page of which some row makes trouble that nobody foresaw: each by itself, and that one set aside.

        Raises: *error* when all of several rows do: then the fault is none of theirs, and the page is read again.
        """
        refused: list[tuple[int, bytes, str]] = []
        for submission_id, raw in page.rows:
            try:
                self._write_page(Page(1, ((submission_id, raw),)), now, advance=False)
            except Exception as of_row:
                if not _is_of_a_row(of_row):
                    raise
                # The error's own words may quote an answer: its kind does not.
                refused.append((submission_id, raw, f"the program cannot store it ({type(of_row).__name__})"))
        if len(refused) == len(page.rows) > 1:
            raise error
        with self._begin() as connection:
            for submission_id, raw, reason in refused:
                self._ledger.set_aside(connection, submission_id, raw, reason, now)
            if advance:
                self._ledger.advance(connection, max(submission_id for submission_id, _ in page.rows))

    def _write_page(self, page: Page, now: datetime, *, advance: bool) -> None:
        with self._counted(), self._begin() as connection:
            # What came poisoned once may come well again: it is judged anew.
            self._ledger.let_in(connection, [submission_id for submission_id, _ in page.rows])
            changed, clash = self._ledger.changed(connection, page, in_order=advance)
            self.tally.counts["unchanged"] += len(page.rows) - len(changed)
            unseen = self._loads(connection, page, may=advance and not clash) if changed else False
            if not (unseen and len(changed) == len(page.rows) and self._append(connection, page, now)):
                unseen = unseen and self.store.dialect.appends_unseen
                self._write(connection, changed, page, now, force=not advance, unseen=unseen)
            self._untold.keep(connection)
            if advance:
                self._ledger.advance(connection, max(map(_id_of, page.rows)))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """What is not stored does not count."""
        counts = self.tally.counts.copy()
        try:
            yield
        except BaseException:
            self.tally.counts.clear()
            self.tally.counts.update(counts)
            raise

    def _append(self, connection: sa.Connection, page: Page, now: datetime) -> bool:
        """Store a page of a first reading, its rows side by side; returns whether that could be."""
        derived = self._flat.derive(page) if self._derive else None
        heads = derived.heads if derived else None if self._derive else head_columns([raw for _, raw in page.rows])
        if heads is None or len(set(head_column(heads, "root_uuid"))) < len(page.rows):
            return False
        try:
            with self._counted(), self.store.dialect.guarded(connection):
                self._ledger.append(connection, heads, page.digests, page, now)
                if derived:
                    self._flat.append(connection, derived)
        except DuplicateKey:
            return False
        return True

    def _write(
        self,
        connection: sa.Connection,
        changed: Sequence[tuple[int, bytes, bytes]],
        page: Page,
        now: datetime,
        *,
        force: bool,
        unseen: bool,
    ) -> None:
        """Store rows one by one."""
        rows: list[Row] = []
        for submission_id, raw, digest in changed:
            try:
                rows.append(self._read(raw, digest))
            except KoboUnexpected as error:
                self._ledger.set_aside(connection, submission_id, raw, error.message, now)
        if rows:
            written, stale = self._ledger.write(connection, rows, page, now, force=force, unseen=unseen)
            if self._derive:
                submissions = [row.submission for row in written if row.submission]
                self._flat.write(connection, submissions, stale)
                listed = ((row.head.root_uuid, row.submission.attachments) for row in written if row.submission)
                list_files(connection, self.form.form_id, listed, stale)

    def _read(self, raw: bytes, digest: bytes) -> Row:
        if not self._derive or erased_rows.is_shell(raw):
            return Row(parse_head(raw), raw, digest)
        submission = self._flat.decode(raw)
        return Row(submission.head if isinstance(submission, Placed) else parse_head(raw), raw, digest, submission)

    def _loads(self, connection: sa.Connection, page: Page, *, may: bool) -> bool:
        """Whether the page's rows are appended unseen: in a first reading, as long as none has an id that is held."""
        form_id = self.form.form_id
        current = bulk_load.loading(connection, form_id)
        if may and current is None and bulk_load.may_load(connection, form_id, page.count):
            bulk_load.begin(connection, form_id)
            current = form_id
        if current is not None and not (may and current == form_id):
            self._settle(connection)
        loads = may and current == form_id
        if loads and self._derive and page.count >= WORTH:
            self._flat.get_help()
        return loads

    # ── erasure ──

    def erase(self, root_uuids: Collection[str], change: erased_rows.Change) -> int:
        """Leave nothing of these submissions but their shells, for good, and *change* what others say; returns how many states changed.

        The file must be vacuumed afterwards. Raises: StoreError.
        """
        with self._begin() as connection:
            self._settle(connection)
            n = erased_rows.erase(connection, self.form.form_id, root_uuids, change)
            self._flat.rebuild(connection)
        self._erased = None
        return n

    # ── reconcile ──

    def reconcile(self, pages: Iterable[Sequence[LightRow]]) -> Comparison:
        """Compare a complete light scan with the mirror, in the database; see `reconcile.reconcile`."""
        return reconcile(self.store, self.form.form_id, pages)

    def bury(self, root_uuids: Sequence[str], now: datetime) -> None:
        """Turn live rows into tombstones: content and revisions stay, flat rows go."""
        if root_uuids:
            with self._begin() as connection:
                self._ledger.bury(connection, root_uuids, now)
                self._flat.clear(connection, root_uuids)

    def miss(self, root_uuids: Sequence[str], now: datetime) -> None:
        """Remember that a complete scan lacked these rows, though they are not proved gone."""
        with self._begin() as connection:
            self._ledger.miss(connection, root_uuids, now)

    def recount_live(self) -> int:
        """How many live rows are held, counted one by one; the cursor is set right with it."""
        with self._begin() as connection:
            return self._ledger.recount_live(connection)

    def n_set_aside(self, *, held_too: bool = True) -> int:
        """How many rows could not be understood and are kept apart; see `SubmissionTable.n_set_aside`."""
        with self.store.read() as connection:
            return self._ledger.n_set_aside(connection, held_too=held_too)

    def rows_set_aside(self) -> list[SetAsideRow]:
        """The rows that could not be understood and are kept apart, in the order of their ids."""
        with self.store.read() as connection:
            return rows_set_aside(connection, self.form.form_id)

    def keys_of(self, root_uuids: Iterable[str]) -> dict[str, str]:
        """root_uuid → what the server calls it, of those among *root_uuids* that are held and live."""
        with self.store.read() as connection:
            return self._ledger.keys_of(connection, sorted(root_uuids))

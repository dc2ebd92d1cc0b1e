"""The flat tables of one form in the database: derived from the rows as received, and from these alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import sqlalchemy as sa

from kobo_sync.databases.dialects import Dialect
from kobo_sync.errors import KoboUnexpected
from kobo_sync.model import Form, Question, Submission
from kobo_sync.rows.listing import Page
from kobo_sync.store import bulk_load, schema
from kobo_sync.store.database import Store
from kobo_sync.store.derive_worker import DeriveWorker, spare_processor
from kobo_sync.store.erased_rows import is_shell
from kobo_sync.store.labels import write_labels
from kobo_sync.store.raw_pages import RawPages
from kobo_sync.store.reading import stored_parts
from kobo_sync.store.submissions import Tally
from kobo_sync.store.tables.derive import Derived, derive, table_inserts
from kobo_sync.store.tables.flatten import Flattener, Placed
from kobo_sync.store.tables.layout import (
    CHOSEN,
    CHOSEN_PREFIX,
    Column,
    FlatTable,
    Kind,
    Part,
    dump_tables,
    flat_tables,
    load_tables,
    merge_tables,
    part_name,
    parts_of,
    view_name,
)

S = schema.submissions
BATCH = 500
MOMENTS = frozenset({"start", "end", "dateTime"})


class Flat:
    """The tables of *form* and of its versions before; every method but `tables` works in a transaction."""

    def __init__(self, store: Store, form: Form, tally: Tally) -> None:
        self.store, self.form, self.tally = store, form, tally
        self.dialect = store.dialect
        self._flattener = Flattener(flat_tables(form), form)
        self._aside: DeriveWorker | None = None

    @property
    def tables(self) -> Sequence[FlatTable]:
        """The tables, also those that only older versions of the form fill."""
        return self._flattener.tables

    # ── layout ──

    def prepare(self, connection: sa.Connection) -> bool:
        """Bring the tables to the form's layout; derives them anew when the form changed.

        Returns: whether they were derived anew.
        """
        held_before, is_same = self._follow(connection)
        if is_same:
            if bulk_load.loading(connection, self.form.form_id) is None:
                self.index(connection)
        elif held_before:
            self._derive(connection)
        else:
            self._lay_out(connection)
        return held_before and not is_same

    def _follow(self, connection: sa.Connection) -> tuple[bool, bool]:
        """Merge the form's tables into those held; returns whether there were any, and whether nothing changed."""
        layouts = schema.flat_layouts
        mine = layouts.c.form_id == self.form.form_id
        recorded = connection.execute(sa.select(layouts).where(mine)).first()
        stored = load_tables(recorded.layout) if recorded else ()
        tables, conflicts = merge_tables(stored, flat_tables(self.form))
        self._flattener = Flattener(tables, self.form)
        if (
            recorded
            and recorded.form_sha256 == _stamp(self.form)
            and stored == tables
            and self._has_its_parts(connection)
        ):
            return True, True
        self.tally.conflicts |= set(conflicts)
        connection.execute(layouts.delete().where(mine))
        connection.execute(
            layouts.insert().values(
                form_id=self.form.form_id, form_sha256=_stamp(self.form), layout=dump_tables(tables)
            )
        )
        return recorded is not None, False

    def _has_its_parts(self, connection: sa.Connection) -> bool:
        """Whether wide tables are kept as they are now: 1,900 to 2,000 columns were once in a table of their own."""
        wide = [(table.name, parts) for table in self.tables if len(parts := self._parts(table)) > 1]
        return all(len(stored_parts(connection, name)) == len(parts) for name, parts in wide)

    def _parts(self, table: FlatTable) -> tuple[Part, ...]:
        return parts_of(table, self.dialect.part_width)

    def _lay_out(self, connection: sa.Connection) -> None:
        """Make the tables and views, empty: a column's type cannot be changed, and rows are quickly derived again."""
        quoted, run = self.dialect.quoted, self.dialect.run
        for table in self.tables:
            n_parts = max(len(self._parts(table)), len(stored_parts(connection, table.name)))
            for n in range(1, n_parts + 1):
                run(connection, f"DROP VIEW IF EXISTS {quoted(view_name(table.name, n))}")
                run(connection, f"DROP TABLE IF EXISTS {quoted(part_name(table.name, n))}")
            run(connection, f"DROP TABLE IF EXISTS {quoted(CHOSEN_PREFIX + table.name)}")
        for part in (part for table in self.tables for part in self._parts(table)):
            self._create(connection, part.name, [*part.system, *((each.name, each.kind) for each in part.columns)])
        for table in self.tables:
            if any(column.many for column in table.columns):
                self._create(connection, CHOSEN_PREFIX + table.name, CHOSEN)
        write_labels(connection, self.form)
        questions = {question.name: question for question in reversed(self.form.questions)}
        questions |= {question.path: question for question in self.form.questions}
        for table in self.tables:
            for part in self._parts(table):
                run(connection, _view(self.dialect, self.form, table, part, questions))

    def _create(self, connection: sa.Connection, name: str, columns: Sequence[tuple[str, Kind]]) -> None:
        quoted, kinds = self.dialect.quoted, self.dialect.kinds
        fields = ", ".join(f"{quoted(column)} {kinds[kind]}" for column, kind in columns)
        self.dialect.run(connection, f"CREATE TABLE {quoted(name)} ({fields})")

    def index(self, connection: sa.Connection) -> None:
        """Index the tables by submission, once a first reading has filled them: far cheaper than row by row."""
        quoted = self.dialect.quoted
        for name in self._names():
            index = f"CREATE INDEX IF NOT EXISTS {quoted(f'{name}_by_root')} ON {quoted(name)} (root_uuid)"
            self.dialect.run(connection, index)

    # ── rows ──

    def decode(self, raw: bytes) -> Submission | Placed:
        """A row, ready for `write`. Raises: KoboUnexpected."""
        return self._flattener.decode(raw)

    def write(
        self, connection: sa.Connection, submissions: Sequence[Submission | Placed], stale: Sequence[str] = ()
    ) -> None:
        """Put the rows of *submissions* in place of those that *stale* root uuids have."""
        self.clear(connection, stale)
        flat = self._flattener.flatten(submissions)
        self.dialect.insert(connection, table_inserts(self.dialect, self.tables, flat))
        self.tally.unknown |= flat.unknown
        self.tally.misfits |= flat.misfits
        self.tally.altered |= flat.altered

    def get_help(self) -> None:
        """Have pages derived by a second process from now on, where one has a processor to itself."""
        if self._aside is None and spare_processor():
            with suppress(OSError):
                self._aside = DeriveWorker(self.tables, self.form, self.dialect)

    def dismiss(self) -> None:
        """End that process."""
        if self._aside:
            self._aside.close()
        self._aside = None

    def ahead(self, page: Page) -> None:
        """Give it a page that `derive` will be asked for, from any thread."""
        aside = self._aside
        if aside:
            aside.send(page)

    def derive(self, page: Page) -> Derived | None:
        """A page's rows side by side, ready for `append`; None when one of them has to be read by itself."""
        derived = self._aside.take(page) if self._aside else None
        if derived or not page.body:
            return derived
        columns = self._flattener.columns(page.body)
        return derive(self._flattener, columns, self.dialect) if columns else None

    def append(self, connection: sa.Connection, derived: Derived) -> None:
        """Add the rows, and the files, of submissions that the tables do not hold."""
        self.dialect.insert(connection, derived.inserts)
        self.tally.unknown |= set(derived.unknown)
        self.tally.misfits |= set(derived.misfits)
        self.tally.altered |= set(derived.altered)

    def clear(self, connection: sa.Connection, root_uuids: Sequence[str]) -> None:
        """Take the rows of these submissions out."""
        for name in self._names() if root_uuids else ():
            condition, listed = self.dialect.among("root_uuid", root_uuids)
            self.dialect.run(connection, f"DELETE FROM {self.dialect.quoted(name)} WHERE {condition}", (listed,))

    def rebuild(self, connection: sa.Connection) -> int:
        """Derive the tables again from the rows as received alone; returns how many submissions they hold now."""
        self._follow(connection)
        return self._derive(connection)

    def _derive(self, connection: sa.Connection) -> int:
        self._lay_out(connection)
        n, some = 0, list[Submission | Placed]()
        for submission in self._live(connection):
            n += 1
            some.append(submission)
            if len(some) == BATCH:
                self.write(connection, some)
                some = []
        self.write(connection, some)
        self.index(connection)
        return n

    def _live(self, connection: sa.Connection) -> Iterator[Submission | Placed]:
        bodies = RawPages(connection)
        places = (
            sa.select(S.c.body_id, S.c.body_at, S.c.body_n)
            .where(S.c.form_id == self.form.form_id, S.c.gone_at.is_(None))
            .order_by(S.c.body_id, S.c.body_at)
        )
        for some in connection.execute(places).partitions(BATCH):
            for place in some:
                raw = bodies.row((place[0], place[1], place[2]))
                if is_shell(raw):
                    continue
                try:
                    yield self.decode(raw)
                except KoboUnexpected:
                    continue  # counted when it was read

    def _names(self) -> list[str]:
        chosen = [CHOSEN_PREFIX + table.name for table in self.tables if any(column.many for column in table.columns)]
        return [part.name for table in self.tables for part in self._parts(table)] + chosen


def _stamp(form: Form) -> str:
    """What the tables rest on besides their layout: the form, and what it keeps to itself."""
    hides = form.is_anonymous or form.consent[0]
    return (
        hashlib.sha256(f"{form.sha256} {form.is_anonymous} {form.consent}".encode()).hexdigest()
        if hides
        else form.sha256
    )


# ── views for people ──


def _view(dialect: Dialect, form: Form, table: FlatTable, part: Part, questions: Mapping[str, Question]) -> str:
    """A view with the form's labels, in French where it has them: codes by their labels, moments in UTC besides."""
    language = next((each for each in ("fr", form.default_language) if each in form.languages), "")
    language = language or next(iter(form.languages), "")
    quoted = dialect.quoted
    selected = [f"t.{quoted(name)}" for name, _ in part.system]
    used_names = {name for name, _ in part.system}
    n_spare = dialect.view_width - len(part.system) - len(part.columns)
    for column in part.columns:
        question = questions.get(column.path or column.question)
        label = " ".join((question.labels.get(language, "") if question else "").split()) or column.name
        if column.part >= 0:
            label = f"{label} ({column.name})"
        label = _free(_fitting(dialect, label), column.name, used_names)
        selected.append(f"{_shown(dialect, form, table, column, question, language)} AS {quoted(label)}")
        if question and question.kind in MOMENTS and n_spare > 0:
            n_spare -= 1
            utc = _free(f"{label} (UTC)", column.name, used_names)
            selected.append(f"{dialect.utc(f't.{quoted(column.name)}')} AS {quoted(utc)}")
    return f"CREATE VIEW {quoted(part.view)} AS SELECT {', '.join(selected)} FROM {quoted(part.name)} t"


def _fitting(dialect: Dialect, label: str) -> str:
    """The label, cut where the database has no room for all of it: what follows it is told by the form."""
    packed = label.encode("utf-8", "replace")
    room = dialect.name_bytes - 3
    return label if len(packed) <= dialect.name_bytes else packed[:room].decode("utf-8", "ignore") + "…"


def _shown(
    dialect: Dialect, form: Form, table: FlatTable, column: Column, question: Question | None, language: str
) -> str:
    quoted = dialect.quoted
    cell = f"t.{quoted(column.name)}"
    if question is None or not form.choices.get(question.list_name):
        return cell
    of = f"l.form_id = {_text(form.form_id)} AND l.question = {_text(question.name)} AND l.language = {_text(language)}"
    if question.kind == "select_one":
        return f"coalesce((SELECT l.label FROM labels l WHERE {of} AND l.code = {cell}), {cell})"
    if not column.many:
        return cell
    position = "t.position" if table.repeat else "0"
    shown = dialect.joined("coalesce(l.label, c.choice)", "', '")
    return (
        f"(SELECT {shown} FROM {quoted(CHOSEN_PREFIX + table.name)} c"
        f" LEFT JOIN labels l ON {of} AND l.code = c.choice WHERE c.root_uuid = t.root_uuid"
        f" AND c.position = {position} AND c.question = {_text(column.chosen_as)})"
    )


def _free(label: str, name: str, used_names: set[str]) -> str:
    candidate, n = label, 2
    while candidate.casefold() in used_names:
        candidate, n = f"{label} ({name})" if n == 2 else f"{label} ({name} {n})", n + 1
    used_names.add(candidate.casefold())
    return candidate


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

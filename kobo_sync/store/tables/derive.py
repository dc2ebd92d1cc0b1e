"""What the rows of a page say, ready to be stored: worked out without the database, here or `derive_worker`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kobo_sync.databases.dialects import Dialect, Inserts
from kobo_sync.rows.typed import Columns, File, HeadColumns, head_column
from kobo_sync.store.tables.flatten import Flattened, Flattener
from kobo_sync.store.tables.layout import CHOSEN, CHOSEN_PREFIX, FlatTable, parts_of

FILE_TABLE = "attachments"
FILE_COLUMNS = (
    *("form_id", "root_uuid", "attachment_uid"),
    *("filename", "question_path", "mimetype", "url", "is_deleted", "is_current"),
)


class Derived(NamedTuple):
    """Rows side by side: the columns of their heads, what goes into the flat tables and the ledger of files,
    and what does not (see `flatten.Flattened`)."""

    heads: HeadColumns
    inserts: Inserts
    unknown: Sequence[str]
    misfits: Sequence[str]
    altered: Sequence[str]


def derive(flattener: Flattener, columns: Columns, dialect: Dialect) -> Derived:
    """What many rows say, none of which is held: *columns* is what *flattener* gave last."""
    flat = flattener.flatten_columns(columns)
    files = _file_inserts(dialect, flattener.form_id, head_column(columns.heads, "root_uuid"), columns.files)
    inserts = table_inserts(dialect, flattener.tables, flat) + files
    return Derived(columns.heads, inserts, sorted(flat.unknown), sorted(flat.misfits), sorted(flat.altered))


def table_inserts(dialect: Dialect, tables: Sequence[FlatTable], flat: Flattened) -> Inserts:
    """How the rows of *flat* get into the flat tables; `Flattened.altered` gathers what cannot be kept as it came."""
    chosen = [name for name, _ in CHOSEN]
    inserts: Inserts = []
    for table in tables:
        columns = flat.columns[table.name]
        for part in parts_of(table, dialect.part_width):
            names = [name for name, _ in part.system] + [column.name for column in part.columns]
            values = [columns[at] for at in part.places]
            inserts += dialect.inserts_of(part.name, names, values, flat.altered)
        inserts += dialect.inserts_of(CHOSEN_PREFIX + table.name, chosen, flat.chosen[table.name])
    return inserts


def _file_inserts(
    dialect: Dialect, form_id: str, root_uuids: Sequence[str], files: Sequence[Sequence[File]]
) -> Inserts:
    listed = [
        (root, file)
        for root, some in zip(root_uuids, files, strict=True)
        for file in (some if len(some) < 2 else {file.uid: file for file in some}.values())
    ]
    columns: list[list[object]] = [
        [root for root, _ in listed],
        [file.uid for _, file in listed],
        [file.name for _, file in listed],
        [file.question_xpath or "" for _, file in listed],
        [file.mimetype or "" for _, file in listed],
        [file.download_url or "" for _, file in listed],
        [int(file.is_deleted) for _, file in listed],  # to `sqlite3` a bool is a stranger, and slow
    ]
    n = len(listed)
    return dialect.inserts_of(FILE_TABLE, FILE_COLUMNS, [[form_id] * n, *columns, [1] * n])

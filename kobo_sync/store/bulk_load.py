"""A form's first reading: its rows are appended without a look at what is held, and put in order at the end.

While it lasts the two indexes over random uuids are away (a fact of the mirror says for which form). Killed in
between, the next reading goes on; whatever else needs the indexes first puts things in order. On PostgreSQL several
forms may be read at once: there the indexes stay, and a row that is there already makes its page be read row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.rows.listing import parse_submission
from kobo_sync.store import schema
from kobo_sync.store.attachments import list_files
from kobo_sync.store.raw_pages import RawPages

S, A, F = schema.submissions, schema.attachments, schema.facts
LOADING = "loading"
WORTH = 4  # rows held for each row listed, above which making the indexes anew costs more than it saves
_LOWER = """DELETE FROM submissions WHERE row_id IN (SELECT row_id FROM (SELECT row_id, row_number()
 OVER (PARTITION BY root_uuid ORDER BY submission_id DESC) AS at FROM submissions WHERE form_id = ?) WHERE at > 1)
 RETURNING root_uuid"""


def loading(connection: sa.Connection, form_id: str) -> str | None:
    """The form that is being loaded, if any is; on PostgreSQL only whether *form_id* is."""
    return connection.execute(sa.select(F.c.value).where(F.c.name == _fact(connection, form_id))).scalar()


def _fact(connection: sa.Connection, form_id: str) -> str:
    return LOADING if dialect_of(connection).appends_unseen else f"{LOADING} {form_id}"


def may_load(connection: sa.Connection, form_id: str, listed: int) -> bool:
    """Whether a form of which *listed* rows are announced is to be loaded: nothing of it is held, and it is large."""
    if connection.execute(sa.select(S.c.row_id).where(S.c.form_id == form_id).limit(1)).first():
        return False
    if not dialect_of(connection).appends_unseen:
        return True
    n_stored = connection.execute(sa.select(sa.func.max(S.c.row_id))).scalar() or 0
    return listed * WORTH >= n_stored


def begin(connection: sa.Connection, form_id: str) -> None:
    """Take the indexes away, and remember for whom."""
    connection.execute(F.insert().values(name=_fact(connection, form_id), value=form_id))
    for index in (schema.by_root, schema.by_file) if dialect_of(connection).appends_unseen else ():
        index.drop(connection, checkfirst=True)


def settle(connection: sa.Connection, of_form: str) -> tuple[str, list[str]]:
    """Put things in order before *of_form* is worked on; returns the form that was loaded, and its root uuids of which a
    double was taken out.

    Of two rows with one root uuid the higher id lives, as everywhere.
    """
    form_id = loading(connection, of_form)
    if form_id is None:
        return "", []
    doubles = _index(connection, form_id) if dialect_of(connection).appends_unseen else []
    connection.execute(F.delete().where(F.c.name == _fact(connection, form_id)))
    return form_id, doubles


def _index(connection: sa.Connection, form_id: str) -> list[str]:
    doubles: list[str] = []
    try:
        schema.by_root.create(connection)
    except IntegrityError:
        doubles = sorted(connection.exec_driver_sql(_LOWER, (form_id,)).scalars())
        schema.by_root.create(connection)
        _list_again(connection, form_id, sorted(set(doubles)))
        cursors, layouts = schema.cursors, schema.flat_layouts
        n_live = cursors.c.n_live - len(doubles)
        connection.execute(cursors.update().where(cursors.c.form_id == form_id).values(n_live=n_live))
        # The tables hold both rows of each: another version's mark has them derived again.
        connection.execute(layouts.update().where(layouts.c.form_id == form_id).values(form_sha256=""))
    schema.by_file.create(connection)
    return doubles


def _list_again(connection: sa.Connection, form_id: str, root_uuids: Sequence[str]) -> None:
    bodies = RawPages(connection)
    for root_uuid in root_uuids:
        connection.execute(A.delete().where(A.c.form_id == form_id, A.c.root_uuid == root_uuid))
        mine = (S.c.form_id == form_id) & (S.c.root_uuid == root_uuid)
        place = connection.execute(sa.select(S.c.body_id, S.c.body_at, S.c.body_n).where(mine)).one()
        submission = parse_submission(bodies.row((place[0], place[1], place[2])), form_id)
        list_files(connection, form_id, [(root_uuid, submission.attachments)], ())

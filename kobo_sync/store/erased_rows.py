"""Submissions erased for good: what stands for them in the mirror, and how they are kept from coming back with a pull.

Of an erased submission its shell stays: the server's own numbers, its times and its status, no answer and no file. With it a pull
still proves its count, and asks for nothing again. That a submission was erased is remembered by a hash of its root uuid: whatever
the server sends of it later, an edit too, only its shell is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.errors import KoboUnexpected
from kobo_sync.rows.listing import Page, parse_head
from kobo_sync.store import schema
from kobo_sync.store.erasure import point, stored
from kobo_sync.store.raw_pages import Place, RawPages

S, R, B, Q, A, F = (
    schema.submissions,
    schema.revisions,
    schema.bodies,
    schema.quarantine,
    schema.attachments,
    schema.facts,
)
MARK = b'{"_erased":true,'  # how a shell begins, and no row of a server
FACT = "erased rows"
_KEPT = ("_id", "_uuid", "meta/rootUuid", "_submission_time", "_submitted_by", "_validation_status", "__version__", "_server_key")  # fmt: skip
Change = Callable[[str, bytes], bytes]  # root uuid, a state of the row → what is kept of it


def hashed(form_id: str, root_uuid: str) -> str:
    """What is remembered of an erased submission."""
    return hashlib.sha256(f"{form_id} {root_uuid}".encode()).hexdigest()


def is_shell(raw: bytes) -> bool:
    """Whether *raw* is what stands for an erased submission."""
    return raw.startswith(MARK)


def shell_of(raw: bytes) -> bytes:
    """What is kept of a row: who sent it when, what the server calls it, and what its light listing tells.

    Raises: KoboUnexpected when its identity has no known shape.
    """
    if is_shell(raw):
        return raw
    row = json.loads(raw)
    kept = {"_erased": True, **{key: row[key] for key in _KEPT if key in row}, "_signature": parse_head(raw).signature}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def erased(connection: sa.Connection) -> frozenset[str]:
    """The hashes of all submissions that were erased."""
    value = connection.execute(sa.select(F.c.value).where(F.c.name == FACT)).scalar()
    return frozenset((value or "").split())


def remember(connection: sa.Connection, form_id: str, root_uuids: Collection[str]) -> None:
    """Keep these submissions from coming back."""
    every = sorted(erased(connection) | {hashed(form_id, root_uuid) for root_uuid in root_uuids})
    connection.execute(F.delete().where(F.c.name == FACT))
    connection.execute(F.insert().values(name=FACT, value=" ".join(every)))


def without_erased(page: Page, form_id: str, hashes: Collection[str]) -> Page:
    """The page with shells in place of the rows that were erased; the page itself where it has none."""
    rows = [(number, _let_in(raw, form_id, hashes)) for number, raw in page.rows]
    if all(new is raw for (_, new), (_, raw) in zip(rows, page.rows, strict=True)):
        return page
    return Page(page.count, tuple(rows), unchanged=page.unchanged)


def _let_in(raw: bytes, form_id: str, hashes: Collection[str]) -> bytes:
    try:
        return shell_of(raw) if hashed(form_id, parse_head(raw).root_uuid) in hashes else raw
    except KoboUnexpected:  # set aside, as any other row that is not understood
        return raw


# ── erasing ─────────────────────────────────────────────────────────────────


def states(connection: sa.Connection, form_id: str) -> Iterator[tuple[str, Place, bytes]]:
    """(root uuid, place, content) of every state of every row of the form."""
    bodies = RawPages(connection)
    for place, root_uuid in sorted(_places(connection, form_id).items()):
        yield root_uuid, place, bodies.row(place)


def newest(connection: sa.Connection, form_id: str) -> Iterator[tuple[str, bytes]]:
    """(root uuid, content) of every row of the form as it is now, or was before it was deleted."""
    bodies = RawPages(connection)
    columns = (S.c.root_uuid, S.c.body_id, S.c.body_at, S.c.body_n)
    query = sa.select(*columns).where(S.c.form_id == form_id).order_by(S.c.body_id, S.c.body_at)
    for root_uuid, body_id, at, n in connection.execute(query).all():
        yield root_uuid, bodies.row((body_id, at, n))


def erase(connection: sa.Connection, form_id: str, root_uuids: Collection[str], change: Change) -> int:
    """Leave shells of these submissions and *change* all others, in all their states; returns how many states changed.

    What the server packed together is written anew where anything of it changed. The tables follow by `Mirror`.
    """
    mine = frozenset(root_uuids)
    new: dict[Place, bytes] = {}
    for root_uuid, place, raw in states(connection, form_id):
        clean = shell_of(raw) if root_uuid in mine else change(root_uuid, raw)
        if clean != raw:
            new[place] = clean
    _write(connection, form_id, new)
    for root_uuid in sorted(mine):
        here = (S.c.form_id == form_id) & (S.c.root_uuid == root_uuid)
        row = connection.execute(sa.select(S.c.body_id, S.c.body_at, S.c.body_n).where(here)).first()
        if row is not None:
            digest = hashlib.sha256(RawPages(connection).row((row[0], row[1], row[2]))).digest()
            connection.execute(S.update().where(here).values(raw_sha256=digest))
        connection.execute(A.delete().where(A.c.form_id == form_id, A.c.root_uuid == root_uuid))
    remember(connection, form_id, mine)
    return len(new)


def _write(connection: sa.Connection, form_id: str, new: Mapping[Place, bytes]) -> None:
    if not new:
        return
    touched = {place[0] for place in new}
    places = sorted(place for place in _places(connection, form_id) if place[0] in touched)
    bodies = RawPages(connection)
    batch = [(place, new.get(place) or bodies.row(place)) for place in places]
    point(connection, form_id, stored(connection, batch))


def _places(connection: sa.Connection, form_id: str) -> dict[Place, str]:
    places: dict[Place, str] = {}
    for T in (S, R):
        columns = (T.c.body_id, T.c.body_at, T.c.body_n, T.c.root_uuid)
        query = sa.select(*columns).where(T.c.form_id == form_id, T.c.body_id.is_not(None))
        places |= {(body_id, at, n): root_uuid for body_id, at, n, root_uuid in connection.execute(query)}
    return places


def set_aside_of(connection: sa.Connection, form_id: str) -> Iterator[tuple[int, bytes]]:
    """(number, content) of the rows of the form that could not be understood."""
    yield from map(tuple, connection.execute(sa.select(Q.c.submission_id, Q.c.raw).where(Q.c.form_id == form_id)).all())


def blank_set_aside(connection: sa.Connection, form_id: str, numbers: Sequence[int]) -> None:
    """Take the content of rows that could not be understood out."""
    for number in numbers:
        here = (Q.c.form_id == form_id) & (Q.c.submission_id == number)
        connection.execute(Q.update().where(here).values(raw=b"", reason="erased"))


def files_of_rows(connection: sa.Connection, form_id: str, root_uuids: Collection[str]) -> dict[str, str]:
    """SHA-256 → file name of what these submissions list and no other one does, of the files that are here."""
    listed = sa.select(A.c.sha256, A.c.filename, A.c.form_id, A.c.root_uuid).where(A.c.sha256.is_not(None))
    own: dict[str, str] = {}
    others: set[str] = set()
    for sha256, filename, form, root_uuid in connection.execute(listed):
        if form == form_id and root_uuid in root_uuids:
            own[sha256] = filename
        else:
            others.add(sha256)
    return {sha256: name for sha256, name in own.items() if sha256 not in others}


def shells_on_server(connection: sa.Connection, form_id: str) -> dict[str, str]:
    """root uuid → what the server calls it, of the erased submissions that the server still had at the last pull."""
    dialect, hashes = dialect_of(connection), erased(connection)
    if not hashes:
        return {}
    query = "SELECT root_uuid, server_key FROM submissions WHERE form_id = ? AND gone_at IS NULL"
    rows = dialect.rows(connection, query, (form_id,))
    return {root_uuid: key for root_uuid, key in rows if hashed(form_id, root_uuid) in hashes}

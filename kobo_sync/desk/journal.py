"""The journal: who did what and when, appended and never changed, each entry bound to the one before it by its hash.

An entry is written in the transaction of the act itself, as its last statement: neither is there without the other, and whoever
waits for the journal waits for nothing else. It names accounts, files, runs and rows (these by their uuid), and nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from kobo_sync.databases.dialects import dialect_of
from kobo_sync.databases.storable import storable
from kobo_sync.desk import schema
from kobo_sync.desk.chain import NOTHING_BEFORE, seal
from kobo_sync.desk.database import Desk
from kobo_sync.desk.kept_head import NOTED

J = schema.journal
LOCK = "journal"
ROWS_AT_ONCE = 5_000
NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)  # of an entry whose own cannot be read: `breaks` tells


@dataclass(frozen=True)
class Entry:
    """One act: *by* is an account, ``user@machine`` for the command line, or in brackets what is no person: ``(schedule)``, ``(link 7)``.

    *act* is a word of this program (a job's name, download, change, …), *subject* what it was done to, *details* more of it.
    """

    number: int
    at: datetime
    by: str
    act: str
    subject: str
    details: Mapping[str, str]
    sha256: str


@dataclass(frozen=True)
class Head:
    """The last entry of a journal at some moment: 0 and `NOTHING_BEFORE` for an empty one."""

    number: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.number}:{self.sha256}"


@dataclass(frozen=True)
class Break:
    """Where the chain does not hold.

    *kind* is ``missing``: entries *first* to *last* are not there; ``unfit``: *first* does not continue the one before, nor do those up
    to *last*; ``cut``: *where* has kept an entry *first* that is not there, or is another one.
    """

    kind: str
    first: int
    last: int
    where: str = ""


def append(connection: sa.Connection, act: str, subject: str = "", *, by: str, now: datetime, **details: str) -> None:
    """Write an entry, as the last statement of the transaction whose act it tells. Raises: StoreError (through `Desk.begin`)."""
    dialect_of(connection).lock(connection, LOCK)
    query = sa.select(J.c.number, J.c.sha256).order_by(J.c.number.desc()).limit(1)
    last = connection.execute(query).first()
    number, before = (last.number + 1, last.sha256) if last else (1, NOTHING_BEFORE)
    by, subject = storable(by), storable(subject)
    text = storable(json.dumps(details, ensure_ascii=False, sort_keys=True)) if details else ""
    sha256 = seal(before, number, kept_moment(now), by, act, subject, text)
    values = {"number": number, "at": now, "by": by, "act": act, "subject": subject, "details": text, "sha256": sha256}
    connection.execute(J.insert().values(**values))
    connection.info[NOTED] = True


def note(desk: Desk, act: str, subject: str = "", *, by: str, now: datetime, **details: str) -> None:
    """Write an entry for an act that lies outside the desk: before it where it hands something out, after it where it changes something."""
    with desk.begin() as connection:
        append(connection, act, subject, by=by, now=now, **details)


def kept_moment(moment: datetime) -> str:
    """The moment as the database keeps it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entries(
    desk: Desk,
    limit: int | None = 100,
    *,
    since: datetime | None = None,
    by: str = "",
    acts: Sequence[str] = (),
    before: int | None = None,
) -> list[Entry]:
    """The newest entries first: of *since* or later, by *by*, of one of *acts*, with a smaller number than *before*; None: all."""
    query = sa.select(*_as_kept()).order_by(J.c.number.desc()).limit(limit)
    if since is not None:
        query = query.where(J.c.at >= since)
    if by:
        query = query.where((J.c.by == by) | J.c.by.startswith(f"{by}@", autoescape=True))
    if acts:
        query = query.where(J.c.act.in_(list(acts)))
    if before is not None:
        query = query.where(J.c.number < before)
    with desk.read() as connection:
        return [_entry(row) for row in connection.execute(query)]


def doers(desk: Desk) -> list[str]:
    """Everybody who stands in the journal, in the order of the alphabet."""
    with desk.read() as connection:
        return sorted(connection.scalars(sa.select(J.c.by).distinct()))


def acts_there(desk: Desk) -> list[str]:
    """Every act that stands in the journal, in the order of the alphabet."""
    with desk.read() as connection:
        return sorted(connection.scalars(sa.select(J.c.act).distinct()))


def head(desk: Desk) -> Head:
    """The last entry: whoever keeps this elsewhere can prove later that nothing up to it was changed or cut off."""
    with desk.read() as connection:
        row = connection.execute(sa.select(J.c.number, J.c.sha256).order_by(J.c.number.desc()).limit(1)).first()
    return Head(row.number, row.sha256) if row else Head(0, NOTHING_BEFORE)


def breaks(desk: Desk, heads: Mapping[str, Head]) -> Iterator[Break]:
    """Every place where the chain does not hold, and every head kept elsewhere (*where* → head) that does not lie in it.

    A chain that was written anew from some entry to its end holds in itself: only a head kept elsewhere tells.
    """
    awaited: dict[int, list[tuple[str, str]]] = {}
    for where, each in heads.items():
        awaited.setdefault(each.number, []).append((where, each.sha256))
    unfit: Break | None = None
    number, before = 0, NOTHING_BEFORE
    with desk.read() as connection:
        for row in _rows(connection):
            if row.number < 1:  # put in before the first
                yield Break("unfit", row.number, row.number)
                continue
            is_next = row.number == number + 1
            if not is_next:
                yield Break("missing", number + 1, row.number - 1)
            fits = seal(before, row.number, row.at, row.by, row.act, row.subject, row.details) == row.sha256
            if unfit and (fits or not is_next):
                yield unfit
                unfit = None
            if is_next and not fits:
                unfit = Break("unfit", unfit.first if unfit else row.number, row.number)
            for where, sha256 in awaited.pop(row.number, ()):
                if sha256 != row.sha256:
                    yield Break("cut", row.number, row.number, where)
            number, before = row.number, row.sha256
    if unfit:
        yield unfit
    for at in sorted(awaited):
        if at:
            yield from (Break("cut", at, at, where) for where, _ in awaited[at])


def _as_kept() -> list[sa.ColumnElement[Any]]:
    """The journal's columns, the moment as it is kept: one that somebody changed to no moment can be looked at all the same."""
    return [sa.type_coerce(column, sa.Text()).label("at") if column.name == "at" else column for column in J.c]


def _rows(connection: sa.Connection) -> Iterator[Any]:
    """The entries in their order, their moments as they are kept."""
    columns = _as_kept()
    last: int | None = None
    while True:
        query = sa.select(*columns).order_by(J.c.number).limit(ROWS_AT_ONCE)
        rows = connection.execute(query if last is None else query.where(J.c.number > last)).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].number


def _entry(row: Any) -> Entry:
    try:
        details = json.loads(row.details) if row.details else {}
    except ValueError:  # changed by somebody: `breaks` tells
        details = {"": str(row.details)}
    try:
        at = datetime.fromisoformat(row.at)
    except (TypeError, ValueError):
        at = NO_MOMENT
    return Entry(row.number, at, row.by, row.act, row.subject, details, row.sha256)

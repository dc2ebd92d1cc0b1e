"""Mails to send, one per event: raised once, sent once, tried again when the mail server is away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk, insert_once

N = schema.notices
CLAIM = timedelta(minutes=10)  # a sender that dies holds a mail back no longer
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))


@dataclass(frozen=True)
class Notice:
    """A mail about *event*; *files* are paths below exports/out/ that go with it."""

    event: str
    kind: str
    subject: str
    body: str
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    raised_at: datetime | None = None
    sent_at: datetime | None = None
    n_tries: int = 0
    error: str = ""


def raise_notice(desk: Desk, notice: Notice, now: datetime) -> bool:
    """Put *notice* on the list; False when its event was told, or is about to be."""
    values = {
        "event": notice.event,
        "kind": notice.kind,
        "subject": notice.subject,
        "body": notice.body,
        "recipients": json.dumps({"to": notice.to, "cc": notice.cc}),
        "files": json.dumps(notice.files),
        "raised_at": now,
        "n_tries": 0,
        "next_try_at": now,
        "error": "",
    }
    with desk.begin() as connection:
        return insert_once(connection, N, values)


def _waiting(now: datetime) -> sa.ColumnElement[bool]:
    # An hour further off than any wait is one of a clock that was set back since.
    is_due = (N.c.next_try_at <= now) | (N.c.next_try_at > now + WAITS[-1] + CLAIM)
    return (N.c.sent_at.is_(None)) & is_due


def is_any_waiting(desk: Desk, now: datetime) -> bool:
    """Whether there is a mail to send."""
    with desk.read() as connection:
        return bool(connection.execute(sa.select(sa.exists().where(_waiting(now)))).scalar())


def claim(desk: Desk, now: datetime) -> Notice | None:
    """The next mail to send, taken by one sender alone; None when there is none."""
    waiting = _waiting(now)
    with desk.begin() as connection:
        row = connection.execute(sa.select(N).where(waiting).order_by(N.c.raised_at, N.c.event).limit(1)).first()
        if row is None:
            return None
        mine = (N.c.event == row.event) & (N.c.next_try_at == row.next_try_at) & N.c.sent_at.is_(None)
        if not connection.execute(N.update().where(mine).values(next_try_at=now + CLAIM)).rowcount:
            return None
    return _notice(row)


def sent(desk: Desk, event: str, now: datetime) -> None:
    """Note that the mail left."""
    with desk.begin() as connection:
        connection.execute(N.update().where(N.c.event == event).values(sent_at=now, next_try_at=None, error=""))


def not_sent(desk: Desk, event: str, error: str, now: datetime) -> None:
    """Note why the mail did not leave; it is tried again later, and given up after some days."""
    with desk.begin() as connection:
        n = connection.execute(sa.select(N.c.n_tries).where(N.c.event == event)).scalar_one()
        again = now + WAITS[n] if n < len(WAITS) else None
        connection.execute(N.update().where(N.c.event == event).values(n_tries=n + 1, next_try_at=again, error=error))


def last_notices(desk: Desk, limit: int = 20) -> Sequence[Notice]:
    """The newest notices first."""
    with desk.begin() as connection:
        rows = connection.execute(sa.select(N).order_by(N.c.raised_at.desc(), N.c.event).limit(limit)).all()
    return [_notice(row) for row in rows]


def _notice(row: sa.Row[tuple[object, ...]]) -> Notice:
    recipients = json.loads(row.recipients)
    return Notice(
        row.event,
        row.kind,
        row.subject,
        row.body,
        tuple(recipients["to"]),
        tuple(recipients["cc"]),
        tuple(json.loads(row.files)),
        row.raised_at,
        row.sent_at,
        row.n_tries,
        row.error,
    )

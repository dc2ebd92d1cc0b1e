"""What staff set on the page: other hours than the config's, pauses, and runs wished for at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kobo_sync.desk import journal, schema
from kobo_sync.desk.changes import CHANGE
from kobo_sync.desk.database import Desk, insert_once, put
from kobo_sync.desk.runs import Order

S, W = schema.schedules, schema.wishes


@dataclass(frozen=True)
class Setting:
    """What staff set for a job; *expressions* is None where the config's hold. The change is signed."""

    job: str
    expressions: tuple[str, ...] | None
    paused: bool
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True)
class Wish:
    """A run asked for at once; *form_id* empty means all forms."""

    job: str
    form_id: str
    origin: str
    asked_by: str
    asked_at: datetime

    @property
    def order(self) -> Order:
        """The wish as a run's reason."""
        return Order(self.origin, self.asked_by)


def settings(desk: Desk) -> dict[str, Setting]:
    """What staff set, by job."""
    with desk.begin() as connection:
        rows = connection.execute(sa.select(S)).all()
    return {
        row.job: Setting(
            row.job,
            tuple(json.loads(row.expressions)) if row.expressions is not None else None,
            row.paused,
            row.changed_by,
            row.changed_at,
        )
        for row in rows
    }


def set_expressions(desk: Desk, job: str, expressions: Sequence[str] | None, by: str, now: datetime) -> None:
    """Run *job* at these hours; None goes back to the config's."""
    expressions_json = None if expressions is None else json.dumps(list(expressions))
    before = settings(desk).get(job)
    values = {
        "expressions": expressions_json,
        "paused": bool(before and before.paused),
        "changed_by": by,
        "changed_at": now,
    }
    with desk.begin() as connection:
        put(connection, S, {"job": job}, values)
        hours = "as in the config" if expressions is None else "; ".join(expressions)
        journal.append(connection, CHANGE, f"schedule:{job}", by=by, now=now, hours=hours)


def set_paused(desk: Desk, job: str, paused: bool, by: str, now: datetime) -> None:
    """Stop running *job* by the clock, or go on; what passed during a pause is not made up for."""
    before = settings(desk).get(job)
    expressions_json = json.dumps(before.expressions) if before and before.expressions is not None else None
    values = {"expressions": expressions_json, "paused": paused, "changed_by": by, "changed_at": now}
    with desk.begin() as connection:
        put(connection, S, {"job": job}, values)
        journal.append(connection, CHANGE, f"schedule:{job}", by=by, now=now, paused="yes" if paused else "no")


def wish(desk: Desk, job: str, *, form_id: str = "", origin: str, asked_by: str = "", now: datetime) -> bool:
    """Ask for a run of *job* at once; False when the same is asked for already: two clicks make one run."""
    values = {"job": job, "form_id": form_id, "origin": origin, "asked_by": asked_by, "asked_at": now}
    with desk.begin() as connection:
        return insert_once(connection, W, values)


def wishes(desk: Desk) -> list[Wish]:
    """The runs that wait, those of persons first, then the oldest."""
    with desk.begin() as connection:
        rows = connection.execute(sa.select(W)).all()
    wishes = [Wish(row.job, row.form_id, row.origin, row.asked_by, row.asked_at) for row in rows]
    return sorted(wishes, key=lambda each: (each.origin != "person", each.asked_at, each.job, each.form_id))


def grant(desk: Desk, granted: Sequence[Wish]) -> None:
    """Take wishes off the list: their run begins. What is wished from now on is a new wish."""
    with desk.begin() as connection:
        for each in granted:
            connection.execute(W.delete().where((W.c.job == each.job) & (W.c.form_id == each.form_id)))

"""Which rows we put on hold on the server, and why; and what is to be done about them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk, put
from kobo_sync.rows.listing import RowStatus

State = Literal["placing", "placed", "releasing", "released", "overruled"]
OURS = ("placing", "placed", "releasing")  # the hold on the server is ours, or may be


@dataclass(frozen=True)
class Hold:
    """A row that our checks want on hold, or did. *state* is written before the server is asked (placing,
    releasing) and after it answered (placed, released), so that a killed run is understood by the next one;
    overruled: somebody has decided otherwise. *evidence* is a digest of the findings that ask for it.
    """

    form_id: str
    root_uuid: str
    server_key: str
    state: State
    reason: str
    evidence: str


@dataclass(frozen=True)
class HoldPlan:
    """What is to be done: rows to *place* on hold, to *release*, and holds to *note* anew without asking the server.

    *left* are rows that the checks want on hold and that somebody has decided about.
    """

    place: tuple[Hold, ...] = ()
    release: tuple[Hold, ...] = ()
    note: tuple[Hold, ...] = ()
    left: tuple[Hold, ...] = ()


def plan_holds(
    to_hold: Sequence[Hold], on_hold: Sequence[Hold], statuses: Mapping[str, RowStatus], me: str
) -> HoldPlan:
    """What brings one form's rows on the server to *to_hold*, never over what somebody else decided.

    Shape: *statuses* maps what the server calls the rows of *to_hold* and *on_hold* that it still has to their status.
    A row is ours when we noted so and its status is "on hold", set by *me*; a hold of ours that somebody has
    cleared or changed is overruled, and stays so until other findings ask for it.
    """
    place, release, note, left = [], [], [], []
    before = {hold.root_uuid: hold for hold in on_hold}
    wishes = {hold.root_uuid: hold for hold in to_hold}
    for root in sorted(before.keys() | wishes.keys()):
        hold, wish = before.get(root), wishes.get(root)
        row = statuses.get((wish or hold).server_key)  # type: ignore[union-attr]
        active = hold is not None and hold.state in OURS
        mine = active and row is not None and (row.validation, row.by) == ("on_hold", me)
        if wish is None or row is None:
            if hold is not None and mine and row is not None:
                release.append(replace(hold, state="releasing"))
            elif hold is not None and hold.state != "released":
                note.append(replace(hold, state="released"))
        elif mine:
            if hold != replace(wish, state="placed"):
                note.append(replace(wish, state="placed"))
        elif row.validation or _is_overruled(hold, wish):
            left.append(wish)
            if active:
                note.append(replace(wish, state="overruled"))
        else:
            place.append(replace(wish, state="placing"))
    return HoldPlan(tuple(place), tuple(release), tuple(note), tuple(left))


def _is_overruled(hold: Hold | None, wish: Hold) -> bool:
    """Whether a row without a status is so because somebody cleared our hold, for the same findings."""
    return hold is not None and (
        hold.state == "placed" or (hold.state == "overruled" and hold.evidence == wish.evidence)
    )


def holds_of(desk: Desk, form_id: str) -> list[Hold]:
    """What was noted of the rows of a form; those released since concern us no more."""
    table = schema.holds
    columns = [table.c[name] for name in Hold.__dataclass_fields__]
    query = sa.select(*columns).where(table.c.form_id == form_id, table.c.state != "released")
    with desk.read() as connection:
        rows = connection.execute(query.order_by(table.c.root_uuid)).all()
    return [Hold(*row) for row in rows]


def put_holds(desk: Desk, holds: Iterable[Hold], now: datetime) -> None:
    """Note *holds* in place of what was noted of their rows, in one transaction."""
    with desk.begin() as connection:
        for hold in holds:
            key = {"form_id": hold.form_id, "root_uuid": hold.root_uuid}
            values = {"server_key": hold.server_key, "state": hold.state, "reason": hold.reason}
            put(connection, schema.holds, key, values | {"evidence": hold.evidence, "changed_at": now})

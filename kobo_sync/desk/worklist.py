"""The worklist: findings of the data checks, each with its state, who set it and when.

States: ``new`` and ``seen`` are open; ``accepted`` and ``false_alarm`` are decisions of people; ``corrected`` is
set by whoever mended the data, or by `refresh` once the checks find the fault no more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args

import sqlalchemy as sa

from kobo_sync.desk import schema
from kobo_sync.desk.database import Desk
from kobo_sync.errors import StoreError
from kobo_sync.language.sentences import translated
from kobo_sync.model import Finding

State = Literal["new", "seen", "accepted", "corrected", "false_alarm"]
STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("new", "seen")
DECIDED = frozenset({"accepted", "false_alarm"})
RANKS = {"error": 0, "warning": 1, "info": 2}
FACETS = ("state", "rule", "form_id", "zone", "enumerator", "severity")
PROGRAM = "kobo-sync"  # who closes and reopens by itself
MOST = 500  # items of a page, and keys of one statement
_I, _E, _C = schema.findings, schema.finding_events, schema.finding_counts


@dataclass(frozen=True)
class Tally:
    """What a refresh did: items found for the first time, found again, closed; and how many are open now."""

    new: int
    reopened: int
    closed: int
    open: int


@dataclass(frozen=True)
class Item:
    """One finding with its state. *is_found*: the last run of the checks found it; *note*: of the last change."""

    key: str
    rule: str
    severity: str
    place: str
    message: str
    why: str
    hint: str
    zone: str
    form_id: str
    root_uuid: str
    enumerator: str
    state: State
    is_found: bool
    note: str
    other_row: str
    found_at: datetime
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True)
class Event:
    """What happened to an item: *kind* is found, set, closed or reopened."""

    at: datetime
    by: str
    kind: str
    before: str
    after: str
    note: str


@dataclass(frozen=True)
class Page:
    """Some items, errors first, the latest found first. *after* asks for the next page, empty on the last.

    *total* counts all that match; *facets* maps each of `FACETS` to value → n, under all filters but its own.
    """

    items: tuple[Item, ...]
    after: str
    total: int
    facets: Mapping[str, Mapping[str, int]]


# ── identity ────────────────────────────────────────────────────────────────


def keyed(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Key → finding. A key is made of the rule, the form, the row and the subject (of the place, where there is no
    row), never of the words; findings that these do not tell apart are numbered in their order.
    """
    by_key: dict[str, Finding] = {}
    for finding in findings:
        key = base = key_of(finding)
        n = 2
        while key in by_key:
            key, n = f"{base}-{n}", n + 1
        by_key[key] = finding
    return by_key


def key_of(finding: Finding) -> str:
    """The stable key of a finding, 32 hex digits."""
    subject = finding.subject or ("" if finding.root_uuid else finding.where)
    return _digest(finding.rule, finding.form_id, finding.root_uuid, subject)


def evidence_of(finding: Finding) -> str:
    """A digest of what the finding rests on: its evidence, else its words."""
    return _digest(finding.severity, finding.evidence or finding.message)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


# ── what the checks found ───────────────────────────────────────────────────


def refresh(desk: Desk, findings: Iterable[Finding], now: datetime) -> Tally:
    """Bring the worklist to what the checks find now.

    What is new is added; what is found no more closes as corrected; what was corrected and is found again is
    reopened. A decision of people (accepted, false alarm) stands until the finding rests on other evidence.
    """
    today = {key: (finding, _shown(finding)) for key, finding in keyed(findings).items()}
    with desk.begin() as connection:
        _alone(connection)
        query = sa.select(_I.c.key, _I.c.state, _I.c.is_found, _I.c.evidence, _I.c.said)
        items = {row.key: row for row in connection.execute(query)}
        reworded_alone = _said_in_french(connection, items, {key: finding for key, (finding, _) in today.items()})
        added = [_new_item(key, *today[key], now) for key in today if key not in items]
        moves: dict[tuple[str, str, bool], list[str]] = {}
        reworded = []
        for key, row in items.items():
            columns = today[key][1] if key in today else None
            is_same = key in reworded_alone
            state = _next_state(
                row, columns is not None, columns["evidence"] if columns and not is_same else row.evidence
            )
            if state != row.state or row.is_found != (columns is not None):
                moves.setdefault((row.state, state, columns is not None), []).append(key)
            if columns is not None and columns["said"] != row.said:
                reworded.append({"b_key": key, **{f"b_{name}": value for name, value in columns.items()}})
        if added:
            connection.execute(_I.insert(), added)
        if reworded:
            connection.execute(_REWORD, reworded)
        for (before, state, is_found), keys in moves.items():
            _move(connection, keys, before, state, is_found, now)
        if added or reworded or moves:
            recount(connection)
        if len(added) > MOST:  # so that the planner knows which index is the narrow one
            connection.exec_driver_sql("ANALYZE findings")
        n_open = _n_open(connection)
    n = Counter({(before, state): len(keys) for (before, state, _), keys in moves.items() if before != state})
    n_closed = sum(count for (_, state), count in n.items() if state == "corrected")
    return Tally(len(added), n.total() - n_closed, n_closed, n_open)


def _shown(finding: Finding) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "zone": _fit(finding.zone, 64),
        "enumerator": _fit(finding.enumerator, 128),
        "severity": finding.severity,
        "rank": RANKS[finding.severity],
        "place": _fit(finding.where),
        "message": _fit(finding.message),
        "why": _fit(finding.why),
        "hint": _fit(finding.hint),
        "other_row": _fit(finding.other_row, 160),
        "evidence": evidence_of(finding),
    }
    return columns | {"said": _digest(*map(str, columns.values()))}


_SHOWN = ("zone", "enumerator", "severity", "rank", "place", "message", "why", "hint", "other_row", "evidence", "said")
_REWORD = (
    _I.update().where(_I.c.key == sa.bindparam("b_key")).values({name: sa.bindparam(f"b_{name}") for name in _SHOWN})
)


def _fit(text: str, most: int = 2000) -> str:
    """The text as every database takes it: no longer than its column, no NUL, no half character."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:most]


def _new_item(key: str, finding: Finding, columns: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "key": key,
        "rule": _fit(finding.rule, 64),
        "form_id": _fit(finding.form_id, 64),
        "root_uuid": _fit(finding.root_uuid, 64),
        "state": "new",
        "is_found": True,
        "note": "",
        "found_at": now,
        "changed_at": now,
        "changed_by": PROGRAM,
        **columns,
    }


def _said_in_french(
    connection: sa.Connection, items: Mapping[str, Any], today: Mapping[str, Finding]
) -> frozenset[str]:
    """The decided items whose evidence is their words, as checks of an earlier version said them in French: the matter is the same."""
    doubtful = [
        key
        for key, row in items.items()
        if row.state in DECIDED and key in today and row.evidence != evidence_of(today[key])
    ]
    return frozenset(
        row.key
        for keys in _batches(doubtful)
        for row in connection.execute(sa.select(_I.c.key, _I.c.message).where(_I.c.key.in_(keys)))
        if today[row.key].message != row.message == _fit(translated(today[row.key].message, "fr"))
    )


def _next_state(row: Any, is_found: bool, evidence: str) -> str:
    """What becomes of an item; one whose evidence a purge has taken rests on what it did."""
    if not is_found:
        return "corrected" if row.state in OPEN else str(row.state)
    if row.state == "corrected" or (row.state in DECIDED and evidence != row.evidence != ""):
        return "new"
    return str(row.state)


def _move(
    connection: sa.Connection, keys: Sequence[str], before: str, state: str, is_found: bool, now: datetime
) -> None:
    """Give items their next state; a change of state is noted, that a decided item is found no more is not."""
    values: dict[str, Any] = {"is_found": is_found}
    if state != before:
        values |= {"state": state, "changed_at": now, "changed_by": PROGRAM}
        kind = "closed" if state == "corrected" else "reopened"
        event = {"at": now, "by": PROGRAM, "kind": kind, "before": before, "after": state, "note": ""}
        connection.execute(_E.insert(), [{"key": key, **event} for key in keys])
    for some in _batches(keys):
        connection.execute(_I.update().where(_I.c.key.in_(some)).values(**values))


# ── what people decide ──────────────────────────────────────────────────────


def set_state(desk: Desk, keys: Sequence[str], state: State, by: str, note: str, now: datetime) -> int:
    """Set the state of the items with these keys; returns how many changed. The event log keeps who, when and why.

    Raises: ValueError for an unknown state; StoreError when a key is none of the worklist's: nothing is changed then.
    """
    if state not in STATES:
        raise ValueError(f"{state!r} is no state")
    distinct = list(dict.fromkeys(keys))
    with desk.begin() as connection:
        _alone(connection)
        rows = [
            row for some in _batches(distinct) for row in connection.execute(sa.select(_I).where(_I.c.key.in_(some)))
        ]
        if len(rows) != len(distinct):
            raise StoreError("a finding of this list is not in the worklist", hint="load the list again")
        changed = [row for row in rows if row.state != state or (note and note != row.note)]
        events = [
            {"key": row.key, "at": now, "by": by, "kind": "set", "before": row.state, "after": state, "note": note}
            for row in changed
        ]
        if not changed:
            return 0
        connection.execute(_E.insert(), events)
        for some in _batches([row.key for row in changed]):
            values = {"state": state, "changed_at": now, "changed_by": by, "note": note}
            connection.execute(_I.update().where(_I.c.key.in_(some)).values(**values))
        _shift(connection, changed, state)
    return len(changed)


# ── reading ─────────────────────────────────────────────────────────────────


def page(
    desk: Desk,
    *,
    states: Sequence[str] = OPEN,
    zone: str | None = None,
    form_id: str | None = None,
    rule: str | None = None,
    enumerator: str | None = None,
    severity: str | None = None,
    limit: int = 50,
    after: str = "",
) -> Page:
    """Items that match every filter given (no *states*: all of them), at most 500, from the place *after* on."""
    filters: dict[str, Sequence[str]] = {"state": states}
    single = {"zone": zone, "form_id": form_id, "rule": rule, "enumerator": enumerator, "severity": severity}
    filters |= {name: (value,) for name, value in single.items() if value is not None}
    filters = {name: values for name, values in filters.items() if values}
    limit = max(1, min(limit, MOST))
    with desk.read() as connection:
        rows = _slice(connection, filters, limit + 1, _place(after))
        facets = {name: _facet(connection, name, filters) for name in FACETS}
        total = int(connection.execute(_summed(filters)).scalar() or 0)
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(tuple(map(_item, rows)), f"{rows[-1].rank}.{rows[-1].item_id}" if more else "", total, facets)


def _slice(
    connection: sa.Connection, filters: Mapping[str, Sequence[str]], limit: int, place: tuple[int, int] | None
) -> list[Any]:
    """The rows behind *place*: asked state by state and rank by rank, so that each question is one walk of an index."""
    others = [_I.c[name].in_(values) for name, values in filters.items() if name != "state"]
    rows: list[Any] = []
    for rank in RANKS.values():
        if place is not None and rank < place[0]:
            continue
        older = [_I.c.item_id < place[1]] if place is not None and rank == place[0] else []
        same_rank: list[Any] = []
        for state in filters.get("state", STATES):
            query = sa.select(_I).where(_I.c.state == state, _I.c.rank == rank, *others, *older)
            same_rank += connection.execute(query.order_by(_I.c.item_id.desc()).limit(limit)).all()
        rows += sorted(same_rank, key=lambda row: -row.item_id)
        if len(rows) >= limit:
            break
    return rows[:limit]


def get(desk: Desk, key: str) -> tuple[Item, tuple[Event, ...]] | None:
    """An item and what happened to it, oldest first; None when there is none with this key."""
    with desk.read() as connection:
        row = connection.execute(sa.select(_I).where(_I.c.key == key)).first()
        events = connection.execute(sa.select(_E).where(_E.c.key == key).order_by(_E.c.event_id)).all()
    if row is None:
        return None
    first = Event(row.found_at, PROGRAM, "found", "", "new", "")
    return _item(row), (first, *(Event(e.at, e.by, e.kind, e.before, e.after, e.note) for e in events))


def counts(desk: Desk) -> dict[str, int]:
    """State → number of items; every state is there."""
    query = sa.select(_C.c.state, sa.func.sum(_C.c.n)).group_by(_C.c.state)
    with desk.read() as connection:
        n_by_state = {state: int(n) for state, n in connection.execute(query).all()}
    return {state: n_by_state.get(state, 0) for state in STATES}


def forget_notes(desk: Desk, *, dry_run: bool = False) -> int:
    """Blank what people wrote about findings, names perhaps among it; returns how many notes there are."""
    n = 0
    with desk.begin() as connection:
        for table in (_I, _E):
            n += int(connection.execute(sa.select(sa.func.count()).where(table.c.note != "")).scalar_one())
            if not dry_run:
                connection.execute(table.update().where(table.c.note != "").values(note=""))
    return n


def counts_by_zone(desk: Desk) -> dict[str, dict[str, int]]:
    """Zone → state → number of items; the zone is empty for what concerns the mission as a whole."""
    query = sa.select(_C.c.zone, _C.c.state, sa.func.sum(_C.c.n)).group_by(_C.c.zone, _C.c.state)
    by_zone: dict[str, dict[str, int]] = {}
    with desk.read() as connection:
        for zone, state, n in connection.execute(query).all():
            by_zone.setdefault(zone, {})[state] = int(n)
    return by_zone


def states_of(desk: Desk, findings: Iterable[Finding]) -> dict[str, tuple[Finding, State]]:
    """Key → (finding, state) of *findings*, as a refresh would set it; nothing is changed."""
    today = keyed(findings)
    with desk.read() as connection:
        query = sa.select(_I.c.key, _I.c.state, _I.c.evidence)
        items = {row.key: row for row in connection.execute(query)}
        same = _said_in_french(connection, items, today)
    states: dict[str, tuple[Finding, State]] = {}
    for key, finding in today.items():
        evidence = items[key].evidence if key in same else evidence_of(finding)
        state = _next_state(items[key], True, evidence) if key in items else "new"
        states[key] = (finding, cast(State, state))
    return states


def _item(row: Any) -> Item:
    return Item(**{name: getattr(row, name) for name in Item.__dataclass_fields__})


def _place(after: str) -> tuple[int, int] | None:
    rank, _, item_id = after.partition(".")
    return (int(rank), int(item_id)) if rank.isdecimal() and item_id.isdecimal() and len(after) < 20 else None


# ── counting ────────────────────────────────────────────────────────────────


def _summed(filters: Mapping[str, Sequence[str]]) -> sa.Select[Any]:
    return sa.select(sa.func.sum(_C.c.n)).where(*(_C.c[name].in_(values) for name, values in filters.items()))


def _facet(connection: sa.Connection, name: str, filters: Mapping[str, Sequence[str]]) -> dict[str, int]:
    others = {key: values for key, values in filters.items() if key != name}
    query = _summed(others).add_columns(_C.c[name]).group_by(_C.c[name]).order_by(_C.c[name])
    return {value: int(n) for n, value in connection.execute(query).all() if n}


def recount(connection: sa.Connection) -> None:
    """Count every item anew."""
    names = [column.name for column in _C.columns if column.name != "n"]
    columns = [_I.c[name] for name in names]
    connection.execute(_C.delete())
    counted = sa.select(*columns, sa.func.count()).group_by(*columns)
    connection.execute(_C.insert().from_select([*names, "n"], counted))


def _shift(connection: sa.Connection, changed: Sequence[Any], state: str) -> None:
    """Move *changed* items to *state* in the counts, without counting the others."""
    shifts: Counter[tuple[str, ...]] = Counter()
    for row in changed:
        cell: tuple[str, ...] = (row.rule, row.form_id, row.zone, row.enumerator, row.severity)
        shifts[(*cell, row.state)] -= 1
        shifts[(*cell, state)] += 1
    names = ("rule", "form_id", "zone", "enumerator", "severity", "state")
    for place, n in sorted(shifts.items()):
        here = sa.and_(*(_C.c[name] == value for name, value in zip(names, place, strict=True)))
        if n and not connection.execute(_C.update().where(here).values(n=_C.c.n + n)).rowcount:
            connection.execute(_C.insert().values(dict(zip(names, place, strict=True)) | {"n": n}))
    connection.execute(_C.delete().where(_C.c.n == 0))


def _n_open(connection: sa.Connection) -> int:
    return int(connection.execute(_summed({"state": OPEN})).scalar() or 0)


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(keys), MOST):
        yield keys[at : at + MOST]


def _alone(connection: sa.Connection) -> None:
    """One writer of the worklist at a time; on SQLite a transaction is that already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7070)")

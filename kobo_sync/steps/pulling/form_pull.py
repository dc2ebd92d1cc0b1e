"""Reading one form from the server into the mirror: new rows, changes by quick questions, or everything compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kobo_sync.form_server import FormServer, Since
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Severity
from kobo_sync.rows.listing import LightRow
from kobo_sync.steps.pulling.plan import Known, PullPlan, doubt, plan_pull
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.reconcile import Comparison, differing
from kobo_sync.store.submissions import Cursor

FEW = 5  # so few absences are looked at one by one, whatever their share
ASKED_ALONE = 200  # so many absent rows are asked for one by one; more only when a person vouches for them
SKEW = timedelta(hours=1)  # clocks and long requests: statuses and events are asked for from so much earlier


@dataclass(frozen=True)
class Wish:
    """How a pull is to be done: *quick* looks for changes only, *full* reads every row again."""

    quick: bool = False
    full: bool = False
    accept_deletions: bool = False
    with_files: bool = True


@dataclass
class Work:
    """One form under way."""

    mission: Mission
    client: FormServer
    mirror: Mirror
    asset_uid: str
    wish: Wish
    began: datetime
    why: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def form_id(self) -> str:
        """The form."""
        return self.mirror.form.form_id

    def find(self, rule: str, message: str, hint: str, *, is_error: bool = False) -> None:
        """Note a finding about the form."""
        severity: Severity = "error" if is_error else "warning"
        self.findings.append(Finding(rule, severity, self.form_id, message, hint, form_id=self.form_id))


def plan_of(work: Work, cursor: Cursor) -> PullPlan:
    """What to read."""
    same = (cursor.asset_uid, cursor.server) in (("", ""), (work.asset_uid, work.mission.server_id))
    before = Known(cursor.last_id >= 0, same, cursor.reconciled_at)
    hours = work.mission.config.pull.complete_hours
    return plan_pull(before, work.began, quick=work.wish.quick, full=work.wish.full, complete_hours=hours)


def is_still_empty(work: Work, cursor: Cursor) -> bool:
    """Whether a form that was read to its end without a row has none still: a quick pull need ask no more than the count."""
    same = (cursor.asset_uid, cursor.server) == (work.asset_uid, work.mission.server_id)
    is_empty = cursor.reconciled_at is not None and cursor.last_id < 0 and cursor.n_live == 0
    if not (is_empty and same and work.wish.quick and not work.wish.full and not work.mirror.n_set_aside()):
        return False
    listed = work.client.count(work.asset_uid)
    work.why.append(f"no row was there before; the server lists {listed}")
    return listed == 0


def read_new(work: Work, cursor: Cursor, plan: PullPlan) -> bool:
    """The rows above the cursor, and a stretch below it: a row may become visible late.

    Returns: whether the newest row held is still listed; a server set up anew gives other ids.
    """
    mission, mirror = work.mission, work.mirror
    overlap = timedelta(minutes=mission.config.pull.overlap_minutes)
    above = -1 if plan.restart else min(mirror.low_water(overlap), cursor.last_id - 1)
    work.why.append(
        f"rows above id {above} are read ({cursor.last_id} was the last)"
        if work.client.features.numbers_rows
        else "rows that came since shortly before the newest one held are read"
    )
    read, newest_is_there = 0, False
    limit = mission.config.pull.page_size
    since = None if plan.is_complete else _since(work, cursor)
    for page in work.client.pages(
        work.asset_uid, above=above, limit=limit, since=since, differing=_differing(work, plan), ahead=mirror.ahead
    ):
        mirror.write_page(page, mission.clock(), advance=True)
        read += len(page.rows)
        numbers = (*page.unchanged, *(number for number, _ in page.rows))
        newest_is_there = newest_is_there or cursor.last_id in numbers
        mission.progress(work.form_id, read, read + page.count - len(page.rows))
    mirror.tally.counts["rows_read"] += read
    mirror.index()
    return newest_is_there


def _differing(work: Work, plan: PullPlan) -> Callable[[Sequence[LightRow]], Sequence[int]] | None:
    """What tells rows that are held as they are listed; nothing where all are to be read again."""
    if work.wish.full or plan.restart:
        return None
    return lambda rows: differing(work.mirror.store, work.form_id, rows)


def find_changes(work: Work, cursor: Cursor) -> None:
    """Edits, statuses and deletions by quick questions."""
    client, mirror, uid = work.client, work.mirror, work.asset_uid
    since = _since(work, cursor)
    numbers: set[int] = set()
    for how, rows in client.changes(uid, since):
        differs = differing(mirror.store, work.form_id, rows)
        work.why.append(f"{how}: {len(rows)} rows listed, {len(differs)} differ")
        numbers |= set(differs)
    numbers |= _by_history(work, since.at)
    _read_rows(work, sorted(numbers))


def _since(work: Work, cursor: Cursor) -> Since:
    return Since((cursor.read_at or work.began) - SKEW, cursor.modified)


def _by_history(work: Work, since: datetime) -> set[int]:
    """Rows that the project's change feed names: ids to read; deletions are proved and done at once."""
    events = work.client.events(work.asset_uid, since)
    if events is None:
        work.why.append("history: this account may not ask (manage_asset)")
        return set()
    keys = work.mirror.keys_of({root for _, root in events})
    deleted = sorted({root for action, root in events if action == "delete-submission" and root in keys})
    proved = [root for root in deleted[:ASKED_ALONE] if not work.client.exists(work.asset_uid, keys[root], root)]
    still = {row.root_uuid for row in work.client.listed(work.asset_uid, [keys[root] for root in proved])}
    gone = [root for root in proved if root not in still]
    if len(gone) <= max(FEW, int(work.mirror.cursor().n_live * work.mission.config.pull.max_gone_share)):
        work.mirror.bury(gone, work.mission.clock())
    rows = work.client.listed(work.asset_uid, sorted(keys[root] for root in set(keys) - set(gone)))
    differs = differing(work.mirror.store, work.form_id, rows)
    work.why.append(f"history: {len(events)} events, {len(gone)} deletions proved, {len(differs)} rows differ")
    return set(differs)


def _read_rows(work: Work, numbers: Sequence[int]) -> None:
    for page in work.client.rows(work.asset_uid, numbers):
        work.mirror.write_page(page, work.mission.clock(), advance=False)
        work.mirror.tally.counts["rows_read"] += len(page.rows)


def compare_all(work: Work, cursor: Cursor, plan: PullPlan) -> Comparison:
    """Compare a light scan of everything with the mirror, and read what differs."""
    mirror = work.mirror
    if plan.restart and cursor.last_id < 0:
        # A first reading from end to end is a complete scan when the count agrees.
        listed = work.client.count(work.asset_uid)
        after, doubles = mirror.cursor(), mirror.tally.counts["doubles"]
        if not doubt(listed, after.n_live, doubles, mirror.n_set_aside(held_too=False)):
            work.why.append(f"the server lists {listed} rows and all were read: no scan is needed")
            return Comparison((), {}, listed, listed - doubles, after.last_id, "")
    comparison = mirror.reconcile(work.client.light_pages(work.asset_uid))
    work.why.append(
        f"light scan: {comparison.n_rows} rows, {len(comparison.to_read)} differ, {len(comparison.absent)} absent"
    )
    _read_rows(work, comparison.to_read)
    return comparison

"""Submissions and files from the server to the mirror, with a proof that nothing is missing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kobo_sync.assets import find_assets
from kobo_sync.downloads import fetch_files
from kobo_sync.errors import KoboError, KoboUnreachable
from kobo_sync.kobo import protocol
from kobo_sync.kobo.client import KoboClient
from kobo_sync.kobo.listing import LightRow
from kobo_sync.mission import Mission
from kobo_sync.model import Finding, Report, Severity
from kobo_sync.store.files import WantedFile, file_here, file_missing, wanted_files
from kobo_sync.store.ledger import Cursor
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.plan import Known, PullPlan, doubt, plan_pull
from kobo_sync.store.reconcile import Comparison, differing

FEW = 5  # so few absences are looked at one by one, whatever their share
ASKED_ALONE = 200  # so many absent rows are asked for one by one; more only when a person vouches for them
SHOWN = ("new", "edited", "validated", "files", "restored", "deleted")
SKEW = timedelta(hours=1)  # clocks and long requests: statuses and events are asked for from so much earlier


@dataclass(frozen=True)
class Wish:
    """How a pull is to be done: *quick* looks for changes only, *full* reads every row again."""

    quick: bool = False
    full: bool = False
    accept_deletions: bool = False


@dataclass
class _Work:
    """One form under way."""

    mission: Mission
    client: KoboClient
    mirror: Mirror
    asset_uid: str
    wish: Wish
    began: datetime
    why: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def form_id(self) -> str:
        return self.mirror.form.form_id

    def find(self, rule: str, message: str, hint: str, *, is_error: bool = False) -> None:
        severity: Severity = "error" if is_error else "warning"
        self.findings.append(Finding(rule, severity, self.form_id, message, hint, form_id=self.form_id))


def pull(
    mission: Mission,
    *,
    form_ids: Sequence[str] = (),
    accept_deletions: bool = False,
    quick: bool = False,
    full: bool = False,
    explain: bool = False,
) -> Report:
    """Bring the mirror to what the server holds: new, edited, re-validated, deleted rows, and files.

    Rows and cursor commit together per page; every page can be read again. A form that the server
    refuses is a finding and the others go on; an unreachable server ends the run.
    Raises: KoboUnreachable, ConfigError, FormError, StoreError.
    """
    started_at = mission.clock()
    client = mission.reader()
    wanted = list(form_ids or mission.config.forms)
    assets = find_assets(mission, client, wanted)
    findings: list[Finding] = []
    lines: list[str] = []
    counts: Counter[str] = Counter()
    for done, form_id in enumerate(wanted):
        mission.progress("pull", done, len(wanted))
        if form_id not in assets:
            lines.append(f"{form_id}: not on the server yet (kobo-sync deploy)")
            continue
        mirror = Mirror(mission.store, mission.forms[form_id])
        wish = Wish(quick, full, accept_deletions)
        work = _Work(mission, client, mirror, assets[form_id], wish, mission.clock())
        try:
            line = _pull_form(work)
        except KoboUnreachable:
            raise
        except KoboError as error:
            work.find("PULL001", error.message, error.hint, is_error=True)
            line = f"{form_id}: not pulled"
        findings += work.findings
        lines.append(line)
        lines += [f"  {reason}" for reason in work.why] if explain else []
        counts.update(mirror.tally.counts)
    mission.progress("pull", len(wanted), len(wanted))
    n_requests, n_bytes = client.traffic()
    return mission.report("pull", started_at, {**counts, "requests": n_requests, "bytes": n_bytes}, findings, lines)


def quick_pull(mission: Mission) -> Report:
    """The pull of every few minutes: what changed, and the rest when the counts leave a doubt."""
    return pull(mission, quick=True)


def rebuild(mission: Mission, *, form_ids: Sequence[str] = ()) -> Report:
    """Derive the flat tables again from the rows as received; the server is not asked. Raises: StoreError, FormError."""
    started_at = mission.clock()
    counts: Counter[str] = Counter()
    findings: list[Finding] = []
    lines = []
    for form_id in form_ids or mission.config.forms:
        mirror = Mirror(mission.store, mission.forms[form_id])
        n = mirror.rebuild()
        counts["rebuilt"] += n
        lines.append(f"{form_id}: tables derived again from {n} submissions")
        findings += _misshapen(mirror)
    return mission.report("pull", started_at, counts, findings, lines)


# ── one form ──


def _pull_form(work: _Work) -> str:
    mirror, mission = work.mirror, work.mission
    mirror.prepare()
    cursor = mirror.cursor()
    plan = _plan(work, cursor)
    work.why += plan.reasons
    _read_new(work, cursor, plan)
    comparison = None
    if plan.is_complete:
        comparison = _compare(work, cursor, plan)
    else:
        _find_changes(work, cursor, plan)
        listed = work.client.count(work.asset_uid)
        reason = doubt(listed, mirror.cursor().n_live, cursor.doubles, mirror.n_set_aside())
        work.why.append(reason or f"quick was enough: the server lists {listed} rows, all accounted for")
        if reason:
            comparison = _compare(work, cursor, plan)
    absent: list[str] = []
    if comparison:
        absent = _absent(work, cursor, comparison)
    _fetch_files(work)
    if comparison and absent:
        _bury(work, absent, comparison.absent)
    server_n, n_live = _finish(work, cursor, comparison)
    work.findings += _oddities(mirror, comparison, server_n, n_live)
    said = [f"{mirror.tally.counts[kind]} {kind}" for kind in SHOWN]
    missing = mirror.tally.counts["files_missing"]
    sign = "=" if server_n == n_live else "≠"
    mission.progress(work.form_id, n_live, n_live)
    return f"{work.form_id}: server {server_n} {sign} local {n_live} · {' · '.join(said)} · {missing} files missing"


def _plan(work: _Work, cursor: Cursor) -> PullPlan:
    same = (cursor.asset_uid, cursor.server) in (("", ""), (work.asset_uid, work.mission.kf))
    known = Known(cursor.last_id >= 0, same, cursor.reconciled_at, cursor.modified)
    hours = work.mission.config.pull.complete_hours
    return plan_pull(known, work.began, quick=work.wish.quick, full=work.wish.full, complete_hours=hours)


def _read_new(work: _Work, cursor: Cursor, plan: PullPlan) -> None:
    """The rows above the cursor, and a stretch below it: a row may become visible late."""
    mission, mirror = work.mission, work.mirror
    overlap = timedelta(minutes=mission.config.pull.overlap_minutes)
    above = -1 if plan.restart else mirror.low_water(overlap)
    work.why.append(f"rows above id {above} are read ({cursor.last_id} was the last)")
    read = 0
    for page in work.client.pages(work.asset_uid, above=above, limit=mission.config.pull.page_size):
        mirror.write_page(page, mission.clock(), advance=True)
        read += len(page.rows)
        mission.progress(work.form_id, read, read + page.count - len(page.rows))
    mirror.tally.counts["rows_read"] += read


def _find_changes(work: _Work, cursor: Cursor, plan: PullPlan) -> None:
    """Edits, statuses and deletions by the questions of the plan."""
    client, mirror, uid = work.client, work.mirror, work.asset_uid
    since = (cursor.read_at or work.began) - SKEW
    queries = {
        "modified": protocol.modified_since(cursor.modified),
        "edited": protocol.edited(),
        "validated": protocol.validated_since(int(since.timestamp())),
    }
    wanted: set[int] = set()
    for find in plan.finds:
        if find == "history":
            wanted |= _by_history(work, since)
            continue
        found: list[LightRow] = [row for page in client.light_pages(uid, queries[find]) for row in page]
        differs = differing(mirror.store, work.form_id, found)
        work.why.append(f"{find}: {len(found)} rows listed, {len(differs)} differ")
        wanted |= set(differs)
    _read_rows(work, sorted(wanted))


def _by_history(work: _Work, since: datetime) -> set[int]:
    """Rows that the project's change feed names: ids to read; deletions are proved and done at once."""
    events = work.client.events(work.asset_uid, since)
    if events is None:
        work.why.append("history: this account may not ask (manage_asset)")
        return set()
    held = work.mirror.ids_of({root for _, root in events})
    deleted = sorted({root for action, root in events if action == "delete-submission" and root in held})
    proved = [root for root in deleted[:ASKED_ALONE] if not work.client.exists(work.asset_uid, held[root])]
    still = {row.root_uuid for row in work.client.listed(work.asset_uid, [held[root] for root in proved])}
    gone = [root for root in proved if root not in still]
    if len(gone) <= max(FEW, int(work.mirror.cursor().n_live * work.mission.config.pull.max_gone_share)):
        work.mirror.bury(gone, work.mission.clock())
    rows = work.client.listed(work.asset_uid, sorted(held[root] for root in set(held) - set(gone)))
    differs = differing(work.mirror.store, work.form_id, rows)
    work.why.append(f"history: {len(events)} events, {len(gone)} deletions proved, {len(differs)} rows differ")
    return set(differs)


def _read_rows(work: _Work, ids: Sequence[int]) -> None:
    for page in work.client.rows(work.asset_uid, ids):
        work.mirror.write_page(page, work.mission.clock(), advance=False)
        work.mirror.tally.counts["rows_read"] += len(page.rows)


def _compare(work: _Work, cursor: Cursor, plan: PullPlan) -> Comparison:
    """Hold a light scan of everything against the mirror, and read what differs."""
    mirror = work.mirror
    if plan.restart and cursor.last_id < 0:
        # A first reading from end to end is a complete scan when the count agrees.
        listed = work.client.count(work.asset_uid)
        held, doubles = mirror.cursor(), mirror.tally.counts["doubles"]
        if not doubt(listed, held.n_live, doubles, mirror.n_set_aside()):
            work.why.append(f"the server lists {listed} rows and all were read: no scan is needed")
            return Comparison((), {}, listed, listed - doubles, held.last_id, "")
    comparison = mirror.compare(work.client.light_pages(work.asset_uid))
    work.why.append(
        f"light scan: {comparison.n_rows} rows, {len(comparison.wanted)} differ, {len(comparison.absent)} absent"
    )
    _read_rows(work, comparison.wanted)
    return comparison


# ── absence ──


def _absent(work: _Work, cursor: Cursor, comparison: Comparison) -> list[str]:
    """The root uuids of absent rows that may be taken for deletions; the others stay, and are reported.

    A right that was taken away or a project that changed hands looks the same as deletions do.
    """
    absent, mirror, accept = comparison.absent, work.mirror, work.wish.accept_deletions
    if not absent:
        return []
    n_held = mirror.n_live()
    share = work.mission.config.pull.max_gone_share
    cure = "if they were deleted, run `kobo-sync pull --accept-deletions`"
    reason = "" if accept else _less_is_seen(work, cursor)
    if reason:
        work.find("PULL009", f"{len(absent)} rows are no longer listed, but {reason}", cure, is_error=True)
    elif not accept and len(absent) > FEW and len(absent) > n_held * share:
        work.find(
            "PULL002",
            f"{len(absent)} of {n_held} rows are no longer listed: too many to be taken for deletions",
            f"check the account's rights on the project; {cure}",
            is_error=True,
        )
    else:
        alone = sorted(absent)[: len(absent) if not accept else ASKED_ALONE]
        there = {root for root in alone if work.client.exists(work.asset_uid, absent[root])}
        work.why.append(f"absent: {len(alone)} asked for alone, {len(there)} answered after all")
        mirror.miss(sorted(there), work.mission.clock())
        return sorted(set(absent) - there)
    mirror.miss(sorted(absent), work.mission.clock())
    return []


def _less_is_seen(work: _Work, cursor: Cursor) -> str:
    """Why this account may see less than it did; empty when it sees what it saw."""
    asset, _ = work.client.asset(work.asset_uid)
    if (cursor.asset_uid, cursor.server) not in (("", ""), (work.asset_uid, work.mission.kf)):
        return "the form is read from another project or server than before"
    if cursor.owner and asset.owner != cursor.owner:
        return f"the project's owner changed ({cursor.owner} → {asset.owner})"
    lost = sorted(set(json.loads(cursor.rights or "[]")) - asset.permissions)
    if lost:
        return f"this account lost rights on the project ({', '.join(lost)})"
    if "partial_submissions" in asset.permissions:
        return "this account sees some of the project's rows only"
    return ""


def _bury(work: _Work, root_uuids: Sequence[str], absent: Mapping[str, int]) -> None:
    """The second look, some time after the first: what is still not listed becomes a tombstone."""
    listed = {row.root_uuid for row in work.client.listed(work.asset_uid, [absent[root] for root in root_uuids])}
    gone = [root for root in root_uuids if root not in listed]
    work.mirror.miss(sorted(listed & set(root_uuids)), work.mission.clock())
    work.mirror.bury(gone, work.mission.clock())


# ── files ──


def _fetch_files(work: _Work) -> None:
    mission, store, tally = work.mission, work.mission.store, work.mirror.tally
    missing: list[WantedFile] = []
    wanted = wanted_files(store, work.form_id)
    for done, fetched in enumerate(fetch_files(work.client, mission.workspace.attachments, wanted), 1):
        if fetched.error:
            file_missing(store, work.form_id, fetched.wanted, fetched.error)
            missing.append(fetched.wanted)
        else:
            file_here(
                store,
                work.form_id,
                fetched.wanted,
                sha256=fetched.sha256,
                n_bytes=fetched.n_bytes,
                sniffed=fetched.sniffed,
                now=mission.clock(),
            )
            tally.counts["files_stored"] += 1
        mission.progress(f"{work.form_id}: files", done, len(wanted))
    tally.counts["files_missing"] += len(missing)
    work.findings += [
        Finding(
            "PULL003",
            "warning",
            f"{work.form_id}, submission {each.root_uuid}",
            "an attached file could not be downloaded",
            "the next pull asks again",
            form_id=work.form_id,
            root_uuid=each.root_uuid,
        )
        for each in missing
    ]


# ── the end ──


def _finish(work: _Work, cursor: Cursor, comparison: Comparison | None) -> tuple[int, int]:
    """Record how the pull ended; returns the server's and the local number of submissions."""
    mirror, now = work.mirror, work.mission.clock()
    values: dict[str, object] = {
        "pulled_at": now,
        "read_at": work.began,
        "asset_uid": work.asset_uid,
        "server": work.mission.kf,
    }
    if comparison is None:
        n_live = server_n = mirror.cursor().n_live
    else:
        n_live, server_n = mirror.n_live(), comparison.n_distinct
        values |= {
            "reconciled_at": work.began,
            "doubles": comparison.n_rows - comparison.n_distinct,
            "last_id": comparison.last_id,
            "modified": comparison.modified,
        }
        if not any(finding.rule in ("PULL002", "PULL009") for finding in work.findings):
            asset = work.client.asset(work.asset_uid)[0]
            values |= {"owner": asset.owner, "rights": json.dumps(sorted(asset.permissions))}
        else:
            values |= {"asset_uid": cursor.asset_uid, "server": cursor.server}
    mirror.note({**values, "server_n": server_n})
    return server_n, n_live


def _oddities(mirror: Mirror, comparison: Comparison | None, server_n: int, n_live: int) -> list[Finding]:
    form_id = mirror.form.form_id
    found = _misshapen(mirror)
    n_set_aside = mirror.n_set_aside()
    if server_n != n_live + n_set_aside:
        found.append(
            Finding(
                "PULL004",
                "error",
                form_id,
                f"the server holds {server_n} submissions, the mirror {n_live}",
                "run `kobo-sync pull` again; rows may have arrived meanwhile",
                form_id=form_id,
            )
        )
    if n_set_aside:
        found.append(
            Finding(
                "PULL007",
                "error",
                form_id,
                f"{n_set_aside} rows could not be understood and were set aside",
                "they are kept in the table quarantine with the reason; the next pull reads them again",
                form_id=form_id,
            )
        )
    if comparison and comparison.n_rows != comparison.n_distinct:
        found.append(
            Finding(
                "PULL008",
                "warning",
                form_id,
                f"{comparison.n_rows - comparison.n_distinct} rows are listed twice on the server",
                "a failed request left them; the newest of each is used",
                form_id=form_id,
            )
        )
    return sorted(found, key=lambda finding: finding.rule)


def _misshapen(mirror: Mirror) -> list[Finding]:
    """What the flat tables could not hold as it came."""
    form_id, tally = mirror.form.form_id, mirror.tally
    said = (
        (
            "PULL005",
            "answers to questions that forms/ does not have",
            tally.unknown,
            "they are kept in the raw data; put the form's right version in forms/ to get their columns",
        ),
        (
            "PULL006",
            "answers that are no number where one is due",
            tally.misfits,
            "they are kept in the raw data and empty in the tables; correct them on the server",
        ),
        (
            "PULL010",
            "columns whose type changed from one form version to the next",
            tally.conflicts,
            "the tables follow the new type, the raw data keep the answers; give such a question a new name",
        ),
    )
    return [
        Finding(rule, "warning", form_id, f"{what}: {', '.join(sorted(names))}", hint, form_id=form_id)
        for rule, what, names, hint in said
        if names
    ]

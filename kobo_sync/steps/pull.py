"""Submissions and files from the server to the mirror, with a proof that nothing is missing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from kobo_sync.errors import KoboRejected, StoreError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.form_faults import lives
from kobo_sync.steps.projects import Projects, uid_or_finding
from kobo_sync.steps.pulling.attachments import fetch_files, replaced
from kobo_sync.steps.pulling.deletions import believed_absent, bury
from kobo_sync.steps.pulling.deployed import lay_out_deployed
from kobo_sync.steps.pulling.form_pull import (
    Wish,
    Work,
    compare_all,
    find_changes,
    is_still_empty,
    plan_of,
    read_new,
)
from kobo_sync.steps.pulling.oddities import ABSENT, misshapen, oddities
from kobo_sync.steps.pulling.one_form import one_form
from kobo_sync.steps.pulling.plan import doubt
from kobo_sync.steps.relay import relay_by_itself
from kobo_sync.store.attachments import (
    WantedFile,
    current_files,
    erased_files,
    file_here,
    file_missing,
    file_replaced,
    files_here,
    files_lost,
    n_wanted,
    received_files,
    wanted_files,
)
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.reconcile import Comparison
from kobo_sync.store.submissions import Cursor, Tally
from kobo_sync.workspace.attachment_files import away, is_away

SHOWN_FILES = 5  # of those that could not be had; the others are counted
SHOWN = ("new", "edited", "validated", "restored", "deleted")


def pull(
    mission: Mission,
    *,
    form_ids: Sequence[str] = (),
    accept_deletions: bool = False,
    quick: bool = False,
    full: bool = False,
    explain: bool = False,
    with_files: bool = True,
) -> Report:
    """Bring the mirror to what the server holds: new, edited, re-validated, deleted rows, and files.

    *with_files* False leaves the files where they are: for a mirror of which only the answers are looked at.
    What waits at the workspace's own field station is relayed before, as far as it goes.
    Rows and cursor commit together per page; every page can be read again. A form that cannot be pulled is a
    finding and the others go on; an unreachable server, a refused token or a disk at fault ends the run.
    Raises: KoboUnreachable, ConfigError, FormError, StoreError.
    """
    started_at = mission.clock()
    client = mission.reader()
    to_pull = list(form_ids or mission.config.forms)
    relayed = relay_by_itself(mission)  # first: what waits at the station is to be read as well
    findings = list(relayed.findings) if relayed else []
    with_files = with_files and _are_files_at_hand(mission, findings)
    projects = Projects(mission, client)
    lines = [f"relay: {line}" for line in relayed.lines[-1:]] if relayed else []
    counts: Counter[str] = Counter()
    for done, form_id in enumerate(to_pull):
        mission.progress("pull", done, len(to_pull))
        n_findings = len(findings)
        asset_uid = uid_or_finding(projects, form_id, findings)
        if not asset_uid:
            is_told = len(findings) > n_findings
            lines.append(f"{form_id}: not pulled" if is_told else projects.absence(form_id))
            findings += [] if is_told else _no_longer_seen(mission, form_id)
            continue
        tally = Tally()
        with one_form(form_id, findings, lines, "not pulled", lambda: lives(client)):
            mirror = Mirror(mission.store, mission.form(form_id), tally)
            wish = Wish(quick, full, accept_deletions, with_files)
            work = Work(mission, client, mirror, asset_uid, wish, mission.clock(), findings=findings)
            try:
                lines.append(_pull_form(work))
            except KoboRejected as error:
                if error.status != 400 or client.asset(asset_uid)[0].is_deployed:
                    raise
                # A draft on the server has no rows, and listing them is refused [d00]: that is no fault.
                lines.append(
                    f"{form_id}: a draft that was never deployed: nothing to pull (kobo-sync deploy publishes it)"
                )
            finally:
                mirror.close()
                lines += [f"  {reason}" for reason in work.why] if explain else []
        counts.update(tally.counts)
    mission.progress("pull", len(to_pull), len(to_pull))
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
    lines: list[str] = []
    for form_id in form_ids or mission.config.forms:
        with one_form(form_id, findings, lines, "tables left as they were"):
            mirror = Mirror(mission.store, mission.form(form_id))
            n = mirror.rebuild()
            counts["rebuilt"] += n
            lines.append(f"{form_id}: tables derived again from {n} submissions")
            findings += misshapen(mirror)
    return mission.report("pull", started_at, counts, findings, lines)


def _no_longer_seen(mission: Mission, form_id: str) -> list[Finding]:
    """A form of which rows are held, and that the account sees no more: another project is named, or a right was taken away."""
    n_live = sum(holding.n_live for holding in mission.store.holdings([form_id]))
    message = f"{n_live} submissions are held, and the account no longer sees the form on the server"
    hint = "look at the server's address and project in config/mission.toml, and at the account's rights; nothing here is lost"
    return [Finding("PULL017", "error", form_id, message, hint, form_id=form_id)] if n_live else []


# ── one form ──


def _pull_form(work: Work) -> str:
    mirror = work.mirror
    cursor = mirror.cursor()
    if is_still_empty(work, cursor):
        mirror.prepare()
        return _told(work, *_finish(work, cursor, None))
    lay_out_deployed(work)
    mirror.prepare()
    plan = plan_of(work, cursor)
    work.why += plan.reasons
    newest_is_there = read_new(work, cursor, plan)
    comparison = None
    if plan.is_complete:
        comparison = compare_all(work, cursor, plan)
    else:
        find_changes(work, cursor)
        listed = work.client.count(work.asset_uid)
        reason = doubt(listed, mirror.cursor().n_live, cursor.doubles, mirror.n_set_aside(held_too=False))
        if not newest_is_there:
            number = f", {cursor.last_id}," if work.client.features.numbers_rows else ""
            reason = f"complete scan: the newest row held{number} is no longer listed"
        work.why.append(reason or f"quick was enough: the server lists {listed} rows, all accounted for")
        if reason:
            comparison = compare_all(work, cursor, plan)
    absent: list[str] = []
    if comparison:
        absent = believed_absent(work, cursor, comparison)
    if work.wish.with_files:
        _fetch_files(work)
    if comparison and absent:
        bury(work, absent, comparison.absent)
    server_n, n_live = _finish(work, cursor, comparison)
    work.findings += oddities(work, comparison, server_n, n_live)
    return _told(work, server_n, n_live)


def _told(work: Work, server_n: int, n_live: int) -> str:
    """The line of the report."""
    mirror = work.mirror
    mirror.told()
    shown_counts = [f"{mirror.tally.counts[kind]:,} {kind}" for kind in SHOWN]
    shown_counts += [f"{mirror.tally.counts[f'files_{kind}']:,} files {kind}" for kind in ("stored", "missing")]
    n_not_sent = work.client.n_not_sent(work.asset_uid)
    mirror.tally.counts["files_not_sent"] += n_not_sent
    if n_not_sent:
        shown_counts.append(f"{n_not_sent:,} files that phones have not sent")
    sign = "=" if server_n == n_live else "≠"
    set_aside = mirror.rows_set_aside()
    mirror.tally.counts["quarantined"] = len(set_aside)
    n_stale = sum(row.is_held for row in set_aside)
    if n_stale:
        shown_counts = [f"{n_stale:,} as of an earlier reading", *shown_counts]
    work.mission.progress(work.form_id, n_live, n_live)
    return f"{work.form_id}: server {server_n:,} {sign} local {n_live:,} · {' · '.join(shown_counts)}"


# ── files ──


def _are_files_at_hand(mission: Mission, findings: list[Finding]) -> bool:
    """Whether files can be kept where they are to lie; where not, they wait on the server, and the rows come without them."""
    try:
        if is_away(mission.files, lambda: received_files(mission.store)):
            raise away(mission.files.name)
    except StoreError as error:
        findings.append(Finding("PULL016", "error", "files.url", error.message, error.hint))
        return False
    return True


def _fetch_files(work: Work) -> None:
    mission, store, tally = work.mission, work.mission.store, work.mirror.tally
    missing: list[tuple[WantedFile, str]] = []
    if not work.wish.quick:
        _examine_files(work)
        _look_for_replaced(work)
    n, files = n_wanted(store, work.form_id), wanted_files(store, work.form_id)
    if not mission.files.is_marked and (n or files_here(store, work.form_id)):
        mission.files.mark()
    for done, fetched in enumerate(
        fetch_files(work.client, mission.workspace.parts_beside(mission.files), mission.files, files), 1
    ):
        if fetched.error:
            file_missing(store, work.form_id, fetched.file, fetched.error)
            missing.append((fetched.file, fetched.error))
        else:
            file_here(
                store,
                work.form_id,
                fetched.file,
                sha256=fetched.sha256,
                n_bytes=fetched.n_bytes,
                sniffed=fetched.sniffed,
                now=mission.clock(),
            )
            tally.counts["files_stored"] += 1
        mission.progress(f"{work.form_id}: files", done, n)
    tally.counts["files_missing"] += len(missing)
    if missing:
        shown = ", ".join(f"{file.filename} ({error})" for file, error in missing[:SHOWN_FILES])
        more = f" and {len(missing) - SHOWN_FILES} more" if len(missing) > SHOWN_FILES else ""
        work.find(
            "PULL003",
            f"{len(missing)} attached files could not be downloaded: {shown}{more}",
            "the next pull asks again",
        )


def _look_for_replaced(work: Work) -> None:
    """See whether other bytes came under the names of files that are here; only where a server does that, for each is asked for."""
    if not work.client.features.replaces_files:
        return
    files = current_files(work.mission.store, work.form_id)
    for file in replaced(work.client, work.mission.files, files):
        file_replaced(work.mission.store, work.form_id, file)
        work.mirror.tally.counts["files_replaced"] += 1


def _examine_files(work: Work) -> None:
    """See that the files received can be read: a document that needs one goes without it, and this says why."""
    files, store = work.mission.files, work.mission.store
    here = files_here(store, work.form_id)
    lost = [sha256 for sha256 in files.lost(here) if sha256 not in erased_files(store)]
    if lost:
        files_lost(store, work.form_id, lost)
        message = f"{len(lost)} attached files that were received are gone from where they are kept: {lost[0]}"
        hint = "they are asked for again; look why the storage lost them (rules of expiry?), or restore them there"
        work.find("PULL015", message, hint)
    refused = files.refused(here)
    if refused:
        file, reason = refused[0]
        message = f"{len(refused)} attached files that were received cannot be read: {file} ({reason})"
        work.find("PULL013", message, "give this account the right to .kobo_sync/attachments, or restore a backup")


# ── the end ──


def _finish(work: Work, cursor: Cursor, comparison: Comparison | None) -> tuple[int, int]:
    """Record how the pull ended; returns the server's and the local number of submissions."""
    mirror, now = work.mirror, work.mission.clock()
    values: dict[str, object] = {
        "pulled_at": now,
        "read_at": work.began,
        "asset_uid": work.asset_uid,
        "server": work.mission.server_id,
    }
    if comparison is None:  # the counts agreed
        n_live = mirror.cursor().n_live
        server_n = n_live + mirror.n_set_aside(held_too=False)
    else:
        n_live, server_n = mirror.recount_live(), comparison.n_distinct
        values |= {
            "reconciled_at": work.began,
            "doubles": comparison.n_rows - comparison.n_distinct if work.client.features.counts_doubles else 0,
            "last_id": comparison.last_id,
            "modified": comparison.modified,
        }
        if not any(finding.rule in ABSENT for finding in work.findings):
            asset = work.client.asset(work.asset_uid)[0]
            values |= {"owner": asset.owner, "rights": json.dumps(sorted(asset.permissions))}
        else:
            values |= {"asset_uid": cursor.asset_uid, "server": cursor.server}
    mirror.note({**values, "server_n": server_n})
    rights = json.loads(str(values.get("rights") or cursor.rights or "[]"))
    if "partial_submissions" in rights and "view_submissions" not in rights:
        message = "this account may see a part of the project's rows only: there may be more than are counted here"
        work.find("PULL018", message, "let the project's owner give it the right to view all submissions")
    return server_n, n_live

"""Submissions and files from the server to the mirror, with a proof that nothing is missing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from kobo_sync.assets import find_assets
from kobo_sync.errors import KoboError, KoboUnreachable
from kobo_sync.kobo.client import KoboClient
from kobo_sync.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.store.mirror import Comparison, Mirror, WantedFile
from kobo_sync.workspace import write_atomic

FEW = 5  # so few absences are looked at one by one, whatever their share
SHOWN = ("new", "edited", "validated", "files", "restored", "deleted")


def pull(mission: Mission, *, form_ids: Sequence[str] = (), accept_deletions: bool = False) -> Report:
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
        try:
            found, line = _pull_form(mission, client, mirror, assets[form_id], accept_deletions=accept_deletions)
        except KoboUnreachable:
            raise
        except KoboError as error:
            found = [Finding("PULL001", "error", form_id, error.message, error.hint, form_id=form_id)]
            line = f"{form_id}: not pulled"
        findings += found
        lines.append(line)
        counts.update(mirror.tally.counts)
    mission.progress("pull", len(wanted), len(wanted))
    return mission.report("pull", started_at, counts, findings, lines)


def _pull_form(
    mission: Mission, client: KoboClient, mirror: Mirror, asset_uid: str, *, accept_deletions: bool
) -> tuple[list[Finding], str]:
    form_id = mirror.form.form_id
    mirror.prepare()
    since = mission.clock() - timedelta(minutes=mission.config.pull.overlap_minutes)
    for page in client.pages(asset_uid, above=mirror.low_water(since), limit=mission.config.pull.page_size):
        mirror.write_page(page.rows, mission.clock(), advance=True)
    comparison = mirror.compare(client.light_pages(asset_uid))
    for page in client.rows(asset_uid, comparison.wanted):
        mirror.write_page(page.rows, mission.clock(), advance=False)
    findings = _bury_absent(mission, client, mirror, asset_uid, comparison, accept_deletions=accept_deletions)
    findings += _fetch_files(mission, client, mirror)
    n_live = mirror.n_live()
    mirror.finish(comparison.n_distinct, mission.clock(), reconciled=True)
    findings += _oddities(mirror, comparison, n_live)
    said = [f"{mirror.tally.counts[kind]} {kind}" for kind in SHOWN]
    missing = mirror.tally.counts["files_missing"]
    line = f"{form_id}: server {comparison.n_distinct} = local {n_live} · {' · '.join(said)} · {missing} files missing"
    return findings, line if comparison.n_distinct == n_live else line.replace(" = local", " ≠ local")


def _bury_absent(
    mission: Mission,
    client: KoboClient,
    mirror: Mirror,
    asset_uid: str,
    comparison: Comparison,
    *,
    accept_deletions: bool,
) -> list[Finding]:
    """Tombstones for rows that are proved gone: absent from a complete scan, and 404 when asked alone.

    A big drop may as well be a right that was taken away, so it is reported and nothing is buried.
    """
    absent = comparison.absent
    n_held = mirror.n_live()
    if not accept_deletions and len(absent) > FEW and len(absent) > n_held * mission.config.pull.max_gone_share:
        return [
            Finding(
                "PULL002",
                "error",
                mirror.form.form_id,
                f"{len(absent)} of {n_held} rows are no longer listed: too many to be taken for deletions",
                "check the account's rights on the project; if they were deleted, run `kobo-sync pull --accept-deletions`",
                form_id=mirror.form.form_id,
            )
        ]
    proved = [root for root, submission_id in sorted(absent.items()) if not client.exists(asset_uid, submission_id)]
    mirror.bury(proved, mission.clock())
    return []


def _fetch_files(mission: Mission, client: KoboClient, mirror: Mirror) -> list[Finding]:
    form_id = mirror.form.form_id
    missing = []
    for wanted in mirror.wanted_files():
        try:
            content = client.download(wanted.url)
        except KoboError as error:
            mirror.file_missing(wanted, error.message)
            missing.append(wanted)
        else:
            digest = hashlib.sha256(content).hexdigest()
            write_atomic(attachment_path(mission.workspace.attachments, digest), content)
            mirror.file_here(wanted, digest, len(content), mission.clock())
            mirror.tally.counts["files_stored"] += 1
    mirror.tally.counts["files_missing"] += len(missing)
    return [_missing(form_id, wanted) for wanted in missing]


def attachment_path(folder: Path, sha256: str) -> Path:
    """Where an attachment lies: named by its content, never by a name that a phone sent."""
    return folder / sha256[:2] / sha256


def _missing(form_id: str, wanted: WantedFile) -> Finding:
    return Finding(
        "PULL003",
        "warning",
        f"{form_id}, submission {wanted.root_uuid}",
        "an attached file could not be downloaded",
        "the next pull asks again",
        form_id=form_id,
        root_uuid=wanted.root_uuid,
    )


def _oddities(mirror: Mirror, comparison: Comparison, n_live: int) -> list[Finding]:
    form_id, tally = mirror.form.form_id, mirror.tally
    found = []
    if comparison.n_distinct != n_live:
        found.append(
            Finding(
                "PULL004",
                "error",
                form_id,
                f"the server holds {comparison.n_distinct} submissions, the mirror {n_live}",
                "run `kobo-sync pull` again; rows may have arrived meanwhile",
                form_id=form_id,
            )
        )
    if tally.unknown:
        found.append(
            Finding(
                "PULL005",
                "warning",
                form_id,
                f"answers to questions that forms/ does not have: {', '.join(sorted(tally.unknown))}",
                "they are kept in the raw data; put the form's right version in forms/ to get their columns",
                form_id=form_id,
            )
        )
    if tally.misfits:
        found.append(
            Finding(
                "PULL006",
                "warning",
                form_id,
                f"answers that are no number where one is due: {', '.join(sorted(tally.misfits))}",
                "they are kept in the raw data and empty in the tables; correct them on the server",
                form_id=form_id,
            )
        )
    if tally.counts["quarantined"]:
        found.append(
            Finding(
                "PULL007",
                "error",
                form_id,
                f"{tally.counts['quarantined']} rows could not be understood and were set aside",
                "they are kept in the table quarantine with the reason; the next pull reads them again",
                form_id=form_id,
            )
        )
    if comparison.n_rows != comparison.n_distinct:
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
    return found

"""Rows that the server no longer lists: which may be taken for deletions, and the second look before they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.steps.pulling.form_pull import ASKED_ALONE, FEW, Work
from kobo_sync.store.reconcile import Comparison
from kobo_sync.store.submissions import Cursor


def believed_absent(work: Work, cursor: Cursor, comparison: Comparison) -> list[str]:
    """The root uuids of absent rows that may be taken for deletions; the others stay, and are reported.

    A right that was taken away or a project that changed hands looks the same as deletions do.
    """
    absent, mirror, accept = comparison.absent, work.mirror, work.wish.accept_deletions
    if not absent:
        return []
    n_held = mirror.recount_live()
    share = work.mission.config.pull.max_gone_share
    cure = "if they were deleted, run `kobo-sync pull --accept-deletions`"
    reason = "" if accept else _less_is_seen(work, cursor)
    if cursor.asset_uid not in ("", work.asset_uid) or cursor.server not in ("", work.mission.server_id):
        # Never a hint at what would bury all that is held of the project before.
        cure = (
            f"if {work.asset_uid} is not the project meant, name the right one under server.assets; what is held stays"
        )
        if work.client.features.forms_have_own_ids:
            cure = f"if that is not the one meant, write the earlier server.url and server.project back into {MISSION_FILE}; what is held stays"
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
        there = {root for root in alone if work.client.exists(work.asset_uid, absent[root], root)}
        work.why.append(f"absent: {len(alone)} asked for alone, {len(there)} answered after all")
        mirror.miss(sorted(there), work.mission.clock())
        return sorted(set(absent) - there)
    mirror.miss(sorted(absent), work.mission.clock())
    return []


def _less_is_seen(work: Work, cursor: Cursor) -> str:
    """Why this account may see less than it did; empty when it sees what it saw."""
    asset, _ = work.client.asset(work.asset_uid)
    if (cursor.asset_uid, cursor.server) not in (("", ""), (work.asset_uid, work.mission.server_id)):
        return "the form is read from another project or server than before"
    if cursor.owner and asset.owner != cursor.owner:
        return f"the project's owner changed ({cursor.owner} → {asset.owner})"
    lost = sorted(set(json.loads(cursor.rights or "[]")) - asset.permissions)
    if lost:
        return f"this account lost rights on the project ({', '.join(lost)})"
    if "partial_submissions" in asset.permissions:
        return "this account sees some of the project's rows only"
    return ""


def bury(work: Work, root_uuids: Sequence[str], absent: Mapping[str, str]) -> None:
    """The second look, some time after the first: what is still not listed becomes a tombstone."""
    listed = {row.root_uuid for row in work.client.listed(work.asset_uid, [absent[root] for root in root_uuids])}
    gone = [root for root in root_uuids if root not in listed]
    work.mirror.miss(sorted(listed & set(root_uuids)), work.mission.clock())
    work.mirror.bury(gone, work.mission.clock())

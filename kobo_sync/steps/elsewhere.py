"""Rows of another server or project in the mirror: what would mix with them, or go to strangers, is refused."""

from __future__ import annotations

from collections.abc import Collection

from kobo_sync.mission.mission import Mission

ELSEWHERE = "DEPLOY012"


def rows_from_elsewhere(mission: Mission, form_ids: Collection[str] | None = None) -> str:
    """Which rows here came from another server or project than that of the settings, as people read it; empty when none did.

    *form_ids*: of these forms alone.
    Raises: StoreError.
    """
    origins = {
        form_id: server
        for form_id, (_, server) in mission.store.projects_read().items()
        if server not in ("", mission.server_id) and (form_ids is None or form_id in form_ids)
    }
    n_rows = sum(holding.n_live + holding.n_quarantined for holding in mission.store.holdings(sorted(origins)))
    if not n_rows:
        return ""
    return f"{n_rows} submissions here came from {sorted(set(origins.values()))[0]}, and the settings name {mission.server_id}"

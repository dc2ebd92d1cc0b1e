"""Who edited a submission, asked of the server while somebody waits."""

from __future__ import annotations

from datetime import datetime

from kobo_sync.form_server import Edit
from kobo_sync.mission.hasty import hasty
from kobo_sync.mission.mission import Mission


def edits_of_row(mission: Mission, form_id: str, root_uuid: str, since: datetime) -> list[Edit]:
    """The edits since then, oldest first; none of a form that is not deployed. Raises: KoboError, ConfigError, StoreError."""
    deployment = mission.store.deployments().get(form_id)
    server_key = mission.store.server_keys(form_id, [root_uuid]).get(root_uuid)
    if deployment is None or server_key is None:
        return []
    with hasty(mission) as asking:
        return asking.reader().edits(deployment.asset_uid, server_key, root_uuid, since)

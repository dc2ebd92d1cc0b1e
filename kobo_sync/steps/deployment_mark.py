"""The mark that a deployment leaves in a project's settings on the server: whose it is, and what it published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset


def mark_of(
    mission: Mission, asset_uid: str, *, form_id: str, sha256: str, version_id: str, media_md5: Mapping[str, str]
) -> dict[str, str]:
    """Our mark on the server; *media_md5* are the media that phones are known to get."""
    return {
        "mission": mission.config.mission.code,
        "workspace": mission.config.mission.id,
        "asset": asset_uid,
        "form_id": form_id,
        "sha256": sha256,
        "version_id": version_id,
        "media": media_digest(media_md5),
    }


def signature(mission: Mission, asset: Asset) -> dict[str, str]:
    """The part of a mark that no other workspace, and no copy of the project, has."""
    return {"workspace": mission.config.mission.id, "asset": asset.asset_uid}


def media_digest(media_md5: Mapping[str, str]) -> str:
    """One hash for a set of media."""
    return hashlib.sha256(json.dumps(dict(media_md5), sort_keys=True).encode()).hexdigest()[:32]

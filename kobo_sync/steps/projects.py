"""Which project on the server is which form: remembered, named in the config, or marked as ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kobo_sync.forms.xlsform import read_form
from kobo_sync.kobo.client import KoboClient
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, Form
from kobo_sync.store.database import Deployment


def find_assets(
    mission: Mission, client: KoboClient, form_ids: Iterable[str], remembered: Mapping[str, Deployment] | None = None
) -> dict[str, str]:
    """form_id → asset uid of those on the server: *remembered* (by the mirror), named in the config, or marked as ours."""
    remembered = mission.store.deployments() if remembered is None else remembered
    listed: list[Asset] | None = None
    uids = {}
    for form_id in form_ids:
        deployment = remembered.get(form_id)
        uid = mission.adopted.get(form_id, "")
        if not uid and deployment and deployment.server == mission.kf:
            uid = deployment.asset_uid
        if not uid:
            listed = client.assets() if listed is None else listed
            uid = _ours(listed, mission, form_id)
        if uid:
            uids[form_id] = uid
    return uids


def deployed_form(mission: Mission, form_id: str, asset_uid: str) -> Form:
    """The server's newest version of a form. Raises: FormError, KoboError."""
    return read_form(mission.deployer().workbook(asset_uid), f"{form_id}.xlsx")


def _ours(assets: Iterable[Asset], mission: Mission, form_id: str) -> str:
    code = mission.config.mission.code
    for asset in assets:
        if asset.fingerprint.get("form_id") == form_id and asset.fingerprint.get("mission") == code:
            return asset.asset_uid
    return ""

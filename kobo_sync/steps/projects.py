"""Which project on the server is which form: named in the config, remembered, read before, or marked as ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError
from kobo_sync.form_server import FormServer
from kobo_sync.forms.xlsform import read_form
from kobo_sync.lazy import cached_property
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, Finding, Form
from kobo_sync.store.database import Deployment


class Projects:
    """The mission's projects as the account of *client* sees them; *remembered* deployments, the mirror's when None."""

    def __init__(
        self, mission: Mission, client: FormServer, remembered: Mapping[str, Deployment] | None = None
    ) -> None:
        self._mission, self._client = mission, client
        deployments = mission.store.deployments() if remembered is None else remembered
        before = mission.store.projects_read() if remembered is None else {}
        self._uids = {form_id: uid for form_id, (uid, server) in before.items() if uid and server == mission.server_id}
        self._uids |= {name: each.asset_uid for name, each in deployments.items() if each.server == mission.server_id}
        self._uids |= {form_id: uid for form_id, uid in mission.adopted.items() if uid}

    def uid(self, form_id: str) -> str:
        """The asset uid of the form's project; empty when none is visible. Raises: ConfigError when two bear our mark."""
        if form_id in self._uids:
            return self._uids[form_id]
        if self._client.features.forms_have_own_ids:
            return form_id if any(asset.asset_uid == form_id for asset in self._there) else ""
        marked = [asset for asset in self.visible if asset.fingerprint.get("form_id") == form_id]
        if len(marked) > 1:
            names = " and ".join(sorted(f"{asset.asset_uid} ({asset.name})" for asset in marked))
            raise ConfigError(
                f"two projects bear the mark of this form: {names}",
                file=MISSION_FILE,
                key=f"server.assets.{form_id}",
                hint="one is a copy that KoboToolbox made with its mark: write the uid of the one that phones use there",
            )
        return marked[0].asset_uid if marked else ""

    @cached_property
    def visible(self) -> list[Asset]:
        """The projects that this workspace deployed, as far as the account sees them; copies of them left out."""
        if self._client.features.forms_have_own_ids:
            return [asset for asset in self._there if asset.asset_uid in self._mission.config.forms]
        return [asset for asset in self._there if is_of(asset, self._mission) and not is_copy(asset)]

    @cached_property
    def _there(self) -> list[Asset]:
        return self._client.assets()

    @cached_property
    def foreign(self) -> list[Asset]:
        """Those of `visible` that the account may not change; where the server does not say, those of other owners.

        None where forms have their own ids: a second one of an id cannot be made there.
        """
        if self._client.features.forms_have_own_ids:
            return []
        unclear = any(not asset.permissions for asset in self.visible)
        me = self._client.me() if unclear else ""
        return [
            asset
            for asset in self.visible
            if ("change_asset" not in asset.permissions if asset.permissions else asset.owner not in ("", me))
        ]

    def absence(self, form_id: str) -> str:
        """Why *form_id* has no project here, and what to do, as people read it."""
        if self._client.features.forms_have_own_ids:
            return f"{form_id}: not in the project on the server yet (kobo-sync deploy publishes it)"
        n = len({asset.fingerprint.get("form_id") for asset in self.visible})
        if n:
            return (
                f"{form_id}: not visible to this account, which sees {n} of the mission's {len(self._mission.config.forms)} "
                "projects; have the owner share it (view submissions), or publish it with the account that deploys"
            )
        return f"{form_id}: not on the server yet, or not shared with this account (kobo-sync deploy publishes it)"


def find_assets(
    mission: Mission,
    client: FormServer,
    form_ids: Iterable[str],
    remembered: Mapping[str, Deployment] | None = None,
    findings: list[Finding] | None = None,
) -> dict[str, str]:
    """form_id → asset uid of those on the server.

    A form with two projects is a finding in *findings*, and the others are found; without, it is raised.
    Raises: ConfigError, KoboError.
    """
    projects = Projects(mission, client, remembered)
    uids = {form_id: uid_or_finding(projects, form_id, findings) for form_id in form_ids}
    return {form_id: uid for form_id, uid in uids.items() if uid}


def uid_or_finding(projects: Projects, form_id: str, findings: list[Finding] | None) -> str:
    """The form's asset uid; empty, and told in *findings* when there is that list, when two projects claim it."""
    try:
        return projects.uid(form_id)
    except ConfigError as error:
        if findings is None:
            raise
        findings.append(Finding("PULL012", "error", form_id, error.message, error.hint, form_id=form_id))
        return ""


def is_of(asset: Asset, mission: Mission) -> bool:
    """Whether our mark on *asset* is of this mission, and not of another workspace that goes by the same code."""
    mark, identity = asset.fingerprint, mission.config.mission
    return mark.get("mission") == identity.code and mark.get("workspace", "") in ("", identity.id)


def is_copy(asset: Asset) -> bool:
    """Whether KoboToolbox copied *asset* with its mark: that one names the project it was written for."""
    return asset.fingerprint.get("asset", asset.asset_uid) != asset.asset_uid


def deployed_form(mission: Mission, form_id: str, asset_uid: str) -> Form:
    """The server's newest version of a form. Raises: FormError, KoboError."""
    return replace(read_form(mission.deployer().workbook(asset_uid), f"{form_id}.xlsx"), form_id=form_id)

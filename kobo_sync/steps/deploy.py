"""Forms and their media to the server: compiled and validated first, skipped when unchanged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kobo_sync.errors import ConfigError, FormError, KoboRejected
from kobo_sync.forms.media import roster_csv
from kobo_sync.forms.sheets import as_workbook, cells_sha256
from kobo_sync.kobo.client import KoboClient
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, Finding, Form, MediaFile, Report
from kobo_sync.steps.diff import harm_of_replacing
from kobo_sync.steps.hooks import put_hooks
from kobo_sync.steps.lint import gate
from kobo_sync.steps.projects import find_assets
from kobo_sync.store.database import Deployment

Act = Literal["create", "replace", "media", "publish", "skip", "refuse"]
VERIFY_TRIES = 12  # media reach phones by a task of the server's, usually at once [c32]
LISTS = (".csv", ".xml", ".geojson")
MIMETYPES = {
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".geojson": "application/geo+json",
    ".zip": "application/zip",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
}


@dataclass(frozen=True)
class LocalForm:
    """A form as it lies here: *media* are the bytes that phones must get beside it.

    *absent* are the pictures and sounds that it names and that are not here: phones show it without them.
    """

    form: Form
    file: str
    content: bytes
    media: Mapping[str, bytes]
    absent: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of what the cells say: saving a workbook again without a change is no change."""
        return cells_sha256(self.content, self.file)

    @property
    def workbook(self) -> tuple[bytes, str]:
        """The form as the server takes it, with its file name."""
        return as_workbook(self.content, self.file)

    @property
    def media_md5(self) -> dict[str, str]:
        """File name → md5 in hex, as the server computes it."""
        return {name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in sorted(self.media.items())}


@dataclass(frozen=True)
class RemoteForm:
    """The same form on the server; *unfinished* when our last deployment of it was cut short."""

    asset: Asset | None = None
    media: tuple[MediaFile, ...] = ()
    unfinished: bool = False


@dataclass(frozen=True)
class DeployAction:
    """What to do with one form, and why; ``publish`` is a redeployment with nothing else to send.

    *form_sha256* is that of the workbook that will be live afterwards.
    """

    act: Act
    form_id: str
    reason: str
    stale_media: tuple[MediaFile, ...] = ()
    new_media: tuple[str, ...] = ()
    is_harmful: bool = False
    form_sha256: str = ""


def deploy(
    mission: Mission,
    *,
    form_ids: Sequence[str] = (),
    dry_run: bool = False,
    force: bool = False,
    media_only: bool = False,
) -> Report:
    """Bring the server's forms and media to what lies in forms/ and config/.

    With *media_only* the forms stay as they are deployed, whatever lies in forms/: a run by the clock
    must not publish a workbook that somebody is still editing.

    A form that the rules, pyxform or ODK Validate find in error stops everything before anything is sent.
    Raises: FormError, ConfigError, KoboError.
    """
    started_at = mission.clock()
    client = mission.deployer()
    local = {form_id: local_form(mission, form_id) for form_id in form_ids or mission.config.forms}
    remote = _gather(mission, client, local, force=force)
    actions = [
        plan_deploy(local[form_id], remote[form_id], mission.config.mission.code, force=force, media_only=media_only)
        for form_id in local
    ]
    harm: list[Finding] = []
    if not force:
        actions = [_spared(mission, action, remote[action.form_id].asset, harm) for action in actions]
    findings = [_without_pictures(each) for each in local.values() if each.absent]
    findings += harm + [_refusal(action) for action in actions if action.act == "refuse" and not action.is_harmful]
    lines = [f"{action.form_id}: {action.act} ({action.reason})" for action in actions]
    counts = {
        act: sum(action.act == act for action in actions)
        for act in ("create", "replace", "media", "publish", "skip", "refuse")
    }
    published: dict[str, tuple[str, str]] = {}
    if not dry_run:
        gate(mission, [action.form_id for action in actions if action.act in ("create", "replace")])
        _adopt(mission, [(local[a.form_id], remote[a.form_id].asset) for a in actions if a.act == "skip"])
        to_do = [action for action in actions if action.act not in ("skip", "refuse")]
        for done, action in enumerate(to_do):
            mission.progress("deploy", done, len(to_do))
            uid = apply_action(mission, client, local[action.form_id], remote[action.form_id], action)
            published[action.form_id] = (uid, action.form_sha256)
        findings += _verify(mission, client, local, published)
        mission.progress("deploy", len(to_do), len(to_do))
    if not media_only:
        hooked = {form_id: state.asset.asset_uid for form_id, state in remote.items() if state.asset}
        hooked |= {form_id: uid for form_id, (uid, _) in published.items()}
        hook_lines, refused = put_hooks(mission, client, hooked, dry_run=dry_run)
        lines, findings = lines + hook_lines, findings + refused
    return mission.report("deploy", started_at, counts, findings, lines)


def local_form(mission: Mission, form_id: str) -> LocalForm:
    """The form and its media as they lie here. Raises: FormError, ConfigError."""
    settings = mission.config.forms[form_id]
    form = mission.forms[form_id]
    roster = mission.config.roster
    media = {}
    absent = []
    for name in form.media:
        if roster and name == roster.file:
            media[name] = roster_csv(mission.participants().rows)
            continue
        try:
            media[name] = mission.workspace.media_bytes(name, mission.config)
        except ConfigError:
            if name.lower().endswith(LISTS):  # without its lists a form opens on no phone
                raise
            absent.append(name)
    return LocalForm(form, settings.file, mission.workspace.form_bytes(settings.file), media, tuple(absent))


def _gather(mission: Mission, client: KoboClient, form_ids: Iterable[str], *, force: bool) -> dict[str, RemoteForm]:
    """What the server has of each form."""
    remembered = mission.store.deployments()
    assets = find_assets(mission, client, form_ids)
    remote = {}
    for form_id in form_ids:
        last = remembered.get(form_id)
        unfinished = bool(last and last.deployed_at is None and last.asset_uid == assets.get(form_id))
        remote[form_id] = RemoteForm()
        if form_id in assets:
            remote[form_id] = _ask(client, assets[form_id], unfinished=unfinished, force=force)
    return remote


def _spared(mission: Mission, action: DeployAction, asset: Asset | None, harm: list[Finding]) -> DeployAction:
    """The action, or a refusal when it would break stored answers; *harm* gathers why."""
    if action.act != "replace" or asset is None or not asset.is_deployed:
        return action
    findings = harm_of_replacing(mission, action.form_id, asset)
    harm += findings
    return (
        replace(action, act="refuse", reason="it would break stored answers", is_harmful=True) if findings else action
    )


def _ask(client: KoboClient, asset_uid: str, *, unfinished: bool, force: bool) -> RemoteForm:
    """The project, or nothing when it is gone and may be made again: cut short before, or asked for by force."""
    try:
        asset, media = client.asset(asset_uid)
    except KoboRejected as error:
        if error.status != 404:
            raise
        if not unfinished and not force:
            error.hint = "give the account its rights on the project; if it was deleted, deploy --force makes it again"
            raise
        return RemoteForm()
    return RemoteForm(asset, tuple(media), unfinished)


def plan_deploy(
    local: LocalForm, remote: RemoteForm, mission_code: str, *, force: bool, media_only: bool = False
) -> DeployAction:
    """The one action that brings *remote* to *local*: pure."""
    form_id, asset, here = local.form.form_id, remote.asset, local.sha256
    md5s = local.media_md5
    stale = tuple(m for m in remote.media if m.filename in md5s and md5s[m.filename] != m.md5)
    current = {m.filename for m in remote.media} - {m.filename for m in stale}
    new = tuple(name for name in md5s if name not in current)
    if asset is None:
        return DeployAction("create", form_id, "not on the server yet", (), tuple(md5s), form_sha256=here)
    mark = asset.fingerprint
    ours = mark.get("form_id") == form_id and mark.get("mission") == mission_code
    live = mark.get("sha256", "") if media_only else here
    touched = ours and mark.get("version_id") != asset.version_id
    if touched and not (remote.unfinished and not media_only) and not force:
        return DeployAction("refuse", form_id, "it was changed on the server since our last deployment")
    if media_only and not ours:
        return DeployAction("refuse", form_id, "it was not deployed from here yet")
    if asset.is_deployed and not asset.is_active and not force:
        return DeployAction("refuse", form_id, "it was archived on the server")
    if not ours or mark.get("sha256") != live or touched:
        return DeployAction("replace", form_id, "the form differs" if ours else "adopted", stale, new, form_sha256=here)
    if stale or new:
        return DeployAction("media", form_id, f"media differ: {', '.join(new)}", stale, new, form_sha256=live)
    reason = ""
    if mark.get("media") != media_digest(md5s):
        reason = "media not yet published to phones"
    elif not asset.is_deployed or asset.version_id != asset.deployed_version:
        reason = "the newest version is not deployed"
    elif not asset.is_active:
        reason = "archived"
    if reason:
        return DeployAction("publish", form_id, reason, form_sha256=live)
    return DeployAction("skip", form_id, "unchanged", form_sha256=live)


def _adopt(mission: Mission, unchanged: Iterable[tuple[LocalForm, Asset | None]]) -> None:
    """Remember what stands deployed already, so that a lost store or a second machine knows it too."""
    remembered = mission.store.deployments()
    for local, asset in unchanged:
        if asset and local.form.form_id not in remembered:
            _remember(mission, local, asset.asset_uid, local.sha256, asset.version_id, done=True)


def media_digest(media_md5: Mapping[str, str]) -> str:
    """One hash for a set of media."""
    return hashlib.sha256(json.dumps(dict(media_md5), sort_keys=True).encode()).hexdigest()[:32]


def apply_action(
    mission: Mission, client: KoboClient, local: LocalForm, remote: RemoteForm, action: DeployAction
) -> str:
    """Carry out one action up to the deployment; returns the asset uid.

    Each step can be cut short and the next run finishes it: what is begun is remembered first, and the
    mark on the server tells what was deployed, its media being confirmed later.
    """
    asset = remote.asset
    uid = asset.asset_uid if asset else ""
    previous = b""
    if action.act == "create":
        uid = client.import_form(*local.workbook, name=local.form.title)
        _remember(mission, local, uid, action.form_sha256, "", done=False)
    elif action.act == "replace":
        previous = client.workbook(uid) if asset and asset.is_deployed else b""
        _remember(mission, local, uid, action.form_sha256, "", done=False)
        client.import_form(*local.workbook, name=local.form.title, into=uid)
    for media in action.stale_media:
        client.delete_media(uid, media.uid)
    for name in action.new_media:
        client.upload_media(uid, name, local.media[name], mimetype(name))
    asset, _ = client.asset(uid)
    _publish(client, asset, local, previous)
    client.write_fingerprint(
        uid,
        _mark(mission, form_id=action.form_id, sha256=action.form_sha256, version_id=asset.version_id, media_md5={}),
    )
    return uid


def _publish(client: KoboClient, asset: Asset, local: LocalForm, previous: bytes) -> None:
    """Deploy; if the server finds the content undeployable, put the previous content back first [b43-b49]."""
    try:
        client.deploy(asset)
    except KoboRejected as error:
        if previous:
            client.import_form(previous, "previous.xlsx", name=asset.name, into=asset.asset_uid)
            client.deploy(client.asset(asset.asset_uid)[0])
        raise FormError(
            f"the server cannot deploy it: {error.excerpt}",
            form=local.file,
            hint="mend the form; what was deployed before is still live",
        ) from error


def _verify(
    mission: Mission,
    client: KoboClient,
    local: Mapping[str, LocalForm],
    published: Mapping[str, tuple[str, str]],
) -> list[Finding]:
    """Wait, for all forms together, until phones get their media as they lie here; then mark them as done.

    The server publishes media by a task of its own, which may lag or be lost: half-way, what is still
    missing is deployed once more.
    """
    waiting: dict[str, list[str]] = {form_id: [] for form_id in published}
    for attempt in range(VERIFY_TRIES):
        for form_id in list(waiting):
            (uid, sha256), md5s = published[form_id], local[form_id].media_md5
            manifest = client.manifest(uid)
            waiting[form_id] = sorted(name for name, md5 in md5s.items() if (manifest or {}).get(name) != md5)
            if manifest is not None and not waiting[form_id]:
                del waiting[form_id]
                version = client.asset(uid)[0].version_id
                mark = _mark(mission, form_id=form_id, sha256=sha256, version_id=version, media_md5=md5s)
                client.write_fingerprint(uid, mark)
                _remember(mission, local[form_id], uid, sha256, version, done=True)
            elif attempt == VERIFY_TRIES // 2:
                client.deploy(client.asset(uid)[0])
        if not waiting:
            break
        client.pause(min(5.0, 0.1 * 2**attempt))
    return [_not_published(form_id, missing or ["the form itself"]) for form_id, missing in waiting.items()]


def _mark(
    mission: Mission, *, form_id: str, sha256: str, version_id: str, media_md5: Mapping[str, str]
) -> dict[str, str]:
    """Our mark on the server; *media_md5* are the media that phones are known to get."""
    return {
        "mission": mission.config.mission.code,
        "form_id": form_id,
        "sha256": sha256,
        "version_id": version_id,
        "media": media_digest(media_md5),
    }


def _remember(mission: Mission, local: LocalForm, asset_uid: str, sha256: str, version_id: str, *, done: bool) -> None:
    moment = mission.clock() if done else None
    form_id = local.form.form_id
    mission.store.put_deployment(
        Deployment(form_id, asset_uid, mission.kf, sha256, local.media_md5, version_id, moment)
    )


def mimetype(name: str) -> str:
    """The media type by the file's ending, among those that the server takes."""
    return MIMETYPES.get(name[name.rfind(".") :].lower(), "application/octet-stream")


def _refusal(action: DeployAction) -> Finding:
    return Finding(
        "DEPLOY001",
        "error",
        action.form_id,
        f"not deployed: {action.reason}",
        "look at it on the server, then run again with --force to replace it",
        form_id=action.form_id,
    )


def _without_pictures(local: LocalForm) -> Finding:
    form_id = local.form.form_id
    message = f"the form names files that are not here: {', '.join(local.absent)}"
    hint = "put them in forms/media/, then deploy again; phones show the form without them"
    return Finding("DEPLOY004", "warning", form_id, message, hint, form_id=form_id)


def _not_published(form_id: str, missing: Sequence[str]) -> Finding:
    return Finding(
        "DEPLOY002",
        "error",
        form_id,
        f"phones do not get yet: {', '.join(missing)}",
        "run `kobo-sync deploy` again in a few minutes",
        form_id=form_id,
    )

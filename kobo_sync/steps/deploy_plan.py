"""What one deployment does with a form: compared with what the server has, and when it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from kobo_sync.forms.sheets import as_workbook, cells_sha256
from kobo_sync.model import Asset, Form, MediaFile
from kobo_sync.steps.deployment_mark import media_digest
from kobo_sync.steps.elsewhere import ELSEWHERE
from kobo_sync.steps.roster_guard import SHRINKS

Act = Literal["create", "replace", "media", "publish", "skip", "refuse"]
CHANGED, ARCHIVED, HARMFUL, GONE, OTHERS, DOUBLED = (f"DEPLOY{n:03}" for n in (1, 5, 6, 7, 8, 9))
DRAFTED = "DEPLOY014"
REFUSALS = {  # rule → what to see to before it is overridden
    CHANGED: "look at it on the server: what was changed there is replaced",
    ARCHIVED: "ask whoever archived or closed it: phones get it again",
    HARMFUL: "read what it would do to the answers, above",
    GONE: "make sure that it was deleted: it is made again, empty",
    OTHERS: "ask whose workspace that is; on another machine of this mission copy its config/ (mission.id)",
    DOUBLED: "deploy with the account that owns the projects",
    DRAFTED: "ask whose draft it is; publish it there or delete it, or put what it changes in forms/",
    SHRINKS: "look whether their registrations were deleted on purpose",
    ELSEWHERE: "write the earlier address or project back, or make a workspace of its own for this one (`kobo-sync init`); the same "
    "submissions at a new address are recognised by `kobo-sync pull`; if both are to lie here together",
}


@dataclass(frozen=True)
class LocalForm:
    """A form as it lies here: *media* are the bytes that phones must get beside it.

    *absent* are the pictures and sounds that it names and that are not here: phones show it without them. *published*
    maps the files that stay as the server has them to their md5, whatever lies here.
    """

    form: Form
    file: str
    content: bytes
    media: Mapping[str, bytes]
    absent: tuple[str, ...] = ()
    published: Mapping[str, str] = field(default_factory=dict)

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
        """File name → md5 in hex, as the server computes it, of what phones are to get."""
        here = {name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in sorted(self.media.items())}
        return here | dict(self.published)


@dataclass(frozen=True)
class RemoteForm:
    """The same form on the server; *unfinished* when our last deployment of it was cut short.

    *sha256* is the hash of its workbook's cells where nobody's mark tells it: a project that was made elsewhere.
    """

    asset: Asset | None = None
    media: tuple[MediaFile, ...] = ()
    unfinished: bool = False
    sha256: str = ""


@dataclass(frozen=True)
class DeployAction:
    """What to do with one form, and why; ``publish`` is a redeployment with nothing else to send.

    *form_sha256* is that of the workbook that will be live afterwards. *rule* is why it is refused, or left to whoever deployed it.
    """

    act: Act
    form_id: str
    reason: str
    stale_media: tuple[MediaFile, ...] = ()
    new_media: tuple[str, ...] = ()
    form_sha256: str = ""
    rule: str = ""


def plan_deploy(
    local: LocalForm,
    remote: RemoteForm,
    owner: tuple[str, str],
    *,
    despite: Collection[str] = (),
    media_only: bool = False,
) -> DeployAction:
    """The one action that brings *remote* to *local*: pure. *owner* is the mission's code and id."""
    form_id, asset, here = local.form.form_id, remote.asset, local.sha256
    md5s = local.media_md5
    stale = tuple(m for m in remote.media if m.filename in md5s and md5s[m.filename] != m.md5)
    current = {m.filename for m in remote.media} - {m.filename for m in stale}
    new = tuple(name for name in md5s if name not in current)
    if asset is None:
        return DeployAction("create", form_id, "not on the server yet", (), tuple(md5s), form_sha256=here)
    mark = asset.fingerprint
    marked = mark if mark.get("asset", asset.asset_uid) == asset.asset_uid else {}  # else KoboToolbox copied it
    workspace = marked.get("workspace", "")
    if OTHERS not in despite and (
        (workspace and workspace != owner[1]) or (marked and not workspace and marked.get("mission") != owner[0])
    ):
        whose = f"{marked.get('mission')}{f' ({workspace})' if workspace else ''}"
        if marked.get("sha256") == here and not stale and not new and _is_as_marked(asset, marked):
            reason = f"unchanged, as another workspace deployed it: {whose}"
            return DeployAction("skip", form_id, reason, form_sha256=here, rule=OTHERS)
        return DeployAction("refuse", form_id, f"another workspace deployed it: {whose}", rule=OTHERS)
    ours = marked.get("form_id") == form_id and marked.get("mission") == owner[0] and workspace in ("", owner[1])
    if remote.sha256 == here and not stale and not new and asset.version_id == asset.deployed_version:
        return DeployAction("skip", form_id, "as it stands on the server", form_sha256=here)
    live = mark.get("sha256", "") if media_only else here
    touched = ours and mark.get("version_id") != asset.version_id
    if touched and not (remote.unfinished and not media_only) and CHANGED not in despite:
        return DeployAction("refuse", form_id, "it was changed on the server since our last deployment", rule=CHANGED)
    if media_only and not ours:
        return DeployAction("refuse", form_id, "it was not deployed from here yet", rule=CHANGED)
    if asset.is_deployed and not asset.is_active and ARCHIVED not in despite:
        return DeployAction("refuse", form_id, "it was archived or closed on the server", rule=ARCHIVED)
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
        reason = "archived or closed"
    if reason:
        return DeployAction("publish", form_id, reason, form_sha256=live)
    return DeployAction("skip", form_id, "unchanged", form_sha256=live)


def _is_as_marked(asset: Asset, mark: Mapping[str, str]) -> bool:
    """Whether phones get the very version that *mark* tells of."""
    return (
        asset.is_deployed and asset.is_active and mark.get("version_id") == asset.version_id == asset.deployed_version
    )

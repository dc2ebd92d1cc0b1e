"""Forms and their media to the server: compiled and validated first, skipped when unchanged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from kobo_sync.desk import journal
from kobo_sync.errors import ConfigError, KoboRefused, KoboRejected
from kobo_sync.form_server import OWN_LIST, FormServer, Release
from kobo_sync.forms.media import roster_csv
from kobo_sync.forms.sheets import cells_sha256
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, Finding, Report
from kobo_sync.steps.deploy_plan import (
    CHANGED,
    DOUBLED,
    DRAFTED,
    GONE,
    HARMFUL,
    REFUSALS,
    DeployAction,
    LocalForm,
    RemoteForm,
    plan_deploy,
)
from kobo_sync.steps.deployment_mark import mark_of, signature
from kobo_sync.steps.diff import harm_of_replacing
from kobo_sync.steps.elsewhere import ELSEWHERE, rows_from_elsewhere
from kobo_sync.steps.form_faults import one_at_a_time
from kobo_sync.steps.hooks import put_hooks
from kobo_sync.steps.lint import gate
from kobo_sync.steps.projects import Projects
from kobo_sync.steps.roster_guard import SHRINKS, judge
from kobo_sync.steps.roster_list import is_entity_list, put_entity_list, refuse_names_for_codes
from kobo_sync.store.database import Deployment

VERIFY_TRIES = 12  # media reach phones by a task of the server's, usually at once [c32]
LISTS = (".csv", ".xml", ".geojson")
NOT_DEPLOYED = "DEPLOY013"


def deploy(
    mission: Mission,
    *,
    form_ids: Sequence[str] = (),
    dry_run: bool = False,
    despite: Collection[str] = (),
    media_only: bool = False,
    validate: bool = True,
) -> Report:
    """Bring the server's forms and media to what lies in forms/ and config/.

    With *media_only* the forms stay as they are deployed, whatever lies in forms/: a run by the clock
    must not publish a workbook that somebody is still editing. What is refused (`REFUSALS`) is done all the same when
    *despite* names its rule. *validate*: ODK Validate judges as well, which needs Java.

    A form that the rules, pyxform or ODK Validate find in error stops everything before anything is sent; one that the server
    does not give or take is a finding, and the others go on.
    Raises: FormError, ConfigError, KoboError.
    """
    started_at = mission.clock()
    client = mission.deployer()
    findings: list[Finding] = []
    local = _local_forms(mission, form_ids or list(mission.config.forms), findings)
    origin = "" if ELSEWHERE in despite else rows_from_elsewhere(mission)
    if origin:  # nothing is asked there: it may be a stranger's
        refused = [DeployAction("refuse", form_id, origin, rule=ELSEWHERE) for form_id in local]
        refusals, lines = _told(refused)
        return mission.report("deploy", started_at, _counts(refused), findings + refusals, lines)
    projects = Projects(mission, client)
    remote, actions = _planned(mission, client, projects, local, despite, findings, media_only=media_only)
    findings += [_without_pictures(each) for each in local.values() if each.absent]
    refusals, lines = _told(actions)
    lines += [f"{form_id}: not deployed" for form_id in form_ids or mission.config.forms if form_id not in local]
    findings += refusals
    published: dict[str, tuple[str, str]] = {}
    if not dry_run:
        changed = [action.form_id for action in actions if action.act in ("create", "replace")]
        gate(mission, changed, validate=validate)
        skipped = [a.form_id for a in actions if a.act == "skip" and not a.rule]  # a mark of another workspace stays
        _adopt(mission, client, [(local[form_id], remote[form_id].asset) for form_id in skipped])
        to_do = [action for action in actions if action.act not in ("skip", "refuse")]
        findings += _publish(mission, client, to_do, local, remote, published, despite)
        findings += _verify(mission, client, local, published)
        lines += [f"{action.form_id}: not deployed" for action in to_do if action.form_id not in published]
        mission.progress("deploy", len(to_do), len(to_do))
    if not media_only:
        hooked = {form_id: state.asset.asset_uid for form_id, state in remote.items() if state.asset}
        hooked |= {form_id: uid for form_id, (uid, _) in published.items()}
        hook_lines, hook_findings = put_hooks(mission, client, hooked, dry_run=dry_run)
        lines, findings = lines + hook_lines, findings + hook_findings
    return mission.report("deploy", started_at, _counts(actions), findings, lines)


def _counts(actions: Sequence[DeployAction]) -> dict[str, int]:
    acts = ("create", "replace", "media", "publish", "skip", "refuse")
    return {act: sum(action.act == act for action in actions) for act in acts}


def _told(actions: Sequence[DeployAction]) -> tuple[list[Finding], list[str]]:
    """A finding for each refusal, and a line for each action."""
    refusals = [_refusal(action) for action in actions if action.act == "refuse"]
    return refusals, [f"{action.form_id}: {action.act} ({action.reason})" for action in actions]


def _planned(
    mission: Mission,
    client: FormServer,
    projects: Projects,
    local: dict[str, LocalForm],
    despite: Collection[str],
    findings: list[Finding],
    *,
    media_only: bool,
) -> tuple[dict[str, RemoteForm], list[DeployAction]]:
    """What the server has of each form, and what to do with it; forms that cannot be asked about are taken out of *local*."""
    owner = (mission.config.mission.code, mission.config.mission.id)
    remembered = mission.store.deployments()
    remote: dict[str, RemoteForm] = {}
    actions: dict[str, DeployAction] = {}
    for form_id in list(local):
        with one_at_a_time(form_id, NOT_DEPLOYED, findings, client):
            there = _gather(client, projects.uid(form_id), remembered.get(form_id), despite)
            spared = _spare_roster(mission, client, projects, local[form_id], there, despite, findings)
            action = plan_deploy(spared, there, owner, despite=despite, media_only=media_only)
            action = _not_doubled(action, projects, despite)
            action = _not_over_draft(client, spared, there, action, despite)
            if HARMFUL not in despite:
                action = _spared(mission, action, there.asset, findings)
            local[form_id], remote[form_id], actions[form_id] = spared, there, action
            continue
        del local[form_id]
    return remote, list(actions.values())


def _publish(
    mission: Mission,
    client: FormServer,
    to_do: Sequence[DeployAction],
    local: Mapping[str, LocalForm],
    remote: Mapping[str, RemoteForm],
    published: dict[str, tuple[str, str]],
    despite: Collection[str],
) -> list[Finding]:
    """Each action done, and into *published* the asset's uid and the form's hash; what the entity list has to tell."""
    findings = []
    if (to_do or {SHRINKS, ELSEWHERE} & set(despite)) and is_entity_list(mission):
        _, told = put_entity_list(mission, client, despite)  # first: a draft that finds the list is tied to it
        findings += [told] if told else []
    for done, action in enumerate(to_do):
        mission.progress("deploy", done, len(to_do))
        with one_at_a_time(action.form_id, NOT_DEPLOYED, findings, client):
            uid = apply_action(mission, client, local[action.form_id], remote[action.form_id], action)
            published[action.form_id] = (uid, action.form_sha256)
    return findings


def _local_forms(mission: Mission, form_ids: Sequence[str], findings: list[Finding]) -> dict[str, LocalForm]:
    """The forms as they lie here. An adopted one that lacks a list, which only its project may have, is told in *findings* and left out.

    Raises: FormError, ConfigError.
    """
    local = {}
    for form_id in form_ids:
        try:
            local[form_id] = local_form(mission, form_id)
        except ConfigError as error:
            if form_id not in mission.adopted or error.file not in mission.form(form_id).media:
                raise
            findings.append(Finding(NOT_DEPLOYED, "error", form_id, error.message, error.hint, form_id=form_id))
    return local


def local_form(mission: Mission, form_id: str) -> LocalForm:
    """The form and its media as they lie here. Raises: FormError, ConfigError."""
    settings = mission.config.forms[form_id]
    form = mission.form(form_id)
    roster = mission.config.roster
    media = {}
    published = {}
    absent = []
    for name in form.media:
        if roster and name == roster.file:
            if roster.entities and mission.features.keeps_lists:
                refuse_names_for_codes(mission, form)
                published[name] = OWN_LIST  # phones get the server's own list under that name
            else:
                media[name] = roster_csv(mission.participants().rows)
            continue
        try:
            media[name] = mission.workspace.media_bytes(name, mission.config)
        except ConfigError:
            if name.lower().endswith(LISTS):  # without its lists a form opens on no phone
                raise
            absent.append(name)
    return LocalForm(form, settings.file, mission.workspace.form_bytes(settings.file), media, tuple(absent), published)


def _gather(client: FormServer, uid: str, last: Deployment | None, despite: Collection[str]) -> RemoteForm:
    """What the server has of a form."""
    unfinished = bool(last and last.deployed_at is None and last.asset_uid == uid)
    remote = _ask(client, uid, may_be_gone=unfinished or GONE in despite) if uid else RemoteForm()
    return replace(remote, unfinished=unfinished)


def _spare_roster(
    mission: Mission,
    client: FormServer,
    projects: Projects,
    form: LocalForm,
    remote: RemoteForm,
    despite: Collection[str],
    findings: list[Finding],
) -> LocalForm:
    """*form*, whose list of participants stays as phones have it where ours must not replace it; *findings* gets why."""
    roster, asset, form_id = mission.config.roster, remote.asset, form.form.form_id
    if roster is None or asset is None:
        return form
    on_phones = {media.filename: media.md5 for media in remote.media}.get(roster.file)
    if on_phones is None or form.media_md5.get(roster.file, on_phones) == on_phones:
        return form
    assets = {roster.form: projects.uid(roster.form), form_id: asset.asset_uid}
    verdict = judge(mission, client, form_id, assets, despite)
    findings += [verdict.finding] if verdict.finding else []
    return form if verdict.may_go else replace(form, published={roster.file: on_phones})


def _not_doubled(action: DeployAction, projects: Projects, despite: Collection[str]) -> DeployAction:
    """The action, or a refusal to make a project where this account may not change those that it sees of the mission."""
    if action.act != "create" or DOUBLED in despite:
        return action
    if not projects.foreign:
        return action
    reason = (
        f"this account sees {len(projects.visible)} projects of the mission and may not change "
        f"{projects.foreign[0].asset_uid}: the one of this form is there too, most likely, and a second would be made"
    )
    return replace(action, act="refuse", reason=reason, rule=DOUBLED)


def _not_over_draft(
    client: FormServer, local: LocalForm, remote: RemoteForm, action: DeployAction, despite: Collection[str]
) -> DeployAction:
    """The action, or a refusal to replace the draft that somebody has there and did not publish.

    What a deployment of ours left when it was cut short is no draft of theirs: remembered here, or the very form that lies here.
    """
    asset = remote.asset
    if asset is None or remote.unfinished or DRAFTED in despite or action.act not in ("replace", "media", "publish"):
        return action
    draft = client.unpublished(asset)
    if draft is None or (action.act == "replace" and draft == _compiled(local)):
        return action
    reason = "somebody has a draft of it on the server that is not published: it would be replaced"
    return replace(action, act="refuse", reason=reason, rule=DRAFTED)


def _spared(mission: Mission, action: DeployAction, asset: Asset | None, harm: list[Finding]) -> DeployAction:
    """The action, or a refusal when it would break stored answers; *harm* gathers why."""
    if action.act != "replace" or asset is None or not asset.is_deployed:
        return action
    findings = harm_of_replacing(mission, action.form_id, asset)
    harm += findings
    return replace(action, act="refuse", reason="it would break stored answers", rule=HARMFUL) if findings else action


def _ask(client: FormServer, asset_uid: str, *, may_be_gone: bool) -> RemoteForm:
    """The project, or nothing when it is gone and may be made again: cut short before, or asked for by name."""
    try:
        asset, media = client.asset(asset_uid)
    except KoboRejected as error:
        if error.status != 404:
            raise
        if not may_be_gone and client.features.forms_have_own_ids:
            raise  # it says what became of it
        if not may_be_gone:
            error.hint = (
                f"give the account its rights on the project; if it was deleted, deploy --despite {GONE} makes it again"
            )
            raise
        return RemoteForm()
    is_unmarked = asset.is_deployed and not asset.fingerprint
    return RemoteForm(
        asset,
        tuple(media),
        sha256=cells_sha256(client.workbook(asset_uid), f"{asset_uid}.xlsx") if is_unmarked else "",
    )


def _adopt(mission: Mission, client: FormServer, unchanged: Iterable[tuple[LocalForm, Asset | None]]) -> None:
    """Remember what stands deployed already, so that a lost store or a second machine knows it too.

    A mark of an older version is signed, and one that was adopted gets its own: from then on no other workspace, and no
    copy, is taken for it. A mark makes no new version for phones.
    """
    remembered = mission.store.deployments()
    for local, asset in unchanged:
        if asset and "asset" not in asset.fingerprint:
            with suppress(KoboRefused, KoboRejected):  # an account that may only look
                mark = mark_of(
                    mission,
                    asset.asset_uid,
                    form_id=local.form.form_id,
                    sha256=local.sha256,
                    version_id=asset.version_id,
                    media_md5=local.media_md5,
                )
                client.write_fingerprint(asset.asset_uid, {**mark, **asset.fingerprint, **signature(mission, asset)})
        if asset and local.form.form_id not in remembered:
            _remember(mission, local, asset.asset_uid, local.sha256, asset.version_id, done=True)


def apply_action(
    mission: Mission, client: FormServer, local: LocalForm, remote: RemoteForm, action: DeployAction
) -> str:
    """Carry out one action up to the publication; returns the asset uid.

    Each step can be cut short and the next run finishes it: what is begun is remembered first.
    """
    release = Release(
        form_id=action.form_id,
        title=local.form.title,
        version=local.form.version,
        workbook=local.workbook,
        xform=lambda: _compiled(local),
        is_new_form=action.act in ("create", "replace"),
        media=local.media_md5,
        new_media={name: local.media[name] for name in action.new_media if name in local.media},
        stale_media=action.stale_media,
        mark=lambda uid, version, media: mark_of(
            mission, uid, form_id=action.form_id, sha256=action.form_sha256, version_id=version, media_md5=media
        ),
    )
    return client.publish(
        remote.asset, release, lambda uid: _remember(mission, local, uid, action.form_sha256, "", done=False)
    )


def _compiled(local: LocalForm) -> bytes:
    from kobo_sync.forms.compiler import compile_form  # here: pyxform takes half a second to load

    return compile_form(local.content, local.file, validate=False).xform.encode()


def _verify(
    mission: Mission,
    client: FormServer,
    local: Mapping[str, LocalForm],
    published: Mapping[str, tuple[str, str]],
) -> list[Finding]:
    """Wait, for all forms together, until phones get their media as they lie here; then mark them as done.

    The server publishes media by a task of its own, which may lag or be lost: half-way, what is still
    missing is deployed once more.
    """
    waiting: dict[str, list[str]] = {form_id: [] for form_id in published}
    findings: list[Finding] = []
    for attempt in range(VERIFY_TRIES):
        for form_id in list(waiting):
            del waiting[form_id]
            with one_at_a_time(form_id, NOT_DEPLOYED, findings, client):
                missing = _missing_on_phones(mission, client, local[form_id], *published[form_id])
                if missing:
                    waiting[form_id] = missing
                if missing and attempt == VERIFY_TRIES // 2:
                    client.publish_again(published[form_id][0])
        if not waiting:
            break
        client.pause(min(5.0, 0.1 * 2**attempt))
    return findings + [_not_published(form_id, missing) for form_id, missing in waiting.items()]


def _missing_on_phones(mission: Mission, client: FormServer, local: LocalForm, uid: str, sha256: str) -> list[str]:
    """What phones do not get yet of a form; where nothing is missing it is marked as done, there and here."""
    form_id, md5s = local.form.form_id, local.media_md5
    manifest = client.manifest(uid)
    missing = sorted(name for name, md5 in md5s.items() if (manifest or {}).get(name) != md5)
    if manifest is None or missing:
        return missing or ["the form itself"]
    version = client.asset(uid)[0].version_id
    mark = mark_of(mission, uid, form_id=form_id, sha256=sha256, version_id=version, media_md5=md5s)
    client.write_fingerprint(uid, mark)
    _remember(mission, local, uid, sha256, version, done=True)
    about = {"project": uid, "version": version, "form_sha256": sha256}
    journal.note(mission.desk, "deploy", form_id, by=mission.doer, now=mission.clock(), **about)
    return []


def _remember(mission: Mission, local: LocalForm, asset_uid: str, sha256: str, version_id: str, *, done: bool) -> None:
    moment = mission.clock() if done else None
    form_id = local.form.form_id
    mission.store.put_deployment(
        Deployment(form_id, asset_uid, mission.server_id, sha256, local.media_md5, version_id, moment)
    )


def _refusal(action: DeployAction) -> Finding:
    rule = action.rule or CHANGED
    message, hint = f"not deployed: {action.reason}", f"{REFUSALS[rule]}, then run `kobo-sync deploy --despite {rule}`"
    return Finding(rule, "error", action.form_id, message, hint, form_id=action.form_id)


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

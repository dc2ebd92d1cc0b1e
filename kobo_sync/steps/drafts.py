"""Forms that somebody uploads on a page: judged, compared with the deployed ones, taken over into forms/, rolled back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import PurePath
from typing import Any

from kobo_sync.config.config import parse_config
from kobo_sync.config.editing import with_forms
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk.changes import changes
from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.guessing import guess
from kobo_sync.forms.xlsform import read_form
from kobo_sync.mission.config_files import alone, current_file, rewrite
from kobo_sync.mission.hasty import hasty
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Form
from kobo_sync.steps.adopt import entry_of
from kobo_sync.steps.changed_files import lists_of_config, put_file
from kobo_sync.steps.diff import described, judged_against_deployed
from kobo_sync.steps.lint import judge, mission_media, of_its_server
from kobo_sync.steps.projects import Projects
from kobo_sync.workspace.form_drafts import Draft

OTHER_FORM = "DRAFT001"
WORKBOOKS = (".xlsx", ".xls")
_FORM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MEDIUM = re.compile(r"[\w][\w .-]{0,99}")
_MOST_CHANGES = 1000  # of all files, that are looked through for a form's


class DraftRefused(KoboSyncError):
    """What somebody wants of a draft is not done."""


@dataclass(frozen=True)
class Verdict:
    """What a draft would be and do: *findings* of lint, *lines* and *harm* of the comparison with the deployed form.

    *compared* is done, absent (there is no deployed form) or away (*fault* and *cure* say why the server was not asked).
    """

    findings: tuple[Finding, ...] = ()
    compared: str = "absent"
    lines: tuple[str, ...] = ()
    harm: tuple[Finding, ...] = ()
    fault: str = ""
    cure: str = ""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What `deploy` refuses whatever is said."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


@dataclass(frozen=True)
class Earlier:
    """A version of a file that was kept: it lay there *until* the account *replaced_by* took over another."""

    path: str
    sha256: str
    until: datetime
    replaced_by: str


@contextmanager
def _alone(mission: Mission) -> Iterator[None]:
    with mission.workspace.exclusive("forms.lock", "somebody else is changing the forms on a page just now"):
        yield


# ── drafts ──


def upload(mission: Mission, form_id: str, file: str, content: bytes, by: str) -> Draft:
    """Make an uploaded workbook the draft of *form_id*; empty: of the form that it says it is. Nothing in forms/ changes.

    Raises: DraftRefused for a file that is no workbook by its name; FormError for one without *form_id* that cannot be read.
    """
    name = PurePath(file.replace("\\", "/")).name[-100:]
    if PurePath(name).suffix.lower() not in WORKBOOKS:
        raise DraftRefused(f"{name or 'the file'} is no workbook", hint="choose the form's .xlsx file")
    form_id = form_id or _form_of_own_id(mission, read_form(content, name).form_id)
    if not _FORM_ID.fullmatch(form_id):
        raise DraftRefused(
            f"the form id {form_id!r} cannot be a key of the settings",
            hint="give the form an id of a-z, 0-9, _ and - (settings sheet, form_id), then upload it again",
        )
    with _alone(mission):
        return mission.workspace.form_drafts.put_workbook(form_id, name, content, by, mission.clock())


def stage_medium(mission: Mission, form_id: str, name: str, content: bytes | None, by: str) -> Draft:
    """Have the draft of *form_id* replace forms/media/*name* by *content*, or take it away with None.

    Raises: DraftRefused for a name that no file there may have, or a list that is made from the settings.
    """
    name = PurePath(name.replace("\\", "/")).name
    if not _MEDIUM.fullmatch(name):
        raise DraftRefused(f"no file may be called {name!r}", hint="use letters, digits, _ - and . in its name")
    if is_made_here(mission, name):
        raise DraftRefused(f"{name} is made from the mission's own lists", hint="change the list in the settings")
    with _alone(mission):
        return mission.workspace.form_drafts.put_medium(form_id, name, content, by, mission.clock())


def leave_medium(mission: Mission, form_id: str, name: str) -> None:
    """Let forms/media/*name* stay as it is."""
    with _alone(mission):
        draft = mission.workspace.form_drafts.get(form_id)
        if draft:
            mission.workspace.form_drafts.leave_medium(draft, name)


def discard(mission: Mission, form_id: str) -> None:
    """Forget the draft."""
    with _alone(mission):
        mission.workspace.form_drafts.discard(form_id)


def is_made_here(mission: Mission, name: str) -> bool:
    """Whether phones get the file *name* from the mission's lists or roster, not from forms/media/."""
    roster = mission.config.roster
    return (mission.workspace.root / "config" / name).is_file() or bool(roster and name == roster.file)


def workbook_of(mission: Mission, draft: Draft) -> tuple[bytes, str]:
    """The bytes of what the draft would deploy, and how messages call it. Raises: ConfigError, StoreError."""
    if draft.sha256:
        return mission.workspace.form_drafts.workbook(draft).read_bytes(), draft.file
    file = mission.config.forms[draft.form_id].file
    return mission.workspace.form_bytes(file), file


def form_of_draft(mission: Mission, draft: Draft) -> Form:
    """The form of the draft as the mission would read it. Raises: FormError."""
    form = replace(read_form(*workbook_of(mission, draft)), form_id=draft.form_id)
    settings = mission.config.forms.get(draft.form_id)
    consent = settings.fields.get("consent", "") if settings else ""
    return replace(form, consent=(consent, mission.config.codes.yes)) if consent else form


def media_with(mission: Mission, draft: Draft) -> dict[str, bytes]:
    """Every file that a form of the mission may name once the draft is taken over, by name."""
    here = mission_media(mission) | mission.workspace.form_drafts.media(draft)
    return {name: content for name, content in here.items() if draft.media.get(name) != ""}


# ── judged ──


def examine(mission: Mission, draft: Draft) -> Verdict:
    """Judge the draft as `lint` and `diff` do, and keep the verdict beside it. Raises: StoreError, ConfigError."""
    content, file = workbook_of(mission, draft)
    settings = mission.config.forms.get(draft.form_id)
    judged = judge(
        content,
        file,
        media_with(mission, draft),
        mission.workspace.state / "lint",
        validate=True,
        consents={settings.fields["consent"]} if settings and "consent" in settings.fields else (),
        key={name: item.answer for name, item in settings.items.items()} if settings else None,
        deploying=True,
    )
    verdict = Verdict((*_other_form(mission, draft, content, file), *of_its_server(mission, judged.findings)))
    try:
        verdict = _compared(mission, draft, verdict)
    except KoboSyncError as error:
        verdict = replace(verdict, compared="away", fault=error.message, cure=error.hint)
    mission.workspace.form_drafts.put_verdict(draft, asdict(verdict))
    return verdict


def verdict_of(mission: Mission, draft: Draft) -> Verdict | None:
    """What `examine` found out about this state of the draft; None where it has changed since."""
    data = mission.workspace.form_drafts.verdict(draft)
    if data is None:
        return None
    findings, harm = (tuple(Finding(**each) for each in data[key]) for key in ("findings", "harm"))
    return Verdict(findings, data["compared"], tuple(data["lines"]), harm, data["fault"], data["cure"])


def _form_of_own_id(mission: Mission, own_id: str) -> str:
    """The mission's form whose workbook calls itself *own_id*; where none or several do, a form of that id."""
    named = [form_id for form_id, settings in mission.config.forms.items() if settings.form_id == own_id]
    return named[0] if len(named) == 1 and own_id not in mission.config.forms else own_id


def _other_form(mission: Mission, draft: Draft, content: bytes, file: str) -> Iterator[Finding]:
    try:
        own = read_form(content, file).form_id
    except KoboSyncError:
        return  # lint says why
    settings = mission.config.forms.get(draft.form_id)
    expected = (settings.form_id if settings else "") or draft.form_id
    if own != expected:
        hint = f"write {expected} in the settings sheet (form_id), or upload it as the form that it is"
        message = f"the workbook calls itself {own}, and is to take the place of {expected}"
        yield Finding(OTHER_FORM, "error", f"{file}, sheet settings", message, hint, form_id=draft.form_id)


def _compared(mission: Mission, draft: Draft, verdict: Verdict) -> Verdict:
    """*verdict* with the comparison. Raises: KoboError, ConfigError, FormError."""
    with hasty(mission) as asking:
        client = asking.deployer()
        uid = Projects(asking, client).uid(draft.form_id)
        asset = client.asset(uid)[0] if uid else None
        if asset is None or not asset.is_deployed:
            return verdict
        compared, harm = judged_against_deployed(asking, form_of_draft(mission, draft), asset)
    return replace(verdict, compared="done", lines=tuple(described(compared)), harm=tuple(harm))


# ── taken over ──


def take_over(mission: Mission, form_id: str, mark: str, by: str) -> None:
    """Put the draft that *mark* names into forms/: what lay there is kept, and the change is noted.

    Files first, settings last; a run that is cut short is finished by the next try. Raises: DraftRefused, StoreError, ConfigError.
    """
    with _alone(mission):
        drafts = mission.workspace.form_drafts
        draft = drafts.get(form_id)
        verdict = verdict_of(mission, draft) if draft else None
        if draft is None or verdict is None or draft.mark != mark:
            raise DraftRefused(
                "the draft has changed since it was shown",
                hint="look at it again, then take it over: nothing was changed",
            )
        if verdict.errors:
            raise DraftRefused(
                f"{len(verdict.errors)} errors; it is not taken over", hint="mend the form, and upload it again"
            )
        for name, content in drafts.media(draft).items():
            put_file(mission, f"forms/media/{name}", content, (form_id,), by)
        for name in [name for name, sha256 in draft.media.items() if not sha256]:
            put_file(mission, f"forms/media/{name}", None, (form_id,), by)
        if draft.sha256:
            _take_workbook(mission, draft, by)
        drafts.discard(form_id)


def _take_workbook(mission: Mission, draft: Draft, by: str) -> None:
    content, file = workbook_of(mission, draft)
    settings, suffix = mission.config.forms.get(draft.form_id), PurePath(file).suffix.lower()
    target = settings.file if settings else f"{draft.form_id}{suffix}"
    if PurePath(target).suffix.lower() != suffix:
        target = f"{draft.form_id}{suffix}"
    with alone(mission):
        now = current_file(mission, MISSION_FILE)
        toml = now.text
        if settings is None:
            language = mission.config.mission.document_language.code
            entry = entry_of(draft.form_id, target, guess(form_of_draft(mission, draft)), language)
            toml = with_forms(toml, [entry], {})
        elif target != settings.file:
            toml = now.edited({f"forms.{draft.form_id}.file": target})
        if toml != now.text:
            parse_config(toml, lists_of_config(mission), {})
        put_file(mission, f"forms/{target}", content, (draft.form_id,), by)
        rewrite(mission, now, toml, by=by)
    if settings and target != settings.file:
        put_file(mission, f"forms/{settings.file}", None, (draft.form_id,), by)


# ── rolled back ──


def earlier_versions(mission: Mission, form_id: str) -> list[Earlier]:
    """The versions of the form's workbook and media that were kept and are not the present ones, the newest first."""
    kept = mission.workspace.earlier_files
    versions: dict[tuple[str, str], Earlier] = {}
    present: dict[str, str] = {}
    for change in changes(mission.desk, _MOST_CHANGES):
        if change.path.startswith("forms/") and change.keys == (form_id,):
            present.setdefault(change.path, change.after_sha256)
            key = (change.path, change.before_sha256)
            if change.before_sha256 not in ("", present[change.path]) and kept.get(change.before_sha256) is not None:
                versions.setdefault(key, Earlier(*key, change.at, change.by))
    return list(versions.values())


def roll_back(mission: Mission, form_id: str, path: str, sha256: str, by: str) -> Draft:
    """Make an earlier version a draft again: from there it goes the way of every other. Raises: DraftRefused, StoreError."""
    version = next(
        (each for each in earlier_versions(mission, form_id) if (each.path, each.sha256) == (path, sha256)), None
    )
    content = mission.workspace.earlier_files.get(sha256) if version else None
    if content is None:
        raise DraftRefused("this version is no longer kept", hint="restore a backup, or upload the file again")
    name, drafts = PurePath(path).name, mission.workspace.form_drafts
    with _alone(mission):
        if path.startswith("forms/media/"):
            return drafts.put_medium(form_id, name, content, by, mission.clock())
        return drafts.put_workbook(form_id, name, content, by, mission.clock())


def media_table(mission: Mission, form: Form | None, draft: Draft | None) -> list[Mapping[str, Any]]:
    """The files that *form* names, and those that the draft changes: name, where it is from, its size in bytes, what is to become of it.

    Shape: dicts with name, is_named, source (settings, roster, media, missing), n_bytes, plan (replace, add, remove, or empty).
    """
    named, changed = (form.media if form else ()), (draft.media if draft else {})
    roster = mission.config.roster
    rows: list[Mapping[str, Any]] = []
    for name in dict.fromkeys((*named, *changed)):
        path = mission.workspace.root / "forms" / "media" / name
        lies = path.is_file()
        source = "roster" if roster and name == roster.file else "settings" if is_made_here(mission, name) else ""
        plan = "" if name not in changed else "remove" if not changed[name] else "replace" if lies else "add"
        size = path.stat().st_size if lies else None
        rows.append(
            {
                "name": name,
                "is_named": name in named,
                "source": source or ("media" if lies else "missing"),
                "n_bytes": size,
                "plan": plan,
            }
        )
    return rows

"""Projects that are on the server already, taken into the mission: their forms, media and settings, as they stand there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kobo_sync.analysis.meaning import MEANINGS
from kobo_sync.config.config import Config, parse_config
from kobo_sync.config.editing import FormEntry, with_forms
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError, FormError, KoboError, KoboRefused, KoboRejected
from kobo_sync.form_server import FormServer
from kobo_sync.forms.compiler import known_types
from kobo_sync.forms.guessing import SURE_ENOUGH, Guess, folded, guess
from kobo_sync.forms.sheets import read_book
from kobo_sync.forms.xlsform import form_of, is_encrypted
from kobo_sync.language.sentences import translated
from kobo_sync.language.speaking import Code as LanguageCode
from kobo_sync.mission.config_files import alone, current_file, rewrite
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, Choice, Finding, Form, MediaFile, Question, Report, Section
from kobo_sync.steps.adopt_codes import Codes, doubtful_codes, new_codes
from kobo_sync.steps.adopt_ids import as_key, id_in_mission
from kobo_sync.steps.adopt_zones import new_zones
from kobo_sync.steps.changed_files import lists_of_config
from kobo_sync.steps.form_faults import CURE, is_of_one_form
from kobo_sync.workspace.writing import write_atomic

NOT_TAKEN, NO_MEDIUM, CODES_DIFFER, LANGUAGES_DIFFER, UNKNOWN_TYPES, NOT_PUBLISHED = (
    f"ADOPT{n:03}" for n in (1, 2, 4, 5, 6, 7)
)
_MOST_NAMED = 10
_NAME = re.compile(r"[\w][\w .-]{0,99}")  # of a file in forms/media/


@dataclass(frozen=True)
class Project:
    """A project as it was taken: its *form* and the bytes of its workbook and *media*, with what it seems to be."""

    asset: Asset
    form: Form
    content: bytes
    media: Mapping[str, bytes]
    guess: Guess
    own_id: str = ""  # what its workbook calls itself, where the mission needs another id for it

    @property
    def form_id(self) -> str:
        """Its id in the mission."""
        return self.form.form_id

    @property
    def file(self) -> str:
        """The name of its workbook in forms/."""
        return f"{self.form_id}.xlsx"


@dataclass(frozen=True)
class SeenProject:
    """A project that the account sees; *form_id* is as which form it is in the mission, empty where it is none."""

    asset: Asset
    form_id: str

    @property
    def state(self) -> str:
        """deployed, archived or draft."""
        return (
            "deployed"
            if self.asset.is_deployed and self.asset.is_active
            else "archived"
            if self.asset.is_deployed
            else "draft"
        )


def seen_projects(mission: Mission) -> list[SeenProject]:
    """The projects that the account sees, by name. Raises: KoboError, ConfigError."""
    form_ids = {uid: form_id for form_id, uid in _uids(mission).items()}
    if mission.features.forms_have_own_ids:
        form_ids |= {form_id: form_id for form_id in mission.config.forms}
    assets = sorted(mission.reader().assets(), key=lambda asset: (folded(asset.name), asset.asset_uid))
    return [SeenProject(asset, form_ids.get(asset.asset_uid, "")) for asset in assets]


def projects_of_account(mission: Mission) -> Report:
    """A line for each project that the account sees: uid, name, state, submissions, and as which form it is here. Raises: KoboError, ConfigError."""
    started_at = mission.clock()
    lines = []
    for seen in seen_projects(mission):
        n = seen.asset.n_submissions
        told = {
            "deployed": f"deployed, {n} submissions",
            "archived": f"archived, {n} submissions",
            "draft": "a draft that was never deployed",
        }[seen.state]
        here = f", here as {seen.form_id}" if seen.form_id else ""
        lines.append(f"{seen.asset.asset_uid}  {seen.asset.name}: {told}{here}")
    counts = {"projects": len(lines)}
    if lines:
        lines.append(
            "take one with `kobo-sync adopt FORM_ID` or its name"
            if mission.features.forms_have_own_ids
            else "take one with `kobo-sync adopt UID` or its name"
        )
    nothing = "the project has no form" if mission.features.forms_have_own_ids else "the account sees no project"
    return mission.report("adopt", started_at, counts, [], lines or [nothing])


def adopt(mission: Mission, names: Sequence[str]) -> Report:
    """Take the projects that *names* say (uids or names) into the workspace: nothing is changed on the server.

    Written are forms/, forms/media/, ``[forms]`` and ``[server.assets]`` in mission.toml, and zones.csv where it is still the
    starter's; a file that lies there already with other content stays. A project that cannot be taken is a finding; the others are
    taken.
    Raises: ConfigError for a name that is no project's, or several projects'; KoboError, StoreError.
    """
    started_at, client = mission.clock(), mission.reader()
    seen = client.assets()
    assets = {
        asset.asset_uid: asset
        for asset in (_named(name, seen, has_own_ids=client.features.forms_have_own_ids) for name in names)
    }
    findings: list[Finding] = []
    projects: list[Project] = []
    for asset in assets.values():
        where = f"{asset.name} ({asset.asset_uid})"
        try:
            projects.append(_read(mission, client, asset, projects, findings))
        except KoboError as error:
            if not is_of_one_form(error, client):
                raise
            findings.append(Finding(NOT_TAKEN, "error", where, error.message, error.hint or CURE))
        except FormError as error:
            findings.append(Finding(NOT_TAKEN, "error", where, error.message, error.hint))
    entries = _entries(mission, projects)
    codes = _write(mission, projects, entries, findings) if projects else {}
    lines = [line for project, entry in zip(projects, entries, strict=True) for line in _described(project, entry)]
    if codes:
        written = ", ".join(f"{key} = {code}" for key, (code, _) in codes.items())
        lines.append(f"guessed in [codes] of {MISSION_FILE}: {written}; look whether the forms mean that")
    counts = {"projects": len(projects), "media": sum(len(project.media) for project in projects)}
    return mission.report("adopt", started_at, counts, findings, lines)


def _uids(mission: Mission) -> dict[str, str]:
    remembered = {form_id: each.asset_uid for form_id, each in mission.store.deployments().items()}
    return remembered | mission.adopted


def _named(name: str, assets: Sequence[Asset], *, has_own_ids: bool) -> Asset:
    """The project of that uid, else of that name; *has_own_ids*: the server calls it by its form id. Raises: ConfigError."""
    matching = [asset for asset in assets if asset.asset_uid == name] or [
        asset for asset in assets if folded(asset.name) == folded(name)
    ]
    if len(matching) > 1:
        uids = " and ".join(asset.asset_uid for asset in matching)
        hint = "name one by its form id" if has_own_ids else "name one by its uid"
        raise ConfigError(f"{len(matching)} projects are called so: {uids}", file=name, hint=hint)
    if not matching:
        raise ConfigError(
            "there is no such form in the project" if has_own_ids else "the account sees no such project",
            file=name,
            hint="`kobo-sync adopt` lists those that there are"
            if has_own_ids
            else "`kobo-sync adopt` lists those that it sees; have the owner share it",
        )
    return matching[0]


# ── read ──


def _read(
    mission: Mission, client: FormServer, asset: Asset, taken: Sequence[Project], findings: list[Finding]
) -> Project:
    """The project with its media, beside those *taken* before; a medium that does not come is a finding. Raises: FormError, KoboError."""
    content = client.workbook(asset.asset_uid)
    slug = as_key(asset.name) or asset.asset_uid
    book = read_book(content, f"{slug}.xlsx")
    form = form_of(book, content, f"{slug}.xlsx")
    if is_encrypted(book):
        raise FormError(
            "the form is encrypted: what it collects cannot be read",
            form=asset.name,
            hint="take another project: encryption cannot be taken back",
        )
    form_id = id_in_mission(mission, _uids(mission), asset, form, [each.form_id for each in taken])
    own_id = form_of(book, content, f"{form_id}.xlsx").form_id
    form = replace(form, form_id=form_id)
    forms = mission.workspace.root / "forms"
    if _lies_there(forms / f"{form.form_id}.xlsx", content):
        raise FormError(
            f"forms/{form.form_id}.xlsx lies there already, and is another file",
            form=asset.name,
            hint="move it away or rename it; nothing of it was changed",
        )
    listed = client.asset(asset.asset_uid)[1]
    findings += _not_published(asset, form_id) if not client.features.forms_have_own_ids else []
    findings += _not_listed(mission, form, listed)
    media = _media(client, asset, listed, form.form_id, findings)
    before = {name: known for project in taken for name, known in project.media.items()}
    for name in [name for name, known in media.items() if before.get(name, known) != known]:
        findings.append(_of_another(form.form_id, name))
        del media[name]
    for name in [name for name, known in media.items() if _lies_there(forms / "media" / name, known)]:
        findings.append(_of_another(form.form_id, name))
        del media[name]
    return Project(asset, form, content, media, guess(form), own_id if own_id != form_id else "")


def _lies_there(path: Path, content: bytes) -> bool:
    """Whether another file lies at *path*: it is somebody's work."""
    return path.exists() and path.read_bytes() != content


def _not_published(asset: Asset, form_id: str) -> list[Finding]:
    """A finding where phones have another content than the project's newest, or none: a deployment would bring it to them."""
    if asset.version_id == asset.deployed_version:
        return []
    message = (
        "its newest content was never deployed: phones have an older one"
        if asset.is_deployed
        else "it is a draft that was never deployed: phones have nothing of it"
    )
    hint = "`kobo-sync deploy` would publish it as it stands; where that is not meant, put it right on the server first"
    return [Finding(NOT_PUBLISHED, "warning", form_id, message, hint, form_id=form_id)]


def _not_listed(mission: Mission, form: Form, listed: Sequence[MediaFile]) -> list[Finding]:
    """A finding for each file that *form* names and that is neither in its project nor here."""
    root, there = mission.workspace.root, {each.filename for each in listed}
    lacking = [
        name
        for name in form.media
        if name not in there and not any((root / folder / name).is_file() for folder in ("config", "forms/media"))
    ]
    hint = "where the server makes it out of another project, nothing is to be done; else put it in forms/media/"
    return [
        Finding(
            NO_MEDIUM,
            "warning",
            form.form_id,
            f"the project has no file {name}, which its form names",
            hint,
            form_id=form.form_id,
        )
        for name in lacking
    ]


def _of_another(form_id: str, name: str) -> Finding:
    message = f"forms/media/{name} lies there already, and is another file: it stays"
    hint = "forms of one mission share that folder: give one of the two another name on the server, and adopt again"
    return Finding(NO_MEDIUM, "error", form_id, message, hint, form_id=form_id)


def _media(
    client: FormServer, asset: Asset, listed: Sequence[MediaFile], form_id: str, findings: list[Finding]
) -> dict[str, bytes]:
    media: dict[str, bytes] = {}
    for each in listed:
        content = None
        if _NAME.fullmatch(each.filename):
            try:
                content = client.medium(asset.asset_uid, each)
            except (KoboRefused, KoboRejected):
                content = None
        if content is None or hashlib.md5(content, usedforsecurity=False).hexdigest() != each.md5:
            message = f"its file {each.filename} could not be downloaded from the project"
            hint = "download it on the server (its media files) and put it in forms/media/"
            findings.append(Finding(NO_MEDIUM, "warning", form_id, message, hint, form_id=form_id))
        else:
            media[each.filename] = content
    return media


# ── write ──


def _write(
    mission: Mission, projects: Sequence[Project], entries: Sequence[FormEntry], findings: list[Finding]
) -> Codes:
    """Files first, settings last: a run that is cut short leaves settings that name none of them. Returns what was put in ``[codes]``.

    What would make the settings unreadable is not written. Raises: ConfigError, StoreError; Busy.
    """
    root = mission.workspace.root
    with alone(mission):
        now = current_file(mission, MISSION_FILE)
        codes = new_codes(mission, [(each.form, entry.fields) for each, entry in zip(projects, entries, strict=True)])
        lists = lists_of_config(mission)
        text = _settings(mission, projects, entries, now.text, codes)
        offered = {
            each.form_id: _choices(each, "zone")
            for each, entry in zip(projects, entries, strict=True)
            if "zone" in entry.fields
        }
        there = {zone.code for zone in mission.config.zones}
        zones, lacking = new_zones(offered, lists, text, there, mission.config.mission.languages)
        findings += lacking
        try:
            config = parse_config(text, lists | zones, {})
        except ConfigError:  # quotas of a sex, say, that has another code now
            text, codes = _settings(mission, projects, entries, now.text, {}), {}
            config = parse_config(text, lists | zones, {})
        for project, entry in zip(projects, entries, strict=True):
            write_atomic(root / "forms" / project.file, project.content)
            for name, content in project.media.items():
                write_atomic(root / "forms" / "media" / name, content)
            findings += _differences(config, project, entry)
        for file, list_text in zones.items():
            write_atomic(root / file, list_text.encode())
        rewrite(mission, now, text, by="adopt")
    return codes


def _entries(mission: Mission, projects: Sequence[Project]) -> list[FormEntry]:
    language = mission.config.mission.document_language.code
    return [
        replace(entry_of(project.form_id, project.file, project.guess, language), own_id=project.own_id)
        for project in projects
    ]


def _settings(
    mission: Mission, projects: Sequence[Project], entries: Sequence[FormEntry], text: str, codes: Codes
) -> str:
    """The settings *text* with the *entries* of *projects*, and *codes*; the guesses' comments in the documents' language."""
    language = mission.config.mission.document_language.code
    forms = []
    for project, entry in zip(projects, entries, strict=True):
        doubts = [
            f'[codes] {key} = "{code}"  ({_share(confidence, language)})'
            for key, (code, confidence) in doubtful_codes(mission, project.form, entry.fields, codes).items()
        ]
        forms.append(replace(entry, doubts=[*entry.doubts, *doubts]))
    uids = {project.form_id: project.asset.asset_uid for project in projects}
    values = {
        key: ([code] if key == "present" else code, _share(confidence, language))
        for key, (code, confidence) in codes.items()
    }
    return with_forms(text, forms, uids, values)


def entry_of(form_id: str, file: str, guessed: Guess, language: LanguageCode) -> FormEntry:
    """The settings of a form that is new here: what was guessed surely enough, and as comments, in *language*, what was not."""
    role = guessed.role if guessed.confidence >= SURE_ENOUGH else "other"
    meanings = MEANINGS.get(guessed.role, ("zone", "consent"))
    fields = {
        name: guessed.fields[name][0]
        for name in meanings
        if name in guessed.fields and guessed.fields[name][1] >= SURE_ENOUGH
    }
    comments = {name: _share(guessed.fields[name][1], language) for name in fields}
    if role != "other":
        comments["role"] = _share(guessed.confidence, language)
    doubts = []
    if role == "other" and guessed.role != "other":
        perhaps = translated(f"perhaps, {guessed.confidence:.0%} sure: write it above if it is", language)
        doubts.append(f'role = "{guessed.role}"  ({perhaps})')
    unknown = translated("no question was recognised", language)
    doubts += [f'{name} = ""  ({unknown})' for name in meanings if name not in fields]
    is_rated = role == "satisfaction"
    return FormEntry(
        form_id,
        file,
        role,
        fields,
        guessed.scales if is_rated else (),
        guessed.open_questions if is_rated else (),
        comments,
        doubts,
    )


def _share(confidence: float, language: LanguageCode) -> str:
    return translated(f"guessed, {confidence:.0%} sure", language)


def _described(project: Project, entry: FormEntry) -> list[str]:
    guessed = project.guess
    role = (
        f"the role is {guessed.role}, {guessed.confidence:.0%} sure"
        if guessed.role != "other"
        else "no role recognised"
    )
    recognised = ", ".join(f"{name} = {question}" for name, question in entry.fields.items())
    return [
        f"{project.form_id}: {project.asset.name}",
        f"{project.form_id}: questions asked: {len(project.form.questions)}; {role}",
        f"{project.form_id}: recognised {recognised or 'no meaning'}; look at [forms.{project.form_id}] in {MISSION_FILE}",
    ]


def _choices(project: Project, meaning: str) -> tuple[Choice, ...]:
    name = project.guess.fields.get(meaning, ("", 0.0))[0]
    question = project.form.question(name) if name else None
    return project.form.choices.get(question.list_name, ()) if question else ()


def _differences(config: Config, project: Project, entry: FormEntry) -> list[Finding]:
    """A finding for each question that *entry* names and whose answers are none of the codes that ``[codes]`` knows; for languages that the mission has not,
    and for types of questions that this program does not know.
    """
    codes, languages = config.codes, config.mission.languages
    findings = []
    named = [language for language in project.form.languages if language]
    if not named:
        message = "its texts do not say which language they are in: all documents show them as they are"
        hint = "to have it in several languages, name them on the server (label::English (en), …), and adopt it anew"
        findings.append(Finding(LANGUAGES_DIFFER, "info", project.form_id, message, hint, form_id=project.form_id))
    elif not set(named) & set(languages):
        message = f"it speaks {', '.join(named)}; mission.languages are {', '.join(languages)}"
        hint = f"write its languages in mission.languages of {MISSION_FILE}, the first one first"
        findings.append(Finding(LANGUAGES_DIFFER, "warning", project.form_id, message, hint, form_id=project.form_id))
    asked: list[Question | Section] = [*project.form.questions, *project.form.sections]
    unknown = [f"{each.name} ({each.kind})" for each in asked if not _is_known(each)]
    if unknown:
        shown = ", ".join(unknown[:_MOST_NAMED]) + (", …" if len(unknown) > _MOST_NAMED else "")
        message = f"it has what this program does not know: {shown}"
        hint = "what is answered there is received, and leaves in nominative exports alone unless [privacy.classes] says otherwise; the form cannot be deployed from here"
        findings.append(Finding(UNKNOWN_TYPES, "warning", project.form_id, message, hint, form_id=project.form_id))
    for meaning, known in (
        ("sex", (codes.female, codes.male)),
        ("consent", (codes.yes,)),
        ("present", tuple(sorted(config.present_codes))),
        ("moment", (codes.before, codes.after)),
    ):
        offered = [choice.name for choice in _choices(project, meaning)] if meaning in entry.fields else []
        if offered and not set(known) <= set(offered):
            message = f"the answers to {project.guess.fields[meaning][0]} are {', '.join(offered)}; [codes] expects {', '.join(known)}"
            hint = f"write this form's codes in [codes] of {MISSION_FILE}, or these answers count as nothing"
            findings.append(Finding(CODES_DIFFER, "warning", project.form_id, message, hint, form_id=project.form_id))
    return findings


def _is_known(asked: Question | Section) -> bool:
    """Whether the program knows that type of question or section."""
    return (asked.kind if isinstance(asked, Question) else f"begin_{asked.kind}").lower() in known_types()

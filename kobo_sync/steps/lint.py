"""Forms judged before they reach the field; an unchanged form costs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kobo_sync import __version__
from kobo_sync.errors import ConfigError, FormError
from kobo_sync.model import Finding

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission

LEVELS = {"error": "error", "warning": "warning", "info": "note"}
LISTS = (".csv", ".geojson", ".xml")  # files of a form that rules look into; of others the names are enough
PROBE = {"name": "X-01", "label": "…", "zone": "…", "group": "…", "sex": "…"}  # a roster has rows once people register


@dataclass(frozen=True)
class LintedForm:
    """One form's findings; *cached* when it was judged before, unchanged. *classes*: what its questions tell of persons, in lines."""

    file: str
    findings: tuple[Finding, ...]
    cached: bool
    classes: tuple[str, ...] = ()


def lint_mission(mission: Mission, *, validate: bool = True) -> list[LintedForm]:
    """Every form of the mission with its lists as phones would get them. Raises: ConfigError.

    While no file of config/ and forms/ has changed, nothing is read but the cache: neither settings nor workbooks.
    """
    from kobo_sync.workspace.result_cache import hashed

    cache, key = mission.workspace.cache, hashed([mission.workspace.definition_hash(), str(validate)])
    cached = cache.get("lint", key, tuple[tuple[str, tuple[Finding, ...], tuple[str, ...]], ...])
    if cached is not None:
        return [LintedForm(file, findings, True, lines) for file, findings, lines in cached]
    media = mission_media(mission)
    linted = [_judged(mission, form_id, media, validate=validate) for form_id in mission.config.forms]
    linted = _with_classes(mission, linted)
    cache.put("lint", key, tuple((form.file, form.findings, form.classes) for form in linted))
    return linted


def _with_classes(mission: Mission, linted: Sequence[LintedForm]) -> list[LintedForm]:
    from kobo_sync.forms.classes import SERVER_LINE

    lines = class_lines(mission)
    told = [
        replace(form, classes=lines.get(form_id, ()))
        for form_id, form in zip(mission.config.forms, linted, strict=True)
    ]
    return [*told[:-1], *(replace(form, classes=(*form.classes, SERVER_LINE)) for form in told[-1:])]


def class_lines(mission: Mission) -> dict[str, tuple[str, ...]]:
    """form_id → what its questions tell of persons, a line per class. Raises: ConfigError for a setting that names no question.

    A form that cannot be read has none: its findings say why, and then no form's lists are known.
    """
    from kobo_sync.forms.chosen import chosen_questions
    from kobo_sync.forms.classes import check_names, in_lines
    from kobo_sync.mission.question_classes import check, classes_of_mission
    from kobo_sync.steps.databases import mirror_is_current

    try:
        asked = classes_of_mission(mission)
    except FormError:
        return {}
    if mirror_is_current(mission.workspace, mission.shared_databases):
        check(mission)
    else:
        check_names(mission.config, mission.forms, {})
        chosen_questions(mission.config, mission.forms, asked)
    return {form_id: tuple(in_lines(form_id, each)) for form_id, each in asked.items()}


def _judged(mission: Mission, form_id: str, media: Mapping[str, bytes], *, validate: bool) -> LintedForm:
    """A form of the mission as the server would get it."""
    settings = mission.config.forms[form_id]
    content, cache = mission.workspace.form_bytes(settings.file), mission.workspace.state / "lint"
    consents = {settings.fields[meaning] for meaning in ("consent",) if meaning in settings.fields}
    key = {name: item.answer for name, item in settings.items.items()}
    judged = judge(content, settings.file, media, cache, validate=validate, consents=consents, key=key, deploying=True)
    return replace(judged, findings=of_its_server(mission, judged.findings))


def of_its_server(mission: Mission, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those of *findings* that hold on the mission's kind of server."""
    from kobo_sync.forms.rules.kobo import OF_KOBOTOOLBOX

    return tuple(each for each in findings if mission.features.compiles_forms or each.rule not in OF_KOBOTOOLBOX)


def mission_media(mission: Mission) -> dict[str, bytes]:
    """Every file that a form of the mission may name, by name; a list at fault is left out, its form says so."""
    from kobo_sync.forms.media import entities_csv, roster_csv

    workspace, config = mission.workspace, mission.config
    media = {}
    for name in workspace.media_names():
        try:
            media[name] = workspace.media_bytes(name, config)
        except ConfigError:
            continue
    if config.roster:
        is_list = config.roster.entities and config.server.features.keeps_lists
        media.setdefault(config.roster.file, entities_csv([PROBE]) if is_list else roster_csv([PROBE]))
    return media


def lint_files(
    paths: Sequence[Path], cache: Path | None, *, validate: bool = True, media: Mapping[str, bytes] | None = None
) -> list[LintedForm]:
    """Any XLSForm files; files beside them, or in a folder media/ there, count as theirs.

    No server is known for them: what KoboToolbox alone refuses is a warning that says so.
    Raises: FormError for a file that cannot be read from the disk.
    """
    linted = []
    for path in paths:
        try:
            content = path.read_bytes()
            beside = {
                p.name: p.read_bytes() if p.suffix.lower() in LISTS else b""
                for folder, pattern in ((path.parent, "*.csv"), (path.parent, "*.[gx]*"), (path.parent / "media", "*"))
                for p in sorted(folder.glob(pattern))
                if p.is_file()
            }
        except OSError as error:
            raise FormError(f"it cannot be read: {error.strerror}", form=str(path), hint="check the name") from error
        files = {**beside, **(media or {})}
        judged = judge(content, path.name, files, cache, validate=validate)
        linted.append(replace(judged, classes=_class_lines(content, path.name, files)))
    return linted


def _class_lines(content: bytes, file: str, media: Mapping[str, bytes]) -> tuple[str, ...]:
    """The same for a form without a mission: all is guessed."""
    from kobo_sync.forms.classes import SERVER_LINE, classes, in_lines, lists_of
    from kobo_sync.forms.file_choices import choices_in
    from kobo_sync.forms.xlsform import read_form

    try:
        form = read_form(content, file)
    except FormError:
        return ()  # its findings say why
    columns = {
        name: {c for choice in choices_in(each, name) for c in choice.extra} for name, each in media.items() if each
    }
    return (*in_lines(form.form_id, classes(form, None, lists_of([form], columns))), SERVER_LINE)


def judge(
    content: bytes,
    file: str,
    media: Mapping[str, bytes],
    cache: Path | None,
    *,
    validate: bool,
    consents: Collection[str] = (),
    key: Mapping[str, str] | None = None,
    deploying: bool = False,
) -> LintedForm:
    """One form's findings: the rules, then pyxform and with *validate* ODK Validate, from the cache when unchanged."""
    from kobo_sync.forms.rules import lint  # a mission whose forms are unchanged does without

    circumstances = f"{validate} {deploying} {sorted(consents)} {list((key or {}).items())}"
    path = cache / f"{_key(content, file, media, circumstances)}.json" if cache else None
    if path and path.is_file():
        try:
            return LintedForm(file, tuple(Finding(**row) for row in json.loads(path.read_bytes())), cached=True)
        except (ValueError, TypeError):
            path.unlink(missing_ok=True)  # a cache that cannot be read is no cache
    strikes = lint(content, file, media=media, consents=consents, key=key, deploying=deploying)
    findings = tuple(dict.fromkeys((*strikes, *_compiled(content, file, validate=validate))))
    if path:
        from kobo_sync.workspace.writing import write_atomic

        write_atomic(
            path, json.dumps([asdict(finding) for finding in findings], ensure_ascii=False).encode(), private=True
        )
    return LintedForm(file, findings, cached=False)


def _compiled(content: bytes, file: str, *, validate: bool) -> list[Finding]:
    from kobo_sync.forms.compiler import COMPILE_RULE, compile_form  # an unchanged form does without

    try:
        compiled = compile_form(content, file, validate=validate)
    except FormError as error:
        message = error.message.removeprefix(f"{file}: ")
        return list(error.findings) or [Finding(COMPILE_RULE, "error", file, message, error.hint)]
    return [Finding(COMPILE_RULE, "warning", file, warning, "mend it as it says") for warning in compiled.warnings]


def _key(content: bytes, file: str, media: Mapping[str, bytes], circumstances: str) -> str:
    from kobo_sync.forms.rules import EDITION, RULES

    digest = hashlib.sha256(f"{__version__} {EDITION} {len(RULES)} {file} {circumstances}".encode())
    for part in (content, *(part for name in sorted(media) for part in (name.encode(), media[name]))):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:40]


def sarif(linted: Sequence[LintedForm]) -> dict[str, Any]:
    """The findings as SARIF 2.1.0, for code hosts and editors."""
    from kobo_sync.forms.rules import RULES

    rules = [
        {"id": code, "shortDescription": {"text": rule.doc}, "defaultConfiguration": {"level": LEVELS[rule.severity]}}
        for code, rule in RULES.items()
    ]
    results = [
        {
            "ruleId": finding.rule,
            "level": LEVELS[finding.severity],
            "message": {"text": f"{finding.message} — {finding.hint}" if finding.hint else finding.message},
            "locations": [
                {
                    "physicalLocation": {"artifactLocation": {"uri": form.file}},
                    "logicalLocations": [{"fullyQualifiedName": finding.where}],
                }
            ],
        }
        for form in linted
        for finding in form.findings
    ]
    driver = {"name": "kobo-sync", "version": __version__, "rules": rules}
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def gate(mission: Mission, form_ids: Sequence[str], *, validate: bool = True) -> None:
    """Refuse forms that the rules, pyxform or ODK Validate find in error: nothing of them reaches the server.

    Raises: FormError with the findings of the first such form.
    """
    media = mission_media(mission)
    for form_id in form_ids:
        judged = _judged(mission, form_id, media, validate=validate)
        errors = [finding for finding in judged.findings if finding.severity == "error"]
        if errors:
            raise FormError(
                f"{len(errors)} errors; it is not deployed", form=judged.file, findings=errors, hint=errors[0].hint
            )

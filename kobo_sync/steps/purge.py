"""Erases what ``[retention]`` no longer allows to keep, in every place where it lies, and leaves a receipt."""

from __future__ import annotations

import calendar
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.config.checks_and_keeping import Retention
from kobo_sync.config.config import Config
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk.worklist import forget_notes
from kobo_sync.errors import ConfigError
from kobo_sync.forms import classes
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import check, classes_of_mission
from kobo_sync.model import Finding, Report
from kobo_sync.store.attachments import attachment_path
from kobo_sync.store.erasure import Judge, files_of, names_in, redact, vacuum
from kobo_sync.store.mirror import Mirror
from kobo_sync.workspace.folders import ASIDE, BACKUPS, Workspace
from kobo_sync.workspace.manifests import MANIFEST
from kobo_sync.workspace.writing import write_atomic

RECEIPTS = "receipts"
NOMINATIVE_PATHS = ("**/*-nominatif*", "**/*-nominatif/**/*", "badges/**/*", f"{ASIDE}/**/*")  # below exports/out/


@dataclass(frozen=True)
class Due:
    """What is due today: the files, the personal answers and documents, and all answers of *forms*."""

    files: bool
    personal: bool
    forms: frozenset[str]

    def __bool__(self) -> bool:
        return self.files or self.personal or bool(self.forms)


def purge(mission: Mission, *, dry_run: bool = False) -> Report:
    """Erase what is due, or say how much it is; the receipt tells what, when, counts and hashes, no content.

    Every part can be repeated: a run that died is finished by the next one. The server, and backups made before,
    are not touched: the report says so. Raises: ConfigError without a ``[retention]`` that names something.
    """
    started_at = mission.clock()
    settings = retention(mission.config)
    today = started_at.astimezone(ZoneInfo(mission.config.mission.timezone)).date()
    ends_on = mission.config.mission.ends_on
    lines = [f"{what}: due on {months_after(ends_on, n)}" for what, n in _terms(settings)]
    due = what_is_due(settings, ends_on, today)
    if not due:
        return mission.report("purge", started_at, {"erased": 0}, [], [*lines, "nothing is due yet"])
    erased = _erase(mission, settings, due, dry_run=True)
    if not dry_run:
        receipt = _receipt(mission, started_at, due, erased)  # before: a run that dies has said what it was at
        _erase(mission, settings, due, dry_run=False)
        for engine in (mission.store.engine, mission.desk.engine):
            vacuum(engine)
        _receipt(mission, started_at, due, erased, ended_at=mission.clock())
    counts = {
        "answers": sum(form["answers"] for form in erased["forms"].values()),
        "rows": sum(form["rows"] for form in erased["forms"].values()),
        "files": len(erased.get("files", ())),
        "documents": len(erased.get("documents", ())),
        "notes": erased.get("notes", 0),
    }
    lines += [
        f"{name}: {n} {'would be erased' if dry_run else 'erased'}" for name, n in counts.items() if name != "rows"
    ]
    lines += [] if dry_run else [f"receipt: {receipt}"]
    return mission.report("purge", started_at, counts, _elsewhere(mission), lines)


# ── what is due ─────────────────────────────────────────────────────────────


def retention(config: Config) -> Retention:
    """The settings, judged. Raises: ConfigError where nothing is named, or something that does not exist."""
    settings = config.retention
    hint = "write for instance files_months = 6 and personal_months = 12 under [retention]; docs/operations.md explains"
    if settings is None or not list(_terms(settings)):
        raise ConfigError("nothing says what may be erased, and when", file=MISSION_FILE, key="retention", hint=hint)
    named = [("answers_months", form_id) for form_id in settings.answers_months]
    for key, form_id in named:
        if form_id not in config.forms:
            hint = f"the forms are: {', '.join(config.forms)}; a question is written form_id.question"
            raise ConfigError(f"there is no form {form_id!r}", file=MISSION_FILE, key=f"retention.{key}", hint=hint)
    return settings


def _terms(settings: Retention) -> Iterator[tuple[str, int]]:
    if settings.files_months is not None:
        yield "files of submissions", settings.files_months
    if settings.personal_months is not None:
        yield "personal answers and nominative documents", settings.personal_months
    for form_id, n in settings.answers_months.items():
        yield f"all answers of {form_id}", n


def months_after(day: date, n: int) -> date:
    """The same day *n* months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + n, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def what_is_due(settings: Retention, ends_on: date, today: date) -> Due:
    """What may no longer be kept on *today*."""

    def over(n: int | None) -> bool:
        return n is not None and months_after(ends_on, n) <= today

    forms = frozenset(form_id for form_id, n in settings.answers_months.items() if over(n))
    return Due(over(settings.files_months), over(settings.personal_months), forms)


# ── erasing ─────────────────────────────────────────────────────────────────


def _erase(mission: Mission, settings: Retention, due: Due, *, dry_run: bool) -> dict[str, Any]:
    """What there is to erase, by place; it is erased unless *dry_run*."""
    erased: dict[str, Any] = {"forms": _answers(mission, settings, due, dry_run=dry_run)}
    if not dry_run:
        mission.workspace.cache.clear()
    if due.files:
        erased["files"] = _files(mission, dry_run=dry_run)
    if due.personal:
        erased["documents"] = _documents(mission.workspace, dry_run=dry_run)
        erased["notes"] = forget_notes(mission.desk, dry_run=dry_run)
    return erased


def _answers(mission: Mission, settings: Retention, due: Due, *, dry_run: bool) -> dict[str, dict[str, Any]]:
    """Take answers out of the rows as received, and derive the tables anew; what was erased, by form."""
    counts = {}
    check(mission)
    asked = classes_of_mission(mission)
    for done, (form_id, form) in enumerate(mission.forms.items()):
        mission.progress("purge", done, len(mission.forms))
        goes: Judge | None = None
        names: list[str] = []
        if form_id in due.forms:
            goes, names = (lambda _name: True), ["*"]
        elif due.personal:
            names = sorted(classes.erased(asked[form_id]) | _retired(settings, form_id))
            goes = names_in(names)
        if goes is None:
            continue
        erased = redact(mission.store, form_id, goes, dry_run=dry_run)
        if not dry_run:
            Mirror(mission.store, form).rebuild()
        tally = {"rows": erased.rows, "states": erased.states, "answers": erased.answers}
        counts[form_id] = {**tally, "questions": names, "sha256_before": erased.sha256}
    return counts


def _retired(settings: Retention, form_id: str) -> set[str]:
    """The questions of the form that the settings name, also where none asks them any more; by name, without their groups."""
    own = f"{form_id}."
    return {name.removeprefix(own).rpartition("/")[2] for name in settings.personal if name.startswith(own)}


def _files(mission: Mission, *, dry_run: bool) -> list[str]:
    """Remove the files of submissions; the ledger keeps their hashes, so that no pull asks for them again."""
    folder = mission.workspace.attachments
    there = [sha256 for sha256 in sorted(files_of(mission.store)) if attachment_path(folder, sha256).exists()]
    if not dry_run:
        for sha256 in there:
            attachment_path(folder, sha256).unlink(missing_ok=True)
        shutil.rmtree(folder / "parts", ignore_errors=True)
    return there


def _documents(workspace: Workspace, *, dry_run: bool) -> dict[str, str]:
    """Remove what names people outside of the mirror: nominative documents and zips, set-aside copies, the roster."""
    paths = [workspace.expected_roster, workspace.pseudonyms]
    for pattern in NOMINATIVE_PATHS:
        paths += workspace.out.glob(pattern)
    digests: dict[Path, str] = {}
    for manifest in workspace.out.rglob(MANIFEST):
        for name, each in _manifest_files(manifest).items():
            if isinstance(each, dict) and each.get("class") == "nominative":
                digests[manifest.parent / name] = str(each.get("sha256", ""))
    paths += digests
    there = sorted({path for path in paths if path.is_file()})
    if not dry_run:
        for path in there:
            path.unlink()
    return {_named(path, workspace): digests.get(path, "") for path in there}


def _manifest_files(path: Path) -> Mapping[str, Any]:
    try:
        files = json.loads(path.read_bytes()).get("files", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return files if isinstance(files, dict) else {}


def _named(path: Path, workspace: Workspace) -> str:
    for folder in (workspace.out, workspace.state):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder).as_posix())
    return path.name


def _receipt(
    mission: Mission, began_at: datetime, due: Due, erased: Mapping[str, Any], ended_at: datetime | None = None
) -> Path:
    """Write what is erased, and once it is, when that ended; returns the file."""
    began = began_at.astimezone(UTC)
    content = {
        "mission": mission.config.mission.code,
        "began_at": began.isoformat(),
        "ended_at": ended_at.astimezone(UTC).isoformat() if ended_at else None,
        "what": {"files": due.files, "personal": due.personal, "all_answers_of": sorted(due.forms)},
        **erased,
    }
    path = mission.workspace.state_folder() / RECEIPTS / f"purge-{began:%Y%m%dT%H%M%SZ}.json"
    write_atomic(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode(), private=True)
    return path


def _elsewhere(mission: Mission) -> list[Finding]:
    """Places that a purge does not reach, where the same content may still lie."""
    places = [
        ("the server", "delete the submissions, or the project, there as well: another pull may bring edits back")
    ]
    if (mission.workspace.state / BACKUPS).is_dir() or mission.config.backup.folder:
        places.append(("backups", "remove those made before, and make a new one"))
    if mission.workspace.state.joinpath("station.sqlite").is_file():
        places.append(("the field station", "once all is relayed, remove .kobo_sync/station.sqlite"))
    return [
        Finding("PURGE001", "info", where, "what was erased here may still lie there", hint) for where, hint in places
    ]

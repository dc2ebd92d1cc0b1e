"""Erases what ``[retention]`` no longer allows to keep, in every place where it lies, and leaves a receipt."""

from __future__ import annotations

import calendar
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.people import common_words
from kobo_sync.analysis.quoting import Reader
from kobo_sync.config.checks_and_keeping import Retention
from kobo_sync.config.config import Config
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.databases.dialects import dialect_of
from kobo_sync.desk import journal
from kobo_sync.desk.erasure import mask_texts, masked_values
from kobo_sync.desk.worklist import forget_notes
from kobo_sync.errors import ConfigError
from kobo_sync.forms import classes
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import check, classes_of_mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.personal.at_station import forget_room
from kobo_sync.steps.purging.left_behind import empty_left_behind
from kobo_sync.steps.purging.places import backups_of, name_in, places_of, sweep_half_files, told_sets
from kobo_sync.steps.purging.renewing import backups_inside, renew_backups
from kobo_sync.steps.purging.texts import mask_of, reader_of_rows
from kobo_sync.store.attachments import note_erased, received_files
from kobo_sync.store.erasure import Judge, files_of, names_in, redact
from kobo_sync.store.mirror import Mirror
from kobo_sync.workspace.attachment_files import away, is_away
from kobo_sync.workspace.writing import write_atomic

RECEIPTS = "receipts"
_MOST_NAMED = 20


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

    Every part can be repeated: a run that died is finished by the next one. Backups in the workspace are made anew. The
    server, and backups elsewhere, are not touched: the report says so. Raises: ConfigError without a ``[retention]`` that names something.
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
    n_backups, renewed, emptied = len(backups_inside(mission)), None, list[Path]()
    if not dry_run:
        receipt = _receipt(mission, started_at, due, erased)  # before: a run that dies has said what it was at
        journal.note(mission.desk, "erase", receipt.name, by=mission.doer, now=started_at)
        _erase(mission, settings, due, dry_run=False)
        for engine in (mission.store.engine, mission.desk.engine):
            dialect_of(engine).vacuum(engine)
        emptied = empty_left_behind(mission)
        n_backups, renewed = renew_backups(mission)
        _receipt(mission, started_at, due, erased, ended_at=mission.clock())
    counts = {
        "answers": sum(form["answers"] for form in erased["forms"].values()),
        "rows": sum(form["rows"] for form in erased["forms"].values()),
        "files": len(erased.get("files", ())),
        "documents": len(erased.get("documents", ())),
        "notes": erased.get("notes", 0),
        "texts": erased.get("texts", 0),
        "backups": n_backups,
    }
    lines += [
        f"{name}: {n} {'would be erased' if dry_run else 'erased'}" for name, n in counts.items() if name != "rows"
    ]
    documents = list(erased.get("documents", ()))
    shown = documents if dry_run else documents[:_MOST_NAMED]
    lines += [f"{'would go' if dry_run else 'gone'}: {name}" for name in shown]
    lines += [f"… and {len(documents) - len(shown)} more, in the receipt"] if len(documents) > len(shown) else []
    if documents:
        lines.append("papers and exports that go are made anew, without those names, by build, deliver and export")
    lines += [f"made anew, in their place: {renewed}"] if renewed else []
    lines += [f"emptied, as its rows were moved to the server: {path}" for path in emptied]
    lines += [] if dry_run else [f"receipt: {receipt}"]
    return mission.report("purge", started_at, counts, _elsewhere(mission, erased.get("left", ())), lines)


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
    """What there is to erase, by place; it is erased unless *dry_run*.

    Sentences and documents are read while the names are still there to compare with; the answers that name people go
    last, so that a run that died finds them again.
    """
    check(mission)
    erased: dict[str, Any] = {}
    goes = _questions(mission, settings, due)
    if due.personal or any(classes.erased(classes_of_mission(mission)[form_id]) for form_id in due.forms):
        reader = reader_of_rows(mission, common_words(_places_and_needs(mission)), partial(_retired, settings))
        erased["texts"] = _texts(mission, reader, dry_run=dry_run)
        erased |= _documents(mission, reader, dry_run=dry_run)
        erased["notes"] = forget_notes(mission.desk, dry_run=dry_run)
    if not dry_run:
        mission.workspace.cache.clear()
        forget_room(mission)
    if due.files:
        erased["files"] = _files(mission, dry_run=dry_run)
    erased["forms"] = _answers(mission, goes, dry_run=dry_run)
    return erased


def _questions(mission: Mission, settings: Retention, due: Due) -> dict[str, list[str]]:
    """Form → the questions whose answers go, ``*`` for all of them."""
    asked = classes_of_mission(mission)
    goes = {}
    for form_id in mission.forms:
        if form_id in due.forms:
            goes[form_id] = ["*"]
        elif due.personal:
            goes[form_id] = sorted(classes.erased(asked[form_id]) | _retired(settings, form_id))
    return goes


def _places_and_needs(mission: Mission) -> Facts:
    lists = mission.workspace.lists(mission.config, mission.forms)
    return Facts(mission.config, None, None, mission.forms, {}, lambda _root, _name: None, lists)


def _texts(mission: Mission, reader: Reader, *, dry_run: bool) -> int:
    """Mask what people wrote in the rows as received and on the desk; how many rows and texts change."""
    n = 0
    asked = classes_of_mission(mission)
    for done, (form_id, form) in enumerate(mission.forms.items()):
        mission.progress("purge", done, len(mission.forms))
        mask = mask_of(reader, form, asked[form_id], mission.config)
        n += redact(mission.store, form_id, names_in(()), mask, dry_run=dry_run).answers
    n += mask_texts(mission.desk, reader.registered, dry_run=dry_run)
    told = told_sets(mission.workspace)
    if told.is_file() and not dry_run:
        content = masked_values(json.loads(told.read_bytes()), reader.registered)
        write_atomic(told, json.dumps(content, ensure_ascii=False).encode(), private=True)
    return n


def _answers(mission: Mission, goes: Mapping[str, list[str]], *, dry_run: bool) -> dict[str, dict[str, Any]]:
    """Take answers out of the rows as received, and derive the tables anew; what was erased, by form."""
    counts = {}
    for done, (form_id, names) in enumerate(goes.items()):
        mission.progress("purge", done, len(goes))
        judge: Judge = (lambda _name: True) if names == ["*"] else names_in(names)
        erased = redact(mission.store, form_id, judge, dry_run=dry_run)
        tally = {"rows": erased.rows, "states": erased.states, "answers": erased.answers}
        counts[form_id] = {**tally, "questions": names, "sha256_before": erased.sha256}
    if not dry_run:
        for form in mission.forms.values():
            Mirror(mission.store, form).rebuild()
    return counts


def _retired(settings: Retention, form_id: str) -> set[str]:
    """The questions of the form that the settings name, also where none asks them any more; by name, without their groups."""
    own = f"{form_id}."
    return {name.removeprefix(own).rpartition("/")[2] for name in settings.personal if name.startswith(own)}


def _files(mission: Mission, *, dry_run: bool) -> list[str]:
    """Remove the files of submissions; the ledger keeps their hashes, so that no pull asks for them again."""
    if is_away(mission.files, lambda: received_files(mission.store)):
        raise away(mission.files.name)
    there = mission.files.those_here(sorted(files_of(mission.store)))
    if not dry_run:
        note_erased(mission.store, there)
        for sha256 in there:
            mission.files.remove(sha256)
        shutil.rmtree(mission.workspace.parts, ignore_errors=True)
    return there


def _documents(mission: Mission, reader: Reader, *, dry_run: bool) -> dict[str, Any]:
    """Remove the files that name people; of those that people made or edited only the names are told."""
    workspace = mission.workspace
    places = places_of(mission, reader)
    if not dry_run:
        sweep_half_files(mission)
        for path in places.removed:
            path.unlink(missing_ok=True)
        for path in (workspace.expected_roster, workspace.pseudonyms):
            mission.share(path)
    removed = {name_in(workspace, path): digest for path, digest in places.removed.items()}
    return {"documents": removed, "left": [name_in(workspace, path) for path in places.named]}


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


def _elsewhere(mission: Mission, left: Sequence[str]) -> list[Finding]:
    """Places that a purge does not reach, where the same content may still lie; *left* are files of people that name somebody."""
    places = [
        ("the server", "delete the submissions, or the project, there as well: another pull may bring edits back")
    ]
    if backups := [path for path in backups_of(mission) if path not in backups_inside(mission)]:
        names = ", ".join(path.name for path in backups[:_MOST_NAMED]) + (" …" if len(backups) > _MOST_NAMED else "")
        places.append((f"backups ({len(backups)}): {names}", "remove those made before, and make a new one"))
    elif mission.config.backup.folder:
        places.append(("backups", "remove those made before, and make a new one"))
    if mission.workspace.state.joinpath("station.sqlite").is_file():
        places.append(
            (
                "the field station",
                "run kobo-sync relay, then kobo-sync relay --forget: it erases there what KoboToolbox has",
            )
        )
    findings = [
        Finding("PURGE001", "info", where, "what was erased here may still lie there", hint) for where, hint in places
    ]
    hint = "take the names out by hand, or remove the file: people made or edited it"
    return findings + [
        Finding("PURGE002", "warning", path, "the file names somebody whose answers go", hint) for path in left
    ]

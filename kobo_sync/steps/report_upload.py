"""The final report that somebody edited and brings back on a page: checked, then put where the next build patches it; the earlier is kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kobo_sync.deliverables import final_report
from kobo_sync.desk.changes import Change, changes, record_change
from kobo_sync.desk.runs import Order
from kobo_sync.documents.word.report_parts import Parts, parts_of
from kobo_sync.errors import DocumentError, KoboSyncError, disk_error
from kobo_sync.forms.unpacking import too_much
from kobo_sync.language import typography
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import Report
from kobo_sync.steps.sets import MISSION_FOLDER
from kobo_sync.workspace.writing import write_atomic

FILE = (
    f"exports/out/{MISSION_FOLDER}/{final_report.PATH.french}"  # as the changes name it, wherever and however it lies
)
_WAITING = f"waiting:{FILE}"  # as they name one that was brought and has not taken its place: no file has this name
_LOCK = "report.lock"
MOST_SHOWN = 5  # earlier reports, and changes that are looked through for what others wrote


class ReportRefused(KoboSyncError):
    """What somebody wants of the report is not done."""


@dataclass(frozen=True)
class Waiting:
    """A report that was brought and not yet taken over: *file* is what it was called, *sha256* names its bytes."""

    file: str
    sha256: str
    by: str
    at: datetime
    instead_of: str


@dataclass(frozen=True)
class Missing:
    """A living part that the report here has and the one that was brought has not: *kind* is block, slot or number."""

    kind: str
    key: str
    title: str


@dataclass(frozen=True)
class Verdict:
    """What the report of that *sha256* would be in the place of the one here.

    *by_hand* are the titles of blocks in which somebody typed; *lost* the paragraphs of others that are not in it, each with who wrote it.
    *n_parts* living parts are there; *n_new* and *n_gone* paragraphs differ.
    """

    sha256: str
    missing: tuple[Missing, ...]
    by_hand: tuple[str, ...]
    lost: tuple[tuple[str, str], ...]
    n_parts: int
    n_new: int
    n_gone: int

    @property
    def asks(self) -> bool:
        """Whether somebody must say that it is meant so."""
        return bool(self.missing or self.lost)

    @property
    def mark(self) -> str:
        """What was seen: it is another when something else is missing."""
        return hashlib.sha256(repr((self.sha256, self.missing, self.lost)).encode()).hexdigest()


# ── brought, checked ──


def bring(mission: Mission, file: str, content: bytes, by: str) -> None:
    """Keep *content*, which the browser called *file*, until it is taken over; the report here stays as it is.

    Raises: ReportRefused for what is not this mission's report; StoreError.
    """
    _own_parts(mission, content)
    _wait(mission, file[-100:], content, by)


def name_of(mission: Mission) -> str:
    """What the report here is called: as the last build did, in whichever language."""
    there = (name for name in final_report.PATH if (mission.workspace.out / MISSION_FOLDER / name).is_file())
    return final_report.PATH.among(set(there), mission.config) or final_report.PATH.of(mission.config)


def bring_back(mission: Mission, sha256: str, by: str) -> None:
    """Let an earlier report wait, as if it had been brought. Raises: ReportRefused, StoreError."""
    is_ours = any(sha256 in (each.before_sha256, each.after_sha256) for each in changes(mission.desk, path=FILE))
    content = mission.workspace.earlier_files.get(sha256) if is_ours else None
    if content is None:
        raise ReportRefused("this version is no longer kept", hint="restore a backup, or upload the file again")
    _wait(mission, name_of(mission), content, by)


def waiting(mission: Mission) -> Waiting | None:
    """The report that waits, or None."""
    newest = next(iter(changes(mission.desk, 1, path=_WAITING)), None)
    if newest is None or not newest.after_sha256:
        return None
    return Waiting(newest.keys[0], newest.after_sha256, newest.by, newest.at, newest.before_sha256)


def discard(mission: Mission, by: str) -> None:
    """Forget the report that waits; its bytes stay kept."""
    if waiting(mission):
        _note(mission, _WAITING, ("",), by, "", "")


def check(mission: Mission, report: Waiting) -> Verdict:
    """What *report* would be in the place of the one here now. Raises: ReportRefused when it is no longer kept, or is not this mission's."""
    brought = _own_parts(mission, _kept(mission, report.sha256))
    here = _parts_here(mission)
    parts = here or brought
    missing = [
        Missing(kind, key, title)
        for kind, ours, theirs in (
            ("block", parts.blocks, brought.blocks),
            ("slot", parts.slots, brought.slots),
            ("number", parts.numbers, brought.numbers),
        )
        for key, title in ours.items()
        if key not in theirs
    ]
    before, after = Counter(parts.paragraphs), Counter(brought.paragraphs)
    return Verdict(
        report.sha256,
        tuple(missing),
        tuple(brought.blocks[key] for key in sorted(brought.by_hand)),
        tuple(_lost(mission, report.by, parts, brought)),
        len(brought.blocks) + len(brought.slots) + len(brought.numbers),
        (after - before).total(),
        (before - after).total(),
    )


def _own_parts(mission: Mission, content: bytes) -> Parts:
    """The parts of *content*, if it is this mission's report. Raises: ReportRefused."""
    if not content:
        raise ReportRefused("the file is empty", hint="choose the report that you saved in Word")
    size = too_much(content)
    if size:
        raise ReportRefused(f"the file is too large to be read: {size}", hint="make the pictures in it smaller")
    try:
        parts = parts_of(content, name_of(mission)) if content.startswith(b"PK") else None
    except DocumentError as error:
        raise ReportRefused(error.message, hint="open it in Word, save it as .docx and upload it again") from error
    if parts is None:
        raise ReportRefused(
            "this file is not the report that kobo-sync made: it has none of its marks",
            hint="take the report from this page, write in that one, and save it as .docx",
        )
    if not _is_this_mission_s(mission, parts):
        raise ReportRefused(
            "this is the report of another mission",
            hint="take the report from this page, and write in that one",
        )
    return parts


def _is_this_mission_s(mission: Mission, parts: Parts) -> bool:
    """Whether a report is of this mission: by its id; where it says none, or the mission has none, by its title."""
    own, here = mission.config.mission, _parts_here(mission)
    if own.id and parts.mission == own.id:
        return True
    if parts.mission not in ("", own.code, here.mission if here else ""):
        return False
    return parts.title in {typography.spaced(own.document_title), here.title if here else ""}


def _parts_here(mission: Mission) -> Parts | None:
    """The parts of the report here; None where there is none, or one that no build can patch."""
    content = _content_here(mission)
    try:
        return parts_of(content, name_of(mission)) if content is not None else None
    except DocumentError:
        return None


def _lost(mission: Mission, by: str, here: Parts, brought: Parts) -> Iterator[tuple[str, str]]:
    """What others than *by* wrote on this page since *by* was here last, and the report here still says, and *brought* does not."""
    still, theirs = set(here.paragraphs), set(brought.paragraphs)
    for each in changes(mission.desk, MOST_SHOWN, path=FILE):
        if each.by == by:
            return
        before, after = (_paragraphs(mission, sha256) for sha256 in (each.before_sha256, each.after_sha256))
        yield from ((each.by, line) for line in after if line not in {*before, *theirs} and line in still)
        theirs |= set(after)


def _paragraphs(mission: Mission, sha256: str) -> Sequence[str]:
    content = mission.workspace.earlier_files.get(sha256) if sha256 else None
    try:
        parts = parts_of(content, name_of(mission)) if content else None
    except DocumentError:
        return ()
    return parts.paragraphs if parts else ()


# ── taken over ──


def take_over(mission: Mission, mark: str, by: str, *, knowingly: bool = False) -> None:
    """Put the report that waits where the next build patches it; the one that lay there is kept.

    *mark* is that of the verdict that was seen. Killed anywhere, the same call again ends it.
    Raises: ReportRefused when nothing waits, when something else is missing than was seen, or when something is and nobody
    said *knowingly* that it is meant so; Busy while a run is at work; StoreError.
    """
    _decided(mission, mark, knowingly)  # before a run is begun for it
    recorded(mission, "report", lambda opened: _taken_over(opened, mark, by, knowingly), Order("person", by))


def _taken_over(mission: Mission, mark: str, by: str, knowingly: bool) -> Report:
    started_at = mission.clock()
    report = _decided(mission, mark, knowingly)
    content, here = _kept(mission, report.sha256), _content_here(mission)
    before = mission.workspace.earlier_files.keep(here) if here is not None else ""
    if before == report.sha256:  # written already: what did that was killed before it could be noted
        before = report.instead_of
    else:
        write_atomic(_place(mission), content)
    if before != report.sha256:
        _note(mission, FILE, (report.file,), by, before, report.sha256)
    _note(mission, _WAITING, ("",), by, "", "")
    return mission.report("report", started_at, {"files": 1}, [], [f"the report was replaced by {by}"])


def _decided(mission: Mission, mark: str, knowingly: bool) -> Waiting:
    """The report that waits, if somebody saw what it would be and says so. Raises: ReportRefused."""
    report = waiting(mission)
    if report is None:
        raise ReportRefused("no report waits any more", hint="upload it again")
    verdict = check(mission, report)
    if verdict.mark != mark:
        raise ReportRefused("the report here has changed meanwhile", hint="look at what is missing now, then go on")
    if verdict.asks and not knowingly:
        raise ReportRefused(
            "something would be missing from the report", hint="tick that it is meant so, or upload another file"
        )
    return report


def earlier_reports(mission: Mission) -> list[Change]:
    """The newest changes whose report of before is still kept."""
    kept = mission.workspace.earlier_files
    newest = changes(mission.desk, MOST_SHOWN, path=FILE)
    return [each for each in newest if each.before_sha256 and kept.get(each.before_sha256) is not None]


def _wait(mission: Mission, file: str, content: bytes, by: str) -> None:
    kept = mission.workspace.earlier_files
    with mission.workspace.exclusive(_LOCK, "somebody else is bringing a report just now"):
        here = _content_here(mission)
        _note(mission, _WAITING, (file,), by, kept.keep(here) if here is not None else "", kept.keep(content))


def _kept(mission: Mission, sha256: str) -> bytes:
    content = mission.workspace.earlier_files.get(sha256)
    if content is None:
        raise ReportRefused("no report waits any more", hint="upload it again")
    return content


def _place(mission: Mission) -> Path:
    return mission.workspace.out / MISSION_FOLDER / name_of(mission)


def _content_here(mission: Mission) -> bytes | None:
    place = _place(mission)
    try:
        return place.read_bytes() if place.is_file() else None
    except OSError as error:
        raise disk_error(error, place) from error


def _note(mission: Mission, path: str, keys: Sequence[str], by: str, before: str, after: str) -> None:
    record_change(mission.desk, path, keys, by=by, now=mission.clock(), before_sha256=before, after_sha256=after)

"""Who did what when, by the journal; and whether that still is what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kobo_sync.desk import journal
from kobo_sync.desk.database import Desk
from kobo_sync.desk.journal import Break, Entry, Head
from kobo_sync.desk.kept_head import HEAD, KeptHead
from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report, Severity
from kobo_sync.workspace.archive import NAME, journal_heads
from kobo_sync.workspace.folders import BACKUPS

JOURNAL = "journal"  # as findings call the place
_CURES = {
    "missing": "somebody took entries out of the database: ask who has access to it, and look into a backup of that time",
    "unfit": "somebody changed the database: ask who has access to it, and look into a backup of that time",
    "cut": "entries were cut off or written anew, or an older backup was restored, which the journal then says: look into that backup",
}
_CODES = {"missing": "AUDIT001", "unfit": "AUDIT002", "cut": "AUDIT003"}


class HeadRefused(KoboSyncError):
    """What was given is no head of a journal."""

    exit_code = 2


def head_of(text: str) -> Head:
    """The head that ``audit --head`` printed as *text*. Raises: HeadRefused."""
    number, _, sha256 = text.strip().partition(":")
    if not number.isdecimal() or len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise HeadRefused(
            f"{text[:90]!r} is no head of a journal", hint="give it as `kobo-sync audit --head` printed it"
        )
    return Head(int(number), sha256)


def heads_at_hand(mission: Mission) -> dict[str, Head]:
    """Where → the head of the journal as it was kept there: in backups when they were made, beside the desk at its last entry."""
    folders = [mission.workspace.state / BACKUPS]
    folders += [mission.workspace.root / mission.config.backup.folder] if mission.config.backup.folder else []
    heads: dict[str, str] = {}
    for folder in filter(Path.is_dir, folders):
        heads |= journal_heads(folder, mission.config.mission.code)
    kept = head_beside(mission.workspace.state)
    for where, text in heads.items():
        with suppress(HeadRefused):  # somebody wrote into that manifest: `restore` compares what it says of files
            kept[where] = head_of(text)
    return kept


def head_beside(state: Path) -> dict[str, Head]:
    """The head that is kept beside the desk of the folder *state*, by its file's name; nothing where none is."""
    try:
        return {HEAD: head_of(KeptHead(state / HEAD).text())}
    except HeadRefused:
        return {}


def listed(entries: Sequence[Entry], local: Callable[[datetime], str]) -> list[str]:
    """A line per entry, the newest last, as people read a log."""
    return [_line(entry, local) for entry in reversed(entries)]


def _line(entry: Entry, local: Callable[[datetime], str]) -> str:
    details = " ".join(f"{key}={value}" for key, value in entry.details.items())
    parts = (f"{entry.number:6}", local(entry.at), entry.by, entry.act, entry.subject, details)
    return "  ".join(part for part in parts if part)


def as_json(entry: Entry) -> dict[str, object]:
    """The entry as plain JSON values."""
    about = {"number": entry.number, "at": entry.at.isoformat(), "by": entry.by, "act": entry.act}
    return {**about, "subject": entry.subject, "details": dict(entry.details), "sha256": entry.sha256}


def verified(desk: Desk, heads: Mapping[str, Head], clock: Callable[[], datetime]) -> Report:
    """Work the chain out again, and hold it against *heads* kept elsewhere (where → head); a finding per place where it breaks.

    Raises: StoreError.
    """
    started_at = clock()
    last = journal.head(desk)
    restored = journal.entries(desk, None, acts=("restore",))
    findings = [_finding(each, last, restored) for each in journal.breaks(desk, heads)]
    counts = {"entries": last.number, "breaks": len(findings), "heads": len(heads)}
    lines = [f"journal: {last.number} entries, head {last}"]
    n_elsewhere = len(heads.keys() - {HEAD})
    lines += [f"heads kept in backups or given: {n_elsewhere}"] if n_elsewhere else []
    lines += ["nothing of it was changed, taken out or put in"] if not findings else []
    if not n_elsewhere:
        lines.append("no head was kept elsewhere: that its end was not cut off or written anew cannot be proved")
    return Report("audit", started_at, clock(), counts, tuple(findings), tuple(lines))


def _finding(each: Break, last: Head, restored: Sequence[Entry]) -> Finding:
    """What a break is told as; that a backup was made of a journal which another one *restored* replaced is no fault."""
    place = f"{JOURNAL}, {each.first}" if each.first == each.last else f"{JOURNAL}, {each.first}-{each.last}"
    severity: Severity = "error"
    if each.kind == "missing":
        message = f"entries are missing: {each.first} to {each.last}"
    elif each.kind == "unfit":
        message = f"entry {each.first} does not continue the one before it: one of the two was changed, or others were put in or taken out"
    elif number := _replaced_by(each, restored):
        message, severity = (
            f"{each.where} was made of a journal that a backup replaced: entry {number} tells",
            "warning",
        )
    elif each.first > last.number:
        message = (
            f"{each.where} has kept the head {each.first}, and the journal ends with {last.number}: its end was cut off"
        )
    else:
        message = f"{each.where} has kept another entry {each.first}: this one or those before it were written anew"
    return Finding(_CODES[each.kind], severity, place, message, _CURES[each.kind])


def _replaced_by(each: Break, restored: Sequence[Entry]) -> int:
    """The number of the entry that tells of a restoration after the backup *each.where* was made; 0 for none."""
    backup = NAME.fullmatch(each.where)
    made_at = datetime.strptime(backup["at"], "%Y%m%dT%H%M%S%z") if backup else None
    return next((one.number for one in restored if made_at and one.number <= each.first and one.at >= made_at), 0)

"""The files of config/ changed by people on pages: settings and lists, nothing lost, each change kept with who and when."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kobo_sync.config.config import Config
from kobo_sync.config.files import ENUMERATORS_FILE, MISSION_FILE, ZONES_FILE
from kobo_sync.config.list_editing import rows_of, with_rows
from kobo_sync.config.merging import Choice, Clash, Values, changed, merge
from kobo_sync.config.station import named_enumerators
from kobo_sync.config.toml_values import values_of, with_values
from kobo_sync.desk.changes import Change, changes, record_change
from kobo_sync.errors import ConfigError, disk_error
from kobo_sync.forms.media import list_csv
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import check_retention
from kobo_sync.workspace.reading import MOST_TEXT, plain_bytes
from kobo_sync.workspace.writing import write_atomic

NO_FILE = ""  # the hash of a file that is not there
LOCK = "settings.lock"


@dataclass(frozen=True)
class FileState:
    """A file of config/ as it was at some moment: its text (empty where there is none) and the hash of its bytes."""

    path: str
    sha256: str
    text: str

    @property
    def values(self) -> Values:
        """Settings by their key, or rows of a list by their code. Raises: ConfigError."""
        return values_of(self.text) if self.path == MISSION_FILE else rows_of(self.text, self.path).by_code

    def edited(self, changes: Values) -> str:
        """The text with other values. Raises: ConfigError."""
        edit = with_values if self.path == MISSION_FILE else partial(with_rows, file=self.path)
        return edit(self.text, changes)


@dataclass(frozen=True)
class Outcome:
    """*keys* that were changed; or nothing was, for *clashes* are to be decided: *now* is the file that they were seen in."""

    keys: tuple[str, ...]
    clashes: tuple[Clash, ...]
    now: FileState


def lists_of(mission: Mission) -> list[str]:
    """The lists of config/ that there are or may be, zones first; the one that the program makes itself left out."""
    there = {f"config/{path.name}" for path in (mission.workspace.root / "config").glob("*.csv")}
    made = {f"config/{mission.config.roster.file}"} if mission.config.roster else set()
    others = sorted(there - made - {ZONES_FILE, ENUMERATORS_FILE})
    return [ZONES_FILE, *others, ENUMERATORS_FILE]


def current_file(mission: Mission, path: str) -> FileState:
    """The file as it is now; it is kept, so that what is made from it can be held against it. Raises: ConfigError, StoreError."""
    place = mission.workspace.root / path
    try:
        content = plain_bytes(place, MOST_TEXT)
    except FileNotFoundError:
        return FileState(path, NO_FILE, "")
    except OSError as error:
        raise disk_error(error, place) from error
    return FileState(path, mission.workspace.earlier_files.keep(content), _text(content, path))


def earlier_file(mission: Mission, path: str, sha256: str) -> FileState | None:
    """The file as it was under that hash; None when that is not kept any more."""
    content = b"" if sha256 == NO_FILE else mission.workspace.earlier_files.get(sha256)
    return None if content is None else FileState(path, sha256, _text(content, path))


def alone(mission: Mission) -> AbstractContextManager[None]:
    """Be the one who changes files of config/: over processes, until the end of the block. Raises: Busy."""
    return mission.workspace.exclusive(LOCK, "somebody else is saving settings")


def rewrite(mission: Mission, now: FileState, text: str, *, by: str) -> None:
    """Put *text* in place of the file *now*, which the caller read while being `alone`; kept, noted and undoable as every change.

    Raises: ConfigError for what cannot be so; StoreError.
    """
    if text != now.text:
        _write(mission, now, text, tuple(changed(now.values, replace(now, text=text).values)), by)


def change_file(
    mission: Mission,
    before: FileState,
    mine: Values,
    *,
    by: str,
    chosen: Mapping[str, Choice] | None = None,
    seen: FileState | None = None,
) -> Outcome:
    """Make in the file what *mine* changes of *before*, as far as nobody changed the same otherwise meanwhile.

    *chosen* says which value holds of a key that was changed on both sides, if theirs is still as in *seen*. The whole new
    configuration is read before anything is written; killed anywhere, the same call again ends it.
    Raises: ConfigError for what cannot be so; Busy; StoreError.
    """
    with alone(mission):
        now = current_file(mission, before.path)
        theirs, as_seen = now.values, (seen or now).values
        holding = {key: choice for key, choice in (chosen or {}).items() if theirs.get(key) == as_seen.get(key)}
        plan = merge(before.values, mine, theirs, holding)
        if plan.clashes:
            return Outcome((), plan.clashes, now)
        if plan.changes:
            _write(mission, now, now.edited(plan.changes), tuple(plan.changes), by)
            return Outcome(tuple(plan.changes), (), now)
        _record_if_killed(mission, before, mine, now, by)
        return Outcome((), (), now)


def take_back(mission: Mission, change: Change, *, by: str) -> tuple[str, ...]:
    """Give the keys of *change* the values that they had before it; returns them.

    Raises: ConfigError when later changes touched them, or the result cannot be so; Busy; StoreError.
    """
    with alone(mission):
        now = current_file(mission, change.path)
        before, after = states_of(mission, change)
        theirs, was, became = now.values, before.values, after.values
        left = tuple(key for key in change.keys if theirs.get(key) != was.get(key))
        touched = [key for key in left if theirs.get(key) != became.get(key)]
        if touched:
            raise ConfigError(
                "changed again since then",
                file=change.path,
                key=", ".join(touched),
                hint="take the later change back first, or write the value that you want",
            )
        if left:
            is_as_left = now.sha256 == after.sha256
            text = before.text if is_as_left else now.edited({key: was.get(key) for key in left})
            is_gone = is_as_left and before.sha256 == NO_FILE
            _write(mission, now, None if is_gone else text, left, by, undoes=change.change_id)
        return left


def states_of(mission: Mission, change: Change) -> tuple[FileState, FileState]:
    """The file before and after *change*. Raises: ConfigError when one of the two is not kept any more."""
    before, after = (earlier_file(mission, change.path, sha) for sha in (change.before_sha256, change.after_sha256))
    if before is None or after is None:
        raise ConfigError(
            "how the file was before is not kept any more", file=change.path, hint="write the value that you want"
        )
    return before, after


def check_text(mission: Mission, path: str, text: str) -> Config:
    """The whole configuration as it would be with *text* in *path*. Raises: ConfigError naming what is wrong."""
    config = mission.workspace.config(mission.environ, {path: text})
    if path == ENUMERATORS_FILE and text.strip():
        named_enumerators(text)
    elif path == MISSION_FILE:
        check_retention(mission, config)
    else:
        name = path.removeprefix("config/")
        is_shown = any(question.file_name == name for form in mission.forms.values() for question in form.questions)
        rows = rows_of(text, path)
        if is_shown and rows.by_code:
            list_csv(text, path, config.mission.languages)
    return config


def _write(
    mission: Mission, now: FileState, text: str | None, keys: tuple[str, ...], by: str, *, undoes: int | None = None
) -> None:
    """Put *text* in place of the file *now* (None: take it away), and note that: in this order, so that no state of it is lost."""
    check_text(mission, now.path, text or "")
    place = (mission.workspace.root / now.path).resolve()
    after = NO_FILE
    if text is None:
        place.unlink(missing_ok=True)
    else:
        content = text.encode()
        after = mission.workspace.earlier_files.keep(content)
        is_private = place.exists() and not place.stat().st_mode & 0o077
        write_atomic(place, content, private=is_private)
    _record(mission, now.path, keys, by, now.sha256, after, undoes)


def _record_if_killed(mission: Mission, before: FileState, mine: Values, now: FileState, by: str) -> None:
    """Note what is in the file already but not among the changes: whoever wrote it was killed in between."""
    keys = tuple(changed(before.values, mine))
    newest = next(iter(changes(mission.desk, 1, path=now.path)), None)
    is_noted = newest is not None and newest.after_sha256 == now.sha256
    if keys and not is_noted and changed(before.values, now.values) == changed(before.values, mine):
        _record(mission, now.path, keys, by, before.sha256, now.sha256, None)


def _record(
    mission: Mission, path: str, keys: tuple[str, ...], by: str, before: str, after: str, undoes: int | None
) -> None:
    states = {"before_sha256": before, "after_sha256": after}
    record_change(mission.desk, path, keys, by=by, now=mission.clock(), undoes=undoes, **states)


def _text(content: bytes, path: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError("it is not UTF-8 text", file=path, hint="save it as “CSV UTF-8” or plain UTF-8") from error


def who_changed(mission: Mission, path: str, key: str, value: Any) -> Change | None:
    """The change on a page that gave *key* the value that it has now; None where somebody wrote it in the file by hand."""
    for each in changes(mission.desk, 50, path=path):
        if key in each.keys:
            state = earlier_file(mission, path, each.after_sha256)
            return each if state is not None and state.values.get(key) == value else None
    return None

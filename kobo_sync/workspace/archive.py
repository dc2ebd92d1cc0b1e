"""Backups on disk: a folder with all that makes a mission, its hashes beside it; made whole, and read back whole."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from kobo_sync.errors import StoreError, disk_error
from kobo_sync.workspace.encryption import ARCHIVE, HALF_MADE
from kobo_sync.workspace.folders import BACKUPS, DRAFTS, EARLIER, PSEUDONYMS, STATE, STATION_ACCOUNTS, Workspace
from kobo_sync.workspace.private import FOLDER, private_file, tighten
from kobo_sync.workspace.restoring import ASIDE_BY_RESTORE, finish_restore, journal_of
from kobo_sync.workspace.writing import write_atomic

MANIFEST = "MANIFEST.json"
SECRETS = "config/secrets.env"
NAME = re.compile(r"(?P<mission>.+)-(?P<at>\d{8}T\d{6}Z)")
BESIDE = (
    ".gitignore",
    "kobo-sync.*",
    "docs/*.md",
    "docs/*.service",
)  # what `init` writes beside settings, forms and templates
MEDIA = "forms/media"
JOURNAL = "journal"  # in the manifest: the journal's head as it was


@dataclass(frozen=True)
class Backup:
    """A backup made: its folder, how many files it holds and their bytes."""

    folder: Path
    n_files: int
    n_bytes: int


def make_backup(
    workspace: Workspace,
    folder: Path,
    mission: str,
    now: datetime,
    progress: Callable[[int, int], None],
    databases: Mapping[str, Path] | None = None,
    about: Mapping[str, str] | None = None,
) -> Backup:
    """A new backup in *folder*: databases by SQLite's own online copy, the rest as it lies; the token stays out.

    *databases* are files that stand for those of the state folder, by name: copies of what lies elsewhere. *about* goes
    into the manifest as it is.

    The key of the pseudonyms goes in, beside the names that it stands for: all of a backup is its owner's only.

    Attachments are hard links where the disk allows: they never change. The folder appears under its name
    once all is written and flushed. Raises: StoreError.
    """
    target = new_backup(folder, mission, now)
    staging = None
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        sweep_half_made(folder, mission)
        staging = half_made(target)
        staging.mkdir(mode=FOLDER)
        entries = _fill(workspace, staging, progress, databases or {})
        made_at = now.astimezone(UTC).isoformat()
        manifest = {"mission": mission, "made_at": made_at, **(about or {}), "files": entries}
        write_atomic(
            staging / MANIFEST, (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode(), private=True
        )
        staging.replace(target)
    except OSError as error:
        raise disk_error(error, target) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return Backup(target, len(entries), sum(int(str(each["bytes"])) for each in entries.values()))


def sweep(folder: Path, pattern: str) -> None:
    """Remove what a run that was killed left half made in *folder*."""
    for stale in folder.glob(pattern):
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)


def half_made(backup: Path) -> Path:
    """Where *backup* lies until it is whole."""
    return backup.with_name(f"{HALF_MADE}{backup.name}")


def sweep_half_made(folder: Path, mission: str) -> None:
    """Remove what killed runs left in *folder* of backups of *mission*; those of others may be in the making there."""
    for path in folder.glob(f"{HALF_MADE}*"):
        named = NAME.fullmatch(path.name.removeprefix(HALF_MADE).removesuffix(ARCHIVE))
        if named is None or named["mission"] == mission:  # older programs named no mission
            sweep(folder, glob.escape(path.name))


def new_backup(folder: Path, mission: str, now: datetime, ending: str = "") -> Path:
    """Where in *folder* a backup of that moment is to lie; a second later where one lies there, of a run that was killed as it ended."""
    while any((folder / f"{backup_name(mission, now)}{each}").exists() for each in ("", ARCHIVE)):
        now += timedelta(seconds=1)
    return folder / f"{backup_name(mission, now)}{ending}"


def backup_name(mission: str, now: datetime) -> str:
    """What a backup of that moment is called."""
    return f"{mission}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _fill(
    workspace: Workspace, staging: Path, progress: Callable[[int, int], None], databases: Mapping[str, Path]
) -> dict[str, dict[str, str | int]]:
    for name in ("mirror", "desk", "station"):
        source = databases.get(name, workspace.state / f"{name}.sqlite")
        if source.exists():
            _copy_database(source, staging / STATE / f"{name}.sqlite")
    files = {name: path for name, path in _sources(workspace) if not path.is_relative_to(staging.parent)}
    entries: dict[str, dict[str, str | int]] = {}
    for path in sorted((staging / STATE).glob("*.sqlite")):
        entries[f"{STATE}/{path.name}"] = {"sha256": _digest(path), "bytes": path.stat().st_size}
    for done, (relative, source) in enumerate(sorted(files.items())):
        progress(done, len(files))
        path = staging / relative
        _private_parents(path, staging)
        if "/attachments/" in relative:
            _link(source, path)
        else:
            shutil.copyfile(source, private_file(path))
        is_private = relative.startswith(f"{STATE}/") or not source.stat().st_mode & 0o077
        entries[relative] = {"sha256": _digest(path), "bytes": path.stat().st_size, "private": int(is_private)}
        if source.stat().st_mode & 0o100 and not is_private:
            entries[relative]["program"] = 1  # what a double click starts
    progress(len(files), len(files))
    return dict(sorted(entries.items()))


def _sources(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """(path in the backup, file) of all that is copied as it lies."""
    for name in ("config", "forms", "exports"):
        for path in _files(workspace.root / name):
            relative = str(PurePosixPath(path.relative_to(workspace.root)))
            is_state = STATE in path.relative_to(workspace.root).parts  # a demo's, which can be made again
            if relative != SECRETS and not is_state and not path.name.startswith(("~$", ".~")):
                yield relative, path
    for path in sorted(workspace.root.glob("*.py")):  # a mission's own checks and deliverables
        yield path.name, path
    yield from _beside(workspace.root)
    for path in (workspace.expected_roster, workspace.pseudonyms, workspace.state / STATION_ACCOUNTS):
        if path.is_file():
            yield f"{STATE}/{path.name}", path
    for name in ("attachments", "receipts", "station-tls", EARLIER, DRAFTS):
        for path in _files(workspace.state / name):
            inner = path.relative_to(workspace.state)
            if inner.parts[:2] != ("attachments", "parts"):
                yield f"{STATE}/{PurePosixPath(inner)}", path


def _beside(root: Path) -> Iterator[tuple[str, Path]]:
    """(path in the mission's folder, file) of the guides, the launcher and what git is to leave out."""
    for pattern in BESIDE:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                yield str(PurePosixPath(path.relative_to(root))), path


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite file that others may be writing. Raises: StoreError when it is damaged."""
    private_file(target)
    try:
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            if (
                source.name == "desk.sqlite"
            ):  # the run that makes the backup is at work, and will not be once it is restored
                for table, condition in (("leases", "1"), ("runs", "status = 'running'")):
                    with suppress(sqlite3.OperationalError):  # a desk of an old version may lack the table
                        copy.execute(f"DELETE FROM {table} WHERE {condition}")
                copy.commit()
            copy.execute("PRAGMA journal_mode=DELETE")
            verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied: {error}", hint="restore an older backup") from error
    if verdict != "ok":
        raise StoreError(f"{source} is damaged: {verdict}", hint="restore an older backup")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
        tighten(target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, private_file(target))


def _private_parents(path: Path, top: Path) -> None:
    for folder in reversed([each for each in path.parents if each.is_relative_to(top)]):
        folder.mkdir(exist_ok=True, mode=FOLDER)


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


# ── which to keep ───────────────────────────────────────────────────────────


def surplus(names: Iterable[str], mission: str, *, daily: int, weekly: int) -> list[str]:
    """The backups of *mission* to remove: beyond the newest of each of the last *daily* days and *weekly* weeks.

    Days and weeks are those that have a backup, so that a laptop that slept for a month keeps its old ones.
    """
    mine = sorted(
        (m for name in names if (m := NAME.fullmatch(name)) and m["mission"] == mission), key=lambda m: m["at"]
    )
    names_kept = {mine[-1].string} if mine else set()
    for most, period in ((daily, "%Y-%m-%d"), (weekly, "%G-%V")):
        newest = {datetime.strptime(m["at"], "%Y%m%dT%H%M%S%z").strftime(period): m.string for m in mine}
        names_kept.update(list(newest.values())[-most:] if most else [])
    return [m.string for m in mine if m.string not in names_kept]


def remove_surplus(folder: Path, mission: str, *, daily: int, weekly: int) -> list[str]:
    """Remove `surplus` backups from *folder*; returns their names."""
    there = {path.name.removesuffix(ARCHIVE): path for path in folder.iterdir() if is_backup(path)}
    removed = surplus(there, mission, daily=daily, weekly=weekly)
    for name in removed:
        path = there[name]
        dying = half_made(path)  # half a removal must not look like a backup
        path.replace(dying)
        sweep(folder, dying.name)
    return removed


def is_backup(path: Path) -> bool:
    """Whether a whole backup lies there: a folder with its manifest, or an encrypted file."""
    return (path / MANIFEST).is_file() or bool(
        path.name.endswith(ARCHIVE) and NAME.fullmatch(path.name.removesuffix(ARCHIVE))
    )


# ── reading back ────────────────────────────────────────────────────────────


def restore_backup(archive: Path, target: Path, *, force: bool, now: datetime) -> tuple[int, Path | None]:
    """Put a backup at *target*, an absent or empty folder; with *force* in place of the mission that is there.

    Everything is copied and held against its hash beside *target* first; then the folder is put in place by
    renaming. The mission that was there lies beside it afterwards; its secrets and its backups are taken over.
    Returns the number of files and where the old mission lies. Raises: StoreError; *target* is untouched then.
    """
    digests = read_manifest(archive)
    target = target.resolve()
    finish_restore(target, f"{STATE}/{BACKUPS}")
    occupied = target.exists() and any(target.iterdir())
    if occupied and not force:
        raise StoreError(f"{target} is not empty", hint="restore into an empty folder, or give --force to replace it")
    staging = target.with_name(f".{target.name}.restoring")
    old = target.with_name(f"{target.name}{ASIDE_BY_RESTORE}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        _unpack(archive, staging, digests, _private(archive))
        (staging / MEDIA).mkdir(parents=True, exist_ok=True)  # a folder without a file stands in no backup
        if occupied:
            _take_over(target, staging)
            write_atomic(journal_of(target), old.name.encode(), private=True)  # from here on it is finished, or undone
            target.replace(old)
        elif target.exists():
            target.rmdir()
        if occupied:
            finish_restore(target, f"{STATE}/{BACKUPS}")
        else:
            staging.replace(target)
    except OSError as error:
        with suppress(OSError):
            if not target.exists() and old.exists():
                old.replace(target)
            journal_of(target).unlink(missing_ok=True)
        shutil.rmtree(staging, ignore_errors=True)
        raise disk_error(error, target) from error
    return len(digests), old if occupied else None


def read_manifest(archive: Path) -> dict[str, str]:
    """Path → SHA-256 of the files of a backup. Raises: StoreError when the folder is no whole backup of ours."""
    try:
        manifest = json.loads((archive / MANIFEST).read_bytes())
        digests = {str(path): str(each["sha256"]) for path, each in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{archive} is no backup: its {MANIFEST} cannot be read", hint="name a folder that `kobo-sync backup` made"
        ) from error
    for path in digests:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path or not pure.parts:
            raise StoreError(f"{archive} is no backup of ours: it names {path!r}", hint="do not restore it")
    return digests


def journal_heads(folder: Path, mission: str) -> dict[str, str]:
    """Backup of *mission* in *folder* → the journal's head that it has kept; those that kept none are left out."""
    heads = {}
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            manifest = json.loads(path.read_bytes())
            if manifest["mission"] == mission and JOURNAL in manifest:
                heads[path.parent.name] = str(manifest[JOURNAL])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no backup, or one that is damaged: `restore` says so
    return heads


def _private(archive: Path) -> set[str]:
    """The files of a backup that are their owner's only; of one that does not say, all state and all that was built."""
    files = json.loads((archive / MANIFEST).read_bytes())["files"]
    return {path for path, each in files.items() if each.get("private", path.startswith((f"{STATE}/", "exports/out/")))}


def _unpack(archive: Path, staging: Path, digests: Mapping[str, str], private: Collection[str]) -> None:
    staging.mkdir(parents=True, mode=0o700)
    files = json.loads((archive / MANIFEST).read_bytes())["files"]
    for relative, sha256 in sorted(digests.items()):
        source, path = archive / relative, staging / relative
        if not source.is_file() or source.is_symlink():
            raise _damaged(archive, staging, f"{relative} is missing")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, private_file(path) if relative in private else path)
        if _digest(path) != sha256:
            raise _damaged(archive, staging, f"{relative} is not what was backed up")
        if files[relative].get("program"):
            path.chmod(0o755)
    for folder in (path for path in staging.rglob("*") if path.is_dir()):
        inside = [str(PurePosixPath(path.relative_to(staging))) for path in folder.rglob("*") if path.is_file()]
        folder.chmod(FOLDER if set(inside) <= set(private) else 0o755)
    staging.chmod(0o755)


def _damaged(archive: Path, staging: Path, reason: str) -> StoreError:
    shutil.rmtree(staging, ignore_errors=True)
    return StoreError(f"{archive} is damaged: {reason}", hint="nothing was restored; take another backup")


def _take_over(target: Path, staging: Path) -> None:
    """What a backup never holds and a mission needs: its secrets; and what an older backup lacks: the key of the pseudonyms, guides, launcher."""
    key = staging / STATE / PSEUDONYMS
    if not key.exists() and (target / STATE / PSEUDONYMS).is_file():
        shutil.copyfile(target / STATE / PSEUDONYMS, private_file(key))
    for relative, path in _beside(target):
        if not (staging / relative).exists():
            (staging / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, staging / relative)
    with suppress(FileNotFoundError):
        (staging / SECRETS).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(target / SECRETS, staging / SECRETS)

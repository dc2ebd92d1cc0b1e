"""A set of deliverables on disk and its MANIFEST.json, as bytes and back."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from kobo_sync.errors import disk_error
from kobo_sync.lazy import cached_property
from kobo_sync.model import Class, Finding, Manifest, ManifestFile, Severity
from kobo_sync.workspace.replacing import one_at_a_time

MANIFEST = "MANIFEST.json"


@dataclass(frozen=True)
class PreviousSet:
    """What a set's folder holds from the last build: its manifest (None when there is none), and how to read each file.

    *lock_file* is that of the processes that put sets in place.
    """

    manifest: Manifest | None
    folder: Path
    lock_file: Path

    @cached_property
    def files(self) -> dict[str, Callable[[], bytes]]:
        """How to read each file but the manifest, by its path below the folder. Raises: StoreError."""
        try:
            paths = self._paths()
            if not paths and self.lock_file.exists():  # another process may be between its two renames
                with one_at_a_time(self.lock_file):
                    paths = self._paths()
        except OSError as error:
            raise disk_error(error, self.folder) from error
        return {
            str(PurePosixPath(path.relative_to(self.folder))): path.read_bytes
            for path in paths
            if is_content(path.name)
        }

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file() and path.name != MANIFEST)

    @property
    def listed(self) -> Mapping[str, ManifestFile]:
        """The files of the manifest."""
        return self.manifest.files if self.manifest else {}

    @property
    def complete(self) -> bool:
        """Whether every file of the manifest is still there."""
        return self.manifest is not None and all((self.folder / name).is_file() for name in self.listed)

    def digest(self, path: str) -> str:
        """The SHA-256 of a file as it lies there now, or nothing."""
        return hashlib.sha256(self.files[path]()).hexdigest() if path in self.files else ""

    def is_edited(self, path: str) -> bool:
        """Whether a file of the manifest is no longer what was built."""
        built = self.listed.get(path)
        return built is not None and path in self.files and self.digest(path) != built.sha256

    def changed_by(self, files: Mapping[str, bytes]) -> bool:
        """Whether putting *files* in place would change anything."""
        there = {**self.files, MANIFEST: lambda: b""}
        if set(there) != set(files):
            return True
        before = manifest_bytes(self.manifest) if self.manifest else b""
        return before != files[MANIFEST] or any(self.files[p]() != files[p] for p in self.files)


def previous_set(folder: Path, lock_file: Path) -> PreviousSet:
    """What *folder* holds, whole although another process may be putting a set there. Raises: OSError."""

    def read() -> Manifest | None:
        path = folder / MANIFEST
        return manifest_of(path.read_bytes()) if path.is_file() else None

    manifest = read()
    if manifest is None and lock_file.exists():  # another process may be between its two renames
        with one_at_a_time(lock_file):
            manifest = read()
    return PreviousSet(manifest, folder, lock_file)


def is_content(name: str) -> bool:
    """Not hidden, and not the lock file that Word leaves beside an open document."""
    return not any(part.startswith((".", "~$")) for part in name.split("/"))


class _File(msgspec.Struct):
    sha256: str
    bytes: int
    classification: Class = msgspec.field(name="class")
    by: str = ""


class _Manifest(msgspec.Struct):
    mission: str = ""
    zone: str | None = None
    as_of: str | None = None
    fingerprint: str = ""
    inputs: str = ""
    submissions: dict[str, int] = {}
    form_versions: dict[str, str] = {}
    figures: dict[str, str] = {}
    findings: list[tuple[str, Severity, str, str, str]] = []
    files: dict[str, _File] = {}
    language: str = ""


def manifest_of(content: bytes) -> Manifest | None:
    """The manifest that MANIFEST.json says; None when it is damaged or of another shape."""
    try:
        read = msgspec.json.decode(content, type=_Manifest)
    except msgspec.MsgspecError:
        return None
    zone = read.zone or ""
    return Manifest(
        read.mission,
        read.zone,
        read.as_of,
        read.fingerprint,
        read.inputs,
        read.submissions,
        read.form_versions,
        read.figures,
        tuple(Finding(*finding, zone=zone) for finding in read.findings),
        {
            path: ManifestFile(file.sha256, file.bytes, file.classification, file.by)
            for path, file in read.files.items()
        },
        read.language,
    )


def manifest_bytes(manifest: Manifest, *, for_others: bool = False) -> bytes:
    """MANIFEST.json of *manifest*; *for_others* leaves out what only the next build needs."""
    entries: dict[str, object] = {
        "mission": manifest.mission,
        "zone": manifest.zone,
        "language": manifest.language,
        "as_of": manifest.as_of,
        "fingerprint": manifest.fingerprint,
        "inputs": manifest.inputs_hash,
        "submissions": dict(sorted(manifest.submissions.items())),
        "form_versions": dict(sorted(manifest.form_versions.items())),
        "figures": dict(manifest.figures),
        "findings": [[f.rule, f.severity, f.where, f.message, f.hint] for f in manifest.findings],
        "files": {
            path: {"sha256": file.sha256, "bytes": file.n_bytes, "class": file.classification, "by": file.maker}
            for path, file in sorted(manifest.files.items())
        },
    }
    if for_others:
        del entries["inputs"], entries["findings"]
    return (json.dumps(entries, ensure_ascii=False, indent=2) + "\n").encode()


def class_of_zip(path: Path) -> Class:
    """The class of a zip without nominative files: that of its rows of people, if it holds any or does not say.

    Zips of earlier versions held what is internal, too.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = manifest_of(archive.read(MANIFEST))
    except (OSError, KeyError, zipfile.BadZipFile):
        manifest = None
    classes = {each.classification for each in manifest.files.values()} if manifest else {"pseudonymised"}
    worst: tuple[Class, ...] = ("pseudonymised", "internal")
    return next((each for each in worst if each in classes), "aggregate")


def sets_of(content: bytes) -> dict[str, Manifest]:
    """Manifests by folder, from `sets_bytes`; empty when they are none that this program knows."""
    try:
        return msgspec.json.decode(content, type=dict[str, Manifest])
    except (msgspec.MsgspecError, ValueError):
        return {}


def sets_bytes(sets: Mapping[str, Manifest]) -> bytes:
    """Manifests by folder as JSON."""
    return msgspec.json.encode(dict(sets))

"""Files that name people, wherever they lie in the workspace: those that a purge removes, and those that it can only name."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, Protocol

from kobo_sync.config.file_names import DATA, NOMINATIVE
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.backup import COPIES
from kobo_sync.steps.restore import decrypted
from kobo_sync.workspace.archive import sweep_half_made
from kobo_sync.workspace.folders import ASIDE, BACKUPS, TOLD, Workspace
from kobo_sync.workspace.manifests import MANIFEST
from kobo_sync.workspace.restoring import ASIDE_BY_RESTORE
from kobo_sync.workspace.scratch import FOR_LIBREOFFICE, FOR_SPSS, sweep_scratch
from kobo_sync.workspace.writing import sweep_unfinished

NOMINATIVE_PATHS = (
    *(f"**/*{ending}{below}" for ending in NOMINATIVE for below in ("*", "/**/*")),
    "badges/**/*", "enrolment/**/*", f"{ASIDE}/**/*", ".*.old/**/*", ".*.new/**/*",
)  # fmt: skip  # below exports/out/
PREVIEWS = "previews"
_OWN_FOLDERS = tuple(DATA)  # below exports/out/: what `export` writes has no manifest
_PEOPLES_FOLDERS = ("config", "forms/media", "exports/annexes", "exports/templates")
_UNREADABLE = (".parquet",)
_ZIPS = (".zip", ".docx", ".xlsx", ".docm", ".xlsm", ".odt", ".ods")
_NO_TEXT = re.compile(
    r"(?:^|/)(?:theme/|styles\.xml|fontTable\.xml|numbering\.xml|settings\.xml|\[Content_Types\])|\.(?:png|jpe?g|gif|rels|emf)$"
)
_PARAGRAPH_ENDS = re.compile(r"</(?:w:p|si|c|row|a:p|dc:\w+|cp:\w+|text:p|p|td|li|h\d)>|<w:br/>|<w:tab/>")
_TAG = re.compile(r"<[^>]*>")
_SPOKEN = re.compile(r'\b(?:descr|alt|title|name)="([^"]*)"')
_STARTS = {b"PK": ".zip", b"%PDF": ".pdf"}
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # .xls: its texts cannot be told from the rest
_MOST_BYTES = 200_000_000  # of a file that is looked into


class Texts(Protocol):
    """What takes people out of texts."""

    def registered(self, text: str, /) -> str:
        """*text* without them."""
        ...


@dataclass(frozen=True)
class Places:
    """*removed*: files that go, with the SHA-256 that a manifest knows of them; *named*: those that people made or edited, and that name somebody."""

    removed: Mapping[Path, str]
    named: tuple[Path, ...]


def places_of(mission: Mission, reader: Texts, *, keep: Sequence[Path] = ()) -> Places:
    """Every file of the workspace that has to go but those to *keep*, or that names somebody whom *reader* knows.

    What was built goes where it names somebody or cannot be read: the next build and export make it anew. What people edited or put
    there stays, and is named.
    """
    workspace = mission.workspace
    digests = _digests(workspace)
    removed = {
        path: digests.get(path, "") for path in (workspace.expected_roster, workspace.pseudonyms) if path not in keep
    }
    for pattern in NOMINATIVE_PATHS:
        removed |= {path: digests.get(path, "") for path in workspace.out.glob(pattern)}
    removed |= dict.fromkeys((workspace.state / PREVIEWS).glob("**/*"), "")
    removed |= {path: path.name for path in workspace.earlier_files.paths() if _is_of_people(path, reader)}
    named: list[Path] = []
    for path in sorted(path for path in workspace.out.rglob("*") if path.is_file() and path not in removed):
        digest, is_own = digests.get(path), _is_own(path, workspace)
        if digest is not None and digest[:1] == "!":
            removed[path] = digest[1:]
        elif _names_somebody(path, reader):
            content = path.read_bytes()
            if is_own or digest == hashlib.sha256(content).hexdigest():
                removed[path] = digest or ""
            else:
                named.append(path)
    for folder in _PEOPLES_FOLDERS:
        files = sorted(path for path in (workspace.root / folder).rglob("*") if path.is_file())
        named += [path for path in files if path.suffix not in (".toml", ".env") and _names_somebody(path, reader)]
    named += [
        path
        for path in sorted(workspace.form_drafts.folder.rglob("*"))
        if path.is_file() and _names_somebody(path, reader)
    ]
    there = {path: digest for path, digest in sorted(removed.items()) if path.is_file()}
    return Places(there, tuple(named))


def sweep_half_files(mission: Mission) -> None:
    """Take away what killed processes were writing: half of a file that names people, of a backup, of one that was being restored, or all of it."""
    workspace = mission.workspace
    for folder in (workspace.root, workspace.state, workspace.out):
        sweep_unfinished(folder, below=True)
    for folder in _backup_folders(mission):
        sweep_half_made(folder, mission.config.mission.code)
    for prefix, place in (
        (COPIES, workspace.state),
        (decrypted(workspace.root), workspace.root.parent),
        (FOR_LIBREOFFICE, None),
        (FOR_SPSS, None),
    ):
        sweep_scratch(prefix, place)


def _is_own(path: Path, workspace: Workspace) -> bool:
    """Whether the program wrote it and writes it again: a manifest, a zip, an export."""
    inner = path.relative_to(workspace.out).parts
    return path.name == MANIFEST or (len(inner) == 1 and path.suffix == ".zip") or inner[0] in _OWN_FOLDERS


def _digests(workspace: Workspace) -> dict[Path, str]:
    """File → its SHA-256 as it was built; a nominative one's begins with ``!``."""
    digests = {}
    for manifest in workspace.out.rglob(MANIFEST):
        for name, each in _files(manifest).items():
            if isinstance(each, dict):
                mark = "!" if each.get("class") == "nominative" else ""
                digests[manifest.parent / name] = mark + str(each.get("sha256", ""))
    return digests


def _files(path: Path) -> Mapping[str, Any]:
    try:
        files = json.loads(path.read_bytes()).get("files", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return files if isinstance(files, dict) else {}


def name_in(workspace: Workspace, path: Path) -> str:
    """What people are told a file of the workspace is called: its path from the folder that it lies in."""
    for folder in (workspace.out, workspace.state, workspace.root):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder).as_posix())
    return path.name


def told_sets(workspace: Workspace) -> Path:
    """What the paper of changes was told last."""
    return workspace.state / TOLD


def backups_of(mission: Mission) -> list[Path]:
    """The backups that are there, and the missions that a restore set aside."""
    workspace = mission.workspace
    backups = sorted(path for folder in _backup_folders(mission) if folder.is_dir() for path in folder.iterdir())
    return backups + sorted(workspace.root.parent.glob(f"{workspace.root.name}{ASIDE_BY_RESTORE}*"))


def _backup_folders(mission: Mission) -> list[Path]:
    folder = mission.config.backup.folder
    return [mission.workspace.state / BACKUPS, *([mission.workspace.root / folder] if folder else [])]


# ── read ────────────────────────────────────────────────────────────────────


def _is_of_people(earlier: Path, reader: Texts) -> bool:
    """Whether a file that a page kept names somebody, or is a list of enumerators: what it was is seen by how it begins."""
    try:
        with earlier.open("rb") as file:
            head = file.read(1000)
    except OSError:
        return True
    columns = head.decode("utf-8-sig", "replace").partition("\n")[0].strip().split(",")
    if head.startswith(_OLD_WORKBOOK) or "user" in columns:
        return True
    ending = next((ending for start, ending in _STARTS.items() if head.startswith(start)), ".txt")
    return _names_somebody(earlier, reader, f"earlier{ending}")


def _names_somebody(path: Path, reader: Texts, name: str = "") -> bool:
    if path.suffix.lower() in _UNREADABLE:
        return True
    try:
        if path.stat().st_size > _MOST_BYTES:
            return True
        content = path.read_bytes()
    except OSError:
        return True
    return any(reader.registered(text) != text for text in texts_in(name or path.name, content))


def texts_in(name: str, content: bytes) -> Iterator[str]:
    """The texts of a file: of what it packs, of a PDF's pages, of a document's paragraphs, cells, properties and alternative texts."""
    suffix = Path(name).suffix.lower()
    if suffix in _ZIPS:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for item in archive.infolist():
                    if not item.is_dir() and not _NO_TEXT.search(item.filename):
                        yield from texts_in(item.filename, archive.read(item))
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError):
            yield from _lines(content)
    elif suffix == ".pdf":
        yield from _pages(content)
    elif suffix in (".xml", ".html", ".svg"):
        text = content.decode("utf-8", "replace")
        yield from map(unescape, _SPOKEN.findall(text))
        yield from unescape(_TAG.sub("", _PARAGRAPH_ENDS.sub("\n", text))).split("\n")
    else:
        yield from _lines(content)


def _lines(content: bytes) -> Iterator[str]:
    yield from content.decode("utf-8", "replace").split("\n")


def _pages(content: bytes) -> Iterator[str]:
    import pypdfium2  # here: a purge without PDF files does without its memory

    try:
        with pypdfium2.PdfDocument(content) as document:
            for page in document:
                yield from page.get_textpage().get_text_bounded().splitlines()
    except pypdfium2.PdfiumError:
        yield from _lines(content)

"""The folder of a mission: the only module that knows folder names, and writes whole files or none."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from kobo_sync.config.files import ENUMERATORS_FILE, MISSION_FILE, SECRETS_FILE, ZONES_FILE
from kobo_sync.errors import Busy, ConfigError, StoreError, disk_error
from kobo_sync.language.speaking import Code
from kobo_sync.model import Choice, Form, Manifest
from kobo_sync.workspace.attachment_files import AttachmentFiles, FolderFiles
from kobo_sync.workspace.earlier_files import EarlierFiles
from kobo_sync.workspace.form_drafts import FormDrafts
from kobo_sync.workspace.keyring import with_keyring
from kobo_sync.workspace.locking import lock
from kobo_sync.workspace.manifests import (
    MANIFEST,
    PreviousSet,
    is_content,
    manifest_of,
    previous_set,
    sets_bytes,
    sets_of,
)
from kobo_sync.workspace.private import key_in, private_file, private_folder, refuse_emptied
from kobo_sync.workspace.reading import MOST_WORKBOOK, plain_bytes, read_text
from kobo_sync.workspace.replacing import mend_folder, put_folder
from kobo_sync.workspace.restoring import ASIDE_BY_RESTORE, finish_restore, journal_of
from kobo_sync.workspace.result_cache import ResultCache, digest, hashed
from kobo_sync.workspace.templates import in_language
from kobo_sync.workspace.writing import write_atomic

if TYPE_CHECKING:
    from kobo_sync.config.config import Config
    from kobo_sync.forms.sheets import Book

STATE = ".kobo_sync"
EARLIER, DRAFTS = "earlier", "drafts"  # in it
BACKUPS = "backups"
STATION_TOKEN = "station.token"
STATION_ACCOUNTS = "station-accounts.json"
ASIDE = ".sauvegardes"
ROOM = "room"  # the room's mirror of the field station
TOLD = "told-sets.json"
PSEUDONYMS = "pseudonyms.key"
SETS_LOCK = "sets.lock"


@dataclass(frozen=True)
class Workspace:
    """A mission's folder; *state* and *out* may lie elsewhere (the demo's do).

    Files are read when asked for, never cached, so that an edit is seen at the next step.
    """

    root: Path
    state: Path
    out: Path

    @property
    def database(self) -> Path:
        """The mirror's SQLite file; it and its folder are made if need be, for their owner alone."""
        return private_file(self.state_folder() / "mirror.sqlite")

    @property
    def station_database(self) -> Path:
        """The field station's SQLite file; it and its folder are made if need be, for their owner alone."""
        return private_file(self.state_folder() / "station.sqlite")

    def station_token(self) -> tuple[int, str] | None:
        """(port, token) of this workspace's own field station, as it was started last; None without one."""
        try:
            port, token = (self.state / STATION_TOKEN).read_text("ascii").split()
            return int(port), token
        except (OSError, ValueError):
            return None

    def put_station_token(self, port: int, token: str) -> None:
        """Keep what `station_token` gives, readable by its owner only. Raises: KoboSyncError."""
        write_atomic(self.state_folder() / STATION_TOKEN, f"{port} {token}\n".encode("ascii"), private=True)

    @property
    def desk_database(self) -> Path:
        """The desk's SQLite file; it and its folder are made if need be, for their owner alone. Raises: StoreError when it was emptied."""
        file = self.state_folder() / "desk.sqlite"
        refuse_emptied(file, self.state / "mirror.sqlite")
        return private_file(file)

    @property
    def attachments(self) -> Path:
        """The folder of attachments, named by their SHA-256."""
        return self.state / "attachments"

    @property
    def parts(self) -> Path:
        """Where attached files lie as long as not all of them has come; on the disk where they will stay, if they stay on one."""
        return self.attachments / "parts"

    def parts_beside(self, files: AttachmentFiles) -> Path:
        """The same for *files* that may lie elsewhere: a file gets its name on the disk that it is on."""
        return files.folder / "parts" if isinstance(files, FolderFiles) else self.parts

    @property
    def cache(self) -> ResultCache:
        """What can be worked out again, kept to spare the time."""
        return ResultCache(self.state / "kept")

    @property
    def earlier_files(self) -> EarlierFiles:
        """Settings, lists, forms and reports as they were before somebody changed them on a page."""
        return EarlierFiles(self.state / EARLIER)

    @property
    def form_drafts(self) -> FormDrafts:
        """Forms and media that somebody uploaded on a page, and nobody has taken over yet."""
        return FormDrafts(self.state / DRAFTS)

    def state_folder(self) -> Path:
        """The state folder, made if need be, for its owner alone. Raises: StoreError."""
        return private_folder(self.state)

    @property
    def pseudonyms(self) -> Path:
        """The file of the key that codes of pseudonymised files are made with."""
        return self.state / PSEUDONYMS

    def pseudonym_key(self) -> bytes:
        """That key, made at the first asking. Raises: StoreError."""
        return key_in(self.pseudonyms)

    def config(self, environ: Mapping[str, str], changed: Mapping[str, str] | None = None) -> Config:
        """The mission's settings; *environ* wins over config/secrets.env, the texts of *changed* over the files so named.

        Raises: ConfigError.
        """
        from kobo_sync.config.config import parse_config  # here: pydantic takes longer to load than what most verbs do

        names = {MISSION_FILE, *(f"config/{path.name}" for path in (self.root / "config").glob("*.csv"))}
        changed = dict(changed or {})
        texts = {name: read_text(self.root / name, name) for name in sorted(names - {*changed})} | changed
        secrets = {**self.secrets(), **{k: v for k, v in environ.items() if v}}
        return parse_config(texts.pop(MISSION_FILE), texts, secrets)

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """What the files that define the mission look like: it changes when one of them is saved."""
        files = []
        for folder in ("config", "forms", "forms/media"):
            for path in sorted((self.root / folder).glob("*")):
                with contextlib.suppress(OSError):
                    files.append((path.name, (status := path.stat()).st_mtime_ns, status.st_size))
        return tuple(files)

    def definition_hash(self) -> str:
        """A hash of the files that define the mission, secrets aside: config/, forms/ and its media, by name and content."""
        folders = (("config", "*.toml"), ("config", "*.csv"), ("forms", "*"), ("forms/media", "*"))
        paths = [path for folder, pattern in folders for path in sorted((self.root / folder).glob(pattern))]
        parts = []
        for path in paths:
            if path.is_file():
                with contextlib.suppress(OSError):  # whoever needs it will say so
                    parts.append(f"{path.relative_to(self.root)} {digest(path.read_bytes())}")
        return hashed(parts)

    def secrets(self) -> dict[str, str]:
        """What config/secrets.env says; nothing without the file. Raises: ConfigError, also when others may read it."""
        from kobo_sync.config.config import parse_secrets

        path = self.root / SECRETS_FILE
        if not path.exists():
            return {}
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            raise ConfigError(
                f"others may read it (mode {mode:o})", file=SECRETS_FILE, hint=f"run: chmod 600 {SECRETS_FILE}"
            )
        return with_keyring(parse_secrets(read_text(path, SECRETS_FILE)))

    def form_bytes(self, file: str) -> bytes:
        """The bytes of forms/*file*. Raises: ConfigError when it is missing."""
        path = self.root / "forms" / file
        try:
            return plain_bytes(path, MOST_WORKBOOK)
        except OSError as error:
            raise ConfigError(
                f"forms/{file} cannot be read ({error.strerror})",
                file=MISSION_FILE,
                key="forms.file",
                hint="put the workbook there, or correct the name",
            ) from error

    def earlier_form(self, form_id: str, config: Config) -> Form | None:
        """The form as its workbook was when it could be read last; None when that is not known."""
        form = self.cache.last(f"form-{config.forms[form_id].file}", Form)
        own_id = config.forms[form_id].form_id or form_id
        return replace(form, form_id=form_id) if form and form.form_id == own_id else None

    def form(self, form_id: str, config: Config) -> Form:
        """One form of the mission, read from its workbook. Raises: FormError, ConfigError."""
        settings = config.forms[form_id]
        form = self._form(settings.file)
        if form.form_id != (settings.form_id or form_id):
            raise ConfigError(
                f"forms/{settings.file} calls itself {form.form_id!r}",
                file=MISSION_FILE,
                key=f"forms.{form_id}",
                hint="make the key and the workbook's settings.form_id equal",
            )
        consent = settings.fields.get("consent", "")
        return replace(form, form_id=form_id, consent=(consent, config.codes.yes) if consent else form.consent)

    def _form(self, file: str) -> Form:
        """The form in forms/*file*, read once for each state of the workbook."""
        content = self.form_bytes(file)
        name, key = f"form-{file}", digest(content)
        form = self.cache.get(name, key, Form)
        if form is None:
            from kobo_sync.forms.xlsform import form_of  # here: many a verb reads no form anew

            form = form_of(self.book(file), content, file)
            self.cache.put(name, key, form)
        return form

    def book(self, file: str) -> Book:
        """The sheets of forms/*file*, read once for each state of the workbook. Raises: FormError, ConfigError."""
        from kobo_sync.forms.sheets import Book, read_book  # as above

        content = self.form_bytes(file)
        name, key = f"book-{file}", digest(content)
        book = self.cache.get(name, key, Book)
        if book is None:
            book = read_book(content, file)
            self.cache.put(name, key, book)
        return book

    def media_bytes(self, name: str, config: Config) -> bytes:
        """The file *name* as phones get it: a list published from config/, or forms/media/*name* as it is.

        Raises: ConfigError when neither exists, or the list is at fault.
        """
        from kobo_sync.forms.media import list_csv

        listed = self.root / "config" / name
        if name.endswith(".csv") and listed.is_file():
            return list_csv(read_text(listed, f"config/{name}"), f"config/{name}", config.mission.languages)
        path = self.root / "forms" / "media" / name
        if path.is_file():
            return path.read_bytes()
        raise ConfigError(
            "a form names this file, but it is neither in config/ nor in forms/media/",
            file=name,
            hint=f"create config/{name} (columns code,label_fr,…) or put the file in forms/media/",
        )

    @property
    def expected_roster(self) -> Path:
        """The roster that staff imported before the first registration; nominative, so it lies in the state folder."""
        return self.state / "roster.json"

    def expected_participants(self) -> list[dict[str, str]]:
        """The rows of the imported roster; none when nothing was imported. Raises: StoreError."""
        try:
            return [dict(row) for row in json.loads(self.expected_roster.read_bytes())]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.expected_roster} cannot be read", hint="import the roster again") from error

    def media_names(self) -> list[str]:
        """The names of all files that a form may name: the lists of config/, and what lies in forms/media/."""
        folders = ((self.root / "config", "*.csv"), (self.root / "forms" / "media", "*"))
        return sorted({path.name for folder, pattern in folders for path in folder.glob(pattern) if path.is_file()})

    def optional_text(self, name: str) -> str:
        """The text of a file that a mission may do without; empty when it is not there. Raises: ConfigError."""
        path = self.root / name
        return read_text(path, name) if path.exists() else ""

    def catalogues(self, config: Config) -> dict[str, tuple[Choice, ...]]:
        """The lists of config/ that forms show, by file name. Raises: ConfigError."""
        from kobo_sync.config.lists import labels_of, read_csv

        catalogues = {}
        for path in sorted({*(self.root / "config").glob("*.csv")} - {self.root / ENUMERATORS_FILE}):  # people: no list
            name = f"config/{path.name}"
            rows = read_csv(read_text(path, name), name, required=("code",), may_be_empty=name == ZONES_FILE)
            catalogues[path.name] = tuple(
                Choice(
                    row["code"],
                    labels_of(row),
                    {k: v for k, v in row.items() if k != "code" and not k.startswith("label_")},
                    number,
                )
                for number, row in enumerate(rows, 2)
            )
        return catalogues

    def lists(self, config: Config, forms: Mapping[str, Form]) -> dict[str, tuple[Choice, ...]]:
        """The lists of config/, and those of forms/media/ that selects read (CSV, GeoJSON, XML), by file name; those of persons left out.

        A file that is missing or cannot be read has no labels: lint and the deployment say so. Raises: ConfigError.
        """
        from kobo_sync.forms.file_choices import choices_in
        from kobo_sync.forms.personal import lists_people

        lists = self.catalogues(config)
        personal = {config.roster.file} if config.roster else set()
        for form_id, form in forms.items():
            declared = config.privacy.of_form(form_id)
            for question in form.questions:
                name = question.file_name
                path = self.root / "forms" / "media" / name
                if not name or name in personal or (name not in lists and not path.is_file()):
                    continue
                if name not in lists:
                    lists[name] = choices_in(path.read_bytes(), name, question.parameters)
                columns = {column for choice in lists[name] for column in choice.extra}
                is_ordinary = "ordinary" in (declared.get(question.path), declared.get(question.name))
                if not is_ordinary and lists_people(name, question.name, columns):
                    personal.add(name)  # as soon as one question shows it as such
        return {name: choices for name, choices in lists.items() if name not in personal}

    def templates(self, language: Code) -> dict[str, bytes]:
        """What documents in *language* are made from, by path below exports/templates/: the mission's own, else the packaged ones."""
        packaged = resources.files("kobo_sync") / "starter" / "exports" / "templates"
        templates = {name: item.read_bytes() for name, item in _tree(packaged, "") if is_content(name)}
        return in_language(templates, _folder_bytes(self.root / "exports" / "templates"), language)

    def annexes(self) -> dict[str, bytes]:
        """The annexes that staff put in exports/annexes/, by path below it."""
        return _folder_bytes(self.root / "exports" / "annexes")

    @contextlib.contextmanager
    def exclusive(
        self, name: str = "lock", at_work: str = "another run is at work in this workspace"
    ) -> Iterator[None]:
        """Hold the workspace, or what *name* stands for: one at a time over processes. Raises: Busy when another holds it."""
        path = self.state_folder() / name
        try:
            handle = private_file(path).open("a+b")
        except OSError as error:
            raise disk_error(error, path) from error
        try:
            try:
                lock(handle.fileno())
            except OSError as error:
                raise Busy(at_work, hint="wait for its end (kobo-sync status shows it)") from error
            yield
        finally:
            handle.close()

    def previous_set(self, name: str) -> PreviousSet:
        """What ``out/name`` holds; after a killed run, what it held before."""
        try:
            mend_folder(self.out, name, self.state / SETS_LOCK)
            return previous_set(self.out / name, self.state / SETS_LOCK)
        except OSError as error:
            raise disk_error(error, self.out / name) from error

    def told_sets(self) -> dict[str, Manifest]:
        """Folder → its manifest as the paper of changes last told of it; empty when nothing was told, or not readably."""
        try:
            return sets_of((self.state / TOLD).read_bytes())
        except OSError:
            return {}

    def put_told_sets(self, sets: Mapping[str, Manifest]) -> None:
        """Remember what was told. Raises: StoreError."""
        write_atomic(self.state_folder() / TOLD, sets_bytes(sets), private=True)

    def set_aside(self, name: str, path: str, content: bytes) -> str:
        """Keep a copy of an edited file of ``out/name`` before it is replaced; returns where it lies, below out/."""
        pure = PurePosixPath(path)
        digest = hashlib.sha256(content).hexdigest()[:8]
        copy = PurePosixPath(ASIDE) / name / pure.parent / f"{pure.stem}-{digest}{pure.suffix}"
        private_folder(self.out / ASIDE)
        write_atomic(self.out / copy, content, private=True)
        return str(copy)

    def replace_folder(self, name: str, files: Mapping[str, bytes]) -> None:
        """Put *files* (relative path → bytes) at ``out/name``: the new set whole, or the old one untouched.

        What the manifest among them calls nominative, or does not know (people put it there), is its owner's only.
        Raises: DocumentError for a path outside the folder; StoreError when the disk refuses, and the old set is there.
        """
        manifest = manifest_of(files[MANIFEST]) if MANIFEST in files else None
        listed = manifest.files if manifest else {}
        open_to_all = {MANIFEST, *(path for path, each in listed.items() if each.classification != "nominative")}
        try:
            put_folder(self.out, name, files, open_to_all.__contains__, self.state_folder() / SETS_LOCK)
        except OSError as error:
            raise disk_error(error, self.out / name) from error


def _tree(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else ():
        if item.is_dir():
            yield from _tree(item, f"{prefix}{item.name}/")
        else:
            yield f"{prefix}{item.name}", item


def _folder_bytes(folder: Path) -> dict[str, bytes]:
    try:
        return {name: item.read_bytes() for name, item in _tree(folder, "") if is_content(name)}
    except OSError as error:
        raise disk_error(error, folder) from error


def find(start: Path) -> Workspace:
    """The workspace that holds *start*: the nearest folder upward with config/mission.toml.

    Raises: ConfigError when there is none; StoreError when a restore that was killed cannot be ended.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        _finish_restore(folder)
        if (folder / MISSION_FILE).is_file():
            return Workspace(folder, folder / STATE, folder / "exports" / "out")
    raise ConfigError(
        f"no mission found in {start} or above it",
        file=MISSION_FILE,
        hint="run inside a mission's folder, or give --workspace DIR",
    )


def _finish_restore(folder: Path) -> None:
    """End a restore of *folder*, or of what *folder* was until it was set aside, that was killed between its renames."""
    target = folder.with_name(folder.name.partition(ASIDE_BY_RESTORE)[0]) if folder.name else folder
    if not folder.name or not journal_of(target).is_file():
        return
    try:
        finish_restore(target, f"{STATE}/{BACKUPS}")
    except OSError as error:
        raise disk_error(error, target) from error
    if target != folder:
        raise ConfigError(
            "a restore has set this folder aside; it was ended just now",
            file=MISSION_FILE,
            hint=f"go to {target} (cd), and run again",
        )

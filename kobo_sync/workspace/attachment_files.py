"""Where the attached files lie, named by their content: a folder, this machine's or a shared one, or storage as S3 has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kobo_sync.errors import ConfigError, KoboSyncError, StoreError
from kobo_sync.lazy import cached_property
from kobo_sync.workspace.private import FILE, private_folder
from kobo_sync.workspace.writing import write_atomic

KEY = "files.url"
MARK = "kobo-sync-files.txt"  # lies where files are kept, and not where their disk is not mounted
_MARK_TEXT = b"kobo-sync keeps attached files here. Leave this file: where it is missing, their disk is taken for one that is not mounted.\n"
_HINT = "look at files.url and files.endpoint in config/mission.toml, and at FILES_KEY and FILES_SECRET in config/secrets.env"


def relative_name(sha256: str) -> str:
    """Where a file lies: named by its content, never by a name that a phone sent."""
    return f"{sha256[:2]}/{sha256}"


def away(place: str) -> StoreError:
    """The failure of a storage that is not the one in which files were kept."""
    return StoreError(
        f"attached files were kept in {place}, and none of them is there: its disk is not mounted, or it is another place",
        hint=f"mount it, or mend files.url; files that lie elsewhere are to be copied there; where they are lost, put an empty file {MARK} there, "
        "and they are asked for again",
    )


@dataclass(frozen=True)
class FolderFiles:
    """Files in a folder; one that *is_shared* may be another disk's, and away."""

    folder: Path
    is_shared: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.folder)

    @property
    def is_marked(self) -> bool:
        """Whether it is known for the place where files are kept."""
        return not self.is_shared or (self.folder / MARK).is_file()

    def mark(self) -> None:
        """Make it known for that place. Raises: StoreError."""
        write_atomic(self.folder / MARK, _MARK_TEXT, private=True)

    def read(self, sha256: str) -> bytes:
        """The bytes of a file. Raises: OSError, FileNotFoundError when it is not there; StoreError when no file can be."""
        try:
            return (self.folder / relative_name(sha256)).read_bytes()
        except FileNotFoundError:
            if not self.is_marked and not any(self.folder.glob("[0-9a-f][0-9a-f]")):
                raise away(self.name) from None
            raise

    def keep(self, part: Path, sha256: str) -> None:
        """Take in *part*, whole, flushed and on the same disk, under its name; it is there no more. Raises: OSError, StoreError."""
        if not self.is_marked:  # unmounted meanwhile: what is written there now, nobody finds once it is mounted
            raise away(self.name)
        path = self.folder / relative_name(sha256)
        private_folder(path.parent)
        part.chmod(FILE)
        part.replace(path)
        with suppress(OSError):  # some file systems cannot flush a folder
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def those_here(self, sha256s: Iterable[str]) -> list[str]:
        """Those of *sha256s* that are there, in order."""
        return [sha256 for sha256 in sha256s if (self.folder / relative_name(sha256)).exists()]

    def remove(self, sha256: str) -> None:
        """Erase a file; one that is not there is no fault. Raises: OSError."""
        (self.folder / relative_name(sha256)).unlink(missing_ok=True)

    def refused(self, sha256s: Iterable[str]) -> list[tuple[str, str]]:
        """(file, reason) of those that the disk refuses; one that is not there was erased, by `purge` or a person."""
        refused = []
        for sha256 in sha256s:
            try:
                (self.folder / relative_name(sha256)).open("rb").close()
            except FileNotFoundError:
                continue
            except OSError as error:
                refused.append((sha256, error.strerror or type(error).__name__))
        return refused

    def lost(self, sha256s: Iterable[str]) -> list[str]:
        """Those of *sha256s*, in order, that a shared folder has no more; what is missing in this machine's own was erased."""
        listed = list(sha256s) if self.is_shared else []
        there = set(self.those_here(listed))
        return [sha256 for sha256 in listed if sha256 not in there]


@dataclass(frozen=True)
class RemoteFiles:
    """Files in storage that fsspec speaks to, such as S3: *url* with its bucket and folder.

    No file is kept twice, here or there: one that is there is not sent again, and a reader has it in memory alone.
    Raises (every method): StoreError when the storage cannot be reached or refuses.
    """

    url: str
    endpoint: str = ""
    key: str = ""
    secret: str = ""

    @cached_property
    def _system(self) -> Any:
        scheme = urlsplit(self.url).scheme
        options: dict[str, Any] = {}
        if scheme == "s3":
            options = {"use_listings_cache": False, "default_block_size": 16 << 20}
            options |= {"key": self.key, "secret": self.secret} if self.key else {}
            options |= {"endpoint_url": self.endpoint} if self.endpoint else {}
            options |= {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3}}}
        try:
            import fsspec

            return fsspec.filesystem(scheme, skip_instance_cache=True, **options)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"files cannot be kept at {scheme}://",
                file="config/mission.toml",
                key=KEY,
                hint="pip install 'kobo-sync[s3]', or write the path of a folder there",
            ) from error

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.url

    @property
    def is_marked(self) -> bool:
        """Whether it is known for the place where files are kept."""
        with self._asked():
            return bool(self._system.exists(self._path(MARK)))

    def mark(self) -> None:
        """Make it known for that place."""
        with self._asked():
            try:
                self._system.pipe_file(self._path(MARK), _MARK_TEXT)
            except FileNotFoundError as error:
                raise self._no_bucket() from error

    def _no_bucket(self) -> StoreError:
        return StoreError(f"there is no {self.url} to keep attached files in", hint=f"make the bucket; {_HINT}")

    def _path(self, relative: str) -> str:
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path.rstrip('/')}/{relative}"

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except (KoboSyncError, FileNotFoundError):
            raise
        except Exception as error:  # each storage has errors of its own
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise StoreError(f"the storage of attached files refuses ({reason})", hint=_HINT) from error

    def read(self, sha256: str) -> bytes:
        """The bytes of a file. Raises: FileNotFoundError when it is not there."""
        with self._asked():
            try:
                content: bytes = self._system.cat_file(self._path(relative_name(sha256)))
            except FileNotFoundError:
                if not self.is_marked and not self._there():
                    raise away(self.name) from None
                raise
            return content

    def keep(self, part: Path, sha256: str) -> None:
        """Send *part*, whole, under its name; it is here no more."""
        path, system = self._path(relative_name(sha256)), self._system
        with self._asked():
            try:
                is_there = system.info(path)["size"] == part.stat().st_size
            except FileNotFoundError:
                is_there = False
            if not is_there:
                try:
                    system.put_file(str(part), path)
                except FileNotFoundError as error:
                    raise self._no_bucket() from error
        part.unlink()

    def those_here(self, sha256s: Iterable[str]) -> list[str]:
        """Those of *sha256s* that are there, in order."""
        there = self._there()
        return [sha256 for sha256 in sha256s if sha256 in there]

    def _there(self) -> frozenset[str]:
        parts = urlsplit(self.url)
        with self._asked():
            try:
                return frozenset(name.rpartition("/")[2] for name in self._system.find(f"{parts.netloc}{parts.path}"))
            except FileNotFoundError:
                return frozenset()

    def remove(self, sha256: str) -> None:
        """Erase a file; one that is not there is no fault."""
        with self._asked(), suppress(FileNotFoundError):
            self._system.rm_file(self._path(relative_name(sha256)))

    def refused(self, _sha256s: Iterable[str]) -> list[tuple[str, str]]:
        """None: what storage has it gives."""
        return []

    def lost(self, sha256s: Iterable[str]) -> list[str]:
        """Those of *sha256s*, in order, that the storage had and has no more."""
        listed = list(sha256s)
        there = self._there() if listed else frozenset()
        return [sha256 for sha256 in listed if sha256 not in there]


AttachmentFiles = FolderFiles | RemoteFiles


def is_away(files: AttachmentFiles, received: Callable[[], Iterable[str]]) -> bool:
    """Whether *files* is not the place where what was *received* is kept: it bears no mark, and has none of that. Raises: StoreError."""
    if files.is_marked:
        return False
    sha256s = list(received())
    return bool(sha256s) and not files.those_here(sha256s)


def attachment_files(
    folder: Path, url: str, *, root: Path | None = None, endpoint: str = "", key: str = "", secret: str = ""
) -> AttachmentFiles:
    """Where *url* says that files lie: nothing is *folder*, a path another folder, from *root* on, else storage. Raises: ConfigError."""
    scheme = urlsplit(url).scheme
    if not url or len(scheme) < 2:  # of one letter: a drive
        return FolderFiles((root or Path()) / url, is_shared=True) if url else FolderFiles(folder)
    if scheme == "file":
        return FolderFiles(Path(urlsplit(url).path), is_shared=True)
    if not urlsplit(url).netloc:
        raise ConfigError(
            "the storage has no bucket", file="config/mission.toml", key=KEY, hint="write s3://bucket/folder"
        )
    return RemoteFiles(url, endpoint, key, secret)

"""Where the attached files lie, named by their content: a folder, this machine's or a shared one, or storage as S3 has it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kobo_sync.errors import ConfigError, KoboSyncError, StoreError
from kobo_sync.lazy import cached_property
from kobo_sync.workspace.private import FILE, private_folder

KEY = "files.url"
_HINT = "look at files.url and files.endpoint in config/mission.toml, and at FILES_KEY and FILES_SECRET in config/secrets.env"


def relative_name(sha256: str) -> str:
    """Where a file lies: named by its content, never by a name that a phone sent."""
    return f"{sha256[:2]}/{sha256}"


@dataclass(frozen=True)
class FolderFiles:
    """Files in a folder."""

    folder: Path

    def read(self, sha256: str) -> bytes:
        """The bytes of a file. Raises: OSError, FileNotFoundError when it is not there."""
        return (self.folder / relative_name(sha256)).read_bytes()

    def keep(self, part: Path, sha256: str) -> None:
        """Take in *part*, whole, flushed and on the same disk, under its name; it is there no more. Raises: OSError."""
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

    def lost(self, _sha256s: Iterable[str]) -> list[str]:
        """None: what is missing in a folder was erased, by `purge` or a person."""
        return []


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

    def _path(self, sha256: str) -> str:
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path.rstrip('/')}/{relative_name(sha256)}"

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
            content: bytes = self._system.cat_file(self._path(sha256))
            return content

    def keep(self, part: Path, sha256: str) -> None:
        """Send *part*, whole, under its name; it is here no more."""
        path, system = self._path(sha256), self._system
        with self._asked():
            try:
                is_there = system.info(path)["size"] == part.stat().st_size
            except FileNotFoundError:
                is_there = False
            if not is_there:
                try:
                    system.put_file(str(part), path)
                except FileNotFoundError as error:
                    raise StoreError(
                        f"there is no {self.url} to keep attached files in", hint=f"make the bucket; {_HINT}"
                    ) from error
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
            self._system.rm_file(self._path(sha256))

    def refused(self, _sha256s: Iterable[str]) -> list[tuple[str, str]]:
        """None: what storage has it gives."""
        return []

    def lost(self, sha256s: Iterable[str]) -> list[str]:
        """Those of *sha256s*, in order, that the storage had and has no more."""
        listed = list(sha256s)
        there = self._there() if listed else frozenset()
        return [sha256 for sha256 in listed if sha256 not in there]


AttachmentFiles = FolderFiles | RemoteFiles


def attachment_files(
    folder: Path, url: str, *, root: Path | None = None, endpoint: str = "", key: str = "", secret: str = ""
) -> AttachmentFiles:
    """Where *url* says that files lie: nothing is *folder*, a path another folder, from *root* on, else storage. Raises: ConfigError."""
    scheme = urlsplit(url).scheme
    if not url or len(scheme) < 2:  # of one letter: a drive
        return FolderFiles((root or Path()) / url if url else folder)
    if scheme == "file":
        return FolderFiles(Path(urlsplit(url).path))
    if not urlsplit(url).netloc:
        raise ConfigError(
            "the storage has no bucket", file="config/mission.toml", key=KEY, hint="write s3://bucket/folder"
        )
    return RemoteFiles(url, endpoint, key, secret)

"""Attached files from the server to disk: some at a time, resumed where they broke off, named by their content."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kobo_sync.errors import KoboError, KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable, StoreError
from kobo_sync.form_server import FormServer
from kobo_sync.steps.form_faults import lives
from kobo_sync.store.attachments import ReceivedFile, WantedFile, sniff
from kobo_sync.transport import Stream
from kobo_sync.workspace.attachment_files import AttachmentFiles
from kobo_sync.workspace.private import private_folder

AT_ONCE = 4
AHEAD = 16  # so many are under way or waiting, however many there are
ATTEMPTS = 3
SILENT = 8  # after so many files in a row without an answer the server itself is asked for a sign of life
CHUNK = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """A file that is on disk under its *sha256*, or the reason in *error* why it is not."""

    file: WantedFile
    sha256: str = ""
    n_bytes: int = 0
    sniffed: str = ""
    error: str = ""
    is_silent: bool = False


def fetch_files(
    client: FormServer, parts: Path, place: AttachmentFiles, files: Iterable[WantedFile]
) -> Iterator[Fetched]:
    """Each of *files* in order, once its bytes are where they are kept or cannot be had now; *parts* has what came so far.

    When the server falls silent, what follows is left to the next run: thousands of files, each waited for, take hours.
    Files that it lacks while it lives stand in nobody's way.
    Raises: StoreError when the disk, or the storage, refuses.
    """
    private_folder(parts)
    waiting: deque[Future[Fetched]] = deque()
    n_silent, is_gone = 0, False
    with ThreadPoolExecutor(AT_ONCE, "file") as pool:
        for each in files:
            if n_silent >= SILENT and not is_gone:
                n_silent, is_gone = 0, not lives(client)
            if is_gone:
                while waiting:
                    yield waiting.popleft().result()
                yield Fetched(each, error="the server no longer answered", is_silent=True)
                continue
            waiting.append(pool.submit(_fetch, client, parts, place, each))
            if len(waiting) == AHEAD:
                fetched = waiting.popleft().result()
                n_silent = n_silent + 1 if fetched.is_silent else 0
                yield fetched
        while waiting:
            yield waiting.popleft().result()


def replaced(client: FormServer, place: AttachmentFiles, files: Sequence[ReceivedFile]) -> Iterator[ReceivedFile]:
    """Those of *files* under whose name the server has other bytes than those that are here; those erased here are not asked for.

    Raises: KoboError.
    """

    def is_other(file: ReceivedFile) -> bool:
        try:
            md5 = hashlib.md5(place.read(file.sha256), usedforsecurity=False).hexdigest()
            return client.is_replaced(file.url, md5)
        except OSError:
            return False
        except KoboRejected as error:  # cleared there meanwhile: what is here stays
            if error.status != 404:
                raise
            return False
        except KoboUnreachable as error:
            if error.status is None:  # the server is away; a file that it alone cannot give stays as it is
                raise
            return False

    with ThreadPoolExecutor(AT_ONCE, "file") as pool:
        for file, is_replaced in zip(files, pool.map(is_other, files), strict=True):
            if is_replaced:
                yield file


def _fetch(client: FormServer, parts: Path, place: AttachmentFiles, file: WantedFile) -> Fetched:
    key = hashlib.sha256(f"{file.root_uuid}/{file.attachment_uid}".encode()).hexdigest()
    part = parts / f"{key}.part"
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _receive(client, file, part)
                return _file(place, file, part)
            except KoboUnreachable:
                if attempt == ATTEMPTS:
                    raise
                client.pause(0.5 * 2**attempt)
    except KoboError as error:
        return Fetched(file, error=error.message, is_silent=isinstance(error, KoboUnreachable))
    except OSError as error:
        raise _refused(error) from error
    raise AssertionError("unreachable")  # pragma: no cover


def _receive(client: FormServer, file: WantedFile, part: Path) -> None:
    """Bring *part* to the file's whole length, from where an earlier try broke off."""
    here = part.stat().st_size if part.exists() else 0
    try:
        with client.download(file.url, here) as stream:
            _write(part, stream)
            n = part.stat().st_size
            if stream.length is not None and n != stream.length:
                if n > stream.length:
                    part.unlink()
                raise KoboUnreachable(f"{n} of {stream.length} bytes came")
    except KoboRejected as error:
        if error.status == 416 and here:  # nothing lies beyond what is here: it may be whole, or another file's
            part.unlink()
            _receive(client, file, part)
            return
        part.unlink(missing_ok=True)
        raise
    except KoboRefused:
        part.unlink(missing_ok=True)
        raise


def _write(part: Path, stream: Stream) -> None:
    with part.open("r+b" if part.exists() else "w+b") as handle:
        handle.seek(stream.start)
        handle.truncate()
        for chunk in stream.chunks:
            try:
                handle.write(chunk)
            except OSError as error:  # told apart here from the network's faults, which are OSErrors too
                raise _refused(error) from error
        handle.flush()
        os.fsync(handle.fileno())


def _refused(error: OSError) -> StoreError:
    return StoreError(
        f"an attached file cannot be written: {error.strerror}",
        hint="free some disk space, then run again: what came so far is kept",
    )


def _file(place: AttachmentFiles, file: WantedFile, part: Path) -> Fetched:
    """Give a whole file its name."""
    digest = hashlib.sha256()
    with part.open("rb") as handle:
        head = handle.read(64)
        handle.seek(0)
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    n_bytes, sniffed, sha256 = part.stat().st_size, sniff(head), digest.hexdigest()
    if sniffed == "text/html" and not file.mimetype.startswith("text/"):
        part.unlink()
        raise KoboUnexpected("an HTML page in place of the file")
    place.keep(part, sha256)
    return Fetched(file, sha256, n_bytes, sniffed)

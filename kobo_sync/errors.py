"""The failures of a run, one tree; a fault in the data is a `model.Finding` instead.

KoboSyncError 6          message, hint, exit_code
├ ConfigError 3          file, key
├ FormError 4            form, findings
├ KoboError 5            method, url, status, excerpt; never the token
│ ├ KoboUnreachable      network, timeout, 429, 5xx: the only one retried
│ ├ KoboRefused          401, 403
│ ├ KoboRejected         other 4xx
│ └ KoboUnexpected       the answer is not what KoboToolbox is known to say
├ StoreError 6
│ └ Busy                 another run is at work
├ DocumentError 7
└ RunStopped 6           asked to stop, at a point where all is stored

Exit code 1 is none of a failure's: it says that a verb was carried out and found errors in the data.
"""

from __future__ import annotations

import errno
import json
import re
import traceback
from collections.abc import Sequence
from html import unescape  # of xml.sax there is one too, which loads all of urllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kobo_sync.model import Finding


class KoboSyncError(Exception):
    """A run that cannot go on: what happened, where, and how to mend it."""

    exit_code = 6

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class ConfigError(KoboSyncError):
    """A setting is missing or wrong; *file* and *key* say which. *others* are wrong in the same file."""

    exit_code = 3
    others: tuple[ConfigError, ...] = ()

    def __init__(self, message: str, *, file: str, key: str = "", hint: str = "") -> None:
        place = f"{file}, {key}" if key else file
        super().__init__(f"{place}: {message}", hint=hint)
        self.file = file
        self.key = key

    @property
    def fault(self) -> str:
        """What is wrong, without the place."""
        return self.message.removeprefix(f"{self.file}, {self.key}: ").removeprefix(f"{self.file}: ")


class FormError(KoboSyncError):
    """A form cannot be read, compiled or deployed; *findings* give the cells."""

    exit_code = 4

    def __init__(self, message: str, *, form: str, findings: Sequence[Finding] = (), hint: str = "") -> None:
        super().__init__(f"{form}: {message}", hint=hint)
        self.form = form
        self.findings = tuple(findings)


class KoboError(KoboSyncError):
    """A call to the server failed; *excerpt* is a short piece of its answer, *code* its own number for the fault, where it has one."""

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        url: str = "",
        status: int | None = None,
        excerpt: str = "",
        code: str = "",
        hint: str = "",
    ) -> None:
        place = f"{method} {url}".strip()
        said = f" answered {status}" if status is not None else ""
        text = f"{place}{said}: {message}" if place else message
        super().__init__(f"{text} ({excerpt})" if excerpt else text, hint=hint)
        self.method = method
        self.url = url
        self.status = status
        self.excerpt = excerpt
        self.code = code


class KoboUnreachable(KoboError):
    """No answer, or one that asks to come again (429, 5xx): the only failure that is retried. *took_s*: seconds to it."""

    took_s = 0.0

    def __init__(self, message: str, *, retry_after_s: float | None = None, **where: object) -> None:
        super().__init__(message, **where)  # type: ignore[arg-type]
        self.retry_after_s = retry_after_s


class KoboRefused(KoboError):
    """401 or 403: the token is wrong, or its account lacks the right."""


class KoboRejected(KoboError):
    """Another 4xx: the server understood and said no."""


class KoboUnexpected(KoboError):
    """An answer that `kobo.protocol` does not recognise."""


class StoreError(KoboSyncError):
    """The local database or the attachment folder cannot be read or written."""

    exit_code = 6


class Busy(StoreError):
    """Another run is at work, in this workspace or on another machine."""


class DocumentError(KoboSyncError):
    """A deliverable cannot be built."""

    exit_code = 7


class RunStopped(KoboSyncError):
    """The run was asked to stop and did so between two writes; the next run goes on from there."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, where nobody waits for it: the verb ends as after Ctrl-C."""


CURES = {
    errno.EACCES: "give this account the right to it (ls -l shows whose it is), then run again",
    errno.EPERM: "give this account the right to it (ls -l shows whose it is), then run again",
    errno.EROFS: "the disk is read-only: mount it writable, or work in a folder on another disk",
    errno.ENOSPC: "free some disk space, then run again: nothing that was stored is lost",
    errno.EDQUOT: "free some disk space (this account's quota is used up), then run again: nothing that was stored is lost",
    errno.EISDIR: "a folder is where a file belongs: move it away, then run again",
    errno.ENOTDIR: "a file is where a folder belongs: move it away, then run again",
    errno.EEXIST: "a file is where a folder belongs: move it away, then run again",
    errno.ENOTEMPTY: "something else is in the way there: move it away, then run again",
    errno.ENOENT: "check the path; if the folder was moved, put it back",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n), then run again",
    errno.EIO: "the disk has a fault: look at it (dmesg), copy what matters, restore a backup",
}


def cure_of(error: OSError) -> str:
    """How to mend what the disk refused."""
    return CURES.get(error.errno or 0, "check the disk and its rights, then run again")


def disk_error(error: OSError, place: object = "") -> StoreError:
    """The failure that *error* means: the place it happened at (*place* where the system names none), and the cure."""
    where = error.filename if isinstance(error.filename, str) else place
    reason = error.strerror or type(error).__name__
    return StoreError(f"{where or 'the disk'}: {reason}", hint=cure_of(error))


def place_of(error: BaseException) -> str:
    """Where in the program it happened: the innermost line of ours, as ``mirror.py, line 12``."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(Path(__file__).parent)] or frames
    return f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "an unknown place"


_OPENROSA = re.compile(r"<(?:\w+:)?(?:message|detail)\b[^>]*>([^<]+)</")  # the sentence that phones show [e24, e33]


def excerpt_of(body: bytes) -> str:
    """The server's own sentence in an error answer, or the first words of its text; at most 300 characters."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        text = " ".join(body[:2000].decode("utf-8", "replace").split())
        if openrosa := _OPENROSA.search(text):
            return unescape(openrosa[1]).strip()[:300]
        return "an HTML page" if text.lower().startswith(("<!doctype", "<html")) else text[:300]
    if isinstance(data, dict):
        for key in ("detail", "error", "message"):
            if isinstance(data.get(key), str):
                return str(data[key])[:300]
    return json.dumps(data, ensure_ascii=False)[:300]


def code_of(body: bytes) -> str:
    """The server's own number for a fault (``409.6``), empty where its answer has none."""
    try:
        code = json.loads(body).get("code")
    except (ValueError, RecursionError, AttributeError):
        return ""
    return str(code) if isinstance(code, int | float | str) else ""

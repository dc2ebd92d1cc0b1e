"""Files that people wrote, read whole: plain ones of bounded size alone."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from kobo_sync.errors import ConfigError

MOST_TEXT, MOST_WORKBOOK = 32 << 20, 256 << 20  # bytes


def plain_bytes(path: Path, most: int) -> bytes:
    """The bytes of a file of at most *most* bytes that somebody wrote: a pipe would be waited for, and a huge one take all memory. Raises: OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "no plain file", str(path))
    if status.st_size > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return path.read_bytes()


def read_text(path: Path, name: str) -> str:
    """The text of a file that people call *name*, its line ends as they are written here. Raises: ConfigError."""
    try:
        return read_content(path, name).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError("it is not UTF-8 text", file=name, hint="save it as “CSV UTF-8” or plain UTF-8") from error


def read_content(path: Path, name: str) -> bytes:
    """The bytes of a file that people call *name*. Raises: ConfigError."""
    try:
        return plain_bytes(path, MOST_TEXT)
    except FileNotFoundError as error:
        raise ConfigError("the file is missing", file=name, hint="create it, or give --workspace DIR") from error
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror}", file=name, hint="check its rights") from error

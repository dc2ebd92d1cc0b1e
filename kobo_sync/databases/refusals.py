"""What a database refuses, as one message with its place and cure."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from kobo_sync.errors import CURES as DISK
from kobo_sync.errors import StoreError

_CURES = {
    "full": DISK[errno.ENOSPC],
    "disk I/O": "free some disk space and look at the disk, then run again: nothing that was stored is lost",
    "locked": "another program holds the file (a SQL tool?): close it, then run again",
    "malformed": "restore a backup: `kobo-sync restore --help`",
    "not a database": "restore a backup: `kobo-sync restore --help`",
    "no such (table|column)": "somebody changed the tables by another program: restore a backup (`kobo-sync restore --help`)",
}
_MIRROR_DAMAGED = (
    "restore a backup (`kobo-sync restore --help`), or move the file away and run `kobo-sync pull`: "
    "all that the server holds comes back"
)
_MIRROR = "mirror.sqlite"
_NOT_OPENED = ("unable to open", "readonly")
_AGAIN = "another program was at work on the same rows: run again; nothing that was stored is lost"
_AWAY = (
    "look that the database server runs and that its address is right (config/secrets.env), then run again: "
    "nothing that was stored is lost"
)
_RIGHT = (
    "let the database's owner grant this user the right: GRANT CREATE ON DATABASE … TO …, or ALTER SCHEMA … OWNER TO …"
)
_OF_SERVER = {  # PostgreSQL's codes, or how they begin
    "53100": "free some disk space on the database's server, then run again: nothing that was stored is lost",
    "53300": "the database's server has no connection to spare: raise its max_connections, or run fewer workers",
    "42501": _RIGHT,
    "3F000": _RIGHT,  # the schema is there, and not for this user
    "25006": "this is a copy that only reads: give the address of the server that writes",
    "2BP01": "somebody made a view of their own on these tables: drop it, then run again",
    "55P03": _AGAIN,
    "42P01": "somebody changed the tables by another program: let the database's administrator bring back a backup",
    "42703": "somebody changed the tables by another program: let the database's administrator bring back a backup",
    "40": _AGAIN,
    "08": _AWAY,
    "57P": _AWAY,
}
_WORDS_OF_SERVER = {  # patterns of what it says before a connection has a code
    "authentication.failed": "user or password are wrong: look at the address in config/secrets.env",
    "pg_hba.conf": "the server lets this machine not in: add it to the server's pg_hba.conf",
    "not.exist": "create the database (createdb) and the user (createuser), or mend the address in config/secrets.env",
    "many.clients": "the database's server has no connection to spare: raise its max_connections, or run fewer workers",
    "connection|resolve.host": _AWAY,
}


def refusal(name: str, reason: str, path: str | None, code: str | None = None) -> StoreError:
    """The failure of the database *name* for SQLite's (or a server's) *reason*; *path* is its file, None when it has none.

    *code* is the server's own.
    """
    file = Path(path) if path and path != ":memory:" else None
    cures = _CURES if path else _WORDS_OF_SERVER
    cure = next((cure for start, cure in _OF_SERVER.items() if (code or "").startswith(start)), "")
    cure = cure or next((cure for word, cure in cures.items() if re.search(word, reason)), "")
    if not cure and file and any(word in reason for word in _NOT_OPENED):
        cure = _cure_of_file(file)
    if file and file.name == _MIRROR and re.search("malformed|not a database|no such", reason):
        cure = _MIRROR_DAMAGED
    place = f"{name} ({file})" if file else name
    return StoreError(
        f"{place} refuses: {reason}",
        hint=cure or "check the disk, or the database server; restore a backup if it is damaged",
    )


def _cure_of_file(file: Path) -> str:
    """Why SQLite may not open or write *file*: it does not say."""
    if file.is_dir():
        return DISK[errno.EISDIR]
    if not file.parent.is_dir():
        return DISK[errno.ENOTDIR]
    if os.name == "posix" and os.statvfs(file.parent).f_flag & os.ST_RDONLY:
        return DISK[errno.EROFS]
    return DISK[errno.EACCES]

"""Whether the disk has room for what a phone is about to send; said before it is sent, while nothing can be lost."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

from kobo_sync.station import render
from kobo_sync.station.wire import XML_TYPE, Refused

RESERVE_BYTES = 200 * 1024 * 1024  # for this machine, the backup, and the submissions that are under way
COPIES = 3  # a body is on the disk as it comes in, in the log, and in the file
TRY_AGAIN_S = 60
FULL = (
    "Le disque de la station est presque plein. Gardez ce formulaire sur le téléphone, prévenez la personne responsable"
    " de la station, et renvoyez-le plus tard. — The station’s disk is almost full. Keep this form on the phone, tell the"
    " person who runs the station, and send it again later. — قرص المحطة شبه ممتلئ. احتفظوا بهذه الاستمارة في الهاتف، وأخبروا"
    " المسؤول عن المحطة، ثم أعيدوا إرسالها لاحقا."
)


def has_room(path: Path, n_bytes: int, reserve_bytes: int) -> bool:
    """Whether a body of *n_bytes* may come: *reserve_bytes* are left beside the file *path*, and where bodies wait."""
    needed = COPIES * n_bytes + reserve_bytes
    return all(
        shutil.disk_usage(folder).free >= needed for folder in {path.parent.resolve(), Path(tempfile.gettempdir())}
    )


def is_full(error: sqlite3.OperationalError) -> bool:
    """Whether a transaction failed because the disk has no room, or does not write any more."""
    return error.sqlite_errorname.startswith(("SQLITE_FULL", "SQLITE_IOERR"))


def no_room() -> Refused:
    """503 with what a phone shows: it keeps the form, and tries again."""
    return Refused(503, render.openrosa_message(FULL), XML_TYPE)

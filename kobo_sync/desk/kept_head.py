"""The journal's head, kept in a file beside the desk: by it one sees that entries were cut off the end of the database."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from kobo_sync.desk import schema

HEAD = "journal.head"  # in the state folder
NOTED = "kobo_sync noted"  # of a connection: its transaction wrote an entry
J = schema.journal


class KeptHead:
    """The *file*, which only ever follows the chain: once the journal does not hold what was kept, it stays as evidence."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def text(self) -> str:
        """The head as it was kept, empty where none was."""
        try:
            return self._file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def follow(self, connection: sa.Connection) -> None:
        """Keep the journal's last entry. The act itself is stored by now: a disk that refuses changes nothing of it."""
        number, _, sha256 = self.text().partition(":")
        if number.isdecimal():
            there = connection.scalar(sa.select(J.c.sha256).where(J.c.number == int(number)))
            if there != sha256:
                return
        last = connection.execute(sa.select(J.c.number, J.c.sha256).order_by(J.c.number.desc()).limit(1)).first()
        if last is not None:
            with suppress(OSError):
                self._write(f"{last.number}:{last.sha256}\n")

    def _write(self, text: str) -> None:
        new = self._file.with_name(f".{self._file.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(text)
            new.replace(self._file)
        finally:
            new.unlink(missing_ok=True)

"""What the service writes to its log: plain lines or JSON, never a secret."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from datetime import UTC, datetime
from typing import Literal

PLAIN = "%(asctime)s %(levelname)s %(place)s%(message)s"
ABOUT = ("mission", "request_id", "status", "took_ms", "job")
HIDDEN = "•••"
_MISSION: ContextVar[str] = ContextVar("mission", default="")


@contextmanager
def of_mission(name: str) -> Iterator[None]:
    """Have the lines of this thread say which mission they are about."""
    token = _MISSION.set(name)
    try:
        yield
    finally:
        _MISSION.reset(token)


class Secrets:
    """What no line may show; may grow while the process runs, and forgets nothing: an old token may still be one."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self.values: tuple[str, ...] = ()  # the longest first
        self.hide(values)

    def hide(self, values: Iterable[str]) -> None:
        """Let *values* be seen no more, those too short to be a secret aside."""
        with self._lock:
            hidden = {*self.values, *(value for value in values if len(value) >= 4)}
            self.values = tuple(sorted(hidden, key=len, reverse=True))


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and what the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name in ABOUT if (value := getattr(record, name, None)) not in (None, "")}
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class Hiding(logging.Formatter):
    """Another formatter's lines, with every known secret put out of sight, wherever it came from."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str] | Secrets) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = secrets if isinstance(secrets, Secrets) else Secrets(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The line without secrets."""
        record = copy(record)  # another handler's too
        mission = getattr(record, "mission", "") or _MISSION.get()
        record.__dict__ |= {"mission": mission, "place": mission and f"{mission}: "}
        line = self._inner.format(record)
        for secret in self._secrets.values:
            line = line.replace(secret, HIDDEN)
        return line


def write_log(shape: Literal["plain", "json"], secrets: Iterable[str] | Secrets) -> None:
    """Send the process's log to the error stream in *shape*."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Hiding(JsonLines() if shape == "json" else logging.Formatter(PLAIN), secrets))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("waitress").setLevel(logging.ERROR)

"""What the service writes to its log: plain lines or JSON, never a secret."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

PLAIN = "%(asctime)s %(levelname)s %(message)s"
ABOUT = ("request_id", "status", "took_ms", "job")
HIDDEN = "•••"


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

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 4), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """The line without secrets."""
        line = self._inner.format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return line


def write_log(shape: Literal["plain", "json"], secrets: Iterable[str]) -> None:
    """Send the process's log to the error stream in *shape*."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Hiding(JsonLines() if shape == "json" else logging.Formatter(PLAIN), secrets))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("waitress").setLevel(logging.ERROR)

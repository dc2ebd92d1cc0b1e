"""Bodies of answers taken apart: JSON objects and their members, or a clear word that the answer is something else."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, NoReturn

from kobo_sync.errors import KoboUnexpected, excerpt_of


def parse_object(body: bytes) -> Any:
    """A JSON object. Raises: KoboUnexpected for anything else."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        unexpected("the answer is not JSON", body)
    return data if isinstance(data, dict) else unexpected("the answer is no JSON object", body)


def take(data: Any, key: str) -> Any:
    """The value of *key*. Raises: KoboUnexpected when it is not there."""
    if not isinstance(data, dict) or key not in data:
        raise KoboUnexpected(f"the answer has no {key!r}")
    return data[key]


def unexpected(message: str, body: bytes) -> NoReturn:
    """Raise KoboUnexpected for an answer that is not what was asked for."""
    # A page may hold answers, so only a page of HTML or an error text is quoted, never JSON.
    head = body[:200].lstrip()
    shown = "" if head.startswith((b"{", b"[")) else excerpt_of(body)
    raise KoboUnexpected(message, excerpt=shown, hint="check the server's address in config/mission.toml")


def held_against(md5: str, content: bytes, path: str) -> None:
    """Raises: KoboUnexpected when *content* has another md5 than was announced; a hash that is no md5 is not looked at [k11]."""
    actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if re.fullmatch(r"[0-9a-f]{32}", md5) and actual != md5:
        hint = "somebody may be deploying just now; try again"
        raise KoboUnexpected("a file is not what the server announced", method="GET", url=path, hint=hint)

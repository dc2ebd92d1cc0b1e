"""The file of secrets edited by the program: one secret is changed, every other line stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")


def is_token(text: str) -> bool:
    """Whether *text* can stand in the file as a token: signs that are seen, no quotes around them."""
    return bool(_TOKEN.fullmatch(text)) and text == text.strip("\"'") and not text.startswith("#")


def is_password(text: str) -> bool:
    """Whether *text* can stand in the file as a password and is read there as it is: one line, without spaces or quotes around it."""
    return 0 < len(text) <= 200 and text.isprintable() and text == text.strip().strip("\"'")


def with_secrets(text: str, values: Mapping[str, str]) -> str:
    """The file's *text* with each of *values* at its name, where that stands or at the end; an empty one is no secret."""
    left, lines = dict(values), []
    for line in text.splitlines():
        name = line.partition("=")[0].strip()
        if name not in values:
            lines.append(line)
        elif name in left:
            lines.append(f"{name}={left.pop(name)}")
    lines += [f"{name}={value}" for name, value in left.items() if value]
    return "\n".join(lines) + "\n"

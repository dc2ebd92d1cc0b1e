"""Which process holds a lease: told by machine start, process number and process start, since a host's name tells neither."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

State = Literal["alive", "dead", "unknown"]
_RANDOM = 12


def holder_name(random: str) -> str:
    """A name for a lease of this process, at most 64 characters: what *random* (hex) makes it unlike is one take of it."""
    own = f"{machine()}.{os.getpid()}.{_started_at(os.getpid())}"
    return f"{own}.{random.replace('-', '')[:_RANDOM]}"


def state_of(holder: str) -> State:
    """Whether the process that *holder* names lives.

    Unknown: it runs elsewhere, was started before the machine was, or is this very process, which may have left a
    lease behind: its beat tells.
    """
    place, number, started_at, *_ = (*holder.split("."), "", "", "")
    if place != machine() or not place or not number.isdigit() or int(number) == os.getpid():
        return "unknown"
    return "alive" if _started_at(int(number)) == started_at else "dead"


@lru_cache(maxsize=1)
def machine() -> str:
    """This machine since it was started, as processes see it that see each other's numbers; empty where the system does not say.

    Two containers of one machine have a name each, a machine that was started anew another than before.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        numbers = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {numbers}".encode()).hexdigest()[:16]


def _started_at(number: int) -> str:
    """When the process of that number was started, in ticks; empty when there is none: numbers are given again."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]

"""What pydantic finds wrong in a file of settings, as sentences of ours: the key, what is wrong, how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from kobo_sync.config.doors import ORIGIN
from kobo_sync.config.mission import CODE
from kobo_sync.config.report import FILE_NAME
from kobo_sync.config.service import ADDRESS, PAGES_ADDRESS
from kobo_sync.errors import ConfigError

_OF_PATTERNS = {
    CODE: ("that cannot be a code", "write letters without accents, digits, - and _, a letter or digit first"),
    ADDRESS: ("that is no mail address", "write it as name@example.org, one for each line"),
    FILE_NAME: ("that cannot name a file", "write a name without folders, such as logo.png"),
    ORIGIN: (
        "that is no server's address",
        "write it with https:// before and nothing behind, such as https://central.example.org",
    ),
    PAGES_ADDRESS: (
        "that is no address of pages",
        "write it with https:// before, such as https://kobo-sync.example.org",
    ),
}
# Where a key may be of several kinds, pydantic puts the kind behind the key.
_is_kind = re.compile(
    r"(?:function-[a-z]+|nullable|literal|constrained|list|dict|union)\[.*\]|constrained-[a-z]+", re.DOTALL
).fullmatch
MISSING = "the key is missing"
_NOT_SO = ("that is not written as it must be", "docs/operations.md explains each key")
_BY_KIND = {  # the beginning of pydantic's name of a fault
    "date": ("that is no day", "write it as 2025-02-11"),
    "time": ("that is no hour", "write it as 09:30"),
}


def first_complaint(error: ValidationError, file: str) -> ConfigError:
    """The first of pydantic's complaints, as one sentence with its key in *file*; never the value of a secret. The rest are its `others`."""
    faults: list[Any] = _of_own_keys(error.errors(include_url=False))
    # A misspelt key is also a missing one: its own name helps more.
    first, *others = [_complaint(one, file) for one in sorted(faults, key=lambda one: one["type"] != "extra_forbidden")]
    first.others = tuple(others)
    return first


def _of_own_keys(faults: list[Any]) -> list[Any]:
    """The faults, one for each kind that a key may be of left out, and those of keys that nobody wrote: ODK Central's kf and kc are its url."""
    by_place: dict[tuple[Any, ...], Any] = {}
    for one in faults:
        place = _place(one)
        if (
            place not in by_place or one["type"] == "string_pattern_mismatch"
        ):  # of a text or none: the text's fault tells more
            by_place[place] = one
    copies = [("server", "kf"), ("server", "kc")] if ("server", "url") in by_place else []
    return [one for place, one in by_place.items() if place not in copies]


def _place(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(part for part in one["loc"] if part not in ("", "[key]") and not _is_kind(str(part)))


def _complaint(one: Mapping[str, Any], file: str) -> ConfigError:
    key = ".".join(map(str, _place(one)))
    if one["type"] == "extra_forbidden":
        return ConfigError("unknown key", file=file, key=key, hint="check its spelling, or remove it")
    if one["type"] == "missing":
        return ConfigError(MISSING, file=file, key=key, hint="add it; docs/operations.md explains each key")
    message, hint = _message(one)
    given = one["input"]
    # A table or a list: what it says would not be read, and may hold anything. A key that is private may stand where a public one should.
    if isinstance(given, Mapping | list) or key.startswith("encryption."):
        return ConfigError(message, file=file, key=key, hint=hint)
    # An address may bear a password.
    shown = re.sub(r"//[^/@\s]*@", "//…@", given) if isinstance(given, str) else given
    return ConfigError(f"{shown!r}: {message}", file=file, key=key, hint=hint)


def _message(one: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and the cure."""
    kind = str(one["type"])
    if kind == "string_pattern_mismatch":
        return _OF_PATTERNS.get(one["ctx"]["pattern"], _NOT_SO)
    told = next((each for begins, each in _BY_KIND.items() if kind.startswith(begins)), None)
    return told or (str(one["msg"]).removeprefix("Value error, "), "correct the value")

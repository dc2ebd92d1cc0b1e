"""How the journal's entries hold together: the hash of each covers the one before it and all that it says itself.

What is hashed never changes: journals written by any version are verified by it.
"""

from __future__ import annotations

import hashlib
import json

NOTHING_BEFORE = "0" * 64  # what the first entry continues


def seal(before: str, number: int, at: str, by: str, act: str, subject: str, details: str) -> str:
    """The SHA-256 of an entry; *before* is that of the entry before it, *at* and *details* are as the database keeps them."""
    fields = [before, number, at, by, act, subject, details]
    # `default`: a field that somebody changed to bytes is none of ours, and fits nothing.
    said = json.dumps(fields, ensure_ascii=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(said.encode("ascii")).hexdigest()

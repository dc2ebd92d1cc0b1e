"""Attendance without a signature, or whose signature has not arrived."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import sheets
from kobo_sync.model import Finding

CODE = "DATA007"
TITLE = "Signature missing"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per attendance row that names no signature, or one that is not here yet."""
    for sheet in sheets(facts, "attendance"):
        if sheet.settings.proof != "signature" or not sheet.has("signature"):
            continue
        for at, name in enumerate(sheet.answers("signature")):
            if not sheet.consented[at]:
                continue
            if not name:
                yield sheet.finding(
                    at,
                    CODE,
                    "warning",
                    "the signature is missing",
                    why="without a signature the half-day does not count as presence",
                    hint="have the person sign and edit the submission, or delete it",
                    evidence=["none"],
                )
            elif facts.file_digests is not None and (sheet.roots[at], name) not in facts.file_digests:
                yield sheet.finding(
                    at,
                    CODE,
                    "info",
                    "the signature is announced but its file has not arrived yet",
                    why="the attendance list stays without the picture",
                    hint="let the phone send its files; the next synchronisation will take it",
                    evidence=["late"],
                )

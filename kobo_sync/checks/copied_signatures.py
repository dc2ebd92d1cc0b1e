"""One image of a signature under two rows: bytes are compared by their hash."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.model import Finding

CODE = "DATA008"
TITLE = "Signature copied"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per attendance row whose signature is byte for byte that of an earlier row."""
    files = facts.file_digests or {}
    first: dict[str, tuple[Sheet, int]] = {}
    for sheet in sheets(facts, "attendance"):
        if not files or not sheet.has("signature"):
            continue
        for at, name in enumerate(sheet.answers("signature")):
            image = files.get((sheet.roots[at], name)) if name else None
            if image is None:
                continue
            first_sheet, earlier = first.setdefault(image, (sheet, at))
            if (first_sheet.form_id, earlier) != (sheet.form_id, at):
                yield sheet.finding(
                    at,
                    CODE,
                    "error",
                    f"the same picture of a signature as submission {first_sheet.ids[earlier]}",
                    why="a copied picture is no signature: the attendance sheet could be contested",
                    hint="have the person sign, and ask the enumerator how the picture was taken",
                    subject=first_sheet.roots[earlier],
                    evidence=[image],
                    other=(first_sheet, earlier),
                )

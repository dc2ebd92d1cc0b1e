"""Photos, recordings and other files that an answer names and that never came: the server was not sent them."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import sheets
from kobo_sync.model import Finding

CODE = "DATA024"
TITLE = "File never received"
ALONE = True
KINDS = ("image", "audio", "video", "file", "background-audio")


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row and question whose file is named and not here; signatures of attendance are DATA007's."""
    if facts.file_digests is None:
        return
    for sheet in sheets(facts):
        for question in sheet.questions(*KINDS):
            if sheet.settings.role == "attendance" and question == sheet.settings.fields.get("signature"):
                continue
            for at, name in enumerate(sheet.column(question)):
                if name and (sheet.roots[at], name) not in facts.file_digests:
                    yield sheet.finding(
                        at,
                        CODE,
                        "warning",
                        f"the file of “{question}” is announced but has not arrived",
                        subject=question,
                        why="exports and documents stay without this file",
                        hint="let the phone send its files; if it does not have them any more, note that and accept the finding",
                        evidence=["late"],
                    )

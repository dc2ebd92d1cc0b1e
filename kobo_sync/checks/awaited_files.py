"""Photos, recordings and other files that an answer names and that never came: the server was not sent them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets, texts
from kobo_sync.lazy import pd
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
        for repeat, table in {"": sheet.table, **sheet.repeats}.items():
            for question in _questions(sheet, repeat, table):
                yield from _awaited(sheet, repeat, table, question, facts.file_digests)


def _questions(sheet: Sheet, repeat: str, table: pd.DataFrame) -> list[str]:
    """The questions of the table that ask for a file."""
    if repeat:
        asked = sheet.form.questions if sheet.form else ()
        names = [q.name for q in asked if q.kind in KINDS and q.repeat.rpartition("/")[2] == repeat]
        return [name for name in dict.fromkeys(names) if name in table]
    signature = sheet.settings.fields.get("signature") if sheet.settings.role == "attendance" else None
    return [name for name in sheet.questions(*KINDS) if name != signature]


def _awaited(
    sheet: Sheet, repeat: str, table: pd.DataFrame, question: str, received: Collection[tuple[str, str]]
) -> Iterator[Finding]:
    """The rows, or items of a repeat, whose answer to *question* names a file that is not among the *received* ones."""
    positions = texts(table, "position") if repeat else []
    for row, (root, name) in enumerate(zip(texts(table, "root_uuid"), texts(table, question), strict=True)):
        at = sheet.places.get(root, -1)  # -1: an item of a submission that a reviewer refused
        if name and at >= 0 and (root, name) not in received:
            yield sheet.finding(
                at,
                CODE,
                "warning",
                f"the file of “{question}” is announced but has not arrived",
                subject=f"{repeat}/{question}/{positions[row]}" if repeat else question,
                why="exports and documents stay without this file",
                hint="let the phone send its files; if it does not have them any more, note that and accept the finding",
                evidence=["late"],
            )

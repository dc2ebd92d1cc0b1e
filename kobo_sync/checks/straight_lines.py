"""The same answer to every item of a scale or of a test: ticked without reading."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.model import Finding

CODE = "DATA017"
TITLE = "Straight-lining"
ALONE = True
STORED = {"scale": "l’échelle", "test": "le test"}  # what worklists know the findings by: it never changes


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row that answers at least ``checks.straight_items`` items of a set all alike."""
    for sheet in sheets(facts):
        for items, names in (("scale", sheet.settings.likert), ("test", list(sheet.settings.items))):
            yield from _alike(sheet, items, [name for name in names if name in sheet.table])


def _alike(sheet: Sheet, items: str, names: list[str]) -> Iterator[Finding]:
    fewest = sheet.config.checks.straight_items
    if len(names) < fewest:
        return
    columns = [sheet.column(name) for name in names]
    for at, answers in enumerate(zip(*columns, strict=True)):
        answered = [answer for answer in answers if answer]
        if len(answered) >= fewest and len(set(answered)) == 1:
            yield sheet.finding(
                at,
                CODE,
                "info",
                f"the same answer to the {len(answered)} items of the {'scale' if items == 'scale' else 'test'}",
                why="answers ticked without reading pull the means",
                hint="possible if the person is very satisfied; speak about it if one enumerator sends many of them",
                subject=STORED[items],
                evidence=[answered[0], len(answered)],
            )

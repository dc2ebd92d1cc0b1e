"""The same answer to every item of a scale or of a test: ticked without reading."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.model import Finding

CODE = "DATA017"
TITLE = "Straight-lining"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row that answers at least ``checks.straight_items`` items of a set all alike."""
    for sheet in sheets(facts):
        for called, of, names in (
            ("l’échelle", "de l’échelle", sheet.settings.likert),
            ("le test", "du test", list(sheet.settings.items)),
        ):
            yield from _alike(sheet, called, of, [name for name in names if name in sheet.table])


def _alike(sheet: Sheet, called: str, of: str, names: list[str]) -> Iterator[Finding]:
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
                f"la même réponse aux {len(answered)} items {of}",
                why="des réponses cochées sans lire tirent les moyennes",
                hint="possible si la personne est très satisfaite ; en parler si un même enquêteur en envoie beaucoup",
                subject=called,
                evidence=[answered[0], len(answered)],
            )

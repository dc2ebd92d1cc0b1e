"""Scores and marks outside what is possible."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, numbers, sheets, texts
from kobo_sync.lazy import np
from kobo_sync.model import Finding

CODE = "DATA019"
TITLE = "Score outside what is possible"
ALONE = True
SCALES = {"recommend": (0.0, 10.0), "severity": (1.0, 5.0), "feasibility": (1.0, 5.0), "impact": (1.0, 5.0)}


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per answer beyond its scale: a test's score, a mark, or a question that ``checks.bounds`` names."""
    for sheet in sheets(facts):
        for question, (low, high) in sorted(bounds(sheet).items()):
            for name, table in {"": sheet.table, **sheet.repeats}.items():
                if question not in table:
                    continue
                values = numbers(table, question)
                outside = np.flatnonzero((values < low) | (values > high))
                if len(outside):
                    roots, positions = texts(table, "root_uuid"), texts(table, "position")
                for row in outside:
                    at = sheet.places.get(roots[row], -1)
                    if at >= 0:
                        item = f"{name}/{positions[row]}" if name else ""
                        yield _finding(sheet, at, question, item, (low, high), float(values[row]))


def bounds(sheet: Sheet) -> dict[str, tuple[float, float]]:
    """Question → lowest and highest possible value."""
    fields = sheet.settings.fields
    limits = {fields[meaning]: scale for meaning, scale in SCALES.items() if meaning in fields}
    if "score" in fields and sheet.settings.items:
        limits[fields["score"]] = (0, len(sheet.settings.items))
    own = f"{sheet.form_id}."
    configured = sheet.config.checks.bounds.items()
    return limits | {name.removeprefix(own): pair for name, pair in configured if name.startswith(own)}


def _finding(sheet: Sheet, at: int, question: str, item: str, scale: tuple[float, float], value: float) -> Finding:
    above = value > scale[1]
    return sheet.finding(
        at,
        CODE,
        "error",
        f"“{question}”: a value {'above' if above else 'below'} what is possible ({scale[0]:g} to {scale[1]:g})",
        why="an impossible mark distorts the means and cannot be published",
        hint="correct the answer on the server",
        subject=f"{question}/{item}",
        evidence=[value],
    )

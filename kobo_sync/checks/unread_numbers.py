"""Answers that should be a number or a day and cannot be read as one."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.outliers import KINDS
from kobo_sync.checks.sheet import Sheet, sheets, texts
from kobo_sync.model import Finding
from kobo_sync.numbers import day_of, number_of

CODE = "DATA027"
TITLE = "Number or date that cannot be read"
ALONE = True
DAYS = ("deadline", "day")
MEANINGS = ("recommend", "severity", "households", "feasibility", "impact", "women", "men", "score")


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per answer to a numeric question, or to one whose meaning is a number or a day, that `numbers` does not read."""
    for sheet in sheets(facts):
        days = [sheet.settings.fields[name] for name in DAYS if sheet.settings.fields.get(name)]
        for question in dict.fromkeys([*_numeric(sheet), *days]):
            is_day = question in days
            for repeat, table in {"": sheet.table, **sheet.repeats}.items():
                if question not in table:
                    continue
                roots, positions = texts(table, "root_uuid"), texts(table, "position")
                for row, answer in enumerate(texts(table, question)):
                    at = sheet.places.get(roots[row], -1)
                    if answer and at >= 0 and (day_of if is_day else number_of)(answer) is None:
                        yield _finding(
                            sheet, at, question, f"{repeat}/{positions[row]}" if repeat else "", is_day=is_day
                        )


def _numeric(sheet: Sheet) -> list[str]:
    fields = sheet.settings.fields
    by_meaning = [fields[name] for name in MEANINGS if fields.get(name)]
    by_kind = [question.name for question in sheet.form.questions if question.kind in KINDS] if sheet.form else []
    return list(dict.fromkeys([*by_meaning, *by_kind]))


def _finding(sheet: Sheet, at: int, question: str, item: str, *, is_day: bool) -> Finding:
    if is_day:
        read = f"“{question}”: the answer cannot be read as a date"
        why, hint = (
            "without a date nothing is dated, and nothing is late",
            "write 2025-03-15 or 15/03/2025, on the server",
        )
    else:
        read = f"“{question}”: the answer cannot be read as a number"
        why = "means and totals lack it"
        hint = "write 2,5 or 2.5, and 1234 without a separator (1,234 may be either), on the server"
    return sheet.finding(
        at,
        CODE,
        "warning",
        read,
        why=why,
        hint=hint,
        subject=f"{question}/{item}",
        evidence=[question, item],
    )

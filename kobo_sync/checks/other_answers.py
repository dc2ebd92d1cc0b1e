"""Answers in people's own words under "other": to be read, and recoded where a code exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, sheets, texts
from kobo_sync.model import Finding

CODE = "DATA020"
TITLE = "“Other” answers to recode"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row and question that was answered in words; the words stay out of it."""
    for sheet in sheets(facts):
        for question in questions(sheet):
            for name, table in {"": sheet.table, **sheet.repeats}.items():
                if question not in table:
                    continue
                answers, roots, positions = texts(table, question), texts(table, "root_uuid"), texts(table, "position")
                for row, words in enumerate(answers):
                    at = sheet.places.get(roots[row], -1)
                    if words and at >= 0 and sheet.consented[at]:
                        item = f"{name}/{positions[row]}" if name else ""
                        yield _finding(sheet, at, question, item, words)


def questions(sheet: Sheet) -> list[str]:
    """The questions that hold an "other" answer: by meaning (``other``, ``…_other``), or text asked after that code."""
    names = [name for meaning, name in sheet.settings.fields.items() if re.fullmatch(r"(\w+_)?other", meaning)]
    codes = "|".join(map(re.escape, sheet.config.checks.other_codes))
    if sheet.form is not None and codes:
        codes_in_relevant = re.compile(rf"['\"](?:{codes})['\"]")
        names += [q.name for q in sheet.form.questions if q.kind == "text" and codes_in_relevant.search(q.relevant)]
    return list(dict.fromkeys(names))


def _finding(sheet: Sheet, at: int, question: str, item: str, words: str) -> Finding:
    return sheet.finding(
        at,
        CODE,
        "info",
        f"“{question}”: an answer “other” is to be read",
        why="until it has a code it counts in no ranking",
        hint="recode it on the server if a choice fits; else accept it as it is",
        subject=f"{question}/{item}",
        evidence=[words],
    )

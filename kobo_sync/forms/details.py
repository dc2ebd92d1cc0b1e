"""The cells of a survey sheet that only paper and codebook need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kobo_sync.forms.headers import clean, column, survey_type
from kobo_sync.forms.kobo_types import written_out
from kobo_sync.forms.sheets import Book


@dataclass(frozen=True)
class Details:
    """The cells of a survey row that only paper and codebook need; texts by language."""

    messages: Mapping[str, str] = field(default_factory=dict)
    guidance: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    repeat_count: str = ""
    trigger: str = ""
    or_other: bool = False


def details(book: Book) -> dict[int, Details]:
    """The details of each survey row, by its number; none without a survey sheet."""
    survey = written_out(book).survey
    if survey is None:
        return {}
    columns = [column(header) for header in survey.header]
    by_row = {}
    for row in survey.rows:
        plain = {c.name: clean(row.cells[c.header]) for c in columns if not c.language and c.header in row.cells}

        def texts(name: str, cells: Mapping[str, str] = row.cells) -> dict[str, str]:
            return {c.language: clean(cells[c.header]) for c in columns if c.name == name and c.header in cells}

        by_row[row.number] = Details(
            texts("constraint_message"),
            texts("guidance_hint"),
            dict(re.findall(r"(\w+)\s*=\s*([^\s;,]+)", plain.get("parameters", ""))),
            plain.get("repeat_count", ""),
            plain.get("trigger", ""),
            survey_type(plain.get("type", "")).or_other,
        )
    return by_row

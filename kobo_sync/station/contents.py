"""Kobo's ``content`` as the sheets of an XLSForm: what clients send who have no workbook [s02, s03, s15]."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kobo_sync.station import workbook


def sheets_of(content: Any) -> workbook.Sheets:
    """The sheets that *content*, an object or its JSON text, stands for.

    Raises: ValueError when it is none; ImportRefused where a workbook would be refused.
    """
    if isinstance(content, str):
        content = json.loads(content) if content.strip() else {}
    if not isinstance(content, Mapping):
        raise ValueError("content is no object")
    languages = content.get("translations") or [None]
    sheets: workbook.Sheets = {"survey": _rows(content.get("survey"), languages)}
    choices = _rows(content.get("choices"), languages)
    settings = content.get("settings") or {}
    settings = settings[0] if isinstance(settings, list) and settings else settings
    if choices:
        sheets["choices"] = choices
    if settings:
        sheets["settings"] = [_texts(settings)]
    workbook.check_sheets(sheets)
    return sheets


def _rows(rows: Any, languages: Sequence[str | None]) -> list[dict[str, str]]:
    if not isinstance(rows or [], list):
        raise ValueError("a sheet is a list of rows")
    return [_row(row, languages) for row in rows or []]


def _row(row: Any, languages: Sequence[str | None]) -> dict[str, str]:
    if not isinstance(row, Mapping):
        raise ValueError("a row is an object")
    cells = {key: value for key, value in row.items() if not str(key).startswith("$")}
    name = row.get("$autoname") or row.get("$autovalue")
    if name and not cells.get("name"):
        cells["name"] = name
    kind, choice_list, file = cells.get("type"), cells.pop("select_from_list_name", None), cells.pop("file", None)
    if isinstance(kind, Mapping) and len(kind) == 1:
        kind, choice_list = next(iter(kind.items()))
    if kind:
        cells["type"] = " ".join(str(part) for part in (kind, file or choice_list) if part)
    for key, value in list(cells.items()):
        if isinstance(value, list):
            del cells[key]
            named = zip(languages, value, strict=False)
            cells |= {f"{key}::{language}" if language else key: text for language, text in named if text}
    return _texts(cells)


def _texts(cells: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(key): str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in cells.items()
        if value not in (None, "") and not isinstance(value, (list, dict))
    }

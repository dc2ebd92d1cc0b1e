"""The choices of a select that reads a file (``select_one_from_file``): CSV, GeoJSON, or an external XML instance."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from kobo_sync.config.languages import language_code
from kobo_sync.model import Choice

_LABEL = re.compile(r"label(?:::?|_)(.+)", re.IGNORECASE)


def choices_in(content: bytes, file: str, parameters: str = "") -> tuple[Choice, ...]:
    """The choices that *file* offers, by code, each code once; none when the file is not of its ending's shape.

    *parameters* is the question's cell: ``value=code label=nom`` names other columns than ``name`` (in GeoJSON ``id``) and
    ``label`` (in GeoJSON ``title``), as ODK has it. Columns ``label::French (fr)`` or ``label_fr`` are labels by language.
    """
    named = dict(re.findall(r"(value|label)\s*=\s*([^\s,;]+)", parameters))
    is_geojson = file.lower().endswith(".geojson")
    value = named.get("value", "id" if is_geojson else "name")
    label = named.get("label", "title" if is_geojson else "label")
    choices: dict[str, Choice] = {}
    for row in _rows(content, file):
        code = str(row.get(value, "")).strip()
        if code:
            texts = dict(_labels(row, label))
            extra = {column: str(text) for column, text in row.items() if column not in (value, label) and column}
            choices.setdefault(code, Choice(code, {language: text for language, text in texts.items() if text}, extra))
    return tuple(choices.values())


def _labels(row: Mapping[str, str], label: str) -> Iterator[tuple[str, str]]:
    for column, text in row.items():
        if column == label:
            yield "", str(text).strip()
        elif match := _LABEL.fullmatch(column):
            yield language_code(match[1]) or match[1], str(text).strip()


def _rows(content: bytes, file: str) -> Sequence[Mapping[str, str]]:
    try:
        if file.lower().endswith(".geojson"):
            return [
                {"id": feature.get("id", ""), **(feature.get("properties") or {})}
                for feature in json.loads(content)["features"]
            ]
        if file.lower().endswith(".xml"):
            return [{child.tag: child.text or "" for child in item} for item in fromstring(content).iter("item")]
        text = content.decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
        return [{(key or "").strip(): cell or "" for key, cell in row.items() if isinstance(cell, str)} for row in rows]
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        csv.Error,
        ParseError,
        DefusedXmlException,
    ):
        return []

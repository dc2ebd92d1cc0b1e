"""What a header, a language and a cell of the column type mean in an XLSForm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kobo_sync.config.languages import language_code

EXPRESSIONS = (
    "relevant",
    "constraint",
    "calculation",
    "choice_filter",
    "required",
    "read_only",
    "repeat_count",
    "default",
    "trigger",
)
_QUOTES = str.maketrans("‘’“”", "''\"\"")

TRANSLATED = (
    "label",
    "hint",
    "guidance_hint",
    "constraint_message",
    "required_message",
    "image",
    "big-image",
    "audio",
    "video",
)
MEDIA_COLUMNS = ("image", "big-image", "audio", "video")
_COLUMN_ALIASES = {
    "relevance": "relevant", "caption": "label", "command": "type", "tag": "name", "value": "name", "calculate": "calculation",
    "readonly": "read_only", "constraining_message": "constraint_message", "requiredmsg": "required_message",
    "count": "repeat_count", "jr:count": "repeat_count", "list": "list_name", "set_form_title": "form_title",
    "title": "form_title", "set_form_id": "form_id", "id_string": "form_id", "bind::jr:constraintmsg": "constraint_message",
    "bind::jr:requiredmsg": "required_message", "control::appearance": "appearance", "body::appearance": "appearance",
}  # fmt: skip
TYPE_ALIASES = {
    "imei": "deviceid", "photo": "image", "int": "integer", "string": "text", "gps": "geopoint", "location": "geopoint",
    "datetime": "dateTime", "select1": "select_one", "select one": "select_one", "select one from": "select_one",
    "add select one prompt using": "select_one", "select all that apply from": "select_multiple",
    "select all that apply": "select_multiple", "select multiple": "select_multiple", "select multiple from": "select_multiple",
    "add select multiple prompt using": "select_multiple", "select one from file": "select_one_from_file",
    "select multiple from file": "select_multiple_from_file", "select one external": "select_one_external",
    "begin group": "begin_group", "end group": "end_group", "begin repeat": "begin_repeat", "end repeat": "end_repeat",
    "begin lgroup": "begin_repeat", "end lgroup": "end_repeat", "begin looped group": "begin_repeat",
    "end looped group": "end_repeat", "device id": "deviceid", "phone number": "phonenumber", "get phone number": "phonenumber",
    "start time": "start", "get start time": "start", "end time": "end", "get end time": "end", "get today": "today",
    "begin kobomatrix": "begin_kobomatrix", "end kobomatrix": "end_kobomatrix", "begin score": "begin_score",
    "end score": "end_score", "begin rank": "begin_rank", "end rank": "end_rank",
}  # fmt: skip
SELECTS = (
    "select_one",
    "select_multiple",
    "rank",
    "select_one_from_file",
    "select_multiple_from_file",
    "select_one_external",
)
_OR_OTHER = re.compile(r"\s(or_other|or other|or specify other)$")
_KOBO_DASH = re.compile(r"^kobo[–—]-?")  # word processors make one dash of the two in kobo--matrix_list


@dataclass(frozen=True)
class Column:
    """A header as understood: canonical *name*, *language* code ("" when none), the *header* as written."""

    name: str
    language: str
    header: str


@dataclass(frozen=True)
class SurveyType:
    """A cell of the type column: canonical *kind*, its list or file, and whether *or_other* follows."""

    kind: str
    list_name: str = ""
    file_name: str = ""
    or_other: bool = False


@lru_cache(maxsize=4096)
def column(header: str) -> Column:
    """The meaning of a header: ``Label::Français (fr)`` → label, fr; single colons count where two are missing."""
    plain = " ".join(header.split())
    key = _snake(plain)
    if key in _COLUMN_ALIASES:
        return Column(_COLUMN_ALIASES[key], "", header)
    parts = [part.strip() for part in plain.split("::" if "::" in plain else ":")]
    if len(parts) > 1 and parts[0].lower() in ("media", "bind", "body", "control"):
        parts = parts[1:] if parts[0].lower() == "media" else [parts[1].removeprefix("jr:"), *parts[2:]]
    name = _KOBO_DASH.sub("kobo--", _snake(parts[0]))
    name = _COLUMN_ALIASES.get(name, name)
    name = {"constraintmsg": "constraint_message", "requiredmsg": "required_message"}.get(name, name)
    if len(parts) > 1 and name in TRANSLATED:
        return Column(name, language_code(parts[1]), header)
    return Column(name if len(parts) == 1 else key, "", header)


@lru_cache(maxsize=4096)
def survey_type(text: str) -> SurveyType:
    """The canonical type of a survey row, in whatever case and spacing it was typed."""
    words = " ".join(text.split())
    words, n_other = _OR_OTHER.subn("", words)
    or_other = bool(n_other)
    lower = words.lower()
    if match := re.match(r"(begin|end)[ _]loop\b", lower):
        return SurveyType(f"{match[1]}_group", list_name=words.rpartition(" over ")[2] if " over " in words else "")
    if lower in TYPE_ALIASES or " " not in words:
        return SurveyType(TYPE_ALIASES.get(lower, "dateTime" if lower == "datetime" else lower), or_other=or_other)
    head, _, tail = words.rpartition(" ")
    kind = TYPE_ALIASES.get(head.lower(), head.lower())
    if kind not in SELECTS:  # a list name with a space, or a type that nobody knows
        head, _, tail = words.partition(" ")
        kind = TYPE_ALIASES.get(head.lower(), head.lower())
    if kind.endswith("_from_file"):
        return SurveyType(kind, file_name=tail, or_other=or_other)
    if kind in SELECTS or kind == "osm":
        return SurveyType(kind, list_name=tail, or_other=or_other)
    return SurveyType(lower, or_other=or_other)


def is_disabled(cells: Mapping[str, str]) -> bool:
    """Whether the column disabled takes the row out of the form, as pyxform reads it."""
    return cells.get("disabled", "").lower() in ("yes", "true", "true()")


def clean(text: str) -> str:
    """The text as pyxform takes it: no outer blanks, no-break spaces as plain ones."""
    return text.replace("\xa0", " ").strip()


def _snake(text: str) -> str:
    return "_".join(text.split()).lower()


def expression(text: str) -> str:
    """An expression as pyxform takes it: the typographic quotes of word processors as plain ones."""
    return clean(text).translate(_QUOTES)

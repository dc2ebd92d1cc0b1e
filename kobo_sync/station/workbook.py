"""XLSForms as the station keeps them: Kobo's content from a workbook, the XForm that phones get from a version."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from defusedxml.ElementTree import fromstring
from pyxform import aliases
from pyxform.errors import PyXFormError
from pyxform.question_type_dictionary import QUESTION_TYPE_DICT
from pyxform.xls2json_backends import get_xlsform
from pyxform.xls2xform import convert

from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.unpacking import too_much
from kobo_sync.station.kobo_rows import is_own, written_out

Sheets = dict[str, list[dict[str, str]]]
_SHEETS = ("survey", "choices", "settings", "external_choices", "entities", "osm")
_TRANSLATED = ("label", "hint", "guidance_hint", "constraint_message", "required_message", "image", "audio", "video")
_NAME = re.compile(r"^[^\W\d][\w.\-]*$")
_NOT_COUNTED = frozenset(
    "start today end deviceid phone_number audit username phonenumber imei start-geopoint note begin_group".split()
)  # kpi/utils/asset_content_analyzer.py
_SELECT = re.compile(
    r"^(select[ _]one|select[ _]multiple|select1|rank)(?:[ _](from_file|from file|external))?\s+(\S.*)$"
)
_NO_REFERENCE = re.compile(r"Could not find the name '([^']+)'")


class ImportRefused(KoboSyncError):
    """A workbook that KoboToolbox does not import; *kind* is its ``error_type`` [b10-b16]."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Undeployable(KoboSyncError):
    """A form that imports and cannot be compiled; the message is what the server answers [d09]."""


@dataclass(frozen=True)
class Deployable:
    """The XForm of one deployment, with what reading submissions needs of it."""

    xform: bytes
    md5: str


def read_workbook(content: bytes) -> Sheets:
    """The sheets of an XLSForm, header → text per row.

    Raises: ImportRefused, with the texts of [b10 b11 b14 b15 b16].
    """
    if reason := too_much(content):
        raise ImportRefused(
            "XlsFormatException",
            f"The workbook is too large for a form: {reason}. Delete what lies below and beside it",
        )
    if content[:2] not in (b"PK", b"\xd0\xcf"):
        raise ImportRefused("XlsFormatException", "Unsupported format, or corrupt file")
    try:
        data = get_xlsform(xlsform=content)
    except PyXFormError as error:
        if "survey" in str(error):
            raise ImportRefused("SyntaxError", "xls upload must have one of these sheets: survey, library") from error
        raise ImportRefused("XlsFormatException", "Unsupported format, or corrupt file") from error
    except Exception as error:  # any reader may meet any corruption
        raise ImportRefused("XlsFormatException", "Unsupported format, or corrupt file") from error
    sheets: Sheets = {}
    for name in _SHEETS:
        rows = getattr(data, name, None)
        if rows:
            sheets[name] = [{str(key): str(value) for key, value in row.items()} for row in rows]
    if "survey" not in sheets:
        raise ImportRefused("SyntaxError", "xls upload must have one of these sheets: survey, library")
    check_sheets(sheets)
    return sheets


def check_sheets(sheets: Sheets) -> None:
    """Raises: ImportRefused for an unknown type, a name that is none, a name that stands twice."""
    names: set[str] = set()
    for row in sheets["survey"]:
        kind, name = row.get("type", "").strip(), row.get("name", "").strip()
        if not kind:
            continue
        if not _is_known(kind):
            raise ImportRefused("ValueError", f"unknown type ['{kind}']")
        if not name or _is_end(kind):
            continue
        if not _NAME.match(name):
            raise ImportRefused("ValueError", f"Invalid node name: {name}")
        if name in names:
            raise ImportRefused("DuplicateNameException", f"Duplicate node name: {name}")
        names.add(name)


def _is_end(kind: str) -> bool:
    return kind.replace("_", " ").startswith("end ") and kind.replace("_", " ") not in QUESTION_TYPE_DICT


def _is_known(kind: str) -> bool:
    words = kind.replace("_", " ").split()
    control = len(words) > 1 and words[0] in ("begin", "end") and words[1] in ("group", "repeat", "lgroup", "looped")
    return (
        control
        or is_own(kind)
        or bool(_SELECT.match(kind))
        or kind in QUESTION_TYPE_DICT
        or kind in aliases._type_alias_map
        or words[0] in ("osm", "select", "entity")
    )


def title_of(sheets: Mapping[str, list[dict[str, str]]]) -> str:
    """The form's title, or nothing."""
    settings = (sheets.get("settings") or [{}])[0]
    return settings.get("form_title") or settings.get("title") or settings.get("set_form_title") or ""


def content_of(sheets: Sheets, salt: str) -> dict[str, Any]:
    """The asset's ``content`` as `GET /assets/<uid>/` shows it [d06]; *salt* makes its ``$kuid``."""
    languages = _languages(sheets)
    survey = [_row(row, languages, f"{salt}s{n}", with_type=True) for n, row in enumerate(sheets["survey"])]
    _add_paths(survey)
    choices = [_row(row, languages, f"{salt}c{n}", with_type=False) for n, row in enumerate(sheets.get("choices", []))]
    settings = {k: v for k, v in (sheets.get("settings") or [{}])[0].items() if k not in ("form_title", "title")}
    if "form_id" in settings:
        settings["id_string"] = settings.pop("form_id")
    if not survey:
        return {"schema": "1", "survey": [], "settings": settings}  # [s01]
    columns = {re.split("::?", key)[0] for row in sheets["survey"] + sheets.get("choices", []) for key in row}
    return {
        "schema": "1",
        "survey": survey,
        "choices": choices,
        "settings": settings,
        "translated": [name for name in _TRANSLATED if name in columns],
        "translations": list(languages) or [None],
    }


def summary_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The asset's ``summary``; of an empty form nearly nothing [s01]."""
    if not content["survey"]:
        return {"languages": []}
    rows = [(str(row.get("type", "")), row) for row in content["survey"]]
    counted = [row for kind, row in rows if kind and not kind.startswith("end") and kind not in _NOT_COUNTED]
    labels = [row["label"][0] for row in counted if row.get("label") and row["label"][0]]
    columns = list(dict.fromkeys(key for row in counted for key in row if not key.startswith("$")))
    languages = [language for language in content["translations"] if language]
    return {
        "geo": any(kind.startswith("geo") for kind, _ in rows),
        "labels": labels[:5],
        "columns": columns,
        "lock_all": False,
        "lock_any": False,
        "languages": languages,
        "row_count": len(counted),
        "name_quality": {"ok": 0, "bad": 0, "good": len(counted), "total": len(counted), "firsts": {}},
        "default_translation": languages[0] if languages else None,
    }


def content_hash(sheets: Sheets) -> str:
    """A sha1 of the sheets: equal content, equal hash."""
    return hashlib.sha1(json.dumps(sheets, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def _languages(sheets: Sheets) -> tuple[str, ...]:
    languages: dict[str, None] = {}
    for row in sheets["survey"] + sheets.get("choices", []):
        for key in row:
            name, _, language = key.partition("::") if "::" in key else key.partition(":")
            if language and name.strip() in _TRANSLATED:
                languages.setdefault(language.strip())
    return tuple(languages)


def _row(row: Mapping[str, str], languages: tuple[str, ...], salt: str, *, with_type: bool) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for key, value in row.items():
        name, _, language = key.partition("::") if "::" in key else key.partition(":")
        if name in _TRANSLATED:
            slots = done.setdefault(name, [None] * max(1, len(languages)))
            slots[languages.index(language.strip()) if language.strip() in languages else 0] = value
        elif key == "list name":
            done["list_name"] = value
        elif key == "required":
            done[key] = value.strip().lower() in ("yes", "true", "true()", "1")
        else:
            done[key] = value
    if with_type and "type" in done:
        done.update(_type(done["type"]))
    done["$kuid"] = _kuid(salt)
    if done.get("name"):
        done["$autoname" if with_type else "$autovalue"] = done["name"]
    return done


def _type(kind: str) -> dict[str, str]:
    kind = re.sub(r"^(begin|end) ", r"\1_", kind.strip())
    match = _SELECT.match(kind)
    if not match:
        return {"type": kind}
    select = {"select1": "select_one"}.get(match[1], match[1].replace(" ", "_"))
    if match[2]:
        return {"type": f"{select}_{match[2].replace(' ', '_')}", "file": match[3]}
    return {"type": select, "select_from_list_name": match[3]}


def _add_paths(survey: list[dict[str, Any]]) -> None:
    parents: list[str] = []
    for row in survey:
        kind = str(row.get("type", ""))
        if kind.startswith("end_"):
            for key in ("name", "$autoname", "label"):
                row.pop(key, None)
            parents = parents[:-1]
            continue
        if row.get("name"):
            row["$xpath"] = "/".join([*parents, row["name"]])
        if kind.startswith("begin_"):
            parents.append(str(row.get("name", "")))


def _kuid(salt: str) -> str:
    return hashlib.sha256(salt.encode()).hexdigest()[:9]


def deployable(
    sheets: Sheets, *, asset_uid: str, name: str, form_uuid: str, version_uid: str, stamp: str
) -> Deployable:
    """The XForm as the real server serves it [e12, d27].

    The form's id is the asset uid whatever the workbook says, its version *stamp*; ``formhub/uuid`` and a
    ``__version__`` calculate are added.
    Raises: Undeployable with pyxform's complaint in the recorded words where they are known [d09].
    """
    version_row = {"type": "calculate", "name": "__version__", "calculation": f"'{version_uid}'"}
    survey = [row for row in sheets["survey"] if row.get("name") != "__version__"]
    settings = {**_settings(sheets, "id_string", "set_form_id"), "form_id": asset_uid, "version": stamp}
    text = _compile(
        {**sheets, "survey": [*survey, version_row], "settings": [{**settings, "form_title": name}]}, asset_uid
    )
    xform = _with_form_uuid(text, asset_uid, form_uuid).encode()
    return Deployable(xform, hashlib.md5(xform, usedforsecurity=False).hexdigest())


def plain_xform(sheets: Sheets, *, asset_uid: str, name: str) -> str:
    """The XForm of a content that need not be deployed: the workbook's own id, no version [b22].

    Raises: Undeployable.
    """
    settings = {**_settings(sheets, "version"), "form_title": name}
    return _compile({**sheets, "settings": [settings]}, asset_uid)


def _settings(sheets: Sheets, *without: str) -> dict[str, str]:
    dropped = (*without, "name", "title", "set_form_title")
    return {key: value for key, value in (sheets.get("settings") or [{}])[0].items() if key not in dropped}


def _compile(book: Sheets, root: str) -> str:
    try:
        book = written_out(book)
    except (KeyError, TypeError) as error:
        raise Undeployable(str(error)) from error
    # Without headers pyxform guesses them from the first 100 rows, and refuses a column first used further down.
    headers = {f"{name}_header": [dict.fromkeys(key for row in rows for key in row)] for name, rows in book.items()}
    try:
        return str(convert(xlsform={**book, **headers}, form_name=root, pretty_print=True).xform)
    except PyXFormError as error:
        raise Undeployable(_complaint(str(error))) from error
    except Exception as error:  # a form may break the compiler in its own way; the server answers 400 all the same
        raise Undeployable(_complaint(f"{type(error).__name__}: {error}")) from error


def _complaint(text: str) -> str:
    missing = _NO_REFERENCE.search(text)
    if not missing:
        return text
    return (
        f"There has been a problem trying to replace ${{{missing[1]}}} with the XPath to the survey element named"
        f" '{missing[1]}'. There is no survey element with this name."
    )


def _with_form_uuid(text: str, asset_uid: str, form_uuid: str) -> str:
    opening = re.compile(rf"(<{re.escape(asset_uid)} [^>]*>)")
    text = opening.sub(
        lambda m: f"{m[1]}\n          <formhub>\n            <uuid/>\n          </formhub>", text, count=1
    )
    bind = (
        f'<bind nodeset={quoteattr(f"/{asset_uid}/formhub/uuid")} type="string" calculate="\'{escape(form_uuid)}\'"/>'
    )
    text = text.replace("    </model>", f"      {bind}\n    </model>", 1)
    return re.sub(r"^<\?xml [^>]*\?>", '<?xml version="1.0" encoding="utf-8"?>', text, count=1)


@dataclass(frozen=True)
class Shape:
    """What reading a form's submissions needs: its repeats and geopoints, as paths without the root."""

    repeats: frozenset[str]
    geopoints: tuple[str, ...]


def shape_of(xform: bytes) -> Shape:
    """The repeats and geopoints of a deployed XForm."""
    root = fromstring(xform)
    repeats = {_path(node.get("nodeset", "")) for node in root.iter("{http://www.w3.org/2002/xforms}repeat")}
    binds = root.iter("{http://www.w3.org/2002/xforms}bind")
    return Shape(frozenset(repeats), tuple(_geopoints(binds)))


def _geopoints(binds: Iterator[Any]) -> Iterator[str]:
    for bind in binds:
        if bind.get("type") == "geopoint":
            yield _path(bind.get("nodeset", ""))


def _path(nodeset: str) -> str:
    return "/".join(nodeset.strip("/").split("/")[1:])

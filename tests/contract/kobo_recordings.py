"""The recorded exchanges with a real server, replayed against a running station, and the comparison of both.

Nothing of `kobo_sync.kobo` is imported: a mistake shared by client and station must show here.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus
from xml.etree import ElementTree

import requests
import xlsxwriter
from PIL import Image
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

FOLDER = Path(__file__).parent.parent / "recordings"
USERS = ("maha", "enum1", "viewer", "admin")
TITLE = "Enquête ménages"
_FR, _AR = "label::Français (fr)", "label::العربية (ar)"


# ── the form that was used ──────────────────────────────────────────────────


def xlsx(sheets: dict[str, list[dict[str, str]]]) -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        header = list(dict.fromkeys(key for row in rows for key in row))
        for n, row in enumerate([dict(zip(header, header, strict=True)), *rows]):
            for m, key in enumerate(header):
                sheet.write_string(n, m, row.get(key, ""))
    book.close()
    return target.getvalue()


def menages(version: int) -> bytes:
    def q(kind: str, name: str, fr: str = "", ar: str = "", **more: str) -> dict[str, str]:
        return {"type": kind, "name": name, _FR: fr, _AR: ar, **more}

    survey = [
        *(q(name, name) for name in ("start", "end", "today", "username", "deviceid")),
        q("text", "nom", "Nom du ménage", "اسم الأسرة", required="true"),
        q("integer", "age", "Âge", "العمر"),
        *([q("text", "telephone", "Téléphone", "هاتف")] if version > 1 else []),
        q("select_one oui_non", "accord", "Accord ?", "موافقة؟"),
        q("select_multiple biens", "biens", "Biens", "ممتلكات"),
        q("select_one_from_file zones.csv", "zone", "Zone", "المنطقة"),
        q("geopoint", "gps", "Position", "الموقع"),
        q("image", "photo", "Photo", "صورة"),
        q("begin_group", "logement", "Logement", "السكن"),
        q("decimal", "surface", "Surface", "المساحة"),
        q("end_group", ""),
        q("begin_repeat", "membre", "Membre", "فرد"),
        q("text", "prenom", "Prénom", "الاسم"),
        q("integer", "age_m", "Âge", "العمر"),
        q("begin_repeat", "visite", "Visite", "زيارة"),
        q("date", "jour", "Jour", "اليوم"),
        q("end_repeat", ""),
        q("end_repeat", ""),
    ]
    choices = [
        {"list_name": "oui_non", "name": "oui", _FR: "Oui", _AR: "نعم"},
        {"list_name": "oui_non", "name": "non", _FR: "Non", _AR: "لا"},
        {"list_name": "biens", "name": "radio", _FR: "Radio", _AR: "راديو"},
        {"list_name": "biens", "name": "velo", _FR: "Vélo", _AR: "دراجة"},
    ]
    settings = {"form_title": TITLE, "id_string": "menages", "version": str(version)}
    return xlsx({"survey": survey, "choices": choices, "settings": [{**settings, "default_language": "Français (fr)"}]})


def _broken(kind: str) -> bytes:
    a = {"type": "text", "name": "a", "label": "A"}
    survey = {
        "dup": [a, a],
        "type": [{**a, "type": "wibble"}],
        "ref": [a, {"type": "text", "name": "b", "label": "B", "relevant": "${nosuch}='1'"}],
        "nolist": [{"type": "select_one absente", "name": "b", "label": "B"}],
        "name": [{**a, "name": "bad name!"}],
    }
    if kind == "nosurvey":
        return xlsx({"choices": [{"list_name": "l", "name": "n", "label": "L"}]})
    return b"this is no workbook" if kind == "notxlsx" else xlsx({"survey": survey[kind]})


ZONES = "name,label,label_ar\nz1,Zone un,المنطقة ١\nz2,Zone deux,المنطقة ٢\n"
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

Body = tuple[dict[str, str], dict[str, tuple[str, bytes, str]]]


def _book(content: bytes, **fields: str) -> Body:
    return fields, {"file": ("menages.xlsx", content, "application/octet-stream")}


def _media(name: str, content: str, *, without: str = "") -> Body:
    fields = {"description": "default", "file_type": "form_media", "metadata": json.dumps({"filename": name})}
    fields.pop(without, None)
    return fields, {"content": (name, content.encode(), "text/csv")}


@lru_cache(maxsize=4)
def bodies(asset_url: str) -> dict[str, Body]:
    """The bodies that the recordings describe in words."""
    plain = {"name": "menages.xlsx", "library": "false"}
    return {
        "b01_import_file": _book(menages(1), **plain),
        "b03_import_base64": ({**plain, "base64Encoded": "base64:" + base64.b64encode(menages(1)).decode()}, {}),
        "b05_import_file_without_library": _book(menages(1)),
        **{
            f"b{number}_import_invalid_{kind}": _book(_broken(kind), **plain)
            for number, kind in zip(
                range(10, 17), ("dup", "type", "ref", "nolist", "name", "nosurvey", "notxlsx"), strict=True
            )
        },
        "b23_import_no_payload": ({"name": "x"}, {}),
        "b24_import_anonymous": _book(menages(1), **plain),
        "b43_import_invalid_destination": _book(_broken("ref"), **plain, destination=asset_url),
        "b47_import_back": _book(menages(2), **plain, destination=asset_url),
        "d20_import_destination": _book(menages(2), **plain, destination=asset_url),
        "m28_import_destination_viewer": _book(menages(2), **plain, destination=asset_url),
        "c01_media_upload_multipart": _media("zones.csv", ZONES),
        "c05_media_upload_duplicate": _media("zones.csv", ZONES + "z3,Trois,٣\n"),
        "c06_media_patch": _media("zones.csv", ZONES + "z3,Trois,٣\n"),
        "c06b_media_put": _media("zones.csv", ZONES + "z3,Trois,٣\n"),
        "c07_media_bad_type": _media("run.exe", "MZ"),
        "c08_media_base64": (
            {**_media("logo.png", "")[0], "base64Encoded": f"data:image/png;base64,{_PNG}"},
            {},
        ),
        "c09_media_no_metadata": _media("autre.csv", ZONES, without="metadata"),
        "c10_media_no_description": _media("autre.csv", ZONES, without="description"),
        "c23_replace_step2_upload": _media("zones.csv", "name,label,label_ar\nz1,Zone un,١\nz3,Zone trois,٣\n"),
        "c38_upload_media": _media("zones.csv", "name,label,label_ar\nz1,Zone un,١\nz4,Zone quatre,٤\n"),
        "m14_media_enum1": _media("enum.csv", ZONES),
    }


def jpeg(name: str, size: int) -> bytes:
    """A photo that differs by name and length."""
    target = io.BytesIO()
    Image.new("RGB", (900, 700), (len(name) * 7 % 256, size % 256, 90)).save(target, "JPEG")
    return target.getvalue()


# ── recordings ──────────────────────────────────────────────────────────────


def load() -> list[dict[str, Any]]:
    """All recordings kept here, in the order in which they happened."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    moments: dict[str, tuple[float, str]] = {}
    for item in found:
        date = item.get("headers", {}).get("Date")
        if date:
            moments[item["step"]] = (parsedate_to_datetime(date).timestamp(), item["step"])
    for step, before in AFTER.items():
        moments[step] = (moments[before][0], before + "~" + step)
    return sorted(found, key=lambda item: moments[item["step"]])


# Steps whose Date has no order of its own (whole seconds), or that were rows read in between.
AFTER = {
    "f01_data_photo_missing": "e25_submit_without_attachment_first",
    "f02_data_photo_arrived": "e26_submit_attachment_later",
    "f11_after_edit": "e44b_original_bytes_resubmitted_after_edit",
    "f12_after_edit_by_old_uuid": "e44b_original_bytes_resubmitted_after_edit",
    "f12b_after_edit_by_new_uuid": "e44b_original_bytes_resubmitted_after_edit",
    "f00b_data_empty_start": "f00_data_empty",
    "e53_0_row": "e52_0_attachment_name",
    "e53_1_row": "e52_1_attachment_name",
    "e53_2_row": "e52_2_attachment_name",
    "e53_3_row": "e52_3_attachment_name",
    "e55_row_after_photo_removed": "e54_edit_removes_photo",
    "g21_row_after_attachment_delete": "g20_attachment_delete",
    "e48_edit_after_validation": "h12_data_query_validation",
    "e49_resubmit_deleted": "h36_bulk_delete_all_no_confirm",
}
# Edits of submissions whose first POST was not recorded: it is made up from the edit.
FIRST_SENT = ("e54_edit_removes_photo", "e56_edit_same_file_name_new_bytes", "m61_edit_by_other_user")
WRONG_PASSWORD = ("a04_token_basic_bad", "e06_formList_digest_bad")

_UID = re.compile(r"\b(?:att|af|[aviph])[A-Za-z0-9]{21,22}\b")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b")


@dataclass
class Exchange:
    """What was recorded, and what the station answered to the same."""

    recorded: dict[str, Any]
    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Replay:
    """Sends recorded requests in order; what differs by nature (uids, ids) is learnt from the answers."""

    url: str
    set_clock: Any
    names: dict[str, str] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)

    def run(self, recordings: list[dict[str, Any]]) -> dict[str, Exchange]:
        done = {}
        with requests.Session() as session:
            for recorded in recordings:
                done[recorded["step"]] = self._one(session, recorded)
        return done

    def _one(self, session: requests.Session, recorded: dict[str, Any]) -> Exchange:
        step = recorded["step"]
        date = recorded.get("headers", {}).get("Date")
        if date:
            self.set_clock(parsedate_to_datetime(date).astimezone(UTC))
        if "method" not in recorded:  # a row read by a query that was not kept
            asset = self.names[MAIN_ASSET]
            query = quote(json.dumps({"nom": recorded["body"]["nom"]}))
            answer = self._send(session, "GET", f"/api/v2/assets/{asset}/data/?query={query}", "maha", step, {})
            row = answer.json()["results"][0]
            self._learn(recorded["body"], row)
            return Exchange(recorded, answer.status_code, dict(answer.headers), row)
        path = self.translate(recorded["path"])
        if step == "f20_limit2":
            self._send_lots(session)
        if step in FIRST_SENT:
            self._send(session, "POST", path, "maha", step, self._multipart(recorded, as_first=True))
        answer = self._send(session, recorded["method"], path, recorded["as"], step, self._body(recorded), recorded)
        kind = answer.headers.get("Content-Type", "")
        binary = isinstance(recorded["body"], dict) and recorded["body"].get("_binary")
        body: Any = answer.content if binary else answer.json() if "application/json" in kind and answer.content else answer.text  # fmt: skip
        self._learn(recorded["body"], body)
        return Exchange(recorded, answer.status_code, dict(answer.headers), body)

    def _send_lots(self, session: requests.Session) -> None:
        """Six submissions that were sent, not recorded, and asked for later: made again from their rows [f25]."""
        rows = json.loads((FOLDER / "f25_limit_100000.json").read_text(encoding="utf-8"))["body"]["results"]
        for row in rows:
            if not row["nom"].startswith("Lot "):
                continue
            flat = "".join(f"<{k}>{v}</{k}>" for k, v in row.items() if k[0] != "_" and "/" not in k)
            groups = "".join(
                f"<{group}><{name}>{row[key]}</{name}></{group}>"
                for key in ("formhub/uuid", "logement/surface", "meta/instanceID")
                for group, name in [key.split("/")]
            )
            version = f"<__version__>{row['__version__']}</__version__>"
            xml = self.translate(f'<{MAIN_ASSET} id="{MAIN_ASSET}">{flat}{version}{groups}</{MAIN_ASSET}>').encode()
            files = {"files": {"xml_submission_file": ("submission.xml", xml, "text/xml")}}
            self._send(session, "POST", "/submission", "maha", "lots", files)

    def _send(
        self,
        session: requests.Session,
        method: str,
        path: str,
        who: str,
        step: str,
        body: dict[str, Any],
        recorded: dict[str, Any] | None = None,
    ) -> requests.Response:
        kept = ("Accept", "Range", "If-None-Match", "If-Modified-Since", "X-Forwarded-Proto", "X-OpenRosa-Version")
        headers = {k: v for k, v in (recorded or {}).get("request_headers", {}).items() if k in kept}
        password = "wrong" if step in WRONG_PASSWORD else "secret"
        auth: Any = None
        if who == "HTTPDigestAuth":
            auth = HTTPDigestAuth("enum1" if step.startswith("m06") else "maha", password)
        elif who == "basic":
            auth = HTTPBasicAuth("maha", password)
        elif who != "nobody":
            headers["Authorization"] = f"Token token-of-{who}"
        return session.request(
            method, self.url + path, headers=headers, auth=auth, allow_redirects=False, timeout=20, **body
        )

    def _body(self, recorded: dict[str, Any]) -> dict[str, Any]:
        body, step = recorded["request_body"], recorded["step"]
        asset = self.names.get(MAIN_ASSET, "")
        described = bodies(f"{self.url}/api/v2/assets/{asset}/").get(step)
        if described:
            return {"data": described[0], "files": described[1] or None}
        if isinstance(body, dict) and "multipart" in body:
            return self._multipart(recorded)
        if isinstance(body, str) and "=" in body:
            return {"data": dict(parse_qsl(body))}
        if step == "b07_import_json_body":
            return {"json": {"base64Encoded": "base64:AAAA", "name": "x"}}
        return {} if body is None else {"json": json.loads(self.translate(json.dumps(self._renumber(body))))}

    def _multipart(self, recorded: dict[str, Any], *, as_first: bool = False) -> dict[str, Any]:
        files = []
        for key, value in recorded["request_body"]["multipart"].items():
            if key.startswith("xml_submission_file"):
                xml = self.translate(value)
                if as_first:
                    xml = re.sub(r"<instanceID>[^<]*</instanceID>", "", xml).replace("deprecatedID>", "instanceID>")
                    xml = xml.replace("<photo/>", "<photo>p.jpg</photo>")
                files.append(("xml_submission_file", ("submission.xml", xml.encode(), "text/xml")))
            else:
                size, _, mimetype = value.split(" ")
                files.append((key, (key, jpeg(key, int(size) + as_first), mimetype)))
        return {"files": files}

    def translate(self, text: str) -> str:
        for old, new in self.names.items():
            text = text.replace(old, new)
        text = re.sub(r"(?<=\?query=)[^&]+", self._query, text)
        return re.sub(r"(?<=/data/)\d+(?=[/.])", lambda m: str(self.ids.get(int(m[0]), int(m[0]))), text)

    def _query(self, match: re.Match[str]) -> str:
        """A query with the ids that its rows have here."""
        asked = unquote_plus(match[0])
        if '"_id"' not in asked:
            return match[0]
        here = re.sub(r"\d+", lambda m: str(self._nearest(int(m[0]), is_exact="$in" in asked)), asked)
        return quote(here)

    def _nearest(self, number: int, *, is_exact: bool) -> int:
        known = [number] if is_exact else [known for known in self.ids if known <= number]
        return self.ids.get(max(known), number) if known else number

    def _renumber(self, body: Any) -> Any:
        if isinstance(body, dict):
            return {
                key: [self.ids.get(n, n) for n in value] if key == "submission_ids" else self._renumber(value)
                for key, value in body.items()
            }
        return body

    def _learn(self, recorded: Any, said: Any) -> None:
        if isinstance(recorded, dict) and isinstance(said, dict):
            if isinstance(recorded.get("_id"), int) and isinstance(said.get("_id"), int):
                self.ids.setdefault(recorded["_id"], said["_id"])
            for key in sorted(recorded.keys() & said.keys()):
                self._learn(recorded[key], said[key])
        elif isinstance(recorded, list) and isinstance(said, list) and len(recorded) == len(said):
            for left, right in zip(recorded, said, strict=True):
                self._learn(left, right)
        elif isinstance(recorded, str) and isinstance(said, str):
            for pattern in (_UID, _UUID):
                old, new = pattern.findall(recorded), pattern.findall(said)
                if len(old) == len(new):
                    for left, right in zip(old, new, strict=True):
                        self.names.setdefault(left, right)


MAIN_ASSET = "aCm8a9w9wJ7RJTfpAfdwvw"


class Clock:
    """Recorded time, with microseconds that grow so that no two moments are equal."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 23, 15, 9, 40, tzinfo=UTC)

    def set(self, moment: datetime) -> None:
        self._now = max(self._now, moment)

    def __call__(self) -> datetime:
        self._now += timedelta(microseconds=7)
        return self._now


# ── comparison ──────────────────────────────────────────────────────────────

NULLABLE = ("next", "previous", "last_modified_by", "_geolocation")
# Keys that are names of questions or days, what the form itself holds, and what [j08, k04] made.
FREE = (
    "specified",
    "kuid_names",
    "daily_submission_counts",
    "survey",
    "choices",
    "columns",
    "data_sharing",
    "export_settings",
)
# Words that a client reads: equal, not only of one kind.
SAME = (
    "count detail error error_type message status kind asset_type deployment_status label _status mimetype is_deleted"
    " media_file_basename question_xpath backend active status_code has_deployment row_count"
).split()


def differences(recorded: Any, said: Any, path: str = "", *, same: bool = True) -> Iterator[str]:
    """Where the *shape* differs: keys and types; lists by the union of their elements.

    *same*: words are compared too (not below lists of several elements, which need not be in one order).
    """
    key = path.rpartition(".")[2].removesuffix("[]")
    if recorded is None or said is None:
        if (recorded is None) != (said is None) and key not in NULLABLE:
            yield f"{path}: recorded {_kind(recorded)}, said {_kind(said)}"
        return
    if same and key in SAME and not isinstance(recorded, (dict, list)) and recorded != said:
        yield f"{path}: recorded {recorded!r}, said {said!r}"
    elif _kind(recorded) != _kind(said):
        yield f"{path}: recorded {_kind(recorded)}, said {_kind(said)}"
    elif isinstance(recorded, dict):
        if key in FREE:
            return
        if same and "meta/rootUuid" in recorded:
            yield from _other_answers(recorded, said, path)
        for name in sorted(recorded.keys() ^ said.keys()):
            yield f"{path}.{name}: only {'recorded' if name in recorded else 'said'}"
        for name in sorted(recorded.keys() & said.keys()):
            yield from differences(recorded[name], said[name], f"{path}.{name}", same=same)
    elif isinstance(recorded, list) and _are_events(recorded) and _are_events(said):
        left, right = ({item["action"]: item for item in items} for items in (recorded, said))
        for action in sorted(left.keys() & right.keys()):
            yield from differences(left[action], right[action], f"{path}[{action}]", same=same)
    elif isinstance(recorded, list) and bool(recorded) != bool(said) and key not in FREE:
        yield f"{path}[]: recorded {len(recorded)}, said {len(said)}"
    elif same and _are_rows(recorded) and len(recorded) == len(said):
        for n, (left, right) in enumerate(zip(recorded, said, strict=True)):
            yield from differences(left, right, f"{path}[{n}]")
    elif isinstance(recorded, list) and recorded and said and key not in FREE:
        kinds = [{_kind(item) for item in items if item is not None} for items in (recorded, said)]
        if key not in NULLABLE and kinds[0] != kinds[1]:
            yield f"{path}[]: recorded {sorted(kinds[0])}, said {sorted(kinds[1])}"
        if all(isinstance(item, dict) for item in [*recorded, *said]):
            alone = same and len(recorded) == len(said) == 1
            yield from differences(_union(recorded), _union(said), f"{path}[]", same=alone)


def _are_rows(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, dict) and "meta/rootUuid" in item for item in items)


def _other_answers(recorded: dict[str, Any], said: dict[str, Any], path: str) -> Iterator[str]:
    """The answers of a row were sent by us: they must come back the same, repeats and numbers as texts too."""
    for name in sorted(recorded.keys() & said.keys()):
        left, right = (_plain(row[name]) for row in (recorded, said))
        is_ours = name.startswith(("_att", "_sub", "_val")) or name in ("_id", "start", "end")  # a copy has its own
        if not is_ours and left != right:
            yield f"{path}.{name}: recorded {left!r}, said {right!r}"


def _plain(value: Any) -> str:
    return _UUID.sub("UUID", _UID.sub("UID", json.dumps(value, sort_keys=True, ensure_ascii=False)))


def _are_events(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and "action" in item for item in items)


def _union(items: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for item in items:
        for key, value in item.items():
            if merged.get(key) is None or (isinstance(value, list) and len(value) > len(merged[key])):
                merged[key] = value
    return merged


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(type(value).__name__)
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def outline(xml: str) -> set[str]:
    """The paths of elements and attributes of an XML text."""
    root = ElementTree.fromstring(xml.encode())

    def walk(node: ElementTree.Element, path: str) -> Iterator[str]:
        here = f"{path}/{node.tag}"
        yield here
        yield from (f"{here}@{name}" for name in node.attrib)
        for child in node:
            yield from walk(child, here)

    return {_UID.sub("UID", item) for item in walk(root, "")}

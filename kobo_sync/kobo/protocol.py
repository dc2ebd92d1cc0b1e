"""KoboToolbox's URLs and answers, read: the only module that knows how the server spells things.

Marks such as [b02] name the recorded exchange with a real server (kpi 2e5efb01) in which the fact was seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, cast
from urllib.parse import urlencode, urlsplit

import msgspec
from defusedxml.ElementTree import ParseError, fromstring

from kobo_sync.errors import KoboUnexpected
from kobo_sync.model import Asset, Attachment, MediaFile, Submission, Validation

API = "/api/v2"
ME = "/me/"
IMPORTS = f"{API}/imports/"
ASSETS = f"{API}/assets/"
FORM_LIST = "/formList"
SUBMISSION = "/submission"
PAGE_MAX = 1000  # the server clips silently above it [f25, t01]
IDS_PER_QUERY = 300  # nginx refuses request lines above about 16 kB [f53, f54]
FINGERPRINT_KEY = "kobo_sync"
OPENROSA_HEADERS = {"X-OpenRosa-Version": "1.0"}
LIGHT_FIELDS = ("_id", "_uuid", "meta/rootUuid", "_validation_status", "_attachments")

_STATUS = {
    "validation_status_approved": "approved",
    "validation_status_not_approved": "not_approved",
    "validation_status_on_hold": "on_hold",
}
_SERVER_FIELDS = frozenset(
    "_id _uuid _attachments _status _geolocation _submission_time _validation_status _submitted_by _tags _notes "
    "_xform_id_string _supplementalDetails formhub/uuid __version__ meta/instanceID meta/rootUuid "
    "meta/deprecatedID meta/instanceName".split()
)


# ── addresses ───────────────────────────────────────────────────────────────


def asset_path(asset_uid: str, *parts: str) -> str:
    """The path of an asset, or of something below it; always with the trailing slash [a16]."""
    return "".join((ASSETS, asset_uid, "/", *(f"{part}/" for part in parts)))


def assets_path(query: str, limit: int, start: int) -> str:
    """The path of one page of the asset list that answers *query*."""
    return f"{ASSETS}?{urlencode({'q': query, 'limit': limit, 'start': start})}"


def data_path(asset_uid: str, *, limit: int, query: Mapping[str, Any] | None = None, fields: Sequence[str] = ()) -> str:
    """The path of one page of submissions in order of ``_id``; *query* is Mongo JSON [f30]."""
    parameters: dict[str, str] = {"format": "json", "limit": str(limit), "sort": '{"_id":1}'}
    if query:
        parameters["query"] = json.dumps(query, separators=(",", ":"))
    if fields:
        parameters["fields"] = json.dumps(list(fields), separators=(",", ":"))
    return f"{asset_path(asset_uid, 'data')}?{urlencode(parameters)}"


def after(submission_id: int) -> dict[str, Any]:
    """The query for rows whose id is above *submission_id*: keyset paging, which loses no row [f30]."""
    return {"_id": {"$gt": submission_id}}


def among(submission_ids: Iterable[int]) -> dict[str, Any]:
    """The query for the rows with these ids; at most `IDS_PER_QUERY` of them."""
    return {"_id": {"$in": sorted(submission_ids)}}


def edited() -> dict[str, Any]:
    """The query for rows that were edited at least once [f61]."""
    return {"meta/deprecatedID": {"$exists": True}}


def validated_since(timestamp: int) -> dict[str, Any]:
    """The query for rows whose validation status was set at or after *timestamp* (epoch seconds) [f57]."""
    return {"_validation_status.timestamp": {"$gte": timestamp}}


def path_of(url: str) -> str:
    """The path and query of a link in an answer: the host is ours to choose, never the answer's."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


# ── projects ────────────────────────────────────────────────────────────────


def parse_username(body: bytes) -> str:
    """The account that the token belongs to [a05]. Raises: KoboUnexpected."""
    return str(_get(_json(body), "username"))


def parse_asset(body: bytes) -> Asset:
    """One project [b20, d06]. Raises: KoboUnexpected."""
    return _asset(_json(body))


def parse_assets(body: bytes) -> tuple[list[Asset], bool]:
    """One page of projects (surveys only), and whether another follows [b26]. Raises: KoboUnexpected."""
    data = _json(body)
    rows = [row for row in _get(data, "results") if row.get("asset_type") == "survey"]
    return [_asset(row) for row in rows], bool(data.get("next"))


def _asset(data: Any) -> Asset:
    settings = data.get("settings") or {}
    mark = (settings.get("extra_metadata") or {}).get(FINGERPRINT_KEY) or {}
    return Asset(
        asset_uid=str(_get(data, "uid")),
        name=str(data.get("name") or ""),
        version_id=str(data.get("version_id") or ""),
        deployed_version=str(data.get("deployed_version_id") or ""),
        deployed_at=str(data.get("date_deployed") or ""),
        is_deployed=bool(data.get("has_deployment")),
        is_active=bool(data.get("deployment__active")),
        owner=str(data.get("owner__username") or ""),
        n_submissions=int(data.get("deployment__submission_count") or 0),
        fingerprint={str(k): str(v) for k, v in mark.items()} if isinstance(mark, dict) else {},
        permissions=frozenset(str(p.get("codename")) for p in data.get("effective_permissions") or []),
    )


def parse_media(body: bytes) -> list[MediaFile]:
    """The form media of an asset: from its own JSON (``files``) or from ``files/`` [c02]."""
    data = _json(body)
    rows = data["files"] if "files" in data else data.get("results", [])
    return [
        MediaFile(str(row["uid"]), str(row["metadata"].get("filename", "")), _md5(str(row["metadata"].get("hash", ""))))
        for row in rows
        if row.get("file_type") == "form_media" and isinstance(row.get("metadata"), dict)
    ]


def parse_import_uid(body: bytes) -> str:
    """The uid of an import that was accepted [b01]. Raises: KoboUnexpected."""
    return str(_get(_json(body), "uid"))


@dataclass(frozen=True)
class ImportState:
    """How far an import is: ``asset_uid`` when complete, ``error`` when refused, neither while it runs."""

    asset_uid: str = ""
    error: str = ""


def parse_import(body: bytes) -> ImportState:
    """The state of an import [b02, b10]. Raises: KoboUnexpected."""
    data = _json(body)
    status, messages = _get(data, "status"), data.get("messages") or {}
    if status == "error":
        return ImportState(error=str(messages.get("error") or "the server gives no reason"))
    if status != "complete":
        return ImportState()
    assets = [*(messages.get("created") or []), *(messages.get("updated") or [])]
    if not assets:
        _unexpected("a finished import without an asset", body)
    return ImportState(asset_uid=str(_get(assets[0], "uid")))


def parse_error(body: bytes) -> str:
    """The server's own sentence in an error answer, or the first words of its text; at most 300 characters."""
    try:
        data = json.loads(body)
    except ValueError:
        text = " ".join(body[:2000].decode("utf-8", "replace").split())
        return "an HTML page" if text.lower().startswith(("<!doctype", "<html")) else text[:300]
    if isinstance(data, dict):
        for key in ("detail", "error", "message"):
            if isinstance(data.get(key), str):
                return str(data[key])[:300]
    return json.dumps(data, ensure_ascii=False)[:300]


# ── what phones see ─────────────────────────────────────────────────────────


def parse_manifest_path(body: bytes, asset_uid: str) -> str | None:
    """The path of a form's media manifest, from formList; None when the form is not listed [e02, d31]."""
    for xform in _xml(body):
        found = {child.tag.rpartition("}")[2]: (child.text or "") for child in xform}
        if found.get("formID") == asset_uid:
            return path_of(found.get("manifestUrl", "")) or None
    return None


def parse_manifest(body: bytes) -> dict[str, str]:
    """File name → md5 (hex) of what phones download [e14]. Raises: KoboUnexpected."""
    files = {}
    for media in _xml(body):
        found = {child.tag.rpartition("}")[2]: (child.text or "") for child in media}
        files[found.get("filename", "")] = _md5(found.get("hash", ""))
    return files


# ── submissions ─────────────────────────────────────────────────────────────


class _Page(msgspec.Struct):
    results: list[msgspec.Raw]
    count: int = 0


class _Head(msgspec.Struct):
    submission_id: int = msgspec.field(name="_id")


@dataclass(frozen=True)
class Page:
    """One page of ``data/``: *rows* are (submission_id, the row's own JSON bytes), never decoded here."""

    count: int
    rows: tuple[tuple[int, bytes], ...]


def split_page(body: bytes) -> Page:
    """The rows of a page without building them: decoding 1,000 rows costs more than fetching them.

    A page that the fast splitter refuses (a lone surrogate, NaN) is read by the standard library,
    so that one odd row does not stop the others.
    Raises: KoboUnexpected when it is no page at all (an HTML login page, half a body).
    """
    try:
        page = msgspec.json.decode(body, type=_Page)
        rows = tuple((msgspec.json.decode(raw, type=_Head).submission_id, bytes(raw)) for raw in page.results)
        return Page(page.count, rows)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _split_slowly(body)


def _split_slowly(body: bytes) -> Page:
    data = _json(body)
    results = _get(data, "results")
    rows = []
    for row in results if isinstance(results, list) else _unexpected("results are no list", body):
        if not isinstance(row, dict) or not isinstance(row.get("_id"), int):
            _unexpected("a row without _id", body)
        rows.append((row["_id"], json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode()))
    return Page(int(data.get("count") or 0), tuple(rows))


@dataclass(frozen=True)
class LightRow:
    """What a light scan tells of a row: enough to see edits, validation and late or deleted files."""

    submission_id: int
    root_uuid: str
    signature: str


class _LightAttachment(msgspec.Struct):
    uid: str = ""
    is_deleted: bool = False


class _Light(msgspec.Struct):
    submission_id: int = msgspec.field(name="_id")
    uuid: str = msgspec.field(name="_uuid", default="")
    root_uuid: str = msgspec.field(name="meta/rootUuid", default="")
    validation: dict[str, Any] | None = msgspec.field(name="_validation_status", default=None)
    attachments: list[_LightAttachment] = msgspec.field(name="_attachments", default_factory=list)


class _LightPage(msgspec.Struct):
    results: list[_Light]


def parse_light_page(body: bytes) -> list[LightRow]:
    """The rows of a page asked with `LIGHT_FIELDS`. Raises: KoboUnexpected."""
    try:
        page = msgspec.json.decode(body, type=_LightPage)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _unexpected("not a page of submissions", body)
    return [
        LightRow(
            row.submission_id,
            _bare(row.root_uuid or row.uuid),
            _signature(row.uuid, row.validation or {}, [(a.uid, a.is_deleted) for a in row.attachments]),
        )
        for row in page.results
    ]


def parse_submission(raw: bytes, form_id: str) -> Submission:
    """One row. Raises: KoboUnexpected when its identity is missing or a part has no known shape."""
    row = _json(raw)
    try:
        status = row.get("_validation_status") or {}
        return Submission(
            submission_id=int(row["_id"]),
            form_id=form_id,
            uuid=_bare(str(row["_uuid"])),
            root_uuid=_bare(str(row.get("meta/rootUuid") or row["_uuid"])),
            submitted_at=_utc(str(row["_submission_time"])),
            submitted_by=str(row.get("_submitted_by") or ""),
            form_version=str(row.get("__version__") or ""),
            validation=cast(Validation, _STATUS.get(str(status.get("uid", "")), "")),
            validated_at=int(status.get("timestamp") or 0),
            answers={key: value for key, value in row.items() if key not in _SERVER_FIELDS},
            attachments=tuple(_attachment(item) for item in row.get("_attachments") or []),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KoboUnexpected(f"a row of {form_id} has no known shape ({type(error).__name__} at {error})") from error


def signature_of(submission: Submission, raw: bytes) -> str:
    """The signature that a light scan of the same row would give."""
    row = json.loads(raw)
    files = [(a.attachment_uid, a.is_deleted) for a in submission.attachments]
    return _signature(str(row["_uuid"]), row.get("_validation_status") or {}, files)


def render_validation(status: Validation) -> dict[str, str]:
    """The body that sets a validation status [h02]."""
    return {"validation_status.uid": f"validation_status_{status}"}


def content_hash(submission: Submission) -> str:
    """SHA-256 of what the row says, free of the server's addresses: equal on every server that holds it."""
    said = [
        submission.root_uuid,
        submission.uuid,
        submission.form_version,
        submission.submitted_at.isoformat(),
        submission.validation,
        submission.answers,
        [[a.filename, a.question_path, a.is_deleted] for a in submission.attachments],
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _attachment(item: Mapping[str, Any]) -> Attachment:
    return Attachment(
        attachment_uid=str(item["uid"]),
        filename=str(item.get("media_file_basename") or str(item.get("filename", "")).rpartition("/")[2]),
        question_path=str(item.get("question_xpath") or ""),
        mimetype=str(item.get("mimetype") or ""),
        url=str(item.get("download_url") or ""),
        is_deleted=bool(item.get("is_deleted")),
    )


def _signature(uuid: str, validation: Mapping[str, Any], files: Sequence[tuple[str, bool]]) -> str:
    said = [_bare(uuid), validation.get("uid"), validation.get("timestamp"), sorted(files)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def _bare(uuid: str) -> str:
    return uuid.removeprefix("uuid:")


def _utc(text: str) -> datetime:
    """``_submission_time`` is UTC without saying so [f03]."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _md5(text: str) -> str:
    return text.removeprefix("md5:")


def _json(body: bytes) -> Any:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        _unexpected("the answer is not JSON", body)
    return data if isinstance(data, dict) else _unexpected("the answer is no JSON object", body)


def _xml(body: bytes) -> Any:
    try:
        return fromstring(body)
    except (ParseError, ValueError) as error:
        raise KoboUnexpected("the answer is not XML", excerpt=parse_error(body)) from error


def _get(data: Any, key: str) -> Any:
    if not isinstance(data, dict) or key not in data:
        raise KoboUnexpected(f"the answer has no {key!r}")
    return data[key]


def _unexpected(message: str, body: bytes) -> NoReturn:
    # A page may hold answers, so only a page of HTML or an error text is quoted, never JSON.
    head = body[:200].lstrip()
    shown = "" if head.startswith((b"{", b"[")) else parse_error(body)
    raise KoboUnexpected(message, excerpt=shown, hint="check that the address is a KoboToolbox server")

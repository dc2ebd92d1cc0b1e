"""KoboToolbox's URLs and answers, read: with `listing` the only module that knows how the server spells things.

Marks such as [b02] name the recorded exchange with a real server (kpi 2e5efb01) in which the fact was seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from defusedxml.ElementTree import ParseError, fromstring

from kobo_sync.errors import KoboUnexpected, excerpt_of
from kobo_sync.form_server import Edit
from kobo_sync.model import Asset, BlankForm, Hook, MediaFile, Validation
from kobo_sync.rows.bodies import parse_object, take, unexpected

API = "/api/v2"
ME = "/me/"
IMPORTS = f"{API}/imports/"
ASSETS = f"{API}/assets/"
FORM_LIST = "/formList"
SUBMISSION = "/submission"
PAGE_MAX = 1000  # the server clips silently above it [f25, t01]
IDS_PER_QUERY = 300  # nginx refuses request lines above about 16 kB [f53, f54]
FINGERPRINT_KEY = "kobo_sync"
HOOK_NAME = "kobo-sync"
OPENROSA_HEADERS = {"X-OpenRosa-Version": "1.0"}

# A path after our own address or any other, without what could make it something else than a path.
_LINK = re.compile(r"(?:https?://[^\s/?#@\\\x00-\x20\x7f]+)?(/(?!/)[^\\#\x00-\x1f\x7f]*)(?:#[^\x00-\x1f]*)?")


# ── addresses ───────────────────────────────────────────────────────────────


def asset_path(asset_uid: str, *parts: str) -> str:
    """The path of an asset, or of something below it; always with the trailing slash [a16]."""
    return "".join((ASSETS, *(f"{quote(part, safe=':')}/" for part in (asset_uid, *parts))))


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


def history_path(asset_uid: str, since: datetime, limit: int, start: int) -> str:
    """The path of one page of the project's events since *since* that change or delete rows [m26b]."""
    query = (
        f'date_created__gte:"{since:%Y-%m-%dT%H:%M:%SZ}" AND (action:"modify-submission" OR action:"delete-submission")'
    )
    return f"{asset_path(asset_uid, 'history')}?{urlencode({'q': query, 'limit': limit, 'start': start})}"


def parse_edits(body: bytes, root_uuid: str) -> list[Edit]:
    """The edits of one submission on a page of ``history/``, newest first: a validation names its status there [h39]. Raises: KoboUnexpected."""
    edits, events = [], take(parse_object(body), "results")
    with _known_shape():
        for event in events:
            about = (event.get("metadata") or {}).get("submission") or {}
            if event["action"] == "modify-submission" and about.get("root_uuid") == root_uuid and "status" not in about:
                edits.append(Edit(datetime.fromisoformat(event["date_created"]), str(event.get("username") or "")))
    return edits


def modified_since(moment: str) -> dict[str, Any]:
    """The query for rows with a modification date at or after *moment*, where a server has such dates."""
    return {"_date_modified": {"$gte": moment}}


def validated_since(timestamp: int) -> dict[str, Any]:
    """The query for rows whose validation status was set at or after *timestamp* (epoch seconds) [f57]."""
    return {"_validation_status.timestamp": {"$gte": timestamp}}


def row_addresses(kf: str, asset_uid: str, submission_id: str) -> tuple[str, str, str]:
    """Where people see a row, where they correct it, and the table that it stands in: kpi sends them on (`enketo/redirect/…`)."""
    row = f"{kf}{asset_path(asset_uid, 'data', submission_id)}enketo/redirect"
    return f"{row}/view/", f"{row}/edit/", f"{kf}/#/forms/{asset_uid}/data/table"


def hook_body(endpoint: str) -> dict[str, Any]:
    """What makes, or mends, our REST service of a project: JSON to *endpoint* for each new submission [i02]."""
    return {
        "name": HOOK_NAME,
        "endpoint": endpoint,
        "active": True,
        "export_type": "json",
        "auth_level": "no_auth",
        "subset_fields": [],
        "settings": {},
        "email_notification": False,
    }


def parse_hooks(body: bytes) -> list[Hook]:
    """The REST services of a project [i14]. Raises: KoboUnexpected."""
    rows = take(parse_object(body), "results")
    with _known_shape():
        return [
            Hook(
                str(row["uid"]),
                str(row["name"]),
                str(row["endpoint"]),
                bool(row.get("active")),
                is_ours=row["name"] == HOOK_NAME,
            )
            for row in rows
        ]


def path_of(link: str) -> str:
    """The path and query of a link in an answer: the host is ours to choose, never the answer's.

    Raises: KoboUnexpected for what is neither an address of the web nor a path: behind our own address it could name
    another host.
    """
    match = _LINK.fullmatch(link)
    if match is None:
        raise KoboUnexpected(
            "the answer names a file or page at what is no address",
            hint="look at the project on the server: somebody may be after its files",
        )
    return match[1]


# ── projects ────────────────────────────────────────────────────────────────


def parse_username(body: bytes) -> str:
    """The account that the token belongs to [a05]. Raises: KoboUnexpected."""
    return str(take(parse_object(body), "username"))


def parse_asset(body: bytes) -> Asset:
    """One project [b20, d06]. Raises: KoboUnexpected."""
    return _asset(parse_object(body))


def parse_assets(body: bytes) -> tuple[list[Asset], bool]:
    """One page of projects (surveys only), and whether another follows [b26]. Raises: KoboUnexpected."""
    data = parse_object(body)
    with _known_shape():
        rows = [row for row in take(data, "results") if row.get("asset_type") == "survey"]
    return [_asset(row) for row in rows], bool(data.get("next"))


def _asset(data: Any) -> Asset:
    with _known_shape():
        return _read_asset(data)


def _read_asset(data: Any) -> Asset:
    settings = data.get("settings") or {}
    mark = (settings.get("extra_metadata") or {}).get(FINGERPRINT_KEY) or {}
    return Asset(
        asset_uid=str(take(data, "uid")),
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
    data = parse_object(body)
    with _known_shape():
        rows = [row for row in data.get("files", data.get("results", [])) if row.get("file_type") == "form_media"]
        facts = [(row["uid"], row["metadata"]) for row in rows if isinstance(row.get("metadata"), dict)]
        return [MediaFile(str(uid), str(m.get("filename", "")), _md5(str(m.get("hash", "")))) for uid, m in facts]


def parse_import_uid(body: bytes) -> str:
    """The uid of an import that was accepted [b01]. Raises: KoboUnexpected."""
    return str(take(parse_object(body), "uid"))


@dataclass(frozen=True)
class ImportState:
    """How far an import is: ``asset_uid`` when complete, ``error`` when refused, neither while it runs."""

    asset_uid: str = ""
    error: str = ""


def parse_import(body: bytes) -> ImportState:
    """The state of an import [b02, b10]. Raises: KoboUnexpected."""
    data = parse_object(body)
    status, messages = take(data, "status"), data.get("messages") or {}
    if status == "error":
        return ImportState(error=str(messages.get("error") or "the server gives no reason"))
    if status != "complete":
        return ImportState()
    assets = [*(messages.get("created") or []), *(messages.get("updated") or [])]
    if not assets:
        unexpected("a finished import without an asset", body)
    return ImportState(asset_uid=str(take(assets[0], "uid")))


def parse_file_names(body: bytes) -> set[str]:
    """The files of one row that are there, by the names that its answers say [f03, g21]. Raises: KoboUnexpected."""
    with _known_shape():
        files = take(parse_object(body), "_attachments")
        return {str(file["media_file_basename"]) for file in files if not file.get("is_deleted")}


# ── what phones see ─────────────────────────────────────────────────────────


def parse_form_list(body: bytes) -> dict[str, BlankForm]:
    """What phones are offered, by form id [e02]. Raises: KoboUnexpected."""
    forms = {}
    for texts in map(_texts, _xml(body)):
        if texts.get("formID") and texts.get("downloadUrl"):
            manifest = path_of(texts["manifestUrl"]) if texts.get("manifestUrl") else ""
            forms[texts["formID"]] = BlankForm(
                texts["formID"],
                texts.get("name", ""),
                texts.get("version", ""),
                _md5(texts.get("hash", "")),
                path_of(texts["downloadUrl"]),
                manifest,
            )
    return forms


@dataclass(frozen=True)
class XFormMarks:
    """What KoboToolbox writes into a deployed XForm: ``formhub/uuid``, the version's uid, and the form's version."""

    form_uuid: str
    version_uid: str
    version: str


def parse_xform_marks(body: bytes) -> XFormMarks:
    """The marks of a deployed XForm [e12]. Raises: KoboUnexpected when it has none: it is no KoboToolbox's."""
    calculated: dict[str, str] = {}
    version = ""
    for element in _xml(body).iter():
        name = str(element.tag).rpartition("}")[2]
        if name == "bind" and element.get("calculate"):
            calculated[str(element.get("nodeset")).split("/", 2)[-1]] = str(element.get("calculate")).strip("'\"")
        if name == "instance" and not version and len(element):
            version = element[0].get("version", "")
    if "formhub/uuid" not in calculated:
        unexpected("an XForm without formhub/uuid", body)
    return XFormMarks(calculated["formhub/uuid"], calculated.get("__version__", ""), version)


def parse_form_ids(body: bytes) -> set[str]:
    """The uids of the forms that formList offers [e02, e09]. Raises: KoboUnexpected."""
    return {_texts(xform).get("formID", "") for xform in _xml(body)}


def parse_manifest_path(body: bytes, asset_uid: str) -> str | None:
    """The path of a form's media manifest, from formList; None when the form is not listed [e02, d31]."""
    for xform in _xml(body):
        texts = _texts(xform)
        if texts.get("formID") == asset_uid:
            return path_of(texts["manifestUrl"]) if texts.get("manifestUrl") else None
    return None


def parse_manifest(body: bytes) -> dict[str, str]:
    """File name → md5 (hex) of what phones download [e14]. Raises: KoboUnexpected."""
    return {texts.get("filename", ""): _md5(texts.get("hash", "")) for texts in map(_texts, _xml(body))}


def parse_manifest_links(body: bytes) -> dict[str, str]:
    """File name → path of what phones download [e14]. Raises: KoboUnexpected."""
    return {texts.get("filename", ""): path_of(texts.get("downloadUrl", "")) for texts in map(_texts, _xml(body))}


def _texts(element: Any) -> dict[str, str]:
    """The texts of an element's children, by their names without a namespace."""
    return {child.tag.rpartition("}")[2]: (child.text or "") for child in element}


# ── submissions ───────────────────────────────────────────────────────────


def render_validation(status: Validation) -> dict[str, str]:
    """The body that sets a validation status [h02]."""
    return {"validation_status.uid": f"validation_status_{status}"}


def render_validations(submission_ids: Sequence[int], status: Validation) -> dict[str, Any]:
    """The body that sets, or clears, the status of many rows [h07, h10]."""
    uid = f"validation_status_{status}" if status else ""
    return {"payload": {"submission_ids": list(submission_ids), "validation_status.uid": uid}}


def _md5(text: str) -> str:
    return text.removeprefix("md5:")


def _xml(body: bytes) -> Any:
    try:
        return fromstring(body)
    except (ParseError, ValueError) as error:
        raise KoboUnexpected("the answer is not XML", excerpt=excerpt_of(body)) from error


@contextmanager
def _known_shape() -> Iterator[None]:
    """Raises: KoboUnexpected where an answer that is JSON is not laid out as the server's are."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise KoboUnexpected(
            f"the answer is not laid out as KoboToolbox does ({type(error).__name__})",
            hint="check that the address is a KoboToolbox server",
        ) from error

"""What a KoboToolbox server says, JSON and XML: pure, for the station.

Marks such as [d06] name the recorded exchange with a real server whose shape is kept. *base* is the address
that the request came to (``http://host:port``): a real server builds its links from it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

API = "/api/v2"
PERMISSIONS: dict[str, Any] = {
    "view_asset": "View form",
    "change_asset": "Edit form",
    "manage_asset": "Manage project",
    "add_submissions": "Add submissions",
    "view_submissions": "View submissions",
    "partial_submissions": {
        "default": "Act on submissions only from specific users",
        "view_submissions": "View submissions only from specific users",
        "change_submissions": "Edit submissions only from specific users",
        "delete_submissions": "Delete submissions only from specific users",
        "validate_submissions": "Validate submissions only from specific users",
    },
    "change_submissions": "Edit submissions",
    "delete_submissions": "Delete submissions",
    "validate_submissions": "Validate submissions",
}
VALIDATION_LABELS = {
    "validation_status_approved": "Approved",
    "validation_status_not_approved": "Not Approved",
    "validation_status_on_hold": "On Hold",
}
_ADDED_LATER = ("_id", "_attachments", "_validation_status")  # by `row_text`: like the other facts they hide an answer
_HERE = "\x01"  # stands for the base in stored attachments; JSON text never holds a bare control character


class Record(Protocol):
    """Anything read by field name: a row of the station's file, a mapping."""

    def __getitem__(self, key: str, /) -> Any: ...


def dumps(value: Any) -> str:
    """*value* as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def user_uid(username: str) -> str:
    """A uid for an account, the same on every station."""
    return "u" + sha256(username.encode()).hexdigest()[:21]


def user_url(base: str, username: str) -> str:
    """An account's address."""
    return f"{base}{API}/users/{username}/"


def links(url: str, params: Mapping[str, str], *, count: int, limit: int, offset: int) -> tuple[str | None, str | None]:
    """The addresses of the next and the previous page; unknown parameters are copied [f37]."""

    def at(start: int) -> str:
        query = {**params, "limit": str(limit)}
        query.pop("start", None)
        if start > 0:
            query["start"] = str(start)
        return f"{url}?{urlencode(sorted(query.items()))}"

    following = at(offset + limit) if offset + limit < count else None
    return following, at(offset - limit) if offset > 0 else None


def page(results: Sequence[Any], count: int, nexts: tuple[str | None, str | None] = (None, None)) -> dict[str, Any]:
    """A paginated list."""
    return {"count": count, "next": nexts[0], "previous": nexts[1], "results": list(results)}


def page_text(rows: Iterable[str], count: int, nexts: tuple[str | None, str | None]) -> str:
    """A paginated list of rows that are JSON text already."""
    head = f'{{"count":{count},"next":{dumps(nexts[0])},"previous":{dumps(nexts[1])},"results":['
    return head + ",".join(rows) + "]}"


# ── assets ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class AssetView:
    """All that the station knows of an asset, for one account; the mappings are the station's rows."""

    asset: Record
    content: Mapping[str, Any]
    summary: Mapping[str, Any]
    content_hash: str
    n_versions: int
    deployment: Mapping[str, Any] | None
    deployed: Sequence[Record] = ()
    files: Sequence[Record] = ()
    permissions: Sequence[Record] = ()
    granted: Sequence[str] = ()
    n_submissions: int = 0


def asset_url(base: str, uid: str) -> str:
    """An asset's address."""
    return f"{base}{API}/assets/{uid}/"


def asset_row(base: str, view: AssetView) -> dict[str, Any]:
    """An asset as in the list of assets [h52]."""
    asset, url = view.asset, asset_url(base, view.asset["uid"])
    return {
        "url": url,
        "date_created": asset["created_at"],
        "date_modified": asset["modified_at"],
        "date_deployed": view.deployment["deployed_at"] if view.deployment else None,
        "owner": user_url(base, asset["owner"]),
        "summary": view.summary,
        "owner__username": asset["owner"],
        "parent": None,
        "uid": asset["uid"],
        "tag_string": "",
        "settings": json.loads(asset["settings"]),
        "kind": "asset",
        "name": asset["name"],
        "asset_type": asset["asset_type"],
        "version_id": asset["version_id"],
        **_deployment_fields(view),
        "permissions": [permission(base, row) for row in view.permissions],
        "export_settings": [],
        "downloads": [{"format": kind, "url": f"{url[:-1]}.{kind}"} for kind in ("xls", "xml")],
        "data": f"{url}data/",
        "subscribers_count": 0,
        "status": "private" if len({row["username"] for row in view.permissions}) < 2 else "shared",
        "access_types": None,
        "children": {"count": 0},
        "data_sharing": {},
        "owner_label": asset["owner"],
        "last_modified_by": asset["modified_by"],
        "created_by": None,
    }


def _deployment_fields(view: AssetView) -> dict[str, Any]:
    deployment = view.deployment
    is_nothing = view.asset["asset_type"] == "empty"  # [s11]
    status = (
        "-" if is_nothing else "draft" if deployment is None else "deployed" if deployment["active"] else "archived"
    )
    return {
        "has_deployment": deployment is not None,
        "deployed_version_id": deployment["version_id"] if deployment else None,
        "deployment__active": bool(deployment and deployment["active"]),
        "deployment__submission_count": view.n_submissions,
        "deployment__last_submission_time": deployment["last_submission_at"] if deployment else None,
        "deployment__encrypted": False,
        "deployment__uuid": deployment["uuid"] if deployment else None,
        "deployment_status": status,
    }


def asset_full(base: str, view: AssetView) -> dict[str, Any]:
    """``GET /api/v2/assets/<uid>/`` [b20, d06]."""
    uid, url, owner = view.asset["uid"], asset_url(base, view.asset["uid"]), view.asset["owner"]
    legacy = {}
    if view.deployment:
        legacy = {f"{kind}_legacy": f"{base}/{owner}/exports/{uid}/{kind}/" for kind in ("xls", "csv", "zip")}
        legacy |= {
            kind: f"{base}/{owner}/reports/{uid}/export.{ext}" for kind, ext in (("xls", "xlsx"), ("csv", "csv"))
        }
    names = {str(row.get("name", row["$kuid"])): str(row["$kuid"]) for row in view.content["survey"]}
    return {
        **asset_row(base, view),
        "files": [media_file(base, uid, row) for row in view.files],
        "version__content_hash": view.content_hash,
        "version_count": view.n_versions,
        "deployed_versions": versions(base, uid, view.deployed),
        "deployment__links": {},
        "deployment__data_download_links": legacy,
        "report_styles": {"default": {}, "specified": {name: {} for name in names}, "kuid_names": names},
        "report_custom": {},
        "advanced_features": {"_version": "20250820"},
        "map_styles": {},
        "map_custom": {},
        "content": view.content,
        "embeds": [{"format": "xls", "url": f"{url}xls/"}, {"format": "xform", "url": f"{url}xform/"}],
        "analysis_form_json": {"additional_fields": []},
        "xform_link": f"{url}xform/",
        "hooks_link": f"{url}hooks/",
        "xls_link": f"{url}xls/",
        "assignable_permissions": [
            {"url": f"{base}{API}/permissions/{name}/", "label": label} for name, label in PERMISSIONS.items()
        ],
        "effective_permissions": [{"codename": name} for name in view.granted],
        "exports": f"{url}exports/",
        "paired_data": f"{url}paired-data/",
        "project_ownership": None,
    }


def versions(base: str, uid: str, rows: Sequence[Record]) -> dict[str, Any]:
    """The deployed versions, newest first [d35]; *rows* likewise."""
    results = [
        {
            "uid": row["uid"],
            "url": f"{asset_url(base, uid)}versions/{row['uid']}/",
            "content_hash": row["content_hash"],
            "date_deployed": row["deployed_at"],
            "date_modified": row["deployed_at"],
            "version_number": str(len(rows) - n),
        }
        for n, row in enumerate(rows)
    ]
    return page(results, len(results))


def media_file(base: str, asset_uid: str, row: Record) -> dict[str, Any]:
    """A form media file [c01]."""
    url = f"{asset_url(base, asset_uid)}files/{row['uid']}/"
    return {
        "uid": row["uid"],
        "url": url,
        "asset": asset_url(base, asset_uid),
        "user": user_url(base, row["username"]),
        "user__username": row["username"],
        "file_type": row["file_type"],
        "description": row["description"],
        "date_created": row["created_at"],
        "content": f"{url}content/",
        "metadata": {"hash": f"md5:{row['md5']}", "filename": row["filename"], "mimetype": row["mimetype"]},
    }


def permission(base: str, row: Record) -> dict[str, Any]:
    """A permission assignment [m03, m30]."""
    done: dict[str, Any] = {
        "url": f"{asset_url(base, row['asset'])}permission-assignments/{row['uid']}/",
        "user": user_url(base, row["username"]),
        "permission": f"{base}{API}/permissions/{row['codename']}/",
    }
    if row["filters"] is not None:
        done["partial_permissions"] = [
            {"url": f"{base}{API}/permissions/{item['codename']}/", "filters": item["filters"]}
            for item in json.loads(row["filters"])
        ]
    return {**done, "label": PERMISSIONS[row["codename"]]}


def deployment(base: str, view: AssetView) -> dict[str, Any]:
    """``…/deployment/`` [d03, d05]."""
    deployed = view.deployment or {}
    return {
        "backend": "openrosa",
        "active": bool(deployed.get("active")),
        "version_id": deployed.get("version_id"),
        "asset": asset_full(base, view),
    }


def import_started(base: str, uid: str) -> dict[str, Any]:
    """The answer to ``POST /api/v2/imports/`` [b01]."""
    return {"uid": uid, "url": f"{base}{API}/imports/{uid}/", "status": "processing"}


def history_entry(base: str, row: Record) -> dict[str, Any]:
    """One event of ``…/history/`` [h39]."""
    return {
        "user": user_url(base, row["username"]),
        "user_uid": user_uid(row["username"]),
        "username": row["username"],
        "action": row["action"],
        "metadata": json.loads(row["metadata"].replace(_HERE, dumps(base)[1:-1])),
        "date_created": row["created_at"],
    }


# ── submissions ─────────────────────────────────────────────────────────────


def row_head(answers: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """What of a row stays as long as its XML: stored ready-made, without the closing brace."""
    asked = {key: answer for key, answer in answers.items() if key not in _ADDED_LATER}
    return dumps({**asked, **facts})[:-1]


def row_text(submission_id: int, head: str, attachments: str, validation: str, base: str) -> str:
    """A row of ``data/`` as JSON text, put together without parsing [f03]."""
    files = here(attachments, base)
    return f'{head},"_id":{submission_id},"_attachments":{files},"_validation_status":{validation}}}'


def attachments_text(asset_uid: str, submission_id: int, rows: Iterable[Record]) -> str:
    """The ``_attachments`` of a row, its addresses still without their base (see `here`)."""
    items = []
    for row in rows:
        url = f"{_HERE}{API}/assets/{asset_uid}/data/{submission_id}/attachments/{row['uid']}/"
        item = {
            "download_url": url,
            "mimetype": row["mimetype"],
            "filename": row["stored_as"],
            "media_file_basename": row["name"],
            "uid": row["uid"],
            "is_deleted": bool(row["is_deleted"]),
        }
        if row["mimetype"].startswith("image/"):
            item |= {f"download_{size}_url": f"{url}{size}/" for size in ("large", "medium", "small")}
        items.append({**item, "question_xpath": row["xpath"]})
    return dumps(items).replace('"\\u0001/', f'"{_HERE}/')


def here(text: str, base: str) -> str:
    """Stored JSON *text* with its addresses at *base*."""
    return text.replace(_HERE, dumps(base)[1:-1]) if _HERE in text else text


def validation(uid: str, username: str, timestamp: int) -> dict[str, Any]:
    """A row's ``_validation_status`` [h02]; *timestamp* in Unix seconds."""
    return {"timestamp": timestamp, "uid": uid, "by_whom": username, "label": VALIDATION_LABELS[uid]}


def feature(row: Mapping[str, Any], geopoints: Sequence[str], index: int) -> dict[str, Any]:
    """A row as GeoJSON: no ids, no repeats, no answer that is the point itself [f42]."""
    geometry = None
    for path in geopoints:
        parts = str(row.get(path, "")).split()
        if len(parts) >= 2 and geometry is None:
            numbers = [float(part) for part in parts[:3]]
            geometry = {"type": "Point", "coordinates": [numbers[1], numbers[0], *numbers[2:]]}
    properties = {
        key: value
        for key, value in row.items()
        if not key.startswith(("_", "meta/", "formhub/")) and not isinstance(value, list) and key not in geopoints
    }
    return {"type": "Feature", "geometry": geometry, "properties": {**properties, "_index": index}}


# ── OpenRosa ────────────────────────────────────────────────────────────────

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
LIST_NS = "http://openrosa.org/xforms/xformsList"
MANIFEST_NS = "http://openrosa.org/xforms/xformsManifest"
RESPONSE_NS = "http://openrosa.org/http/response"


def xml_detail(text: str, *, root: str = "root") -> str:
    """A refusal in XML; *root* is ``xforms`` for the form list and its forms [e01], ``manifest``, else ``root`` [e20]."""
    space = {"xforms": LIST_NS, "manifest": MANIFEST_NS}.get(root)
    name = f'{root} xmlns="{space}"' if space else root
    return f"{_DECLARATION}<{name}><detail>{escape(text)}</detail></{root}>"


def form_list(base: str, forms: Iterable[Record], prefix: str = "") -> str:
    """``/formList`` [e02]; *prefix* is ``/<user>`` for the anonymous one [m41]."""
    items = "".join(
        f"<xform><formID>{escape(form['asset'])}</formID><name>{escape(form['name'])}</name>"
        f"<majorMinorVersion>{escape(form['stamp'])}</majorMinorVersion><version>{escape(form['stamp'])}</version>"
        f"<hash>md5:{form['md5']}</hash><descriptionText>{escape(form['title'])}</descriptionText>"
        f"<downloadUrl>{escape(base)}{prefix}/forms/{form['pk']}/form.xml</downloadUrl>"
        f"<manifestUrl>{escape(base)}{prefix}/xformsManifest/{form['pk']}</manifestUrl></xform>"
        for form in forms
    )
    return f'{_DECLARATION}<xforms xmlns="{LIST_NS}">{items}</xforms>'


def manifest(base: str, pk: int, files: Iterable[Record], prefix: str = "") -> str:
    """``/xformsManifest/<pk>`` [e14]."""
    items = "".join(
        f"<mediaFile><filename>{escape(row['filename'])}</filename><hash>md5:{row['md5']}</hash>"
        f"<downloadUrl>{escape(base)}{prefix}/xformsMedia/{pk}/{row['id']}.{extension(row['filename'])}</downloadUrl>"
        "</mediaFile>"
        for row in files
    )
    return f'{_DECLARATION}<manifest xmlns="{MANIFEST_NS}">{items}</manifest>'


def extension(filename: str) -> str:
    """What follows the last dot, letters and digits only."""
    return "".join(c for c in filename.rpartition(".")[2] if c.isascii() and c.isalnum()) or "bin"


def openrosa_message(text: str) -> str:
    """An answer to ``POST /submission`` other than 201 [e22]."""
    return (
        "<?xml version='1.0' encoding='UTF-8' ?>\n"
        f'<OpenRosaResponse xmlns="{RESPONSE_NS}">\n        <message nature="">{escape(text)}</message>\n'
        "</OpenRosaResponse>"
    )


def receipt(form_id: str, uuid: str, created_at: str, modified_at: str) -> str:
    """The 201 of ``POST /submission`` [e21]; times are ISO with an offset."""
    return (
        f'<OpenRosaResponse xmlns="{RESPONSE_NS}">\n    <message>Successful submission.</message>\n'
        f'    <submissionMetadata xmlns="http://www.opendatakit.org/xforms" id={quoteattr(form_id)} '
        f" instanceID={quoteattr('uuid:' + uuid)} submissionDate={quoteattr(created_at)}"
        f' isComplete="true" markedAsCompleteDate={quoteattr(modified_at)}/>\n</OpenRosaResponse>\n'
    )


def receipt_json(form_id: str, uuid: str, created_at: str, modified_at: str) -> dict[str, Any]:
    """The 201 of a JSON submission [e35]."""
    return {
        "message": "Successful submission.",
        "formid": form_id,
        "encrypted": False,
        "instanceID": f"uuid:{uuid}",
        "submissionDate": created_at,
        "markedAsCompleteDate": modified_at,
    }

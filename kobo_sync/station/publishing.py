"""From an asset to phones: form media, deployment, versions, the form given back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import mimetypes
from datetime import datetime, timedelta
from typing import Any

import xlsxwriter
from werkzeug.wrappers import Response

from kobo_sync.station import access, history, render, workbook
from kobo_sync.station.assets import stamp_of, view
from kobo_sync.station.database import Connection, Row, drop_unused_blobs, load_blob, one, store_blob
from kobo_sync.station.wire import (
    Asked,
    Context,
    Refused,
    disposition,
    empty,
    json_answer,
    micros,
    no_such_page,
    not_found,
    server_error,
    wrong_method,
)

_ALLOWED = ("image/", "audio/", "video/")
_ALLOWED_EXACT = ("text/csv", "application/xml", "text/xml", "application/zip", "application/geo+json")
_REFUSED_TYPE = (
    "Only `image`, `audio`, `video`, `text/csv`, `application/xml`, `application/zip`, `application/geo+json` MIME types"
    " are allowed"
)
_TYPES = {".csv": "text/csv", ".xml": "application/xml", ".zip": "application/zip", ".geojson": "application/geo+json"}
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet; charset=utf-8"


# ── form media ──────────────────────────────────────────────────────────────


def files(context: Context, request: Asked, uid: str) -> Response:
    """``…/files/``: list, or upload; the same name twice is refused [c01-c10]."""
    if request.method == "GET":
        access.need(context, request, uid, "view_asset")
        sql = "SELECT * FROM files WHERE asset = :asset AND (:type IS NULL OR file_type = :type) ORDER BY id"
        values = {"asset": uid, "type": request.args.get("file_type")}
        rows = context.db.reader.execute(sql, values).fetchall()
        return json_answer(render.page([render.media_file(request.base, uid, row) for row in rows], len(rows)))
    if request.method != "POST":
        raise wrong_method(request.method)
    asset = access.need(context, request, uid, "change_asset")
    if not request.form.get("description"):
        raise Refused(400, {"description": ["This field is required."]})
    content, filename = _upload(request)
    mimetype = _mimetype(filename)
    if not mimetype.startswith(_ALLOWED) and mimetype not in _ALLOWED_EXACT:
        raise Refused(400, {"content": [_REFUSED_TYPE]})
    file_uid, file_type = context.new_uid("af"), request.form.get("file_type", "form_media")
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    with context.db.writing() as connection:
        if one(connection, "SELECT 1 FROM files WHERE asset = ? AND filename = ?", uid, filename):
            raise Refused(400, {"content": ["File already exists"]})
        blob = store_blob(connection, content)
        connection.execute(
            "INSERT INTO files (uid, asset, username, file_type, description, filename, mimetype, md5, blob, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                file_uid, uid, request.username, file_type, request.form["description"], filename, mimetype, md5, blob,
                micros(context.now()),
            ),
        )  # fmt: skip
        row = one(connection, "SELECT * FROM files WHERE uid = ?", file_uid)
        history.record(context, connection, asset, "add-media", request.username, _media_facts(uid, dict(row or {})))
    answer = render.media_file(request.base, uid, dict(row or {}))
    return json_answer(answer, 201, {"Location": answer["url"]})


def _upload(request: Asked) -> tuple[bytes, str]:
    """The bytes and the name; without ``metadata`` the real server breaks [c09]."""
    try:
        metadata = json.loads(request.form.get("metadata", "null"))
    except ValueError as error:
        raise Refused(400, {"metadata": ["Value must be valid JSON."]}) from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("filename"), str):
        raise server_error()
    name = metadata["filename"].replace("\\", "/").rpartition("/")[2]
    if not name or len(name) > 200 or not name.isprintable():
        raise Refused(400, {"metadata": ["`filename` is required"]})
    sent = request.files.get("content")
    if sent is not None:
        return sent.read(), name
    encoded = request.form.get("base64Encoded", "").partition("base64,")[2]
    try:
        content = base64.b64decode(encoded, validate=False)
    except binascii.Error as error:
        raise Refused(400, {"base64Encoded": ["Invalid content"]}) from error
    if not content:
        raise Refused(400, {"content": ["This field is required."]})
    return content, name


def _mimetype(filename: str) -> str:
    suffix = "." + filename.rpartition(".")[2].lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _media_facts(uid: str, row: render.Record) -> dict[str, Any]:
    url = f"\x01{render.API}/assets/{uid}/files/{row['uid']}/content/"
    facts = {"uid": row["uid"], "filename": row["filename"], "md5_hash": f"md5:{row['md5']}", "download_url": url}
    return {"asset-file": facts}


def one_file(context: Context, request: Asked, uid: str, file_uid: str) -> Response:
    """``…/files/<uid>/``: GET, DELETE; there is no update, it breaks [c06, c13]."""
    right = "view_asset" if request.method == "GET" else "change_asset"
    asset = access.need(context, request, uid, right)
    row = one(context.db.reader, "SELECT * FROM files WHERE asset = ? AND uid = ?", uid, file_uid)
    if row is None:
        raise Refused(404, {"detail": "No AssetFile matches the given query."})
    if request.method == "GET":
        return json_answer(render.media_file(request.base, uid, row))
    if request.method != "DELETE":
        raise server_error() if request.method in ("PATCH", "PUT") else wrong_method(request.method)
    with context.db.writing() as connection:
        connection.execute("DELETE FROM files WHERE uid = ?", (file_uid,))
        drop_unused_blobs(connection, [row["blob"]])
        history.record(context, connection, asset, "delete-media", request.username, _media_facts(uid, row))
    return empty()


def file_content(context: Context, request: Asked, uid: str, file_uid: str) -> Response:
    """``…/files/<uid>/content/``: the bytes [c04]."""
    access.need(context, request, uid, "view_asset")
    row = one(context.db.reader, "SELECT * FROM files WHERE asset = ? AND uid = ?", uid, file_uid)
    if row is None:
        raise Refused(404, {"detail": "No AssetFile matches the given query."})
    answer = Response(load_blob(context.db.reader, row["blob"]), content_type=row["mimetype"])
    answer.headers["Content-Disposition"] = disposition("attachment", row["filename"])
    answer.last_modified = datetime.fromisoformat(row["created_at"])
    return answer


# ── deployment ──────────────────────────────────────────────────────────────


def deployment(context: Context, request: Asked, uid: str) -> Response:
    """``…/deployment/``: GET; POST deploys, PATCH redeploys or only (un)archives [d01-d45]."""
    right = "view_asset" if request.method == "GET" else "change_asset"
    asset = access.need(context, request, uid, right)
    current = one(context.db.reader, "SELECT * FROM deployments WHERE asset = ?", uid)
    if request.method == "GET":
        if current is None:
            raise not_found()
        return _deployed(context, request, uid)
    if request.method not in ("POST", "PATCH"):
        raise wrong_method(request.method)
    if request.method == "POST" and current is not None:
        raise Refused(405, {"detail": "Use PATCH to update an existing deployment"})
    if request.method == "PATCH" and current is None:
        raise Refused(405, {"detail": "Use POST to create a new deployment"})
    payload = request.payload()
    is_active = payload.get("active", False) in (True, "true", "True", "1", 1)  # the default is archived [d08]
    if asset["asset_type"] != "survey":
        raise server_error()  # [d10]
    if request.method == "PATCH" and "version_id" not in payload:
        _archive(context, request, asset, is_active)  # only that: not a redeployment [c25]
    elif payload.get("version_id", asset["version_id"]) != asset["version_id"]:
        raise server_error()  # [d23]
    else:
        _deploy(context, request, asset, current, is_active)
    return _deployed(context, request, uid)


def _deployed(context: Context, request: Asked, uid: str) -> Response:
    asset = one(context.db.reader, "SELECT * FROM assets WHERE uid = ?", uid)
    if asset is None:
        raise not_found()
    return json_answer(render.deployment(request.base, view(context, request, asset)))


def _archive(context: Context, request: Asked, asset: Row, is_active: bool) -> None:
    with context.db.writing() as connection:
        connection.execute("UPDATE deployments SET active = ? WHERE asset = ?", (is_active, asset["uid"]))
        said = {"latest_version_uid": asset["version_id"]}
        action = "unarchive" if is_active else "archive"
        history.record(context, connection, asset, action, request.username, said)


def _deploy(context: Context, request: Asked, asset: Row, current: Row | None, is_active: bool) -> None:
    uid, now = asset["uid"], context.now()
    if one(context.db.reader, "SELECT 1 FROM pairings WHERE asset = ?", uid):
        with context.db.writing() as connection:  # its XForm is a server's: media alone are ours to change
            publish_media(connection, uid)
        return
    version = one(context.db.reader, "SELECT * FROM versions WHERE uid = ?", asset["version_id"])
    if version is None:
        raise not_found()
    n_before = context.db.reader.execute(
        "SELECT count(*) FROM versions WHERE asset = ? AND deployed_at IS NOT NULL AND uid != ?", (uid, version["uid"])
    ).fetchone()[0]
    form_uuid = current["uuid"] if current else context.new_uuid().replace("-", "")
    sheets = json.loads(version["sheets"])
    stamp = _stamp(n_before + 1, asset["modified_at"], current)
    try:
        form = workbook.deployable(
            sheets, asset_uid=uid, name=asset["name"], form_uuid=form_uuid, version_uid=version["uid"], stamp=stamp
        )
    except workbook.Undeployable as error:
        raise Refused(400, {"error": error.message}) from error
    with context.db.writing() as connection:
        title = workbook.title_of(sheets) or asset["name"]
        connection.execute(
            "INSERT INTO deployments (asset, uuid, active, version_id, stamp, name, title, xform, md5, deployed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asset) DO UPDATE SET active = excluded.active,"
            " version_id = excluded.version_id, stamp = excluded.stamp, name = excluded.name, title = excluded.title,"
            " xform = excluded.xform, md5 = excluded.md5, deployed_at = excluded.deployed_at",
            (
                uid, form_uuid, is_active, version["uid"], stamp, asset["name"], title, form.xform, form.md5,
                micros(now),
            ),
        )  # fmt: skip
        connection.execute(
            "UPDATE versions SET deployed_at = ifnull(deployed_at, ?) WHERE uid = ?", (micros(now), version["uid"])
        )
        connection.execute("UPDATE assets SET modified_at = ? WHERE uid = ?", (micros(now), uid))
        publish_media(connection, uid)
        metadata = {"latest_version_uid": version["uid"], "latest_deployed_version_uid": version["uid"]}
        history.record(context, connection, asset, "redeploy" if current else "deploy", request.username, metadata)


def _stamp(n: int, modified_at: str, current: Row | None) -> str:
    """The form's version; a redeployment within the same second still gets one of its own, or phones would not update."""
    moment = datetime.fromisoformat(modified_at)
    stamp = stamp_of(n, moment.isoformat())
    while current is not None and current["stamp"] == stamp:
        moment += timedelta(seconds=1)
        stamp = stamp_of(n, moment.isoformat())
    return stamp


def publish_media(connection: Connection, uid: str) -> None:
    """Make the manifest equal to the files; a file that changed gets a new id [c33, c34]."""
    files = {
        (row["filename"], row["md5"]): row for row in connection.execute("SELECT * FROM files WHERE asset = ?", (uid,))
    }
    old = connection.execute("SELECT * FROM published WHERE asset = ?", (uid,)).fetchall()
    for row in old:
        if (row["filename"], row["md5"]) in files:
            del files[row["filename"], row["md5"]]
        else:
            connection.execute("DELETE FROM published WHERE id = ?", (row["id"],))
            drop_unused_blobs(connection, [row["blob"]])
    for row in files.values():
        connection.execute(
            "INSERT INTO published (asset, filename, mimetype, md5, blob) VALUES (?, ?, ?, ?, ?)",
            (uid, row["filename"], row["mimetype"], row["md5"], row["blob"]),
        )


# ── versions, the form given back ───────────────────────────────────────────


def versions(context: Context, request: Asked, uid: str) -> Response:
    """``…/versions/``: the deployed ones, newest first [d35]."""
    asset = access.need(context, request, uid, "view_asset")
    asset_view = view(context, request, asset)
    return json_answer(render.versions(request.base, uid, asset_view.deployed))


def one_version(context: Context, request: Asked, uid: str, version_uid: str) -> Response:
    """``…/versions/<uid>/``: with its content."""
    asset = access.need(context, request, uid, "view_asset")
    row = one(context.db.reader, "SELECT * FROM versions WHERE asset = ? AND uid = ?", uid, version_uid)
    if row is None:
        raise not_found()
    asset_view = view(context, request, asset)
    listed = render.versions(request.base, uid, asset_view.deployed)["results"]
    head = next((item for item in listed if item["uid"] == version_uid), {"uid": version_uid})
    return json_answer({**head, "content": json.loads(row["content"])})


def content(context: Context, request: Asked, uid: str) -> Response:
    """``…/content/``: the newest content [d36]."""
    asset = access.need(context, request, uid, "view_asset")
    row = one(context.db.reader, "SELECT sheets FROM versions WHERE uid = ?", asset["version_id"])
    data = json.loads(row["sheets"]) if row else {}
    for settings in data.get("settings", []):
        settings.pop("form_title", None)  # it has become the asset's name
    return json_answer({"kind": "asset.content", "uid_asset": uid, "data": data})


def given_back(context: Context, request: Asked, uid: str, kind: str) -> Response:
    """``/assets/<uid>.xls`` and ``.xml`` [b21, b22]."""
    asset = access.need(context, request, uid, "view_asset")
    row = one(context.db.reader, "SELECT * FROM versions WHERE uid = ?", asset["version_id"])
    if row is None or kind not in ("xls", "xml"):
        raise no_such_page()
    sheets = json.loads(row["sheets"])
    if kind == "xls":
        answer = Response(_workbook(sheets), content_type=_WORKBOOK)
        answer.headers["Content-Disposition"] = f"attachment; filename={uid}.xlsx"
        return answer
    try:
        xform = workbook.plain_xform(sheets, asset_uid=uid, name=asset["name"])
    except workbook.Undeployable as error:
        raise Refused(400, {"error": error.message}) from error
    answer = Response(xform, content_type="application/xml; charset=utf-8")
    answer.headers["Content-Disposition"] = f"attachment; filename={uid}.xml"
    return answer


def _workbook(sheets: workbook.Sheets) -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001 - a zip entry's fixed date, not a moment
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        header = list(dict.fromkeys(key for row in rows for key in row))
        sheet.write_row(0, 0, header)
        for n, row in enumerate(rows, start=1):
            for m, key in enumerate(header):
                if key in row:
                    sheet.write_string(n, m, row[key])
    book.close()
    return target.getvalue()

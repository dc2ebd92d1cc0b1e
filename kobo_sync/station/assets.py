"""Projects: list, read, change, delete; imports; permissions."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.station import access, history, render, workbook
from kobo_sync.station.auth import ANONYMOUS, NO_CREDENTIALS
from kobo_sync.station.database import Connection, Row, one
from kobo_sync.station.wire import (
    Asked,
    Context,
    Refused,
    empty,
    forbidden,
    json_answer,
    micros,
    not_found,
    server_error,
    whole,
    wrong_method,
)

NO_SETTINGS = {"sector": {}, "country": [], "description": "", "organization": "", "country_codes": []}
_NO_PAYLOAD = "ImportTask data must contain `base64Encoded`, `url`, or `single_xls_url`"


def view(context: Context, request: Asked, asset: Row) -> render.AssetView:
    """All there is to say of an asset."""
    db, uid = context.db.reader, asset["uid"]
    columns = "uid, content_hash, created_at, deployed_at"
    versions = db.execute(f"SELECT {columns} FROM versions WHERE asset = ? ORDER BY id DESC", (uid,)).fetchall()
    newest = one(db, "SELECT content FROM versions WHERE uid = ?", versions[0]["uid"])
    content = json.loads(newest["content"] if newest else "{}")
    deployment = one(db, "SELECT * FROM deployments WHERE asset = ?", uid)
    permissions = db.execute(
        "SELECT * FROM permissions WHERE asset = ? ORDER BY username, codename, id", (uid,)
    ).fetchall()
    return render.AssetView(
        asset=asset,
        content=content,
        summary=workbook.summary_of(content),
        content_hash=versions[0]["content_hash"],
        n_versions=len(versions),
        deployment=dict(deployment) if deployment else None,
        deployed=[row for row in versions if row["deployed_at"]],
        files=db.execute("SELECT * FROM files WHERE asset = ? ORDER BY id", (uid,)).fetchall(),
        permissions=permissions,
        granted=sorted({*access.granted(db, uid, request), *_owned(asset, request)}),
        n_submissions=db.execute("SELECT count(*) FROM submissions WHERE asset = ?", (uid,)).fetchone()[0],
    )


def _owned(asset: Row, request: Asked) -> Iterable[str]:
    return ("delete_asset",) if request.username == asset["owner"] or request.is_superuser else ()


# ── list, one ───────────────────────────────────────────────────────────────


def listing(context: Context, request: Asked) -> Response:
    """``/api/v2/assets/``: 200 and empty for anonymous callers [a11]."""
    if request.method != "GET":
        raise wrong_method(request.method)
    views = [view(context, request, asset) for asset in access.visible(context, request)]
    views = [item for item in views if _answers(item, request.args.get("q", ""))]
    limit = min(max(whole(request.args.get("limit")) or 100, 1), 300)
    start = max(whole(request.args.get("start")) or whole(request.args.get("offset")) or 0, 0)
    rows = [render.asset_row(request.base, item) for item in views[start : start + limit]]
    nexts = render.links(request.here, request.args.to_dict(), count=len(views), limit=limit, offset=start)
    return json_answer(render.page(rows, len(views), nexts))


def _answers(item: render.AssetView, q: str) -> bool:
    """Whether an asset answers ``q``: ``field:value`` terms joined by AND, other words searched in the name."""
    status = "draft" if item.deployment is None else "deployed" if item.deployment["active"] else "archived"
    facts = {
        "asset_type": item.asset["asset_type"],
        "uid": item.asset["uid"],
        "name": item.asset["name"],
        "_deployment_status": status,
        "owner__username": item.asset["owner"],
    }
    for word in re.findall(r'(?:[^\s"]|"[^"]*")+', q):
        key, colon, value = word.partition(":")
        if word == "AND":
            continue
        if colon and key in facts:
            if facts[key] != value.strip('"'):
                return False
        elif word.strip('"').casefold() not in item.asset["name"].casefold():
            return False
    return True


def one_asset(context: Context, request: Asked, uid: str) -> Response:
    """``/api/v2/assets/<uid>/``: GET, PATCH (name, settings), DELETE."""
    rights = {"GET": "view_asset", "PATCH": "change_asset", "DELETE": "manage_asset"}
    if request.method not in rights:
        raise wrong_method(request.method)
    asset = access.need(context, request, uid, rights[request.method])
    if request.method == "DELETE":
        if not _owned(asset, request):
            raise forbidden()
        with context.db.writing() as connection:
            erase(connection, uid)
        return empty()
    if request.method == "PATCH":
        asset = _change(context, request, asset, request.payload())
    return json_answer(render.asset_full(request.base, view(context, request, asset)))


def _change(context: Context, request: Asked, asset: Row, payload: Mapping[str, Any]) -> Row:
    """Settings are merged by top-level key and make no version; a new name does [d41]."""
    uid, settings = asset["uid"], json.loads(asset["settings"])
    settings_change = payload.get("settings")
    if isinstance(settings_change, str):
        try:
            settings_change = json.loads(settings_change)
        except ValueError as error:
            raise Refused(400, {"settings": ["Value must be valid JSON."]}) from error
    if settings_change is not None and not isinstance(settings_change, dict):
        raise Refused(400, {"settings": ["Value must be valid JSON."]})
    name = payload.get("name", asset["name"])
    if not isinstance(name, str) or len(name) > 255:
        raise Refused(400, {"name": ["Ensure this field has no more than 255 characters."]})
    with context.db.writing() as connection:
        now = micros(context.now())
        if name != asset["name"]:
            last = one(connection, "SELECT * FROM versions WHERE asset = ? ORDER BY id DESC LIMIT 1", uid)
            version = add_version(context, connection, uid, json.loads(last["sheets"] if last else "{}"))
            metadata = {"name": {"new": name, "old": asset["name"]}, "latest_version_uid": version}
            history.record(context, connection, asset, "update-name", request.username, metadata)
        connection.execute(
            "UPDATE assets SET name = ?, settings = ?, modified_at = ?, modified_by = ? WHERE uid = ?",
            (name, render.dumps({**settings, **(settings_change or {})}), now, request.username, uid),
        )
    changed = one(context.db.reader, "SELECT * FROM assets WHERE uid = ?", uid)
    return changed or asset


def erase(connection: Connection, uid: str) -> None:
    """Forget an asset: form, media, submissions, files, history."""
    connection.execute(
        "DELETE FROM attachments WHERE submission_id IN (SELECT id FROM submissions WHERE asset = ?)", (uid,)
    )
    for table in ("versions", "deployments", "files", "published", "submissions", "retired", "permissions", "history"):
        connection.execute(f"DELETE FROM {table} WHERE asset = ?", (uid,))
    connection.execute("DELETE FROM assets WHERE uid = ?", (uid,))
    connection.execute(
        "DELETE FROM blobs WHERE sha NOT IN (SELECT blob FROM attachments UNION SELECT blob FROM files"
        " UNION SELECT blob FROM published)"
    )


def add_version(context: Context, connection: Connection, asset: str, sheets: workbook.Sheets, uid: str = "") -> str:
    """Make *sheets* the newest content of an asset; returns the version's uid: *uid*, or a new one."""
    version = uid or context.new_uid("v")
    connection.execute(
        "INSERT INTO versions (uid, asset, sheets, content, content_hash, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (
            version,
            asset,
            render.dumps(sheets),
            render.dumps(workbook.content_of(sheets, version)),
            workbook.content_hash(sheets),
            micros(context.now()),
        ),
    )
    connection.execute("UPDATE assets SET version_id = ? WHERE uid = ?", (version, asset))
    return version


# ── imports ─────────────────────────────────────────────────────────────────


def imports(context: Context, request: Asked) -> Response:
    """``POST /api/v2/imports/``: always 201; what went wrong is in the poll [b01-b16]. The list is a 500 [b25]."""
    if request.username is None:
        raise Refused(401, {"detail": NO_CREDENTIALS})
    if request.method == "GET":
        raise server_error()
    if request.method != "POST":
        raise wrong_method(request.method)
    uid = context.new_uid("i")
    # Compiling is left out of the transaction: other writers need not wait for it.
    try:
        sheets = workbook.read_workbook(_payload(request))
        error = None
    except workbook.ImportRefused as refusal:
        sheets, error = {}, {"error": refusal.message, "error_type": refusal.kind}
    with context.db.writing() as connection:
        messages = error or _import(context, connection, request, sheets)
        status = "error" if "error" in messages else "complete"
        connection.execute(
            "INSERT INTO imports (uid, username, status, messages, created_at) VALUES (?, ?, ?, ?, ?)",
            (uid, request.username, status, render.dumps(messages), micros(context.now())),
        )
    return json_answer(render.import_started(request.base, uid), 201)


def _payload(request: Asked) -> bytes:
    """The workbook sent; a JSON body is not read [b07, b08]."""
    file = request.files.get("file")
    if file is not None:
        return bytes(file.read())
    encoded = request.form.get("base64Encoded", "")
    if not encoded:
        raise workbook.ImportRefused("Exception", _NO_PAYLOAD)
    try:
        return base64.b64decode(encoded.partition("base64,")[2] or encoded.removeprefix("base64:"), validate=False)
    except binascii.Error as error:
        raise workbook.ImportRefused("Error", str(error)) from error


def _import(context: Context, connection: Connection, request: Asked, sheets: workbook.Sheets) -> dict[str, Any]:
    destination = request.form.get("destination", "")
    if destination:
        return _replace(context, connection, request, sheets, destination.rstrip("/").rpartition("/")[2])
    filename = request.form.get("name") or "Sans titre"
    name = workbook.title_of(sheets) or re.sub(r"\.xlsx?$", "", filename)
    is_library = request.form.get("library", "true").lower() != "false"  # a block is what one gets by default [b05]
    owner = str(request.username)
    kind = "block" if is_library else "survey"
    uid = create(context, connection, owner, name, kind, sheets, NO_SETTINGS)
    return {"created": [_told(connection, uid, owner)]}


def create(
    context: Context,
    connection: Connection,
    owner: str,
    name: str,
    kind: str,
    sheets: workbook.Sheets,
    settings: Mapping[str, Any],
) -> str:
    """A new asset with its first version; returns its uid. The accounts of phones may send to it."""
    uid, now = context.new_uid("a"), micros(context.now())
    connection.execute(
        "INSERT INTO assets (uid, name, owner, asset_type, settings, version_id, created_at, modified_at)"
        " VALUES (?, ?, ?, ?, ?, '', ?, ?)",
        (uid, name, owner, kind, render.dumps(settings), now, now),
    )
    add_version(context, connection, uid, sheets)
    for codename in access.OWNER:
        access.grant(context, connection, uid, owner, codename)
    for phone in context.phones():
        access.grant(context, connection, uid, phone, "add_submissions")
    return uid


def _replace(
    context: Context, connection: Connection, request: Asked, sheets: workbook.Sheets, uid: str
) -> dict[str, Any]:
    """New content for an asset, not deployed; its name is overwritten by the form's title [d21, b48]."""
    asset = one(connection, "SELECT * FROM assets WHERE uid = ?", uid)
    if asset is None or "change_asset" not in access.granted(connection, uid, request):
        return {"error": "user cannot update asset", "error_type": "PermissionDenied"}
    version = add_version(context, connection, uid, sheets)
    name = workbook.title_of(sheets) or asset["name"]
    connection.execute(
        "UPDATE assets SET name = ?, modified_at = ?, modified_by = ? WHERE uid = ?",
        (name, micros(context.now()), request.username, uid),
    )
    history.record(context, connection, asset, "replace-form", request.username, {"latest_version_uid": version})
    audit = {
        "source": "Other (Other)",
        "asset_id": asset["id"],
        "new_name": name,
        "old_name": asset["name"],
        "asset_uid": uid,
        "ip_address": "127.0.0.1",
        "project_owner": asset["owner"],
        "latest_version_uid": version,
    }
    return {"updated": [_told(connection, uid, asset["owner"])], "audit_logs": [audit]}


def _told(connection: Connection, uid: str, owner: str) -> dict[str, Any]:
    last = one(connection, "SELECT content FROM versions WHERE asset = ? ORDER BY id DESC LIMIT 1", uid)
    summary = workbook.summary_of(json.loads(last["content"])) if last else {}
    return {"uid": uid, "kind": "asset", "summary": summary, "owner__username": owner}


def poll(context: Context, request: Asked, uid: str) -> Response:
    """``GET /api/v2/imports/<uid>/`` [b02]."""
    row = one(context.db.reader, "SELECT * FROM imports WHERE uid = ? AND username = ?", uid, request.username)
    if row is None:
        raise Refused(404, {"detail": "No ImportTask matches the given query."})  # [r26]
    body = {"status": row["status"], "uid": uid, "messages": json.loads(row["messages"])}
    return json_answer({**body, "date_created": row["created_at"]})


# ── permissions ─────────────────────────────────────────────────────────────


def permissions(context: Context, request: Asked, uid: str) -> Response:
    """``…/permission-assignments/``: a bare list [m01]; POST assigns [m03, m30]."""
    if request.method == "GET":
        access.need(context, request, uid, "view_asset")
        rows = context.db.reader.execute(
            "SELECT * FROM permissions WHERE asset = ? ORDER BY username, codename, id", (uid,)
        )
        return json_answer([render.permission(request.base, row) for row in rows])
    if request.method != "POST":
        raise wrong_method(request.method)
    asset = access.need(context, request, uid, "manage_asset")
    payload = request.payload()
    username, codename = _last(payload.get("user")), _last(payload.get("permission"))
    if codename not in render.PERMISSIONS:
        raise Refused(400, {"permission": ["Invalid hyperlink - Object does not exist."]})
    if username != ANONYMOUS and not context.knows(username):
        raise Refused(400, {"user": ["Invalid hyperlink - Object does not exist."]})
    filters = _filters(payload.get("partial_permissions")) if codename == "partial_submissions" else None
    with context.db.writing() as connection:
        access.grant(context, connection, uid, username, codename, filters)
        row = one(
            connection,
            "SELECT * FROM permissions WHERE asset = ? AND username = ? AND codename = ?",
            uid,
            username,
            codename,
        )
        is_open = username == ANONYMOUS
        change = {"permissions": {"added": [codename], "removed": [], "username": username}}
        action = "allow-anonymous-submissions" if is_open else "modify-user-permissions"
        metadata = {"log_subtype": "permission", **({} if is_open else change)}
        history.record(context, connection, asset, action, request.username, metadata)
    answer = render.permission(request.base, dict(row or {}))
    return json_answer(answer, 201, {"Location": answer["url"]})


def admit_phones(context: Context) -> None:
    """Let the accounts of phones send to every form, and do nothing else: once they were administrators as well."""
    with context.db.writing() as connection:
        for phone in context.phones():
            connection.execute("DELETE FROM permissions WHERE username = ? AND codename != 'add_submissions'", (phone,))
            for row in connection.execute("SELECT uid FROM assets").fetchall():
                access.grant(context, connection, row["uid"], phone, "add_submissions")


def _last(url: Any) -> str:
    return str(url or "").rstrip("/").rpartition("/")[2]


def _filters(permissions: Any) -> str:
    if not isinstance(permissions, Sequence) or not all(
        isinstance(item, dict) and isinstance(item.get("filters"), list) for item in permissions
    ):
        raise Refused(400, {"partial_permissions": ["This field is required for the `partial_submissions` permission"]})
    return render.dumps([{"codename": _last(item.get("url")), "filters": item["filters"]} for item in permissions])


def one_permission(context: Context, request: Asked, uid: str, permission_uid: str) -> Response:
    """``…/permission-assignments/<uid>/``: GET, DELETE [m33]."""
    right = {"GET": "view_asset", "DELETE": "manage_asset"}.get(request.method)
    if right is None:
        raise wrong_method(request.method)
    asset = access.need(context, request, uid, right)
    row = one(context.db.reader, "SELECT * FROM permissions WHERE asset = ? AND uid = ?", uid, permission_uid)
    if row is None:
        raise not_found()
    if request.method == "GET":
        return json_answer(render.permission(request.base, row))
    if row["username"] == asset["owner"]:
        raise Refused(403, {"detail": "Owner's permissions cannot be deleted"})
    with context.db.writing() as connection:
        connection.execute("DELETE FROM permissions WHERE uid = ?", (permission_uid,))
        change = {"permissions": {"added": [], "removed": [row["codename"]], "username": row["username"]}}
        history.record(
            context,
            connection,
            asset,
            "modify-user-permissions",
            request.username,
            {"log_subtype": "permission", **change},
        )
    return empty()


def stamp_of(n: int, modified_at: str) -> str:
    """A deployed form's version: ``N (YYYY-MM-DD HH:MM:SS)`` [e12]."""
    return f"{n} ({datetime.fromisoformat(modified_at).strftime('%Y-%m-%d %H:%M:%S')})"

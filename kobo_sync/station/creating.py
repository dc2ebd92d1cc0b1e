"""Projects made and changed by content instead of a workbook [s01-s17]."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.station import access, assets, history, render, workbook
from kobo_sync.station.auth import NO_CREDENTIALS
from kobo_sync.station.contents import sheets_of
from kobo_sync.station.database import Row, one
from kobo_sync.station.wire import Asked, Context, Refused, json_answer, micros, server_error

_TYPES = ("image", "text", "question", "block", "survey", "template", "collection", "empty")


def listing(context: Context, request: Asked) -> Response:
    """``/api/v2/assets/``: GET lists, POST makes one."""
    if request.method != "POST":
        return assets.listing(context, request)
    if request.username is None:
        raise Refused(401, {"detail": NO_CREDENTIALS})
    payload = request.payload()
    source = _source(context, request, payload.get("clone_from"))
    kind = payload.get("asset_type") or (source["asset_type"] if source else None)
    if kind is None:
        raise Refused(400, {"asset_type": ["This field is required."]})
    if kind not in _TYPES:
        raise Refused(400, {"asset_type": [f'"{kind}" is not a valid choice.']})
    sheets = _sheets(payload.get("content") or {}) if source is None else _newest(context, source)
    settings = _settings(payload.get("settings"))
    if source is not None:
        settings = {**json.loads(source["settings"]), **settings}
    name = workbook.title_of(sheets) or payload.get("name") or ""
    if not isinstance(name, str) or len(name) > 255:
        raise Refused(400, {"name": ["Ensure this field has no more than 255 characters."]})
    with context.db.writing() as connection:
        is_form = kind in ("survey", "block", "question", "template")
        settings = {**(assets.NO_SETTINGS if is_form else {}), **settings}
        uid = assets.create(context, connection, request.username, name, kind, sheets, settings)
    asset = access.need(context, request, uid, "view_asset")
    answer = render.asset_full(request.base, assets.view(context, request, asset))
    return json_answer(answer, 201, {"Location": answer["url"]})


def one_asset(context: Context, request: Asked, uid: str) -> Response:
    """``/api/v2/assets/<uid>/``; PUT is PATCH here: what is not named stays [s17]."""
    if request.method in ("PUT", "PATCH"):
        request.method = "PATCH"
        asset = access.need(context, request, uid, "change_asset")
        content = request.payload().get("content")
        if content:
            _replace(context, request, asset, _sheets(content))
    return assets.one_asset(context, request, uid)


def _replace(context: Context, request: Asked, asset: Row, sheets: workbook.Sheets) -> None:
    with context.db.writing() as connection:
        version = assets.add_version(context, connection, asset["uid"], sheets)
        connection.execute(
            "UPDATE assets SET name = ?, modified_at = ?, modified_by = ? WHERE uid = ?",
            (workbook.title_of(sheets) or asset["name"], micros(context.now()), request.username, asset["uid"]),
        )
        metadata = {"latest_version_uid": version}
        history.record(context, connection, asset, "update-content", request.username, metadata)


def valid_content(context: Context, request: Asked, uid: str) -> Response:
    """``…/valid_content/``: the newest content as clients compile it [r05]."""
    asset = access.need(context, request, uid, "view_asset")
    row = one(context.db.reader, "SELECT content FROM versions WHERE uid = ?", asset["version_id"])
    content = json.loads(row["content"]) if row else {}
    return json_answer({"kind": "asset.valid_content", "uid_asset": uid, "data": content})


def _source(context: Context, request: Asked, uid: Any) -> Row | None:
    return access.need(context, request, str(uid), "view_asset") if uid else None


def _newest(context: Context, asset: Row) -> workbook.Sheets:
    row = one(context.db.reader, "SELECT sheets FROM versions WHERE uid = ?", asset["version_id"])
    sheets: workbook.Sheets = json.loads(row["sheets"]) if row else {"survey": []}
    for settings in sheets.get("settings", []):
        settings.pop("form_title", None)  # the copy has a name of its own
    return sheets


def _sheets(content: Any) -> workbook.Sheets:
    """Raises: Refused 500, as a real server breaks over what is no content, or has a type that it does not know [s10]."""
    try:
        return sheets_of(content)
    except (ValueError, TypeError, AttributeError, RecursionError, workbook.ImportRefused) as error:
        raise server_error() from error


def _settings(settings: Any) -> dict[str, Any]:
    try:
        value = json.loads(settings) if isinstance(settings, str) else settings or {}
    except (ValueError, RecursionError) as error:
        raise Refused(400, {"settings": ["Value must be valid JSON."]}) from error
    if not isinstance(value, dict):
        raise Refused(400, {"settings": ["Value must be valid JSON."]})
    return value

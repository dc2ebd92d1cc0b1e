"""REST services: what the station tells another server of when a submission comes; on creation only [i02-i16, h-i]."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping
from typing import Any

import requests
from werkzeug.wrappers import Response

from kobo_sync.station import access, render
from kobo_sync.station.database import Row, one
from kobo_sync.station.wire import Asked, Context, Refused, empty, json_answer, micros, not_found, wrong_method

log = logging.getLogger("kobo_sync.station")
TIMEOUT_S = 10
_SETTINGS: Mapping[str, Any] = {  # name → what an added hook has where nothing is said [i02, i09]
    "active": True,
    "auth_level": "no_auth",
    "email_notification": True,
    "endpoint": "",
    "export_type": "json",
    "name": "",
    "payload_template": None,
    "settings": {},
    "subset_fields": [],
}
_ENDPOINT = re.compile(r"https?://[^\s/?#@\\]+(/[^\s\\]*)?")
_CHOICES = {"export_type": ("json", "xml"), "auth_level": ("no_auth", "basic_auth")}


def listing(context: Context, request: Asked, uid: str) -> Response:
    """``…/hooks/``: list, or add one."""
    asset = access.need(context, request, uid, "change_asset")
    if request.method == "GET":
        rows = context.db.reader.execute("SELECT * FROM hooks WHERE asset = ? ORDER BY id", (uid,)).fetchall()
        return json_answer(render.page([_shown(request.base, asset, row) for row in rows], len(rows)))
    if request.method != "POST":
        raise wrong_method(request.method)
    settings = _checked(request.payload(), whole=True)
    hook_uid = context.new_uid("h")
    with context.db.writing() as connection:
        connection.execute(
            "INSERT INTO hooks (uid, asset, settings, modified_at) VALUES (?, ?, ?, ?)",
            (hook_uid, uid, json.dumps(settings), micros(context.now())),
        )
        row = one(connection, "SELECT * FROM hooks WHERE uid = ?", hook_uid)
    answer = _shown(request.base, asset, row)
    return json_answer(answer, 201, {"Location": answer["url"]})


def one_hook(context: Context, request: Asked, uid: str, hook_uid: str) -> Response:
    """``…/hooks/<uid>/``: GET, PATCH, DELETE [i14, i16]."""
    asset = access.need(context, request, uid, "change_asset")
    row = one(context.db.reader, "SELECT * FROM hooks WHERE asset = ? AND uid = ?", uid, hook_uid)
    if row is None:
        raise not_found()
    if request.method == "GET":
        return json_answer(_shown(request.base, asset, row))
    if request.method == "DELETE":
        with context.db.writing() as connection:
            connection.execute("DELETE FROM hooks WHERE uid = ?", (hook_uid,))
        return empty()
    if request.method != "PATCH":
        raise wrong_method(request.method)
    changed = json.loads(row["settings"]) | _checked(request.payload(), whole=False)
    with context.db.writing() as connection:
        connection.execute(
            "UPDATE hooks SET settings = ?, modified_at = ? WHERE uid = ?",
            (json.dumps(changed), micros(context.now()), hook_uid),
        )
        row = one(connection, "SELECT * FROM hooks WHERE uid = ?", hook_uid)
    return json_answer(_shown(request.base, asset, row))


def _shown(base: str, asset: Any, row: Any) -> dict[str, Any]:
    """A REST service; the station counts no calls [i02, i14]."""
    url = f"{render.asset_url(base, row['asset'])}hooks/{row['uid']}/"
    return {
        **_SETTINGS,
        **json.loads(row["settings"]),
        "asset": asset["id"],
        "date_modified": row["modified_at"],
        "failed_count": 0,
        "pending_count": 0,
        "success_count": 0,
        "logs_url": f"{url}logs/",
        "uid": row["uid"],
        "url": url,
    }


def _checked(settings: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """What was given, of the known settings. Raises: Refused 400, saying which is wrong."""
    for name in ("name", "endpoint") if whole else ():
        if not settings.get(name):
            raise Refused(400, {name: ["This field is required."]})
    if "endpoint" in settings and not _ENDPOINT.fullmatch(str(settings["endpoint"])):
        raise Refused(400, {"endpoint": ["Enter a valid URL."]})
    for name, choices in _CHOICES.items():
        if name in settings and settings[name] not in choices:
            raise Refused(400, {name: [f'"{settings[name]}" is not a valid choice.']})
    return {name: settings[name] for name in _SETTINGS if name in settings}


def tell(context: Context, asset_uid: str, uuid: str) -> None:
    """Tell the project's active hooks of a new submission, in the background: the phone does not wait for them.

    Links in what is told are paths: the phone, which names a host, is not believed.
    """
    reader = context.db.reader
    hooks = reader.execute("SELECT * FROM hooks WHERE asset = ?", (asset_uid,)).fetchall()
    active = [row for row in hooks if json.loads(row["settings"]).get("active", True)]
    row = one(reader, "SELECT * FROM submissions WHERE asset = ? AND uuid = ?", asset_uid, uuid) if active else None
    if row is None or row["root_uuid"] != uuid:  # an edit fires nothing
        return
    text = render.row_text(row["id"], row["head"], row["attachments"], row["validation"], "")
    threading.Thread(target=_send, args=(active, text), name="station-hooks", daemon=True).start()


def _send(hooks: list[Row], text: str) -> None:
    for hook in hooks:
        settings = json.loads(hook["settings"])
        headers = {
            "User-Agent": f"KoboToolbox external service #{hook['uid']}",
            "Content-Type": "application/json",
            **(settings.get("settings") or {}).get("custom_headers", {}),
        }
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    settings["endpoint"], text.encode(), headers=headers, timeout=TIMEOUT_S, allow_redirects=False
                )
            log.info("hook %s: %d", hook["uid"], answer.status_code)
        except requests.RequestException as error:
            log.warning("hook %s: %s", hook["uid"], type(error).__name__)

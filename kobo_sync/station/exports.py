"""Exports: rows as a file, made when they are asked for, kept in memory for a while; and their settings [t01-t10, j01-j15].

To the project's owner alone. A station keeps the newest only, and none when it has been stopped.
"""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from werkzeug.wrappers import Response

from kobo_sync.station import access, data, query, render, submissions
from kobo_sync.station.database import Row, one
from kobo_sync.station.export_tables import Layout, as_csv, as_xlsx, tables_of
from kobo_sync.station.given_files import as_download
from kobo_sync.station.wire import (
    HTML_TYPE,
    Asked,
    Context,
    Refused,
    empty,
    json_answer,
    micros,
    not_found,
    wrong_method,
)

MOST, MOST_BYTES, MOST_ROWS = 20, 64 * 1024 * 1024, 20_000
_KEYS = ("fields_from_all_versions", "group_sep", "hierarchy_in_labels", "lang", "multiple_select", "type")
_REQUIRED = "all the following required keys: 'fields_from_all_versions', 'group_sep', 'hierarchy_in_labels', 'lang', 'multiple_select' and 'type'"
_TYPES = ("csv", "geojson", "spss_labels", "xls", "kml")
_FILES = {
    "csv": ("csv", "text/csv"),
    "geojson": ("geojson", "application/geo+json"),
    "xls": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
_MULTIPLE = ("both", "summary", "details")
_FORBIDDEN = "<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>403 Forbidden</title>\n</head>\n<body>\n  <h1>403 Forbidden</h1><p></p>\n</body>\n</html>\n"  # fmt: skip


@dataclass
class Export:
    """One export; without *content* it could not be made, *error* says why."""

    uid: str
    asset: str
    username: str
    settings: Mapping[str, Any]
    created_at: str
    filename: str = ""
    content: bytes = b""
    last_submission_at: str | None = None
    seconds: float = 0.0
    error: str = ""


@dataclass
class Shelf:
    """The exports that can be fetched, and the settings for new ones; the oldest give way."""

    exports: OrderedDict[str, Export] = field(default_factory=OrderedDict)
    settings: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, export: Export) -> None:
        """Keep an export; others go where they are too many, or too large together."""
        with self.lock:
            self.exports[export.uid] = export
            while len(self.exports) > MOST or sum(len(each.content) for each in self.exports.values()) > MOST_BYTES:
                self.exports.popitem(last=False)

    def of(self, asset: str) -> list[Export]:
        """The exports of a project, the newest first."""
        with self.lock:
            return [export for export in reversed(self.exports.values()) if export.asset == asset]

    def put_settings(self, uid: str, settings: dict[str, Any]) -> None:
        """Keep settings."""
        with self.lock:
            self.settings[uid] = settings
            while len(self.settings) > 10 * MOST:
                self.settings.popitem(last=False)


def _owned(context: Context, request: Asked, uid: str) -> Row:
    """The project, to its owner or a superuser. Raises: Refused 404 [t01d]."""
    asset = access.need(context, request, uid, "view_asset")
    if request.username != asset["owner"] and not request.is_superuser:
        raise not_found()
    return asset


# ── exports ─────────────────────────────────────────────────────────────────


def listing(context: Context, request: Asked, uid: str) -> Response:
    """``…/exports/``: the list, or a new one, which is made at once."""
    asset = _owned(context, request, uid)
    if request.method == "GET":
        results = [_shown(request.base, asset, export) for export in context.shelf.of(uid)]
        return json_answer(render.page(results, len(results)))
    wish = {name: value for name, value in request.payload().items() if name != "name"}
    wish["name"] = request.payload().get("name")
    layout = _layout(_content(context, asset), _checked(wish, "data", f"Must contain {_REQUIRED}"))
    export = _export(context, request, asset, wish, layout)
    context.shelf.put(export)
    shown = _shown(request.base, asset, export)
    started = {**shown, "status": "created", "messages": {}, "result": None, "last_submission_time": None}
    started["data"] = {name: value for name, value in shown["data"].items() if name != "processing_time_seconds"}
    return json_answer(started, 201, {"Location": shown["url"]})


def _checked(wish: Mapping[str, Any], name: str, missing: str) -> Mapping[str, Any]:
    """Raises: Refused 400 where a key is missing, or has a value that is none of it [t01, t01c]."""
    if any(key not in wish for key in _KEYS):
        raise Refused(400, {name: [missing]})
    if wish["type"] not in _TYPES:
        raise Refused(400, {"type": ["Must be either 'csv', 'geojson', 'spss_labels', 'xls' or 'kml'"]})
    if wish["multiple_select"] not in _MULTIPLE:
        raise Refused(400, {"multiple_select": ["Must be either 'both', 'summary' or 'details'"]})
    fields, criteria = wish.get("fields") or [], wish.get("query") or {}
    if not isinstance(fields, list) or not all(isinstance(each, str) for each in fields):
        raise Refused(400, {"fields": ["Must be an array"]})
    if not isinstance(criteria, dict):
        raise Refused(400, {"query": ["Must be an object"]})
    return wish


def _content(context: Context, asset: Row) -> dict[str, Any]:
    row = one(context.db.reader, "SELECT content FROM versions WHERE uid = ?", asset["version_id"])
    content: dict[str, Any] = json.loads(row["content"]) if row else {"survey": []}
    return content


def _layout(content: Mapping[str, Any], wish: Mapping[str, Any]) -> Layout:
    """Raises: Refused 400 for a language that the form has not [j04b]."""
    languages: list[str | None] = list(content.get("translations") or [None])
    names = {"_default": 0, "_xml": None, **{name: n for n, name in enumerate(languages) if name}}
    if not isinstance(wish["lang"], str) or wish["lang"] not in names:
        offered = ", ".join(f"'{name}'" for name in [*filter(None, languages), "_default"])
        raise Refused(400, {"lang": [f"For this asset must be either {offered} or '_xml'"]})
    is_labelled = str(wish["hierarchy_in_labels"]).lower() == "true"
    return Layout(
        names[wish["lang"]],
        is_labelled,
        str(wish["group_sep"]),
        wish["multiple_select"],
        tuple(wish.get("fields") or ()),
    )


def _export(context: Context, request: Asked, asset: Row, wish: Mapping[str, Any], layout: Layout) -> Export:
    began, now = time.monotonic(), context.now()
    export = Export(context.new_uid("e"), asset["uid"], str(request.username), wish, micros(now))
    kind = wish["type"]
    if kind not in _FILES:
        export.error = f"A field station makes no {kind} files: ask for csv or xls"
        return export
    form = data.form_of(context, request, asset["uid"])
    rows = _rows(context, asset["uid"], wish.get("query") or {})
    if len(rows) > MOST_ROWS:
        export.error = f"More than {MOST_ROWS} rows: ask for fewer by a query"
        return export
    tables = tables_of(_content(context, asset), asset["name"], layout)
    if kind == "geojson":
        export.content = _geojson(form, rows)
    else:
        export.content = as_csv(rows, tables, layout) if kind == "csv" else as_xlsx(rows, tables, layout)
    if len(export.content) > MOST_BYTES:
        export.content, export.error = b"", "Too large: ask for fewer rows by a query"
        return export
    language = {"_default": "labels", "_xml": "False"}.get(wish["lang"], wish["lang"])
    stem = f"{asset['name']} - all versions - {language} - {now:%Y-%m-%d-%H-%M-%S}"
    safe = re.sub(r"[^-\w.]", "", stem.replace(" ", "_"))
    export.filename = f"{safe}.{_FILES[kind][0]}"
    times = [row["_submission_time"] for row in rows]
    export.last_submission_at = f"{max(times)}Z" if times else None
    export.seconds = round(time.monotonic() - began, 6)
    return export


def _rows(context: Context, uid: str, criteria: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        test = query.asked(query.read(criteria)) if criteria else None
    except ValueError as error:
        raise Refused(400, {"query": ["Unsupported query"]}) from error
    rows = []
    for stored in context.db.reader.execute("SELECT * FROM submissions WHERE asset = ? ORDER BY id", (uid,)):
        row = data.parsed(stored)
        if test is None or test(row):
            rows.append(row)
            if len(rows) > MOST_ROWS:
                break
    return rows


def _geojson(form: Row, rows: list[dict[str, Any]]) -> bytes:
    geopoints = submissions.form_shape(form["md5"], form["xform"]).geopoints
    features = [render.feature(row, geopoints, n) for n, row in enumerate(rows, start=1)]
    placed = [feature for feature in features if feature["geometry"]]
    return render.dumps({"type": "FeatureCollection", "name": form["name"], "features": placed}).encode()


def _shown(base: str, asset: Row, export: Export) -> dict[str, Any]:
    url = f"{render.asset_url(base, asset['uid'])}exports/{export.uid}/"
    place = f"{base}/private-media/{quote(export.username)}/exports/{asset['uid']}/{quote(export.filename)}"
    source = {"source": render.asset_url(base, asset["uid"]), "name": export.settings.get("name")}
    return {
        "url": url,
        "status": "error" if export.error else "complete",
        "messages": {"error": export.error} if export.error else {},
        "uid": export.uid,
        "date_created": export.created_at,
        "last_submission_time": export.last_submission_at,
        "result": None if export.error else place,
        "data": {**export.settings, **source, "processing_time_seconds": export.seconds},
    }


def one_export(context: Context, request: Asked, uid: str, export_uid: str) -> Response:
    """``…/exports/<uid>/``: how far it is, or away with it."""
    asset = _owned(context, request, uid)
    export = context.shelf.exports.get(export_uid)
    if export is None or export.asset != uid:
        raise Refused(404, {"detail": "No SubmissionExportTask matches the given query."})
    if request.method == "DELETE":
        with context.shelf.lock:
            context.shelf.exports.pop(export_uid, None)
        return empty()
    return json_answer(_shown(request.base, asset, export))


def result(context: Context, request: Asked, owner: str, uid: str, filename: str) -> Response:
    """``/private-media/…``: the file, whole or in ranges; to who made it, else 403 [t04b]."""
    for export in context.shelf.of(uid):
        if export.filename == filename and export.username == owner == request.username:
            answer = Response(io.BytesIO(export.content), direct_passthrough=True)
            answer.content_length = len(export.content)
            as_download(answer, filename)
            answer.content_type = _FILES[export.settings["type"]][1]
            answer.set_etag(export.uid)
            answer.make_conditional(request.environ, accept_ranges=True, complete_length=len(export.content))
            return answer
    raise Refused(403, _FORBIDDEN, HTML_TYPE)


# ── settings ────────────────────────────────────────────────────────────────


def settings(context: Context, request: Asked, uid: str) -> Response:
    """``…/export-settings/``: the list, or new ones [t07, t08]."""
    asset = _owned(context, request, uid)
    if request.method == "GET":
        shown = [
            _settings_shown(request.base, each) for each in context.shelf.settings.values() if each["asset"] == uid
        ]
        return json_answer(render.page(shown, len(shown)))
    settings_uid = context.new_uid("es")
    known = _settings_of(request, {"uid": settings_uid, "asset": uid}, _content(context, asset))
    context.shelf.put_settings(settings_uid, {**known, "modified_at": micros(context.now())})
    answer = _settings_shown(request.base, context.shelf.settings[settings_uid])
    return json_answer(answer, 201, {"Location": answer["url"]})


def _settings_of(request: Asked, known: dict[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    payload = request.payload(breaks=False)
    wish = payload.get("export_settings", known.get("export_settings"))
    if wish is None:
        raise Refused(400, {"export_settings": ["This field is required."]})
    if not isinstance(wish, dict):
        raise Refused(400, {"export_settings": ["Value must be valid JSON."]})
    _layout(content, _checked(wish, "export_settings", f"`export_settings` must contain {_REQUIRED}"))
    return {**known, "name": str(payload.get("name", known.get("name", "")))[:255], "export_settings": wish}


def _settings_shown(base: str, known: Mapping[str, Any]) -> dict[str, Any]:
    url = f"{render.asset_url(base, known['asset'])}export-settings/{known['uid']}/"
    return {
        "uid": known["uid"],
        "url": url,
        "data_url_csv": f"{url}data.csv",
        "data_url_xlsx": f"{url}data.xlsx",
        "name": known["name"],
        "date_modified": known["modified_at"],
        "export_settings": known["export_settings"],
    }


def _named(context: Context, uid: str, settings_uid: str) -> dict[str, Any]:
    known = context.shelf.settings.get(settings_uid)
    if known is None or known["asset"] != uid:
        raise Refused(404, {"detail": "No AssetExportSettings matches the given query."})
    return known


def one_settings(context: Context, request: Asked, uid: str, settings_uid: str) -> Response:
    """``…/export-settings/<uid>/``: GET, PATCH, DELETE [t10]."""
    asset = _owned(context, request, uid)
    known = _named(context, uid, settings_uid)
    if request.method == "DELETE":
        with context.shelf.lock:
            context.shelf.settings.pop(settings_uid, None)
        return empty()
    if request.method == "PATCH":
        known = {**_settings_of(request, known, _content(context, asset)), "modified_at": micros(context.now())}
        context.shelf.put_settings(settings_uid, known)
    return json_answer(_settings_shown(request.base, known))


def settings_data(context: Context, request: Asked, uid: str, settings_uid: str, suffix: str) -> Response:
    """``…/data.csv``, ``…/data.xlsx``: to the file, made from the rows of this moment [t09]."""
    if request.method != "GET":
        raise wrong_method(request.method)
    asset = _owned(context, request, uid)
    wish = {**_named(context, uid, settings_uid)["export_settings"], "type": "csv" if suffix == "csv" else "xls"}
    export = _export(context, request, asset, wish, _layout(_content(context, asset), wish))
    if export.error:
        raise Refused(400, {"detail": export.error})
    context.shelf.put(export)
    path = f"/private-media/{quote(export.username)}/exports/{uid}/{quote(export.filename)}"
    return Response("", 302, headers={"Location": path}, content_type=HTML_TYPE)

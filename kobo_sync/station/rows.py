"""Changing rows: validation, bulk edits and deletions, duplicates; and the files of a row."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.rows.instance import leaves, read_instance
from kobo_sync.station import data, history, ledger, query, render, submissions
from kobo_sync.station.database import Connection, Row, drop_unused_blobs, load_blob, one
from kobo_sync.station.given_files import as_download, type_of
from kobo_sync.station.wire import (
    Asked,
    Context,
    Refused,
    empty,
    json_answer,
    not_found,
    whole,
    wrong_method,
)

SIZES = {"large": 1280, "medium": 640, "small": 240}
_PICTURES = ("JPEG", "PNG", "GIF", "WEBP")
_MAX_PIXELS = 60_000_000
_BAD_IDS = {"detail": "One or more submission ids are invalid"}


# ── validation ──────────────────────────────────────────────────────────────


def validation(context: Context, request: Asked, uid: str, key: str) -> Response:
    """``…/data/<id>/validation_status/``: GET, PATCH, DELETE [h01-h05, h13]."""
    if request.method not in ("GET", "PATCH", "DELETE"):
        raise wrong_method(request.method)
    form = data.form_of(context, request, uid, "" if request.method == "GET" else "validate_submissions")
    row = data.find(context, request, uid, key)
    if request.method == "GET":
        return Response(row["validation"], content_type="application/json")
    status = "" if request.method == "DELETE" else _status(request.payload())
    with context.db.writing() as connection:
        text = _validate(context, connection, form, [row], status, request.username)
    if request.method == "DELETE":
        return empty()
    return Response(text, content_type="application/json")


def _status(payload: Mapping[str, Any]) -> str:
    status = str(payload.get("validation_status.uid", ""))
    if status not in render.VALIDATION_LABELS:
        raise Refused(400, {"detail": f"Invalid validation status: `{status}`"})
    return status


def _validate(
    context: Context, connection: Connection, form: Row, rows: list[Row], status: str, username: str | None
) -> str:
    value = render.validation(status, str(username), int(context.now().timestamp())) if status else {}
    text = render.dumps(value)
    for row in rows:
        connection.execute("UPDATE submissions SET validation = ? WHERE id = ?", (text, row["id"]))
        submission = {"root_uuid": row["root_uuid"], "submitted_by": row["submitted_by"]}
        label = value["label"] if value else "None"
        more = {"submission": {**submission, "status": label}}
        history.record(context, connection, form, "modify-submission", username, more)
    return text


def validations(context: Context, request: Asked, uid: str) -> Response:
    """``…/data/validation_statuses/``: bulk PATCH and DELETE; one unknown id and none is changed [h07-h10]."""
    if request.method not in ("PATCH", "DELETE"):
        raise wrong_method(request.method)
    form = data.form_of(context, request, uid, "validate_submissions")
    payload = _payload(request)
    status = "" if request.method == "DELETE" else _status(payload)
    rows = _chosen(context, request, uid, payload)
    with context.db.writing() as connection:
        _validate(context, connection, form, rows, status, request.username)
    return json_answer({"detail": f"{len(rows)} submissions have been updated"})


# ── bulk ────────────────────────────────────────────────────────────────────


def _payload(request: Asked) -> dict[str, Any]:
    payload = request.payload().get("payload")
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError as error:
            raise Refused(400, {"payload": ["Value must be valid JSON."]}) from error
    if not isinstance(payload, dict):
        raise Refused(400, {"payload": ["This field is required."]})
    return payload


def _ids(payload: Mapping[str, Any]) -> list[int]:
    """The ids named, each once.

    Raises: Refused 400 when one is not an integer.
    """
    keys = payload.get("submission_ids") or []
    numbers = [whole(str(item)) for item in keys] if isinstance(keys, list) else [None]
    if None in numbers:
        raise Refused(400, {"payload": ["`submission_ids` must be a list of integers"]})
    return list(dict.fromkeys(item for item in numbers if item is not None))


def _chosen(context: Context, request: Asked, uid: str, payload: Mapping[str, Any]) -> list[Row]:
    """The rows that a bulk call names, by ids, by query, or all of them when it confirms [h36]."""
    ids, criteria = _ids(payload), payload.get("query")
    if not ids and not criteria and not payload.get("confirm"):
        raise Refused(400, {"payload": ["Confirmation is required"]})
    reader = context.db.reader
    if ids:
        sql = "SELECT * FROM submissions WHERE asset = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY id"
        rows = reader.execute(sql, (uid, json.dumps(ids))).fetchall()
        if len(rows) != len(ids):
            raise Refused(400, _BAD_IDS)
        return rows
    rows = reader.execute("SELECT * FROM submissions WHERE asset = ? ORDER BY id", (uid,)).fetchall()
    if not criteria:
        return rows
    try:
        test = query.asked(query.read(criteria))
    except ValueError as error:
        raise Refused(400, {"payload": ["Invalid query"]}) from error
    return [row for row in rows if test(data.parsed(row))]


def bulk(context: Context, request: Asked, uid: str) -> Response:
    """``…/data/bulk/``: DELETE and PATCH [h20-h23, h34-h36]."""
    rights = {"DELETE": "delete_submissions", "PATCH": "change_submissions"}
    if request.method not in rights:
        raise wrong_method(request.method)
    form = data.form_of(context, request, uid, rights[request.method])
    payload = _payload(request)
    if request.method == "DELETE":
        rows = _chosen(context, request, uid, payload)
        with context.db.writing() as connection:
            submissions.delete(context, connection, form, rows, request.username)
        return json_answer({"detail": f"{len(rows)} submissions have been deleted"})
    return _bulk_edit(context, request, form, payload)


def _bulk_edit(context: Context, request: Asked, form: Row, payload: Mapping[str, Any]) -> Response:
    if not isinstance(payload.get("data"), dict):
        raise Refused(400, {"payload": ["`data` is required"]})
    ids = _ids(payload)
    if not ids and not payload.get("confirm"):
        raise Refused(400, {"payload": ["`submission_ids` must be specified"]})
    sql = (
        "SELECT * FROM submissions WHERE asset = :asset AND (:ids = '[]' OR id IN (SELECT value FROM json_each(:ids)))"
    )
    values = {"asset": form["asset"], "ids": json.dumps(ids)}
    rows = context.db.reader.execute(f"{sql} ORDER BY id", values).fetchall()
    if not rows:
        raise Refused(400, ["No submissions match the given `submission_ids`"])
    changes = {str(key): "" if value is None else str(value) for key, value in payload["data"].items()}
    results = []
    with context.db.writing() as connection:
        for row in rows:
            uuid = submissions.rewrite(context, connection, form, row, changes, request.username)
            identity = {"uuid": uuid, "root_uuid": row["root_uuid"]}
            results.append({**identity, "status_code": 201, "message": "Successful submission"})
    return json_answer({"count": len(results), "successes": len(results), "failures": 0, "results": results})


def duplicate(context: Context, request: Asked, uid: str, key: str) -> Response:
    """``…/data/<id>/duplicate/``: 201 and the new row [h50]."""
    if request.method != "POST":
        raise wrong_method(request.method)
    form = data.form_of(context, request, uid, "change_submissions")
    row = data.find(context, request, uid, key)
    with context.db.writing() as connection:
        copy_id = submissions.duplicate(context, connection, form, row, request.username)
    return data.as_json(request, data.find(context, request, uid, str(copy_id)), 201)


# ── files ───────────────────────────────────────────────────────────────────


def attachments(context: Context, request: Asked, uid: str, key: str) -> Response:
    """``…/data/<id>/attachments/?xpath=…``: the file that answers a question [g07, g07b]."""
    data.form_of(context, request, uid)
    row = data.find(context, request, uid, key)
    path = request.args.get("xpath")
    if not path:
        raise Refused(400, {"detail": "`xpath` query parameter is required"})
    for item in json.loads(render.here(row["attachments"], "")):
        if item["question_xpath"] == path:
            return attachment(context, request, uid, key, item["uid"])
    raise not_found()


def attachment(context: Context, request: Asked, uid: str, key: str, attachment_uid: str, size: str = "") -> Response:
    """A file, whole or in ranges; images in three more sizes [g01, g05, g06]."""
    data.form_of(context, request, uid)
    row = data.find(context, request, uid, key)
    reader = context.db.reader
    file = one(reader, "SELECT * FROM attachments WHERE submission_id = ? AND uid = ?", row["id"], attachment_uid)
    if file is None or file["is_deleted"] or (size and size not in SIZES):
        raise not_found()
    if request.args.get("format", "json") not in ("json", "api"):
        raise Refused(400, {"detail": f"Conversion is not supported for {file['mimetype']}"})
    content = load_blob(reader, file["blob"])
    mimetype = type_of(content, file["name"])
    if size:
        if not mimetype.startswith("image/"):
            raise not_found()
        content, mimetype = _resized(content, mimetype, SIZES[size])
    answer = Response(io.BytesIO(content), content_type=mimetype, direct_passthrough=True)
    answer.content_length = len(content)
    as_download(answer, file["name"])
    answer.last_modified = datetime.fromisoformat(file["created_at"])
    answer.set_etag(f"{file['blob'][:16]}{size}")
    answer.make_conditional(request.environ, accept_ranges=True, complete_length=len(content))
    return answer


def _resized(content: bytes, mimetype: str, side: int) -> tuple[bytes, str]:
    """A JPEG at most *side* pixels wide or high; what cannot be read as an image is given as it is."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=_PICTURES) as image:
            if image.width * image.height > _MAX_PIXELS:
                return content, mimetype
            small = image.convert("RGB")
            small.thumbnail((side, side))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return content, mimetype
    target = io.BytesIO()
    small.save(target, "JPEG", quality=85)
    return target.getvalue(), "image/jpeg"


def delete_attachment(context: Context, request: Asked, uid: str, attachment_uid: str) -> Response:
    """``…/attachments/<uid>/`` DELETE: still listed, ``is_deleted``, its bytes gone [g20-g22]."""
    if request.method != "DELETE":
        raise wrong_method(request.method)
    form = data.form_of(context, request, uid, "delete_submissions")
    file = one(
        context.db.reader,
        "SELECT attachments.*, submissions.xml FROM attachments JOIN submissions ON submissions.id = submission_id"
        " WHERE asset = ? AND attachments.uid = ? AND NOT is_deleted",
        uid,
        attachment_uid,
    )
    if file is None:
        raise not_found()
    repeats = submissions.form_shape(form["md5"], form["xform"]).repeats
    with context.db.writing() as connection:
        connection.execute("UPDATE attachments SET is_deleted = 1, blob = '' WHERE id = ?", (file["id"],))
        ledger.erase_file(connection, file["submission_id"], file["name"])
        drop_unused_blobs(connection, [file["blob"]])
        named = leaves(read_instance(bytes(file["xml"])), repeats)
        submissions.list_files(connection, uid, file["submission_id"], named)
        metadata = {"attachment_uid": attachment_uid, "attachment_basename": file["name"]}
        history.record(context, connection, form, "in-trash", request.username, metadata)
    answer = empty()
    answer.headers["Content-Type"] = "application/json"
    return answer

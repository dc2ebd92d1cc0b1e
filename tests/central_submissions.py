"""The stand-in's doors to rows: phones' submissions, OData, the XML, files, reviews, the trash."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote, unquote

from central_doors import actor, body, download, extended, form_of, message, office, on, project_of, success
from central_odata import Filter, page, selected
from central_problems import Json, Problem, no_right, not_found, shown
from central_rows import (
    FILTERS,
    SYSTEM,
    Sent,
    accepting,
    create,
    delete,
    filtered_by,
    find,
    newest,
    odata_row,
    own,
    put,
    receive,
    restore,
    review,
)
from central_state import Form, Instance, Row
from central_xforms import File
from flask import Blueprint, Response, jsonify, request

routes = Blueprint("submissions", __name__, url_prefix="/v1/projects/<p>")
_READ = "submission.read"


class _Moved(Exception):
    """The address names a version that is not the root: the row is elsewhere."""

    def __init__(self, row: Row):
        self.row = row


@routes.errorhandler(_Moved)
def _redirect(moved: _Moved) -> Response:
    before, _, rest = request.environ["central.path"].partition("/submissions/")
    address = f"{before}/submissions/{quote(moved.row.root_id, safe='')}/versions/{rest}"
    return Response(f"Moved Permanently. Redirecting to {address}", 301, {"Location": address}, mimetype="text/plain")


def _row(form: Form, root_id: str, *, deleted: bool = False) -> Row:
    row = form.rows.get(root_id)
    if row is None or bool(row.deleted_at) != deleted:
        raise not_found()
    return row


def _read(p: str, f: str, root_id: str) -> tuple[Form, Row]:
    form = form_of(p, f)
    elsewhere = None if root_id in form.rows else find(form, root_id)
    if elsewhere:
        raise _Moved(elsewhere[0])
    row = _row(form, root_id)
    return form_of(p, f, _READ), row


# ── phones ──────────────────────────────────────────────────────────────────


@routes.get("/submission")
def head_submission(p: str) -> Response:
    project_of(p)
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


@routes.post("/submission")
def post_submission(p: str) -> Response:
    parts = request.files
    xml = parts.get("xml_submission_file")
    if xml is None:
        field = "xml_submission_file"
        raise Problem(400.7, f"Required multipart POST field {field} missing.", {"field": field})
    files = {
        name: File(part.read(), part.mimetype or "application/octet-stream")
        for name, part in parts.items()
        if name != "xml_submission_file"
    }
    receive(project_of(p), xml.read(), files, request.args.get("deviceID"), request.headers.get("User-Agent"))
    return message("full submission upload was successful!")


# ── OData ───────────────────────────────────────────────────────────────────


def _table(p: str, f: str) -> Form:
    form = form_of(p, f)
    if form.published is None:
        raise not_found()
    return form_of(p, f, _READ)


@routes.get("/forms/<f>.svc/Submissions")
def odata(p: str, f: str) -> Response:
    form = _table(p, f)
    names = request.args["$select"].split(",") if "$select" in request.args else None
    keep = Filter(request.args.get("$filter"), FILTERS)
    rows = [
        row
        for row in newest(list(form.rows.values()))
        if (keep.names_deleted or row.deleted_at is None) and keep(filtered_by(row))
    ]
    _check_select(form, names)

    def shown_entry(entry: tuple[Row, Instance]) -> Json:
        return selected(odata_row(form, *entry), names)

    entries = [(row.root_id, (row, instance)) for row in rows for instance in reversed(row.currents)]
    answer = page(entries, "instanceId", shown_entry, "Submissions")
    events = [(r.root_id, shown(r.updated_at), shown(r.deleted_at), len(r.versions)) for r in rows]
    etag = f'W/"eventhash:{hashlib.md5(repr((events, request.query_string)).encode()).hexdigest()}"'
    response = jsonify(answer)
    response.headers["ETag"] = etag
    return response


def _check_select(form: Form, names: list[str] | None) -> None:
    fields = form.published.fields if form.published else []
    columns = {
        "__id",
        "__system",
        *(f"__system/{one}" for one in SYSTEM),
        *(one.api(odata=True)["path"].lstrip("/") for one in fields),
    }
    for name in names or []:
        if name not in columns:
            raise Problem(400.23, f"Could not find a property named '{name}'", {"property": name})


@routes.get("/forms/<f>.svc/Submissions('<s>')")
def odata_one(p: str, f: str, s: str) -> Json:
    form = _table(p, f)
    row = _row(form, s)
    base = f"{office().domain}{request.path.rpartition('/')[0]}"
    names = request.args["$select"].split(",") if "$select" in request.args else None
    return {
        "value": [selected(odata_row(form, row, row.current), names)],
        "@odata.context": f"{base}/$metadata#Submissions",
    }


# ── one row, and the list ───────────────────────────────────────────────────


def _whole(row: Row, instance: Instance) -> Json:
    current = instance.api() | ({"submitter": instance.submitter.api()} if extended() else {})
    return {**row.api(extended()), "currentVersion": current}


@routes.get("/forms/<f>/submissions")
def list_rows(p: str, f: str) -> list[Json]:
    form = form_of(p, f, "submission.list")
    rows = [row for row in newest(list(form.rows.values())) if bool(row.deleted_at) == on("deleted")]
    listed = [_whole(row, instance) for row in rows for instance in reversed(row.currents)]
    start = request.args.get("offset", 0, int)
    return listed[start : start + request.args.get("limit", len(listed), int)]


@routes.post("/forms/<f>/submissions")
def rest_create(p: str, f: str) -> Json:
    form, sent = form_of(p, f), Sent(request.get_data())
    version = accepting(form, sent, phone=False)
    own(form, sent)
    row = create(form, sent, version, {}, request.args.get("deviceID"), request.headers.get("User-Agent"))
    answer = _whole(row, row.current)
    del answer["reviewState"], answer["deletedAt"]
    return answer


@routes.get("/forms/<f>/submissions/<s>")
def one_row(p: str, f: str, s: str) -> Json:
    _, row = _read(p, f, s)
    return _whole(row, row.current)


@routes.get("/forms/<f>/submissions/<s>.xml")
def row_xml(p: str, f: str, s: str) -> Response:
    return _xml(_read(p, f, s)[1].current)


def _xml(instance: Instance) -> Response:
    return Response(instance.xml, content_type="application/xml; charset=utf-8")


@routes.put("/forms/<f>/submissions/<s>")
def put_row(p: str, f: str, s: str) -> Json:
    form = form_of(p, f)
    row = put(form, _row(form, s), request.get_data(), request.headers.get("User-Agent"))
    return _whole(row, row.current)


@routes.patch("/forms/<f>/submissions/<s>")
def patch_row(p: str, f: str, s: str) -> Json:
    form = form_of(p, f, "submission.update")
    row, notes = _row(form, s), request.headers.get("X-Action-Notes")
    review(form, row, body(), unquote(notes) if notes else None)
    if "reviewState" not in body():
        return {}
    answer = row.api()
    del answer["userAgent"]
    return answer


@routes.delete("/forms/<f>/submissions/<s>")
def delete_row(p: str, f: str, s: str) -> Json:
    form = form_of(p, f, "submission.delete")
    delete(form, _row(form, s))
    return success()


@routes.post("/forms/<f>/submissions/<s>/restore")
def restore_row(p: str, f: str, s: str) -> Json:
    form = form_of(p, f, "submission.restore")
    restore(form, _row(form, s, deleted=True))
    return success()


@routes.get("/forms/<f>/submissions/<s>/audits")
def row_audits(p: str, f: str, s: str) -> list[Json]:
    form = form_of(p, f, _READ)
    row = _row(form, s)
    row.refuse_if_broken()
    if extended():
        return row.audits[::-1]
    plain = []
    for one in reversed(row.audits):
        entry = {**one, "details": {name: value for name, value in one["details"].items() if name != "entity"}}
        del entry["actor"]
        plain.append(entry)
    return plain


@routes.get("/forms/<f>/submissions/<s>/comments")
def row_comments(p: str, f: str, s: str) -> list[Json]:
    _, row = _read(p, f, s)
    row.refuse_if_broken()
    return row.comments[::-1]


@routes.post("/forms/<f>/submissions/<s>/comments")
def comment(p: str, f: str, s: str) -> Json:
    _, row = _read(p, f, s)
    row.refuse_if_broken()
    if not body().get("body"):
        raise Problem(400.2, "Required parameter body missing.", {"field": "body"})
    entry = {"body": body()["body"], "actorId": actor().id, "createdAt": shown(office().now())}
    row.comments.append(entry)
    return entry


# ── versions ────────────────────────────────────────────────────────────────


@routes.get("/forms/<f>/submissions/<s>/versions")
def row_versions(p: str, f: str, s: str) -> list[Json]:
    _, row = _read(p, f, s)
    row.refuse_if_broken()
    return [one.api(extended()) for one in reversed(row.versions)]


def _version(p: str, f: str, s: str, i: str) -> Instance:
    form = form_of(p, f, _READ)
    _row(form, s).refuse_if_broken()
    version = find(form, i)  # of any row, as the real server
    if version is None:
        raise not_found()
    return version[1]


@routes.get("/forms/<f>/submissions/<s>/versions/<i>")
def one_version(p: str, f: str, s: str, i: str) -> Json:
    return _version(p, f, s, i).api(extended())


@routes.get("/forms/<f>/submissions/<s>/versions/<i>.xml")
def version_xml(p: str, f: str, s: str, i: str) -> Response:
    return _xml(_version(p, f, s, i))


# ── files ───────────────────────────────────────────────────────────────────


def _listed(instance: Instance) -> list[Json]:
    return [{"name": name, "exists": instance.files[name] is not None} for name in sorted(instance.files)]


def _file(instance: Instance, name: str) -> Response:
    file = instance.files.get(name)
    if file is None:
        raise not_found()
    return download(name, file, "inline")


@routes.get("/forms/<f>/submissions/<s>/attachments")
def row_files(p: str, f: str, s: str) -> list[Json]:
    return _listed(_read(p, f, s)[1].current)


@routes.get("/forms/<f>/submissions/<s>/versions/<i>/attachments")
def version_files(p: str, f: str, s: str, i: str) -> list[Json]:
    return _listed(_version(p, f, s, i))


@routes.get("/forms/<f>/submissions/<s>/attachments/<name>")
def row_file(p: str, f: str, s: str, name: str) -> Response:
    return _file(_read(p, f, s)[1].current, name)


@routes.get("/forms/<f>/submissions/<s>/versions/<i>/attachments/<name>")
def version_file(p: str, f: str, s: str, i: str, name: str) -> Response:
    return _file(_version(p, f, s, i), name)


@routes.route("/forms/<f>/submissions/<s>/attachments/<name>", methods=["POST", "DELETE"])
def change_file(p: str, f: str, s: str, name: str) -> Any:
    form = form_of(p, f)
    if "submission.update" not in actor().verbs(office().projects[form.project], form):
        raise no_right()
    files = _row(form, s).currents[0].files
    if name not in files:
        raise not_found()
    posted = request.method == "POST"
    files[name] = File(request.get_data(), request.headers.get("Content-Type") or "image/jpeg") if posted else None
    return success()

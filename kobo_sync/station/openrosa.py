"""OpenRosa as phones speak it: form list, forms, media, submissions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from kobo_sync.rows.instance import CORRUPTED, MAX_XML, UNSUPPORTED, Malformed, TooMuch
from kobo_sync.station import hooks, render, submissions
from kobo_sync.station.access import may_submit, takes_anonymous
from kobo_sync.station.auth import NO_CREDENTIALS
from kobo_sync.station.database import Row, load_blob, one
from kobo_sync.station.formats import chosen, page
from kobo_sync.station.wire import (
    HTML_TYPE,
    JSON_TYPE,
    MAX_JSON,
    MAX_PARTS,
    XML_TYPE,
    Asked,
    Context,
    Refused,
    check_text,
    disposition,
)

ACCEPTED_LENGTH = "10000000"  # advisory; bigger submissions are taken [e58]
_TOO_MANY = f"Submission rejected: it comes in more than {MAX_PARTS} parts at once."
ERROR_PAGE = "<!doctype html>\n<html>\n  <head>\n    <title>KoboToolbox </title>\n  </head>\n</html>\n"


def _openrosa(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    answer = Response(text, status=status, content_type=XML_TYPE, headers=headers)
    answer.headers["X-OpenRosa-Version"] = "1.0"
    answer.headers["X-OpenRosa-Accept-Content-Length"] = ACCEPTED_LENGTH
    return answer


def login_needed(root: str = "root") -> Refused:
    """401 in XML; the app adds the Digest challenge [e01, e20]."""
    return Refused(401, render.xml_detail(NO_CREDENTIALS, root=root), XML_TYPE)


def _kind(request: Asked) -> str:
    """The media type that the phone, or what speaks like one, is answered in [r12].

    Raises: Refused 406 in XML where it takes none.
    """
    kinds = ("text/xml", JSON_TYPE, "text/html") if request.path.endswith("/submission") else ("text/xml",)
    kind = chosen(request.headers.get("Accept", "*/*"), kinds)
    if kind is None:
        text = "Could not satisfy the request Accept header."
        raise Refused(406, render.xml_detail(text, root=_root(request)), XML_TYPE)
    return kind


def _root(request: Asked) -> str:
    if request.path.endswith("/submission"):
        return "root"
    return "manifest" if "/xformsManifest/" in request.path else "xforms"


def wrong_method(request: Asked) -> Refused:
    """405, to whoever asks [r12]; 406 comes first."""
    kind, text = _kind(request), f'Method "{request.method}" not allowed.'
    if kind == JSON_TYPE:
        return Refused(405, {"detail": text})
    if kind == "text/html":
        return Refused(405, page({"detail": text}, request.base), HTML_TYPE)
    return Refused(405, render.xml_detail(text, root=_root(request)), XML_TYPE)


def form_list(context: Context, request: Asked, user: str | None = None) -> Response:
    """``/formList``: the forms one may submit to; ``/<user>/formList``: that user's open ones [e02, e07]."""
    _kind(request)
    if request.username is None and user is None:
        raise login_needed("xforms")
    if request.method == "HEAD":
        return _openrosa("", 204)
    sql = (
        "SELECT deployments.* FROM deployments JOIN assets ON assets.uid = deployments.asset WHERE active"
        " AND assets.uid NOT IN (SELECT ifnull(replaces, '') FROM pairings)"
        " AND (:uid = '' OR assets.uid = :uid) AND (:owner IS NULL OR assets.owner = :owner) ORDER BY pk"
    )
    values = {"uid": request.args.get("formID", ""), "owner": user}
    forms = context.db.reader.execute(sql, values).fetchall()
    whom = None if user is not None else request.username
    open_to = [form for form in forms if may_submit(context.db.reader, form["asset"], whom, "add_submissions")]
    return _openrosa(render.form_list(request.base, open_to, f"/{user}" if user else ""))


def _form(context: Context, request: Asked, pk: int, user: str | None) -> Row:
    if "/xformsMedia/" not in request.path:
        _kind(request)
    form = one(
        context.db.reader,
        "SELECT deployments.*, assets.owner FROM deployments JOIN assets ON assets.uid = deployments.asset"
        " WHERE pk = ? AND ifnull(?, assets.owner) = assets.owner",
        pk,
        user,
    )
    if request.username is None and (
        user is None or form is None or not may_submit(context.db.reader, form["asset"], None, "add_submissions")
    ):
        raise login_needed("xforms")
    if form is None or not (
        may_submit(context.db.reader, form["asset"], request.username, "add_submissions")
        or may_submit(context.db.reader, form["asset"], request.username, "view_asset")
    ):
        raise Refused(404, render.xml_detail("No XForm matches the given query.", root="xforms"), XML_TYPE)
    return form


def form_xml(context: Context, request: Asked, pk: int, user: str | None = None) -> Response:
    """``/forms/<pk>/form.xml`` [e12]."""
    return _openrosa(bytes(_form(context, request, pk, user)["xform"]).decode())


def manifest(context: Context, request: Asked, pk: int, user: str | None = None) -> Response:
    """``/xformsManifest/<pk>``: the media as of the last real redeployment [e14, c33]."""
    form = _form(context, request, pk, user)
    files = context.db.reader.execute("SELECT * FROM published WHERE asset = ? ORDER BY id", (form["asset"],))
    return _openrosa(render.manifest(request.base, pk, files, f"/{user}" if user else ""))


def media(context: Context, request: Asked, pk: int, media_id: int, ext: str, user: str | None = None) -> Response:
    """``/xformsMedia/<pk>/<id>.<ext>`` [e15]."""
    if request.username is None and user is None:
        raise Refused(401, {"detail": NO_CREDENTIALS})
    form = _form(context, request, pk, user)
    reader = context.db.reader
    file = one(reader, "SELECT * FROM published WHERE id = ? AND asset = ?", media_id, form["asset"])
    if file is None or render.extension(file["filename"]) != ext:
        raise Refused(404, {"detail": "Not found."})
    answer = Response(load_blob(reader, file["blob"]), content_type=file["mimetype"])
    answer.headers["Content-Disposition"] = disposition("attachment", file["filename"])
    return answer


def submission(context: Context, request: Asked, user: str | None = None) -> Response:
    """``/submission``, ``/<user>/submission``: HEAD asks whether one may, POST submits [e16, e21]."""
    location = {"Location": f"{request.base}{request.path}"}
    if request.method == "HEAD":
        if request.username is None and user is None:
            raise login_needed()
        return _openrosa("", 204, location)
    if request.username is None and not takes_anonymous(context.db.reader, user):
        raise login_needed()  # before the body is looked at
    is_json, kind = request.mimetype == "application/json", _kind(request)
    if is_json and len(request.get_data()) > MAX_JSON:
        raise Refused(413, {"error": "Request entity too large"})
    try:
        xml = _xml_of_json(request) if is_json else _xml_of_form(request)
        uploads = [] if is_json else _uploads(request)
        sender = submissions.Sender(request.username, request.is_superuser, user)
        receipt = submissions.accept(context, xml, uploads, sender)
    except Malformed as error:
        status = 413 if isinstance(error, TooMuch) else 400
        if is_json:
            raise Refused(status, {"error": str(error)}) from error
        return _openrosa(render.openrosa_message(str(error)), status)
    except submissions.NeedsLogin as error:
        raise login_needed() from error
    except submissions.UnknownForm as error:
        raise Refused(404, render.xml_detail("Not found."), XML_TYPE) from error
    except submissions.Rejected as error:
        return _openrosa(render.openrosa_message(error.text), error.status, location if error.is_known else None)
    facts = (receipt.form_id, receipt.uuid, receipt.created_at, receipt.modified_at)
    if receipt.is_new:
        hooks.tell(context, receipt.form_id, receipt.uuid)
    answer = _openrosa(render.receipt(*facts), 201, location)
    if is_json or kind == JSON_TYPE:
        answer.data = render.dumps(render.receipt_json(*facts)).encode()
        answer.content_type = JSON_TYPE
    elif kind == "text/html":
        answer.data, answer.content_type = page(render.receipt_json(*facts), request.base).encode(), HTML_TYPE
    return answer


def _xml_of_form(request: Asked) -> bytes:
    try:
        file = request.files.get("xml_submission_file")
    except HTTPException as error:
        raise TooMuch(_TOO_MANY) from error
    except Refused as error:  # parts without an end, a name that is no text
        raise Malformed(CORRUPTED) from error
    if file is None:  # the server breaks here; phones see an HTML page [e34]
        raise Refused(500, ERROR_PAGE, HTML_TYPE)
    return bytes(file.read(MAX_XML + 1))


def _uploads(request: Asked) -> list[submissions.Upload]:
    uploads = []
    for key, file in request.files.items(multi=True):
        name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
        if key != "xml_submission_file" and name and name.isprintable():
            uploads.append(submissions.Upload(name, file.mimetype, file.read()))
    return uploads


def _xml_of_json(request: Asked) -> bytes:
    """A JSON submission ``{"id", "submission"}`` as the XML it stands for [e35]."""
    try:
        body = json.loads(request.get_data())
        _check_text(body)
        root = Element(str(body["id"]), {"id": str(body["id"])})
        _fill(root, body["submission"], 0)
        return submissions.xml_of(root)
    except Malformed:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(400, {"error": "Incorrect format"}) from error


def _check_text(body: Any) -> None:
    try:
        check_text(body)
    except ValueError as error:
        raise Malformed(UNSUPPORTED) from error


def _fill(node: Element, value: Any, depth: int) -> None:
    if depth > 50:
        raise ValueError("too deep")
    if isinstance(value, dict):
        for key, inner in value.items():
            for item in inner if isinstance(inner, list) else [inner]:
                _fill(SubElement(node, str(key)), item, depth + 1)
    elif value is not None:
        node.text = str(value)

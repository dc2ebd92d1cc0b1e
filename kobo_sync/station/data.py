"""The rows of an asset: listing, one, queries, XML and GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from werkzeug.wrappers import Response

from kobo_sync.station import access, query, render, submissions
from kobo_sync.station.database import Row, one
from kobo_sync.station.formats import JSON_OR_PAGE, chosen, unacceptable
from kobo_sync.station.wire import (
    JSON_TYPE,
    Asked,
    Context,
    Refused,
    check_text,
    empty,
    json_answer,
    no_such_page,
    not_found,
    server_error,
    whole,
    wrong_method,
)

PAGE, PAGE_MAX = 100, 1000
ALWAYS = ("_id", "_uuid", "meta/rootUuid")
_KINDS = {"json": JSON_TYPE, "xml": "application/xml", "geojson": JSON_TYPE}
_XML = "application/xml; charset=utf-8"
_COLUMNS = frozenset({*ALWAYS, "_validation_status", "_submission_time", "_submitted_by"})
_LIGHT = "id, uuid, root_uuid, validation, submission_time, submitted_by"
_UNSAID: Any = object()
_TOLD = ("$all needs", "$regex: ", "more than", "nested")  # what the sender can mend, and the station's own bounds
_NOT_DEPLOYED = {"detail": "The specified asset has not been deployed"}


def form_of(context: Context, request: Asked, uid: str, codename: str = "") -> Row:
    """The deployed form of an asset whose rows the account may touch; *codename* for changes.

    Raises: Refused 404 in HTML for an unknown asset [a13], 404, 403, and 400 before the first deployment [d00].
    """
    asset = one(context.db.reader, "SELECT owner FROM assets WHERE uid = ?", uid)
    if asset is None:
        raise no_such_page()
    if codename:
        access.need(context, request, uid, codename)
    elif "view_asset" not in access.granted(context.db.reader, uid, request):
        raise not_found()
    form = one(
        context.db.reader,
        "SELECT deployments.*, assets.owner, assets.uid FROM deployments JOIN assets ON assets.uid = deployments.asset"
        " WHERE asset = ?",
        uid,
    )
    if form is None:
        raise Refused(400, _NOT_DEPLOYED)
    return form


# ── which rows ──────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Wish:
    """What a listing asks for: a condition for SQL, a test for the rest, an order, a slice, columns."""

    where: str
    values: tuple[Any, ...]
    test: query.Matcher | None
    sort: tuple[tuple[str, bool], ...]
    limit: int
    start: int
    fields: tuple[str, ...] | None


def wish_of(context: Context, request: Asked, uid: str, form: str) -> Wish:
    """The listing that a request asks for.

    Raises: Refused 400 with the recorded texts [f22-f24, f26b, f29, f32, f38, f41].
    """
    args = request.args
    if "count" in args:
        raise Refused(400, {"count": "This param is not implemented. Use `count` property of the response instead."})
    if form == "xml":
        for name in ("sort", "fields"):
            if name in args:
                raise _xml_refusal(name, "This param is not supported in `XML` format")
    limit = whole(args.get("limit", str(PAGE)))
    if limit is None or limit < 1:
        raise Refused(400, {"limit": "A positive integer is required"})
    start = whole(args.get("start", "0"))
    if start is None or start < 0:
        raise Refused(400, {"start": "A positive integer is required."})
    fields, sort = _json(args, "fields"), _json(args, "sort")
    sort = {"_id": 1} if sort is _UNSAID else sort or {}
    if not (fields is _UNSAID or isinstance(fields, (list, dict))) or not isinstance(sort, dict):
        raise server_error()  # so it breaks there
    criteria = _json(args, "query")
    where, values, test = _condition(context, request, uid, None if criteria is _UNSAID else criteria)
    return Wish(
        where=where,
        values=values,
        test=test,
        sort=tuple((str(key), direction in (-1, "-1")) for key, direction in sort.items()),
        limit=min(limit, PAGE_MAX),
        start=start,
        fields=tuple(dict.fromkeys([*map(str, fields), *ALWAYS]))
        if isinstance(fields, (list, dict)) and fields
        else None,
    )


def _condition(
    context: Context, request: Asked, uid: str, asked_for: Any
) -> tuple[str, tuple[Any, ...], query.Matcher | None]:
    filters = access.row_filters(context, request, uid)
    try:
        condition, values, rest = query.split(query.read(asked_for))
        where = "asset = ?" + (f" AND {condition}" if condition else "")
        if filters is not None:
            rest = {"$and": [{"$or": filters}, rest] if rest else [{"$or": filters}]}
        return where, (uid, *values), query.asked(rest) if rest else None
    except query.Broken as error:
        raise server_error() from error  # [q_array]
    except query.Unsupported as error:
        text = str(error)
        raise Refused(400, [text if text.startswith(_TOLD) else "Unsupported query"]) from error


def _json(args: Mapping[str, str], name: str) -> Any:
    """A parameter's JSON. Raises: Refused 400 when it is none."""
    text = args.get(name)
    if text is None:
        return _UNSAID
    try:
        value = json.loads(text)
        check_text(value)
    except (ValueError, RecursionError) as error:
        raise Refused(400, {name: "Value must be valid JSON."}) from error
    return value


def _xml_refusal(name: str, text: str) -> Refused:
    return Refused(400, f'<?xml version="1.0" encoding="utf-8"?><root><{name}>{text}</{name}></root>', _XML)


def parsed(row: Row, base: str = "") -> dict[str, Any]:
    """A stored row as a mapping."""
    text = render.row_text(row["id"], row["head"], row["attachments"], row["validation"], base)
    return msgspec.json.decode(text, type=dict[str, Any])


def matching(context: Context, wish: Wish, columns: str = "*") -> tuple[int, list[Row]]:
    """How many rows answer *wish*, and those of its page."""
    reader, order = context.db.reader, _order(wish.sort)
    if wish.test is None and order is not None:
        count = reader.execute(f"SELECT count(*) FROM submissions WHERE {wish.where}", wish.values).fetchone()[0]
        sql = f"SELECT {columns} FROM submissions WHERE {wish.where} ORDER BY {order} LIMIT ? OFFSET ?"
        return count, reader.execute(sql, (*wish.values, wish.limit, wish.start)).fetchall()
    sql = f"SELECT id, head, attachments, validation FROM submissions WHERE {wish.where} ORDER BY {order or 'id'}"
    keys: list[tuple[int, dict[str, Any]]] = []
    for row in reader.execute(sql, wish.values):
        row_fields = parsed(row)
        if wish.test is None or wish.test(row_fields):
            keys.append((row["id"], {} if order else {key: row_fields.get(key) for key, _ in wish.sort}))
    if order is None:
        for key, is_descending in reversed(wish.sort):
            keys.sort(key=lambda item: _rank(item[1].get(key)), reverse=is_descending)
    ids = [item[0] for item in islice(keys, wish.start, wish.start + wish.limit)]
    rows = {row["id"]: row for row in _by_ids(context, ids, columns)}
    return len(keys), [rows[number] for number in ids if number in rows]


def _by_ids(context: Context, ids: list[int], columns: str) -> list[Row]:
    sql = f"SELECT {columns} FROM submissions WHERE id IN (SELECT value FROM json_each(?))"
    return context.db.reader.execute(sql, (json.dumps(ids),)).fetchall()


def _order(sort: Iterable[tuple[str, bool]]) -> str | None:
    columns = {"_id": "id", "_submission_time": "submission_time", "_uuid": "uuid"}
    parts = []
    for key, is_descending in sort:
        if key not in columns:
            return None
        parts.append(f"{columns[key]}{' DESC' if is_descending else ''}")
    return ", ".join([*parts, "id"]) if parts else "id"


def _rank(value: Any) -> tuple[int, Any]:
    """Mongo's order of kinds: nothing, numbers, texts, the rest."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return (3, render.dumps(value))
    return (1, value) if isinstance(value, (int, float)) else (2, value)


# ── answers ─────────────────────────────────────────────────────────────────


def requested_format(request: Asked, suffix: str = "") -> str:
    """json, xml or geojson: by suffix, ``?format=``, or what ``Accept`` says [r11e].

    Raises: Refused 404 for any other [r16], 406 when ``Accept`` does not allow it [f40, f40b].
    """
    form = suffix or request.suffix.lstrip(".") or request.args.get("format", "")
    if form not in ("", *_KINDS):
        raise not_found()
    kinds = [_KINDS[form]] if form else [*JSON_OR_PAGE, "application/xml"]
    kind = chosen(request.headers.get("Accept", "*/*"), kinds)
    if kind is None:
        raise unacceptable()
    return form or ("xml" if kind == "application/xml" else "json")


def listing(context: Context, request: Asked, uid: str, suffix: str = "") -> Response:
    """``…/data/``: the rows [f00-f62].

    Unlike the real server, a reading leaves no ``view-data`` in the history: it works on a full disk too.
    """
    form = form_of(context, request, uid)
    if request.method != "GET":
        raise wrong_method(request.method)
    kind = requested_format(request, suffix)
    wish = wish_of(context, request, uid, kind)
    if kind == "xml":
        return _as_xml(context, request, wish)
    if kind == "geojson":
        return _as_geojson(context, wish, form)
    count, texts = _texts(context, request, wish)
    return Response(render.page_text(texts, count, _links(request, wish, count)), content_type=JSON_TYPE)


def _texts(context: Context, request: Asked, wish: Wish) -> tuple[int, Iterable[str]]:
    base = request.base
    if wish.fields is None:
        count, rows = matching(context, wish, "id, head, attachments, validation")
        return count, (
            render.row_text(row["id"], row["head"], row["attachments"], row["validation"], base) for row in rows
        )
    if _COLUMNS.union({"_attachments"}).issuperset(wish.fields) and "_attachments" not in wish.fields:
        count, rows = matching(context, wish, _LIGHT)
        return count, (_light(row, wish.fields) for row in rows)
    count, rows = matching(context, wish, "id, head, attachments, validation")
    return count, (render.dumps(_chosen(parsed(row, base), wish.fields)) for row in rows)


def _light(row: Row, fields: Iterable[str]) -> str:
    """A row of which only columns are asked: nothing is parsed."""
    makers: dict[str, Callable[[], str]] = {
        "_id": lambda: str(row["id"]),
        "_uuid": lambda: render.dumps(row["uuid"]),
        "meta/rootUuid": lambda: render.dumps(f"uuid:{row['root_uuid']}"),
        "_validation_status": lambda: str(row["validation"]),
        "_submission_time": lambda: render.dumps(row["submission_time"]),
        "_submitted_by": lambda: render.dumps(row["submitted_by"]),
    }
    parts = [f'"{name}":{makers[name]()}' for name in fields]
    if "_validation_status" not in fields:
        parts.append('"_validation_status":{}')  # false, but so it is [f36, h33]
    return "{" + ",".join(parts) + "}"


def _chosen(row: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    chosen = {name: row[name] for name in fields if name in row}
    chosen.setdefault("_validation_status", {})
    if "_attachments" in chosen:
        chosen["_attachments"] = [
            {**item, "question_xpath": item["question_xpath"] if _is_shown(item["question_xpath"], chosen) else ""}
            for item in chosen["_attachments"]
        ]
    return chosen


def _is_shown(path: str, chosen: Mapping[str, Any]) -> bool:
    """Whether the answer that names a file is among the fields asked: else its path is empty [f36]."""
    return path in chosen or path.split("[")[0] in chosen


def _links(request: Asked, wish: Wish, count: int) -> tuple[str | None, str | None]:
    """Next and previous; ``offset`` and ``page`` are believed here, and only here [f27, f27b]."""
    args, limit, offset = request.args, wish.limit, wish.start
    if "start" not in args:
        size = whole(args.get("page_size"))
        if size and "limit" not in args:
            limit = min(max(size, 1), PAGE_MAX)
        offset = max(whole(args.get("offset")) or 0, 0)
        number = whole(args.get("page"))
        if number and number > 1:
            offset = (number - 1) * limit
    return render.links(request.here, args.to_dict(), count=count, limit=limit, offset=offset)


def _as_xml(context: Context, request: Asked, wish: Wish) -> Response:
    count, rows = matching(context, wish, "id, xml")
    following, before = _links(request, wish, count)
    body = "".join(bare_xml(bytes(row["xml"])) for row in rows)
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><root><count>{count}</count><next>{escape(str(following))}</next>'
        f"<previous>{escape(str(before))}</previous><results>{body}</results></root>"
    )
    return Response(text, content_type=_XML)


def bare_xml(xml: bytes) -> str:
    """A submission's XML without its declaration."""
    text = xml.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    return text.split("?>", 1)[1].lstrip() if text.startswith("<?xml") else text


def _as_geojson(context: Context, wish: Wish, form: Row) -> Response:
    _, rows = matching(context, wish, "id, head, attachments, validation")
    geopoints = submissions.form_shape(form["md5"], form["xform"]).geopoints
    features = [render.feature(parsed(row), geopoints, n) for n, row in enumerate(rows, start=1)]
    placed = [feature for feature in features if feature["geometry"]]  # no other is shown [r16e]
    body = {"type": "FeatureCollection", "name": form["name"], "features": placed}
    return Response(render.dumps(body), content_type="application/json; charset=utf-8")


# ── one row ─────────────────────────────────────────────────────────────────


def find(context: Context, request: Asked, uid: str, key: str) -> Row:
    """A row by ``_id``, by its root uuid or its current one [f12, f12b].

    Raises: Refused 404.
    """
    number = whole(key)
    if number is not None:
        row = one(context.db.reader, "SELECT * FROM submissions WHERE asset = ? AND id = ?", uid, number)
    else:
        row = one(
            context.db.reader,
            "SELECT * FROM submissions WHERE asset = ? AND ? IN (root_uuid, uuid) ORDER BY id DESC LIMIT 1",
            uid,
            key.removeprefix("uuid:"),
        )
    filters = access.row_filters(context, request, uid)
    if row is None or (filters is not None and not query.matcher({"$or": filters})(parsed(row))):
        raise not_found()
    return row


def one_row(context: Context, request: Asked, uid: str, key: str, suffix: str = "") -> Response:
    """``…/data/<id or uuid>/``: GET as JSON, XML, GeoJSON; DELETE [f10, f44, h30]."""
    if request.method not in ("GET", "DELETE"):
        raise wrong_method(request.method)
    form = form_of(context, request, uid, "delete_submissions" if request.method == "DELETE" else "")
    kind = "json" if request.method == "DELETE" else requested_format(request, suffix)
    try:
        row = find(context, request, uid, key)
    except Refused as refusal:
        if kind == "xml" and refusal.status == 404:
            text = '<?xml version="1.0" encoding="utf-8"?><root><detail>Not found.</detail></root>'
            raise Refused(404, text, _XML) from refusal  # [p02]
        raise
    if request.method == "DELETE":
        with context.db.writing() as connection:
            submissions.delete(context, connection, form, [row], request.username)
        return empty()
    if kind == "xml":
        return Response(f'<?xml version="1.0" ?>{bare_xml(bytes(row["xml"]))}', content_type=_XML)
    if kind == "geojson":
        geopoints = submissions.form_shape(form["md5"], form["xform"]).geopoints
        return json_answer(render.feature(parsed(row), geopoints, 1))
    return as_json(request, row)


def as_json(request: Asked, row: Row, status: int = 200) -> Response:
    """One stored row as an answer."""
    text = render.row_text(row["id"], row["head"], row["attachments"], row["validation"], request.base)
    return Response(text, status=status, content_type=JSON_TYPE)


def counts(context: Context, request: Asked, uid: str) -> Response:
    """``…/counts/``: rows per day and in all [h38]."""
    form_of(context, request, uid)
    rows = context.db.reader.execute(
        "SELECT substr(submission_time, 1, 10) AS day, count(*) AS n FROM submissions WHERE asset = ? GROUP BY day",
        (uid,),
    ).fetchall()
    daily = {row["day"]: row["n"] for row in rows}
    return json_answer({"daily_submission_counts": daily, "total_submission_count": sum(daily.values())})

"""The project history: what happened to an asset and its rows, newest first, as a change feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from kobo_sync.station import access, render
from kobo_sync.station.database import Connection
from kobo_sync.station.wire import Asked, Context, Refused, json_answer, seconds, whole

_TERM = re.compile(r'\s*(\(|\)|AND\b|OR\b|([\w]+):(?:"([^"]*)"|([^\s()]+)))\s*')
_FIELDS = {
    "action": "action = ?",
    "username": "username = ?",
    "date_created": "created_at = ?",
    "date_created__gte": "created_at >= ?",
    "date_created__gt": "created_at > ?",
    "date_created__lte": "created_at <= ?",
    "date_created__lt": "created_at < ?",
}


def record(
    context: Context,
    connection: Connection,
    asset: render.Record,
    action: str,
    username: str | None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Add an event [h39, h53]; *more* goes into its metadata."""
    where = {
        "source": "Other (Other)",
        "ip_address": "127.0.0.1",
        "log_subtype": "project",
        "project_owner": asset["owner"],
    }
    metadata = {"asset_uid": asset["uid"], **({} if action == "in-trash" else where), **(more or {})}
    text = render.dumps(metadata).replace('"\\u0001/', '"\x01/')
    connection.execute(
        "INSERT INTO history (asset, username, action, metadata, created_at) VALUES (?, ?, ?, ?, ?)",
        (asset["uid"], username or "AnonymousUser", action, text, seconds(context.now())),
    )


def listing(context: Context, request: Asked, uid: str) -> Response:
    """``GET …/history/``: ``limit``, ``start``, ``q`` on action and date_created; ``ordering`` is ignored [m26c]."""
    access.need(context, request, uid, "manage_asset")
    condition, values = parse(request.args.get("q", ""))
    limit = min(max(whole(request.args.get("limit")) or 100, 1), 1000)
    start = max(whole(request.args.get("start")) or 0, 0)
    reader = context.db.reader
    where = f"asset = ? AND ({condition})"
    count = reader.execute(f"SELECT count(*) FROM history WHERE {where}", (uid, *values)).fetchone()[0]
    rows = reader.execute(
        f"SELECT * FROM history WHERE {where} ORDER BY id DESC LIMIT ? OFFSET ?", (uid, *values, limit, start)
    )
    results = [render.history_entry(request.base, row) for row in rows]
    nexts = render.links(request.here, request.args.to_dict(), count=count, limit=limit, offset=start)
    return json_answer(render.page(results, count, nexts))


def actions(context: Context, request: Asked, uid: str) -> Response:
    """``GET …/history/actions/``: what happened at all [r06]."""
    access.need(context, request, uid, "manage_asset")
    rows = context.db.reader.execute("SELECT DISTINCT action FROM history WHERE asset = ? ORDER BY action", (uid,))
    return json_answer({"actions": [row["action"] for row in rows]})


def parse(text: str) -> tuple[str, list[str]]:
    """A ``q=`` as an SQL condition and its values: ``field:value`` with AND, OR and parentheses.

    Raises: Refused 400 for anything else.
    """
    if not text.strip():
        return "1", []
    parts: list[str] = []
    values: list[str] = []
    position, depth, expects_term = 0, 0, True
    while position < len(text):
        match = _TERM.match(text, position)
        word = match[1] if match else ""
        if match is None or (word == "(" or bool(match[2])) != expects_term or (match[2] and match[2] not in _FIELDS):
            raise Refused(400, {"detail": "Your query is not valid"})
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0 or depth > 20 or len(values) > 100:
            raise Refused(400, {"detail": "Your query is not valid"})
        if match[2]:
            parts.append(_FIELDS[match[2]])
            values.append(match[3] if match[3] is not None else match[4])
        else:
            parts.append(word)
        expects_term = word in ("(", "AND", "OR")
        position = match.end()
    if depth or expects_term:
        raise Refused(400, {"detail": "Your query is not valid"})
    return " ".join(parts), values

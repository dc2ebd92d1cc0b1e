"""Who may do what with an asset: permissions as stored, with what each implies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kobo_sync.station.auth import ANONYMOUS
from kobo_sync.station.database import Connection, Row, one
from kobo_sync.station.wire import Asked, Context, Refused, forbidden, not_found

OWNER = (
    "add_submissions change_asset change_submissions delete_submissions manage_asset validate_submissions view_asset"
    " view_submissions"
).split()
IMPLIES = {
    "change_asset": ("view_asset",),
    "manage_asset": ("change_asset", "view_asset"),
    "view_submissions": ("view_asset",),
    "partial_submissions": ("view_asset",),
    "change_submissions": ("view_submissions", "view_asset"),
    "delete_submissions": ("view_submissions", "view_asset"),
    "validate_submissions": ("view_submissions", "view_asset"),
}


def grant(
    context: Context, connection: Connection, asset: str, username: str, codename: str, filters: str | None = None
) -> None:
    """Give a permission and what it implies; giving it twice changes nothing but the filters."""
    for name in (*reversed(IMPLIES.get(codename, ())), codename):
        connection.execute(
            "INSERT INTO permissions (uid, asset, username, codename, filters) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (asset, username, codename) DO UPDATE SET filters = excluded.filters",
            (context.new_uid("p"), asset, username, name, filters if name == codename else None),
        )


def granted(connection: Connection, asset: str, request: Asked) -> set[str]:
    """The permissions of the request's account on an asset; a superuser has all, whoever asks what is public."""
    if request.is_superuser:
        return set(OWNER)
    names = [ANONYMOUS] if request.username is None else [ANONYMOUS, request.username]
    rows = connection.execute(
        f"SELECT codename FROM permissions WHERE asset = ? AND username IN ({', '.join('?' * len(names))})",
        (asset, *names),
    )
    return {row[0] for row in rows}


def may_submit(connection: Connection, asset: str, username: str | None, codename: str) -> bool:
    """Whether an account (None: anybody) holds *codename* on an asset, or everybody does."""
    return (
        one(
            connection,
            "SELECT 1 FROM permissions WHERE asset = ? AND codename = ? AND username IN (?, ?)",
            asset,
            codename,
            ANONYMOUS,
            username or ANONYMOUS,
        )
        is not None
    )


def exists(connection: Connection, uid: str) -> bool:
    """Whether there is such an asset."""
    return one(connection, "SELECT 1 FROM assets WHERE uid = ?", uid) is not None


def takes_anonymous(connection: Connection, owner: str | None) -> bool:
    """Whether some form of *owner* takes submissions of anybody."""
    sql = (
        "SELECT 1 FROM permissions JOIN assets ON assets.uid = permissions.asset"
        " WHERE owner = ? AND username = ? AND codename IN ('add_submissions', 'change_submissions')"
    )
    return one(connection, sql, owner, ANONYMOUS) is not None


def need(context: Context, request: Asked, uid: str, codename: str, *, unknown: Refused | None = None) -> Row:
    """The asset *uid*, when the account holds *codename* on it.

    Raises: Refused 404 when it cannot even see the asset, 403 when it sees it but may not [m22, m26].
    """
    asset = one(context.db.reader, "SELECT * FROM assets WHERE uid = ?", uid)
    if asset is None:
        raise unknown or not_found()
    rights = granted(context.db.reader, uid, request)
    if "view_asset" not in rights:
        raise not_found()
    if codename not in rights:
        raise forbidden()
    return asset


def row_filters(context: Context, request: Asked, uid: str) -> list[dict[str, Any]] | None:
    """Mongo filters, one of which a row must match to be seen; None: every row may be.

    Raises: Refused when the account may see no row at all.
    """
    rights = granted(context.db.reader, uid, request)
    if "view_submissions" in rights:
        return None
    if "view_asset" not in rights:
        raise not_found()
    permission = one(
        context.db.reader,
        "SELECT filters FROM permissions WHERE asset = ? AND username = ? AND codename = 'partial_submissions'",
        uid,
        request.username,
    )
    if permission is None or not permission["filters"]:
        raise forbidden()
    return [item for part in json.loads(permission["filters"]) for item in part["filters"]]


def visible(context: Context, request: Asked) -> Iterable[Row]:
    """The assets that the account sees, the last changed first; none for anonymous callers [a11]."""
    if request.username is None:
        return ()
    if request.is_superuser:
        return context.db.reader.execute("SELECT * FROM assets ORDER BY modified_at DESC, id DESC").fetchall()
    return context.db.reader.execute(
        "SELECT * FROM assets WHERE uid IN (SELECT asset FROM permissions WHERE username = ? AND codename = 'view_asset')"
        " ORDER BY modified_at DESC, id DESC",
        (request.username,),
    ).fetchall()

"""Forms of a KoboToolbox server, served by the station as that server serves them to phones."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kobo_sync.rows.instance import read_instance
from kobo_sync.station import access, render, workbook
from kobo_sync.station.assets import NO_SETTINGS, add_version, admit_phones
from kobo_sync.station.database import Connection, Row, one, store_blob
from kobo_sync.station.publishing import publish_media
from kobo_sync.station.refiling import file_under
from kobo_sync.station.wire import Context, micros

MARK = "kobo_sync"  # the key of our mark in an asset's extra_metadata


@dataclass(frozen=True)
class PairedForm:
    """One form as phones download it. *hash* is formList's (md5 in hex), *version* its version, *form_uuid* ``formhub/uuid``.

    *media* maps a file name to bytes; *workbook* is the XLSForm, *version_uid* the deployed version, *mark* ours on the server.
    """

    form_id: str
    asset_uid: str
    name: str
    version: str
    hash: str
    form_uuid: str
    version_uid: str
    xform: bytes
    media: Mapping[str, bytes]
    workbook: bytes
    mark: Mapping[str, str]


@dataclass(frozen=True)
class Pairing:
    """What is paired: the form's project, and what the server offered then; *media* maps a file name to its md5.

    *server* tells the server, and the project of ODK Central; empty for what was paired before that was noted.
    """

    form_id: str
    asset_uid: str
    kc: str
    version: str
    hash: str
    paired_at: datetime
    media: Mapping[str, str]
    server: str = ""


def pair(context: Context, form: PairedForm, kc: str, owner: str, server: str = "") -> str:
    """Serve *form* from now on, whole or not at all; what was collected stays, also with the station's own form before.

    *server* tells server and project, as `Mission.server_id` does. Returns ``paired``, ``updated`` or ``unchanged``.
    Raises: ImportRefused when the workbook is none.
    """
    sheets = workbook.read_workbook(form.workbook)
    with context.db.writing() as connection:
        before = one(connection, "SELECT * FROM pairings WHERE asset = ?", form.asset_uid)
        old_media = {row["filename"]: row["hash"] for row in _media(connection, form.asset_uid)}
        media = {name: _md5(content) for name, content in form.media.items()}
        is_replaced = one(connection, "SELECT 1 FROM pairings WHERE replaces = ?", form.asset_uid) is not None
        as_before = before and (before["form_hash"], before["version"], old_media) == (form.hash, form.version, media)
        if before and as_before and not is_replaced:
            if (before["kc"], before["server"]) == (kc, server):
                return "unchanged"
            values = (kc, server, form.asset_uid)  # the same bytes are another project's as well
            connection.execute("UPDATE pairings SET kc = ?, server = ? WHERE asset = ?", values)
            return "updated"
        local = _own_asset(connection, form)
        _put_asset(context, connection, form, sheets, owner)
        _put_deployment(context, connection, form)
        _put_media(context, connection, form)
        # The mission has come back to this project: what took its place takes that of the one before it, and no ring is closed.
        connection.execute(
            "UPDATE pairings SET replaces = (SELECT replaces FROM pairings WHERE asset = :asset) WHERE replaces = :asset",
            {"asset": form.asset_uid},
        )
        connection.execute(
            "INSERT INTO pairings (asset, form_id, kc, form_hash, version, form_uuid, paired_at, replaces,"
            " server) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asset) DO UPDATE SET form_id = excluded.form_id,"
            " kc = excluded.kc, form_hash = excluded.form_hash, version = excluded.version,"
            " form_uuid = excluded.form_uuid, server = excluded.server, paired_at = excluded.paired_at,"
            " replaces = ifnull(excluded.replaces, replaces)",
            (
                form.asset_uid,
                form.form_id,
                kc,
                form.hash,
                form.version,
                form.form_uuid,
                micros(context.now()),
                local,
                server,
            ),
        )
        if local:
            _take_over(connection, local, form.asset_uid)
    admit_phones(context)
    return "updated" if before else "paired"


def pairings(connection: Connection) -> dict[str, Pairing]:
    """form_id → what it is paired with; a project that another took the place of is none of them."""
    newest = "asset NOT IN (SELECT replaces FROM pairings WHERE replaces IS NOT NULL)"
    rows = connection.execute(f"SELECT * FROM pairings WHERE {newest} ORDER BY form_id").fetchall()
    return {
        row["form_id"]: Pairing(
            row["form_id"], row["asset"], row["kc"], row["version"], row["form_hash"],
            datetime.fromisoformat(row["paired_at"]),
            {media["filename"]: media["hash"] for media in _media(connection, row["asset"])},
            dict(row).get("server", ""),  # read of an older file, which is not brought up
        )
        for row in rows
    }  # fmt: skip


def paired_media(connection: Connection, filename: str) -> bytes | None:
    """A form media file as the server had it when the station was paired; None for one that no paired form names."""
    row = one(
        connection,
        "SELECT content FROM paired_media JOIN blobs ON blobs.sha = paired_media.blob WHERE filename = ? LIMIT 1",
        filename,
    )
    return bytes(row["content"]) if row else None


def is_paired(connection: Connection, asset: str) -> bool:
    """Whether an asset's XForm is a server's, which the station never compiles anew."""
    return one(connection, "SELECT 1 FROM pairings WHERE asset = ?", asset) is not None


# ── one form ──


def _own_asset(connection: Connection, form: PairedForm) -> str | None:
    """The asset of the same form until now, which the paired one replaces: the station's own, or a project of before."""
    path = f"$.extra_metadata.{MARK}.form_id"
    row = one(
        connection,
        "SELECT uid FROM assets WHERE json_extract(settings, ?) = ? AND uid != ?",  # who was replaced has no mark any more
        path,
        form.form_id,
        form.asset_uid,
    )
    return str(row["uid"]) if row else None


def _put_asset(context: Context, connection: Connection, form: PairedForm, sheets: workbook.Sheets, owner: str) -> None:
    now, settings = micros(context.now()), {**NO_SETTINGS, "extra_metadata": {MARK: dict(form.mark)}}
    connection.execute(
        "INSERT INTO assets (uid, name, owner, asset_type, settings, version_id, created_at, modified_at)"
        " VALUES (?, ?, ?, 'survey', ?, '', ?, ?) ON CONFLICT (uid) DO UPDATE SET name = excluded.name,"
        " settings = excluded.settings, modified_at = excluded.modified_at",
        (form.asset_uid, form.name, owner, render.dumps(settings), now, now),
    )
    if one(connection, "SELECT 1 FROM versions WHERE uid = ?", form.version_uid) is None:
        add_version(context, connection, form.asset_uid, sheets, uid=form.version_uid)
    connection.execute("UPDATE assets SET version_id = ? WHERE uid = ?", (form.version_uid, form.asset_uid))
    for codename in access.OWNER:
        access.grant(context, connection, form.asset_uid, owner, codename)


def _put_deployment(context: Context, connection: Connection, form: PairedForm) -> None:
    now = micros(context.now())
    connection.execute(
        "INSERT INTO deployments (asset, uuid, active, version_id, stamp, name, title, xform, md5, deployed_at)"
        " VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asset) DO UPDATE SET uuid = excluded.uuid, active = 1,"
        " version_id = excluded.version_id, stamp = excluded.stamp, name = excluded.name, title = excluded.title,"
        " xform = excluded.xform, md5 = excluded.md5, deployed_at = excluded.deployed_at",
        (
            form.asset_uid, form.form_uuid, form.version_uid, form.version, form.name, form.name, form.xform,
            form.hash, now,
        ),
    )  # fmt: skip
    connection.execute(
        "UPDATE versions SET deployed_at = ifnull(deployed_at, ?) WHERE uid = ?", (now, form.version_uid)
    )


def _put_media(context: Context, connection: Connection, form: PairedForm) -> None:
    """What the server offers now; a list that the station had published itself gives way to the newer one."""
    connection.execute("DELETE FROM paired_media WHERE asset = ?", (form.asset_uid,))
    connection.execute("DELETE FROM files WHERE asset = ?", (form.asset_uid,))
    for name, content in sorted(form.media.items()):
        blob, md5 = store_blob(connection, content), _md5(content)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        connection.execute(
            "INSERT INTO paired_media (asset, filename, hash, mimetype, blob) VALUES (?, ?, ?, ?, ?)",
            (form.asset_uid, name, md5, kind, blob),
        )
        connection.execute(
            "INSERT INTO files (uid, asset, username, file_type, description, filename, mimetype, md5, blob, created_at)"
            " VALUES (?, ?, '', 'form_media', 'paired', ?, ?, ?, ?, ?)",
            (context.new_uid("af"), form.asset_uid, name, kind, md5, blob, micros(context.now())),
        )
    publish_media(connection, form.asset_uid)


def _take_over(connection: Connection, local: str, asset: str) -> None:
    """Make what was collected with the station's own form rows of the paired one; the bytes stay as phones sent them."""
    form = one(
        connection,
        "SELECT deployments.*, assets.owner FROM deployments JOIN assets ON assets.uid = deployments.asset WHERE asset = ?",
        asset,
    )
    assert form is not None
    for row in connection.execute("SELECT * FROM submissions WHERE asset = ?", (local,)).fetchall():
        file_under(connection, form, row, read_instance(bytes(row["xml"])))
    for table in ("retired", "history", "ledger"):
        connection.execute(f"UPDATE {table} SET asset = ? WHERE asset = ?", (asset, local))
    # No mark any more: this is not the form's project, and phones are not offered it.
    settings = one(connection, "SELECT settings FROM assets WHERE uid = ?", local)
    unmarked = {**json.loads(settings["settings"] if settings else "{}"), "extra_metadata": {}}
    connection.execute("UPDATE assets SET settings = ? WHERE uid = ?", (render.dumps(unmarked), local))


def _media(connection: Connection, asset: str) -> list[Row]:
    return connection.execute("SELECT * FROM paired_media WHERE asset = ? ORDER BY filename", (asset,)).fetchall()


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

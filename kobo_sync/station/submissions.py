"""Accepting submissions: new, again, late files, edits; every rule as a real server was seen to apply it."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, register_namespace, tostring

from kobo_sync.rows.instance import Instance, Malformed, answers, leaves, local, read_instance, without_prefix
from kobo_sync.station import history, ledger, render
from kobo_sync.station.access import may_submit
from kobo_sync.station.database import Connection, Row, drop_unused_blobs, load_blob, one, store_blob
from kobo_sync.station.wire import Context, micros
from kobo_sync.station.workbook import Shape, shape_of

_FIRST_YEAR = 1000  # four digits, as everywhere in what is answered
_NAME_BYTES = 255  # that a disk takes; a real server breaks over more
_NO_DATE = "Submission rejected: its submissionDate is no date."


class Rejected(Exception):
    """A submission that is not taken: HTTP *status* and the text that phones show.

    *is_known* says that the server has it in some way (409, 202): those answers carry a Location.
    """

    def __init__(self, status: int, text: str, *, is_known: bool = False) -> None:
        super().__init__(text)
        self.status, self.text, self.is_known = status, text, is_known


@dataclass(frozen=True)
class Upload:
    """A file of a submission: its name without folders, and its bytes."""

    name: str
    mimetype: str
    content: bytes


@dataclass(frozen=True)
class Receipt:
    """A submission that is safely stored; times are ISO."""

    form_id: str
    uuid: str
    created_at: str
    modified_at: str
    is_new: bool = False


@dataclass(frozen=True)
class Sender:
    """Who submits: *username* None is anybody; *owner* limits the forms to that user's (``/<user>/submission``)."""

    username: str | None
    is_superuser: bool = False
    owner: str | None = None


class NeedsLogin(Exception):
    """Anonymous, and the form does not take anonymous submissions [e20, e27]."""


class UnknownForm(Exception):
    """No deployed form of that id or uuid [e33]."""


def accept(context: Context, xml: bytes, uploads: Sequence[Upload], sender: Sender) -> Receipt:
    """Store a submission; when this returns, it is on the disk.

    Raises: Malformed, UnknownForm, NeedsLogin, Rejected.
    """
    instance = read_instance(xml)
    form = _form(context, instance, sender)
    codename = "change_submissions" if instance.deprecated else "add_submissions"
    is_allowed = may_submit(context.db.reader, form["asset"], sender.username, codename)
    if not is_allowed and sender.username is None:
        raise NeedsLogin
    if not is_allowed or sender.is_superuser:  # superusers may not submit unless a server's setting says so [m50]
        raise Rejected(403, "Access denied")
    if not instance.uuid:
        raise Malformed("Instance ID is required")
    if not form["active"]:
        raise Rejected(405, "Form is not active")
    with context.db.writing() as connection:
        write = edit if instance.deprecated else _new
        return write(context, connection, form, instance, xml, uploads, sender.username)


def _form(context: Context, instance: Instance, sender: Sender) -> Row:
    sql = (
        "SELECT deployments.*, assets.owner, assets.uid FROM deployments JOIN assets ON assets.uid = deployments.asset"
        " WHERE {} AND ifnull(?, assets.owner) = assets.owner"
    )
    by_uuid = sql.format("deployments.uuid = ? AND deployments.uuid != ''")  # forms of ODK Central have none
    form = one(context.db.reader, by_uuid, instance.form_uuid, sender.owner)
    form = form or one(context.db.reader, sql.format("deployments.asset = ?"), instance.form_id, sender.owner)
    if form is None:
        raise UnknownForm
    # A phone may still hold the form that the station served before it was paired, or paired with another project.
    while paired := one(context.db.reader, "SELECT asset FROM pairings WHERE replaces = ?", form["asset"]):
        newer = one(context.db.reader, sql.format("deployments.asset = ?"), paired["asset"], sender.owner)
        if newer is None:
            break
        form = newer
    return form


def _new(
    context: Context,
    connection: Connection,
    form: render.Record,
    instance: Instance,
    xml: bytes,
    uploads: Sequence[Upload],
    username: str | None,
) -> Receipt:
    uid, sha = form["asset"], hashlib.sha256(xml).hexdigest()
    stored = one(connection, "SELECT * FROM submissions WHERE asset = ? AND uuid = ?", uid, instance.uuid)
    if stored is not None and stored["sha"] == sha:
        return _late(context, connection, form, instance, stored, uploads)
    if stored is not None or one(connection, "SELECT 1 FROM retired WHERE asset = ? AND uuid = ?", uid, instance.uuid):
        raise Rejected(409, "Submission with this instance ID already exists", is_known=True)
    root = instance.root_uuid or instance.uuid
    if one(connection, "SELECT 1 FROM submissions WHERE asset = ? AND root_uuid = ?", uid, root):
        raise Rejected(409, "Submission with this instance ID already exists", is_known=True)
    now = context.now()
    created = _given_date(instance.submission_date) or now
    head = head_of(form, instance, root, created, username)
    cursor = connection.execute(
        "INSERT INTO submissions (asset, uuid, root_uuid, sha, head, attachments, validation, submission_time,"
        " created_at, submitted_by, xml) VALUES (?, ?, ?, ?, ?, '[]', '{}', ?, ?, ?, ?)",
        (uid, instance.uuid, root, sha, head, _second(created), micros(created), username, xml),
    )
    submission_id = int(cursor.lastrowid or 0)
    ledger.enter(connection, uid, submission_id, instance, root, sha, micros(now))
    _keep_files(context, connection, form, instance, submission_id, root, uploads)
    connection.execute("UPDATE deployments SET last_submission_at = ? WHERE asset = ?", (micros(created), uid))
    metadata = {"submission": {"root_uuid": root, "submitted_by": username}}
    history.record(context, connection, form, "add-submission", username, metadata)
    return Receipt(uid, instance.uuid, created.isoformat(), now.isoformat(), is_new=True)


def _late(
    context: Context,
    connection: Connection,
    form: render.Record,
    instance: Instance,
    stored: Row,
    uploads: Sequence[Upload],
) -> Receipt:
    """The same bytes again: only files that are not there yet count [e22, e26]."""
    added = _keep_files(context, connection, form, instance, stored["id"], stored["root_uuid"], uploads)
    if not added:
        raise Rejected(202, "Duplicate Instance", is_known=True)
    created = datetime.fromisoformat(stored["created_at"])
    return Receipt(form["asset"], instance.uuid, created.isoformat(), context.now().isoformat())


def edit(
    context: Context,
    connection: Connection,
    form: render.Record,
    instance: Instance,
    xml: bytes,
    uploads: Sequence[Upload],
    username: str | None,
) -> Receipt:
    """Replace a row's answers, keeping its id, root uuid, times, first submitter and validation [e40, f11, h14].

    The same bytes again are the phone that did not read its 201: they are known before they are taken for an edit.
    Raises: Rejected 410 when ``deprecatedID`` is not the row's newest, 404 when it never was [e42, e43].
    """
    uid, sha = form["asset"], hashlib.sha256(xml).hexdigest()
    same = one(
        connection, "SELECT * FROM submissions WHERE asset = ? AND uuid = ? AND sha = ?", uid, instance.uuid, sha
    )
    if same is not None:
        return _late(context, connection, form, instance, same, uploads)
    stored = one(connection, "SELECT * FROM submissions WHERE asset = ? AND uuid = ?", uid, instance.deprecated)
    if stored is None:
        if one(connection, "SELECT 1 FROM retired WHERE asset = ? AND uuid = ?", uid, instance.deprecated):
            raise Rejected(410, "Invalid submission - deprecatedID refers to an old version")
        raise Rejected(404, "Invalid submission - deprecatedID not found")
    other = one(
        connection,
        "SELECT 1 FROM submissions WHERE asset = ? AND uuid = ? UNION SELECT 1 FROM retired WHERE asset = ? AND uuid = ?",
        *(uid, instance.uuid) * 2,
    )
    if other:
        raise Rejected(409, "Submission with this instance ID already exists", is_known=True)
    created = datetime.fromisoformat(stored["created_at"])
    head = head_of(form, instance, stored["root_uuid"], created, stored["submitted_by"])
    ledger.keep_bytes(connection, stored["id"], stored["uuid"])
    connection.execute(
        "INSERT INTO retired (uuid, asset, submission_id) VALUES (?, ?, ?)", (stored["uuid"], uid, stored["id"])
    )
    connection.execute(
        "UPDATE submissions SET uuid = ?, sha = ?, head = ?, xml = ? WHERE id = ?",
        (instance.uuid, sha, head, xml, stored["id"]),
    )
    ledger.enter(connection, uid, stored["id"], instance, stored["root_uuid"], sha, micros(context.now()))
    _retire_files(connection, stored["id"], set(leaves(instance, ())))
    _keep_files(context, connection, form, instance, stored["id"], stored["root_uuid"], uploads, refresh=True)
    metadata = {"submission": {"root_uuid": stored["root_uuid"], "submitted_by": stored["submitted_by"]}}
    history.record(context, connection, form, "modify-submission", username, metadata)
    return Receipt(uid, instance.uuid, created.isoformat(), context.now().isoformat())


def head_of(form: render.Record, instance: Instance, root: str, created: datetime, username: str | None) -> str:
    """A row as the API gives it, without what is the server\'s own or may change: JSON text."""
    shape = form_shape(form["md5"], form["xform"])
    fields = answers(instance, shape.repeats)
    fields.pop("meta/rootUuid", None)
    facts = {
        "meta/instanceID": f"uuid:{instance.uuid}",
        "_xform_id_string": form["asset"],
        "_uuid": instance.uuid,
        "meta/rootUuid": f"uuid:{root}",
        "_status": "submitted_via_web",
        "_geolocation": _geolocation(fields, shape.geopoints),
        "_submission_time": _second(created),
        "_submitted_by": username,
    }
    return render.row_head(fields, facts)


_shapes = lru_cache(maxsize=64)(lambda md5, xform: shape_of(xform))


def form_shape(md5: str, xform: bytes) -> Shape:
    """The repeats and geopoints of a deployed form, read once per content."""
    shape: Shape = _shapes(md5, xform)
    return shape


def _geolocation(fields: Mapping[str, Any], geopoints: Sequence[str]) -> list[float | None]:
    for path in geopoints:
        parts = str(fields.get(path, "")).split()
        try:
            return [float(parts[0]), float(parts[1])]
        except (IndexError, ValueError):
            continue
    return [None, None]


def _given_date(text: str) -> datetime | None:
    """The root's ``submissionDate``, which overrides the time of arrival [e50].

    Raises: Malformed when it is none, or none that a calendar holds: a real server breaks over it, some for good.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(_NO_DATE) from error
    if moment.year < _FIRST_YEAR:
        raise Malformed(_NO_DATE)
    return moment


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


# ── files ───────────────────────────────────────────────────────────────────


def _keep_files(
    context: Context,
    connection: Connection,
    form: render.Record,
    instance: Instance,
    submission_id: int,
    root: str,
    uploads: Sequence[Upload],
    *,
    refresh: bool = False,
) -> int:
    """Store the files that the XML names and the row lacks; the others are dropped silently [e73].

    Of two with one name in one post the first counts. Raises: Rejected 409 for other bytes under a stored name [e56].
    """
    if not uploads and not refresh:
        return 0
    repeats = form_shape(form["md5"], form["xform"]).repeats
    named = leaves(instance, repeats)
    added = 0
    first_of: dict[str, Upload] = {}
    for upload in uploads:
        first_of.setdefault(upload.name, upload)
    for upload in first_of.values():
        if upload.name not in named:
            continue
        if upload.name in (".", "..") or len(upload.name.encode()) > _NAME_BYTES:
            raise Malformed("Submission rejected: the name of a file is too long, or none.")
        sha = store_blob(connection, upload.content)
        current = one(
            connection,
            "SELECT blob FROM attachments WHERE submission_id = ? AND name = ? AND NOT is_deleted",
            submission_id,
            upload.name,
        )
        if current is not None:
            if current["blob"] != sha:
                raise Rejected(409, "Attachment with same name already exists", is_known=True)
            continue
        mimetype = upload.mimetype or mimetypes.guess_type(upload.name)[0] or "application/octet-stream"
        stored_as = f"{form['owner']}/attachments/{form['uuid']}/{root}/{_stored_name(upload.name)}"
        connection.execute(
            "INSERT INTO attachments (uid, submission_id, name, stored_as, mimetype, blob, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                context.new_uid("att"),
                submission_id,
                upload.name,
                stored_as,
                mimetype,
                sha,
                micros(context.now()),
            ),
        )
        ledger.add_file(connection, submission_id, instance.uuid, upload.name, mimetype, sha)
        added += 1
    if added or refresh:
        list_files(connection, form["asset"], submission_id, named)
    return added


def list_files(connection: Connection, asset: str, submission_id: int, named: Mapping[str, str]) -> None:
    """Write a row's ``_attachments`` anew; *named* is file name → question's path."""
    rows = connection.execute("SELECT * FROM attachments WHERE submission_id = ? ORDER BY id", (submission_id,))
    listed = [{**dict(row), "xpath": named.get(row["name"], "")} for row in rows]
    text = render.attachments_text(asset, submission_id, listed)
    connection.execute("UPDATE submissions SET attachments = ? WHERE id = ?", (text, submission_id))


def _retire_files(connection: Connection, submission_id: int, named: set[str]) -> None:
    """Files that the new XML does not name leave the row, and their addresses die [e55, g11]."""
    rows = connection.execute("SELECT id, name, blob FROM attachments WHERE submission_id = ?", (submission_id,))
    unnamed = [row for row in rows.fetchall() if row["name"] not in named]
    connection.executemany("DELETE FROM attachments WHERE id = ?", [(row["id"],) for row in unnamed])
    drop_unused_blobs(connection, [row["blob"] for row in unnamed])


def delete(context: Context, connection: Connection, asset: Row, rows: Sequence[Row], username: str | None) -> None:
    """Remove rows for good: answers, files, old uuids; no tombstone stays [h31, h33]."""
    for row in rows:
        files = connection.execute("SELECT blob FROM attachments WHERE submission_id = ?", (row["id"],)).fetchall()
        connection.execute("DELETE FROM attachments WHERE submission_id = ?", (row["id"],))
        connection.execute("DELETE FROM retired WHERE submission_id = ?", (row["id"],))
        connection.execute("DELETE FROM submissions WHERE id = ?", (row["id"],))
        of_versions = ledger.leave(connection, row["id"], micros(context.now()))
        drop_unused_blobs(connection, [*(file["blob"] for file in files), *of_versions])
        metadata = {"submission": {"root_uuid": row["root_uuid"], "submitted_by": row["submitted_by"]}}
        history.record(context, connection, asset, "delete-submission", username, metadata)


def _stored_name(name: str) -> str:
    """A name as Kobo's storage writes it: spaces become underscores, other signs go [e53]."""
    safe_name = re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))
    return safe_name if safe_name not in ("", ".", "..") else "file"


# ── changes made by the server itself ───────────────────────────────────────


def duplicate(context: Context, connection: Connection, form: Row, row: Row, username: str | None) -> int:
    """A copy of a row with uuids of its own, files included [h50]; returns its id."""
    instance = read_instance(bytes(row["xml"]))
    uuid, now = context.new_uuid(), context.now()
    moment = now.isoformat(timespec="milliseconds")
    for child in instance.root:
        if local(child.tag) in ("start", "end") and len(child) == 0:
            child.text = moment
    set_meta(instance.root, {"instanceID": f"uuid:{uuid}"}, drop=("deprecatedID", "rootUuid"))
    instance.root.attrib.pop("submissionDate", None)
    files = connection.execute(
        "SELECT * FROM attachments WHERE submission_id = ? AND NOT is_deleted", (row["id"],)
    ).fetchall()
    uploads = [Upload(file["name"], file["mimetype"], load_blob(connection, file["blob"])) for file in files]
    xml = xml_of(instance.root)
    _new(context, connection, form, read_instance(xml), xml, uploads, username)
    copy = one(connection, "SELECT id FROM submissions WHERE asset = ? AND uuid = ?", form["asset"], uuid)
    return int(copy["id"]) if copy else 0


def rewrite(
    context: Context, connection: Connection, form: Row, row: Row, data: Mapping[str, str], username: str | None
) -> str:
    """Change answers of a row as a bulk edit does [h20]; returns its new uuid."""
    instance = read_instance(bytes(row["xml"]))
    for path, value in data.items():
        _set(instance.root, path, value)
    uuid = context.new_uuid()
    meta = {
        "instanceID": f"uuid:{uuid}",
        "deprecatedID": f"uuid:{row['uuid']}",
        "rootUuid": f"uuid:{without_prefix(row['root_uuid'])}",
    }
    set_meta(instance.root, meta)
    xml = xml_of(instance.root)
    edit(context, connection, form, read_instance(xml), xml, (), username)
    return uuid


def _set(root: Element, path: str, value: str) -> None:
    node = root
    for name in path.split("/"):
        inner = next((child for child in node if local(child.tag) == name), None)
        if inner is None:
            if not re.fullmatch(r"[^\W\d][\w.\-]*", name):
                return
            inner = Element(name)
            node.insert(max(0, len(node) - 1) if node is root else len(node), inner)
        node = inner
    if len(node) == 0:
        node.text = value


def set_meta(root: Element, values: Mapping[str, str], drop: Sequence[str] = ()) -> None:
    """Write ids into the submission's meta block."""
    meta = next((child for child in root if local(child.tag) == "meta"), None)
    if meta is None:
        meta = Element("meta")
        root.append(meta)
    for child in list(meta):
        if local(child.tag) in drop or local(child.tag) in values:
            meta.remove(child)
    for name, text in values.items():
        item = Element(name)
        item.text = text
        meta.append(item)


register_namespace("orx", "http://openrosa.org/xforms")  # KoboToolbox reads ids of <orx:meta>, of no other prefix


def xml_of(root: Element) -> bytes:
    """The bytes of a submission."""
    return bytes(tostring(root, encoding="utf-8"))

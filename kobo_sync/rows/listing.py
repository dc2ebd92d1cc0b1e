"""Pages of submissions as KoboToolbox lists them, and single rows, read: the shape that the mirror keeps, whatever the server.

A server of another kind gives its rows this shape, with two keys more: ``_server_key``, what it calls the row, and ``_signature``,
what its light listing tells of it.

Marks such as [f03] name the recorded exchange with a real server (kpi 2e5efb01) in which the fact was seen.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from kobo_sync.errors import KoboUnexpected
from kobo_sync.lazy import cached_property
from kobo_sync.model import Attachment, Submission, Validation
from kobo_sync.rows.bodies import parse_object, take, unexpected
from kobo_sync.rows.odd_rows import MOST_ID, cut, id_of, is_row

MODIFIED = "_date_modified"  # no row carries it yet; when a server sends it, edits are found by it alone
LIGHT_FIELDS = ("_id", "_uuid", "meta/rootUuid", "_validation_status", "_attachments", MODIFIED)
NOT_READ = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

plain_moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII).fullmatch
_FOLDER = " /"
_STATUS = {
    "validation_status_approved": "approved",
    "validation_status_not_approved": "not_approved",
    "validation_status_on_hold": "on_hold",
    "edited": "edited",  # a state of ODK Central's: reworked after a decision
}
SERVER_FIELDS = frozenset(
    "_id _uuid _attachments _status _geolocation _submission_time _validation_status _submitted_by _tags _notes "
    "_xform_id_string _supplementalDetails _server_key _signature _erased formhub/uuid __version__ meta/instanceID meta/rootUuid "
    "meta/deprecatedID meta/instanceName".split()
) | {MODIFIED}
# Of these, what the phone writes: a form may have a question there.
PHONE_FIELDS = frozenset("formhub/uuid __version__ meta/instanceID meta/deprecatedID meta/instanceName".split())
is_added = re.compile(  # whether KoboToolbox or a phone adds this key to every form's rows by itself
    r"(.+/)?__?version__?(\d{3})?|(.+/)?(meta|formhub)/.+|_(bamboo_dataset_id|deleted_at|duration|edited|index|"
    r"media_all_received|media_count|parent_index|parent_table_name|total_media|xform_id)"
).fullmatch


# ── pages ───────────────────────────────────────────────────────────────────


class _Page(msgspec.Struct):
    results: list[msgspec.Raw]
    count: int = 0


_PAGE = msgspec.json.Decoder(_Page)


@dataclass(frozen=True)
class Page:
    """One page of ``data/``: *rows* are (submission_id, the row's own JSON bytes), never decoded here.

    An id below zero stands in for one that is none (`odd_rows.id_of`): such a row can only be set aside.
    *body* is what the rows were cut from, *packed* the same as the server compressed it; both empty
    when the rows had to be written anew. *unchanged* are the ids of rows that are listed here and were left out: they are held as
    they are listed.
    """

    count: int
    rows: tuple[tuple[int, bytes], ...]
    body: bytes = b""
    packed: bytes = b""
    unchanged: tuple[int, ...] = ()

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of each row; `split_page` asks first, in the thread that fetches."""
        return [hashlib.sha256(raw).digest() for _, raw in self.rows]


def split_page(body: bytes, packed: bytes = b"") -> Page:
    """The rows of a page without building them: decoding 1,000 rows costs more than fetching them.

    A page that the fast splitter refuses (a lone surrogate, NaN, ten thousand brackets) is cut at its commas, so that
    one odd row does not stop the others.
    Raises: KoboUnexpected when it is no page at all (an HTML login page, half a body).
    """
    try:
        page = _PAGE.decode(body)
        rows = tuple([_identified(bytes(raw)) for raw in page.results])
        split = Page(page.count, rows, body, packed)
    except NOT_READ:
        count, raws = cut(body)
        split = Page(count, tuple([(id_of(raw), raw) for raw in raws]))
    if split.rows and not any(is_row(raw) for _, raw in split.rows):
        unexpected("rows without _id and _uuid", body)
    return split


def _identified(raw: bytes) -> tuple[int, bytes]:
    # The id is the server's usual first key: no need to read on.
    number = raw[7 : raw.find(b",", 7, 26)] if raw.startswith(b'{"_id":') else b""
    return int(number) if number.isdigit() else id_of(raw), raw


# ── what a light scan tells of a row ────────────────────────────────────────


class _LightAttachment(msgspec.Struct):
    uid: str = ""
    is_deleted: bool = False
    filename: str | None = None


class _Status(msgspec.Struct):
    uid: str = ""
    timestamp: int = 0


class _Light(msgspec.Struct):
    submission_id: int = msgspec.field(name="_id")
    uuid: str = msgspec.field(name="_uuid", default="")
    root_uuid: str = msgspec.field(name="meta/rootUuid", default="")
    status: _Status | None = msgspec.field(name="_validation_status", default=None)
    attachments: list[_LightAttachment] = msgspec.field(name="_attachments", default_factory=list)
    modified: str = msgspec.field(name=MODIFIED, default="")
    server_key: str = msgspec.field(name="_server_key", default="")
    signature: str = msgspec.field(name="_signature", default="")


class _LightPage(msgspec.Struct):
    results: list[_Light]


@dataclass(frozen=True)
class LightRow:
    """What a light scan tells of a row: enough to see edits, validation and late or deleted files.

    *submission_id* is its place in the listing, *key* what the server calls it where that is another.
    """

    submission_id: int
    root_uuid: str
    signature: str
    modified: str = ""
    key: str = ""

    @property
    def server_key(self) -> str:
        """What the server calls the row."""
        return self.key or str(self.submission_id)


def parse_light_page(body: bytes) -> list[LightRow]:
    """The rows of a page asked with `LIGHT_FIELDS`. Raises: KoboUnexpected."""
    try:
        return [_light(row) for row in _LIGHT_PAGE.decode(body).results]
    except NOT_READ:
        return [_odd_light(raw) for raw in cut(body)[1]]


def _light(row: _Light) -> LightRow:
    if not 0 <= row.submission_id <= MOST_ID:
        raise msgspec.ValidationError("_id")
    return LightRow(row.submission_id, _bare(row.root_uuid or row.uuid), signature(row), row.modified)


def _odd_light(raw: bytes) -> LightRow:
    """A row of a page of which one is odd: this one as it is, or a submission of its own that no row can match."""
    try:
        return _light(_LIGHT.decode(raw))
    except NOT_READ:
        submission_id = id_of(raw)
        return LightRow(submission_id, f"?{submission_id}", "?")


def signature(row: _Light) -> str:
    """The parts of a row that say whether it changed, as one short text; `same_files` tells what may differ at its end.

    A project that passes to another account takes its files along, into that account's folder, without another trace.
    """
    if row.signature:
        return row.signature
    status, text = row.status, _bare(row.uuid)
    if status and status.uid:
        text = f"{text} {status.uid} {status.timestamp}"
    if len(row.attachments) == 1:  # as most have, and it is asked of every row
        file = row.attachments[0]
        mark = f"{file.uid}-" if file.is_deleted else file.uid
        if len(mark) < 80:
            return f"{text} {mark}{_FOLDER}{(file.filename or '').partition('/')[0]}"
    if row.attachments:
        marks = [f"{file.uid}-" if file.is_deleted else file.uid for file in row.attachments]
        files = " ".join(sorted(marks)) if len(marks) > 1 else marks[0]
        text += " " + (files if len(files) < 80 else hashlib.sha256(files.encode()).hexdigest()[:32])
        text += _FOLDER + ",".join(sorted({(file.filename or "").partition("/")[0] for file in row.attachments}))
    return text


def same_files(one: str, other: str) -> bool:
    """Whether two signatures differ at most in the folder that the server keeps the files in."""
    return one.partition(_FOLDER)[0] == other.partition(_FOLDER)[0]


@dataclass(frozen=True)
class RowStatus:
    """A row's validation status (empty: none) and the account that set it."""

    server_key: str
    validation: Validation
    by: str


STATUS_FIELDS = ("_id", "_validation_status")


def parse_statuses(body: bytes) -> list[RowStatus]:
    """The rows of a page asked with `STATUS_FIELDS` [h03, h06]. Raises: KoboUnexpected."""
    statuses = []
    for row in take(parse_object(body), "results"):
        status = row.get("_validation_status") or {}
        validation = cast(Validation, _STATUS.get(str(status.get("uid", "")), ""))
        statuses.append(RowStatus(str(int(take(row, "_id"))), validation, str(status.get("by_whom") or "")))
    return statuses


class HeadRow(_Light):
    """A row as listed, its answers left unread."""

    submitted_at: str = msgspec.field(name="_submission_time", default="")
    submitted_by: str | None = msgspec.field(name="_submitted_by", default=None)
    form_version: str | None = msgspec.field(name="__version__", default=None)


_LIGHT_PAGE, _LIGHT = msgspec.json.Decoder(_LightPage), msgspec.json.Decoder(_Light)
_HEAD = msgspec.json.Decoder(HeadRow)


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the mirror files a row by; *submitted_at* is UTC text ``YYYY-MM-DDTHH:MM:SS.ffffffZ``.

    *submission_id* is the row's place in the server's listing, *server_key* what the server calls it: KoboToolbox's ``_id`` is both.
    """

    submission_id: int
    server_key: str
    root_uuid: str
    uuid: str
    submitted_at: str
    submitted_by: str
    form_version: str
    validation: Validation
    validated_at: int
    signature: str
    modified: str


HEAD_FIELDS = Head.__struct_fields__[:-1]  # the columns of many heads side by side: what the mirror files rows by


def parse_head(raw: bytes) -> Head:
    """A row's head, its answers left unread. Raises: KoboUnexpected when its identity has no known shape."""
    try:
        row = _HEAD.decode(raw)
        return head_of(row)
    except NOT_READ as error:
        # A lone surrogate in an answer is no fault of the head: the standard library reads past it.
        try:
            return head_of(msgspec.convert(json.loads(raw), HeadRow))
        except (ValueError, RecursionError):
            raise KoboUnexpected(f"a row has no known shape ({type(error).__name__})") from error
    except ValueError as error:
        raise KoboUnexpected(f"a row has no known shape ({error})") from error


def validation_of(uid: str) -> Validation:
    """A status as a noun of the model; one that KoboToolbox does not know is none."""
    return cast(Validation, _STATUS.get(uid, ""))


def head_of(row: HeadRow) -> Head:
    """What the mirror files a row by. Raises: ValueError naming the key that is no identity, or no moment."""
    uuid, status = row.uuid, row.status
    if not uuid:
        raise ValueError("_uuid")
    if not 0 <= row.submission_id <= MOST_ID:
        raise ValueError("_id")
    root_uuid = row.root_uuid or uuid
    if uuid.startswith("uuid:"):
        uuid = uuid[5:]
    return Head(
        submission_id=row.submission_id,
        server_key=row.server_key or str(row.submission_id),
        root_uuid=root_uuid[5:] if root_uuid.startswith("uuid:") else root_uuid,
        uuid=uuid,
        submitted_at=utc_text(row.submitted_at),
        submitted_by=row.submitted_by or "",
        form_version=row.form_version or "",
        validation=validation_of(status.uid) if status else "",
        validated_at=status.timestamp if status else 0,
        signature=signature(row) if row.attachments or (status and status.uid) or row.signature else uuid,
        modified=row.modified,
    )


# ── whole rows ──────────────────────────────────────────────────────────────


def parse_submission(raw: bytes, form_id: str, question_keys: Collection[str] = ()) -> Submission:
    """One row; *question_keys* are those of `PHONE_FIELDS` that are questions of the form.

    Raises: KoboUnexpected when its identity is missing or a part has no known shape.
    """
    try:
        row = msgspec.json.decode(raw)
    except NOT_READ:
        row = parse_object(raw)
    try:
        status = row.get("_validation_status") or {}
        answers = dict(row)
        for key in SERVER_FIELDS & row.keys():
            if key not in question_keys:
                del answers[key]
        return Submission(
            submission_id=int(row["_id"]),
            form_id=form_id,
            uuid=_bare(str(row["_uuid"])),
            root_uuid=_bare(str(row.get("meta/rootUuid") or row["_uuid"])),
            submitted_at=_utc(str(row["_submission_time"])),
            submitted_by=str(row.get("_submitted_by") or ""),
            form_version=str(row.get("__version__") or ""),
            validation=cast(Validation, _STATUS.get(str(status.get("uid", "")), "")),
            validated_at=int(status.get("timestamp") or 0),
            answers=answers,
            attachments=tuple(_attachment(item) for item in row.get("_attachments") or ()),
            validated_by=str(status.get("by_whom") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else type(error).__name__  # a message may quote
        raise KoboUnexpected(f"a row of {form_id} has no known shape ({what})") from error


def content_hash(submission: Submission) -> str:
    """SHA-256 of what the row says, free of the server's addresses: equal on every server that holds it."""
    content = [
        submission.root_uuid,
        submission.uuid,
        submission.form_version,
        submission.submitted_at.isoformat(),
        submission.validation,
        submission.answers,
        [[a.filename, a.question_path, a.is_deleted] for a in submission.attachments],
    ]
    try:
        text = msgspec.json.encode(content, order="sorted")
    except (UnicodeEncodeError, OverflowError):
        text = json.dumps(content, sort_keys=True, ensure_ascii=True).encode()
    return hashlib.sha256(text).hexdigest()


def _attachment(item: Mapping[str, Any]) -> Attachment:
    return Attachment(
        attachment_uid=str(item["uid"]),
        filename=str(item.get("media_file_basename") or str(item.get("filename", "")).rpartition("/")[2]),
        question_path=str(item.get("question_xpath") or ""),
        mimetype=str(item.get("mimetype") or ""),
        url=str(item.get("download_url") or ""),
        is_deleted=bool(item.get("is_deleted")),
    )


# ── the change feed ─────────────────────────────────────────────────────────


def parse_events(body: bytes) -> Iterator[tuple[str, str]]:
    """(action, root_uuid) of the events of a page of ``history/`` that name a submission [h39, h53].

    Raises: KoboUnexpected.
    """
    results = take(parse_object(body), "results")
    for event in results if isinstance(results, Sequence) else ():
        about = (event.get("metadata") or {}).get("submission") if isinstance(event, dict) else None
        root_uuid = about.get("root_uuid") if isinstance(about, dict) else None
        if root_uuid:
            yield str(event.get("action")), _bare(str(root_uuid))


# ── small parts ─────────────────────────────────────────────────────────────


def _bare(uuid: str) -> str:
    return uuid[5:] if uuid.startswith("uuid:") else uuid


def utc_text(text: str) -> str:
    """A moment as the mirror files it. Raises: ValueError when it is none (a day of zeros), or beyond the year 9999."""
    try:
        if len(text) == 19 and plain_moment(
            text
        ):  # as all are: nothing is made of it but whether there is such a moment
            datetime.fromisoformat(text)
            return f"{text}.000000Z"
        return _utc(text).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError) as error:  # its words would quote what came
        raise ValueError("_submission_time") from error


def _utc(text: str) -> datetime:
    """``_submission_time`` is UTC without saying so [f03]."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

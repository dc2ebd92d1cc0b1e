"""Rows of one form decoded straight into places: no dictionaries, and no answer where a row holds anything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple

from kobo_sync.model import Attachment
from kobo_sync.rows.listing import (
    HEAD_FIELDS,
    NOT_READ,
    PHONE_FIELDS,
    SERVER_FIELDS,
    Head,
    HeadRow,
    head_of,
    signature,
    utc_text,
    validation_of,
)
from kobo_sync.rows.odd_rows import MOST_ID

HeadColumns = tuple[Sequence[Any], ...]  # a column for each of `HEAD_FIELDS`
_HEAD = msgspec.json.Decoder(HeadRow)
_HEAD_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(HeadRow)}


class File(msgspec.Struct, gc=False):
    """A file as listed."""

    uid: str
    media_file_basename: str | None = None
    filename: str | None = None
    question_xpath: str | None = None
    mimetype: str | None = None
    download_url: str | None = None
    is_deleted: bool = False

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.media_file_basename or (self.filename or "").rpartition("/")[2]

    def attachment(self) -> Attachment:
        """The same as a noun of the model."""
        url = self.download_url or ""
        return Attachment(self.uid, self.name, self.question_xpath or "", self.mimetype or "", url, self.is_deleted)


class Columns(NamedTuple):
    """Rows side by side: the columns of their heads, one for each place, and their files."""

    heads: HeadColumns
    answers: Sequence[tuple[Any, ...]]
    files: Sequence[Sequence[File]]


class RowType:
    """Decodes rows that have no keys but those named.

    *texts* maps the path of a repeat (``""``: the form) to the keys of the answers in it, *repeats* to the keys
    of the repeats in it, which are their paths. *places* maps each path to key → place. Keys may be anything: one
    under which the server writes something of its own has no place.
    """

    def __init__(self, texts: Mapping[str, Iterable[str]], repeats: Mapping[str, Iterable[str]]) -> None:
        self.places: dict[str, dict[str, int]] = {}
        self._texts, self._repeats = texts, repeats
        row = self._struct("")
        self._decode = msgspec.json.Decoder(row).decode
        page: type[Any] = msgspec.defstruct("Page", [("results", list[row])], gc=False)  # type: ignore[valid-type]
        self._decode_page = msgspec.json.Decoder(page).decode

    def _struct(self, path: str) -> type[msgspec.Struct]:
        """A type for the rows of *path* that refuses every other key and every answer that is no text."""
        types: dict[str, Any] = dict.fromkeys(self._texts[path], str | None)
        types |= {key: list[self._struct(key)] | None for key in self._repeats[path]}  # type: ignore[misc]
        if not path:
            types = {key: type_ for key, type_ in types.items() if key in PHONE_FIELDS or key not in SERVER_FIELDS}
        in_head = {} if path else {_HEAD_FIELDS[key]: key for key in types.keys() & _HEAD_FIELDS.keys()}
        names = {f"f{at}": key for at, key in enumerate(key for key in types if key not in in_head.values())}
        fields: list[Any] = [(name, types[key], None) for name, key in names.items()]
        if not path:
            unread = SERVER_FIELDS - _HEAD_FIELDS.keys() - types.keys() - {"_attachments"}
            ignored = {f"s{at}": key for at, key in enumerate(sorted(unread))}
            files: Any = msgspec.field(name="_attachments", default_factory=list)
            fields += [("attachments", list[File], files), *((name, msgspec.Raw, msgspec.Raw()) for name in ignored)]
            names |= ignored
        bases = None if path else (HeadRow,)
        row = msgspec.defstruct("Row", fields, bases=bases, rename=names, forbid_unknown_fields=True, gc=False)
        at_field = {name: at for at, name in enumerate(row.__struct_fields__)}
        self.places[path] = {key: at_field[name] for name, key in (names | in_head).items() if key in types}
        return row

    def decode(self, raw: bytes) -> tuple[Head, tuple[Any, ...], Sequence[File]] | None:
        """A row's head, its answers by place, and its files; None when it has other keys or kinds of value."""
        try:
            row: Any = self._decode(raw)
            return head_of(row), astuple(row), row.attachments
        except (*NOT_READ, ValueError):
            return None

    def columns(self, body: bytes) -> Columns | None:
        """What `decode` says of all the rows of a page, side by side, at half its cost; None when one of them is odd."""
        try:
            rows: list[Any] = self._decode_page(body).results
        except NOT_READ:
            return None
        heads = _head_columns(rows)
        answers = list(zip(*map(astuple, rows), strict=True))
        return Columns(heads, answers, [row.attachments for row in rows]) if heads else None


def head_columns(raws: Sequence[bytes]) -> HeadColumns | None:
    """The heads of many rows, side by side, their answers left unread; None when one of them is odd."""
    try:
        return _head_columns(list(map(_HEAD.decode, raws)))
    except NOT_READ:
        return None


def _head_columns(rows: Sequence[HeadRow]) -> HeadColumns | None:
    moments = [row.submitted_at for row in rows]
    if not all(row.uuid for row in rows) or not all(0 <= row.submission_id <= MOST_ID for row in rows):
        return None
    try:
        submitted_at = list(map(utc_text, moments))
    except ValueError:
        return None
    uuids = [row.uuid.removeprefix("uuid:") for row in rows]
    columns: dict[str, Sequence[Any]] = {
        "submission_id": [row.submission_id for row in rows],
        "server_key": [row.server_key or str(row.submission_id) for row in rows],
        "root_uuid": [(row.root_uuid or row.uuid).removeprefix("uuid:") for row in rows],
        "uuid": uuids,
        "submitted_at": submitted_at,
        "submitted_by": [row.submitted_by or "" for row in rows],
        "form_version": [row.form_version or "" for row in rows],
        "validation": [validation_of(row.status.uid) if row.status and row.status.uid else "" for row in rows],
        "validated_at": [row.status.timestamp if row.status else 0 for row in rows],
        "signature": [
            signature(row) if row.attachments or (row.status and row.status.uid) or row.signature else uuid
            for row, uuid in zip(rows, uuids, strict=True)
        ],
    }
    return tuple([columns[name] for name in HEAD_FIELDS])


def head_column(heads: HeadColumns, name: str) -> Sequence[Any]:
    """One of the columns of many heads."""
    return heads[HEAD_FIELDS.index(name)]

"""Rows of one form decoded straight into places: no dictionaries, and no answer where a row holds anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from kobo_sync.kobo.listing import NOT_READ, SERVER_FIELDS, Head, HeadRow, head_of
from kobo_sync.model import Attachment


class File(msgspec.Struct, gc=False):
    """A file as listed."""

    uid: str
    media_file_basename: str | None = None
    filename: str | None = None
    question_xpath: str | None = None
    mimetype: str | None = None
    download_url: str | None = None
    is_deleted: bool = False

    def attachment(self) -> Attachment:
        """The same as a noun of the model."""
        name = self.media_file_basename or (self.filename or "").rpartition("/")[2]
        url = self.download_url or ""
        return Attachment(self.uid, name, self.question_xpath or "", self.mimetype or "", url, self.is_deleted)


class RowType:
    """Decodes rows that have no keys but those named.

    *texts* maps the path of a repeat (``""``: the form) to the keys of the answers in it, *repeats* to the keys
    of the repeats in it, which are their paths. *places* maps each path to key → place.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]], repeats: Mapping[str, Sequence[str]]) -> None:
        self.places: dict[str, dict[str, int]] = {}
        self._texts, self._repeats = texts, repeats
        self._decode = msgspec.json.Decoder(self._struct("")).decode

    def _struct(self, path: str) -> type[msgspec.Struct]:
        """A type for the rows of *path* that refuses every other key and every answer that is no text."""
        types: dict[str, Any] = dict.fromkeys(self._texts[path], str | None)
        types |= {key: list[self._struct(key)] | None for key in self._repeats[path]}  # type: ignore[misc]
        names = {f"f{at}": key for at, key in enumerate(types)}
        fields: list[Any] = [(name, types[key], None) for name, key in names.items()]
        if not path:
            held = {field.encode_name for field in msgspec.structs.fields(HeadRow)}
            ignored = {f"s{at}": key for at, key in enumerate(sorted(SERVER_FIELDS - held - types.keys()))}
            files: Any = msgspec.field(name="_attachments", default_factory=list)
            fields += [("attachments", list[File], files), *((name, msgspec.Raw, msgspec.Raw()) for name in ignored)]
            names |= ignored
        bases = None if path else (HeadRow,)
        made = msgspec.defstruct("Row", fields, bases=bases, rename=names, forbid_unknown_fields=True, gc=False)
        at_field = {name: at for at, name in enumerate(made.__struct_fields__)}
        self.places[path] = {key: at_field[name] for name, key in names.items() if key in types}
        return made

    def decode(self, raw: bytes) -> tuple[Head, tuple[Any, ...], Sequence[File]] | None:
        """A row's head, its answers by place, and its files; None when it has other keys or kinds of value."""
        try:
            row: Any = self._decode(raw)
            return head_of(row), astuple(row), row.attachments
        except (*NOT_READ, ValueError):
            return None

"""Submissions as ODK Central lists them, and their XML, made into the rows that the mirror keeps.

OData loses answers (numbers rounded, questions of older versions gone [r10b, r01g]): of a listing only ids, dates and states are
taken, the answers come from the XML as it was sent.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kobo_sync.central.wire import protocol
from kobo_sync.central.wire.protocol import Fields, known_shape
from kobo_sync.errors import KoboUnexpected
from kobo_sync.rows.bodies import parse_object
from kobo_sync.rows.instance import Malformed, answers, leaves, read_instance
from kobo_sync.rows.listing import LightRow
from kobo_sync.rows.odd_rows import SET_ASIDE_CAUSE, SetAsideCause

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
BITS = 23  # of a row's number that tell apart those of one millisecond


@dataclass(frozen=True, slots=True)
class Listed:
    """A row as a listing shows it; *server_key* is the root's own id, which no edit changes."""

    server_key: str
    number: int
    uuid: str
    submitted_at: str
    updated_at: str
    deleted_at: str
    review: str
    submitter: str
    n_present: int
    n_expected: int

    @property
    def root_uuid(self) -> str:
        """The same without its prefix."""
        return self.server_key.removeprefix("uuid:")

    @property
    def signature(self) -> str:
        """The parts that say whether the row changed, as one short text: a review, an edit, a late file each change it.

        The date of the last change stands where `same_files` does not look: the same review again changes nothing else.
        """
        return f"{self.uuid} {self.review} {self.n_present}/{self.n_expected} /{self.updated_at}"

    def light(self) -> LightRow:
        """The same as a light row."""
        return LightRow(self.number, self.root_uuid, self.signature, key=self.server_key)


def number_of(server_key: str, submitted_at: datetime) -> int:
    """A number for a row that has none: by its arrival, then by its id; the same whenever and by whomever it is read.

    Milliseconds since 2020, and below them bits of the id's hash: two rows of one millisecond share a number once in
    eight million times.
    """
    ms = max(0, (submitted_at - EPOCH) // timedelta(milliseconds=1))
    return (ms << BITS) | int.from_bytes(hashlib.sha256(server_key.encode()).digest()[:3]) >> 1


def moment_of(number: int) -> datetime:
    """When the row with that number arrived."""
    return EPOCH + timedelta(milliseconds=max(0, number) >> BITS)


@dataclass(frozen=True)
class Listing:
    """A page of a listing: its rows, the count where it was asked for, the path of the next page where there is one."""

    rows: tuple[Listed, ...]
    count: int | None
    following: str


def parse_listing(body: bytes) -> Listing:
    """A page [l08]. Raises: KoboUnexpected."""
    data = parse_object(body)
    with known_shape():
        rows = tuple(_listed(row) for row in data["value"])
        count = data.get("@odata.count")
        link = data.get("@odata.nextLink")
    return Listing(rows, None if count is None else int(count), protocol.path_of(str(link)) if link else "")


def _listed(row: Any) -> Listed:
    system = row["__system"]
    server_key, submitted_at = str(row["__id"]), str(system["submissionDate"])
    uuid = str((row.get("meta") or {}).get("instanceID") or server_key)
    return Listed(
        server_key=server_key,
        number=number_of(server_key, datetime.fromisoformat(submitted_at)),
        uuid=uuid.removeprefix("uuid:"),
        submitted_at=submitted_at,
        updated_at=str(system.get("updatedAt") or ""),
        deleted_at=str(system.get("deletedAt") or ""),
        review=str(system.get("reviewState") or ""),
        submitter=str(system.get("submitterName") or ""),
        n_present=int(system.get("attachmentsPresent") or 0),
        n_expected=int(system.get("attachmentsExpected") or 0),
    )


def form_version(xml: bytes) -> str:
    """The version of the form that a submission was made with; empty when its XML says none, or is none."""
    try:
        return str(read_instance(xml).root.get("version", ""))
    except Malformed:
        return ""


def file_names(xml: bytes, fields: Fields) -> dict[str, str]:
    """Name → path of the question, of the files that a submission names. Raises: KoboUnexpected."""
    instance = _instance(xml)
    return {
        text: path for text, path in leaves(instance, fields.repeats).items() if _without_places(path) in fields.files
    }


def row_of(listed: Listed, xml: bytes, fields: Fields, files_path: str, present: Collection[str] | None) -> bytes:
    """The row that the mirror keeps, as JSON: KoboToolbox's shape. Raises: KoboUnexpected when the XML is no submission.

    *files_path* is where the row's files lie, *present* their names where some that it names are not there yet.
    """
    instance = _instance(xml)
    if (
        instance.root.get("encrypted") == "yes"
    ):  # nothing of it can be read: set aside, it is not taken for empty answers
        raise KoboUnexpected("a submission is encrypted")
    files = file_names(xml, fields)
    row: dict[str, Any] = {
        "_id": listed.number,
        "_uuid": instance.uuid or listed.uuid,
        "_server_key": listed.server_key,
        "_signature": listed.signature,
        "_submission_time": listed.submitted_at,
        "_submitted_by": listed.submitter,
        "__version__": str(instance.root.get("version", "")),
        **answers(instance, fields.repeats),
        "meta/rootUuid": f"uuid:{listed.root_uuid}",
    }
    if listed.review:
        changed = datetime.fromisoformat(listed.updated_at or listed.submitted_at)
        row["_validation_status"] = {"uid": protocol.UIDS.get(listed.review, ""), "timestamp": int(changed.timestamp())}
    row["_attachments"] = [
        {
            "uid": name,
            "media_file_basename": name,
            "question_xpath": path,
            "mimetype": mimetypes.guess_type(name)[0] or "",
            "download_url": f"{files_path}/{protocol.quoted(name)}",
        }
        for name, path in sorted(files.items())
        if present is None or name in present
    ]
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def unreadable(listed: Listed, cause: SetAsideCause = "") -> bytes:
    """What stands for a row that cannot be read: it can only be set aside, and is asked for again."""
    row = {"_id": listed.number, "_uuid": listed.uuid, "_server_key": listed.server_key, SET_ASIDE_CAUSE: cause}
    return json.dumps({**row, "_submission_time": "the server cannot give this row"}).encode()


def _instance(xml: bytes) -> Any:
    try:
        return read_instance(xml)
    except Malformed as error:
        raise KoboUnexpected("the XML of a submission cannot be read") from error


def _without_places(path: str) -> str:
    return "/".join(part.partition("[")[0] for part in path.split("/"))

"""The door of phones on ODK Central, from the other side: what a station received, posted as its phones would, by a web user."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from kobo_sync.central.asking import Asking
from kobo_sync.central.wire import protocol
from kobo_sync.errors import KoboError, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.form_server import TRASHED
from kobo_sync.rows.bodies import parse_object
from kobo_sync.rows.multipart import Part, encode

CHECK_ADDRESS = "check server.url in config/mission.toml, and that no Wi-Fi portal stands in between"
ACCEPTED_BYTES = 100_000_000  # where a server does not say [e10]
ACCEPTED = 201  # of everything: new, again, with more files [e20-e22]
# What the server means to be asked again.
AGAIN = (408, 423, 425)
CLOSED, OLD_EDIT, DELETED = "409.2", "409.9", "409.18"
_CODES = (  # as the server words them [j02b, e41, h07i]
    ("not currently accepting submissions", CLOSED),
    ("is now out of date", OLD_EDIT),
    ("has been deleted", DELETED),
)
_HEADERS = {"X-OpenRosa-Version": "1.0", "Accept": "*/*"}  # required [e29c]


class CentralDoor(Asking):
    """Where submissions go into a project; a `PhoneDoor`. Each post is made once: who posts keeps a ledger, and comes again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "retries": 1})
        self.kc = self.url
        self._path = protocol.project_path(self.project, "submission")

    def accepted_bytes(self) -> int:
        """How long a post the server asks for [e10]."""
        answer = self.send("HEAD", self._path, headers=_HEADERS)
        if answer.status != 204:
            raise KoboUnexpected(
                "this is no OpenRosa server",
                method="HEAD",
                url=self.url + self._path,
                status=answer.status,
                hint=CHECK_ADDRESS,
            )
        text = answer.headers.get("X-OpenRosa-Accept-Content-Length", "")
        return int(text) if text.isdigit() and int(text) else ACCEPTED_BYTES

    def post(self, xml: bytes, files: Sequence[Part] = (), *, is_incomplete: bool = False) -> int:
        """Post a submission with some of its files: 201, whether it is new or there already."""
        content_type, body = encode(xml, files, is_incomplete=is_incomplete)
        try:
            status = self.send("POST", self._path, headers={**_HEADERS, "Content-Type": content_type}, data=body).status
        except KoboRejected as error:
            if error.status not in AGAIN:
                raise
            raise KoboUnreachable(
                "the server cannot take it now",
                method="POST",
                url=self.url + self._path,
                status=error.status,
                excerpt=error.excerpt,
            ) from error
        if status != ACCEPTED:
            url = self.url + self._path
            raise KoboUnexpected("this is no receipt", method="POST", url=url, status=status, hint=CHECK_ADDRESS)
        return status

    def offers(self, asset_uid: str) -> bool:
        """Whether the form takes submissions there."""
        try:
            form = parse_object(self.get(protocol.form_path(self.project, asset_uid)).body)
        except KoboRejected as error:
            if error.status == 404:
                return False
            raise
        return form.get("publishedAt") is not None and form.get("state") != "closed"

    def reason(self, error: KoboError, asset_uid: str) -> str:
        """The code that Central has for a refusal: its answers to phones do not bear it, but the sentence is its own.

        `TRASHED` where the form was deleted: to phones it says what it says of one that never was [j05b].
        """
        for words, code in _CODES:
            if words in error.excerpt:
                return code
        return TRASHED if error.status == 404 and self._is_in_trash(asset_uid) else ""

    def _is_in_trash(self, form_id: str) -> bool:
        with suppress(KoboError):
            path = protocol.project_path(self.project, "forms")
            forms = protocol.parse_list(self.get(f"{path}?deleted=true").body)
            live = protocol.parse_list(self.get(path).body)
            return form_id in protocol.form_ids(forms) and form_id not in protocol.form_ids(live)
        return False

    def stored(self, asset_uid: str, uuid: str) -> bytes | None:
        """The XML of the newest version of a submission, by its root uuid [f31]; None when it is not there."""
        try:
            return self.get(f"{self._row(asset_uid, uuid)}.xml", headers={"Accept": "*/*"}).body
        except KoboRejected as error:
            if error.status == 404:
                return None
            raise

    def stored_files(self, asset_uid: str, uuid: str) -> set[str]:
        """The names of the files of a submission that are there [g03]; none when it is not."""
        try:
            rows = protocol.parse_list(self.get(f"{self._row(asset_uid, uuid)}/attachments").body)
        except KoboRejected as error:
            if error.status == 404:
                return set()
            raise
        with protocol.known_shape():
            return {str(row["name"]) for row in rows if row.get("exists")}

    def pause(self, seconds: float) -> None:
        """Wait before the next post."""
        if seconds > 0:
            super().pause(seconds)

    def _row(self, form_id: str, uuid: str) -> str:
        return protocol.form_path(self.project, form_id, "submissions", f"uuid:{uuid}")

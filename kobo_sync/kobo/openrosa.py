"""The door of phones, from the other side: submissions posted as a phone posts them, signed in by token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from kobo_sync.errors import KoboError, KoboRefused, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.kobo.wire import protocol
from kobo_sync.rows.multipart import Part, encode
from kobo_sync.transport import Transport

ACCEPTED_BYTES = 10_000_000  # where a server does not say [e16]
ACCEPTED, ALREADY_THERE = 201, 202
# What the server means to be asked again: slow requests, a submission that another request holds at this moment, floods.
AGAIN = (408, 423, 425)
_HEADERS = {**protocol.OPENROSA_HEADERS, "Accept": "*/*"}
_CURE = "check server.kc in config/mission.toml, and that no Wi-Fi portal stands in between"


class SubmissionDoor:
    """Where submissions go in at *kc*; *kf* is asked what is there already. No request is repeated here: who posts keeps a ledger, and comes again.

    Raises (every method): KoboUnreachable (also 408, 423, 425, 429, 5xx), KoboRefused, KoboRejected, KoboUnexpected.
    """

    def __init__(
        self,
        kf: str,
        kc: str,
        token: str,
        *,
        timeout_s: float = 130,
        plain_http: bool = False,
        pace: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.kc, self._kf = kc, kf
        self._url, self._list_url = kc + protocol.SUBMISSION, kc + protocol.FORM_LIST
        self._transport = Transport(
            f"Token {token}" if token else "",
            timeout_s=timeout_s,
            retries=1,
            plain_http=plain_http,
            pace=pace,
            sleep=sleep,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def accepted_bytes(self) -> int:
        """How long a post the server asks for; that it answers says that it is one, and knows the account [e16]."""
        answer = self._transport.send("HEAD", self._url, headers=_HEADERS)
        if answer.status != 204:
            raise KoboUnexpected(
                "this is no OpenRosa server", method="HEAD", url=self._url, status=answer.status, hint=_CURE
            )
        text = answer.headers.get("X-OpenRosa-Accept-Content-Length", "")
        return int(text) if text.isdigit() and int(text) else ACCEPTED_BYTES

    def post(self, xml: bytes, files: Sequence[Part] = (), *, is_incomplete: bool = False) -> int:
        """Post a submission with some of its files: 201 when anything of it is new to the server, 202 when nothing is."""
        content_type, body = encode(xml, files, is_incomplete=is_incomplete)
        headers = {**_HEADERS, "Content-Type": content_type}
        try:
            status = self._transport.send("POST", self._url, headers=headers, data=body).status
        except KoboRejected as error:
            if error.status not in AGAIN:
                raise
            raise KoboUnreachable(
                "the server cannot take it now",
                method="POST",
                url=self._url,
                status=error.status,
                excerpt=error.excerpt,
            ) from error
        if status not in (ACCEPTED, ALREADY_THERE):
            raise KoboUnexpected("this is no receipt", method="POST", url=self._url, status=status, hint=_CURE)
        return status

    def offers(self, asset_uid: str) -> bool:
        """Whether the account may submit to the form *asset_uid* there."""
        body = self._transport.send("GET", f"{self._list_url}?formID={asset_uid}", headers=_HEADERS).body
        return asset_uid in protocol.parse_form_ids(body)

    def reason(self, error: KoboError, asset_uid: str) -> str:
        """No code of its own: the status says all."""
        return ""

    def stored(self, asset_uid: str, uuid: str) -> bytes | None:
        """The XML of the newest version of a submission, by its root uuid or its own; None when it is not to be seen [f44]."""
        return self._seen(asset_uid, uuid, "xml", _HEADERS)

    def stored_files(self, asset_uid: str, uuid: str) -> set[str]:
        """The names of the files of a submission that are there, as its XML says them [f03]; none when it is not to be seen."""
        body = self._seen(asset_uid, uuid, "json")
        return protocol.parse_file_names(body) if body is not None else set()

    def _seen(self, asset_uid: str, uuid: str, kind: str, headers: Mapping[str, str] | None = None) -> bytes | None:
        """A submission as the account sees it; a token that is no good any more says nothing about it, and is told."""
        url = f"{self._kf}{protocol.asset_path(asset_uid, 'data', uuid)}?format={kind}"
        try:
            return self._transport.send("GET", url, headers=headers).body
        except (KoboRejected, KoboRefused) as error:
            if error.status == 401:
                raise
            return None

    def pause(self, seconds: float) -> None:
        """Wait before the next post."""
        if seconds > 0:
            self._transport.sleep(seconds)

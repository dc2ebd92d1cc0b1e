"""A phone, as far as a server can tell: lists and downloads forms, then sends submissions in Collect's way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests
from defusedxml.ElementTree import fromstring
from requests.auth import HTTPDigestAuth

from kobo_sync.errors import KoboRejected, KoboUnexpected, excerpt_of
from kobo_sync.kobo.wire import protocol

TIMEOUT_S = 60


@dataclass(frozen=True)
class OfferedForm:
    """A form that the server offers to phones."""

    asset_uid: str
    name: str
    version: str
    hash: str
    form_path: str
    manifest_path: str


class Phone:
    """An enumerator's phone: signs in by digest, as KoboCollect does."""

    def __init__(self, kc: str, username: str, password: str) -> None:
        self.kc = kc
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = HTTPDigestAuth(username, password)
        self._session.headers.update({**protocol.OPENROSA_HEADERS, "User-Agent": "org.koboc.collect.android"})

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def forms(self) -> list[OfferedForm]:
        """What formList offers. Raises: KoboUnexpected, KoboRejected."""
        offered = []
        for xform in fromstring(self._get(protocol.FORM_LIST)):
            texts = {child.tag.rpartition("}")[2]: child.text or "" for child in xform}
            offered.append(
                OfferedForm(
                    texts["formID"],
                    texts["name"],
                    texts.get("version", ""),
                    texts.get("hash", ""),
                    protocol.path_of(texts["downloadUrl"]),
                    protocol.path_of(texts["manifestUrl"]) if texts.get("manifestUrl") else "",
                )
            )
        return offered

    def xform(self, form: OfferedForm) -> str:
        """The form's XML."""
        return self._get(form.form_path).decode("utf-8")

    def media(self, form: OfferedForm) -> dict[str, bytes]:
        """File name → bytes of the form's media."""
        files = {}
        for media in fromstring(self._get(form.manifest_path)):
            texts = {child.tag.rpartition("}")[2]: child.text or "" for child in media}
            files[texts["filename"]] = self._get(protocol.path_of(texts["downloadUrl"]))
        return files

    def send(self, xml: bytes, files: Mapping[str, tuple[bytes, str]], *, incomplete: bool = False) -> int:
        """Send a submission; *files* maps a name to bytes and media type. 201 is new, 202 known already.

        *incomplete* tells the server that more files of this submission follow.
        Raises: KoboUnexpected when the server does not speak OpenRosa, KoboRejected when it refuses.
        """
        head = self._session.head(self.kc + protocol.SUBMISSION, timeout=TIMEOUT_S)
        if head.status_code != 204:
            raise KoboUnexpected(
                "no OpenRosa server", method="HEAD", url=self.kc + protocol.SUBMISSION, status=head.status_code
            )
        parts: dict[str, tuple[str, bytes | str, str]] = {"xml_submission_file": ("submission.xml", xml, "text/xml")}
        parts |= {name: (name, content, mimetype) for name, (content, mimetype) in files.items()}
        data = {"*isIncomplete*": "yes"} if incomplete else {}
        url = self.kc + protocol.SUBMISSION
        with self._session.post(url, data=data, files=parts, timeout=TIMEOUT_S) as answer:
            if answer.status_code not in (201, 202):
                reason = excerpt_of(answer.content)
                raise KoboRejected(
                    "the submission is refused", method="POST", url=url, status=answer.status_code, excerpt=reason
                )
            return answer.status_code

    def _get(self, path: str) -> bytes:
        with self._session.get(self.kc + path, timeout=TIMEOUT_S) as answer:
            if answer.status_code != 200:
                raise KoboRejected("not offered", method="GET", url=self.kc + path, status=answer.status_code)
            return answer.content

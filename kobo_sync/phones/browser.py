"""A browser at a field station's own forms, as far as the station can tell: it signs in by PIN, opens forms, sends them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import requests

from kobo_sync.errors import KoboRejected

TIMEOUT_S = 60
_OURS = {"X-Kobo-Sync": "browser"}


class Browser:
    """One browser, signed in with the event's PIN. Raises (every method): KoboRejected when the station refuses."""

    def __init__(self, url: str, pin: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        challenge = str(self._ask("GET", "/f/-/challenge").json()["challenge"])
        proof = hmac.new(pin.encode(), f":{challenge}".encode(), hashlib.sha256).hexdigest()
        self._ask("POST", "/f/-/sign-in", json={"username": "", "challenge": challenge, "proof": proof}, headers=_OURS)

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def open(self, form_id: str) -> str:
        """Open a form as a person does, with all that its page asks for; returns its asset uid."""
        self._ask("GET", f"/f/{form_id}")
        paper = self._ask("GET", f"/f/{form_id}/paper.json").json()
        for address in paper["media"].values():
            self._ask("GET", str(address))
        return str(paper["uid"])

    def send(self, xml: bytes, files: Mapping[str, tuple[bytes, str]], *, incomplete: bool = False) -> int:
        """Send a filled form; *files* maps a name to bytes and media type. 201 is new, 202 known already."""
        parts: dict[str, tuple[str, bytes, str]] = {"xml_submission_file": ("submission.xml", xml, "text/xml")}
        parts |= {name: (name, content, mimetype) for name, (content, mimetype) in files.items()}
        data = {"*isIncomplete*": "yes"} if incomplete else {}
        return self._ask("POST", "/f/-/submission", data=data, files=parts, headers=_OURS).status_code

    def _ask(self, method: str, path: str, **options: object) -> requests.Response:
        answer = self._session.request(method, self.url + path, timeout=TIMEOUT_S, **options)  # type: ignore[arg-type]
        if answer.status_code not in (200, 201, 202, 204):
            raise KoboRejected("the station refuses", method=method, url=path, status=answer.status_code)
        return answer

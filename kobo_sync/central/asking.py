"""Requests to ODK Central as one web user: signed in when first needed, and again before the session ends or when it is refused."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from kobo_sync.central.wire import protocol
from kobo_sync.central.wire.protocol import Session
from kobo_sync.errors import KoboError, KoboRefused, KoboRejected, KoboUnreachable
from kobo_sync.rows.bodies import parse_object
from kobo_sync.transport import Answer, Transport

T = TypeVar("T")
CHECK_ACCOUNT = "check CENTRAL_EMAIL and CENTRAL_PASSWORD in secrets.env"
RENEWED = timedelta(minutes=10)  # before its end; a session lives 24 hours, whatever is asked in it [a04]
OTHER_PROJECT = (
    "check server.project in config/mission.toml: this may be another project; if it is the one meant, let an administrator give"
    " this account its role there"
)
NO_PROJECT = "the server has no such project: check server.project in config/mission.toml"
OF_EVERY_PROJECT = ("", "/forms", "/app-users", "/datasets")  # where there is none of these, there is no project
NO_PASSWORDS = ("401.5", "404.1")  # where people sign in elsewhere there is no such door


class Asking:
    """One web user of one project on one server at *url*.

    It asks for *most_s* seconds from its making on at the most. Only what is safe to repeat is retried. E-mail and password go to
    this address and nowhere else, the session's token lives in memory alone; over plain http to this machine only unless
    *plain_http* lets them.
    Raises (every method): KoboUnreachable after the retries, KoboRefused, KoboRejected, KoboUnexpected.
    """

    def __init__(
        self,
        url: str,
        project: int,
        email: str,
        password: str,
        *,
        timeout_s: float = 130,
        retries: int = 5,
        most_s: float = float("inf"),
        plain_http: bool = False,
        pace: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.url, self.project = url, project
        self._email, self._password = email, password
        self._monotonic, self._until, self._most_s = monotonic, monotonic() + most_s, most_s
        self._clock, self._skew = clock, timedelta(0)
        self._session: Session | None = None
        self._signing_in = threading.Lock()
        self._transport = Transport(
            "",
            timeout_s=timeout_s,
            retries=retries,
            when_unknown=CHECK_ACCOUNT,
            plain_http=plain_http,
            pace=pace,
            sleep=sleep,
            jitter=jitter,
            monotonic=monotonic,
        )

    def close(self) -> None:
        """Give the connections back; the session is ended."""
        if self._session:
            with suppress(KoboError):  # it ends by itself
                self._transport.send("DELETE", f"{self.url}{protocol.SESSIONS}/current", retry=False)
            self._session = None
        self._transport.close()

    def traffic(self) -> tuple[int, int]:
        """(requests, bytes received as they came over the wire) so far."""
        return self._transport.n_requests, self._transport.n_bytes

    def pause(self, seconds: float) -> None:
        """Wait before asking again."""
        self._transport.sleep(seconds)

    # ── the account ──

    def me(self) -> str:
        """The e-mail address of the account [a06]."""
        return str(self._whoami()["email"])

    def my_id(self) -> int:
        """The number by which the server knows the account."""
        return int(self._whoami()["id"])

    def _whoami(self) -> Any:
        data = parse_object(self.get(protocol.ME).body)
        with protocol.known_shape():
            return {"email": data.get("email") or data["displayName"], "id": data["id"]}

    def server_time(self) -> datetime | None:
        """The server's clock, from its Date header; None when it sends none."""
        text = self.get(protocol.ME).headers.get("Date", "")
        return parsedate_to_datetime(text).astimezone(UTC) if text else None

    def at_server(self, moment: datetime) -> datetime:
        """The same *moment* by the server's clock, which may go otherwise than ours."""
        self._sign_in(None)
        return moment - self._skew

    # ── one request ──

    def get(self, path: str, *, when_slow: int = 0, **options: Any) -> Answer:
        """GET a path of the API."""
        return self.send("GET", path, when_slow=when_slow, **options)

    def send(self, method: str, path: str, **options: Any) -> Answer:
        """One answer, signed in; a session that the server refuses is renewed once."""
        return self.signed(lambda: self._transport.send(method, self.url + path, **options))

    def post_once(self, path: str, body: Mapping[str, str] | None = None) -> None:
        """Make something; that it is there already, from a run that was cut short, is no fault."""
        try:
            self.send("POST", path, json=None if body is None else dict(body))
        except KoboRejected as error:
            if error.code != protocol.EXISTS:
                raise

    def signed(self, ask: Callable[[], T]) -> T:
        """What *ask* gives within a session; once more in a new one when this one has ended."""
        if self._monotonic() > self._until:
            raise KoboUnreachable(
                f"this run has asked for more than {self._most_s / 3600:g} hours and ends here",
                hint="what was received is stored and the next run goes on; pull.most_hours sets the bound",
            )
        session = self._sign_in(None)
        try:
            return self._asked(ask)
        except KoboRefused as error:
            if error.status != 401:
                raise
        self._sign_in(session)
        return self._asked(ask)

    def _asked(self, ask: Callable[[], T]) -> T:
        """What *ask* gives; where the server says no to what lies in the project, the number may be at fault as well as the right."""
        try:
            return ask()
        except (KoboRefused, KoboRejected) as error:
            place, _, within = error.url.partition(protocol.project_path(self.project))
            if error.status == 403 and place == self.url:
                error.hint = OTHER_PROJECT
            elif error.status == 404 and place == self.url and within in OF_EVERY_PROJECT:
                error.hint = NO_PROJECT
            raise

    def _sign_in(self, refused: Session | None) -> Session:
        """The session that is good now; one that was *refused* is not, unless another thread has renewed it meanwhile."""
        with self._signing_in:
            session = self._session
            if session and session is not refused and self._clock() - self._skew < session.expires_at - RENEWED:
                return session
            self._session = None
            self._transport.sign("")
            credentials = {"email": self._email, "password": self._password}
            try:
                answer = self._transport.send("POST", self.url + protocol.SESSIONS, json=credentials, is_secret=True)
            except (KoboRefused, KoboRejected) as error:
                if error.status is None:  # never sent
                    raise
                raise self._refusal(error) from error
            self._session = protocol.parse_session(answer.body)
            said = answer.headers.get("Date", "")
            # A session's end is a moment of the server's clock, which may go otherwise than ours.
            self._skew = self._clock() - parsedate_to_datetime(said).astimezone(UTC) if said else timedelta(0)
            self._transport.sign(f"Bearer {self._session.token}")
            return self._session

    def _refusal(self, error: KoboError) -> KoboRefused:
        status: int | None = 401  # of every form alike
        message, hint = "the server refuses this account", "check CENTRAL_EMAIL and CENTRAL_PASSWORD in secrets.env"
        if error.code in NO_PASSWORDS:
            message = "people sign in to this server elsewhere (OpenID Connect): no program can"
            hint = "ask whoever runs it for a server, or a user, with e-mail and password"
        elif isinstance(error, KoboRejected):
            message, hint, status = (
                "this is no ODK Central server",
                "check server.url in config/mission.toml",
                error.status,
            )
        return KoboRefused(message, method="POST", url=f"{self.url}{protocol.SESSIONS}", status=status, hint=hint)

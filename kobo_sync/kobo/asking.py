"""Requests to KoboToolbox as one account: where they go, until when, and who asks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from kobo_sync.errors import KoboRejected, KoboUnreachable
from kobo_sync.kobo.wire import protocol
from kobo_sync.transport import Answer, Transport


class Asking:
    """One account on one server: *kf* is the API's address, *kc* the one phones use.

    It asks for *most_s* seconds from its making on at the most: whatever a server answers, a run has an end.
    Only what is safe to repeat is retried: reads, deletions, and changes that say the whole new state.
    The token goes to these two addresses and nowhere else, over plain http to this machine alone unless *plain_http*
    lets it; redirects are never followed.
    Raises (every method): KoboUnreachable after the retries, KoboRefused, KoboRejected, KoboUnexpected.
    """

    def __init__(
        self,
        kf: str,
        kc: str,
        token: str,
        *,
        timeout_s: float = 130,
        retries: int = 5,
        most_s: float = float("inf"),
        plain_http: bool = False,
        pace: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kf, self.kc = kf, kc
        self._monotonic, self._until, self._most_s = monotonic, monotonic() + most_s, most_s
        self._transport = Transport(
            f"Token {token}" if token else "",
            timeout_s=timeout_s,
            retries=retries,
            plain_http=plain_http,
            pace=pace,
            sleep=sleep,
            jitter=jitter,
            monotonic=monotonic,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def traffic(self) -> tuple[int, int]:
        """(requests, bytes received as they came over the wire) so far."""
        return self._transport.n_requests, self._transport.n_bytes

    # ── accounts and projects ──

    def me(self) -> str:
        """The username that the token belongs to: the only true test of a token."""
        return protocol.parse_username(self.get(protocol.ME).body)

    def server_time(self) -> datetime | None:
        """The server's clock, from its Date header; None when it sends none."""
        text = self.get(protocol.ME).headers.get("Date", "")
        return parsedate_to_datetime(text).astimezone(UTC) if text else None

    def pause(self, seconds: float) -> None:
        """Wait before asking again."""
        self._transport.sleep(seconds)

    # ── one request ──

    def get(self, path: str, *, when_slow: int = 0) -> Answer:
        """GET a path of the API: the way out for what has no method here."""
        return self._send("GET", self.kf + protocol.path_of(path), when_slow=when_slow)

    def _send(self, method: str, url: str, **options: Any) -> Answer:
        if self._monotonic() > self._until:
            raise KoboUnreachable(
                f"this run has asked for more than {self._most_s / 3600:g} hours and ends here",
                hint="what was received is stored and the next run goes on; pull.most_hours sets the bound",
            )
        return self._transport.send(method, url, **options)

    def _delete(self, path: str) -> None:
        try:
            self._send("DELETE", self.kf + path)
        except KoboRejected as error:
            if error.status != 404:
                raise

    def _polls(self) -> Iterator[float]:
        """Pauses in seconds that grow from 0.05 to 2, for about two minutes."""
        pause, total = 0.05, 0.0
        while total < 120:
            yield pause
            total += pause
            pause = min(2.0, pause * 1.6)

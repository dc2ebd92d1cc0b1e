"""Who fills forms in a browser: an account with its password, or whoever knows the event's PIN.

Neither crosses the air: the page answers a challenge with an HMAC of it. On plain http that keeps a password from
who listens, though not a short PIN, nor the session itself: only TLS does.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime

from itsdangerous import BadData, Signer, URLSafeSerializer

from kobo_sync.station.auth import Account, Keyring
from kobo_sync.station.database import Database, one
from kobo_sync.station.guard import Delays, Nonces
from kobo_sync.station.wire import Asked

COOKIE = "kobo_sync_session"
ROOM = "salle"  # the account of all who come by the PIN
SESSION_S = 12 * 3600.0  # a day of collection
CHALLENGE_S = 600.0
_KEY = "browser sessions"


class WrongSecret(Exception):
    """Not the password, or not the PIN; *wait_s* > 0: it was not looked at, and is not before so long."""

    def __init__(self, wait_s: int = 0) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class Sessions:
    """Sign-ins of browsers over the station's accounts; they outlast a restart, and end with the password or PIN.

    An empty *event_pin* opens nothing.
    """

    def __init__(self, db: Database, keyring: Keyring, event_pin: str, clock: Callable[[], datetime]) -> None:
        self._keyring, self._pin, self._clock = keyring, event_pin, clock
        key = _key_in(db)
        self._key = key.encode()
        self._cookies, self._challenges = URLSafeSerializer(key, "session"), Signer(key, "challenge")
        self._delays, self._nonces = Delays(), Nonces()
        self._nobodys = secrets.token_hex(16)

    @property
    def has_pin(self) -> bool:
        """Whether a PIN opens the forms."""
        return bool(self._pin)

    def challenge(self, address: str) -> str:
        """What a page at *address* signs with its password, once, within minutes."""
        return self._challenges.sign(f"{self._clock().timestamp():.6f}|{secrets.token_hex(8)}|{address}").decode()

    def sign_in(self, username: str, challenge: str, proof: str, address: str) -> str:
        """The cookie of who shows the password of *username*, or (empty name) the PIN.

        *proof* is the HMAC-SHA256 in hexadecimal of ``<username>:<challenge>``, keyed by the password.
        Raises: WrongSecret.
        """
        now, name = self._clock().timestamp(), username or ROOM
        wait_s = self._delays.wait_s(name, address, now)
        if wait_s:
            raise WrongSecret(wait_s)
        secret = self._secret_of(username)
        expected = hmac.new((secret or self._nobodys).encode(), f"{username}:{challenge}".encode(), hashlib.sha256)
        is_right = hmac.compare_digest(expected.hexdigest().encode(), proof.encode("utf-8", "replace"))
        if not (secret and is_right and self._is_fresh(challenge, address, now)):
            self._delays.note(name, address, now)
            raise WrongSecret
        self._delays.forgive(name, address)
        return str(self._cookies.dumps({"n": username, "s": self._mark(secret), "t": int(now)}))

    def account(self, request: Asked) -> Account | None:
        """Whose session *request* belongs to, None when it has none, or one that has ended."""
        try:
            fields = self._cookies.loads(request.cookies.get(COOKIE, ""))
            username, mark, since = str(fields["n"]), str(fields["s"]), float(fields["t"])
        except (BadData, KeyError, TypeError, ValueError):
            return None
        secret = self._secret_of(username)
        if not secret or not hmac.compare_digest(self._mark(secret), mark):
            return None
        if not 0 <= self._clock().timestamp() - since + 60 <= SESSION_S + 60:
            return None
        return self._keyring[username or ROOM]

    def _secret_of(self, username: str) -> str:
        if not username:
            return self._pin
        return self._keyring[username].password if username in self._keyring else ""

    def _mark(self, secret: str) -> str:
        return hmac.new(self._key, f"secret {secret}".encode(), hashlib.sha256).hexdigest()[:32]

    def _is_fresh(self, challenge: str, address: str, now: float) -> bool:
        """Whether we gave this challenge to this address, not long ago, and it has not been answered before."""
        try:
            issued_at, _, owner = self._challenges.unsign(challenge).decode().split("|", 2)
        except (BadData, ValueError):
            return False
        is_young = 0 <= now - float(issued_at) <= CHALLENGE_S
        return owner == address and is_young and self._nonces.use(challenge, "", "1", float(issued_at), now)


def _key_in(db: Database) -> str:
    """The station's own key for sessions, made at the first start."""
    with db.writing() as connection:
        connection.execute("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)", (_KEY, secrets.token_hex(32)))
        row = one(connection, "SELECT value FROM secrets WHERE name = ?", _KEY)
    assert row is not None
    return str(row["value"])

"""Who asks: Token, Basic and Digest, accepted and refused as a real server does; wrong passwords cost time, replays nothing."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote

from werkzeug.datastructures import Authorization
from werkzeug.http import parse_dict_header

from kobo_sync.station.guard import Delays, Nonces
from kobo_sync.station.wire import Asked

REALM = "DJANGO"
ANONYMOUS = "AnonymousUser"
NO_CREDENTIALS = "Authentication credentials were not provided."
BASIC_NEEDS_TLS = (
    "Using basic authentication without HTTPS transmits credentials in clear text! You MUST connect via HTTPS to use"
    " basic authentication."
)


@dataclass(frozen=True)
class Account:
    """Someone who may speak to the station.

    *password* opens the doors of phones (Digest, Basic), *token* the API: an account without a token cannot use the
    API at all, with whatever password, and one without a password is no phone's. The password of an account that has
    both opens ``/token/`` too, as on a real server.
    """

    username: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    is_superuser: bool = False

    @property
    def is_phone(self) -> bool:
        """Whether it is for phones alone."""
        return not self.token


class Unauthenticated(Exception):
    """Credentials that are wrong; *stale_for* is whose they are when only the Digest nonce is old or used; *wait_s*: not
    looked at before so long.
    """

    def __init__(self, detail: str, *, stale_for: str = "", wait_s: int = 0) -> None:
        super().__init__(detail)
        self.detail, self.stale_for, self.wait_s = detail, stale_for, wait_s


class Keyring:
    """The accounts; the nonces of Digest, signed with a secret of this process; and the failures of late."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._by_name: Mapping[str, Account] = {}
        self.replace(accounts)
        self._secret = secrets.token_bytes(32)
        self._nonces, self._delays = Nonces(), Delays()

    def replace(self, accounts: Sequence[Account]) -> None:
        """Let these sign in from now on; accounts with neither password nor token are the station's own, and stay."""
        own = [account for account in self._by_name.values() if not account.password and not account.token]
        self._by_name = {account.username: account for account in (*own, *accounts)}
        self._by_token = {_sha256(account.token): account for account in accounts if account.token}

    def __contains__(self, username: str) -> bool:
        return username in self._by_name

    def __getitem__(self, username: str) -> Account:
        return self._by_name[username]

    def names(self) -> list[str]:
        """All accounts."""
        return list(self._by_name)

    def phones(self) -> list[str]:
        """The accounts that are for phones alone."""
        return [account.username for account in self._by_name.values() if account.is_phone]

    def identify(self, request: Asked, now: datetime, *, basic_over_http: bool = True) -> Account | None:
        """The account behind *request*, None when it names none.

        Raises: Unauthenticated with the text that the server answers [a04, a06, e03, e06].
        """
        header = request.headers.get("Authorization", "")
        kind, _, rest = header.partition(" ")
        if kind.lower() == "token":
            return self._by_own_token(rest.strip())
        if kind.lower() == "basic":
            if not basic_over_http and not request.is_secure_wire:
                raise Unauthenticated(BASIC_NEEDS_TLS)
            return self._basic(request, header, now)
        if kind.lower() == "digest":
            return self._digest(request, rest, now)
        return None

    def _by_own_token(self, token: str) -> Account:
        account = self._by_token.get(_sha256(token))  # by its hash: the time says nothing about the token
        if account is None:
            raise Unauthenticated("Invalid token.")
        return account

    def _password_of(self, username: str) -> str:
        """An account's password; for none, or one without, a word that nobody knows: the work is the same."""
        account = self._by_name.get(username)
        return account.password if account and account.password else self._secret.hex()

    def _may_try(self, username: str, request: Asked, now: datetime) -> None:
        wait_s = self._delays.wait_s(username, request.remote_addr or "", now.timestamp())
        if wait_s:
            raise Unauthenticated("Too many wrong passwords. Try again later.", wait_s=wait_s)

    def _wrong(self, username: str, request: Asked, now: datetime, detail: str) -> Unauthenticated:
        self._delays.note(username, request.remote_addr or "", now.timestamp())
        return Unauthenticated(detail)

    def _right(self, username: str, request: Asked) -> Account:
        self._delays.forgive(username, request.remote_addr or "")
        return self._by_name[username]

    def _basic(self, request: Asked, header: str, now: datetime) -> Account:
        try:
            authorization = Authorization.from_header(header)
        except ValueError:
            authorization = None
        username = (authorization.username or "") if authorization else ""
        password = (authorization.password or "") if authorization else ""
        account = self._by_name.get(username)
        if (account is None or account.is_phone) and not request.is_secure_wire:
            raise Unauthenticated(BASIC_NEEDS_TLS)  # it would be read, and used again, by all on the Wi-Fi
        self._may_try(username, request, now)
        if not hmac.compare_digest(_sha256(self._password_of(username)), _sha256(password)):
            raise self._wrong(username, request, now, "Invalid username/password.")
        return self._right(username, request)

    def _digest(self, request: Asked, rest: str, now: datetime) -> Account:
        fields = {key: value or "" for key, value in parse_dict_header(rest).items()}
        username, nonce, at = fields.get("username", ""), fields.get("nonce", ""), now.timestamp()
        issued_at = self._issued_at(nonce, request)
        # Who has shown the right password with this nonce, or to get it, does not wait for what a neighbour tried.
        is_proven = self._nonces.is_proven(nonce, username) or f"-{self._mark(username)}:" in nonce
        if issued_at is None or not is_proven:
            self._may_try(username, request, now)
        if not _is_signed(self._password_of(username), request, fields):
            raise self._wrong(username, request, now, "Invalid username/password")
        if issued_at is None or not self._nonces.use(nonce, username, fields.get("nc", ""), issued_at, at):
            # Right, but made for a nonce that is old, not ours, or used for this count before: asked to sign anew.
            raise Unauthenticated("Invalid username/password", stale_for=username)
        return self._right(username, request)

    def challenge(self, request: Asked, now: datetime, stale_for: str = "") -> str:
        """A ``WWW-Authenticate`` header for phones [e01]; its nonce is good for the address that asks.

        *stale_for* is who has just shown the right password with an old nonce; empty: nobody has.
        """
        moment = f"{now.timestamp():.6f}-{secrets.token_hex(8)}-{self._mark(stale_for)}"
        opaque = self._sign(f"opaque {moment}")
        nonce = f"{moment}:{self._sign(f'{moment} {request.remote_addr}')}"
        return (
            f'Digest realm="{REALM}", qop="auth", nonce="{nonce}", opaque="{opaque}",'
            f' algorithm="MD5", stale="{"true" if stale_for else "false"}"'
        )

    def _issued_at(self, nonce: str, request: Asked) -> float | None:
        """When we gave this nonce to this address; None when we did not."""
        moment, _, signature = nonce.partition(":")
        if not nonce.isascii() or not hmac.compare_digest(self._sign(f"{moment} {request.remote_addr}"), signature):
            return None
        return float(moment.partition("-")[0])

    def _mark(self, username: str) -> str:
        return self._sign(f"proven {username}")[:16] if username else "0"

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def _is_signed(password: str, request: Asked, fields: Mapping[str, str]) -> bool:
    """Whether a Digest was made with *password*, for this very request."""
    first = _md5(f"{fields.get('username', '')}:{REALM}:{password}")
    second = _md5(f"{request.method}:{fields.get('uri', '')}")
    middle = ":".join([fields.get("nonce", ""), fields.get("nc", ""), fields.get("cnonce", ""), fields.get("qop", "")])
    expected = _md5(f"{first}:{middle}:{second}")
    is_right = hmac.compare_digest(expected.encode(), fields.get("response", "").encode("utf-8", "replace"))
    return is_right and fields.get("qop") == "auth" and _is_for(fields.get("uri", ""), request)


def _is_for(uri: str, request: Asked) -> bool:
    """Whether a Digest was made for this very request, so that it cannot be used for another."""
    query = request.query_string.decode("latin-1")
    return unquote(uri) == unquote(f"{request.path}?{query}" if query else request.path)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()

"""Who asks: Token, Basic and Digest, accepted and refused as a real server does."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote

from werkzeug.datastructures import Authorization
from werkzeug.http import parse_dict_header

from kobo_sync.station.wire import Asked

REALM = "DJANGO"
NONCE_LIFE_S = 24 * 3600
ANONYMOUS = "AnonymousUser"
NO_CREDENTIALS = "Authentication credentials were not provided."
BASIC_NEEDS_TLS = (
    "Using basic authentication without HTTPS transmits credentials in clear text! You MUST connect via HTTPS to use"
    " basic authentication."
)


@dataclass(frozen=True)
class Account:
    """Someone who may speak to the station; *token* is for the API, *password* for phones (Digest, Basic)."""

    username: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    is_superuser: bool = False


class Unauthenticated(Exception):
    """Credentials that are wrong; *is_stale* when only the Digest nonce is too old."""

    def __init__(self, detail: str, *, is_stale: bool = False) -> None:
        super().__init__(detail)
        self.detail, self.is_stale = detail, is_stale


class Keyring:
    """The accounts, and the secret that signs Digest nonces (kept in the station's file: restarts do not matter)."""

    def __init__(self, accounts: Sequence[Account], secret: str) -> None:
        self._by_name: Mapping[str, Account] = {account.username: account for account in accounts}
        self._by_token = {account.token: account for account in accounts if account.token}
        self._secret = secret.encode()

    def __contains__(self, username: str) -> bool:
        return username in self._by_name

    def __getitem__(self, username: str) -> Account:
        return self._by_name[username]

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
            return self._basic(header)
        if kind.lower() == "digest":
            return self._digest(request, rest, now)
        return None

    def _by_own_token(self, token: str) -> Account:
        account = self._by_token.get(token)
        if account is None:
            raise Unauthenticated("Invalid token.")
        return account

    def _basic(self, header: str) -> Account:
        try:
            authorization = Authorization.from_header(header)
        except ValueError:
            authorization = None
        account = self._by_name.get((authorization.username or "") if authorization else "")
        password = ((authorization.password or "") if authorization else "").encode()
        if account is None or not hmac.compare_digest(account.password.encode(), password):
            raise Unauthenticated("Invalid username/password.")
        return account

    def _digest(self, request: Asked, rest: str, now: datetime) -> Account:
        fields = {key: value or "" for key, value in parse_dict_header(rest).items()}
        account = self._by_name.get(fields.get("username", ""))
        wrong = Unauthenticated("Invalid username/password")
        if (
            account is None
            or not self._is_our_nonce(fields.get("nonce", ""))
            or not _is_for(fields.get("uri", ""), request)
        ):
            raise wrong
        first = _md5(f"{account.username}:{REALM}:{account.password}")
        second = _md5(f"{request.method}:{fields['uri']}")
        middle = ":".join([fields["nonce"], fields.get("nc", ""), fields.get("cnonce", ""), fields.get("qop", "")])
        expected = _md5(f"{first}:{middle}:{second}")
        if fields.get("qop") != "auth" or not hmac.compare_digest(
            expected.encode(), fields.get("response", "").encode()
        ):
            raise wrong
        if now.timestamp() - float(fields["nonce"].split(":")[0]) > NONCE_LIFE_S:
            raise Unauthenticated("Invalid username/password", is_stale=True)
        return account

    def challenge(self, now: datetime, *, is_stale: bool = False) -> str:
        """A ``WWW-Authenticate`` header for phones [e01]."""
        moment = f"{now.timestamp():.6f}"
        opaque = self._sign(f"opaque {moment}")
        return (
            f'Digest realm="{REALM}", qop="auth", nonce="{moment}:{self._sign(moment)}", opaque="{opaque}",'
            f' algorithm="MD5", stale="{"true" if is_stale else "false"}"'
        )

    def _is_our_nonce(self, nonce: str) -> bool:
        moment, _, signature = nonce.partition(":")
        return hmac.compare_digest(self._sign(moment), signature) if nonce.isascii() else False

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def _is_for(uri: str, request: Asked) -> bool:
    """Whether a Digest was made for this very request, so that it cannot be used for another."""
    query = request.query_string.decode("latin-1")
    return unquote(uri) == unquote(f"{request.path}?{query}" if query else request.path)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

"""Secrets in the operating system's keyring: ``NAME=keyring:SERVICE/ACCOUNT`` in config/secrets.env says where one lies.

Library: keyring, of `pip install 'kobo-sync[keyring]'`: Secret Service and KWallet, macOS Keychain, Windows Credential Locker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kobo_sync.config.files import IN_KEYRING, SECRETS_FILE
from kobo_sync.errors import ConfigError

if TYPE_CHECKING:
    from types import ModuleType


def with_keyring(secrets: Mapping[str, str]) -> dict[str, str]:
    """*secrets*, those that lie in the keyring (``keyring:SERVICE/ACCOUNT``) fetched. Raises: ConfigError, which never says a secret."""
    return {
        name: _in_keyring(name, value) if value.startswith(IN_KEYRING) else value for name, value in secrets.items()
    }


def _in_keyring(name: str, reference: str) -> str:
    service, account = _place(name, reference)
    library = _library(name)
    try:
        secret = library.get_password(service, account)
    except library.errors.KeyringError as error:
        raise _away(name, error) from error
    if not secret:
        raise ConfigError(
            f"the keyring of this account has nothing at {service}/{account}",
            file=SECRETS_FILE,
            key=name,
            hint=f"run `kobo-sync key secret {name}`, as the account that the service runs under",
        )
    return str(secret)


def put_in_keyring(name: str, reference: str, secret: str) -> None:
    """Keep *secret* where *reference* leads to. Raises: ConfigError."""
    service, account = _place(name, reference)
    library = _library(name)
    try:
        library.set_password(service, account, secret)
    except library.errors.KeyringError as error:
        raise _away(name, error) from error


def _place(name: str, reference: str) -> tuple[str, str]:
    service, _, account = reference.removeprefix(IN_KEYRING).partition("/")
    if not service or not account:
        hint = f"write {name}=keyring:kobo-sync/{name}, or run `kobo-sync key secret {name}`"
        raise ConfigError("it names no place in the keyring", file=SECRETS_FILE, key=name, hint=hint)
    return service, account


def _away(name: str, error: Exception) -> ConfigError:
    hint = "unlock it; where nobody signs in there is none: use secrets.env, or a file that the system hands over (NAME_FILE)"
    return ConfigError(f"the keyring cannot be used ({type(error).__name__})", file=SECRETS_FILE, key=name, hint=hint)


def _library(name: str) -> ModuleType:
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        hint = "install it: `pip install 'kobo-sync[keyring]'`"
        raise ConfigError(
            "the keyring needs what is not installed here", file=SECRETS_FILE, key=name, hint=hint
        ) from error
    library: ModuleType = keyring
    return library

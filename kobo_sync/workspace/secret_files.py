"""Secrets that lie in files of their own: what containers (/run/secrets) and systemd (LoadCredential) hand to a program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kobo_sync.errors import ConfigError

_ENDING = "_FILE"


def with_secret_files(environ: Mapping[str, str]) -> dict[str, str]:
    """*environ*, and of each ``NAME_FILE`` the secret that the file it names holds, as ``NAME``; one that is set itself stays.

    A mission's own among many is told apart as ever: ``KOBO_TOKEN__NORD_FILE``. The file holds the secret and nothing
    else; a line's end after it is not part of it. Raises: ConfigError when such a file cannot be read, or is empty.
    """
    given = dict(environ)
    for key in [key for key in environ if key.endswith(_ENDING) and environ[key]]:
        name = key.removesuffix(_ENDING)
        if is_secret(name) and not environ.get(name):
            given[name] = _secret_in(Path(environ[key]), key)
    return given


def is_secret(name: str) -> bool:
    """Whether a variable of that name holds a secret: of the mission, or of one mission among many."""
    from kobo_sync.config.config import SECRET_NAMES  # here: whoever has no such variable need not load the settings

    return name.partition("__")[0] in SECRET_NAMES


def _secret_in(path: Path, key: str) -> str:
    """The secret in file *path*, which the variable *key* names. Raises: ConfigError."""
    try:
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        hint = f"correct {key}, or let this account read that file"
        raise ConfigError(f"it cannot be read: {error.strerror}", file=str(path), key=key, hint=hint) from error
    except UnicodeDecodeError as error:
        hint = "write the secret there, in one line"
        raise ConfigError("it is not UTF-8 text", file=str(path), key=key, hint=hint) from error
    if not secret or "\n" in secret:
        message = "it holds more than one line" if secret else "it is empty"
        raise ConfigError(message, file=str(path), key=key, hint="write the secret there, in one line")
    return secret

"""Secrets that lie in files of their own: what containers (/run/secrets) and systemd (LoadCredential) hand to a program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kobo_sync.config.files import SECRET_NAMES
from kobo_sync.errors import ConfigError

_ENDING = "_FILE"
_CREDENTIALS = "CREDENTIALS_DIRECTORY"


def with_secret_files(environ: Mapping[str, str]) -> dict[str, str]:
    """*environ*, and of each ``NAME_FILE`` the secret that the file it names holds, as ``NAME``; one that is set itself stays.

    A mission's own among many has the mission's name last, as ever: ``KOBO_TOKEN_FILE__NORD``. The file holds the secret and
    nothing else; a line's end after it is not part of it. Credentials of systemd (``LoadCredential=kobo_token:…``) need no variable:
    they lie under their names in the folder that ``CREDENTIALS_DIRECTORY`` names. Raises: ConfigError when such a file cannot be read, or is empty.
    """
    given = {**_credentials(environ), **environ}
    for key, path in environ.items():
        variable, of, mission = key.partition("__")
        name = variable.removesuffix(_ENDING)
        if path and name != variable and name in SECRET_NAMES and not environ.get(f"{name}{of}{mission}"):
            given[f"{name}{of}{mission}"] = _secret_in(Path(path), key)
    return given


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets among systemd's credentials, which are files called as secrets are, in small letters or large."""
    folder = environ.get(_CREDENTIALS, "")
    if not folder:
        return {}
    try:
        files = {path.name.upper(): path for path in sorted(Path(folder).iterdir())}
    except OSError as error:
        hint = "start the service by systemd, which makes that folder"
        raise ConfigError(f"it cannot be read: {error.strerror}", file=folder, key=_CREDENTIALS, hint=hint) from error
    return {
        name: _secret_in(path, _CREDENTIALS)
        for name, path in files.items()
        if name.partition("__")[0] in SECRET_NAMES and not environ.get(name)
    }


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

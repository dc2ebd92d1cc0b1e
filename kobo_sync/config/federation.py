"""Many missions under one service: the settings of the folder that holds them, and how each mission's own secrets are named."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from kobo_sync.config.checks_and_keeping import Settings
from kobo_sync.config.complaints import first_complaint
from kobo_sync.config.doors import Origin
from kobo_sync.config.files import SECRET_NAMES
from kobo_sync.config.service import Service
from kobo_sync.errors import ConfigError

FEDERATION_FILE = "config/federation.toml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # of a mission's folder: it stands in addresses


class ServerLimits(Settings):
    """What one server is asked by all missions together: so many requests *per_minute*.

    *at_once* takes the place of the missions' own ``server.at_once`` where it is less.
    """

    at_once: int | None = Field(default=None, ge=1, le=64)
    per_minute: Annotated[float, Field(gt=0)] | None = None


class FederationSettings(Settings):
    """Where the pages of all missions listen, and what each server (its API's address) may be asked."""

    service: Service = Service()
    servers: dict[Origin, ServerLimits] = {}

    @field_validator("servers")
    @classmethod
    def _one_spelling_each(cls, servers: dict[str, ServerLimits]) -> dict[str, ServerLimits]:
        spellings: dict[str, str] = {}
        for url in servers:
            if (other := spellings.setdefault(server_key(url), url)) != url:
                raise ValueError(f"{other} and {url} are one server: keep one of the two")
        return servers

    def limits_of(self, kf: str) -> ServerLimits:
        """The limits of the server at *kf*, however its address is spelt."""
        return next((each for url, each in self.servers.items() if server_key(url) == server_key(kf)), ServerLimits())


def parse_federation(toml_text: str) -> FederationSettings:
    """The settings of config/federation.toml; an empty text gives the defaults. Raises: ConfigError with file, key and cure."""
    try:
        return FederationSettings.model_validate(tomllib.loads(toml_text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", file=FEDERATION_FILE, hint="mend that line") from error
    except ValidationError as error:
        raise first_complaint(error, FEDERATION_FILE) from error


def server_key(url: str) -> str:
    """One spelling for all addresses of one server: scheme, host in small letters, port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def secrets_prefix(name: str) -> str:
    """How the environment calls mission *name*: ``KOBO_TOKEN__NORD_2`` is the token of the folder ``nord-2`` alone."""
    return name.upper().replace("-", "_")


def own_environ(name: str, names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets that *environ* has for mission *name* alone, under their plain names; what has no mission's name is nobody's.

    *names* are all missions. Raises: ConfigError when two of them would share a variable.
    """
    own = {secret: environ[key] for secret in SECRET_NAMES if (key := f"{secret}__{secrets_prefix(name)}") in environ}
    twin = next((each for each in names if each != name and secrets_prefix(each) == secrets_prefix(name)), "")
    if own and twin:
        raise ConfigError(
            f"the missions {name} and {twin} would share their secrets",
            file="environment",
            key=f"{next(iter(own))}__{secrets_prefix(name)}",
            hint="rename one of the two folders, or write the secrets in each one's config/secrets.env",
        )
    return own

"""The files that define a mission, from its folder on: as messages name them, and where one of them cannot be read."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from kobo_sync.errors import ConfigError

MISSION_FILE = "config/mission.toml"
ZONES_FILE = "config/zones.csv"
ENUMERATORS_FILE = "config/enumerators.csv"
SECRETS_FILE = "config/secrets.env"
IN_KEYRING = "keyring:"  # begins what stands there for a secret that lies in the operating system's keyring
SECRET_NAMES = (
    "KOBO_TOKEN",
    "KOBO_DEPLOY_TOKEN",
    "CENTRAL_EMAIL",
    "CENTRAL_PASSWORD",
    "STATION_PASSWORD",
    "SMTP_PASSWORD",
    "HOOK_SECRET",
    "DESK_URL",
    "ENGINE_URL",
    "STORE_URL",
    "FILES_KEY",
    "FILES_SECRET",
    "METRICS_TOKEN",
    "STATION_WIFI_PASSWORD",
)


def check_readable(rows: Iterator[list[str]], file: str) -> None:
    """Raises: ConfigError when a cell has 130,000 characters: a quote that is never closed."""
    n_read = 0
    try:
        for _ in rows:
            n_read += 1
    except csv.Error as error:
        place = f"row {n_read + 1}"
        raise ConfigError(f"cannot be read: {error}", file=file, key=place, hint="close the quotes there") from error

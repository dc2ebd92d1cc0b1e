"""The files that define a mission, from its folder on: as messages name them, and where one of them cannot be read."""

from __future__ import annotations

import csv
import io
from itertools import count

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


def check_readable(text: str, delimiter: str, file: str) -> None:
    """Raises: ConfigError naming the row of a CSV text whose quotes are opened and never closed, or closed rows below.

    A quote within a cell that ends in its own line stays: it swallows nothing.
    """
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    for row in count(1):
        n_lines = reader.line_num
        try:
            next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "expected after" in str(error) and reader.line_num == n_lines + 1:
                continue
            message = "a quotation mark is opened there and not closed: the cell would swallow the rows below"
            hint = "close the quotes there"
            raise ConfigError(message, file=file, key=f"row {row}", hint=hint) from error

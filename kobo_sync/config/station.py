"""The settings of the field station: who collects with it, the Wi-Fi of its room, how fast its relay posts."""

from __future__ import annotations

from pydantic import Field

from kobo_sync.config.checks_and_keeping import Settings
from kobo_sync.config.files import ENUMERATORS_FILE
from kobo_sync.config.lists import read_csv
from kobo_sync.errors import ConfigError


class StationSettings(Settings):
    """The room's station. *enumerators* accounts are made where config/enumerators.csv names nobody.

    *wifi* is the name of the room's network, for the code on the screen; its password is STATION_WIFI_PASSWORD.
    *relay_per_minute*: at most so many posts go to KoboToolbox in a minute.
    """

    enumerators: int = Field(default=6, ge=1, le=200)
    wifi: str = Field(default="", max_length=32)
    relay_per_minute: float = Field(default=120, gt=0, le=100_000)


def named_enumerators(text: str) -> dict[str, str]:
    """Account → person of the text of config/enumerators.csv (``user``, ``name``). Raises: ConfigError naming file and row."""
    people: dict[str, str] = {}
    for number, row in enumerate(read_csv(text, ENUMERATORS_FILE, required=("user",)), 2):
        user = row["user"]
        is_plain = user.isascii() and user.replace("_", "").replace("-", "").replace(".", "").isalnum()
        if not is_plain or len(user) > 64:
            raise ConfigError(
                f"{user!r} is no name for an account",
                file=ENUMERATORS_FILE,
                key=f"row {number}, user",
                hint="write a short name without blanks or accents, as fatima or equipe-2",
            )
        people[user] = row.get("name", "")
    return people

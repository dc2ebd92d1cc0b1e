"""The settings of the field station: who collects with it, the Wi-Fi of its room, how fast its relay posts."""

from __future__ import annotations

from pydantic import Field

from kobo_sync.config.checks_and_keeping import Settings


class StationSettings(Settings):
    """The room's station. *enumerators* accounts are made where config/enumerators.csv names nobody.

    *wifi* is the name of the room's network, for the code on the screen; its password is STATION_WIFI_PASSWORD.
    *relay_per_minute*: at most so many posts go to KoboToolbox in a minute.
    """

    enumerators: int = Field(default=6, ge=1, le=200)
    wifi: str = Field(default="", max_length=32)
    relay_per_minute: float = Field(default=120, gt=0, le=100_000)

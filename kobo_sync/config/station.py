"""The settings of the field station: how fast its relay posts."""

from __future__ import annotations

from pydantic import Field

from kobo_sync.config.checks_and_keeping import Settings


class StationSettings(Settings):
    """The room's station. *relay_per_minute*: at most so many posts go to KoboToolbox in a minute."""

    relay_per_minute: float = Field(default=120, gt=0, le=100_000)

"""Where the rules of time zones are read from."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kobo_sync.errors import ConfigError


def prefer_packaged_timezones() -> None:
    """Read time zones from the tzdata package: the system's copy may be years old (Morocco changed in 2026)."""
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()


def check_rules(timezone: str) -> None:
    """Hold the rules in use against what is known of Morocco, on UTC all year since 20 September 2026.

    Raises: ConfigError when *timezone* is Morocco's and the rules are older: every job would run an hour off.
    """
    if timezone not in ("Africa/Casablanca", "Africa/El_Aaiun"):
        return
    if datetime(2026, 12, 1, tzinfo=ZoneInfo(timezone)).utcoffset() != timedelta(0):
        raise ConfigError(
            "this machine's time zone rules are out of date: hours would be wrong by one",
            file="config/mission.toml",
            key="mission.timezone",
            hint="pip install 'tzdata>=2026.3', and unset PYTHONTZPATH",
        )

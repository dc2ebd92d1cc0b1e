"""Where the rules of time zones are read from."""

from __future__ import annotations

import zoneinfo
from zoneinfo import ZoneInfo


def prefer_packaged_timezones() -> None:
    """Read time zones from the tzdata package: the system's copy may be years old (Morocco changed in 2026)."""
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()

"""The deliverables of a day gone by, from the mirror as it was then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kobo_sync.errors import ConfigError
from kobo_sync.mission.facts import seen_by
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report


def build_as_of(mission: Mission, text: str, build: Callable[[Mission], Report]) -> Report:
    """What *build* makes of what was known at the end of a day (or at a moment), in a folder of its own.

    *text* is an ISO date, or date and time, in the mission's time zone unless it says another.
    Raises: ConfigError when it is neither; as *build* does.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "write it as 2025-02-11 or 2025-02-11T14:30"
        raise ConfigError(f"{text!r} is no date", file="the command", key="--as-of", hint=hint) from error
    if len(text) == len("2025-02-11"):
        moment += timedelta(days=1, microseconds=-1)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(mission.config.mission.timezone))
    with seen_by(mission, moment) as past:
        past.workspace = replace(mission.workspace, out=mission.workspace.out / f"as-of-{moment:%Y-%m-%d}")
        return build(past)

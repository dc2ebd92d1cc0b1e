"""A mission for somebody who waits: its server answers within seconds, or counts as away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kobo_sync.config.config import Config
from kobo_sync.mission.mission import Mission

PATIENCE_S = 15.0


@contextmanager
def hasty(
    mission: Mission, config: Config | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[Mission]:
    """*mission* anew, with `PATIENCE_S` for each question to the server and none asked twice; *config* and *environ* in place of its own.

    Raises: ConfigError.
    """
    settings = config or mission.config
    server = settings.server.model_copy(update={"timeout_s": PATIENCE_S, "retries": 1})
    opened = Mission(
        mission.workspace, mission.environ if environ is None else environ, mission.clock, server=mission.server
    )
    opened.config = settings.model_copy(update={"server": server})
    try:
        yield opened
    finally:
        opened.close()

"""``service --workspaces``: the missions of a folder, their jobs and pages, in one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kobo_sync.mission.federation import Federation
    from kobo_sync.serving import Listening


def serve_many(
    federation: Federation,
    listen: Callable[..., Listening],
    *,
    host: str | None,
    port: int | None,
    no_pages: bool,
    no_jobs: bool,
    shown: Callable[[str], None],
) -> None:
    """Serve all missions until a signal comes; *listen* opens the port, *shown* is told the pages' address. Raises: ConfigError, StoreError: where the federation itself is at fault."""
    from contextlib import ExitStack

    from kobo_sync.cli.console import warn
    from kobo_sync.cli.signals import StopSignal
    from kobo_sync.cli.timezones import check_rules
    from kobo_sync.config.federation import FEDERATION_FILE
    from kobo_sync.config.files import SECRET_NAMES
    from kobo_sync.mission.federation import SHARED_SECRETS
    from kobo_sync.service.logs import Secrets, write_log
    from kobo_sync.service.missions import Missions
    from kobo_sync.web.missions import ManyMissions

    check_rules("Africa/Casablanca")
    settings = federation.settings.service
    secrets = Secrets([*federation.secrets.values(), *_secrets_in(federation)])
    write_log(settings.log_format, secrets)
    for name in SECRET_NAMES:
        if federation.environ.get(name) and name not in SHARED_SECRETS:
            warn(f"{name} is given to no mission: name one, as {name}__NORD for the folder nord")
    stop = StopSignal()
    with ExitStack() as closing:
        missions = Missions(federation, secrets, jobs=not no_jobs)
        closing.callback(missions.stop)
        missions.start()
        if not no_pages:
            pages = ManyMissions(missions)
            closing.callback(pages.close)
            where, at = host or settings.host, settings.port if port is None else port
            listening = closing.enter_context(listen(pages, pages.porter, where, at, FEDERATION_FILE))
            warn(f"pages: {listening.url}")
            shown(listening.url)
        stop.wait()
        stop.end_soon()
        warn("stopping at the next safe point")
    warn("stopped")


def _secrets_in(federation: Federation) -> list[str]:
    """The secrets in the environment, whichever mission they are for: none of them is ever shown."""
    from kobo_sync.config.files import SECRET_NAMES

    return [value for name, value in federation.environ.items() if value and name.partition("__")[0] in SECRET_NAMES]

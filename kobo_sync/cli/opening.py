"""The verb that leads to the pages: the service in this process or another, and the browser on its address."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kobo_sync.cli.verb import SEE_EXIT_CODES, cli, federation_in, in_workspace, in_workspaces

if TYPE_CHECKING:
    from kobo_sync.desk.database import Desk
    from kobo_sync.workspace.folders import Workspace

STARTING_S = 10.0  # how long another process may take from its lock to its pages


@dataclass(frozen=True)
class _House:
    """Whose pages are opened, a mission's or those of many: its folder, where its accounts lie, how people reach it from outside."""

    home: Workspace
    desk: Desk
    clock: Callable[[], datetime]
    public_url: str


@cli.command(name="open", epilog=SEE_EXIT_CODES)
@click.option("--no-browser", is_flag=True, help="Print the address alone.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the pages (default: service.port).")
@in_workspace
@in_workspaces
def open_command(workspace: Path | None, workspaces: Path | None, no_browser: bool, port: int | None) -> None:
    """Show the pages in the browser; start the service if need be.

    Where nobody administers the pages yet, the address is a link that works once, within an hour, and makes that account.
    The service runs until Ctrl-C, or until this window is closed. With --workspaces it is that of all missions of a folder.
    """
    from kobo_sync.cli.many import serve_many
    from kobo_sync.cli.service import listen, serve
    from kobo_sync.mission.mission import open_mission

    if workspaces is not None:
        with federation_in(workspace, workspaces) as federation:
            public_url = federation.settings.service.public_url
            serve_all = partial(serve_many, federation, listen, host=None, port=port, no_pages=False, no_jobs=False)
            house = _House(federation.home, federation.desk, federation.clock, public_url)
            return _open(house, lambda shown: serve_all(shown=shown), in_browser=not no_browser)
    with open_mission(workspace) as mission:
        house = _House(mission.workspace, mission.desk, mission.clock, mission.config.service.public_url)
        serve_one = partial(serve, mission, None, port, pages=True, jobs=True)
        return _open(house, lambda shown: serve_one(shown=shown), in_browser=not no_browser)


def _open(house: _House, start: Callable[[Callable[[str], None]], None], *, in_browser: bool) -> None:
    """Show the pages that another process has, or be the one that has them. Raises: Busy when that one does not answer."""
    from kobo_sync.errors import Busy
    from kobo_sync.workspace.showing import showing, shown_at

    show = partial(_show, house, in_browser=in_browser)
    until = time.monotonic() + STARTING_S
    while True:
        with ExitStack() as closing:
            try:
                announce = closing.enter_context(showing(house.home))
            except Busy as busy:
                url = shown_at(house.home)
                if url and _answers(url):
                    return show(url)
                if time.monotonic() > until:
                    raise Busy(
                        "another process has this mission's pages, but they do not answer",
                        hint="end that `kobo-sync service` or `kobo-sync open` (Ctrl-C in its window), then try again",
                    ) from busy
                time.sleep(0.2)
                continue
            return start(_both(announce, show))


def _both(first: Callable[[str], None], second: Callable[[str], None]) -> Callable[[str], None]:
    def shown(url: str) -> None:
        first(url)
        second(url)

    return shown


def _answers(url: str) -> bool:
    """Whether kobo-sync answers there."""
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/health", timeout=3) as answer:
            return b'"ready"' in answer.read(1000)
    except OSError:
        return False


def _show(house: _House, url: str, *, in_browser: bool) -> None:
    from kobo_sync.cli.console import say, warn
    from kobo_sync.desk import one_time_links
    from kobo_sync.mission.mission import operator

    path, is_first = "/connexion", not one_time_links.has_administrator(house.desk)
    if is_first:
        path = f"/acces/{one_time_links.make_link(house.desk, one_time_links.FIRST, operator(), house.clock())}"
        warn("nobody administers the pages yet: the link makes that account, once, within an hour")
    address = (house.public_url or url) + path
    say(f"the pages: {address}")
    sys.stdout.flush()
    if in_browser and _has_screen():
        import webbrowser

        from kobo_sync.workspace.showing import door_to

        address = door_to(house.home, address) if is_first else address
        starting = threading.Thread(target=webbrowser.open, args=(address,), daemon=True)
        starting.start()
        starting.join(STARTING_S)  # one that stays in the foreground holds up nobody


def _has_screen() -> bool:
    """Whether a browser would have a window: in a terminal without one, a browser of text would take the terminal."""
    return sys.platform != "linux" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))

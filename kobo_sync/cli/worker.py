"""The verb of the machines that share the work: ``worker``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from kobo_sync.cli.verb import FOLDER, SEE_EXIT_CODES, cli
from kobo_sync.errors import ConfigError

if TYPE_CHECKING:
    from kobo_sync.engine.worker import MissionPlace

_MOST_AT_ONCE = 64
# Not imported here: a worker that waits holds no more than the queue needs.
_HAND = "import sys; sys.path[:] = sys.argv[1:]; from kobo_sync.service.hand import main; main()"


@cli.command(name="worker", epilog=SEE_EXIT_CODES)
@click.option(
    "--workspace",
    "workspaces",
    type=FOLDER,
    multiple=True,
    help="A mission's folder; several may be given (default: this one or above).",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, _MOST_AT_ONCE),
    default=1,
    show_default=True,
    help="Pieces of work at once, each in a process of its own.",
)
@click.option(
    "--check", is_flag=True, help="Tell whether a worker of these missions lives on this machine: 1 when none does."
)
def worker_command(workspaces: tuple[Path, ...], concurrency: int, check: bool) -> None:
    """Carry out what the service puts into the queue, until stopped.

    Any number of machines may. The queue is the PostgreSQL database that ENGINE_URL names, or STORE_URL where engine.enabled is true.

    SIGTERM and Ctrl-C stop what is at work at its next safe point, and put it back; killed, another worker takes it over.
    """
    url, places, missions_secrets, shape = _missions(workspaces or (Path.cwd(),))
    if check:
        _tell_whether_one_lives(url, set(places))
    from kobo_sync.cli.console import warn
    from kobo_sync.engine.queue import missing_extra
    from kobo_sync.service.logs import write_log

    try:
        from kobo_sync.engine.worker import Worker
    except ImportError as error:
        raise missing_extra() from error
    write_log(shape, missions_secrets)
    _work(url, places, concurrency, Worker)
    warn("stopped")


def _missions(
    folders: tuple[Path, ...],
) -> tuple[str, dict[str, tuple[Path, float]], list[str], Literal["plain", "json"]]:
    """The queue's address; the missions' folders and longest times by id; all secrets; the log's shape.

    Raises: ConfigError when a mission has no engine, two have different ones, or the same id.
    """
    from kobo_sync.engine.queue import mission_key
    from kobo_sync.engine.tables import engine_url
    from kobo_sync.mission.mission import open_mission

    url, secrets = "", list[str]()
    shape: Literal["plain", "json"] = "plain"
    places: dict[str, tuple[Path, float]] = {}
    for folder in folders:
        with open_mission(folder) as mission:
            config, root = mission.config, mission.workspace.root
            key, own_url = mission_key(config), engine_url(config)
            if not own_url or (url and own_url != url):
                message = "it names another queue than the first workspace" if own_url else "the mission has no queue"
                hint = "write ENGINE_URL=postgresql://user:password@host/name there, the same for all"
                raise ConfigError(message, file=str(root / "config" / "secrets.env"), key="ENGINE_URL", hint=hint)
            if key in places and places[key][0] != root:
                message = f"{places[key][0]} has the same id, {key!r}"
                file, hint = str(root / "config" / "mission.toml"), "give each mission an id of its own"
                raise ConfigError(message, file=file, key="mission.id", hint=hint)
            url, places[key] = own_url, (root, config.engine.most_hours * 3600)
            secrets += [value.get_secret_value() for value in config.secrets.values()]
            shape = config.service.log_format
    return url, places, secrets, shape


def _tell_whether_one_lives(url: str, missions: set[str]) -> NoReturn:
    """Exit 0 when a worker of this machine, or of this container, that takes all of *missions* beat lately; else 1."""
    import socket

    from kobo_sync.cli.console import say
    from kobo_sync.engine.queue import Queue

    queue = Queue(url)
    try:
        own = [
            one for one in queue.state().workers if one.host == socket.gethostname() and missions <= set(one.missions)
        ]
    finally:
        queue.close()
    n_alive = sum(one.is_alive for one in own)
    say(f"workers of this machine: {n_alive} alive")
    sys.exit(0 if n_alive else 1)


def _work(url: str, places: dict[str, tuple[Path, float]], concurrency: int, make: type) -> None:
    import os
    import signal
    import threading
    from types import FrameType

    from kobo_sync.cli.console import warn
    from kobo_sync.cli.signals import end_soon
    from kobo_sync.engine.worker import MissionPlace

    missions: dict[str, MissionPlace] = {
        key: MissionPlace(str(root), most_s) for key, (root, most_s) in sorted(places.items())
    }
    worker = make(url, missions, concurrency, [sys.executable, "-c", _HAND, *sys.path], os.environ)

    def stop(_number: int, _frame: FrameType | None) -> None:
        # In a thread: what a handler interrupts may hold the very lock that stopping needs.
        threading.Thread(target=worker.stop, daemon=True).start()
        end_soon()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    warn(f"worker: {', '.join(missions)}; {concurrency} at once")
    worker.run()

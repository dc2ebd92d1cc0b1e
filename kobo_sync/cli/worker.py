"""The verb of the machines that share the work: ``worker``."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from kobo_sync.cli.verb import FOLDER, SEE_EXIT_CODES, cli
from kobo_sync.errors import ConfigError, KoboSyncError

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission

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
    "--workspaces",
    "federation",
    type=FOLDER,
    help="A folder of many missions' folders, in place of --workspace: those that have this queue when it starts.",
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
def worker_command(workspaces: tuple[Path, ...], federation: Path | None, concurrency: int, check: bool) -> None:
    """Carry out what the service puts into the queue, until stopped.

    Any number of machines may. The queue is the PostgreSQL database that ENGINE_URL names, or STORE_URL where engine.enabled is true.

    SIGTERM and Ctrl-C stop what is at work at its next safe point, and put it back; killed, another worker takes it over.
    """
    if federation and workspaces:
        raise click.UsageError("give --workspace for single missions or --workspaces for a folder of them, not both")
    missions = _of_folder(federation) if federation else _named(workspaces or (Path.cwd(),))
    if check:
        _tell_whether_one_lives(missions.url, set(missions.places))
    from kobo_sync.cli.console import warn
    from kobo_sync.engine.queue import missing_extra
    from kobo_sync.service.logs import write_log

    try:
        from kobo_sync.engine.worker import Worker
    except ImportError as error:
        raise missing_extra() from error
    write_log(missions.shape, missions.secrets)
    _work(missions, concurrency, Worker)
    warn("stopped")


@dataclass
class _Missions:
    """What a worker works on: of each mission, by its id, the folder, how long a piece may take, and the federation it is of."""

    url: str = ""
    places: dict[str, tuple[Path, float, str]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    shape: Literal["plain", "json"] = "plain"

    def add(self, mission: Mission, federation: str = "") -> None:
        """Take *mission* in. Raises: ConfigError when it has no engine, another than those before, or an id that one has."""
        from kobo_sync.engine.queue import mission_key
        from kobo_sync.engine.tables import engine_url

        config, root = mission.config, mission.workspace.root
        key, own_url = mission_key(config), engine_url(config)
        if not own_url or (self.url and own_url != self.url):
            message = "it names another queue than the first workspace" if own_url else "the mission has no queue"
            hint = "write ENGINE_URL=postgresql://user:password@host/name there, the same for all"
            raise ConfigError(message, file=str(root / "config" / "secrets.env"), key="ENGINE_URL", hint=hint)
        if key in self.places and self.places[key][0] != root:
            message = f"{self.places[key][0]} has the same id, {key!r}"
            file, hint = str(root / "config" / "mission.toml"), "give each mission an id of its own"
            raise ConfigError(message, file=file, key="mission.id", hint=hint)
        self.url, self.places[key] = own_url, (root, config.engine.most_hours * 3600, federation)
        self.secrets += [value.get_secret_value() for value in config.secrets.values()]
        self.shape = config.service.log_format


def _named(folders: tuple[Path, ...]) -> _Missions:
    """The missions in *folders*. Raises: ConfigError, also of one alone."""
    from kobo_sync.mission.mission import open_mission

    missions = _Missions()
    for folder in folders:
        with open_mission(folder) as mission:
            missions.add(mission)
    return missions


def _of_folder(folder: Path) -> _Missions:
    """The missions of a federation; one that cannot be worked on is told, and left to who mends it.

    Raises: ConfigError when there is none.
    """
    from kobo_sync.cli.console import print_error
    from kobo_sync.cli.verb import federation_in

    missions = _Missions()
    with federation_in(None, folder) as federation:
        for name in federation.names():
            try:
                with closing(federation.open(name)) as mission:
                    missions.add(mission, str(federation.root))
            except KoboSyncError as error:
                print_error(f"{name} is left aside: {error.message}", error.hint or "")
    if not missions.places:
        hint = "write ENGINE_URL=postgresql://user:password@host/name in the missions' config/secrets.env"
        raise ConfigError("no mission in it has a queue that can be used", file=str(folder), hint=hint)
    return missions


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


def _work(missions: _Missions, concurrency: int, make: type) -> None:
    import os
    import signal
    import threading
    from types import FrameType

    from kobo_sync.cli.console import warn
    from kobo_sync.cli.signals import end_soon
    from kobo_sync.engine.worker import MissionPlace

    are_many = len(missions.places) > 1
    places = {
        key: MissionPlace(str(root), most_s, federation, root.name if federation or are_many else "")
        for key, (root, most_s, federation) in sorted(missions.places.items())
    }
    worker = make(missions.url, places, concurrency, [sys.executable, "-c", _HAND, *sys.path], os.environ)

    def stop(_number: int, _frame: FrameType | None) -> None:
        # In a thread: what a handler interrupts may hold the very lock that stopping needs.
        threading.Thread(target=worker.stop, daemon=True).start()
        end_soon()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    warn(f"worker: {', '.join(places)}; {concurrency} at once")
    worker.run()

"""Missions of a folder for tests: small workspaces, each with a server of its own choice, and the clock that is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from conftest import MISSION, TOKEN, Clock, Field, field_in, write_workspace

from kobo_sync.mission.federation import Federation
from kobo_sync.service.logs import Secrets
from kobo_sync.service.missions import Missions

HOURLY = '\n[schedule]\npull = ["0 * * * *"]\njitter_s = 0\n'
ASSETS = '\n[server.assets]\npersonnes = "aPersonnes00000000000a"\nvisites = "aVisites0000000000000a"\n'
PATIENCE_S = 20  # a test that waits longer has failed


def mission_toml(url: str, title: str = "Mission d’essai", more: str = HOURLY) -> str:
    """The small mission's settings, with the server at *url*."""
    return MISSION.replace("http://127.0.0.1:1", url).replace("Mission d’essai", title) + more


def write_mission(root: Path, name: str, url: str = "http://127.0.0.1:1", more: str = HOURLY) -> Path:
    """A mission called *name* in the folder *root*, with a token of its own."""
    workspace = write_workspace(root / name, mission_toml(url, f"Mission {name}", more))
    secrets = workspace.root / "config" / "secrets.env"
    secrets.write_text(f"KOBO_TOKEN=token-of-{name}-{'x' * 20}\n", "utf-8")
    secrets.chmod(0o600)
    return workspace.root


@contextmanager
def at_station(root: Path, name: str, clock: Clock) -> Iterator[Field]:
    """A mission called *name* in *root*, deployed on a field station of its own, which has one row."""
    with field_in(root.parent / f"station-{name}", lambda _: write_workspace(root / name)) as field:
        (root / name / "config" / "mission.toml").write_text(mission_toml(field.url, f"Mission {name}"), "utf-8")
        secrets = root / name / "config" / "secrets.env"
        secrets.write_text(f"KOBO_TOKEN={TOKEN}\n", "utf-8")
        secrets.chmod(0o600)
        field.person("A1")
        field.station.clock = clock  # type: ignore[attr-defined]
        yield field


@dataclass
class Together:
    """The missions in *root*, and the service over them when it is started."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    environ: Mapping[str, str] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=Secrets)

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        self._closing = ExitStack()

    def federation(self) -> Federation:
        """The missions' folder, opened afresh."""
        federation = Federation(self.root, self.environ, self.clock)
        self._closing.callback(federation.close)
        return federation

    def start(self, *, jobs: bool = True) -> Missions:
        """The service over them, at work; it has looked at each mission once when this returns."""
        missions = Missions(self.federation(), self.secrets, jobs=jobs)
        self._closing.callback(missions.stop)
        missions.start()
        wait_for(lambda: all(each.state or each.fault for each in missions.members()))
        return missions

    def close(self) -> None:
        self._closing.close()


def wait_for(is_so: Callable[[], object]) -> None:
    """Return when *is_so*; a test in which it never is fails."""
    until = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < until, "it never came to that"
        pause.wait(0.02)

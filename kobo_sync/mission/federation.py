"""Many missions in one folder: each sub-folder with config/mission.toml is one, with its own config, secrets and databases.

The folder itself may have config/federation.toml (where the pages listen, what each server may be asked) and
config/secrets.env (STORE_URL or DESK_URL for its accounts, METRICS_TOKEN). Its accounts lie in .kobo_sync/ there. A mission is called
by its folder's name, which also stands in the addresses of its pages: so it has one before its files can be read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kobo_sync.config.files import MISSION_FILE, SECRETS_FILE
from kobo_sync.errors import ConfigError, disk_error
from kobo_sync.lazy import cached_property
from kobo_sync.mission.mission import Mission, utc_now
from kobo_sync.workspace.folders import STATE, Workspace, find
from kobo_sync.workspace.restoring import ASIDE_BY_RESTORE

if TYPE_CHECKING:
    from kobo_sync.config.federation import FederationSettings
    from kobo_sync.databases.engines import Address
    from kobo_sync.desk.database import Desk

SHARED_SECRETS = ("STORE_URL", "DESK_URL", "METRICS_TOKEN")  # that the federation itself may have
SCHEMA = "federation_kobo_desk"  # in the database that STORE_URL names; no mission's is called so


class Federation:
    """The missions whose folders lie in *root*; *home* is that folder with what they share. Raises: ConfigError when *root* is no folder, or its settings are at fault."""

    def __init__(self, root: Path, environ: Mapping[str, str], clock: Callable[[], datetime] = utc_now) -> None:
        self.root, self.environ, self.clock = root.resolve(), environ, clock
        if not self.root.is_dir():
            raise ConfigError("there is no such folder", file=str(root), hint="give --workspaces the missions' folder")
        self.home = Workspace(self.root, self.root / STATE, self.root)
        self._users: dict[tuple[object, ...], str] = {}  # a schema on a server → the mission that works in it
        _ = self.settings

    @cached_property
    def settings(self) -> FederationSettings:
        """The settings that all missions share; read once. Raises: ConfigError."""
        from kobo_sync.config.federation import FEDERATION_FILE, parse_federation

        return parse_federation(self.home.optional_text(FEDERATION_FILE))

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The federation's own secrets; the environment wins. No mission is given one of them. Raises: ConfigError."""
        given = self.home.secrets() | {name: value for name, value in self.environ.items() if value}
        return {name: given[name] for name in SHARED_SECRETS if given.get(name)}

    @cached_property
    def desk(self) -> Desk:
        """The accounts of all missions, and who may enter which. Raises: StoreError, ConfigError."""
        from kobo_sync.databases.engines import Address
        from kobo_sync.desk.database import open_desk
        from kobo_sync.desk.rights import bring_up_rights

        named = [("DESK_URL", ""), ("STORE_URL", SCHEMA)]
        addresses = [Address(self.secrets[key], schema, key) for key, schema in named if key in self.secrets]
        desk = open_desk(addresses[0] if addresses else self.home.desk_database)
        bring_up_rights(desk)
        return desk

    def names(self) -> list[str]:
        """The missions that are there now, by name. Raises: StoreError when the folder cannot be read."""
        try:
            with os.scandir(self.root) as entries:
                return sorted(entry.name for entry in entries if _is_mission(entry))
        except OSError as error:
            raise disk_error(error, self.root) from error

    def workspace(self, name: str) -> Workspace:
        """The folder of mission *name*. Raises: ConfigError when there is none, or its name cannot stand in an address."""
        from kobo_sync.config.federation import NAME

        folder = self.root / name
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} cannot stand in an address",
                file=str(folder),
                hint="rename the folder: letters without accents, digits, - and _",
            )
        workspace = find(folder)
        if folder.is_symlink():
            raise ConfigError(
                "a link to another folder is no mission of its own",
                file=str(folder),
                hint="move the mission's folder itself here",
            )
        if workspace.root != folder:
            raise ConfigError(
                f"there is no mission {name}", file=str(folder), hint="`kobo-sync status --workspaces` names them"
            )
        return workspace

    def open(self, name: str) -> Mission:
        """Mission *name*, opened afresh, with its own secrets alone. Raises: ConfigError, StoreError."""
        from kobo_sync.config.federation import own_environ

        workspace, names = self.workspace(name), self.names()
        mission = Mission(workspace, own_environ(name, names, self.environ), self.clock)
        self._refuse_shared_databases(name, names, mission.shared_databases.values())
        if self.settings.servers:
            with suppress(ConfigError):  # whoever asks for its settings is told
                mission.most_at_once = self.settings.limits_of(mission.kf).at_once or mission.most_at_once
        return mission

    def _refuse_shared_databases(self, name: str, names: list[str], addresses: Iterable[Address]) -> None:
        """See that no other mission that is there works in one of *addresses*: a folder that was copied keeps its id. Raises: ConfigError."""
        for address in addresses:
            url = urlsplit(address.url)
            place = (url.hostname, url.port or 5432, url.path, url.query, address.schema)
            other = self._users.setdefault(place, name)
            if other in names and other != name:
                raise ConfigError(
                    f"the missions {other} and {name} would share a database: the rows, runs and people of one would be the other's",
                    file=str(self.root / name / SECRETS_FILE),
                    key=address.key,
                    hint="give each an id of its own (mission.id), or take one of the two folders away; a DESK_URL is for one mission",
                )
            self._users[place] = name

    def stamp(self, name: str) -> object:
        """What the files of mission *name* look like: another when its config, its forms or its desk changed. Raises: ConfigError."""
        workspace = self.workspace(name)
        seen = []
        for path in (workspace.state / "desk.sqlite", workspace.state / "desk.sqlite-wal"):
            try:
                status = path.stat()
                seen.append((status.st_mtime_ns, status.st_size))
            except OSError:
                seen.append((0, 0))
        return (*workspace.stamp(), *seen)

    def agree_on_paces(self) -> None:
        """Have this process ask no server more often than the settings say."""
        from kobo_sync.kobo.pace import PACES

        for url, limits in self.settings.servers.items():
            PACES.of(url).agree(str(self.root), limits.per_minute)

    def close(self) -> None:
        """Give back what was opened."""
        if "desk" in self.__dict__:
            self.desk.close()


def _is_mission(entry: os.DirEntry[str]) -> bool:
    is_hidden = entry.name.startswith(".") or ASIDE_BY_RESTORE in entry.name
    return not is_hidden and Path(entry.path, MISSION_FILE).is_file()

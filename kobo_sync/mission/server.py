"""The mission's server, of whichever kind: the only module that makes real clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from kobo_sync.config.files import MISSION_FILE, SECRETS_FILE
from kobo_sync.errors import ConfigError
from kobo_sync.server_kinds import KOBOTOOLBOX, ODK_CENTRAL, Features

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from kobo_sync.central.asking import Asking
    from kobo_sync.config.config import Config
    from kobo_sync.form_server import FormServer, PhoneDoor
    from kobo_sync.kobo.pace import Pace
    from kobo_sync.kobo.server import KoboServer
    from kobo_sync.workspace.folders import Workspace

CENTRAL = "CENTRAL"  # the client of ODK Central among those of this mission
OnCentral = TypeVar("OnCentral", bound="Asking")


class WithServer:
    """What a mission knows of its server, and the clients that ask it. *server* is (kf, kc) of a stand-in, in place of the config's."""

    if TYPE_CHECKING:
        workspace: Workspace
        server: tuple[str, str] | None
        most_at_once: int
        clock: Callable[[], datetime]
        _clients: dict[str, FormServer]

        @property
        def config(self) -> Config:
            """The settings."""

    @property
    def kf(self) -> str:
        """The address of the API."""
        return self.server[0] if self.server else self.config.server.kf

    @property
    def kc(self) -> str:
        """The address that phones use."""
        return self.server[1] if self.server else self.config.server.kc

    @property
    def server_id(self) -> str:
        """What tells this server, and the project that forms are in there, from any other: with it goes what was read."""
        server = self.config.server
        return f"{self.kf}/v1/projects/{server.project}" if self.is_central else self.kf

    @property
    def is_central(self) -> bool:
        """Whether the server is ODK Central; a stand-in is KoboToolbox's."""
        return self.server is None and self.config.server.is_central

    @property
    def features(self) -> Features:
        """What the server's kind has: known without asking it."""
        return ODK_CENTRAL if self.is_central else KOBOTOOLBOX

    @property
    def at_once(self) -> int:
        """How many pulls of the server, and missions at it, work side by side."""
        return min(self.config.at_once, self.most_at_once)

    @property
    def adopted(self) -> dict[str, str]:
        """The projects that the config names, form_id → asset uid; none on a stand-in server."""
        return {} if self.server or self.is_central else dict(self.config.server.assets)

    def row_addresses(self, asset_uid: str, server_key: str) -> tuple[str, str, str]:
        """Where people see a row on the server, where they correct it, and the table that it stands in."""
        if self.is_central:
            from kobo_sync.central.wire import protocol as central

            return central.row_addresses(self.kf, self.config.server.project or 0, asset_uid, server_key)
        from kobo_sync.kobo.wire import protocol

        return protocol.row_addresses(self.kf, asset_uid, server_key)

    def reader(self) -> FormServer:
        """The client of the account that reads. Raises: ConfigError without its secrets."""
        if self.is_central:
            if CENTRAL not in self._clients:
                from kobo_sync.central.server import CentralServer  # here: most verbs never meet the network

                self._clients[CENTRAL] = self._central(CentralServer)
            return self._clients[CENTRAL]
        return self._client("KOBO_TOKEN", self._station_token() or self.config.secret("KOBO_TOKEN"))

    def deployer(self) -> FormServer:
        """The client of the account that deploys, or the reader's when there is one account."""
        token = "" if self._station_token() or self.is_central else self.config.secret("KOBO_DEPLOY_TOKEN")
        return self._client("KOBO_DEPLOY_TOKEN", token) if token else self.reader()

    @property
    def is_own_station(self) -> bool:
        """Whether the server of the config is this workspace's own station."""
        return bool(self._station_token())

    def submission_door(self) -> PhoneDoor:
        """Where the account that deploys, or the reader's when there is one account, submits as phones do.

        Raises: ConfigError without a token, and where the server is this workspace's own station.
        """
        from kobo_sync.kobo.openrosa import SubmissionDoor

        if self.is_own_station:
            message = "this address is the field station's own: it cannot relay to itself"
            hint = "write KoboToolbox's addresses there (server.kf, server.kc)"
            raise ConfigError(message, file=MISSION_FILE, key="server.kf", hint=hint)
        self.deployer()  # says what is missing
        if self.is_central:
            from kobo_sync.central.openrosa import CentralDoor

            return self._central(CentralDoor)
        token = self.config.secret("KOBO_DEPLOY_TOKEN") or self.config.secret("KOBO_TOKEN")
        settings = self.config.server
        return SubmissionDoor(
            self.kf,
            self._own_kc(),
            token,
            timeout_s=settings.timeout_s,
            plain_http=settings.plain_http,
            pace=self._pace(),
        )

    def _pace(self) -> Pace:
        """How fast this process asks the server: with all other missions that it serves there."""
        from kobo_sync.kobo.pace import PACES

        return PACES.of(self.kf).agree(str(self.workspace.root), self.config.server.requests_per_minute)

    def _own_kc(self) -> str:
        """Where this program reaches what phones use: a station on this machine by its own address, not over the Wi-Fi."""
        from kobo_sync.config.doors import is_plain

        is_shown = is_plain(self.kc) and not self.config.server.plain_http
        # The station's token is the station's: it goes to no other address, whatever server.kc is.
        return self.kf if is_shown or self.is_own_station else self.kc

    def _station_token(self) -> str:
        """The token of this workspace's own station, where the API's address is that station's."""
        from kobo_sync.config.doors import is_this_machine

        address, given = urlsplit(self.kf), self.workspace.station_token()
        is_here = address.scheme == "http" and is_this_machine(address.hostname or "")
        return given[1] if given and is_here and address.port == given[0] else ""

    def _central(self, kind: type[OnCentral]) -> OnCentral:
        """A client of ODK Central. Raises: ConfigError without its secrets."""
        secrets = {name: self.config.secret(name) for name in ("CENTRAL_EMAIL", "CENTRAL_PASSWORD")}
        for name, secret in secrets.items():
            if not secret:
                raise ConfigError(
                    "the account on ODK Central is not there",
                    file=SECRETS_FILE,
                    key=name,
                    hint=f"write {name}=… there (chmod 600), or set the environment variable: a web user of the project",
                )
        settings = self.config.server
        return kind(
            settings.url,
            settings.project or 0,
            *secrets.values(),
            timeout_s=settings.timeout_s,
            retries=settings.retries,
            plain_http=settings.plain_http,
            pace=self._pace(),
            most_s=self.config.pull.most_hours * 3600,
            clock=self.clock,
        )

    def kobo(self) -> KoboServer:
        """The client of the account that deploys, for what KoboToolbox and field stations alone have.

        Raises: ConfigError where the server is another.
        """
        client = self.deployer()
        if self.is_central:
            message = "this is for KoboToolbox and field stations; the server is ODK Central"
            raise ConfigError(
                message, file=MISSION_FILE, key="server.kind", hint="there is nothing to do on ODK Central"
            )
        return cast("KoboServer", client)

    def _client(self, name: str, token: str) -> FormServer:
        if not token:
            raise ConfigError(
                "there is no token for the server",
                file=SECRETS_FILE,
                key=name,
                hint=f"write {name}=… there (chmod 600), or set the environment variable; "
                "KoboToolbox shows it under Account → Security → API key",
            )
        if name not in self._clients:
            from kobo_sync.kobo.server import KoboServer  # here: most verbs never meet the network

            settings = self.config.server
            self._clients[name] = KoboServer(
                self.kf,
                self._own_kc(),
                token,
                timeout_s=settings.timeout_s,
                retries=settings.retries,
                plain_http=settings.plain_http,
                pace=self._pace(),
                most_s=self.config.pull.most_hours * 3600,
            )
        return self._clients[name]

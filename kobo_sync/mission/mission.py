"""The composition root: the only module that makes the real client, store, clock and ids."""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from kobo_sync.config.files import MISSION_FILE, SECRETS_FILE
from kobo_sync.errors import ConfigError, FormError, KoboSyncError
from kobo_sync.lazy import cached_property
from kobo_sync.mission.shared_files import bring, share
from kobo_sync.model import Finding, Form, Report
from kobo_sync.workspace.folders import Workspace, find
from kobo_sync.workspace.secret_files import with_secret_files
from kobo_sync.workspace.writing import write_atomic

if TYPE_CHECKING:
    from kobo_sync.analysis.roster import RosterPlan
    from kobo_sync.central.server import CentralServer
    from kobo_sync.config.config import Config
    from kobo_sync.databases.engines import Address
    from kobo_sync.desk.database import Desk
    from kobo_sync.form_server import FormServer
    from kobo_sync.kobo.openrosa import SubmissionDoor
    from kobo_sync.kobo.pace import Pace
    from kobo_sync.kobo.server import KoboServer
    from kobo_sync.store.database import Store
    from kobo_sync.store.tables.layout import FlatTable
    from kobo_sync.store.zones import Answers, ZoneColumn
    from kobo_sync.workspace.attachment_files import AttachmentFiles

CENTRAL = "CENTRAL"  # the client of ODK Central among those of this mission
Progress = Callable[[str, int, int | None], None]  # what, done, of how many (None: not known)


def silent(_what: str, _done: int, _total: int | None) -> None:
    """A progress that shows nothing."""


def utc_now() -> datetime:
    """The clock: aware UTC."""
    return datetime.now(UTC)


def random_uuid() -> str:
    """A fresh random uuid."""
    return str(uuid.uuid4())


@dataclass
class Mission:
    """A mission with its real surroundings; what a step needs is made when first asked for."""

    workspace: Workspace
    environ: Mapping[str, str]
    clock: Callable[[], datetime] = utc_now
    progress: Progress = silent
    server: tuple[str, str] | None = None  # (kf, kc) in place of the config's: the demo's station
    stop: Callable[[], bool] = lambda: False  # whether the run should end at the next safe point
    host: str = field(default_factory=socket.gethostname)
    most_at_once: int = 64  # of this server's pulls, as those who serve many missions allow
    form_faults: dict[str, FormError] = field(default_factory=dict)  # form_id → what is wrong with its workbook
    zone_answers: dict[str, Answers] = field(default_factory=dict)  # form_id → what its rows were seen to say
    _clients: dict[str, FormServer] = field(default_factory=dict)

    @cached_property
    def config(self) -> Config:
        """The settings. Raises: ConfigError."""
        return self.workspace.config(self.environ)

    @cached_property
    def forms(self) -> dict[str, Form]:
        """The forms by form_id; one whose workbook is at fault is as it was read last, and `form_faults` says so.

        Raises: FormError for one that was never read well; ConfigError.
        """
        forms = {}
        for form_id in self.config.forms:
            try:
                forms[form_id] = self.workspace.form(form_id, self.config)
            except FormError as error:
                earlier = self.workspace.earlier_form(form_id, self.config)
                if earlier is None:
                    raise
                forms[form_id], self.form_faults[form_id] = earlier, error
        return forms

    @cached_property
    def tables(self) -> dict[str, tuple[FlatTable, ...]]:
        """The flat tables of each form, those of questions that are asked no more included. Raises: StoreError."""
        return {form_id: self.store.tables(form) for form_id, form in self.forms.items()}

    @cached_property
    def zone_columns(self) -> dict[str, ZoneColumn | None]:
        """Where each form's rows say their zone. Raises: StoreError, ConfigError, FormError."""
        from kobo_sync.mission.zone_columns import zone_columns

        return zone_columns(self)

    @cached_property
    def store(self) -> Store:
        """The mirror. Raises: StoreError."""
        from kobo_sync.store.database import open_store  # here: SQLAlchemy takes longer to load than many a verb

        return open_store(self.shared_databases.get("mirror") or self.workspace.database)

    @cached_property
    def desk(self) -> Desk:
        """Runs, worklist, accounts and all else that people keep. Raises: StoreError, ConfigError."""
        from kobo_sync.desk.database import open_desk

        return open_desk(self.shared_databases.get("desk") or self.workspace.desk_database)

    @property
    def shared_databases(self) -> dict[str, Address]:
        """Where mirror and desk lie, those of them that are in PostgreSQL: a schema each, so that missions never meet.

        Raises: ConfigError where `STORE_URL` is set and the mission has no id.
        """
        from kobo_sync.databases.engines import Address

        addresses = {}
        if url := self.config.secret("STORE_URL"):
            schema = f"kobo_{self._id().replace('-', '_')}"
            addresses = {
                "mirror": Address(url, schema, "STORE_URL"),
                "desk": Address(url, f"{schema}_desk", "STORE_URL"),
            }
        if url := self.config.secret("DESK_URL"):
            addresses["desk"] = Address(url, "", "DESK_URL")
        return addresses

    def _id(self) -> str:
        mission = self.config.mission
        if not mission.id:
            raise ConfigError(
                "missions on one database are told apart by their id, and this one has none",
                file=MISSION_FILE,
                key="mission.id",
                hint=f'write id = "{uuid.uuid4().hex[:12]}" there, the same on every machine of this mission',
            )
        if mission.id == "engine" or mission.id.endswith("-desk"):
            raise ConfigError(
                f"{mission.id!r} cannot tell this mission apart in a database: another's tables would bear that name",
                file=MISSION_FILE,
                key="mission.id",
                hint=f'write id = "{uuid.uuid4().hex[:12]}" there, the same on every machine of this mission',
            )
        return mission.id

    @cached_property
    def files(self) -> AttachmentFiles:
        """Where the attached files lie. Raises: ConfigError."""
        from kobo_sync.workspace.attachment_files import attachment_files

        settings, secret = self.config.files, self.config.secret
        keys = {"key": secret("FILES_KEY"), "secret": secret("FILES_SECRET")}
        root, attachments = self.workspace.root, self.workspace.attachments
        return attachment_files(attachments, settings.url, root=root, endpoint=settings.endpoint, **keys)

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
    def at_once(self) -> int:
        """How many pulls of the server, and missions at it, work side by side."""
        return min(self.config.at_once, self.most_at_once)

    @property
    def adopted(self) -> dict[str, str]:
        """The projects that the config names, form_id → asset uid; none on a stand-in server."""
        return {} if self.server else dict(self.config.server.assets)

    def row_addresses(self, asset_uid: str, server_key: str) -> tuple[str, str, str]:
        """Where people see a row on the server, where they correct it, and the table that it stands in."""
        if self.is_central:
            from kobo_sync.central.wire import protocol as central

            return central.row_addresses(self.kf, self.config.server.project or 0, asset_uid, server_key)
        from kobo_sync.kobo.wire import protocol

        return protocol.row_addresses(self.kf, asset_uid, server_key)

    def form(self, form_id: str) -> Form:
        """One form as its workbook is now, whatever is wrong with the others. Raises: FormError, ConfigError."""
        if form_id in self.form_faults:
            raise self.form_faults[form_id]
        return self.forms[form_id] if "forms" in self.__dict__ else self.workspace.form(form_id, self.config)

    def reader(self) -> FormServer:
        """The client of the account that reads. Raises: ConfigError without its secrets."""
        if self.is_central:
            return self._central()
        return self._client("KOBO_TOKEN", self._station_token() or self.config.secret("KOBO_TOKEN"))

    def deployer(self) -> FormServer:
        """The client of the account that deploys, or the reader's when there is one account."""
        token = "" if self._station_token() or self.is_central else self.config.secret("KOBO_DEPLOY_TOKEN")
        return self._client("KOBO_DEPLOY_TOKEN", token) if token else self.reader()

    @property
    def is_own_station(self) -> bool:
        """Whether the server of the config is this workspace's own station."""
        return bool(self._station_token())

    def submission_door(self) -> SubmissionDoor:
        """Where the account that deploys, or the reader's when there is one account, submits as phones do.

        Raises: ConfigError without a token, and where the server is this workspace's own station.
        """
        from kobo_sync.kobo.openrosa import SubmissionDoor

        if self.is_own_station:
            message = "this address is the field station's own: it cannot relay to itself"
            hint = "write KoboToolbox's addresses there (server.kf, server.kc)"
            raise ConfigError(message, file=MISSION_FILE, key="server.kf", hint=hint)
        self.deployer()  # says what is missing
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

    def _central(self) -> CentralServer:
        secrets = {name: self.config.secret(name) for name in ("CENTRAL_EMAIL", "CENTRAL_PASSWORD")}
        for name, secret in secrets.items():
            if not secret:
                raise ConfigError(
                    "the account on ODK Central is not there",
                    file=SECRETS_FILE,
                    key=name,
                    hint=f"write {name}=… there (chmod 600), or set the environment variable: a web user of the project",
                )
        if CENTRAL not in self._clients:
            from kobo_sync.central.server import CentralServer  # here: most verbs never meet the network

            settings = self.config.server
            self._clients[CENTRAL] = CentralServer(
                settings.url,
                settings.project or 0,
                secrets["CENTRAL_EMAIL"],
                secrets["CENTRAL_PASSWORD"],
                timeout_s=settings.timeout_s,
                retries=settings.retries,
                plain_http=settings.plain_http,
                pace=self._pace(),
                most_s=self.config.pull.most_hours * 3600,
                clock=self.clock,
            )
        client = self._clients[CENTRAL]
        return cast("CentralServer", client)

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

    def local(self, moment: datetime) -> str:
        """*moment* as people of the mission read it: day, hour and name of their time zone."""
        return f"{moment.astimezone(ZoneInfo(self.config.mission.timezone)):%Y-%m-%d %H:%M %Z}"

    def participants(self) -> RosterPlan:
        """The roster as the mirror's registrations make it; empty without a roster in the config."""
        from kobo_sync.analysis.roster import RosterPlan, plan_roster  # pandas: a pull does without its memory

        roster = self.config.roster
        if roster is None:
            return RosterPlan((), ())
        registrations = self.store.read_table(self.store.tables(self.forms[roster.form])[0])
        return plan_roster(registrations, self.config, self.expected_participants())

    def expected_participants(self) -> list[dict[str, str]]:
        """The rows of the roster that was imported, on this machine or on another; none when none was. Raises: StoreError."""
        if "desk" in self.shared_databases:
            bring(self.desk, self.workspace.expected_roster)
        return self.workspace.expected_participants()

    def put_expected_participants(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Keep the rows of an imported roster. Raises: StoreError."""
        content = json.dumps(rows, ensure_ascii=False, indent=1).encode()
        write_atomic(self.workspace.expected_roster, content, private=True)
        self.share(self.workspace.expected_roster)

    def pseudonym_key(self) -> bytes:
        """The key that codes of pseudonymised files are made with, the same on every machine of the mission. Raises: StoreError."""
        if "desk" not in self.shared_databases:
            return self.workspace.pseudonym_key()
        bring(self.desk, self.workspace.pseudonyms)
        return self.desk.offer_shared_file(self.workspace.pseudonyms.name, self.workspace.pseudonym_key())

    def share(self, path: Path) -> None:
        """Let the other machines of the mission have a file of the state folder as it is now. Raises: StoreError."""
        if "desk" in self.shared_databases:
            share(self.desk, path)

    def report(
        self, step: str, started_at: datetime, counts: Mapping[str, int], findings: list[Finding], lines: list[str]
    ) -> Report:
        """The report of a step that ends now; forms that it took as they were before are findings of it."""
        faults = [
            Finding(
                "FORMS001",
                "error",
                form_id,
                f"{error.message}; the form is taken as it was before",
                error.hint,
                form_id=form_id,
            )
            for form_id, error in self.form_faults.items()
        ]
        return Report(step, started_at, self.clock(), dict(counts), (*findings, *faults), tuple(lines))

    def close(self) -> None:
        """Give back what was opened."""
        for client in self._clients.values():
            client.close()
        if "store" in self.__dict__:
            self.store.close()
        if "desk" in self.__dict__:
            self.desk.close()


@contextmanager
def open_mission(start: Path | None = None, progress: Progress = silent) -> Iterator[Mission]:
    """The mission that holds folder *start* (the current one), with the process's environment.

    Raises: ConfigError.
    """
    mission = Mission(find(start or Path.cwd()), with_secret_files(os.environ), progress=progress)
    try:
        yield mission
    finally:
        mission.close()


class CurrentMission:
    """The mission as its files say now, for a process that runs for weeks; usable from several threads.

    When a file of config/ or forms/ is saved, the mission is opened anew; while one of them is at fault,
    the mission as it was before goes on, and *fault* says what is wrong. Raises: ConfigError, FormError.
    """

    def __init__(self, open_one: Callable[[], Mission]) -> None:
        self._open, self._lock = open_one, threading.Lock()
        self._mission = open_one()
        self._stamp = self._mission.workspace.stamp()
        _ = self._mission.config, self._mission.forms  # read now: files may be at fault later
        self.fault: KoboSyncError | None = None

    def __call__(self) -> Mission:
        """The mission. Raises: nothing once it was opened well."""
        with self._lock:
            stamp = self._mission.workspace.stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                fresh = self._open()
                try:
                    _ = fresh.config, fresh.forms
                except KoboSyncError as error:
                    self.fault = error
                    fresh.close()
                else:
                    self.fault = next(iter(fresh.form_faults.values()), None)
                    self._mission.close()
                    self._mission = fresh
            return self._mission

    def close(self) -> None:
        """Give back what was opened."""
        self._mission.close()

"""The composition root: the only module that makes the real client, store, clock and ids."""

from __future__ import annotations

import getpass
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
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import ConfigError, FormError, KoboSyncError
from kobo_sync.lazy import cached_property
from kobo_sync.mission.server import WithServer
from kobo_sync.mission.shared_files import bring, share
from kobo_sync.model import Finding, Form, Report
from kobo_sync.workspace.folders import Workspace, find
from kobo_sync.workspace.secret_files import with_secret_files
from kobo_sync.workspace.writing import write_atomic

if TYPE_CHECKING:
    from kobo_sync.analysis.roster import RosterPlan
    from kobo_sync.config.config import Config
    from kobo_sync.databases.engines import Address
    from kobo_sync.desk.database import Desk
    from kobo_sync.form_server import FormServer
    from kobo_sync.store.database import Store
    from kobo_sync.store.tables.layout import FlatTable
    from kobo_sync.store.zones import Answers, ZoneColumn
    from kobo_sync.workspace.attachment_files import AttachmentFiles

Progress = Callable[[str, int, int | None], None]  # what, done, of how many (None: not known)


def silent(_what: str, _done: int, _total: int | None) -> None:
    """A progress that shows nothing."""


def utc_now() -> datetime:
    """The clock: aware UTC."""
    return datetime.now(UTC)


def system_user() -> str:
    """The system's name for whoever runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # an account without a name, as containers have
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "?"


def operator() -> str:
    """Who is at this machine's command line, as ``user@machine``: no account is called so."""
    return f"{system_user()}@{socket.gethostname()}"


def random_uuid() -> str:
    """A fresh random uuid."""
    return str(uuid.uuid4())


@dataclass
class Mission(WithServer):
    """A mission with its real surroundings; what a step needs is made when first asked for."""

    workspace: Workspace
    environ: Mapping[str, str]
    clock: Callable[[], datetime] = utc_now
    progress: Progress = silent
    server: tuple[str, str] | None = None  # (kf, kc) in place of the config's: the demo's station
    stop: Callable[[], bool] = lambda: False  # whether the run should end at the next safe point
    host: str = field(default_factory=socket.gethostname)
    # Whom the journal names for what is done now: who is at the command line, or who asked for the run that is at work.
    doer: str = field(default_factory=operator)
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

    def form(self, form_id: str) -> Form:
        """One form as its workbook is now, whatever is wrong with the others. Raises: FormError, ConfigError."""
        if form_id in self.form_faults:
            raise self.form_faults[form_id]
        return self.forms[form_id] if "forms" in self.__dict__ else self.workspace.form(form_id, self.config)

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

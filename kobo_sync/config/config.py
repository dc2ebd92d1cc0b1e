"""The mission's settings: TOML text, CSV texts and an environment mapping become one Config."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError

from kobo_sync.config.checks_and_keeping import Backup, Checks, Files, Retention, Settings
from kobo_sync.config.doors import Server, open_doors
from kobo_sync.config.files import MISSION_FILE, SECRET_NAMES, SECRETS_FILE, ZONES_FILE
from kobo_sync.config.mission import Code, Labels, Mission
from kobo_sync.config.privacy import Privacy, named_questions
from kobo_sync.config.report import FileName, ReportSettings
from kobo_sync.config.service import Engine, Notices, Schedule, Service
from kobo_sync.config.station import StationSettings
from kobo_sync.config.zone_sheet import ZoneSheetSettings
from kobo_sync.config.zones import SURVEY_ROLES, check_mapping, zones_of
from kobo_sync.errors import ConfigError
from kobo_sync.model import Zone

Role = Literal["registration", "attendance", "test", "satisfaction", "needs", "focus_group", "road_map", "other"]


class Organisation(Settings):
    """An organisation that signs the deliverables."""

    name: str = Field(min_length=1)


class Session(Settings):
    """A half-day that participants sign, with its local hours."""

    code: Code
    label: Labels
    starts: time | None = None
    ends: time | None = None


class Group(Settings):
    """A group of participants; *short* is for table headers."""

    code: Code
    label: Labels
    short: str = ""

    @property
    def name(self) -> str:
        """The label in the first language given."""
        return next(iter(self.label.values()), self.code)


class Quotas(Settings):
    """Persons expected per group: the default split, and the zones that have their own."""

    default: dict[str, Annotated[int, Field(ge=0)]] = {}
    zones: dict[str, dict[str, Annotated[int, Field(ge=0)]]] = {}


class Codes(Settings):
    """Answer codes that carry a meaning, as the forms' choice lists write them."""

    yes: str = "yes"
    female: str = "f"
    male: str = "m"
    before: str = "before"
    after: str = "after"
    not_listed: str = "not_listed"


class TestItem(Settings):
    """A test question's theme and right answer."""

    __test__ = False

    theme: str
    answer: str


class FormSettings(Settings):
    """One form: its file in forms/, its *role*, and which question carries which meaning (*fields*).

    *zones*: what an answer to the zone's question says, its code or its label → the code in zones.csv, where they differ.
    """

    file: FileName
    role: Role = "other"
    titles: Labels = {}
    fields: dict[str, str] = {}
    zones: dict[str, str] = {}
    catalogue: FileName | None = None
    likert: list[str] = []
    open_questions: list[str] = []
    items: dict[str, TestItem] = {}
    themes: dict[str, str] = {}


class Roster(Settings):
    """How accepted registrations become a CSV that other forms show on phones."""

    form: str
    file: FileName = "participants.csv"
    media_of: list[str] = []
    min_minutes_between_deployments: int = Field(default=15, ge=0)


class Pull(Settings):
    """How submissions are read."""

    page_size: int = Field(default=1000, ge=1, le=1000)
    overlap_minutes: int = Field(default=120, ge=0)
    max_gone_share: float = Field(default=0.2, ge=0, le=1)
    complete_hours: float = Field(default=24, ge=0)
    most_hours: float = Field(default=12, gt=0)


class Deliverables(Settings):
    """Which deliverables are built, by name or by the dotted name of a module of yours."""

    zone: list[str] = []
    mission: list[str] = []


class Identity(Settings):
    """How documents look: *colour* of titles and table heads; *logos* are files in exports/templates/."""

    colour: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] = "#1F4E79"
    logos: list[FileName] = []


class Config(Settings):
    """Everything that defines a mission; *zones* come from zones.csv, *secrets* from the environment."""

    mission: Mission
    organisations: list[Organisation] = []
    sessions: list[Session] = []
    groups: list[Group] = []
    quotas: Quotas = Quotas()
    codes: Codes = Codes()
    forms: dict[Code, FormSettings]
    roster: Roster | None = None
    server: Server
    pull: Pull = Pull()
    files: Files = Files()
    schedule: Schedule = Schedule()
    station: StationSettings = StationSettings()
    service: Service = Service()
    engine: Engine = Engine()
    notices: Notices = Notices()
    deliverables: Deliverables = Deliverables()
    identity: Identity = Identity()
    report: ReportSettings = ReportSettings()
    zone_sheet: ZoneSheetSettings = ZoneSheetSettings()
    checks: Checks = Checks()
    backup: Backup = Backup()
    privacy: Privacy = Privacy()
    retention: Retention | None = None
    zones: list[Zone] = []
    secrets: dict[str, SecretStr] = {}

    def zone(self, code: str) -> Zone | None:
        """The zone called *code*, or None."""
        return next((zone for zone in self.zones if zone.code == code), None)

    def group(self, code: str) -> Group | None:
        """The group called *code*, or None."""
        return next((group for group in self.groups if group.code == code), None)

    def forms_with_role(self, role: Role) -> list[str]:
        """The form_ids of *role*, in the file's order."""
        return [form_id for form_id, form in self.forms.items() if form.role == role]

    @property
    def mission_papers(self) -> list[str]:
        """The deliverables of the mission's own set: of a mission of no zones also those of zones, made of all its rows."""
        return [*self.deliverables.mission, *([] if self.zones else self.deliverables.zone)]

    @property
    def is_survey(self) -> bool:
        """Whether no form is about people who are trained: what there is can be told of questions alone."""
        return all(form.role in SURVEY_ROLES for form in self.forms.values())

    @property
    def at_once(self) -> int:
        """How many pulls of the server, and missions at it, work side by side: ``server.at_once``, or under its older name."""
        is_named = "at_once" in self.server.model_fields_set
        return self.server.at_once if is_named else self.engine.per_server or self.server.at_once

    def secret(self, name: str) -> str:
        """The secret's value, or an empty string."""
        value = self.secrets.get(name)
        return value.get_secret_value() if value else ""


def parse_config(toml_text: str, csv_texts: Mapping[str, str], environ: Mapping[str, str]) -> Config:
    """The mission's settings.

    Shape: *csv_texts* maps ``config/<file>.csv`` to its text; *environ* holds the secrets.
    Raises: ConfigError with file, key and cure at the first wrong key or value.
    Source: config/mission.toml, config/zones.csv, config/secrets.env.
    """
    try:
        data = tomllib.loads(toml_text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", file=MISSION_FILE, hint="mend that line") from error
    for key in ("zones", "secrets"):
        if key in data:
            place = ZONES_FILE if key == "zones" else SECRETS_FILE
            raise ConfigError("does not belong here", file=MISSION_FILE, key=key, hint=f"write it in {place}")
    secrets = {name: SecretStr(environ[name]) for name in SECRET_NAMES if environ.get(name)}
    try:
        config = Config.model_validate(data | {"secrets": secrets})
    except ValidationError as error:
        raise first_complaint(error, MISSION_FILE) from error
    zones = zones_of(csv_texts.get(ZONES_FILE), config)
    config = config.model_copy(update={"zones": zones})
    _cross_check(config, csv_texts)
    for door in open_doors(config):
        if not door.is_let:
            raise ConfigError(door.message, file=MISSION_FILE, key=door.key, hint=door.cure)
    return config


def parse_secrets(text: str) -> dict[str, str]:
    """The ``NAME=value`` lines of *text*; blank lines and comments are skipped.

    Raises: ConfigError for a line that is neither, naming its number but never its content.
    """
    secrets = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or name.strip() not in SECRET_NAMES:
            raise ConfigError(
                "not a known NAME=value",
                file=SECRETS_FILE,
                key=f"line {number}",
                hint=f"the names are {', '.join(SECRET_NAMES)}",
            )
        secrets[name.strip()] = value.strip().strip("\"'")
    return secrets


def _cross_check(config: Config, csv_texts: Mapping[str, str]) -> None:
    """Refuse keys that name something that does not exist."""

    def refuse(key: str, message: str, hint: str) -> None:
        raise ConfigError(message, file=MISSION_FILE, key=key, hint=hint)

    mission = config.mission
    if mission.ends_on < mission.starts_on:
        refuse(
            "mission.ends_on", f"{mission.ends_on} is before starts_on ({mission.starts_on})", "correct one of the two"
        )
    groups = {group.code for group in config.groups}
    zones = {zone.code for zone in config.zones}
    for code in config.quotas.zones:
        if code not in zones:
            refuse(f"quotas.zones.{code}", "there is no such zone", f"{ZONES_FILE} has: {', '.join(sorted(zones))}")
    for key, split in [("quotas.default", config.quotas.default)] + [
        (f"quotas.zones.{code}", split) for code, split in config.quotas.zones.items()
    ]:
        for group in split:
            if group not in groups:
                refuse(f"{key}.{group}", "there is no such group", f"[[groups]] has: {', '.join(sorted(groups))}")
    for form_id, form in config.forms.items():
        check_mapping(config, form_id)
        for item, settings in form.items.items():
            if form.themes and settings.theme not in form.themes:
                refuse(
                    f"forms.{form_id}.items.{item}.theme",
                    f"{settings.theme!r} is no theme",
                    f"[forms.{form_id}.themes] lists them",
                )
        if form.catalogue and f"config/{form.catalogue}" not in csv_texts:
            refuse(
                f"forms.{form_id}.catalogue",
                f"config/{form.catalogue} is missing",
                "create it with columns code,label_fr,…",
            )
    for asset in config.server.assets:
        if asset not in config.forms:
            refuse(f"server.assets.{asset}", "there is no such form", f"the forms are: {', '.join(config.forms)}")
    by_form = [("checks.minutes", name) for name in config.checks.minutes]
    by_form += [("checks.bounds", name.partition(".")[0]) for name in config.checks.bounds]
    by_form += [(key, form_id) for key, form_id, _ in named_questions(config.privacy, config.retention)]
    for key, form_id in by_form:
        if form_id not in config.forms:
            refuse(key, f"there is no form {form_id!r}", f"the forms are: {', '.join(config.forms)}")
    if config.roster:
        for key, form_id in [("form", config.roster.form)] + [("media_of", name) for name in config.roster.media_of]:
            if form_id not in config.forms:
                refuse(
                    f"roster.{key}",
                    f"{form_id!r} is not a form of this mission",
                    f"the forms are: {', '.join(config.forms)}",
                )


def first_complaint(error: ValidationError, file: str) -> ConfigError:
    """The first of pydantic's complaints, as one sentence with its key in *file*; never the value of a secret."""
    complaints: list[Any] = error.errors(include_url=False)
    # A misspelt key is also a missing one: its own name helps more.
    first = next((one for one in complaints if one["type"] == "extra_forbidden"), complaints[0])
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        return ConfigError("unknown key", file=file, key=key, hint="check its spelling, or remove it")
    if first["type"] == "missing":
        return ConfigError(
            "the key is missing", file=file, key=key, hint="add it; docs/operations.md explains each key"
        )
    message = str(first["msg"]).removeprefix("Value error, ")
    hint = "write it as 2025-02-11" if first["type"].startswith("date") else "correct the value"
    return ConfigError(f"{first['input']!r}: {message}", file=file, key=key, hint=hint)

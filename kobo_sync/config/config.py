"""The mission's settings: TOML text, CSV texts and an environment mapping become one Config."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import time
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError

from kobo_sync.config.checks_and_keeping import Backup, Checks, Encryption, Files, Retention, Settings
from kobo_sync.config.complaints import first_complaint
from kobo_sync.config.doors import Server, open_doors
from kobo_sync.config.files import MISSION_FILE, SECRET_NAMES, SECRETS_FILE, ZONES_FILE
from kobo_sync.config.mission import Code, Labels, Mission, Text
from kobo_sync.config.privacy import Privacy, named_questions
from kobo_sync.config.report import FileName, ReportSettings
from kobo_sync.config.service import Engine, Notices, Schedule, Service
from kobo_sync.config.station import StationSettings
from kobo_sync.config.zone_sheet import ZoneSheetSettings
from kobo_sync.config.zones import SURVEY_ROLES, check_mapping, zones_of
from kobo_sync.errors import ConfigError
from kobo_sync.model import Zone

Role = Literal["registration", "attendance", "test", "satisfaction", "needs", "focus_group", "road_map", "other"]
Proof = Literal["signature", "answer", "row"]
PROVED_BY: Mapping[Proof, str] = {"signature": "signature", "answer": "present"}  # the meaning that the form must ask


class Organisation(Settings):
    """An organisation that signs the deliverables."""

    name: str = Field(min_length=1)


class Session(Settings):
    """A half-day, or any other session, with its local hours; *days*: on which of a zone's days it is held (1 is the first), each if empty."""

    code: Code
    label: Labels
    starts: time | None = None
    ends: time | None = None
    days: list[Annotated[int, Field(ge=1)]] = []

    @property
    def minutes(self) -> int:
        """How long it lasts; 0 where its hours are not set."""
        if self.starts is None or self.ends is None:
            return 0
        return max(0, (self.ends.hour - self.starts.hour) * 60 + self.ends.minute - self.starts.minute)


class Group(Settings):
    """A group of participants; *short*, in one language or by language, is for table headers."""

    code: Code
    label: Labels
    short: Text = {}

    @property
    def name(self) -> str:
        """The label in the first language given."""
        return next(iter(self.label.values()), self.code)


Expected = Annotated[int, Field(ge=0, le=1_000_000)]  # persons


Split = Annotated[dict[str, Expected], BeforeValidator(lambda value: {"": value} if type(value) is int else value)]


class Quotas(Settings):
    """Persons expected in each zone, per group or (one number: under an empty code) in all; *zones* have their own; *sexes* per sex."""

    default: Split = {}
    zones: dict[str, Split] = {}
    sexes: dict[str, Expected] = {}

    def of(self, zone: str) -> tuple[int, dict[str, int]]:
        """The persons expected in *zone*, and the same per group where they are set so."""
        split = self.zones.get(zone, self.default)
        return sum((split or self.sexes).values()), {group: n for group, n in split.items() if group}


class Codes(Settings):
    """Answer codes that carry a meaning, as the forms' choice lists write them. *present*: of who is there; empty: *yes*."""

    yes: str = "yes"
    present: list[str] = []
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
    """One form: its file in forms/, its *role*, and which question carries which meaning (*fields*); `proof` says what *presence_by* means.

    *zones*: what an answer to the zone's question says, its code or its label → the code in zones.csv, where they differ; *form_id*: what the
    workbook calls itself where that is not the key: projects of KoboToolbox may share an id, or have one that is no key.
    """

    file: FileName
    form_id: str = ""
    role: Role = "other"
    presence_by: Proof | None = None
    titles: Labels = {}
    fields: dict[str, str] = {}
    zones: dict[str, str] = {}
    catalogue: FileName | None = None
    likert: list[str] = []
    open_questions: list[str] = []
    items: dict[str, TestItem] = {}
    themes: dict[str, Text] = {}

    @property
    def proof(self) -> Proof:
        """What proves presence in an attendance form: a signature where it asks for one, else an answer where it asks who is there, else the row."""
        if self.presence_by:
            return self.presence_by
        return "signature" if self.fields.get("signature") else "answer" if self.fields.get("present") else "row"


class Roster(Settings):
    """How accepted registrations become a CSV that other forms show on phones.

    *entities*: on ODK Central it is an entity list of that name, whose changes reach phones without a new version of a form; *by_zone*:
    and each phone gets the persons of its own zone alone.
    """

    form: str
    file: FileName = "participants.csv"
    entities: bool = False
    by_zone: bool = False
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
    encryption: Encryption = Encryption()
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

    def has_role(self, *roles: Role) -> bool:
        """Whether the mission has a form of one of *roles*: what it has not leaves no trace in figures and papers."""
        return any(form.role in roles for form in self.forms.values())

    def asks(self, meaning: str, *roles: Role) -> bool:
        """Whether a form of one of *roles* has a question that carries *meaning*."""
        return any(form.role in roles and form.fields.get(meaning) for form in self.forms.values())

    def sessions_on(self, day: int) -> list[Session]:
        """The sessions of a zone's day, 1 the first."""
        return [session for session in self.sessions if not session.days or day in session.days]

    @property
    def present_codes(self) -> frozenset[str]:
        """The answers by which somebody is there."""
        return frozenset(self.codes.present or [self.codes.yes])

    @property
    def mission_papers(self) -> list[str]:
        """The deliverables of the mission's own set: of a mission of no zones also those of zones, made of all its rows."""
        return [*self.deliverables.mission, *([] if self.zones else self.deliverables.zone)]

    @property
    def is_survey(self) -> bool:
        """Whether no form is about people who are trained: what there is can be told of questions alone."""
        return all(form.role in SURVEY_ROLES for form in self.forms.values())

    @property
    def has_trainer(self) -> bool:
        """Whether somebody trains: a trainer is named, or there are half-days or tests of what was learnt."""
        return bool(self.mission.trainer or self.sessions or self.has_role("test"))

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
    complaints = (*_wrong_quotas(config), *_wrong_days(config), *_wrong_proofs(config), *_wrong_ids(config))
    for key, (message, hint) in complaints:
        refuse(key, message, hint)
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


_Complaint = tuple[str, tuple[str, str]]  # the key; what is wrong, and the cure


def _wrong_quotas(config: Config) -> Iterator[_Complaint]:
    """Quotas of zones, groups and sexes that there are not; groups that one code names."""
    quotas, groups, zones = config.quotas, [group.code for group in config.groups], [z.code for z in config.zones]
    for at, code in enumerate(groups):
        if code in groups[:at]:
            yield f"groups.{at}.code", (f"{code!r} is the code of two groups", "give each a code of its own")
    for code in quotas.zones:
        if code not in zones:
            hint = f"{ZONES_FILE} has: {', '.join(sorted(zones))}"
            yield f"quotas.zones.{code}", ("there is no such zone", hint)
    tables = {"quotas.default": quotas.default} | {f"quotas.zones.{code}": n for code, n in quotas.zones.items()}
    for key, split in tables.items():
        for group in filter(None, split):
            if group not in groups:
                hint = (
                    f"[[groups]] has: {', '.join(sorted(groups))}"
                    if groups
                    else "write it in [[groups]], or one number of persons"
                )
                yield f"{key}.{group}", ("there is no such group", hint)
    sexes = (config.codes.female, config.codes.male)
    for sex in quotas.sexes:
        if sex not in sexes:
            yield f"quotas.sexes.{sex}", ("is the code of no sex", f"[codes] has: {', '.join(sexes)}")


def _wrong_days(config: Config) -> Iterator[_Complaint]:
    """Sessions of a day that a zone has not."""
    codes = [session.code for session in config.sessions]
    for at, session in enumerate(config.sessions):
        if session.code in codes[:at]:
            yield (
                f"sessions.{at}.code",
                (f"{session.code!r} is the code of two sessions", "give each a code of its own"),
            )
        if session.starts and session.ends and session.ends <= session.starts:
            yield f"sessions.{at}.ends", ("the session ends before it starts", "correct one of the two hours")
        for zone in config.zones:
            if session.days and max(session.days) > len(zone.days):
                hint = f"give the zone its days in {ZONES_FILE}, column days, or correct the session's days"
                message = (
                    f"the session is held on day {max(session.days)}, and the zone {zone.code} has {len(zone.days)}"
                )
                yield f"sessions.{at}.days", (message, hint)


def _wrong_proofs(config: Config) -> Iterator[_Complaint]:
    """Presence by what the form does not ask."""
    for form_id, form in config.forms.items():
        if form.presence_by and form.role != "attendance":
            hint = "take the key out: only attendance forms (role) say who was there"
            yield f"forms.{form_id}.presence_by", (f"the form's role is {form.role}", hint)
        asked = PROVED_BY.get(form.proof, "")
        if form.presence_by and asked and not form.fields.get(asked):
            hint = f"name in forms.{form_id}.fields the question that carries “{asked}”, or take presence_by out"
            yield f"forms.{form_id}.fields.{asked}", (f"the key is missing: presence_by is {form.proof}", hint)


def _wrong_ids(config: Config) -> Iterator[_Complaint]:
    """An id of a workbook beside its key, where the server calls forms by what they call themselves."""
    for form_id, form in config.forms.items() if config.server.is_central else ():
        if form.form_id not in ("", form_id):
            hint = f"make it the key, [forms.{form.form_id}], and take form_id out"
            yield f"forms.{form_id}.form_id", ("ODK Central calls a form by its own id", hint)

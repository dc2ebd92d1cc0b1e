"""What tests share: a mission in a folder of its own, a field station on loopback, a clock that is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shared_databases
from werkzeug.security import generate_password_hash

from kobo_sync.databases.engines import Address
from kobo_sync.desk import accounts
from kobo_sync.desk import schema as desk_schema
from kobo_sync.desk.database import Desk
from kobo_sync.mission.mission import Mission, silent
from kobo_sync.model import Report
from kobo_sync.phones.collect import Phone
from kobo_sync.phones.simulate import Sample, draw_answers, instance_xml
from kobo_sync.station import Account, Station, serve
from kobo_sync.steps.demo import demo
from kobo_sync.steps.deploy import deploy
from kobo_sync.store.database import Store
from kobo_sync.store.tables.layout import FlatTable
from kobo_sync.workspace.folders import Workspace, find

pytest_plugins = ["web_office", "web_workshop", "browser_room"]
ON_BOTH = (  # tests of what is stored, or made from it: they run on SQLite and on PostgreSQL
    "store/",
    "steps/test_pull",
    "steps/test_mirror_",
    "steps/test_history",
    "steps/test_purge",
    "steps/test_keeping",
    "steps/test_rebuild",
    "steps/test_attachments",
    "steps/test_build",
    "steps/test_export",
    "steps/test_check",
    "steps/test_roster",
    "steps/test_several_machines",
    "steps/test_zones_as_said",
    "central/test_central_pull",  # and its neighbours of that beginning
)
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
REPO = Path(__file__).parent.parent
TOKEN, PASSWORD = "t" * 40, "secret"
READER_TOKEN = "r" * 40  # of an account that sees what it is given

MISSION = """
[mission]
code = "essai"
title = "Mission d’essai"
languages = ["fr", "ar"]
timezone = "Africa/Casablanca"
starts_on = 2025-02-11
ends_on = 2025-02-13

[[groups]]
code = "a"
label = { fr = "Groupe A" }
[[groups]]
code = "b"
label = { fr = "Groupe B" }
[quotas.default]
a = 2
b = 1

[codes]
"yes" = "oui"

[forms.personnes]
role = "registration"
file = "personnes.md"
[forms.personnes.fields]
zone = "zone"
consent = "accord"
person = "code"
family_name = "nom"
group = "groupe"

[forms.visites]
file = "visites.md"
[forms.visites.fields]
zone = "zone"

[roster]
form = "personnes"
media_of = ["visites"]
min_minutes_between_deployments = 0

[server]
kf = "http://127.0.0.1:1"
kc = "http://127.0.0.1:1"
"""

# The same with people's visits as attendance: of whom there is a row was there.
ATTENDED = MISSION.replace("[forms.visites]\n", '[forms.visites]\nrole = "attendance"\npresence_by = "row"\n').replace(
    '[forms.visites.fields]\nzone = "zone"', '[forms.visites.fields]\nzone = "zone"\nperson = "personne"'
)

ZONES = "code,label_fr,label_ar,prefix\nnord,Nord,الشمال,NOR\nsud,Sud,الجنوب,SUD\n"

PERSONNES = """
| survey |                                |        |                        |                     |          |                   |
|        | type                           | name   | label::Français (fr)   | label::العربية (ar) | required | relevant          |
|        | select_one_from_file zones.csv | zone   | Zone                   | المنطقة             | yes      |                   |
|        | select_one oui_non             | accord | D’accord ?             | موافق؟              | yes      |                   |
|        | text                           | code   | Code                   | الرمز               | yes      | ${accord} = 'oui' |
|        | text                           | nom    | Nom                    | الاسم               | yes      | ${accord} = 'oui' |
|        | select_one groupe              | groupe | Groupe                 | المجموعة            | yes      | ${accord} = 'oui' |
|        | integer                        | age    | Âge                    | السن                |          | ${accord} = 'oui' |
|        | text                           | note   | Note                   | ملاحظة              |          |                   |
| choices |
|        | list_name | name | label::Français (fr) | label::العربية (ar) |
|        | oui_non   | oui  | Oui                  | نعم                 |
|        | oui_non   | non  | Non                  | لا                  |
|        | groupe    | a    | A                    | أ                   |
|        | groupe    | b    | B                    | ب                   |
| settings |
|        | form_title | form_id   | version | default_language |
|        | Personnes  | personnes | 1       | Français (fr)    |
"""

VISITES = """
| survey |                                       |          |                      |                     |            |
|        | type                                  | name     | label::Français (fr) | label::العربية (ar) | parameters |
|        | select_one_from_file zones.csv        | zone     | Zone                 | المنطقة             |            |
|        | select_one_from_file participants.csv | personne | Personne             | الشخص               |            |
|        | begin_group                           | lieu     | Lieu                 | المكان              |            |
|        | geopoint                              | gps      | Position             | الموقع              |            |
|        | end_group                             |          |                      |                     |            |
|        | image                                 | photo    | Photo                | صورة                | max-pixels=640 |
|        | begin_repeat                          | membre   | Membre               | عضو                 |            |
|        | text                                  | prenom   | Prénom               | الاسم الشخصي        |            |
|        | integer                               | annees   | Années               | السنوات             |            |
|        | end_repeat                            |          |                      |                     |            |
| settings |
|        | form_title | form_id | version | default_language |
|        | Visites    | visites | 1       | Français (fr)    |
"""


class Clock:
    """Told time: it moves when a test says so."""

    def __init__(self) -> None:
        self.now = datetime(2025, 2, 11, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Field:
    """A mission, its server (a station, or a real one that tests were told of) and a phone: what an end-to-end test needs."""

    mission: Mission
    station: Station
    url: str
    clock: Clock
    phone: Phone
    reopen: Callable[[], Mission]
    new_id: Callable[[], str]
    kc: str = ""
    token: str = TOKEN
    reader: tuple[str, str] = ("lecteur", READER_TOKEN)  # username, token of an account that sees what it is given
    _xforms: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kc = self.kc or self.url

    def uid(self, form_id: str) -> str:
        return self.mission.store.deployments()[form_id].asset_uid

    def submit(
        self,
        form_id: str,
        given: Mapping[str, object],
        *,
        files: Mapping[str, tuple[bytes, str]] | None = None,
        edits: str = "",
        instance_id: str = "",
    ) -> str:
        """Send a submission as Collect does; returns its instance uuid."""
        offered = next(form for form in self.phone.forms() if form.asset_uid == self.uid(form_id))
        if form_id not in self._xforms or self._xforms[form_id][0] != offered.hash:
            self._xforms[form_id] = (offered.hash, self.phone.xform(offered))
        instance_id = instance_id or self.new_id()
        from random import Random

        answers = draw_answers(self.mission.forms[form_id], Random(1), Sample(given))
        xml = instance_xml(self._xforms[form_id][1], answers, instance_id=instance_id, deprecated_id=edits)
        self.phone.send(xml, files or {})
        return instance_id

    def person(self, code: str, zone: str = "nord", group: str = "a", **more: object) -> str:
        given = {"zone": zone, "accord": "oui", "code": code, "nom": f"Nom {code}", "groupe": group, **more}
        return self.submit("personnes", given)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Passwords of tests are kept at a sixteenth of the product's cost, which tests/desk/test_kept_passwords.py shows."""

    def scrypt(password: str) -> str:
        return generate_password_hash(password, method="scrypt:2048:8:1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_scrypt", scrypt)
        yield


def write_workspace(root: Path, mission: str = MISSION) -> Workspace:
    """A small mission's folder: two forms in Markdown, two zones."""
    for folder in ("config", "forms"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "config" / "mission.toml").write_text(mission, "utf-8")
    (root / "config" / "zones.csv").write_text(ZONES, "utf-8")
    (root / "forms" / "personnes.md").write_text(PERSONNES, "utf-8")
    (root / "forms" / "visites.md").write_text(VISITES, "utf-8")
    return Workspace(root, root / ".kobo_sync", root / "exports" / "out")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return write_workspace(tmp_path / "mission")


@contextmanager
def field_in(
    folder: Path,
    write: Callable[[Path], Workspace] = write_workspace,
    station_file: Path | None = None,
    first: int = 1,
) -> Iterator[Field]:
    """The small mission in *folder* (or what *write* puts there), deployed on a station of its own, whose ids count from *first* on."""
    workspace = write(folder / "mission")
    clock, uids, uuids, ids = Clock(), count(first), count(first), count(first)
    station = Station(
        station_file or folder / "station.sqlite",
        accounts=[Account("maha", PASSWORD, TOKEN), Account("lecteur", PASSWORD, READER_TOKEN)],
        clock=clock,
        new_uid=lambda prefix: f"{prefix}{next(uids):0{22 - len(prefix)}}",
        new_uuid=lambda: f"11111111-1111-4111-8111-{next(uuids):012}",
    )
    opened: list[Mission] = []
    with serve(station) as running:

        def reopen() -> Mission:
            opened.append(Mission(workspace, {"KOBO_TOKEN": TOKEN}, clock, server=(running.url, running.url)))
            return opened[-1]

        phone = Phone(running.url, "maha", PASSWORD)
        mission = reopen()
        deploy(mission, validate=False)  # its two forms pass, as test_deploy shows: each time costs two starts of Java
        yield Field(
            mission, station, running.url, clock, phone, reopen, lambda: f"00000000-0000-4000-8000-{next(ids):012}"
        )
        phone.close()
        for each in opened:
            each.close()
    station.close()


@pytest.fixture
def field_team(workspace: Workspace, tmp_path: Path) -> Iterator[Field]:
    """The small mission, deployed on a station of its own."""
    with field_in(tmp_path) as field:
        yield field


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    path = metafunc.definition.path.relative_to(Path(__file__).parent).as_posix()
    if path.startswith(ON_BOTH) and not metafunc.definition.get_closest_marker("one_database"):
        metafunc.fixturenames.insert(0, "database")
        metafunc.parametrize(
            "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
        )


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which database missions of this test use."""
    name: str = request.param
    if name == "postgresql":
        monkeypatch.setenv(shared_databases.SERVER, request.getfixturevalue("postgres"))
    return name


@pytest.fixture
def own_workspace(tmp_path: Path) -> Workspace:
    """A copy of this repository's own mission, to be spoilt."""
    root = tmp_path / "own"
    for folder in ("config", "forms"):
        shutil.copytree(REPO / folder, root / folder)
    return Workspace(root, root / ".kobo_sync", root / "exports" / "out")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server's address, for the desk."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if not POSTGRES:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    folder = Path(tempfile.mkdtemp(prefix="kobo-sync-"))  # a short path: a socket's name has little room
    as_postgres: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    initdb, ctl = str(POSTGRES[-1] / "initdb"), str(POSTGRES[-1] / "pg_ctl")
    data = str(folder / "data")

    def run(*command: str) -> None:
        subprocess.run([*as_postgres, *command], check=True, capture_output=True, cwd=folder)

    run(initdb, "-D", data, "-U", "desk", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c max_locks_per_transaction=256 -c max_connections=200 -c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    run(ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://desk@/postgres?host={folder}"
    finally:
        run(ctl, "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    is_file = request.param == "sqlite"
    opened = Desk(tmp_path / "desk.sqlite" if is_file else Address(request.getfixturevalue("postgres"), "", "DESK_URL"))
    yield opened
    if request.param == "postgresql":
        with opened.begin() as connection:
            for table in reversed(desk_schema.metadata.sorted_tables):
                if table.name != "desk_facts":
                    connection.execute(table.delete())
    opened.close()


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report, dict[str, Report]]:
    """The demo mission, told once: its folder, its report, and those of its steps by name."""
    output = tmp_path_factory.mktemp("demo") / "out"
    steps: dict[str, Report] = {}

    def done(name: str, _seconds: float, report: Report | None) -> None:
        if report:
            steps[name.strip()] = report

    report = demo(find(REPO), output, 1, progress=silent, done=done)
    return output, report, steps


@pytest.fixture
def read_whole(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The tables of the mirror that are read whole, not of some zones, by their names."""
    found: set[str] = set()
    read_table = Store.read_table

    def noted(self: Store, table: FlatTable, **asked: Any) -> pd.DataFrame:
        if not asked.get("where", ("",))[0]:
            found.add(table.name)
        return read_table(self, table, **asked)

    monkeypatch.setattr(Store, "read_table", noted)
    return found

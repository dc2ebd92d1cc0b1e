"""A small mission with data, documents, findings and accounts, its pages on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kobo_sync.cli.service import MOST_BYTES
from kobo_sync.desk import accounts
from kobo_sync.mission.mission import CurrentMission, Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import AccountRole
from kobo_sync.serving import Listening
from kobo_sync.steps.run import run
from kobo_sync.web import Site, create_app
from kobo_sync.web.porter import porter
from kobo_sync.workspace.folders import find

if TYPE_CHECKING:
    from conftest import Field

SENTENCE = "une phrase assez longue"
PEOPLE: tuple[tuple[str, AccountRole, bool], ...] = (
    ("amina", "administrator", False),
    ("maha", "staff", False),
    ("lea", "consultant", False),
    ("nora", "consultant", True),
    ("rachid", "reader", False),
)
PAGES = (  # that everybody on the staff sees, without an object of its own
    "/",
    "/collecte",
    "/collecte/visites",
    "/qualite",
    "/synchronisations",
    "/livrables",
    "/formulaires?compte=fatima",
    "/reglages",
    "/compte",
)
EXTRA = """
[deliverables]
zone = ["attendance_list", "data_quality", "zone_sheet"]
[schedule]
pull = ["*/15 7-21 * * *"]
reconcile = ["0 4 * * *"]
"""


@dataclass
class Office:
    """The mission in the field, its pages, and what was woken."""

    field: Field
    app: Flask
    woken: list[str] = field(default_factory=list)

    def client(self, username: str = "") -> FlaskClient:
        """A browser without scripts, signed in as *username*; forged requests are refused as in life."""
        client = self.app.test_client()
        if username:
            answer = client.post(
                "/connexion",
                data={"username": username, "password": SENTENCE, "csrf_token": token_of(client, "/connexion")},
            )
            assert answer.status_code == 302, answer.text
        return client


def token_of(client: FlaskClient, path: str) -> str:
    """The token that a form of the page carries."""
    text = client.get(path).text
    return text.partition('name="csrf_token" value="')[2].partition('"')[0]


def post(client: FlaskClient, to: str, page: str, **data: object) -> Any:
    """Send a form of *page* to the address *to*."""
    return client.post(to, data={**data, "csrf_token": token_of(client, page)})


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mission's folder after a whole run against a station; tests work on copies of it."""
    from conftest import ATTENDED, field_in

    folder = tmp_path_factory.mktemp("office")
    with field_in(folder) as field:
        path = field.mission.workspace.root / "config" / "mission.toml"
        path.write_text(ATTENDED + EXTRA, "utf-8")
        for n in range(4):
            field.person(f"NOR-{n:02}", group="ab"[n % 2])
        field.person("NOR-04", nom="<script>alert(1)</script>")
        for n in range(3):
            field.submit("visites", {"zone": "nord", "personne": "NOR-01", "gps": f"32.{5 + n} -4.{7 - n} 0 5"})
        mission = field.reopen()
        recorded(mission, "run", run)
        for username, role, names in PEOPLE:
            accounts.add_user(
                mission.desk, username, username.title(), role, SENTENCE, names=names, now=field.clock(), by=""
            )
    return folder / "mission"


@pytest.fixture
def office(made_once: Path, tmp_path: Path) -> Iterator[Office]:
    """Its pages, not on a port: the test client speaks to them."""
    from conftest import Clock, Field

    root = tmp_path / "mission"
    shutil.copytree(made_once, root)
    workspace, clock, opened = find(root), Clock(), []

    def reopen() -> Mission:
        opened.append(Mission(workspace, {"KOBO_TOKEN": "t" * 40}, clock))
        return opened[-1]

    woken: list[str] = []
    app = create_app(Site(CurrentMission(reopen), clock, lambda: woken.append("x")))
    yield Office(Field(reopen(), None, "", clock, None, reopen, str), app, woken)  # type: ignore[arg-type]
    for each in opened:
        each.close()


@pytest.fixture
def pages(office: Office) -> Iterator[str]:
    """The address of the office's pages, for a real browser."""
    with Listening(office.app, most_bytes=MOST_BYTES, porter=porter(office.app)) as listening:
        yield listening.url


def made(office: Office, name: str) -> Path:
    """A file below exports/out/."""
    return office.field.mission.workspace.out / name

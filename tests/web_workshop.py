"""A mission whose forms are on a station on loopback, or are to come from there; its pages, and the service that does what they ask for."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_office import PEOPLE, SENTENCE, token_of

from kobo_sync.cli.service import MOST_BYTES
from kobo_sync.desk import accounts
from kobo_sync.forms.sheets import as_workbook
from kobo_sync.mission.mission import CurrentMission, Mission
from kobo_sync.service.loop import Service
from kobo_sync.serving import Listening
from kobo_sync.web import Site, create_app
from kobo_sync.web.porter import porter
from kobo_sync.workspace.folders import Workspace

if TYPE_CHECKING:
    from central_office import Office
    from conftest import Field


@dataclass
class Workshop:
    """A mission beside the station of *field*, its pages, and its service, which carries out jobs when a test says so."""

    field: Field
    mission: Mission
    environ: dict[str, str]
    app: Flask
    service: Service
    url: str

    @property
    def root(self) -> Path:
        """The mission's folder."""
        return self.mission.workspace.root

    def client(self, username: str = "amina") -> FlaskClient:
        """A browser without scripts, signed in as *username*."""
        client = self.app.test_client()
        data = {"username": username, "password": SENTENCE, "csrf_token": token_of(client, "/connexion")}
        assert client.post("/connexion", data=data).status_code == 302
        return client

    def carry_out_all(self) -> None:
        """Have the service do what was asked for."""
        while self.service.carry_out_next():
            pass


def workbook(markdown: str) -> bytes:
    """A form in Markdown as the .xlsx that people upload."""
    return as_workbook(markdown.encode(), "form.md")[0]


def upload(client: FlaskClient, to: str, page: str, content: bytes, file: str = "visites.xlsx", **data: str) -> str:
    """Send a file as the form on *page* does, and give the page that follows."""
    kind = "medium" if "medias" in to else "workbook"
    fields = {kind: (io.BytesIO(content), file), "csrf_token": token_of(client, page), **data}
    return client.post(to, data=fields, content_type="multipart/form-data", follow_redirects=True).text


@contextmanager
def _opened(field: Field, open_one: Callable[[], Mission], environ: dict[str, str]) -> Iterator[Workshop]:
    opened: list[Mission] = []

    def open_kept() -> Mission:
        opened.append(open_one())
        return opened[-1]

    mission = open_kept()
    for username, role, names in PEOPLE:
        accounts.add_user(
            mission.desk, username, username.title(), role, SENTENCE, names=names, now=field.clock(), by=""
        )
    service = Service(open_kept, field.clock)
    app = create_app(Site(CurrentMission(open_kept), field.clock, service.wake))
    with Listening(app, most_bytes=MOST_BYTES, porter=porter(app)) as listening:
        yield Workshop(field, mission, environ, app, service, listening.url)
    service.stop()
    for each in opened:
        each.close()


@pytest.fixture
def workshop(field_team: Field) -> Iterator[Workshop]:
    """Two forms deployed on a station, people of every role, pages on a port."""
    of_field = field_team.mission
    with _opened(
        field_team,
        lambda: Mission(of_field.workspace, of_field.environ, field_team.clock, server=of_field.server),
        dict(of_field.environ),
    ) as made:
        yield made


@pytest.fixture
def newcomer(field_team: Field, tmp_path: Path) -> Iterator[Workshop]:
    """A mission without forms and without a token, beside that station, which has two projects."""
    from conftest import MISSION

    folder, environ = tmp_path / "new", {}  # type: tuple[Path, dict[str, str]]
    for name in ("config", "forms"):
        (folder / name).mkdir(parents=True)
    head = MISSION[: MISSION.index("[forms.personnes]")]
    server = '[server]\nkf = "http://127.0.0.1:1"  # ours\nkc = "http://127.0.0.1:1"\n'
    (folder / "config" / "mission.toml").write_text(f"{head}[forms]\n\n{server}", "utf-8")
    (folder / "config" / "zones.csv").write_text("code,label_fr\nnord,Nord\nsud,Sud\n", "utf-8")
    secrets = folder / "config" / "secrets.env"
    secrets.write_text("# ours\nHOOK_SECRET=un-long-mot\n", "utf-8")
    secrets.chmod(0o600)
    workspace = Workspace(folder, folder / ".kobo_sync", folder / "exports" / "out")
    with _opened(field_team, lambda: Mission(workspace, environ, field_team.clock), environ) as made:
        yield made


@pytest.fixture
def on_central(tmp_path: Path) -> Iterator[tuple[Workshop, Office]]:
    """The small mission on a stand-in of ODK Central, with its two forms there; its account stands in config/secrets.env."""
    from central_field import SECRETS, central_field_in

    with central_field_in(tmp_path) as field:
        secrets, environ = field.workspace.root / "config" / "secrets.env", {}  # type: tuple[Path, dict[str, str]]
        secrets.write_text("# ours\n" + "".join(f"{name}={value}\n" for name, value in SECRETS.items()), "utf-8")
        secrets.chmod(0o600)
        of_field = cast("Field", field)
        with _opened(of_field, lambda: Mission(field.workspace, environ, field.clock), environ) as made:
            yield made, field.office

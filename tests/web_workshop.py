"""A mission whose forms are on a station on loopback, its pages, and the service that does what they ask for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from conftest import Field


@dataclass
class Workshop:
    """The mission in the field, its pages, and its service, which carries out one job when a test says so."""

    field: Field
    app: Flask
    service: Service
    url: str

    @property
    def root(self) -> Path:
        """The mission's folder."""
        return self.field.mission.workspace.root

    def client(self, username: str) -> FlaskClient:
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


@pytest.fixture
def workshop(field_team: Field) -> Iterator[Workshop]:
    """Two forms deployed on a station, people of every role, pages on a port."""
    opened: list[Mission] = []

    def open_one() -> Mission:
        mission = field_team.mission
        opened.append(Mission(mission.workspace, mission.environ, field_team.clock, server=mission.server))
        return opened[-1]

    for username, role, names in PEOPLE:
        accounts.add_user(
            field_team.mission.desk, username, username.title(), role, SENTENCE, names=names, now=field_team.clock()
        )
    service = Service(open_one, field_team.clock)
    app = create_app(Site(CurrentMission(open_one), field_team.clock, service.wake))
    with Listening(app, most_bytes=MOST_BYTES, porter=porter(app)) as listening:
        yield Workshop(field_team, app, service, listening.url)
    service.stop()
    for each in opened:
        each.close()

"""What the room's station received is brought to ODK Central: paired, filled on a phone, relayed, each submission once (part 12, 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import pytest
from central_office import ADMIN, Fault, Office, central
from central_office import PASSWORD as CENTRAL_PASSWORD
from conftest import PASSWORD, Clock, write_workspace

from kobo_sync.mission.mission import Mission
from kobo_sync.phones.collect import Phone
from kobo_sync.phones.simulate import Sample, draw_answers, instance_xml
from kobo_sync.station import Account, Station, serve
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pair import pair_station
from kobo_sync.steps.pull import pull
from kobo_sync.steps.relay import Wish, relay

SECRETS = {"CENTRAL_EMAIL": ADMIN, "CENTRAL_PASSWORD": CENTRAL_PASSWORD}


def on_central(root: Path, office: Office, clock: Clock | None = None) -> Mission:
    """The small mission, its server being *office*."""
    workspace = write_workspace(root)
    settings = workspace.root / "config" / "mission.toml"
    lines = []
    for line in settings.read_text("utf-8").splitlines():
        if line.startswith("kf ="):
            line = f'kind = "odk-central"\nurl = "{office.address}"\nproject = 1'  # noqa: PLW2901
        if not line.startswith("kc ="):
            lines.append(line)
    settings.write_text("\n".join(lines), "utf-8")
    return Mission(workspace, SECRETS, clock or Clock())


@dataclass
class Room:
    """A mission on Central with a station of its own, paired, and a phone at it."""

    office: Office
    mission: Mission
    station: Station
    phone: Phone
    ids: Iterator[int]

    def fill(self, name: str, form_id: str, *, edits: str = "") -> str:
        """A form filled on the phone and sent to the station; its instanceID."""
        offered = next(form for form in self.phone.forms() if form.name == name)
        answers = draw_answers(self.mission.forms[form_id], Random(next(self.ids)), Sample({"zone": "nord"}))
        uuid = f"99999999-0000-4000-8000-{next(self.ids):012}"
        options = {"deprecated_id": edits} if edits else {}
        xml = instance_xml(self.phone.xform(offered), answers, instance_id=uuid, **options)
        self.phone.send(xml, {})
        return uuid


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    numbers = count(500)
    with central() as office:
        mission = on_central(tmp_path / "mission", office)
        deploy(mission)
        station = Station(
            mission.workspace.station_database,
            accounts=[Account("fatima", PASSWORD), Account("administration", "", "t" * 40, is_superuser=True)],
            clock=mission.clock,
            new_uid=lambda prefix: f"{prefix}{next(numbers):0{22 - len(prefix)}}",
            new_uuid=lambda: f"33333333-3333-4333-8333-{next(numbers):012}",
        )
        with serve(station) as running:
            phone = Phone(running.url, "fatima", PASSWORD)
            yield Room(office, mission, station, phone, count(1))
            phone.close()
        station.close()
        mission.close()


def test_the_station_serves_centrals_own_bytes(room: Room) -> None:
    report = pair_station(room.mission, room.station)
    assert (report.counts["paired"], report.findings) == (2, ())
    assert pair_station(room.mission, room.station).counts["unchanged"] == 2
    for form in room.phone.forms():
        assert room.phone.xform(form) == room.office.form(form.asset_uid).versions[-1].xml.decode()


def test_what_the_station_received_is_on_central_once(room: Room) -> None:
    pair_station(room.mission, room.station)
    first = [room.fill("Personnes", "personnes") for _ in range(3)]
    visit = room.fill("Visites", "visites")
    report = relay(room.mission, Wish())
    assert report.findings == ()
    assert (report.counts["stored"], report.counts["relayed"], report.counts["refused"]) == (4, 4, 0)
    assert sorted(row.root_id for row in room.office.form("personnes").live) == sorted(f"uuid:{each}" for each in first)
    assert [row.root_id for row in room.office.form("visites").live] == [f"uuid:{visit}"]
    posts = [
        path
        for method, path in room.office.requests
        if method == "POST" and path.startswith("/v1/projects/1/submission")
    ]
    assert len(posts) == 4
    assert relay(room.mission, Wish()).counts["sent"] == 0
    pulled = pull(room.mission)
    assert [line.partition(" ·")[0] for line in pulled.lines] == [
        "personnes: server 3 = local 3",
        "visites: server 1 = local 1",
    ]


def test_a_receipt_that_was_lost_is_asked_for_not_believed(room: Room) -> None:
    """The post is taken, its receipt is cut: posted again it is the same row, and is counted once."""
    pair_station(room.mission, room.station)
    room.fill("Personnes", "personnes")
    room.office.faults.append(Fault("POST .*/submission", "error"))
    relay(room.mission, Wish())
    report = relay(room.mission, Wish(again=True))
    assert len(room.office.form("personnes").live) == 1
    assert (report.counts["stored"], report.counts["waiting"]) == (1, 0)

"""The room's station paired with KoboToolbox: the same bytes for phones, and nothing lost at a new pairing (part 9, 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import pytest
import requests
from conftest import PASSWORD, Field, field_in

from kobo_sync.errors import KoboRefused
from kobo_sync.kobo.server import KoboServer
from kobo_sync.phones.collect import Phone
from kobo_sync.phones.simulate import Sample, draw_answers, instance_xml
from kobo_sync.serving import Listening
from kobo_sync.station import Account, Station, serve
from kobo_sync.station.outbox import Outbox
from kobo_sync.station.pairing import PairedForm, pair, pairings
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.field_station import publish_forms
from kobo_sync.steps.pair import _downloaded, pair_station
from kobo_sync.steps.room import Room

ADMIN = "token-of-the-administration"


@dataclass
class RoomStation:
    """The station of the room, beside KoboToolbox, with one phone."""

    station: Station
    running: Listening
    phone: Phone
    ids: Iterator[int]

    def rows(self, uid: str) -> list[dict[str, object]]:
        answer = requests.get(
            f"{self.running.url}/api/v2/assets/{uid}/data/", headers={"Authorization": f"Token {ADMIN}"}, timeout=20
        )
        rows: list[dict[str, object]] = answer.json()["results"]
        return rows

    def fill(self, field: Field, form_id: str, name: str) -> bytes:
        """A filled form of what the station offers under that name, sent to the station; its bytes."""
        offered = next(form for form in self.phone.forms() if form.name == name)
        answers = draw_answers(field.mission.forms[form_id], Random(1), Sample({"zone": "nord"}))
        xml = instance_xml(
            self.phone.xform(offered), answers, instance_id=f"99999999-0000-4000-8000-{next(self.ids):012}"
        )
        self.phone.send(xml, {})
        return xml


@contextmanager
def room_station(path: Path, field: Field) -> Iterator[RoomStation]:
    numbers = count(500)
    station = Station(
        path,
        accounts=[Account("fatima", PASSWORD), Account("administration", "", ADMIN, is_superuser=True)],
        clock=field.clock,
        new_uid=lambda prefix: f"{prefix}{next(numbers):0{22 - len(prefix)}}",
        new_uuid=lambda: f"33333333-3333-4333-8333-{next(numbers):012}",
    )
    with serve(station) as running:
        phone = Phone(running.url, "fatima", PASSWORD)
        yield RoomStation(station, running, phone, count(1))
        phone.close()
    station.close()


@pytest.fixture
def kobo(tmp_path: Path) -> Iterator[Field]:
    with field_in(tmp_path / "kobo") as made:
        yield made


@pytest.fixture
def room(kobo: Field) -> Iterator[RoomStation]:
    with room_station(kobo.mission.workspace.station_database, kobo) as made:
        yield made


def _pair(kobo: Field, room: RoomStation) -> dict[str, int]:
    report = pair_station(kobo.mission, room.station)
    assert report.findings == ()
    return dict(report.counts)


def test_phones_get_the_servers_own_bytes(kobo: Field, room: RoomStation) -> None:
    assert _pair(kobo, room) == {"paired": 2, "updated": 0, "unchanged": 0, "failed": 0}
    theirs = {form.asset_uid: form for form in kobo.phone.forms()}
    ours = {form.asset_uid: form for form in room.phone.forms()}
    assert ours.keys() == theirs.keys() == {kobo.uid("personnes"), kobo.uid("visites")}
    for uid, form in theirs.items():
        assert room.phone.xform(ours[uid]) == kobo.phone.xform(form)
        assert room.phone.media(ours[uid]) == kobo.phone.media(form)
        assert (ours[uid].version, ours[uid].hash, ours[uid].name) == (form.version, form.hash, form.name)
    assert _pair(kobo, room)["unchanged"] == 2


def test_what_a_phone_sends_to_the_room_is_what_the_server_takes(kobo: Field, room: RoomStation) -> None:
    _pair(kobo, room)
    xml = room.fill(kobo, "personnes", "Personnes")
    assert len(room.rows(kobo.uid("personnes"))) == 1
    assert kobo.phone.send(xml, {}) == 201


def test_a_new_pairing_keeps_what_was_collected_also_with_an_older_version(kobo: Field, room: RoomStation) -> None:
    _pair(kobo, room)
    old = next(form for form in room.phone.forms() if form.name == "Visites")
    old_xform = room.phone.xform(old)
    room.fill(kobo, "visites", "Visites")
    form = kobo.mission.workspace.root / "forms" / "visites.md"
    form.write_text(form.read_text("utf-8").replace("| Photo ", "| Une photo "), "utf-8")
    kobo.clock.forward(minutes=5)
    again = kobo.reopen()
    deploy(again)
    assert pair_station(again, room.station).counts == {"paired": 0, "updated": 1, "unchanged": 1, "failed": 0}
    new = next(form for form in room.phone.forms() if form.name == "Visites")
    assert new.hash != old.hash and "Une photo" in room.phone.xform(new)
    # A phone that still holds the form of this morning sends it.
    answers = draw_answers(kobo.mission.forms["visites"], Random(2), Sample({"zone": "sud"}))
    room.phone.send(instance_xml(old_xform, answers, instance_id="99999999-0000-4000-8000-000000000099"), {})
    room.fill(kobo, "visites", "Visites")
    assert len(room.rows(kobo.uid("visites"))) == 3


def test_what_was_collected_before_the_first_pairing_goes_on_as_the_paired_forms(
    kobo: Field, room: RoomStation
) -> None:
    here = Room(lambda: kobo.mission, room.running.url, ADMIN, paired=lambda: pairings(room.station.db.reader))
    with here.opened() as mission:
        assert publish_forms(mission, ()).findings == ()
    own = next(form for form in room.phone.forms() if form.name == "Personnes")
    own_xform = room.phone.xform(own)
    xml = room.fill(kobo, "personnes", "Personnes")
    assert here.look()["n"] == 1
    _pair(kobo, room)
    assert {form.asset_uid for form in room.phone.forms()} == {kobo.uid("personnes"), kobo.uid("visites")}
    (row,) = room.rows(kobo.uid("personnes"))
    assert row["_xform_id_string"] == kobo.uid("personnes") and row["zone"] == "nord"
    stored = room.station.db.reader.execute("SELECT xml FROM submissions").fetchone()[0]
    assert bytes(stored) == xml  # as the phone sent it
    answers = draw_answers(kobo.mission.forms["personnes"], Random(3), Sample({"zone": "sud"}))
    room.phone.send(instance_xml(own_xform, answers, instance_id="99999999-0000-4000-8000-000000000098"), {})
    assert len(room.rows(kobo.uid("personnes"))) == 2
    assert here.look()["n"] == 2 and here.publish().counts == {"served": 2, "failed": 0}
    assert len(room.phone.forms()) == 2


def test_the_list_that_the_room_publishes_leaves_the_paired_form_as_it_is(kobo: Field, room: RoomStation) -> None:
    _pair(kobo, room)
    here = Room(lambda: kobo.mission, room.running.url, ADMIN, paired=lambda: pairings(room.station.db.reader))
    before = {form.asset_uid: (form.hash, form.version, room.phone.xform(form)) for form in room.phone.forms()}
    offered = next(form for form in room.phone.forms() if form.name == "Personnes")
    given = {"zone": "nord", "accord": "oui", "code": "N1", "nom": "Nom", "groupe": "a"}
    answers = draw_answers(kobo.mission.forms["personnes"], Random(1), Sample(given))
    room.phone.send(
        instance_xml(room.phone.xform(offered), answers, instance_id="99999999-0000-4000-8000-000000000097"), {}
    )
    here.look()
    visites = next(form for form in room.phone.forms() if form.name == "Visites")
    assert b"N1" in room.phone.media(visites)["participants.csv"]
    assert {form.asset_uid: (form.hash, form.version, room.phone.xform(form)) for form in room.phone.forms()} == before


def test_a_form_that_cannot_be_had_does_not_stop_the_others(kobo: Field, room: RoomStation) -> None:
    url = f"{kobo.url}/api/v2/assets/{kobo.uid('visites')}/deployment/"
    requests.patch(url, json={"active": False}, headers={"Authorization": f"Token {kobo.token}"}, timeout=20)
    report = pair_station(kobo.mission, room.station)
    assert report.counts["paired"] == 1 and report.counts["failed"] == 1
    (finding,) = report.findings
    assert finding.form_id == "visites" and "archived" in finding.message and finding.hint


def test_bytes_that_are_not_what_was_announced_are_not_served(
    kobo: Field, room: RoomStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pair(kobo, room)
    before = {form.asset_uid: room.phone.xform(form) for form in room.phone.forms()}
    client = kobo.mission.reader()
    original = client.phone_file_at
    monkeypatch.setattr(
        client, "phone_file_at", lambda path: original(path)[:-20] if path.endswith("form.xml") else original(path)
    )
    report = pair_station(kobo.mission, room.station)
    assert report.counts["failed"] == 2 and all("announced" in finding.message for finding in report.findings)
    assert {form.asset_uid: room.phone.xform(form) for form in room.phone.forms()} == before


def test_doctor_says_when_the_pair_is_older_than_the_servers(kobo: Field, room: RoomStation) -> None:
    _pair(kobo, room)
    assert not [finding for finding in doctor(kobo.mission).findings if "pair" in finding.hint]
    (line,) = [line for line in doctor(kobo.mission).lines if line.startswith("✓ pairing")]
    assert "2 forms" in line
    form = kobo.mission.workspace.root / "forms" / "visites.md"
    form.write_text(form.read_text("utf-8").replace("| Photo ", "| Une photo "), "utf-8")
    kobo.clock.forward(minutes=5)
    again = kobo.reopen()
    deploy(again)
    (finding,) = [finding for finding in doctor(again).findings if "station pair" in finding.hint]
    assert "visites" in finding.message and finding.severity == "warning"


def test_the_same_pairing_gives_the_same_bytes(kobo: Field, tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        with room_station(tmp_path / name / "station.sqlite", kobo) as made:
            _pair(kobo, made)
            pages = [
                made.phone.xform(form).encode() + b"".join(made.phone.media(form).values())
                for form in made.phone.forms()
            ]
            digests.append(hashlib.sha256(b"".join(pages)).hexdigest())
    assert digests[0] == digests[1]


def test_a_project_made_anew_takes_the_place_of_the_one_before(kobo: Field, tmp_path: Path) -> None:
    """Both were offered to phones, and a pull from the station took them for copies of each other."""
    with room_station(tmp_path / "room.sqlite", kobo) as room:
        pair_station(kobo.mission, room.station)
        room.fill(kobo, "personnes", "Personnes")
        before = next(form for form in room.phone.forms() if form.name == "Personnes")
        old_xform = room.phone.xform(before)
        header = {"Authorization": f"Token {kobo.token}"}
        asset = f"{kobo.url}/api/v2/assets/{before.asset_uid}/"
        assert requests.delete(asset, headers=header, timeout=20).status_code == 204
        deploy(kobo.reopen(), despite=["DEPLOY007"])
        report = pair_station(kobo.reopen(), room.station)
        assert report.counts["paired"] == 1 and not report.findings
        offered = {form.name: form.asset_uid for form in room.phone.forms()}
        assert offered.keys() == {"Personnes", "Visites"} and offered["Personnes"] != before.asset_uid
        assert pairings(room.station.db.reader)["personnes"].asset_uid == offered["Personnes"]
        answers = draw_answers(kobo.mission.forms["personnes"], Random(2), Sample({"zone": "nord"}))
        late = instance_xml(old_xform, answers, instance_id="88888888-0000-4000-8000-000000000001")
        assert room.phone.send(late, {}) == 201
        assert len(room.rows(offered["Personnes"])) == 2
        assert pair_station(kobo.reopen(), room.station).counts["unchanged"] == 2


def _project(kobo: Field, number: int) -> PairedForm:
    """The form *personnes* as another project of the server would offer it."""
    client, uid = kobo.mission.reader(), kobo.uid("personnes")
    form = _downloaded(kobo.mission, client, "personnes", uid, client.blank_forms())
    other = f"aProject{number:014}"
    uuid = f"77777777-0000-4000-8000-{number:012}".replace("-", "")
    xform = form.xform.replace(uid.encode(), other.encode()).replace(form.form_uuid.encode(), uuid.encode())
    mark = {**form.mark, "asset": other}
    digest = hashlib.md5(xform, usedforsecurity=False).hexdigest()
    return replace(form, asset_uid=other, form_uuid=uuid, version_uid=f"v{other}", xform=xform, hash=digest, mark=mark)


def test_a_mission_that_comes_back_to_an_earlier_project_serves_that_one(kobo: Field, tmp_path: Path) -> None:
    """It was "unchanged", and phones went on with the other; after a change of the form both projects hid each other."""
    with room_station(tmp_path / "room.sqlite", kobo) as room:
        assert Room(lambda: kobo.mission, room.running.url, ADMIN).publish().counts["failed"] == 0
        first, second, third = (_project(kobo, number) for number in (1, 2, 3))
        for n, (form, outcome) in enumerate(
            [(first, "paired"), (second, "paired"), (first, "updated"), (third, "paired"), (second, "updated")], 1
        ):
            assert pair(room.station, form, "http://127.0.0.1:1", "administration") == outcome
            assert pair(room.station, form, "http://127.0.0.1:1", "administration") == "unchanged"
            assert pairings(room.station.db.reader)["personnes"].asset_uid == form.asset_uid
            offered = [each.asset_uid for each in room.phone.forms() if each.name == "Personnes"]
            assert offered == [form.asset_uid]
            room.fill(kobo, "personnes", "Personnes")
            assert len(room.rows(form.asset_uid)) == n  # what was collected for the others comes along
        with closing(Outbox(tmp_path / "room.sqlite")) as outbox:
            names = outbox.form_ids()
            assert [names[uid] for uid in outbox.replaced()] == ["personnes"] * 3  # the station's own, and two projects
            assert list(outbox.paired()) == [second.asset_uid]


def test_a_form_whose_workbook_the_account_may_not_have_stops_no_other(
    kobo: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, workbook = kobo.uid("personnes"), KoboServer.workbook

    def refused(client: KoboServer, asset_uid: str) -> bytes:
        if asset_uid == uid:
            raise KoboRefused("the server refuses this account", status=403)
        return workbook(client, asset_uid)

    monkeypatch.setattr(KoboServer, "workbook", refused)
    with room_station(tmp_path / "room.sqlite", kobo) as room:
        report = pair_station(kobo.mission, room.station)
        assert (report.counts["paired"], [finding.form_id for finding in report.findings]) == (1, ["personnes"])


def test_doctor_does_not_advise_a_pairing_that_cannot_help(kobo: Field, room: RoomStation) -> None:
    _pair(kobo, room)
    url = f"{kobo.url}/api/v2/assets/{kobo.uid('visites')}/deployment/"
    requests.patch(url, json={"active": False}, headers={"Authorization": f"Token {kobo.token}"}, timeout=20)
    (finding,) = [each for each in doctor(kobo.mission).findings if each.where == "pairing"]
    assert "visites" in finding.message and "activate" in finding.hint and "station pair" not in finding.hint

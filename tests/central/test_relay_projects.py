"""Forms are called the same in every project of ODK Central: the relay goes to the one that the station was paired with, form by form."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest
import requests
from central_office import Fault
from conftest import PASSWORD
from test_relay_to_central import SECRETS, Room, room

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.phones.collect import Phone
from kobo_sync.station import Account, Station, serve
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pair import pair_station
from kobo_sync.steps.relay import Wish, forget, readdress, relay
from kobo_sync.workspace.folders import find

__all__ = ["room"]  # a fixture
_AGAIN = "then run: kobo-sync relay --again"


@pytest.fixture
def paired(room: Room) -> Iterator[Room]:
    """Projects 1 and 2 have the same forms in the same versions; the station is paired with 1."""
    room.office.add_project("B")
    _in_project(room, 2)
    deploy(room.mission)
    _in_project(room, 1)
    for name in ("personnes", "visites"):
        versions = [room.office.form(name, project=project).versions[-1].xml for project in (1, 2)]
        assert versions[0] == versions[1]
    assert pair_station(room.mission, room.station).counts["paired"] == 2
    yield room
    room.mission.close()


def _in_project(room: Room, project: int) -> None:
    """The settings name that project from now on."""
    settings = room.mission.workspace.root / "config" / "mission.toml"
    text = re.sub(r"^project = \d$", f"project = {project}", settings.read_text("utf-8"), flags=re.MULTILINE)
    settings.write_text(text, "utf-8")
    room.mission.close()
    room.mission = Mission(find(room.mission.workspace.root), SECRETS, room.mission.clock)


def _rows(room: Room, project: int) -> dict[str, int]:
    return {name: len(room.office.form(name, project=project).live) for name in ("personnes", "visites")}


def _on_station(room: Room) -> dict[str, int]:
    with closing(sqlite3.connect(room.mission.workspace.station_database)) as file:
        return dict(file.execute("SELECT asset, count(*) FROM submissions GROUP BY asset").fetchall())


def _told(report: Report) -> list[tuple[str, str, str, str]]:
    return [(each.rule, each.where, each.message, each.hint) for each in report.findings]


def test_nothing_goes_to_another_project_than_the_station_was_paired_with(paired: Room) -> None:
    people = [paired.fill("Personnes", "personnes") for _ in range(3)]
    paired.fill("Visites", "visites")
    assert relay(paired.mission, Wish(dry_run=True)).counts["to_send"] == 4
    _in_project(paired, 2)
    assert relay(paired.mission, Wish(dry_run=True)).counts["to_send"] == 0
    report = relay(paired.mission)
    url = f"{paired.office.address}/v1/projects"
    told = f"submissions are kept: the station is paired with {url}/1, and the settings name {url}/2"
    cure = (
        "put server.project right in config/mission.toml; if the mission has moved there, run: kobo-sync station pair"
    )
    assert _told(report) == [
        ("RELAY002", "personnes", f"3 {told}", cure),
        ("RELAY002", "visites", f"1 {told}", cure),
    ]
    assert (report.counts["sent"], report.counts["waiting"]) == (0, 4) and _rows(paired, 2) == {
        "personnes": 0,
        "visites": 0,
    }
    _in_project(paired, 1)
    assert relay(paired.mission).counts["sent"] == 4 and _rows(paired, 1) == {"personnes": 3, "visites": 1}
    assert {row.root_id for row in paired.office.form("personnes").live} == {f"uuid:{each}" for each in people}
    assert forget(paired.mission).counts["forgotten"] == 4 and _on_station(paired) == {}


def test_a_mission_that_moved_takes_along_what_waits_when_it_is_told_so(paired: Room) -> None:
    paired.fill("Personnes", "personnes")
    relay(paired.mission)
    paired.fill("Personnes", "personnes")
    paired.fill("Visites", "visites")
    _in_project(paired, 2)
    assert pair_station(paired.mission, paired.station).counts["updated"] == 2
    assert pair_station(paired.mission, paired.station).counts["unchanged"] == 2
    report = relay(paired.mission)
    assert [(each.rule, each.where, each.hint) for each in report.findings] == [
        ("RELAY002", name, f"run: kobo-sync relay --readdress {name}") for name in ("personnes", "visites")
    ]
    assert _rows(paired, 2) == {"personnes": 0, "visites": 0}
    paired.fill("Visites", "visites")  # filled with the form of project 2: it goes by itself
    assert relay(paired.mission).counts["sent"] == 1
    for name in ("personnes", "visites"):
        assert readdress(paired.mission, name).counts["readdressed"] == 1
    report = relay(paired.mission)
    assert report.findings == () and _rows(paired, 2) == {"personnes": 1, "visites": 2}
    assert _rows(paired, 1) == {"personnes": 1, "visites": 0}
    report = forget(paired.mission)  # the first person went to project 1, which these settings do not name
    url = f"{paired.office.address}/v1/projects"
    told = f"1 submissions were relayed to {url}/1, and the settings name {url}/2: they are kept here"
    assert [(each.rule, each.where, each.message) for each in report.findings] == [("RELAY005", "personnes", told)]
    assert report.counts["forgotten"] == 3 and _on_station(paired) == {"personnes": 1}


def _as_of_before(room: Room) -> None:
    """The station's file as programs left it that noted no project, and found every form of Central by its empty uuid."""
    room.station.close()
    with closing(sqlite3.connect(room.mission.workspace.station_database, isolation_level=None)) as file:
        file.execute(
            "UPDATE submissions SET asset = 'personnes', head = replace(head, '\"visites\"', '\"personnes\"')"
            " WHERE asset = 'visites'"
        )
        file.execute("UPDATE ledger SET asset = 'personnes', address = 'personnes'")
        for table, column in (("pairings", "server"), ("ledger", "server"), ("ledger", "code")):
            file.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        file.execute("PRAGMA user_version = 3")


def _again(room: Room) -> Station:
    """The station, opened anew: its file is brought up."""
    numbers = count(9000)
    return Station(
        room.mission.workspace.station_database,
        accounts=[Account("fatima", PASSWORD), Account("administration", "", "t" * 40, is_superuser=True)],
        clock=room.mission.clock,
        new_uid=lambda prefix: f"{prefix}{next(numbers):0{22 - len(prefix)}}",
        new_uuid=lambda: f"44444444-4444-4444-8444-{next(numbers):012}",
    )


def test_a_station_of_before_goes_nowhere_until_it_is_paired_again(paired: Room) -> None:
    for _ in range(2):
        paired.fill("Personnes", "personnes")
    visit = paired.fill("Visites", "visites")
    _as_of_before(paired)
    report = relay(paired.mission)
    kept = "submissions are kept: an older program paired the station, and did not note with which project"
    cure = f"if {paired.office.address}/v1/projects/1 is the mission's, run: kobo-sync station pair"
    assert _told(report) == [("RELAY002", "personnes", f"2 {kept}", cure), ("RELAY002", "visites", f"1 {kept}", cure)]
    assert _on_station(paired) == {"personnes": 2, "visites": 1}  # put right
    station = _again(paired)
    assert pair_station(paired.mission, station).counts["updated"] == 2
    with serve(station) as running, closing(Phone(running.url, "fatima", PASSWORD)) as phone:
        replace(paired, station=station, phone=phone).fill("Visites", "visites")
    station.close()
    assert relay(paired.mission).findings == () and _rows(paired, 1) == {"personnes": 2, "visites": 2}
    with closing(sqlite3.connect(paired.mission.workspace.station_database)) as file:
        (head,) = file.execute("SELECT head FROM submissions WHERE uuid = ?", (visit,)).fetchone()
    assert '"visites"' in head and '"personnes"' not in head


def test_what_an_older_program_sent_to_another_project_is_not_erased(paired: Room) -> None:
    """It counts as relayed, and the right project does not have it: the station's copy is the last."""
    here = paired.fill("Personnes", "personnes")
    relay(paired.mission)
    paired.fill("Personnes", "personnes")
    paired.fill("Visites", "visites")
    with paired.station.db.writing() as connection:
        connection.execute("UPDATE ledger SET state = 'relayed', relayed_at = received_at, server = ''")
    assert forget(paired.mission, dry_run=True).counts["forgotten"] == 1
    report = forget(paired.mission)
    told = "1 submissions count as relayed, and ODK Central does not have them: they are kept here"
    assert [(each.rule, each.where, each.message) for each in report.findings] == [
        ("RELAY005", name, told) for name in ("personnes", "visites")
    ]
    assert report.counts["forgotten"] == 1 and _on_station(paired) == {"personnes": 1, "visites": 1}
    assert [row.root_id for row in paired.office.form("personnes").live] == [f"uuid:{here}"]


def test_a_row_deleted_there_is_kept_here(paired: Room) -> None:
    paired.fill("Personnes", "personnes")
    paired.fill("Personnes", "personnes")
    relay(paired.mission)
    paired.office.delete("personnes", paired.office.form("personnes").live[0])
    report = forget(paired.mission)
    assert [each.rule for each in report.findings] == ["RELAY005"] and report.counts["forgotten"] == 1
    assert _on_station(paired) == {"personnes": 1}


def test_each_row_stands_under_its_own_form(paired: Room) -> None:
    for _ in range(2):
        paired.fill("Personnes", "personnes")
    visit = paired.fill("Visites", "visites")
    assert _on_station(paired) == {"personnes": 2, "visites": 1}
    with closing(sqlite3.connect(paired.mission.workspace.station_database)) as file:
        lines = file.execute("SELECT asset, address, uuid FROM ledger WHERE asset = 'visites'").fetchall()
    assert lines == [("visites", "visites", visit)]
    for name, n in {"personnes": 2, "visites": 1}.items():  # what the room's screen and the builds read
        url = f"{paired.phone.kc}/api/v2/assets/{name}/data.json"
        rows = requests.get(url, headers={"Authorization": f"Token {'t' * 40}"}, timeout=30).json()
        assert rows["count"] == n and {row["_xform_id_string"] for row in rows["results"]} == {name}
    report = relay(paired.mission, Wish(form_ids=["visites"]))
    assert report.counts["sent"] == 1 and _rows(paired, 1) == {"personnes": 0, "visites": 1}
    assert [line.partition(":")[0] for line in report.lines] == ["personnes personnes", "visites visites", "all"]
    paired.office.form("visites").state = "closed"
    paired.fill("Visites", "visites")
    assert [each.form_id for each in relay(paired.mission).findings] == ["visites"]


# ── why it was refused ──


def test_a_closed_form_is_to_be_opened_not_its_rows_deleted(paired: Room) -> None:
    paired.fill("Visites", "visites")
    paired.office.form("visites").state = "closed"
    (finding,) = relay(paired.mission).findings
    assert finding.message.startswith("the form is closed and takes nothing (409.2): This form is not currently")
    assert finding.hint == f"let a manager of the project open it there (the form's settings, state: open), {_AGAIN}"
    (finding,) = pair_station(paired.mission, paired.station).findings
    assert "it is closed, or this account may not submit to it" in finding.message and "archived" not in finding.message
    paired.office.form("visites").state = "open"
    assert relay(paired.mission, Wish(again=True)).findings == () and _rows(paired, 1)["visites"] == 1


def test_a_row_in_the_trash_is_to_be_restored(paired: Room) -> None:
    paired.fill("Visites", "visites")
    paired.office.faults.append(Fault("POST .*/submission", "cut"))
    relay(paired.mission, Wish(by_itself=True))
    paired.office.faults.clear()
    if not paired.office.form("visites").live:
        relay(paired.mission)
        with paired.station.db.writing() as connection:
            connection.execute("UPDATE ledger SET state = 'waiting', relayed_at = NULL")
    row = paired.office.form("visites").live[0]
    paired.office.delete("visites", row)
    (finding,) = relay(paired.mission).findings
    assert finding.message.startswith("it was deleted on ODK Central (409.18): This submission has been deleted")
    assert finding.hint.startswith(f"restore it there (the form's submissions, deleted ones), {_AGAIN}")
    row.deleted_at = None
    assert relay(paired.mission, Wish(again=True)).findings == ()


def test_a_form_in_the_trash_is_to_be_restored(paired: Room) -> None:
    paired.fill("Visites", "visites")
    paired.office.form("visites").deleted_at = paired.office.now()
    (finding,) = relay(paired.mission).findings
    assert finding.message.startswith("the form was deleted on ODK Central: it lies in the trash (404)")
    assert finding.hint == f"restore it there (Project → Forms → trash), within 30 days, {_AGAIN}"
    (finding,) = pair_station(paired.mission, paired.station).findings
    assert finding.hint == "it was deleted on the server: restore it there (Project → Forms → trash), within 30 days"
    next(form for form in paired.office.projects[1].forms if form.xml_form_id == "visites").deleted_at = None
    assert relay(paired.mission, Wish(again=True)).findings == () and _rows(paired, 1)["visites"] == 1

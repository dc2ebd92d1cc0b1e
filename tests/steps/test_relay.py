"""What the room's station received is brought to KoboToolbox: as it came, in order, each submission once (part 9, 3)."""

from __future__ import annotations

import re
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from conftest import PASSWORD, TOKEN
from relay_field import JPEG, VISIT, Both, both_in, rows_of

from kobo_sync.desk import journal
from kobo_sync.errors import Busy, ConfigError, KoboUnreachable, StoreError
from kobo_sync.mission.mission import Mission, operator
from kobo_sync.model import Report
from kobo_sync.phones.collect import Phone
from kobo_sync.service.jobs import JOBS
from kobo_sync.steps.build import build
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.pull import pull
from kobo_sync.steps.relay import forget, readdress, relay, relay_by_clock
from kobo_sync.steps.status import status


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with both_in(tmp_path) as made:
        yield made


def _collect(both: Both) -> None:
    """A day: persons, visits with pictures of difficult names, a correction, a correction of that, late files."""
    room = both.room
    first = room.person("NOR-01", nom="Ünïcode « é » العربية & <b>")
    room.person("NOR-02", note="deux\nlignes")
    answers = {"zone": "nord", "accord": "oui", "code": "NOR-01", "groupe": "a"}
    second = room.submit("personnes", {**answers, "nom": "Corrigée"}, edits=first)
    room.submit("personnes", {**answers, "nom": "Corrigée deux fois"}, edits=second)
    for name in ("photo.jpg", "été à l’école.jpg", "صورة رقم ١.jpg", 'dite "belle" & #1.jpg', "a b;c=d.jpg"):
        room.submit("visites", {**VISIT, "photo": name}, files={name: (JPEG + name.encode(), "image/jpeg")})
    late = room.new_id()
    room.submit("visites", {**VISIT, "photo": "late.png"}, instance_id=late)
    room.submit("visites", {**VISIT, "photo": "late.png"}, instance_id=late, files={"late.png": (b"\x89PNG", "image/png")})  # fmt: skip
    visit = room.submit("visites", {**VISIT, "photo": "one.jpg"}, files={"one.jpg": (JPEG + b"1", "image/jpeg")})
    edit = {**VISIT, "photo": "two.jpg", "membre": [{"prenom": "Awa"}]}
    room.submit("visites", edit, edits=visit, files={"two.jpg": (JPEG + b"2", "image/x-odd")})


def test_kobotoolbox_has_afterwards_what_the_station_has_row_by_row(both: Both) -> None:
    _collect(both)
    assert both.sums() == (12, 0, 0, 12)
    report = both.relay()
    acts = journal.entries(both.mission().desk, acts=["relay"])
    assert [(each.by, each.subject) for each in acts] == [(operator(), "")]
    assert report.findings == () and report.counts == {
        "stored": 12,
        "relayed": 12,
        "refused": 0,
        "waiting": 0,
        "sent": 12,
    }
    assert report.lines[-1] == "all: stored 12 = relayed 12 + refused 0 + waiting 0"
    for form_id in ("personnes", "visites"):
        rows = rows_of(both.room, form_id)
        assert rows == rows_of(both.kobo, form_id) and rows
    assert both.relay().counts["sent"] == 0  # again: nothing is posted


def test_a_pull_of_either_gives_the_same_mirror(both: Both) -> None:
    _collect(both)
    both.relay()
    tables = []
    for field in (both.room, both.kobo):
        mission = field.reopen()
        pull(mission)
        read = {}
        for form in mission.forms.values():
            for table in mission.store.tables(form):
                frame = mission.store.read_table(table)
                read[table.name] = frame.drop(columns=["submission_id", "submitted_at"], errors="ignore")
        tables.append(read)
    assert tables[0].keys() == tables[1].keys()
    for name, frame in tables[0].items():
        assert frame.equals(tables[1][name]), name


def test_what_a_phone_sent_arrives_byte_for_byte(both: Both) -> None:
    _collect(both)
    both.relay()
    stored = []
    for field in (both.room, both.kobo):
        with field.station.db.writing() as connection:
            sql = "SELECT uuid, xml FROM submissions ORDER BY uuid"
            stored.append([tuple(row) for row in connection.execute(sql)])
    assert stored[0] == stored[1] and len(stored[0]) == 9


def test_pictures_of_25_megabytes_go_in_several_posts(both: Both) -> None:
    files = {f"p{n}.jpg": (JPEG + bytes([n]) * 2_500_000, "image/jpeg") for n in range(10)}
    members = [{"prenom": name} for name in files]  # an answer that names the file, as an image question does
    both.room.submit("visites", {**VISIT, "membre": members}, files=files)
    from kobo_sync.kobo.openrosa import SubmissionDoor

    posts: list[tuple[int, int, bool]] = []
    post = SubmissionDoor.post

    def noted(self: SubmissionDoor, xml: bytes, parts: object = (), *, is_incomplete: bool = False) -> int:
        posts.append((len(parts), sum(len(part.content) for part in parts), is_incomplete))  # type: ignore[arg-type, attr-defined]
        return post(self, xml, parts, is_incomplete=is_incomplete)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SubmissionDoor, "post", noted)
        both.relay()
    assert [(n, more) for n, _, more in posts] == [(3, True), (3, True), (3, True), (1, False)]
    assert all(size < 10_000_000 for _, size, _ in posts)
    assert rows_of(both.room, "visites") == rows_of(both.kobo, "visites")


def test_files_that_come_late_follow_what_was_relayed(both: Both) -> None:
    key = both.room.new_id()
    answers = {**VISIT, "photo": "p.jpg"}
    both.room.submit("visites", answers, instance_id=key)
    both.relay()
    both.room.submit("visites", answers, instance_id=key, files={"p.jpg": (JPEG, "image/jpeg")})
    assert both.sums() == (1, 0, 0, 1)
    assert both.relay().counts["sent"] == 1 and both.sums() == (1, 1, 0, 0)
    assert rows_of(both.room, "visites") == rows_of(both.kobo, "visites")
    assert rows_of(both.kobo, "visites")[0]["_attachments"]


def test_relay_while_phones_send(both: Both) -> None:
    codes = [f"NOR-{n:02}" for n in range(30)]
    enough = threading.Event()

    def send() -> None:
        for n, code in enumerate(codes):
            both.room.person(code)
            if n == 5:
                enough.set()

    phone = threading.Thread(target=send)
    phone.start()
    assert enough.wait(30)
    while phone.is_alive():
        both.relay()
    phone.join()
    both.relay()
    assert both.sums() == (30, 30, 0, 0)
    assert [row["code"] for row in rows_of(both.kobo, "personnes")] == codes  # in order of arrival


def test_the_second_of_two_relays_leaves_with_a_clear_word_and_builds_do_not_wait(both: Both) -> None:
    both.room.person("NOR-01")
    with both.workspace.exclusive("relay.lock"):
        with pytest.raises(Busy, match="another relay is at work"):
            both.relay()
        assert pull(both.mission()).findings == ()  # a pull goes on without it
    with both.workspace.exclusive():  # a build is at work
        assert both.relay().counts["sent"] == 1


def test_a_pull_relays_what_waits_and_reads_it_at_once(both: Both) -> None:
    both.room.person("NOR-01")
    report = pull(both.mission())
    assert "personnes: server 1 = local 1" in str(report.lines) and both.sums() == (1, 1, 0, 0)
    assert any("relayed 1 +" in line for line in report.lines)
    assert not any("relayed" in line for line in pull(both.mission()).lines)  # nothing waits: nothing is said


def test_the_stations_own_address_is_refused(both: Both) -> None:
    both.room.person("NOR-01")
    both.workspace.put_station_token(int(both.room.url.rpartition(":")[2]), TOKEN)
    mission = Mission(both.workspace, {}, both.clock, server=(both.room.url, both.room.url))
    both.opened.append(mission)
    with pytest.raises(ConfigError, match="relay to itself"):
        relay(mission)
    assert pull(mission).findings == () and both.sums() == (1, 0, 0, 1)


def test_a_dry_run_posts_nothing(both: Both) -> None:
    _collect(both)
    report = both.relay(dry_run=True)
    assert report.counts["to_send"] == 12 and report.lines[0].startswith("would post 12 submissions with 8 files")
    assert both.sums() == (12, 0, 0, 12) and rows_of(both.kobo, "visites") == []


def test_status_says_what_waits_and_since_when(both: Both) -> None:
    both.room.person("NOR-01")
    report = status(both.mission())
    assert report.counts["relay.waiting"] == 1
    assert any(
        line.startswith("relay: stored 1 = relayed 0 + refused 0 + waiting 1, since 2025-02-11")
        for line in report.lines
    )


# ── filled before the station was paired ──


def _as_unpaired(both: Both) -> None:
    """The station's forms under uids of its own, as if it had made them itself."""
    with both.room.station.db.writing() as connection:
        uid = both.room.uid("personnes")
        own = "aOwnFormOfTheStation00"
        for table, column in (
            ("assets", "uid"),
            ("versions", "asset"),
            ("deployments", "asset"),
            ("permissions", "asset"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (own, uid))
        connection.execute("UPDATE deployments SET uuid = 'f' || substr(uuid, 2) WHERE asset = ?", (own,))
        xform, uuid = connection.execute("SELECT xform, uuid FROM deployments WHERE asset = ?", (own,)).fetchone()
        xform = bytes(xform).replace(uid.encode(), own.encode()).replace(b"1" + uuid.encode()[1:], uuid.encode())
        connection.execute("UPDATE deployments SET xform = ? WHERE asset = ?", (xform, own))


def _send_own(both: Both, code: str, edits: str = "") -> str:
    phone = Phone(both.room.url, "maha", PASSWORD)
    offered = next(form for form in phone.forms() if form.asset_uid == "aOwnFormOfTheStation00")
    xform = phone.xform(offered)
    uuid = xform.partition('formhub/uuid" type="string" calculate="\'')[2].partition("'")[0]
    key = both.room.new_id()
    meta = f"<deprecatedID>uuid:{edits}</deprecatedID>" if edits else ""
    xml = (
        f'<?xml version="1.0" ?><aOwnFormOfTheStation00 xmlns:orx="http://openrosa.org/xforms" version="{offered.version}"'
        f' id="aOwnFormOfTheStation00"><formhub><uuid>{uuid}</uuid></formhub><zone>nord</zone><accord>oui</accord>'
        f"<code>{code}</code><nom>É &amp; « »</nom><groupe>a</groupe><orx:meta><orx:instanceID>uuid:{key}"
        f"</orx:instanceID>{meta.replace('<', '<orx:').replace('<orx:/', '</orx:')}</orx:meta></aOwnFormOfTheStation00>"
    )
    phone.send(xml.encode(), {})
    phone.close()
    return key


def _pair(both: Both) -> None:
    form = next(form for form in both.kobo.phone.forms() if form.asset_uid == both.kobo.uid("personnes"))
    with both.kobo.station.db.writing() as connection:
        (uuid,) = connection.execute("SELECT uuid FROM deployments WHERE asset = ?", (form.asset_uid,)).fetchone()
    with both.room.station.db.writing() as connection:
        connection.execute(
            "INSERT INTO pairings VALUES (?, 'personnes', ?, ?, ?, ?, '2025-02-11', 'aOwnFormOfTheStation00', '')",
            (form.asset_uid, both.kobo.url, form.hash, form.version, uuid),
        )


def test_what_was_filled_before_pairing_is_told_once_per_form_and_readdressed_on_demand(both: Both) -> None:
    _as_unpaired(both)
    first = _send_own(both, "NOR-01")
    last = _send_own(both, "NOR-02", edits=first)
    both.room.submit("visites", VISIT)
    report = both.relay()
    (finding,) = report.findings
    assert (finding.rule, finding.where) == ("RELAY002", "personnes") and finding.message.startswith("2 submissions")
    assert finding.hint == "run: kobo-sync station pair; then: kobo-sync relay --readdress personnes"
    assert both.sums() == (3, 1, 0, 2) and len(rows_of(both.kobo, "visites")) == 1
    with pytest.raises(ConfigError, match="not paired"):
        readdress(both.mission(), "personnes")
    _pair(both)
    assert both.relay().findings[0].hint == "run: kobo-sync relay --readdress personnes"
    assert readdress(both.mission(), "personnes", dry_run=True).counts == {"readdressed": 2}
    assert readdress(both.mission(), "personnes").counts == {"readdressed": 2}
    assert both.relay().findings == () and both.sums() == (3, 3, 0, 0)
    (row,) = rows_of(both.kobo, "personnes")
    uid = both.kobo.uid("personnes")
    assert (row["_uuid"], row["meta/rootUuid"], row["_xform_id_string"]) == (last, f"uuid:{first}", uid)
    assert (row["code"], row["nom"]) == ("NOR-02", "É & « »")
    with closing(sqlite3.connect(both.workspace.station_database)) as file:
        kept = [row[0] for row in file.execute("SELECT xml FROM ledger WHERE xml IS NOT NULL")]
    assert len(kept) == 1 and b'id="aOwnFormOfTheStation00"' in kept[0]  # the phone's own bytes stay
    assert readdress(both.mission(), "personnes").counts == {"readdressed": 0}


def test_what_was_filled_for_a_project_that_was_made_anew_goes_to_the_new_one(both: Both) -> None:
    """It went on to the old one, where the mission does not look; and --readdress knew that one alone (part 9, 3)."""
    _pair_with_an_earlier_project(both)
    first = _send_own(both, "NOR-01")
    _send_own(both, "NOR-02")
    _send_own(both, "NOR-11", edits=first)
    _pair(both)
    (finding,) = both.relay().findings
    assert finding.message.startswith("3 submissions were filled with a form of before the pairing")
    assert finding.hint == "run: kobo-sync relay --readdress personnes" and both.sums() == (3, 0, 0, 3)
    assert readdress(both.mission(), "personnes").counts == {"readdressed": 3}
    assert both.relay().findings == () and both.sums() == (3, 3, 0, 0)
    assert sorted(row["code"] for row in rows_of(both.kobo, "personnes")) == ["NOR-02", "NOR-11"]


def test_a_correction_of_what_an_earlier_project_took_goes_to_the_new_one_on_its_own(both: Both) -> None:
    _pair_with_an_earlier_project(both)
    first = _send_own(both, "NOR-01")
    with both.room.station.db.writing() as connection:  # the earlier project has it
        connection.execute("UPDATE ledger SET state = 'relayed', relayed_at = received_at, settled_at = received_at")
    last = _send_own(both, "NOR-11", edits=first)
    _pair(both)
    assert readdress(both.mission(), "personnes").counts == {"readdressed": 1}
    assert both.relay().findings == () and both.sums() == (2, 2, 0, 0)
    (row,) = rows_of(both.kobo, "personnes")
    assert (row["_uuid"], row["meta/rootUuid"], row["code"]) == (last, f"uuid:{first}", "NOR-11")


def _pair_with_an_earlier_project(both: Both) -> None:
    """The station's *personnes* is what KoboToolbox had under another uid, before the project was made anew."""
    _as_unpaired(both)
    with both.room.station.db.writing() as connection:
        connection.execute(
            "INSERT INTO pairings SELECT asset, 'personnes', ?, 'h', '1', uuid, '2025-02-10', NULL, '' FROM deployments"
            " WHERE asset = 'aOwnFormOfTheStation00'",
            (both.kobo.url,),
        )


# ── erasing ──


def test_forgetting_erases_what_is_relayed_and_nothing_else(both: Both) -> None:
    _collect(both)
    both.relay()
    both.room.person("SUD-09", zone="sud", nom="Attend encore")
    mission = both.mission()
    assert forget(mission, dry_run=True).counts == {"forgotten": 9}
    report = forget(mission)
    assert report.counts == {"stored": 13, "relayed": 12, "refused": 0, "waiting": 1, "forgotten": 9}
    assert report.findings == () and any("(5 of them erased here)" not in line for line in report.lines)
    assert [row["nom"] for row in rows_of(both.room, "personnes")] == ["Attend encore"]
    assert rows_of(both.room, "visites") == [] and len(rows_of(both.kobo, "visites")) == 7
    for each in (both.kobo, both.room):
        each.station.db.reader.execute("SELECT 1").fetchall()
    content = b"".join(path.read_bytes() for path in both.workspace.state.glob("station.sqlite*"))
    assert "Corrigée".encode() not in content and b"Attend encore" in content
    assert both.relay().counts["sent"] == 1 and both.sums() == (13, 13, 0, 0)


DELIVERABLES = """
[deliverables]
zone = ["attendance_list", "data_workbook", "zone_sheet"]
mission = ["final_report", "data_quality"]
"""


def test_deliverables_of_either_are_the_same_bytes_apart_from_submission_ids(both: Both) -> None:
    _collect(both)
    both.room.person("SUD-01", zone="sud")
    both.relay()
    ours, theirs = _built(both)
    assert len(ours) > 20 and ours == theirs


def test_what_another_id_and_a_later_arrival_change_is_the_stamp_of_the_data_alone(both: Both) -> None:
    """KoboToolbox dates a submission by its arrival there, and gives it an id of its own: papers say so in their imprint."""
    _collect(both)
    with both.kobo.station.db.writing() as connection:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('submissions', 700)")
    both.kobo.clock.forward(hours=3)  # the network returns in the evening
    both.relay()
    both.room.clock.now = both.kobo.clock.now
    ours, theirs = _built(both)
    assert ours != theirs
    assert {name: _without_stamp(content) for name, content in ours.items()} == {
        name: _without_stamp(content) for name, content in theirs.items()
    }


def _built(both: Both) -> list[dict[str, bytes]]:
    """The deliverables from the station's answers, and from KoboToolbox's: file or part → bytes."""
    built = []
    for field in (both.room, both.kobo):
        workspace = field.mission.workspace
        path = workspace.root / "config" / "mission.toml"
        path.write_text(path.read_text("utf-8") + DELIVERABLES, "utf-8")
        workspace.pseudonym_key()
        workspace.pseudonyms.write_bytes(b"k" * 32)
        mission = field.reopen()
        pull(mission)
        assert not build(mission).has_errors
        built.append(_parts(workspace.out))
    return built


def _parts(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*; of Word and Excel files the parts, so that what differs can be looked at."""
    parts: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in (".docx", ".xlsx"):
            with zipfile.ZipFile(path) as archive:
                parts |= {f"{name}/{part}": archive.read(part) for part in archive.namelist()}
        elif path.is_file() and path.name != "MANIFEST.json":
            parts[name] = path.read_bytes()
    return parts


def _without_stamp(content: bytes) -> bytes:
    """*content* without the moment of the data, their fingerprint, and digests of blocks that say it."""
    content = re.sub(rb"2025-02-11T\d\d:00:00Z", b"MOMENT", content)
    content = re.sub(
        rb"(empreinte |Empreinte des donn\xc3\xa9es\xc2\xa0: |contenu\xc2\xa0: )[0-9a-f]{8,12}", b"PRINT", content
    )
    return re.sub(rb'"[0-9a-f]{16}"', b"DIGEST", content)


def test_doctor_says_what_waits_too_long_and_what_was_refused(both: Both) -> None:
    def told() -> list[str]:
        return [f"{each.message} → {each.hint}" for each in doctor(both.mission()).findings if each.where == "relay"]

    assert told() == []  # no submission yet
    both.room.person("NOR-01")
    assert told() == []
    both.clock.forward(days=3)
    assert told() == [
        "stored 1 = relayed 0 + refused 0 + waiting 1; waiting since 2025-02-11 09:00 +01"
        " → run kobo-sync relay where there is the Internet"
    ]
    with both.outbox() as outbox:
        record = outbox.waiting()
        assert record
        outbox.note_refused(record, 400, "", both.clock.now)
    assert told()[0].endswith("run kobo-sync relay: it says why each was refused, and what to do")


def test_the_service_relays_by_the_clock_and_no_network_is_no_fault(both: Both) -> None:
    assert relay_by_clock(both.mission()).counts["waiting"] == 0
    both.room.person("NOR-01")
    away = relay_by_clock(both.mission("http://127.0.0.1:1"))
    assert not away.has_errors and [each.rule for each in away.findings] == ["RELAY003"]
    assert JOBS["relay"].act(both.mission(), "").counts["sent"] == 1 and both.sums() == (1, 1, 0, 0)


def test_what_went_to_a_project_that_is_gone_is_not_erased(both: Both) -> None:
    """The station's copies are the last ones (part 9, 3)."""
    _collect(both)
    both.relay()
    uid = both.kobo.uid("visites")
    headers = {"Authorization": f"Token {TOKEN}"}
    assert requests.delete(f"{both.kobo.url}/api/v2/assets/{uid}/", headers=headers, timeout=20).status_code == 204
    n_visits = len(rows_of(both.room, "visites"))
    report = forget(both.mission())
    (finding,) = report.findings
    assert finding.rule == "RELAY005" and uid in finding.message and finding.hint and finding.form_id == "visites"
    assert report.counts["forgotten"] == 9 - n_visits and len(rows_of(both.room, "visites")) == n_visits
    assert rows_of(both.room, "personnes") == []


def test_nothing_is_erased_where_the_server_cannot_be_asked(both: Both) -> None:
    _collect(both)
    both.relay()
    with pytest.raises(KoboUnreachable):
        forget(both.mission("http://127.0.0.1:9"))
    with both.outbox() as outbox:
        assert outbox.n_whole() == 9


@pytest.mark.parametrize("act", [relay, forget])
def test_a_damaged_stations_file_is_told_never_taken_for_an_empty_one(both: Both, act: Callable[..., Report]) -> None:
    mission = both.mission()
    both.room.station.close()
    for path in both.workspace.state.glob("station.sqlite*"):
        path.unlink()
    (both.workspace.state / "station.sqlite").write_bytes(b"no database at all " * 60)
    with pytest.raises(StoreError, match=r"station\.sqlite"):
        act(mission)

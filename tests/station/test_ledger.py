"""The ledger: one record for each submission the station accepted, in the transaction that stored it (part 9, 3)."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from station_bench import Bench, bench

from kobo_sync.station.outbox import Outbox, Record, Totals

NOW = datetime(2025, 2, 12, 9, tzinfo=UTC)
SCHEMAS = Path(__file__).parents[1] / "house" / "schemas"


def key(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012d}"


class Room:
    """A station's bench with its ledger; each look at the sums proves them."""

    def __init__(self, field: Bench, outbox: Outbox) -> None:
        self.field, self.outbox = field, outbox

    def send(self, n: int, photo: bytes = b"", *, edits: int = 0, name: str = "p.jpg", with_file: bool = True) -> int:
        answers = f"<nom>N{n}</nom>" + (f"<photo>{name}</photo>" if photo else "")
        meta = f"<deprecatedID>uuid:{key(edits)}</deprecatedID>" if edits else ""
        files = {name: photo} if photo and with_file else {}
        return self.field.post(self.field.xml(key(n), answers, meta), files).status_code

    def sums(self) -> tuple[int, int, int, int]:
        (total,) = self.outbox.totals() or [Totals("", 0, 0, 0, 0, 0, None)]
        assert total.is_balanced, total
        return total.n_stored, total.n_relayed, total.n_refused, total.n_waiting

    def records(self) -> list[Record]:
        found: list[Record] = []
        while (record := self.outbox.waiting(found[-1].record_id if found else 0)) is not None:
            found.append(record)
        return found

    def relay_all(self) -> None:
        for record in self.records():
            self.outbox.note_relayed(record, self.outbox.files(record), 201, NOW)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with bench(tmp_path / "station.sqlite") as field, contextlib.closing(Outbox(tmp_path / "station.sqlite")) as outbox:
        yield Room(field, outbox)


def test_every_submission_has_a_record_and_an_edit_keeps_its_originals_bytes(room: Room) -> None:
    assert room.send(1, b"one") == 201 and room.send(2, b"two", edits=1, name="q.jpg") == 201
    first, second = room.records()
    assert (first.kind, second.kind) == ("new", "edit")
    assert (second.deprecated, second.root_uuid) == (first.uuid, first.root_uuid)
    original = room.field.xml(key(1), "<nom>N1</nom><photo>p.jpg</photo>")
    assert room.outbox.xml(first) == original and b"deprecatedID" in room.outbox.xml(second)
    files = [room.outbox.files(record) for record in (first, second)]
    assert [[(file.name, room.outbox.content(file)) for file in each] for each in files] == [
        [("p.jpg", b"one")],  # the row has let go of it, the ledger has not
        [("q.jpg", b"two")],
    ]
    assert room.sums() == (2, 0, 0, 2)


def test_bytes_are_stored_once(room: Room, tmp_path: Path) -> None:
    photo = bytes(range(256)) * 400
    room.send(1, photo)
    room.send(2, photo)
    with contextlib.closing(sqlite3.connect(tmp_path / "station.sqlite")) as file:
        assert file.execute("SELECT count(*), sum(length(content)) FROM blobs WHERE length(content) = ?", (len(photo),)).fetchone() == (1, len(photo))  # fmt: skip
        assert file.execute("SELECT count(xml) FROM ledger").fetchone() == (0,)


def test_an_edit_sent_again_is_known_like_any_submission(room: Room) -> None:
    """KoboToolbox looks for the same bytes first (create_instance); the station said 410 to the phone that had not read its 201."""
    room.send(1)
    assert room.send(2, b"x", edits=1, with_file=False) == 201
    assert room.send(2, b"x", edits=1, with_file=False) == 202
    assert room.send(2, b"x", edits=1) == 201  # its photo, late
    assert room.send(2, b"x", edits=1) == 202
    assert room.sums() == (2, 0, 0, 2)


def test_a_late_file_makes_a_relayed_record_wait_again_for_that_file_only(room: Room) -> None:
    answers = "<nom>A</nom><photo>p.jpg</photo><membre><portrait>q.jpg</portrait></membre>"
    xml = room.field.xml(key(1), answers)
    room.field.post(xml, {"p.jpg": b"1"})
    room.relay_all()
    assert room.sums() == (1, 1, 0, 0)
    assert room.field.post(xml, {"p.jpg": b"1"}).status_code == 202
    assert room.sums() == (1, 1, 0, 0)
    assert room.field.post(xml, {"p.jpg": b"1", "q.jpg": b"2"}).status_code == 201
    (record,) = room.records()
    assert [file.name for file in room.outbox.files(record)] == ["q.jpg"] and room.sums() == (1, 0, 0, 1)
    room.relay_all()
    assert room.sums() == (1, 1, 0, 0)


def test_a_file_that_comes_while_its_record_is_sent_is_not_taken_for_sent(room: Room) -> None:
    xml = room.field.xml(key(1), "<photo>p.jpg</photo>")
    room.field.post(xml)
    (record,) = room.records()
    files = room.outbox.files(record)
    room.field.post(xml, {"p.jpg": b"1"})
    room.outbox.note_relayed(record, files, 201, NOW)
    assert room.sums() == (1, 0, 0, 1) and room.records()[0].relayed_at == NOW


def test_what_is_deleted_before_it_was_relayed_leaves_and_what_was_relayed_stays_counted(room: Room) -> None:
    for n in (1, 2, 3):
        room.send(n, b"photo %d" % n)
    room.outbox.note_relayed(first := room.records()[0], room.outbox.files(first), 201, NOW)
    room.send(4, b"photo 4", edits=1, name="q.jpg")  # an edit that waits, of what was relayed
    room.outbox.note_refused(room.records()[0], 400, "no", NOW)
    assert room.sums() == (4, 1, 1, 2)
    ids = [row["_id"] for row in room.field.rows()["results"]]
    assert room.field.api("DELETE", f"data/{ids[0]}/").status_code == 204
    assert room.sums() == (3, 1, 1, 1)
    assert room.field.api("DELETE", "data/bulk/", json={"payload": {"submission_ids": ids[1:]}}).status_code == 200
    assert room.sums() == (1, 1, 0, 0)
    (total,) = room.outbox.totals()
    assert total.n_removed == 1
    with room.field.station.db.writing() as connection:
        assert connection.execute("SELECT count(*) FROM blobs WHERE content LIKE 'photo%'").fetchone()[0] == 0
    assert room.send(1, b"photo 1") == 201  # the phone sends it again: it is stored again, and waits again
    assert room.sums() == (2, 1, 0, 1)


def test_a_file_deleted_on_the_station_is_not_relayed(room: Room) -> None:
    room.send(1, b"kept from KoboToolbox")
    room.send(2, b"relayed before")
    room.outbox.note_relayed(room.records()[1], room.outbox.files(room.records()[1]), 201, NOW)
    for row in room.field.rows()["results"]:
        uid = row["_attachments"][0]["uid"]
        assert room.field.api("DELETE", f"attachments/{uid}/").status_code == 204
    (record,) = room.records()
    assert room.outbox.files(record) == [] and room.sums() == (2, 1, 0, 1)
    with room.field.station.db.writing() as connection:
        sql = "SELECT count(*) FROM blobs WHERE content IN (?, ?)"
        assert connection.execute(sql, (b"kept from KoboToolbox", b"relayed before")).fetchone()[0] == 0


def test_what_the_api_writes_is_relayed_as_well(room: Room) -> None:
    room.send(1, b"x")
    row = room.field.rows()["results"][0]
    assert room.field.api("POST", f"data/{row['_id']}/duplicate/").status_code == 201
    body = {"payload": {"submission_ids": [row["_id"]], "data": {"nom": "Z"}}}
    assert room.field.api("PATCH", "data/bulk/", json=body).status_code == 200
    assert [record.kind for record in room.records()] == ["new", "new", "edit"]
    assert [len(room.outbox.files(record)) for record in room.records()] == [1, 1, 0]
    assert room.records()[2].deprecated == key(1) and room.sums() == (3, 0, 0, 3)


def test_the_sums_hold_after_every_operation(room: Room) -> None:
    """*n stored = n relayed + n refused + n waiting*, stored being counted in the tables of what is stored."""
    outbox, sums = room.outbox, []

    def note(operation: object) -> None:
        sums.append(room.sums())

    note(room.send(1, b"1"))
    note(room.send(2, b"2", edits=1))  # another p.jpg: 409, all of it undone
    note(room.send(3, edits=1))
    note(room.send(3, edits=1))
    note(room.send(4, b"4", with_file=False))
    note(outbox.note_failed(room.records()[0], 500, "", NOW))
    note(outbox.note_refused(room.records()[0], 400, "", NOW))
    note(room.send(4, b"4"))
    note(outbox.put_back([room.field.uid]))
    note(outbox.note_relayed(room.records()[0], outbox.files(room.records()[0]), 202, NOW))
    note(room.relay_all())
    note(outbox.forget(NOW))
    note(room.send(5, b"5"))
    assert sums == [(1, 0, 0, 1), (1, 0, 0, 1), (2, 0, 0, 2), (2, 0, 0, 2), (3, 0, 0, 3), (3, 0, 0, 3), (3, 0, 1, 2),
                    (3, 0, 1, 2), (3, 0, 0, 3), (3, 1, 0, 2), (3, 3, 0, 0), (3, 3, 0, 0), (4, 3, 0, 1)]  # fmt: skip


def test_forgetting_leaves_no_byte_of_what_was_relayed_and_all_of_the_rest(room: Room, tmp_path: Path) -> None:
    for n in (1, 2, 3, 4):
        room.send(n, b"%d secret picture" % n)
    room.send(5, edits=1)
    room.relay_all()
    room.send(6, b"6 secret picture", edits=2, name="q.jpg")  # a version of row 2 waits: the row stays whole
    outbox = room.outbox
    assert outbox.forget(NOW) == (3, 2) and outbox.n_whole() == 0  # row 1 had let go of its file already
    assert outbox.shrink() and room.sums() == (6, 5, 0, 1)
    assert [row["_uuid"] for row in room.field.rows()["results"]] == [key(6)]
    assert outbox.content(outbox.files(room.records()[0])[0]) == b"6 secret picture"
    content = b"".join(path.read_bytes() for path in tmp_path.glob("station.sqlite*"))
    assert {n: b"%d secret picture" % n in content for n in range(1, 7)} == {n: n in (2, 6) for n in range(1, 7)}
    assert b"<nom>N3</nom>" not in content and b"<nom>N6</nom>" in content


def _older(path: Path, version: int, field_path: Path) -> None:
    """The rows of *field_path*, in a station's file as *version* made it."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        for statement in (SCHEMAS / f"station-{version}.sql").read_text("utf-8").splitlines():
            file.execute(statement.rstrip(";"))
        file.execute("ATTACH ? AS new", (str(field_path),))
        for (table,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = ", ".join(f'"{row[1]}"' for row in file.execute(f"PRAGMA table_info({table})"))
            file.execute(f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
        file.execute(f"PRAGMA user_version = {version}")
        file.commit()


@pytest.mark.parametrize("version", [1, 2])
def test_what_a_station_of_before_holds_waits(tmp_path: Path, version: int) -> None:
    with bench(tmp_path / "now.sqlite") as field:
        xml = field.xml(key(1), "<nom>A</nom><photo>p.jpg</photo>")
        field.post(xml, {"p.jpg": b"1"})
        field.post(field.xml(key(2)))
        meta = f"<deprecatedID>uuid:{key(2)}</deprecatedID>"
        field.post(newest := field.xml(key(3), "<nom>B</nom>", meta))
        uid = field.uid
    _older(tmp_path / "older.sqlite", version, tmp_path / "now.sqlite")
    with (
        bench(tmp_path / "older.sqlite", uid) as field,
        contextlib.closing(Outbox(tmp_path / "older.sqlite")) as outbox,
    ):
        room = Room(field, outbox)
        first, edited = room.records()
        assert (first.kind, outbox.xml(first), [file.name for file in outbox.files(first)]) == ("new", xml, ["p.jpg"])
        assert (edited.kind, edited.deprecated, outbox.xml(edited)) == ("adopted", key(2), newest)
        assert room.sums() == (2, 0, 0, 2)
        assert room.send(4, edits=3) == 201
        assert [record.kind for record in room.records()] == ["new", "adopted", "edit"] and room.sums() == (3, 0, 0, 3)
        assert outbox.original(room.records()[2]) == room.records()[1] and outbox.original(room.records()[1]) is None
        assert outbox.xml(room.records()[1]) == newest


def test_a_root_that_a_submission_names_is_its_root(room: Room) -> None:
    """As KoboToolbox takes it (get_root_uuid_from_xml); a second submission of one root is refused by both."""
    xml = room.field.xml(key(2), meta=f"<rootUuid>uuid:{key(1)}</rootUuid>")
    assert room.field.post(xml).status_code == 201 and room.field.post(xml).status_code == 202
    row = room.field.rows()["results"][0]
    assert (row["_uuid"], row["meta/rootUuid"]) == (key(2), f"uuid:{key(1)}")
    assert room.records()[0].root_uuid == key(1)
    assert room.send(1) == 409

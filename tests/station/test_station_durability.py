"""The station's promise: what was answered 201 is on the disk, whatever happens next."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from conftest import write_workspace
from station_bench import Bench, bench, new_station

from kobo_sync.errors import StoreError
from kobo_sync.station import serve
from kobo_sync.station.space import RESERVE_BYTES
from kobo_sync.workspace.archive import make_backup

HERE = Path(__file__).parent
CHILD = """
import sys, time
from pathlib import Path
from station_bench import new_station
from kobo_sync.station import serve
from kobo_sync.station.space import RESERVE_BYTES
from kobo_sync.workspace.archive import make_backup
running = serve(new_station(Path(sys.argv[1]), seed=2))
print(running.url, flush=True)
sys.stdin.read()
"""


def key(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012d}"


def test_a_station_killed_while_phones_send_keeps_every_201(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite"
    with bench(path) as first:
        uid = first.uid
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE.parent.parent,
        env={"PYTHONPATH": f"{HERE}:{HERE.parent.parent}"},
    )
    with child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        accepted: list[str] = []
        enough = threading.Event()

        def phone(start: int) -> None:
            with requests.Session() as session, contextlib.suppress(requests.RequestException):
                session.headers["Authorization"] = "Token staff-token"
                sender = Bench(None, url, session, uid)  # type: ignore[arg-type]
                for n in range(start, start + 500):
                    sent = sender.post(sender.xml(key(n), "<photo>p.jpg</photo>"), {"p.jpg": bytes([n % 256]) * 5000})
                    if sent.status_code == 201:
                        accepted.append(key(n))
                    if len(accepted) >= 40:
                        enough.set()

        phones = [threading.Thread(target=phone, args=(1000 * n,)) for n in range(3)]
        for thread in phones:
            thread.start()
        assert enough.wait(timeout=30)
        child.send_signal(signal.SIGKILL)
        for thread in phones:
            thread.join()
    with bench(path, uid) as again:
        rows = again.rows(limit=1000)["results"]
        stored = {row["_uuid"]: row for row in rows}
        assert set(accepted) <= set(stored)
        assert all(len(row["_attachments"]) == 1 for row in rows)
        last = stored[accepted[-1]]["_attachments"][0]["download_url"]
        assert len(again.api("GET", last).content) == 5000
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_phones_that_send_at_once_are_each_stored_once(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as field:
        codes: list[int] = []

        def phone() -> None:
            with requests.Session() as session:
                session.headers["Authorization"] = "Token staff-token"
                sender = Bench(field.station, field.url, session, field.uid)
                codes.extend(sender.post(sender.xml(key(n))).status_code for n in range(10))

        phones = [threading.Thread(target=phone) for _ in range(4)]
        for thread in phones:
            thread.start()
        for thread in phones:
            thread.join()
        assert sorted(codes) == [201] * 10 + [202] * 30
        assert field.rows()["count"] == 10


def test_a_station_opens_again_as_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite"
    with bench(path) as field:
        field.post(field.xml(key(1)))
        uid, before = field.uid, field.rows()
        form = field.session.get(f"{field.url}/forms/1/form.xml", timeout=20).text
    with bench(path, uid) as again:
        assert again.rows() == before
        assert again.session.get(f"{again.url}/forms/1/form.xml", timeout=20).text == form


def test_the_same_seeds_and_calls_give_the_same_bytes(tmp_path: Path) -> None:
    said = []
    for name in ("one", "two"):
        with bench(tmp_path / name / "station.sqlite") as field:
            field.post(field.xml(key(1), "<photo>p.jpg</photo>"), {"p.jpg": b"1"})
            pages = [field.api("GET", path).text for path in ("", "data/", "history/")]
            said.append("".join(pages).replace(field.url, ""))
    assert said[0] == said[1]


def test_another_programs_file_is_refused_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100, encoding="utf-8")
    with pytest.raises(StoreError, match=r"notes\.txt") as caught:
        new_station(path)
    assert caught.value.hint


def test_stopping_frees_the_port_though_a_phone_keeps_its_connection(tmp_path: Path) -> None:
    station = new_station(tmp_path / "station.sqlite")
    running = serve(station)
    with requests.Session() as session:
        session.headers["Authorization"] = "Token staff-token"
        assert session.get(f"{running.url}/me/", timeout=20).status_code == 200
        running.stop()
    again = serve(station, port=running.port)
    assert again.port == running.port
    again.stop()
    station.close()


def test_a_full_disk_refuses_loses_nothing_and_recovers(tmp_path: Path) -> None:
    with bench(tmp_path / "station.sqlite") as field:
        field.post(field.xml(key(1)))
        with field.station.db.writing() as connection:
            used = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {used + 2}")
        photo = {"p.jpg": b"x" * 100_000}
        refused = field.post(field.xml(key(2), "<photo>p.jpg</photo>"), photo)
        assert refused.status_code == 503 and "presque plein" in refused.text
        assert field.rows()["count"] == 1
        with field.station.db.writing() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")
        assert field.post(field.xml(key(2), "<photo>p.jpg</photo>"), photo).status_code == 201
        assert field.rows()["count"] == 2


def test_a_disk_that_is_nearly_full_is_told_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part 9, 9: 503 with words that a phone shows, while the station still has room to keep what it has."""
    with bench(tmp_path / "station.sqlite") as field:
        assert field.post(field.xml(key(1))).status_code == 201
        room = shutil.disk_usage(tmp_path)
        short = room._replace(free=RESERVE_BYTES + 3_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: short)
        refused = field.post(field.xml(key(2), "<photo>p.jpg</photo>"), {"p.jpg": bytes(2_000_000)})
        assert refused.status_code == 503 and refused.headers["Content-Type"].startswith("text/xml")
        assert "presque plein" in refused.text and "قرص المحطة" in refused.text and refused.headers["Retry-After"]
        assert field.session.head(f"{field.url}/submission", timeout=20).status_code == 204  # else no phone reads why
        assert field.rows()["count"] == 1
        assert field.post(field.xml(key(2))).status_code == 201  # a small one still fits
        monkeypatch.undo()
        assert field.post(field.xml(key(3), "<photo>p.jpg</photo>"), {"p.jpg": bytes(2_000_000)}).status_code == 201


def test_a_backup_while_phones_send_holds_all_that_was_answered_before_it(tmp_path: Path) -> None:
    """Part 9, 9."""
    workspace = write_workspace(tmp_path / "mission")
    moment = datetime(2025, 2, 11, 9, tzinfo=UTC)
    with bench(workspace.station_database) as field:
        accepted: list[str] = []
        enough, stop = threading.Event(), threading.Event()

        def phone(start: int) -> None:
            with requests.Session() as session:
                session.headers["Authorization"] = "Token staff-token"
                sender = Bench(field.station, field.url, session, field.uid)
                for n in itertools.takewhile(lambda _n: not stop.is_set(), range(start, start + 1000)):
                    sent = sender.post(sender.xml(key(n), "<photo>p.jpg</photo>"), {"p.jpg": bytes([n % 256]) * 50_000})
                    assert sent.status_code == 201
                    accepted.append(key(n))
                    if len(accepted) >= 30:
                        enough.set()

        phones = [threading.Thread(target=phone, args=(1000 * n,)) for n in range(3)]
        for thread in phones:
            thread.start()
        assert enough.wait(timeout=30)
        before = set(accepted)
        backup = make_backup(workspace, tmp_path / "backups", "essai", moment, lambda _done, _total: None)
        stop.set()
        for thread in phones:
            thread.join()
        assert field.rows()["count"] == len(accepted)
    copy = backup.folder / ".kobo_sync" / "station.sqlite"
    with contextlib.closing(sqlite3.connect(copy)) as file:
        rows = file.execute(
            "SELECT uuid, length(content) FROM submissions JOIN attachments ON submission_id = submissions.id"
            " JOIN blobs ON blobs.sha = blob"
        ).fetchall()
    assert before <= {uuid for uuid, _ in rows} <= set(accepted) and {size for _, size in rows} == {50_000}

"""Killed at any instant, a relay loses nothing and doubles nothing: the next one ends as one that was never disturbed (part 9, 3)."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from conftest import PASSWORD, TOKEN, Clock
from relay_field import JPEG, VISIT, Both, both_in

from kobo_sync.station import Account, Station, serve
from kobo_sync.station.outbox import ledger_in


def _state(path: Path) -> list[Any]:
    """What a station has: rows with their bytes, and files, without ids and times."""
    with closing(sqlite3.connect(path)) as file:
        rows = file.execute("SELECT asset, uuid, root_uuid, xml FROM submissions ORDER BY root_uuid").fetchall()
        files = file.execute(
            "SELECT root_uuid, name, mimetype, blob FROM attachments JOIN submissions ON submissions.id = submission_id"
            " ORDER BY root_uuid, name"
        ).fetchall()
        versions = file.execute("SELECT uuid FROM retired ORDER BY uuid").fetchall()
    return [rows, files, versions]


@contextmanager
def _kobo(path: Path) -> Iterator[str]:
    numbers = count(5000)
    station = Station(
        path,
        accounts=[Account("maha", PASSWORD, TOKEN)],
        clock=Clock(),
        new_uid=lambda prefix: f"{prefix}{next(numbers):0{22 - len(prefix)}}",
        new_uuid=lambda: "22222222-2222-4222-8222-222222222222",
    )
    with serve(station) as running:
        yield running.url
    station.close()


def _files(both: Both, tmp_path: Path) -> tuple[Path, Path]:
    """Copies to start from: the room's file with a day in it, and KoboToolbox's with none."""
    room = both.room
    first = room.person("NOR-01")
    answers = {"zone": "nord", "accord": "oui", "groupe": "a", "code": "NOR-01", "nom": "X"}
    room.submit("personnes", answers, edits=first)
    pictures = {f"p{n}.jpg": (JPEG + bytes([n]) * 4_000_000, "image/jpeg") for n in range(3)}  # two posts
    room.submit("visites", {**VISIT, "membre": [{"prenom": name} for name in pictures]}, files=pictures)
    room.person("NOR-02")
    starts = (tmp_path / "room.sqlite", tmp_path / "kobo.sqlite")
    for station, target in zip((both.room.station, both.kobo.station), starts, strict=True):
        with closing(sqlite3.connect(station.path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    return starts


def test_killed_at_every_point_the_next_relay_ends_the_same(tmp_path: Path) -> None:
    with both_in(tmp_path) as both:
        room_start, kobo_start = _files(both, tmp_path)
        root = both.workspace.root
        program = Path(__file__).with_name("killed_relays.py")
        paths = f"{program.parents[2]}:{program.parents[1]}:{program.parent}"
        with subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": paths},
        ) as child:
            assert child.stdin and child.stdout

            def relayed(state: Path, url: str, point: int) -> str:
                print(root, state, url, point, sep="\t", file=child.stdin, flush=True)
                assert child.stdout
                return child.stdout.readline().strip()

            whole = _state(room_start)
            point, outcome = 0, "killed"
            while outcome == "killed":
                point += 1
                state = tmp_path / "states" / str(point)
                state.mkdir(parents=True)
                shutil.copy(room_start, state / "station.sqlite")
                kobo = state / "kobo.sqlite"
                shutil.copy(kobo_start, kobo)
                with _kobo(kobo) as url:
                    outcome = relayed(state, url, point)
                    between = ledger_in(state / "station.sqlite")
                    assert all(total.is_balanced for total in between), point
                    if outcome == "killed":
                        assert relayed(state, url, 0) == "done"
                assert _state(kobo) == whole, point
                assert [(t.n_stored, t.n_relayed) for t in ledger_in(state / "station.sqlite")] == [(3, 3), (1, 1)], (
                    point
                )
                shutil.rmtree(state)
            child.stdin.close()
        assert outcome == "done" and point > 15

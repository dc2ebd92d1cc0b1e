"""The journal: what is done stands in it with who and when, and whatever is changed in it afterwards shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kobo_sync.desk import access_log, accounts, journal, schedules, share_links
from kobo_sync.desk.accounts import AccountRefused
from kobo_sync.desk.chain import seal
from kobo_sync.desk.changes import record_change
from kobo_sync.desk.database import Desk
from kobo_sync.desk.erasure import mask_texts
from kobo_sync.desk.journal import Break, Head, J
from kobo_sync.desk.runs import Order, start_run

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SENTENCE = "une phrase assez longue"


def _six(desk: Desk) -> Head:
    for n in range(1, 7):
        journal.note(desk, "pull", f"run {n}", by="amina", now=NOW + timedelta(hours=n), more=f"é {n}")
    return journal.head(desk)


def _breaks(desk: Desk, *heads: Head) -> list[Break]:
    return list(journal.breaks(desk, {f"backup {n}": head for n, head in enumerate(heads)}))


def _raw(desk: Desk, change: Callable[[sa.Connection], Any]) -> None:
    """As somebody with the database in hand does it."""
    with desk.engine.begin() as connection:
        change(connection)


def test_whatever_is_done_stands_in_the_journal_with_who_and_when(desk: Desk) -> None:
    run_id = start_run(desk, "pull", Order("person", "maha"), NOW, "host", 1, "maha")
    access_log.log_download(desk, "rows/personnes/0f1e", "nominative", "", NOW, username="nora")
    access_log.log_download(desk, "nord.zip", "aggregate", "ab", NOW, share_id="xyz")
    link = share_links.share(desk, "nord/fiche-zone.pdf", "lea", NOW, NOW + timedelta(days=7))
    share_links.revoke(desk, link.share_id, "lea", NOW)
    record_change(desk, "config/mission.toml", ["mission.title"], by="maha", now=NOW, before_sha256="a", after_sha256="b")  # fmt: skip
    record_change(desk, "config/enumerators.csv", ["Fatima"], by="maha", now=NOW, before_sha256="a", after_sha256="b")
    schedules.set_paused(desk, "pull", True, "maha", NOW)
    accounts.add_user(desk, "driss", "Driss Alaoui", "reader", SENTENCE, names=False, now=NOW, by="amina")
    accounts.close_user(desk, "driss", NOW, "amina")
    lines = [(each.by, each.act, each.subject) for each in reversed(journal.entries(desk))]
    assert lines == [
        ("maha", "pull", f"run {run_id}"),
        ("nora", "look", "rows/personnes/0f1e"),
        ("(link xyz)", "download", "nord.zip"),
        ("lea", "share", "nord/fiche-zone.pdf"),
        ("lea", "unshare", ""),
        ("maha", "change", "config/mission.toml"),
        ("maha", "change", "config/enumerators.csv"),
        ("maha", "change", "schedule:pull"),
        ("amina", "account", "driss"),
        ("amina", "account", "driss"),
    ]
    assert all(each.at == NOW for each in journal.entries(desk)) and not _breaks(desk)
    told = json.dumps([dict(each.details) for each in journal.entries(desk)], ensure_ascii=False)
    assert "mission.title" in told and "closed" in told
    assert "Fatima" not in told and "Alaoui" not in told and SENTENCE not in told
    (seen, taken) = reversed(access_log.downloads(desk))
    assert (seen.username, seen.classification) == ("nora", "nominative")
    assert (taken.username, taken.share_id, taken.path) == ("", "xyz", "nord.zip")


def test_what_is_refused_leaves_no_entry(desk: Desk) -> None:
    accounts.add_user(desk, "driss", "", "administrator", SENTENCE, names=False, now=NOW, by="amina")
    before = journal.head(desk)
    with pytest.raises(AccountRefused):
        accounts.close_user(desk, "driss", NOW, "driss")
    with pytest.raises(AccountRefused):
        accounts.add_user(desk, "driss", "", "reader", SENTENCE, names=False, now=NOW, by="amina")
    assert journal.head(desk) == before


def test_entries_are_asked_for_by_day_by_whom_and_by_act(desk: Desk) -> None:
    _six(desk)
    journal.note(desk, "deploy", "run 7", by="salma@poste-3", now=NOW)
    assert [each.number for each in journal.entries(desk, 2)] == [7, 6]
    assert [each.number for each in journal.entries(desk, by="amina", before=3)] == [2, 1]
    assert [each.number for each in journal.entries(desk, since=NOW + timedelta(hours=5))] == [6, 5]
    assert [each.act for each in journal.entries(desk, by="salma")] == ["deploy"]
    assert [each.number for each in journal.entries(desk, acts=["deploy", "purge"])] == [7]
    assert journal.doers(desk) == ["amina", "salma@poste-3"] and journal.acts_there(desk) == ["deploy", "pull"]


def test_a_changed_entry_shows(desk: Desk) -> None:
    _six(desk)
    for column, value in (("by", "maha"), ("at", NOW), ("subject", "run 9"), ("act", "purge"), ("details", "")):
        before = next(each for each in journal.entries(desk) if each.number == 3)
        _raw(desk, lambda c, v={column: value}: c.execute(J.update().where(J.c.number == 3).values(**v)))  # type: ignore[misc]
        assert _breaks(desk) == [Break("unfit", 3, 3)], column
        back = {"by": before.by, "at": before.at, "subject": before.subject, "act": before.act}
        text = json.dumps(before.details, ensure_ascii=False, sort_keys=True)
        _raw(desk, lambda c, v=back, t=text: c.execute(J.update().where(J.c.number == 3).values(**v, details=t)))  # type: ignore[misc]
        assert not _breaks(desk)


def test_an_entry_with_a_hash_of_its_own_does_not_fit_the_next(desk: Desk) -> None:
    """Whoever changes an entry and knows how it is hashed."""
    _six(desk)
    before = next(each for each in journal.entries(desk) if each.number == 2).sha256
    forged = seal(before, 3, journal.kept_moment(NOW), "maha", "pull", "run 3", "")
    values = {"at": NOW, "by": "maha", "details": "", "sha256": forged}
    _raw(desk, lambda c: c.execute(J.update().where(J.c.number == 3).values(**values)))
    assert _breaks(desk) == [Break("unfit", 4, 4)]


def test_removed_and_inserted_entries_show(desk: Desk) -> None:
    _six(desk)
    _raw(desk, lambda c: c.execute(J.delete().where(J.c.number.in_([2, 3]))))
    assert _breaks(desk) == [Break("missing", 2, 3)]
    for number in (6, 5, 4):  # closed up, as if nothing had been there
        _raw(desk, lambda c, n=number: c.execute(J.update().where(J.c.number == n).values(number=n + 100)))  # type: ignore[misc]
    for number in (4, 5, 6):
        _raw(desk, lambda c, n=number: c.execute(J.update().where(J.c.number == n + 100).values(number=n - 2)))  # type: ignore[misc]
    assert _breaks(desk) == [Break("unfit", 2, 4)]


def test_an_entry_put_in_before_the_first_or_at_the_end_shows(desk: Desk) -> None:
    _six(desk)
    forged = {"at": NOW, "by": "maha", "act": "pull", "subject": "", "details": "", "sha256": "0" * 64}
    for number in (0, 7):
        _raw(desk, lambda c, n=number: c.execute(J.insert().values(number=n, **forged)))  # type: ignore[misc]
    assert _breaks(desk) == [Break("unfit", 0, 0), Break("unfit", 7, 7)]


def test_a_cut_end_shows_by_a_head_that_was_kept_elsewhere_and_by_nothing_else(desk: Desk) -> None:
    head = _six(desk)
    _raw(desk, lambda c: c.execute(J.delete().where(J.c.number > 4)))
    assert not _breaks(desk)  # the limit: what is left is a whole chain
    assert _breaks(desk, head) == [Break("cut", 6, 6, "backup 0")]
    journal.note(desk, "pull", "another", by="maha", now=NOW)
    journal.note(desk, "pull", "another", by="maha", now=NOW)
    assert not _breaks(desk) and _breaks(desk, head) == [Break("cut", 6, 6, "backup 0")]
    assert not _breaks(desk, Head(0, "0" * 64), journal.head(desk))


def test_many_who_write_at_once_make_one_chain(desk: Desk) -> None:
    def write(who: str) -> None:
        for n in range(20):
            journal.note(desk, "pull", f"{n}", by=who, now=NOW)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(write, who) for who in ("a1", "b2", "c3", "d4")]:
            done.result(timeout=120)
    numbers = [each.number for each in journal.entries(desk, None)]
    assert numbers == list(range(80, 0, -1)) and not _breaks(desk)


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from kobo_sync.desk import journal
from kobo_sync.desk.database import Desk
desk = Desk(Path(sys.argv[1]))
while True:
    journal.note(desk, "pull", "x", by="amina", now=datetime.now(UTC))
    print("x", flush=True)
"""


def test_a_writer_that_is_killed_leaves_a_whole_chain(tmp_path: Path) -> None:
    place = tmp_path / "desk.sqlite"
    n_told = 0
    for n_lines in (1, 3, 7):
        command = [sys.executable, "-c", _WRITER, str(place)]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as writer:
            assert writer.stdout is not None
            for _ in range(n_lines):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            n_told += n_lines + len(writer.stdout.readlines())
    desk = Desk(place)
    assert not _breaks(desk) and journal.head(desk).number in range(
        n_told, n_told + 4
    )  # one may be written and not told
    desk.close()


def test_what_a_purge_masks_on_the_desk_is_never_the_journal(desk: Desk) -> None:
    head = _six(desk)
    mask_texts(desk, lambda _text: "…")
    assert journal.head(desk) == head and not _breaks(desk, head)


def test_texts_that_a_database_cannot_keep_fit_as_they_are_kept(desk: Desk) -> None:
    journal.note(desk, "change", "forms/a\0b\ud83d.xlsx", by="maha", now=NOW, keys="\udcff")
    assert not _breaks(desk)

"""The ledger and the lease: one run at a time over processes and machines, each slot once, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kobo_sync.desk import runs, schedules
from kobo_sync.desk.database import Desk
from kobo_sync.desk.processes import holder_name, machine, state_of
from kobo_sync.desk.runs import Order, SlotTaken
from kobo_sync.errors import Busy

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
DEAD = f"{machine()}.99999999.1.a"  # no process has this number
SLOT = Order("schedule", "", "2026-11-25T06:00", NOW)


def test_a_slot_is_run_once(desk: Desk) -> None:
    first = runs.start_run(desk, "pull", SLOT, NOW, "a", 1)
    runs.end_run(desk, first, NOW, "done", {"counts": {"new": 3}})
    with pytest.raises(SlotTaken):
        runs.start_run(desk, "pull", SLOT, NOW, "b", 2)
    assert runs.start_run(desk, "build", SLOT, NOW, "b", 2) > first
    assert runs.start_run(desk, "pull", Order("person", "maha"), NOW, "b", 2) > first
    newest = runs.last_runs(desk, 1, job="pull")[0]
    assert (newest.origin, newest.asked_by, newest.slot) == ("person", "maha", None)


def test_a_run_whose_process_died_is_lost(desk: Desk) -> None:
    dead = runs.start_run(desk, "pull", Order(), NOW, "a", 1)
    runs.start_run(desk, "pull", Order(), NOW, "a", 2)
    found = runs.run(desk, dead)
    assert found is not None and found.status == "lost" and found.has_failed


def test_the_clock_of_yesterday_does_not_hide_what_is_due(desk: Desk) -> None:
    tomorrow = Order("schedule", "", "2026-11-26T06:00", NOW + timedelta(days=1))
    runs.note_missed(desk, "pull", tomorrow, NOW, "a")
    assert runs.due_after(desk, "pull", NOW) is None
    assert runs.due_after(desk, "pull", NOW + timedelta(days=2)) == NOW + timedelta(days=1)


def test_a_dead_process_of_this_machine_holds_nobody_back(desk: Desk) -> None:
    runs.take_lease(desk, DEAD, "laptop", 1, NOW)
    runs.take_lease(desk, "two", "laptop", 2, NOW)
    assert not runs.beat(desk, DEAD, 0, {}) and runs.beat(desk, "two", 0, {})


def test_two_workspaces_of_one_host_do_not_take_each_other_s_lease(desk: Desk) -> None:
    """Part 10, 2: a host's name told neither machine nor process, so a live neighbour was taken for dead."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as neighbour:
        started_at = Path(f"/proc/{neighbour.pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
        holder = f"{machine()}.{neighbour.pid}.{started_at}.b"
        assert state_of(holder) == "alive"
        assert state_of(f"{machine()}.{neighbour.pid}.1.b") == "dead"  # its number was another process's once
        runs.take_lease(desk, holder, "laptop", neighbour.pid, NOW)
        with pytest.raises(Busy, match="laptop"):
            runs.take_lease(
                desk, "own", "laptop", 2, NOW, wait=lambda _: pytest.fail("waits for one that is seen to live")
            )
        neighbour.communicate(b"\n")
    runs.take_lease(desk, "own", "laptop", 2, NOW)
    assert runs.beat(desk, "own", 0, {})


def test_another_machine_of_the_same_name_is_watched(desk: Desk) -> None:
    assert state_of("0123456789abcdef.1.1.c") == state_of("an-old-version-s-uuid") == "unknown"
    assert state_of(holder_name("d" * 32)) == "unknown" and len(holder_name("d" * 32)) <= 64
    runs.take_lease(desk, "0123456789abcdef.1.1.c", "laptop", 1, NOW)

    def beats(_seconds: float) -> None:
        assert runs.beat(desk, "0123456789abcdef.1.1.c", 0, {})

    with pytest.raises(Busy, match="laptop"):
        runs.take_lease(desk, "near", "laptop", 2, NOW, wait=beats)


def test_another_machine_at_work_is_respected_whatever_its_clock_says(desk: Desk) -> None:
    runs.take_lease(desk, "far", "office", 1, NOW + timedelta(days=300))

    def beats(_seconds: float) -> None:
        assert runs.beat(desk, "far", 0, {})

    with pytest.raises(Busy, match="office"):
        runs.take_lease(desk, "near", "laptop", 2, NOW, wait=beats)


def test_another_machine_that_died_is_taken_over(desk: Desk) -> None:
    runs.take_lease(desk, "far", "office", 1, NOW)
    told = [0.0]

    def passes(seconds: float) -> None:
        told[0] += seconds

    runs.take_lease(desk, "near", "laptop", 2, NOW, wait=passes, monotonic=lambda: told[0])
    assert runs.DEAD_S <= told[0] < runs.DEAD_S + 5
    assert not runs.beat(desk, "far", 0, {})
    runs.give_back(desk, "far")
    assert runs.beat(desk, "near", 0, {})


def test_of_many_that_want_to_start_one_does(desk: Desk) -> None:
    ready, started, one_at_a_time = threading.Barrier(6), [], threading.Lock()

    def want(n: int) -> None:
        ready.wait()
        with suppress(SlotTaken):
            with one_at_a_time:  # as the lease does
                run_id = runs.start_run(desk, "pull", SLOT, NOW, "a", n)
                runs.end_run(desk, run_id, NOW, "done", {})
            started.append(run_id)

    threads = [threading.Thread(target=want, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1


def test_two_clicks_make_one_wish(desk: Desk) -> None:
    said = [schedules.wish(desk, "pull", origin="person", asked_by=who, now=NOW) for who in ("maha", "lea")]
    assert said == [True, False]
    schedules.wish(desk, "pull", form_id="visites", origin="hook", now=NOW)
    waiting = schedules.wishes(desk)
    assert [(wish.origin, wish.form_id) for wish in waiting] == [("person", ""), ("hook", "visites")]
    schedules.grant(desk, waiting[:1])
    assert schedules.wish(desk, "pull", origin="person", now=NOW)


def test_hours_and_pauses_are_kept_apart(desk: Desk) -> None:
    schedules.set_expressions(desk, "pull", ["every 30 min"], "maha", NOW)
    schedules.set_paused(desk, "pull", True, "lea", NOW)
    setting = schedules.settings(desk)["pull"]
    assert setting.expressions == ("every 30 min",) and setting.paused and setting.changed_by == "lea"
    schedules.set_expressions(desk, "pull", None, "maha", NOW)
    assert schedules.settings(desk)["pull"].expressions is None and schedules.settings(desk)["pull"].paused


def test_old_runs_are_forgotten_but_the_newest_of_each_job(desk: Desk) -> None:
    for job in ("pull", "pull", "build"):
        runs.end_run(desk, runs.start_run(desk, job, Order(), NOW, "a", 1), NOW, "done", {})
    assert runs.forget_before(desk, NOW + timedelta(days=1)) == 1
    assert {run.job for run in runs.last_runs(desk)} == {"pull", "build"}


def test_a_run_that_died_or_was_stopped_gives_its_slot_back_and_says_which(desk: Desk) -> None:
    """Part 7, C13: the evening's work counted as done, although its process was killed in the middle."""
    runs.start_run(desk, "pull", SLOT, NOW, "a", 1)
    stopped = runs.start_run(desk, "pull", SLOT, NOW, "a", 2)
    runs.end_run(desk, stopped, NOW, "stopped", {"error": "RunStopped"})
    after = runs.due_after(desk, "pull", NOW + timedelta(days=1))
    assert SLOT.slot_at and after and after < SLOT.slot_at
    done = runs.start_run(desk, "pull", SLOT, NOW, "a", 3)
    runs.end_run(desk, done, NOW, "done", {})
    with pytest.raises(SlotTaken):
        runs.start_run(desk, "pull", SLOT, NOW, "a", 4)
    rows = [(run.status, run.slot, run.report.get("slot")) for run in reversed(runs.last_runs(desk))]
    assert rows == [("lost", None, SLOT.slot), ("stopped", None, SLOT.slot), ("done", SLOT.slot, None)]


def test_a_slot_whose_runs_die_each_time_is_given_up(desk: Desk) -> None:
    """What kills its process (memory, say) must not do so for ever."""
    for n in range(runs.MOST_LOST):
        runs.start_run(desk, "pull", SLOT, NOW, "a", n)
    with pytest.raises(SlotTaken):
        runs.start_run(desk, "pull", SLOT, NOW, "a", 9)


def test_a_dead_machine_s_run_is_lost_once_its_beat_stands_still(desk: Desk) -> None:
    now = [0.0]
    runs.take_lease(desk, "far", "office", 1, NOW)
    run_id = runs.start_run(desk, "pull", SLOT, NOW, "office", 1)
    watch = runs.LeaseWatch(lambda: now[0])
    is_running, lease = runs.at_work(desk)
    assert is_running and lease and not watch.is_dead(lease)
    now[0] += runs.DEAD_S
    runs.beat(desk, "far", run_id, {})
    _, moved = runs.at_work(desk)
    assert moved and not watch.is_dead(moved)
    assert runs.end_dead_runs(desk, lease, NOW) == 0  # it has moved since: it lives
    now[0] += runs.DEAD_S
    assert watch.is_dead(moved)
    assert runs.end_dead_runs(desk, moved, NOW) == 1
    assert runs.at_work(desk) == (False, None)

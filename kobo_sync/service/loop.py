"""One mission's jobs in the long-running process: by the clock, on a person's word or the server's; one at a time, each recorded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kobo_sync.config.service import JOB_NAMES
from kobo_sync.config.timetable import Slot, delay, due
from kobo_sync.desk import pieces, runs, schedules
from kobo_sync.desk.runs import LeaseWatch, Order, SlotTaken
from kobo_sync.desk.schedules import Wish
from kobo_sync.engine.queue import Queue, queue_of
from kobo_sync.errors import Busy, KoboSyncError, RunStopped, StoreError
from kobo_sync.mission.mission import CurrentMission, Mission
from kobo_sync.mission.run_log import end_dead_runs, recorded, who
from kobo_sync.notices.messages import after_run, send_waiting, tell_of_interruptions
from kobo_sync.service.hours import hours, next_runs
from kobo_sync.service.jobs import JOBS
from kobo_sync.service.stages import first_pieces

log = logging.getLogger("kobo_sync.service.loop")
HEARTBEAT_S = 3  # wishes of other processes and steps of the clock are noticed within it
LATE_S = 120  # a job that starts later than this after its hour is one made up for
KEEP = timedelta(days=400)  # how long the ledger tells of a run
KEEP_PIECES = timedelta(days=7)  # and of a worker's piece that went well
BUSY_S = 30  # how long a job waits when another process is at work


@dataclass(frozen=True)
class Due:
    """A job that is to be carried out: for *wish*, or for the hour that *order* names; it waits *since* then (aware UTC)."""

    job: str
    order: Order
    since: datetime
    form_id: str = ""
    wish: Wish | None = None

    @property
    def is_person_s(self) -> bool:
        """Whether somebody waits for it."""
        return self.order.origin == "person"


class Service:
    """Carries a mission's jobs out; *open_mission* gives a fresh mission for each. `start` does so in a thread of its own.

    Nothing of when jobs ran is in memory: the ledger says it, so a process that was killed, a machine
    that slept, or a second process beside it neither miss nor repeat a slot. *stopping* ends it where several share one.
    """

    def __init__(
        self,
        open_mission: Callable[[], Mission],
        clock: Callable[[], datetime] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self._open = open_mission
        self._current: CurrentMission | None = None
        self._clock = clock or self._mission.clock
        self._began_at = self._clock()
        self._stopping = stopping or threading.Event()
        self._wake = threading.Event()
        self._not_before: datetime | None = None
        self._in_jitter_until: datetime | None = None  # when a slot whose hour has come will be due
        self._worker = threading.Thread(target=self._work, name="kobo-sync-jobs")
        self._watch = LeaseWatch()

    @property
    def _mission(self) -> Mission:
        if self._current is None:
            self._current = CurrentMission(self._open)
        return self._current()

    @property
    def mission(self) -> Mission:
        """The mission as its files say now. Raises: ConfigError, FormError, when they never were well since it last rested."""
        return self._mission

    def rest(self) -> None:
        """Give back what is open; it is opened again when there is something to do."""
        if self._current is not None:
            self._current.close()
            self._current = None

    def start(self) -> None:
        """Begin to look for jobs that are due."""
        for job, at in sorted(self.next_runs().items(), key=lambda pair: pair[1]):
            log.info("%s: next at %s", job, at.isoformat())
        self._wake.set()
        self._worker.start()

    def wake(self) -> None:
        """Look at once whether something is due."""
        self._wake.set()

    def stop(self) -> None:
        """End: a job at work stops at its next safe point, and is recorded as stopped."""
        self._stopping.set()
        self._wake.set()
        if self._worker.is_alive():
            self._worker.join()
        self.rest()

    def next_runs(self) -> dict[str, datetime]:
        """job → when it is next due."""
        return next_runs(self._mission.config, schedules.settings(self._mission.desk), self._clock())

    # ── the worker ──

    def _work(self) -> None:
        while not self._stopping.is_set():
            # Not by the wall clock: one that is set back would silence it until that hour comes again.
            self._wake.wait(HEARTBEAT_S)
            self._wake.clear()
            try:
                while not self._stopping.is_set() and self.carry_out_next():
                    pass
            except StoreError as error:
                log.error("the desk cannot be read: %s", error)
            except Exception:
                log.exception("the program itself is at fault; the service goes on")

    def carry_out_next(self) -> bool:
        """Carry out the one job that waits longest; False when none does. Raises: StoreError."""
        due = self.due_now()
        if self._not_before is None:
            send_waiting(self._mission, self._clock())
        return self.carry_out(due) if due else False

    def due_now(self) -> Due | None:
        """What is to be carried out next: what a person wished for first, then the hour that waits longest. Raises: StoreError."""
        now = self._clock()
        if self._not_before and now < self._not_before <= now + timedelta(seconds=BUSY_S):
            return None
        self._not_before = None
        desk = self._mission.desk
        self._take_stock(now)
        for wish in schedules.wishes(desk):
            if wish.job in JOBS:
                return Due(wish.job, wish.order, wish.asked_at, wish.form_id, wish)
            schedules.grant(desk, [wish])
        for job, slot in self._due(now):
            late = now - slot.at
            order = Order("catch_up" if late > timedelta(seconds=LATE_S) else "schedule", "", slot.name, slot.at)
            if late > timedelta(minutes=self._mission.config.schedule.grace_minutes):
                self._note_missed(job, order, now)
                continue
            return Due(job, order, slot.at)
        return None

    def carry_out(self, due: Due) -> bool:
        """Carry *due* out; False when another process is at work and it must wait. Raises: StoreError."""
        wish, desk = due.wish, self._mission.desk
        if wish is None:
            return self._carry_out(due.job, due.order)
        schedules.grant(desk, [wish])
        if self._carry_out(wish.job, wish.order, wish.form_id):
            return True
        now = self._clock()
        schedules.wish(desk, wish.job, form_id=wish.form_id, origin=wish.origin, asked_by=wish.asked_by, now=now)
        return False

    def quiet_until(self, latest: datetime) -> datetime:
        """Until when nothing becomes due by itself, *latest* at the most. Raises: StoreError."""
        moments = [latest, *self.next_runs().values(), *([self._not_before] if self._not_before else [])]
        return min([*moments, *([self._in_jitter_until] if self._in_jitter_until else [])])

    def _take_stock(self, now: datetime) -> None:
        """See what died or was recorded by a wrong clock since the last look, so that its hours are due again."""
        desk = self._mission.desk
        if n_lost := end_dead_runs(self._mission, self._watch):
            log.warning("%d runs were cut short: what is due is made up for", n_lost)
        self._began_at = min(self._began_at, now)
        if runs.free_slots_ahead(desk, self._mission.host, now):
            log.warning("the clock was set back: the hours that were recorded ahead of it will run when they come")
        tell_of_interruptions(self._mission, now)

    def _due(self, now: datetime) -> list[tuple[str, Slot]]:
        """(job, slot) of what is due, the oldest first; several missed slots of a job are the newest of them."""
        config, settings = self._mission.config, schedules.settings(self._mission.desk)
        zone = ZoneInfo(config.mission.timezone)
        slots, self._in_jitter_until = [], None
        for job in JOB_NAMES:
            expressions = hours(config, settings, job) if job in JOBS else ()
            if not expressions:
                continue
            since = [runs.due_after(self._mission.desk, job, now) or self._began_at]
            since += [settings[job].changed_at] if job in settings else []
            after = max((moment for moment in since if moment <= now), default=now)
            slot = due(expressions, after, now, zone)
            if slot is None:
                continue
            starts_at = slot.at + delay(config.mission.code, job, slot, config.schedule.jitter_s)
            if now >= starts_at:
                slots.append((job, slot))
            else:
                self._in_jitter_until = min(starts_at, self._in_jitter_until or starts_at)
        return sorted(slots, key=lambda pair: pair[1])

    def _note_missed(self, job: str, order: Order, now: datetime) -> None:
        try:
            runs.note_missed(self._mission.desk, job, order, now, self._mission.host)
            log.warning("%s: its hour %s passed while nothing ran", job, order.slot)
        except SlotTaken:
            log.debug("%s: %s is known already", job, order.slot)

    def _carry_out(self, job: str, order: Order, form_id: str = "") -> bool:
        """Run *job*, or hand it to the workers where there is an engine; False when it must wait."""
        if queue := queue_of(self._mission.config):
            return self._hand_over(queue, job, order, form_id)
        mission = self._open()
        mission.stop = self._stopping.is_set
        try:
            report = recorded(mission, job, lambda opened: JOBS[job].act(opened, form_id), order)
            log.info("%s: done, %d findings", job, len(report.findings), extra={"job": job})
        except SlotTaken:
            return True
        except RunStopped as error:
            log.info("%s: %s", job, error.message)
            return True
        except Busy as error:
            log.info("%s: waits, %s", job, error.message)
            self._not_before = self._clock() + timedelta(seconds=BUSY_S)
            return False
        except KoboSyncError as error:
            log.error("%s: failed: %s", job, error, extra={"job": job})
            # What failed before it could be recorded is still due: not at once, or the log fills the disk.
            self._not_before = self._clock() + timedelta(seconds=BUSY_S)
        finally:
            mission.close()
        after_run(self._mission, job, self._clock())
        runs.forget_before(self._mission.desk, self._clock() - KEEP)
        return True

    def _hand_over(self, queue: Queue, job: str, order: Order, form_id: str) -> bool:
        """Put *job* into the queue, then record that its hour is done with; False when the queue cannot be reached.

        A process that dies in between does so twice: what waits or is done already costs nothing.
        """
        mission, now = self._mission, self._clock()
        try:
            n = queue.defer(first_pieces(mission.config, job, order, form_id, now, mission.at_once))
            log.info("%s: handed to the workers, %d pieces", job, n, extra={"job": job})
            runs.note_handed_over(mission.desk, job, order, now, mission.host, who(mission, order))
        except SlotTaken:
            return True
        except KoboSyncError as error:
            log.error("%s: not handed to the workers: %s", job, error, extra={"job": job})
            self._not_before = now + timedelta(seconds=BUSY_S)
            return False
        runs.forget_before(mission.desk, now - KEEP)
        pieces.forget_runs_before(mission.desk, now - KEEP_PIECES)
        return True

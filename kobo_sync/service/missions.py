"""Many missions in one process: looked at in turn, their jobs side by side, each server's and each mission's turn its own."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kobo_sync.config.federation import server_key
from kobo_sync.desk import notices
from kobo_sync.errors import KoboSyncError, StoreError
from kobo_sync.mission.federation import Federation
from kobo_sync.mission.mission import Mission
from kobo_sync.notices.messages import send_waiting
from kobo_sync.service.jobs import JOBS
from kobo_sync.service.logs import Secrets, of_mission
from kobo_sync.service.loop import HEARTBEAT_S, Due, Service
from kobo_sync.service.states import State, state_of

log = logging.getLogger("kobo_sync.service.missions")
LOOK = timedelta(minutes=5)  # how long a mission of which no file changes, and for which nothing is due, is left alone
LOOK_ON_SERVER = timedelta(seconds=30)  # where the desk is no file: wishes of other machines are noticed within it
LOOK_AT_FAULT = timedelta(seconds=30)
LOOKS_AT_ONCE = 4
LOOKS_AT_FAULT = 2  # looks besides, at missions that were at fault: databases that hang, however many, hold up no other
THIS_MACHINE = "this machine"


@dataclass
class Member:
    """A mission of the federation, as it was at the last look; *fault* says why it cannot be served."""

    name: str
    service: Service
    state: State | None = None
    fault: KoboSyncError | None = None
    due: Due | None = None
    doing: str = ""  # the job at work here
    is_looked_at: bool = False
    is_sending: bool = False  # its mails are on their way: one sender each, so that no slow mail server has them all
    is_called: bool = True  # somebody wished for something, or something has ended: look at the next beat
    look_at: datetime | None = None
    looked_at: datetime | None = None
    stamp: object = None
    turn: int = 0  # when it was served last: the least is next
    secrets: tuple[str, ...] = ()
    hook: bytes = b""  # digest of its HOOK_SECRET

    @property
    def is_free(self) -> bool:
        """Whether nobody has its databases open here."""
        return not (self.is_looked_at or self.doing)

    def is_hook(self, secret: str) -> bool:
        """Whether it is the secret that KoboToolbox was given for this mission."""
        return bool(self.hook) and hmac.compare_digest(self.hook, _digest(secret))

    def place(self) -> str:
        """Whose turn its job takes: the server's that it asks, or this machine's."""
        asks = self.due is not None and self.state is not None and JOBS[self.due.job].asks_server
        return server_key(self.state.kf) if asks and self.state else THIS_MACHINE


@dataclass
class Turns:
    """Which places are taken: so many jobs of each server, so many of this machine."""

    limit_of: Callable[[str], int]
    taken: dict[str, int] = field(default_factory=dict)

    def take(self, place: str) -> bool:
        """Take a place; False when there is none."""
        if self.taken.get(place, 0) >= self.limit_of(place):
            return False
        self.taken[place] = self.taken.get(place, 0) + 1
        return True

    def give_back(self, place: str) -> None:
        """Free a place."""
        self.taken[place] -= 1
        if not self.taken[place]:
            del self.taken[place]


class Missions:
    """Serves the missions of a federation: looks at each when something may be due, and carries jobs out in fair order.

    A mission is open while it is looked at or at work and no longer, so that hundreds cost little. Its jobs run one at
    a time; of a server so many as it may be asked at once, of this machine ``service.at_once``; who waits for a server
    takes no turn of another. Persons come first, then the mission that was served longest ago, then what waits longest.
    With *jobs* false missions are looked at only.
    """

    def __init__(self, federation: Federation, secrets: Secrets, *, jobs: bool = True) -> None:
        self.federation, self._secrets, self._jobs = federation, secrets, jobs
        self._members: dict[str, Member] = {}
        self._lock = threading.Lock()  # of members' marks, turns and threads
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._turns, self._turn = Turns(self._limit_of), 0
        self._workers: set[threading.Thread] = set()
        self._lookers = ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="kobo-sync-look")
        self._fault_lookers = ThreadPoolExecutor(LOOKS_AT_FAULT, thread_name_prefix="kobo-sync-look-again")
        self._senders = ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="kobo-sync-mail")
        self._beat = threading.Thread(target=self._run, name="kobo-sync-missions")
        federation.agree_on_paces()

    # ── for the pages ──

    def members(self) -> list[Member]:
        """The missions that are there, by name."""
        with self._lock:
            return [self._members[name] for name in sorted(self._members)]

    def member(self, name: str) -> Member | None:
        """The mission called *name*, or None."""
        with self._lock:
            return self._members.get(name)

    def wake(self, name: str = "") -> None:
        """Look at mission *name* at once (empty: at what is due)."""
        member = self.member(name)
        if member:
            member.is_called = True
        self._wake.set()

    # ── the beat ──

    def start(self) -> None:
        """Begin: the missions that are there are known when this returns, what is due is looked for beside."""
        self.take_stock()
        log.info("%d missions in %s", len(self._members), self.federation.root)
        self._wake.set()
        self._beat.start()

    def stop(self) -> None:
        """End: jobs at work stop at their next safe point, and are recorded as stopped."""
        self._stopping.set()
        self._wake.set()
        if self._beat.is_alive():
            self._beat.join()
        for pool in (self._lookers, self._fault_lookers, self._senders):
            pool.shutdown(cancel_futures=True)
        for worker in list(self._workers):
            worker.join()
        for member in self.members():
            member.service.rest()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(HEARTBEAT_S)
            self._wake.clear()
            try:
                self.beat()
            except StoreError as error:
                log.error("%s", error)
            except Exception:
                log.exception("the program itself is at fault; the service goes on")

    def beat(self) -> None:
        """Notice missions that came, went or changed, and begin what is due as far as there are turns. Raises: StoreError."""
        self.take_stock()
        now = self.federation.clock()
        for member in self.members():
            if member.is_free and self._is_to_be_looked_at(member, now):
                member.is_looked_at = True
                (self._fault_lookers if member.fault else self._lookers).submit(self._look, member)
        self._begin_due()

    def take_stock(self) -> None:
        """Take in missions that came, and forget those that went. Raises: StoreError."""
        names = set(self.federation.names())
        with self._lock:
            for name in names - self._members.keys():
                service = Service(self._opener(name), self.federation.clock, self._stopping)
                self._members[name] = Member(name, service)
            for name in self._members.keys() - names:
                if self._members[name].is_free:
                    del self._members[name]

    def _opener(self, name: str) -> Callable[[], Mission]:
        return lambda: self.federation.open(name)

    def _is_to_be_looked_at(self, member: Member, now: datetime) -> bool:
        if member.is_called or member.look_at is None or member.looked_at is None:
            return True
        if member.due:  # it waits for its turn, and is looked at again when that has come
            return False
        is_quiet = member.looked_at <= now < member.look_at  # a clock that was set back says nothing
        return not is_quiet or member.stamp != self._stamp(member.name)

    def _stamp(self, name: str) -> object:
        """What the mission's files look like, those where other processes write wishes among them; or why they cannot be seen."""
        try:
            return self.federation.stamp(name)
        except KoboSyncError as error:
            return error.message

    # ── a look ──

    def _look(self, member: Member) -> None:
        """See how the mission stands and what is due in it; what is written meanwhile is seen at the next look."""
        with of_mission(member.name):
            member.is_called, member.looked_at = False, self.federation.clock()
            member.stamp = self._stamp(member.name)
            try:
                self._see(member, member.looked_at)
                member.fault = None
            except KoboSyncError as error:
                self._set_aside(member, error)
            except Exception as error:
                log.exception("the program itself is at fault; the other missions go on")
                self._set_aside(member, KoboSyncError(f"the program itself is at fault ({type(error).__name__})"))
            finally:
                member.service.rest()
                member.is_looked_at = False
        if member.due:
            self._wake.set()

    def _see(self, member: Member, now: datetime) -> None:
        service, mission = member.service, member.service.mission
        self._keep_secrets(member, mission)
        latest = now + (LOOK if mission.desk.engine.dialect.name == "sqlite" else LOOK_ON_SERVER)
        member.due = service.due_now() if self._jobs else None
        member.state = state_of(mission, now)
        quiet_until = service.quiet_until(latest) if self._jobs else latest
        member.look_at = max(quiet_until, now + timedelta(seconds=HEARTBEAT_S))
        self._send_mails(member, mission, now)

    def _set_aside(self, member: Member, fault: KoboSyncError) -> None:
        if member.fault is None or member.fault.message != fault.message:
            log.error("it is not served: %s", fault)
        member.fault, member.due = fault, None
        member.look_at = self.federation.clock() + LOOK_AT_FAULT

    def _keep_secrets(self, member: Member, mission: Mission) -> None:
        """Keep what the mission's secrets are out of the log, those of before too."""
        values = tuple(value.get_secret_value() for value in mission.config.secrets.values())
        if values != member.secrets:
            self._secrets.hide(values)
            member.secrets = values
        hook = mission.config.secret("HOOK_SECRET")
        member.hook = _digest(hook) if hook else b""

    def _send_mails(self, member: Member, mission: Mission, now: datetime) -> None:
        """Have the mails that wait sent elsewhere: a mail server that is slow makes no look longer."""
        if member.is_sending or mission.config.notices.smtp is None or not self._jobs:
            return
        if notices.is_any_waiting(mission.desk, now):
            member.is_sending = True
            self._senders.submit(self._send, member)

    def _send(self, member: Member) -> None:
        with of_mission(member.name):
            try:
                mission = self.federation.open(member.name)
                try:
                    send_waiting(mission, self.federation.clock())
                finally:
                    mission.close()
            except KoboSyncError as error:
                log.error("mails wait: %s", error)
            except Exception:
                log.exception("the program itself is at fault; the service goes on")
            finally:
                member.is_sending = False

    # ── work ──

    def _limit_of(self, place: str) -> int:
        settings = self.federation.settings
        if place == THIS_MACHINE:
            return settings.service.at_once or os.cpu_count() or 1
        members = list(self._members.values())  # the lock is held by who takes a turn
        here = [each.state.at_once for each in members if each.state and server_key(each.state.kf) == place]
        return min(here, default=settings.limits_of(place).at_once or 1)

    def _begin_due(self) -> None:
        waiting = [member for member in self.members() if member.due and member.is_free]
        for member in sorted(waiting, key=_order):
            place = member.place()
            with self._lock:
                if self._stopping.is_set() or not self._turns.take(place):
                    continue
                self._turn += 1
                assert member.due
                member.turn, member.doing = self._turn, member.due.job
                worker = threading.Thread(target=self._work, args=(member, place), name=f"kobo-sync-{member.name}")
                self._workers.add(worker)
            worker.start()

    def _work(self, member: Member, place: str) -> None:
        expected, member.due = member.due, None
        with of_mission(member.name):
            try:
                due = member.service.due_now()
                if due and expected and (due.job, due.form_id) == (expected.job, expected.form_id):
                    member.service.carry_out(due)
            except KoboSyncError as error:
                log.error("%s", error)
            except Exception:
                log.exception("the program itself is at fault; the service goes on")
            finally:
                member.service.rest()
                with self._lock:
                    self._turns.give_back(place)
                    self._workers.discard(threading.current_thread())
                    member.is_called, member.doing = True, ""
        self._wake.set()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _order(member: Member) -> tuple[Any, ...]:
    assert member.due
    return (not member.due.is_person_s, member.turn, member.due.since, member.name)

"""The jobs that the service runs by the clock, on a person's word, or when the server says that something came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.adopt import adopt
from kobo_sync.steps.adopt_days import set_days
from kobo_sync.steps.analyse import analyse
from kobo_sync.steps.backup import backup
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.deliver_ordered import deliver_ordered
from kobo_sync.steps.deploy_ordered import deploy_ordered
from kobo_sync.steps.diff import diff
from kobo_sync.steps.digest import digest
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.pull import pull
from kobo_sync.steps.purge import purge
from kobo_sync.steps.relay import relay_by_clock
from kobo_sync.steps.roster import refresh_roster
from kobo_sync.steps.run import in_turn, run

# a pull that brought something
FOLLOWING = (("days", set_days), ("roster", refresh_roster), ("check", check), ("analyse", analyse))
CHANGES = ("new", "edited", "validated", "restored", "deleted", "files_stored")


@dataclass(frozen=True)
class Job:
    """A job: *act* takes the mission and a form_id (empty: all forms); *by_clock* when it may have a schedule.

    *asks_server*: it waits for KoboToolbox, so its turn is one of that server's, not one of this machine's. *has_own_page*: it
    is asked for there alone, by those who may.
    """

    name: str
    act: Callable[[Mission, str], Report]
    by_clock: bool = True
    asks_server: bool = False
    has_own_page: bool = False


def keep_up(mission: Mission, form_id: str = "") -> Report:
    """A quick pull, and what follows from it when anything changed: roster, checks, the pages' figures."""
    return _pulled(mission, "pull", lambda: pull(mission, form_ids=[form_id] if form_id else [], quick=True))


def reconcile(mission: Mission, form_id: str = "") -> Report:
    """A complete pull, which proves that nothing is missing, and what follows from it."""
    return _pulled(mission, "reconcile", lambda: pull(mission, form_ids=[form_id] if form_id else []))


def _pulled(mission: Mission, name: str, fetch: Callable[[], Report]) -> Report:
    first = fetch()
    fresh = any(first.counts.get(kind) for kind in CHANGES) or mission.desk.snapshot("dashboard") is None
    return in_turn(mission, name, FOLLOWING if fresh else (), [first])


JOBS: Mapping[str, Job] = {
    job.name: job
    for job in (
        Job("run", lambda mission, _: run(mission), asks_server=True),
        Job("relay", lambda mission, _: relay_by_clock(mission), asks_server=True),
        Job("pull", keep_up, asks_server=True),
        Job("reconcile", reconcile, asks_server=True),
        Job("check", lambda mission, _: in_turn(mission, "check", (("check", check), ("analyse", analyse)))),
        Job("build", lambda mission, _: build(mission)),
        Job("deliver", lambda mission, _: in_turn(mission, "deliver", (("build", build), ("deliver", deliver)))),
        Job("purge", lambda mission, _: purge(mission)),
        Job("backup", lambda mission, _: backup(mission)),
        Job("digest", lambda mission, _: digest(mission)),
        Job("doctor", lambda mission, _: doctor(mission), by_clock=False, asks_server=True),
        Job(
            "diff",
            lambda mission, form_id: diff(mission, form_ids=[form_id] if form_id else []),
            by_clock=False,
            asks_server=True,
        ),
        Job("final", lambda mission, _: deliver_ordered(mission), by_clock=False, has_own_page=True),
        Job("deploy", deploy_ordered, by_clock=False, asks_server=True, has_own_page=True),
        Job("adopt", lambda mission, uid: adopt(mission, [uid]), by_clock=False, asks_server=True, has_own_page=True),
    )
}

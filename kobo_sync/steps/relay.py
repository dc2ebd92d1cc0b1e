"""What the field station received, brought to KoboToolbox: each submission once, in order, proved by the station's ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk import journal
from kobo_sync.errors import Busy, ConfigError, KoboRejected, KoboSyncError, KoboUnreachable, RunStopped
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.station.outbox import Outbox, Paired, Record, Totals, ledger_in
from kobo_sync.steps.personal.at_station import forget_room
from kobo_sync.steps.relaying.posting import Pace, Posting, ServerAway
from kobo_sync.steps.relaying.rewriting import CannotRewrite, readdressed
from kobo_sync.steps.relaying.words import (
    AWAY,
    UNBALANCED,
    UNPAIRED,
    lost,
    not_there,
    of_another_project,
    refusal,
    relayed_elsewhere,
    unpaired,
)
from kobo_sync.workspace.folders import Workspace

AT_A_PULL_S = 120.0  # a pull waits no longer for it; what is left goes at the next
BY_CLOCK_S = 600.0  # so that other jobs of the service have their turn


@dataclass(frozen=True)
class Wish:
    """What is asked of a relay. *by_itself*: nobody waits for it; what is to be tried later is left alone."""

    form_ids: Sequence[str] = ()
    again: bool = False
    dry_run: bool = False
    by_itself: bool = False
    most_s: float | None = None


def relay(mission: Mission, wish: Wish = Wish()) -> Report:
    """Post what waits, in order of arrival, each with its files; nothing is posted twice, nothing is lost, whenever it is killed.

    What the server refuses is kept, and a finding each; what it cannot answer now waits. Only one relay is at work at a
    time; builds and pulls may be.
    Raises: Busy; KoboUnreachable when the server cannot be reached at all; KoboRefused when it does not know the
    account; KoboUnexpected; ConfigError; StoreError.
    """
    started_at = mission.clock()
    if not _has_served(mission.workspace):
        return mission.report(
            "relay", started_at, sums([]), [], ["no field station has served from here: nothing waits"]
        )
    with _at_work(mission) as outbox:
        names = outbox.form_ids()
        addresses = [uid for uid, form_id in names.items() if not wish.form_ids or form_id in wish.form_ids]
        if wish.dry_run:
            return _dry_run(mission, outbox, addresses, started_at)
        if not wish.by_itself:  # those by the clock are runs, which the journal has
            journal.note(mission.desk, "relay", by=mission.doer, now=started_at)
        n_again = outbox.put_back(addresses) if wish.again else 0
        lines = [f"{n_again} refused submissions are tried again"] if wish.again else []
        posting, away = _post(mission, outbox, wish, addresses)
        findings = _refusals(outbox, names, posting, mission.features.name, only_new=wish.by_itself)
        if posting is not None:
            findings += _unpaired(mission, outbox, posting, names)
        if away is not None:
            if posting is None or (not posting.n_sent and not wish.by_itself):
                raise _unreachable(outbox, away)
            findings.append(_away(outbox, away))
        totals = outbox.totals()
        counts = {**sums(totals), "sent": posting.n_sent if posting else 0}
        return mission.report(
            "relay", started_at, counts, findings + _unbalanced(totals, names), lines + _lines(totals, names)
        )


def relay_by_itself(mission: Mission, most_s: float = AT_A_PULL_S) -> Report | None:
    """Relay what is due, where something waits; what hinders it is a finding. None when there was nothing to do.

    Raises: RunStopped.
    """
    if mission.is_own_station or not any(total.n_waiting for total in ledger(mission.workspace)):
        return None
    started_at = mission.clock()
    try:
        return relay(mission, Wish(by_itself=True, most_s=most_s))
    except RunStopped:
        raise
    except Busy:
        return None  # another relay is at work: it takes what waits
    except KoboSyncError as error:
        finding = Finding(AWAY, "warning", "relay", error.message, error.hint)
        return mission.report("relay", started_at, {}, [finding], [])


def relay_by_clock(mission: Mission) -> Report:
    """As `relay_by_itself`, for the service: nothing to do, or no network, is no fault. Raises: RunStopped."""
    report = relay_by_itself(mission, BY_CLOCK_S)
    return report or mission.report("relay", mission.clock(), sums(ledger(mission.workspace)), [], [])


def readdress(mission: Mission, form_id: str, *, dry_run: bool = False) -> Report:
    """Write what was filled with the station's own *form_id* for the form that KoboToolbox has, so that it can be relayed.

    Root id, version and ``formhub/uuid`` become those of the paired form; answers and instanceID stay, and so do the
    bytes that the phone sent. Raises: ConfigError when the form is not paired; Busy; StoreError.
    """
    started_at = mission.clock()
    with _at_work(mission) as outbox:
        target = next((each for each in _paired(mission, outbox).values() if each.form_id == form_id), None)
        if target is None:
            message = f"the station is not paired with {mission.features.name} for {form_id!r}"
            raise ConfigError(message, file=MISSION_FILE, key="server.kc", hint="run: kobo-sync station pair")
        findings: list[Finding] = []
        n = 0
        own = [uid for uid, name in outbox.form_ids().items() if name == form_id]
        for record in [record for uid in own for record in outbox.unsettled(uid)]:
            if record.address == target.asset and not _is_elsewhere(mission, record.server):
                continue
            try:
                xml = readdressed(outbox.xml(record), target.asset, target.version, target.form_uuid)
            except CannotRewrite as error:
                cure = "enter its answers anew on a phone, then delete it on the station"
                where = f"{form_id}, {record.uuid}"
                findings.append(Finding(UNPAIRED, "error", where, f"it cannot be readdressed: {error}", cure))
                continue
            n += 1
            if not dry_run:
                outbox.send_as(record, xml, target.asset)
        line = f"{form_id}: {n} submissions {'would be' if dry_run else 'are'} readdressed to {target.asset}"
        return mission.report("relay", started_at, {"readdressed": n}, findings, [line])


def forget(mission: Mission, *, dry_run: bool = False) -> Report:
    """Erase from the station what is wholly relayed: rows, files, bytes; what waits or was refused stays.

    So does what the project that it was relayed to does not have: it is asked for each row first, and nothing is erased
    where it cannot be asked. The ledger goes on counting it. Raises: Busy while a relay is at work; StoreError, KoboError, ConfigError.
    """
    started_at = mission.clock()
    if not _has_served(mission.workspace):
        return mission.report("relay", started_at, {"forgotten": 0}, [], ["no field station has served from here"])
    with _at_work(mission) as outbox:
        names = outbox.form_ids()
        spared, findings = _not_proved(mission, outbox, names)
        if dry_run:
            n = outbox.n_whole() - len(spared)
            lines = [f"{n} submissions would be erased here"]
            return mission.report("relay", started_at, {"forgotten": n}, findings, lines)
        journal.note(mission.desk, "relay", "--forget", by=mission.doer, now=started_at)
        n, n_files = outbox.forget(mission.clock(), spared)
        lines = [f"{n} submissions and {n_files} files are erased here: {mission.features.name} has them"]
        if not outbox.shrink():
            lines.append("the station reads its file just now: run this once more when it is stopped, to free the room")
        forget_room(mission)
        totals = outbox.totals()
        counts = {**sums(totals), "forgotten": n}
        findings += _unbalanced(totals, names)
        return mission.report("relay", started_at, counts, findings, lines + _lines(totals, names))


def _not_proved(mission: Mission, outbox: Outbox, names: dict[str, str]) -> tuple[set[int], list[Finding]]:
    """Relayed rows that are not seen where they went, with what is told of them. Raises: KoboError when that cannot be asked."""
    spared: set[int] = set()
    findings = []
    name = mission.features.name
    for (server, uid), rows in sorted(outbox.relayed_to().items()):
        form_id = names.get(uid, uid)
        if _is_elsewhere(mission, server):
            findings.append(relayed_elsewhere(form_id, len(rows), server, mission.server_id))
            spared |= rows.keys()
            continue
        roots = _there(mission, uid)
        missing = {number for number, uuids in rows.items() if roots is None or not uuids & roots}
        if roots is None:
            findings.append(lost(form_id, uid, len(missing), name))
        elif missing:
            findings.append(not_there(form_id, len(missing), name))
        spared |= missing
    return spared, findings


def _there(mission: Mission, uid: str) -> set[str] | None:
    """The root uuids of a form's rows on the server, as far as this account sees; None when it has no such form.

    Raises: KoboError when it cannot be asked.
    """
    client = mission.reader()
    try:
        client.asset(uid)
        return {row.root_uuid for page in client.light_pages(uid) for row in page}
    except KoboRejected as error:
        if error.status != 404:
            raise
        return None


def _is_elsewhere(mission: Mission, server: str) -> bool:
    """Whether *server* tells another project than the settings, where forms are called the same in each."""
    return mission.features.forms_have_own_ids and server not in ("", mission.server_id)


def _has_served(workspace: Workspace) -> bool:
    """Whether there is a station's file; a damaged one is no reason to say that nothing waits."""
    path = workspace.state / "station.sqlite"
    return path.is_file() and path.stat().st_size > 0


# ── the ledger, for other steps ──


def ledger(workspace: Workspace) -> list[Totals]:
    """The ledger of the workspace's station, form by form; nothing is made or changed."""
    return ledger_in(workspace.state / "station.sqlite")


def summary(totals: Sequence[Totals]) -> str:
    """The ledger's sum, in a line."""
    n = sums(totals)
    return f"stored {n['stored']} = relayed {n['relayed']} + refused {n['refused']} + waiting {n['waiting']}"


# ── one run ──


@contextmanager
def _at_work(mission: Mission) -> Iterator[Outbox]:
    """The ledger, for one relay at a time. Raises: Busy, StoreError."""
    at_work = "another relay is at work: it takes what waits"
    with (
        mission.workspace.exclusive("relay.lock", at_work),
        closing(Outbox(mission.workspace.station_database, mission.server_id)) as outbox,
    ):
        yield outbox


def _paired(mission: Mission, outbox: Outbox) -> dict[str, Paired]:
    """The forms that the station has from the server of the settings, and from the project that these name."""
    if mission.features.forms_have_own_ids:
        return {uid: each for uid, each in outbox.paired().items() if each.server == mission.server_id}
    return {uid: each for uid, each in outbox.paired().items() if each.kc == mission.kc}


def _post(
    mission: Mission, outbox: Outbox, wish: Wish, addresses: Sequence[str]
) -> tuple[Posting | None, KoboUnreachable | None]:
    """Post what waits; with it what ended the run early, None when it went to the end."""
    until = outbox.asked_to_wait_until()
    if until is not None and mission.clock() < until:
        message = f"{mission.features.name} asked not to be asked before {mission.local(until)}"
        return None, KoboUnreachable(message, hint="the next relay after that goes on")
    with closing(mission.submission_door()) as door:
        n_left = sum(total.n_waiting for total in outbox.totals())
        posting = Posting(
            outbox,
            door,
            mission.clock,
            Pace(mission.config.station.relay_per_minute, door.pause),
            _paired(mission, outbox),
            outbox.replaced(),
            mission.server_id if mission.features.forms_have_own_ids else "",
            addresses=addresses if wish.form_ids else None,
            due_only=wish.by_itself,
            is_over=_bound(wish.most_s),
            shown=lambda done: mission.progress("relay", min(done, n_left), n_left),
        )
        try:
            posting.run()
        except ServerAway as away:
            return posting, away.error
        return posting, None


def _bound(most_s: float | None) -> Callable[[], bool]:
    until = time.monotonic() + most_s if most_s is not None else float("inf")
    return lambda: time.monotonic() >= until


def _dry_run(mission: Mission, outbox: Outbox, addresses: Sequence[str], started_at: datetime) -> Report:
    names, totals = outbox.form_ids(), outbox.totals()
    n = n_files = n_bytes = 0
    paired = _paired(mission, outbox)
    record = outbox.waiting()
    while record is not None:
        is_kept = mission.features.forms_have_own_ids and (
            record.address not in paired or _is_elsewhere(mission, record.server)
        )
        if not is_kept and (record.address in addresses or record.address not in names):
            files = outbox.files(record)
            n, n_files = n + 1, n_files + len(files)
            n_bytes += len(outbox.xml(record)) + sum(file.size for file in files)
        record = outbox.waiting(record.record_id)
    line = f"would post {n} submissions with {n_files} files ({n_bytes / 1e6:.1f} MB) to {mission.kc}"
    counts = {**sums(totals), "sent": 0, "to_send": n}
    return mission.report("relay", started_at, counts, [], [line, *_lines(totals, names)])


# ── what is told ──


def _refusals(
    outbox: Outbox, names: dict[str, str], posting: Posting | None, server: str, *, only_new: bool
) -> list[Finding]:
    """What the *server* of that name refused, at some time or (*only_new*) now."""
    refused = [
        record
        for record in outbox.refused()
        if not only_new or (posting is not None and record.record_id in posting.refused)
    ]
    return [refusal(record, _name(names, record), outbox.n_waiting_for(record), server) for record in refused]


def _unpaired(mission: Mission, outbox: Outbox, posting: Posting, names: dict[str, str]) -> list[Finding]:
    """What cannot go before the station is paired, or paired with the project that the settings name."""
    by_form: dict[str, int] = {}
    for address, n in posting.unpaired.items():
        form_id = names.get(address, address)
        by_form[form_id] = by_form.get(form_id, 0) + n
    here = {each.form_id for each in posting.paired.values()}
    servers = {each.form_id: each.server for each in outbox.paired().values()} if posting.project else {}
    return [
        of_another_project(form_id, n, servers[form_id], mission.server_id)
        if form_id in servers and form_id not in here
        else unpaired(form_id, n, mission.features.name, is_paired=form_id in here)
        for form_id, n in sorted(by_form.items())
    ]


def _name(names: dict[str, str], record: Record) -> str:
    return names.get(record.address, record.address)


def _unreachable(outbox: Outbox, error: KoboUnreachable) -> KoboUnreachable:
    """*error*, with what waits for it."""
    raised = KoboUnreachable(error.message, hint=_what_waits(outbox))
    raised.status = error.status
    return raised


def _away(outbox: Outbox, error: KoboUnreachable) -> Finding:
    return Finding(AWAY, "warning", "relay", f"the relay ended early: {error.message}", _what_waits(outbox))


def _what_waits(outbox: Outbox) -> str:
    n = sum(total.n_waiting for total in outbox.totals())
    return f"{n} submissions wait at the station, nothing is lost: run kobo-sync relay again when the server answers"


def sums(totals: Sequence[Totals]) -> dict[str, int]:
    """The ledger's sums over all forms."""
    return {
        "stored": sum(total.n_stored for total in totals),
        "relayed": sum(total.n_relayed for total in totals),
        "refused": sum(total.n_refused for total in totals),
        "waiting": sum(total.n_waiting for total in totals),
    }


def _unbalanced(totals: Sequence[Totals], names: dict[str, str]) -> list[Finding]:
    """A fault of the program, or of the disk: told, whatever it comes from."""
    hint = "keep a copy of .kobo_sync/station.sqlite and report it; nothing is erased"
    return [
        Finding(
            UNBALANCED,
            "error",
            names.get(total.asset, total.asset),
            f"the ledger does not add up: {summary([total])}",
            hint,
        )
        for total in totals
        if not total.is_balanced
    ]


def _lines(totals: Sequence[Totals], names: dict[str, str]) -> list[str]:
    """The ledger form by form, and in all."""
    lines = []
    for total in totals:
        removed = f" ({total.n_removed} of them erased here)" if total.n_removed else ""
        lines.append(f"{names.get(total.asset, '?')} {total.asset}: {summary([total])}{removed}")
    return [*lines, f"all: {summary(totals)}"]

"""The rights of a participant: all that is held about them, as a file to hand over; and their erasure, for good."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.people import common_words
from kobo_sync.desk import journal
from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report
from kobo_sync.steps.build import build
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.form_faults import one_at_a_time
from kobo_sync.steps.personal.at_station import at_station
from kobo_sync.steps.personal.dossier import dossier
from kobo_sync.steps.personal.erasing import Erased, documents_in, erase_everywhere, scour, unfinished
from kobo_sync.steps.personal.holdings import Holdings, Masks, holdings_of
from kobo_sync.steps.projects import Projects, uid_or_finding
from kobo_sync.steps.purge import RECEIPTS
from kobo_sync.steps.purging.left_behind import empty_left_behind
from kobo_sync.steps.purging.places import backups_of, name_in, places_of
from kobo_sync.steps.purging.renewing import backups_inside, renew_backups
from kobo_sync.store.erased_rows import shells_on_server
from kobo_sync.workspace.manifests import MANIFEST
from kobo_sync.workspace.private import private_folder
from kobo_sync.workspace.writing import write_atomic

FOLDER = "personnes-nominatif"  # below exports/out/
SHOW, ERASE, UPSTREAM = "person_shown", "person_erased", "rows_deleted"  # as the journal calls them
LONGEST_CODE = 64
NOT_ERASED = "PERSON003"


class NobodyThere(KoboSyncError):
    """Nothing is held about the participant who was asked for."""

    exit_code = 2


def show(mission: Mission, code: str, *, output: Path | None = None) -> Report:
    """Write all that is held about the participant *code* as one zip: a document, the rows as received, their files.

    The journal says that it was made. Raises: NobodyThere, StoreError, ConfigError.
    """
    started_at = mission.clock()
    name, content, counts = dossier_of(mission, code)
    if output is None:
        private_folder(mission.workspace.out / FOLDER)
    path = output or mission.workspace.out / FOLDER / name
    write_atomic(path, content, private=True)
    hint = "hand it over, then delete it"
    findings = [
        Finding("PERSON001", "warning", str(path), "the file names a person and all that is held about them", hint)
    ]
    return mission.report("person", started_at, counts, findings, [f"{path}: {len(content)} bytes"])


def dossier_of(mission: Mission, code: str) -> tuple[str, bytes, dict[str, int]]:
    """(name of the zip, its bytes, what is in it); noted in the journal first. Raises: NobodyThere, StoreError, ConfigError."""
    held = _held(mission, code)
    workspace = mission.workspace
    keep = (workspace.pseudonyms, *(() if held.is_expected else (workspace.expected_roster,)))
    named = places_of(mission, Masks(mission, held, _common(mission)), keep=keep)
    elsewhere = sorted(name_in(workspace, path) for path in (*named.removed, *named.named))
    content, counts = dossier(mission, held, elsewhere)
    roots = ", ".join(sorted(held.root_uuids))
    journal.note(mission.desk, SHOW, roots, by=mission.doer, now=mission.clock())
    return f"{code}.zip", content, counts


def erase(mission: Mission, code: str, *, rebuild: bool = True) -> Report:
    """Erase the participant *code* from everything of this workspace, for good, and make the documents anew (*rebuild*).

    Every part can be repeated: of a run that died the next one ends what is left. The server is asked by `erase_upstream`.
    Raises: NobodyThere when there is nothing, and nothing to end either; StoreError, ConfigError.
    """
    started_at = mission.clock()
    folder = mission.workspace.state_folder() / RECEIPTS
    begun = unfinished(folder)
    held = holdings_of(mission, _checked(code))
    is_held = bool(held) or bool(at_station(mission, held))
    if not is_held and not begun:
        raise _nobody(code)
    is_built = bool(begun) or any(mission.workspace.out.glob(f"*/{MANIFEST}"))
    erased, receipts = Erased(), begun
    if is_held:
        receipts = [
            *begun,
            _receipt(folder, mission, started_at, erased),
        ]  # before: a run that dies has said what it was at
        journal.note(mission.desk, ERASE, receipts[-1].name, by=mission.doer, now=started_at)
        try:
            erase_everywhere(mission, held, _common(mission), erased)
        finally:
            _receipt(folder, mission, started_at, erased)
    scour(mission)
    lines = [f"{what}: {n} erased" for what, n in erased.counts.items() if what != "states"]
    findings = _elsewhere(mission, erased)
    if rebuild and is_built:
        for report in (build(mission), deliver(mission)):
            findings += report.findings
        lines.append("documents and archives made anew, without this person")
    lines += [f"emptied, as its rows were moved to the server: {path}" for path in empty_left_behind(mission)]
    n_backups, renewed = renew_backups(mission)
    lines += [f"backups: {n_backups} erased; made anew, in their place: {renewed}"] if renewed else []
    lines += [
        f"to be issued again: {name}" for name in sorted({name for path in receipts for name in documents_in(path)})
    ]
    ended_at = mission.clock()
    for path in receipts:
        content = json.loads(path.read_bytes())
        _write(path, {**content, "ended_at": _text(ended_at)})
    lines += [f"receipt: {path}" for path in receipts]
    return mission.report("person", started_at, erased.counts, findings, lines)


def erase_all(mission: Mission, code: str, *, upstream: bool, rebuild: bool = True) -> Report:
    """Erase the participant here, and with *upstream* on the server too: once erased here, that can also be done later.

    Raises: as `erase` and `erase_upstream`.
    """
    started_at = mission.clock()
    if not upstream:
        return erase(mission, code, rebuild=rebuild)
    try:
        here = erase(mission, code, rebuild=rebuild)
    except NobodyThere:
        if not waits_upstream(mission):
            raise
        here = mission.report("person", started_at, {}, [], [])
    there = erase_upstream(mission)
    told = [each for each in here.findings if not each.where.startswith("the server")]
    counts = {**here.counts, **there.counts}
    return mission.report("person", started_at, counts, [*told, *there.findings], [*here.lines, *there.lines])


def erase_upstream(mission: Mission) -> Report:
    """Delete on the server what was erased here and was still there at the last pull; that it is gone is asked for row by row.

    Raises: KoboError, ConfigError, StoreError.
    """
    started_at = mission.clock()
    client = mission.deployer()
    counts: Counter[str] = Counter()
    findings: list[Finding] = []
    lines: list[str] = []
    projects, origins = Projects(mission, client), mission.store.projects_read()
    for form_id in mission.config.forms:
        with mission.store.read() as connection:
            keys = shells_on_server(connection, form_id)
        origin = origins.get(form_id, ("", ""))[1]
        if keys and origin not in ("", mission.server_id):  # that a row is not there proves nothing
            message = (
                f"{len(keys)} rows were erased here that came from {origin}, and the settings name {mission.server_id}"
            )
            hint = "name the server and project that they came from in config/mission.toml, and run this again"
            findings.append(Finding(NOT_ERASED, "error", form_id, message, hint, form_id=form_id))
            continue
        uid = uid_or_finding(projects, form_id, findings) if keys else ""
        if not uid:
            continue
        left = sorted(keys.values())
        with one_at_a_time(form_id, NOT_ERASED, findings, client):
            for root_uuid, key in sorted(keys.items()):
                client.delete_submission(uid, key)
                if not client.exists(uid, key, root_uuid):
                    left.remove(key)
        counts["deleted"] += len(keys) - len(left)
        journal.note(
            mission.desk, UPSTREAM, ", ".join(sorted(keys)), by=mission.doer, now=mission.clock(), form=form_id
        )
        lines.append(
            f"{form_id}: {len(keys) - len(left)} of {len(keys)} rows deleted on the server, each asked for again"
        )
        if left:
            message = f"{len(left)} rows are still on the server: {', '.join(left[:5])}"
            findings.append(
                Finding(NOT_ERASED, "error", form_id, message, "delete them there by hand", form_id=form_id)
            )
    if (days := mission.features.trash_days) and counts["deleted"]:
        hint = f"{mission.features.name} keeps what is deleted for {days} days in its trash, then erases it"
        findings.append(Finding("PERSON002", "info", "the server", "what was erased here may still lie there", hint))
    return mission.report(
        "person", started_at, dict(counts), findings, lines or ["nothing that was erased here is on the server"]
    )


def waits_upstream(mission: Mission) -> int:
    """How many rows that were erased here the server still had at the last pull. Raises: StoreError."""
    with mission.store.read() as connection:
        return sum(len(shells_on_server(connection, form_id)) for form_id in mission.config.forms)


# ── parts ───────────────────────────────────────────────────────────────────


def _checked(code: str) -> str:
    if not code.strip() or len(code) > LONGEST_CODE:
        raise NobodyThere("this is no participant code", hint="the roster and the badges show them: NOR-001")
    return code.strip()


def _nobody(code: str) -> NobodyThere:
    return NobodyThere(
        "nothing is held about a participant of that code",
        hint="write the code as the roster has it, with its capitals",
    )


def _held(mission: Mission, code: str) -> Holdings:
    held = holdings_of(mission, _checked(code))
    if not held:
        raise _nobody(code)
    return held


def _common(mission: Mission) -> frozenset[str]:
    """The words of places and needs, which are nobody's name alone."""
    lists = mission.workspace.lists(mission.config, mission.forms)
    return common_words(Facts(mission.config, None, None, mission.forms, {}, lambda _root, _name: None, lists))


def _receipt(folder: Path, mission: Mission, began_at: datetime, erased: Erased) -> Path:
    """Write what is erased: counts, forms and files, no name, no code; that it ended is written by who ends it."""
    content = {
        "mission": mission.config.mission.code,
        "began_at": _text(began_at),
        "ended_at": None,
        "what": "a person, at their request",
        "counts": erased.counts,
        "rows": erased.rows_by_form,
        "documents": erased.documents,
        "left": erased.left,
    }
    path = folder / f"person-{began_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.json"
    _write(path, content)
    return path


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_atomic(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode(), private=True)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _elsewhere(mission: Mission, erased: Erased) -> list[Finding]:
    """Where this program does not reach: each told with what to do."""
    places = [("phones", "sent forms stay on them: Collect, menu, delete saved forms")]
    if n := waits_upstream(mission):
        places.append(
            (f"the server ({n} rows)", "`kobo-sync person CODE --erase --upstream` deletes them there and proves it")
        )
    if mission.config.roster and mission.config.roster.media_of:
        places.append(
            ("the list that phones show", "run `kobo-sync roster`: it publishes the list without this person")
        )
    if backups := [path for path in backups_of(mission) if path not in backups_inside(mission)]:
        places.append((f"backups ({len(backups)})", "remove those made before, and make a new one"))
    if "mirror" not in mission.shared_databases:
        places.append(("other machines of this mission", "run the same command on each that pulls by itself"))
    findings = [
        Finding("PERSON002", "info", where, "what was erased here may still lie there", hint) for where, hint in places
    ]
    hint = "take the name out by hand, or remove the file: people made or edited it"
    findings += [
        Finding("PERSON004", "warning", path, "the file names the person who was erased", hint) for path in erased.left
    ]
    if erased.at_station:
        message = f"{erased.at_station} rows of others named this person: taken out here"
        hint = "what waits goes to the server so; what was relayed before is to be mended there"
        findings.append(Finding("PERSON005", "warning", "the field station", message, hint))
    for form_id, n in erased.others.items():
        message = f"{n} rows of others named this person: taken out here"
        hint = "take it out on the server too: an edit there, or a mirror read from nothing, would bring it back"
        findings.append(Finding("PERSON005", "warning", form_id, message, hint, form_id=form_id))
    return findings

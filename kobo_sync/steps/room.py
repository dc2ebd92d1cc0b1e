"""What the room's screen shows while people are still there: who came, what arrived, what can be mended now.

The station's submissions are pulled into a mirror of the room (`.kobo_sync/room`), by the same code as any server's, and
looked at together with what the mission's own mirror holds: somebody registered last week is no stranger today.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kobo_sync.analysis import meaning
from kobo_sync.analysis.attendance import Attendance, attendance
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.half_days import due
from kobo_sync.analysis.roster import RosterPlan, plan_roster
from kobo_sync.checks import run_checks
from kobo_sync.config.config import Config, Session
from kobo_sync.forms.media import roster_csv
from kobo_sync.language.sentences import rule_title, translated
from kobo_sync.language.speaking import LANGUAGES
from kobo_sync.lazy import pd
from kobo_sync.mission.facts import gather_facts
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Report, Zone
from kobo_sync.station.pairing import Pairing
from kobo_sync.steps.field_station import publish_forms, put_list
from kobo_sync.steps.pull import pull
from kobo_sync.workspace.folders import ROOM, Workspace
from kobo_sync.workspace.private import private_folder

ARRIVALS, FINDINGS = 8, 6
# What is mended in the room or never: the person is still there.
MENDED_IN_THE_ROOM = ("DATA010", "DATA007", "DATA006", "DATA002", "DATA005", "DATA003", "ROSTER001")


def room_workspace(workspace: Workspace) -> Workspace:
    """Where the room's mirror lies: a state folder of its own below the mission's; it can be made again at any time."""
    state = private_folder(workspace.state_folder() / ROOM)
    if workspace.expected_roster.is_file():
        shutil.copyfile(workspace.expected_roster, state / workspace.expected_roster.name)
    return Workspace(workspace.root, state, workspace.out)


@dataclass(frozen=True)
class Arrival:
    """A submission that reached the station: *at* is aware, *zone* empty where the form asks for none."""

    at: datetime
    form_id: str
    zone: str
    root_uuid: str


@dataclass
class Room:
    """The room behind one station: *url* is the station's API on this machine, *token* the administration's.

    *mission* gives the mission as its files are now; *paired* its forms that are served as KoboToolbox has them;
    *paired_list(file)* a list of theirs as it was then, None where there is none.
    """

    mission: Callable[[], Mission]
    url: str
    token: str
    paired: Callable[[], Mapping[str, Pairing]] = dict
    paired_list: Callable[[str], bytes | None] = lambda _file: None

    @contextmanager
    def opened(self) -> Iterator[Mission]:
        """The mission with the station as its server, and a mirror of the room's own."""
        main = self.mission()
        main.expected_participants()  # the newest list, where machines share it
        own = dict.fromkeys(
            ("KOBO_DEPLOY_TOKEN", "STORE_URL", "DESK_URL"), ""
        )  # what comes in here is the room's alone
        secrets = {**main.environ, **own, "KOBO_TOKEN": self.token}
        room = Mission(room_workspace(main.workspace), secrets, main.clock, server=(self.url, self.url))
        try:
            _follow_pairs(room, self.paired())
            yield room
        finally:
            room.close()

    def publish(self) -> Report:
        """Bring the forms before the phones to what lies in forms/ and config/. Raises: KoboUnreachable, StoreError, ConfigError."""
        with self.opened() as room:
            return publish_forms(room, self.paired())

    def look(self) -> dict[str, Any]:
        """Pull what arrived, publish the list of participants, and say how things stand: plain JSON, see `board`.

        Raises: KoboError, StoreError, ConfigError, FormError.
        """
        with self.opened() as room:
            pull(room, quick=True, with_files=False)
            facts = _together(room, self.mission())
            return board(facts, own_rows(room), self._roster(facts, room))

    def _roster(self, facts: Facts, room: Mission) -> RosterPlan:
        """The list of participants with those who were registered here, on the phones from now on."""
        settings = facts.config.roster
        if settings is None:
            return RosterPlan((), ())
        registrations = facts.tables[settings.form]
        first_come = registrations.assign(
            submission_id=range(len(registrations))
        )  # numbers of two servers do not compare
        plan = plan_roster(first_come, facts.config, room.workspace.expected_participants())
        there = {row["name"] for row in plan.rows}
        before = _rows_of(self.paired_list(settings.file) or b"")
        everybody = RosterPlan((*plan.rows, *(row for row in before if row["name"] not in there)), plan.findings)
        if settings.media_of:
            put_list(room, settings.file, roster_csv(everybody.rows))
        return everybody


def _follow_pairs(room: Mission, paired: Mapping[str, Pairing]) -> None:
    """Let the room's mirror read the paired projects from now on, in place of the station's own."""
    deployments = room.store.deployments()
    for form_id, pairing in paired.items():
        before = deployments.get(form_id)
        if before and before.asset_uid != pairing.asset_uid and before.server == room.kf:
            room.store.put_deployment(replace(before, asset_uid=pairing.asset_uid))


def _rows_of(content: bytes) -> list[dict[str, str]]:
    """The rows of a list of participants as phones get it; none of one that is no such list."""
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace")))
    return [row for row in rows if row.get("name")]


def own_rows(room: Mission) -> list[Arrival]:
    """What the station itself received, the last first."""
    arrivals = []
    for form_id, tables in room.tables.items():
        column = room.zone_columns[form_id]
        name = column.column if column and not column.table.repeat else ""
        table = room.store.read_table(tables[0], only={name})
        zones = table[name].tolist() if name in table else [""] * len(table)
        code_of = (column.code if column else None) or meaning.text
        moments = (moment.to_pydatetime() for moment in table["submitted_at"])
        arrivals += [
            Arrival(moment, form_id, code_of(zone), root)
            for moment, zone, root in zip(moments, zones, table["root_uuid"], strict=True)
        ]
    return sorted(arrivals, key=lambda each: (each.at, each.form_id, each.root_uuid), reverse=True)


def _together(room: Mission, main: Mission) -> Facts:
    """The room's rows and those of the mission's mirror, each submission once: the room's first."""
    facts = gather_facts(room)
    return replace(
        facts, tables=_BothMirrors(room, main), names=None, registered=None, file_digests=None, fingerprint=""
    )


class _BothMirrors(Mapping[str, pd.DataFrame]):
    """Flat tables of two mirrors by name, each read when first asked for."""

    def __init__(self, room: Mission, main: Mission) -> None:
        self._room, self._main = room, main
        self._form_ids = {table.name: form_id for form_id, tables in room.tables.items() for table in tables}
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            form_id = self._form_ids[name]
            own, others = _table(self._room, form_id, name), _table(self._main, form_id, name)
            roots = self._room.store.read_table(self._room.tables[form_id][0], only=())["root_uuid"]
            others = others[~others["root_uuid"].isin(roots)]
            self._read[name] = pd.concat([others, own], ignore_index=True) if len(others) else own
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._form_ids)

    def __len__(self) -> int:
        return len(self._form_ids)


def _table(mission: Mission, form_id: str, name: str) -> pd.DataFrame:
    """The rows of a table, none where this mirror has no such table yet."""
    table = next((each for each in mission.tables.get(form_id, ()) if each.name == name), None)
    return mission.store.read_table(table) if table else pd.DataFrame({"root_uuid": []})


# ── the board ──


def board(facts: Facts, arrivals: Sequence[Arrival], roster: RosterPlan) -> dict[str, Any]:
    """What the screen shows, without a name: texts by language, zones that have sent something first.

    Of a mission without attendance form ``n_present`` is None.

    Shape: ``{"n", "forms": [{"title", "n"}], "zones": [{"name", "n_present", "target", "groups": [{"name", "n", "quota"}],
    "sessions": [{"name", "n"}]}], "arrivals": [{"at", "form", "zone"}], "checks": [{"rule", "title", "message",
    "zone", "form", "at"}], "n_checks"}``.
    """
    config = facts.config
    per_form = Counter(each.form_id for each in arrivals)
    attendance_forms = config.forms_with_role("attendance")
    busy = Counter(each.zone for each in arrivals if each.form_id in attendance_forms)
    busy = busy or Counter(each.zone for each in arrivals)  # before the first signature
    present = attendance(facts)
    shown = [zone for zone in config.zones if busy[zone.code]] or config.zones
    findings = _to_mend(facts, arrivals, roster)
    clock = ZoneInfo(config.mission.timezone)
    by_root = {each.root_uuid: each for each in arrivals}
    return {
        "n": len(arrivals),
        "forms": [{"title": _title(facts, form_id), "n": per_form[form_id]} for form_id in config.forms],
        "zones": [_zone(config, zone, present) for zone in sorted(shown, key=lambda zone: -busy[zone.code])],
        "arrivals": [
            {
                "at": f"{each.at.astimezone(clock):%H:%M}",
                "form": _title(facts, each.form_id),
                "zone": _zone_name(config, each.zone),
            }
            for each in arrivals[:ARRIVALS]
        ],
        "checks": [
            {
                "title": {language: rule_title(finding.rule, language) for language in LANGUAGES},
                "message": {language: translated(finding.message, language) for language in LANGUAGES},
                "rule": finding.rule,
                "zone": _zone_name(config, finding.zone),
                "form": _title(facts, finding.form_id),
                "at": f"{by_root[finding.root_uuid].at.astimezone(clock):%H:%M}",
            }
            for finding in findings[:FINDINGS]
        ],
        "n_checks": len(findings),
    }


def _to_mend(facts: Facts, arrivals: Sequence[Arrival], roster: RosterPlan) -> list[Finding]:
    """What of the rows that arrived here can be mended in the room, the newest row's first; a person of the list is no stranger."""
    order = {each.root_uuid: n for n, each in enumerate(arrivals)}
    listed = {row["name"] for row in roster.rows}
    codes = _codes(facts)
    return sorted(
        (
            finding
            for finding in (*run_checks(facts), *roster.findings)
            if finding.rule in MENDED_IN_THE_ROOM
            and finding.root_uuid in order
            and not (finding.rule == "DATA010" and codes.get(finding.root_uuid) in listed)
        ),
        key=lambda finding: (order[finding.root_uuid], MENDED_IN_THE_ROOM.index(finding.rule)),
    )


def _codes(facts: Facts) -> dict[str, str]:
    """root_uuid → participant code of the attendance rows."""
    table = meaning.rows(facts, "attendance").table
    return {root: meaning.text(code) for root, code in zip(table["root_uuid"], table["person"], strict=True)}


def _zone(config: Config, zone: Zone, present: Attendance) -> dict[str, Any]:
    here = [person for person in present.present if person.zone == zone.code]
    groups = Counter(person.traits["group"] for person in here)
    names = {session.code: session for session in config.sessions}
    signed = Counter(key for person in here for key in person.signatures)
    days = {half.day for half in present.half_days if signed[half.key]}
    halves = [half for half in present.half_days if half.day in days and half.session] or due(config, zone)
    attends = config.has_role("attendance")
    return {
        "name": _labels(zone.labels, zone.code),
        "n_present": len(here) if attends else None,
        "target": zone.target,
        "groups": [
            {"name": _labels(group.label, group.code), "n": groups[group.code], "quota": zone.quotas.get(group.code, 0)}
            for group in (config.groups if attends else [])
        ],
        "sessions": [
            {"name": _half_day(names[half.session], half.day), "n": signed[half.key]}
            for half in (halves if attends else [])
            if half.session in names
        ],
    }


def _half_day(session: Session, day: str) -> dict[str, str]:
    """A half-day's name; with its *day* (ISO) where a zone has several, whose mornings are not one."""
    when = f" {date.fromisoformat(day):%d/%m}" if day else ""
    return {language: f"{label}{when}" for language, label in _labels(session.label, session.code).items()}


def _title(facts: Facts, form_id: str) -> dict[str, str]:
    titles = facts.config.forms[form_id].titles
    return {language: titles.get(language) or facts.forms[form_id].title or form_id for language in LANGUAGES}


def _zone_name(config: Config, code: str) -> dict[str, str]:
    zone = config.zone(code)
    return _labels(zone.labels if zone else {}, code)


def _labels(labels: Mapping[str, str], otherwise: str) -> dict[str, str]:
    """A text in the screen's languages; where one is missing the mission's first stands for it."""
    first = next(iter(labels.values()), otherwise)
    return {language: labels.get(language, first) for language in LANGUAGES}

"""The whole product on invented data: a server, phones, a room without the Internet, three training days, then `run`."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from time import perf_counter
from zoneinfo import ZoneInfo

from kobo_sync.config.station import StationSettings
from kobo_sync.errors import ConfigError
from kobo_sync.forms.file_choices import choices_in
from kobo_sync.mission.mission import Mission, Progress
from kobo_sync.model import Choice, Finding, Report
from kobo_sync.phones.browser import Browser
from kobo_sync.phones.collect import OfferedForm, Phone
from kobo_sync.phones.simulate import Sample, draw_answers, instance_xml
from kobo_sync.phones.story import Story, Visit
from kobo_sync.phones.vocabulary import VOCABULARY_FILE, parse_vocabulary
from kobo_sync.station import Account, Station, serve
from kobo_sync.station.accounts import ADMINISTRATION
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.pair import pair_station
from kobo_sync.steps.pull import pull
from kobo_sync.steps.relay import relay
from kobo_sync.steps.roster import refresh_roster
from kobo_sync.steps.run import run
from kobo_sync.workspace.folders import STATE, Workspace
from kobo_sync.workspace.writing import write_atomic

MARK = "DEMO"
KOBOTOOLBOX = "kobotoolbox.sqlite"  # what plays the server
UNHURRIED = 100_000.0  # posts a minute: it is this machine's own server
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
Done = Callable[[str, float, Report | None], None]


@dataclass
class SimulatedClock:
    """The time of the story, in place of the machine's: the demo's files must not depend on today."""

    now: datetime

    def __call__(self) -> datetime:
        """The story's present."""
        return self.now

    def reach(self, moment: datetime) -> None:
        """Let time pass until *moment*; it never goes back."""
        self.now = max(self.now, moment)


@dataclass
class Crowd:
    """The enumerators' phones and what they sent: visit key → (asset uid, current instance uuid, root uuid)."""

    mission: Mission
    story: Story
    phone: Phone
    clock: SimulatedClock
    rng: Random
    sent: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    browser: Browser | None = None  # of the room without the Internet: what is filled there goes to its station

    @property
    def timezone(self) -> ZoneInfo:
        """The mission's."""
        return ZoneInfo(self.mission.config.mission.timezone)

    def play(self, visits: Sequence[Visit]) -> dict[str, int]:
        """Carry out *visits* in order; returns counts of submissions, files, edits, deletions."""
        names = {uid: form_id for form_id, uid in _asset_uids(self.mission).items()}
        offered = {names[form.asset_uid]: form for form in self.phone.forms() if form.asset_uid in names}
        xforms = {form_id: self.phone.xform(form) for form_id, form in offered.items()}
        lists = {form_id: self._lists(form) for form_id, form in offered.items()}
        counts = {"submissions": 0, "files": 0, "edits": 0, "deletions": 0}
        for done, visit in enumerate(visits):
            self.mission.progress("collect", done, len(visits))
            self.clock.reach(visit.at)
            if visit.deletes:
                self._delete(visit)
                counts["deletions"] += 1
            else:
                self._send(visit, offered[visit.form_id], xforms[visit.form_id], lists[visit.form_id])
                counts["edits" if visit.edits else "submissions"] += 1
                counts["files"] += len(visit.files)
        self.mission.progress("collect", len(visits), len(visits))
        return counts

    def _lists(self, form: OfferedForm) -> dict[str, Sequence[Choice]]:
        """The lists on the phone: those of config/ with their labels by language, the participants as published."""
        files = self.phone.media(form) if form.manifest_path else {}
        published = {name: choices_in(content, name) for name, content in files.items() if name.endswith(".csv")}
        return {**published, **self.story.catalogues}

    def _send(self, visit: Visit, form: OfferedForm, xform: str, lists: Mapping[str, Sequence[Choice]]) -> None:
        instance_id = _uuid(self.rng)
        deprecated, root = "", instance_id
        if visit.edits:
            _, deprecated, root = self.sent[visit.edits]
        answered = {**self._device(visit), **visit.inputs, **{name: file[0] for name, file in visit.files.items()}}
        sample = Sample(answered, lists, self.story.words.texts, self.story.words.weights)
        answers = draw_answers(self.mission.forms[visit.form_id], self.rng, sample)
        xml = instance_xml(xform, answers, instance_id=instance_id, deprecated_id=deprecated)
        files = {name: (content, mimetype) for name, content, mimetype in visit.files.values()}
        sender = self.browser or self.phone
        if visit.late:
            sender.send(xml, {}, incomplete=True)
            self.clock.reach(visit.at + timedelta(minutes=25))
        sender.send(xml, files)
        self.sent[visit.key] = (form.asset_uid, instance_id, root)

    def _device(self, visit: Visit) -> dict[str, str]:
        """What a phone notes by itself; the interview took some minutes before it was sent."""
        minutes = self.rng.uniform(2, 9)
        local = visit.at.astimezone(self.timezone)
        begun = local - timedelta(minutes=minutes)
        kinds = {
            "start": begun.isoformat(timespec="milliseconds"),
            "end": local.isoformat(timespec="milliseconds"),
            "today": local.date().isoformat(),
            "deviceid": f"collect:demo{self.rng.randint(1, 3)}",
            "username": "demo",
        }
        form = self.mission.forms[visit.form_id]
        return {question.name: kinds[question.kind] for question in form.questions if question.kind in kinds}

    def _delete(self, visit: Visit) -> None:
        asset_uid, _, root = self.sent[visit.deletes]
        self.mission.reader().delete_submission(asset_uid, root)


def demo(workspace: Workspace, output: Path, seed: int, *, progress: Progress, done: Done) -> Report:
    """Make the deliverables of an invented mission in *output*, from forms to zips.

    The workspace's own state and exports are never touched: the config, forms and words are read, the
    rest lies in *output*. The same seed gives the same files, the state folder apart.
    *done* is told of each step as it ends: its name, seconds, and report if it has one.
    Raises: ConfigError when *output* holds something else, FormError, KoboError, DocumentError.
    """
    target = _fresh(workspace, output)
    rng = Random(seed)
    account = Account("demo", _token(rng), _token(rng))
    secrets = {"KOBO_TOKEN": account.token, "KOBO_DEPLOY_TOKEN": account.token}
    first_day = workspace.config({}).mission.starts_on
    clock = SimulatedClock(datetime.combine(first_day - timedelta(days=8), time(8), ZoneInfo("UTC")))
    uids = Random(seed + 1)
    key = hashlib.sha256(f"demo {seed}".encode()).digest()  # of people who do not exist: the same files each time
    write_atomic(target.pseudonyms, key, private=True)
    with ExitStack() as stack:

        def station_at(path: Path, accounts: list[Account], event_pin: str = "") -> tuple[Station, str]:
            station = Station(
                path,
                accounts=accounts,
                clock=clock,
                new_uid=lambda prefix: _uid(uids, prefix),
                new_uuid=lambda: _uuid(uids),
                event_pin=event_pin,
            )
            stack.callback(station.close)
            return station, stack.enter_context(serve(station)).url

        # One plays KoboToolbox, the other is the station of a room without the Internet.
        _, url = station_at(target.state / KOBOTOOLBOX, [account])
        pin = f"{rng.randrange(10**6):06}"
        station, room_url = station_at(target.station_database, [Account(ADMINISTRATION, "", _token(rng))], pin)
        mission = Mission(target, secrets, clock, progress, server=(url, url))
        mission.__dict__["config"] = mission.config.model_copy(
            update={"station": StationSettings(relay_per_minute=UNHURRIED)}
        )
        stack.callback(mission.close)
        phone = Phone(url, account.username, account.password)
        stack.callback(phone.close)
        words = parse_vocabulary(workspace.optional_text(VOCABULARY_FILE))
        story = Story(mission.config, words, mission.workspace.catalogues(mission.config), seed)
        crowd = Crowd(mission, story, phone, clock, rng)
        return _tell(mission, crowd, Room(station, room_url, pin), done)


@dataclass(frozen=True)
class Room:
    """The field station of the first zone's training day, and the PIN of its browser forms."""

    station: Station
    url: str
    pin: str

    def play(self, crowd: Crowd, visits: Sequence[Visit]) -> dict[str, int]:
        """The zone's days as people fill them in browsers: to this station alone. They sign in each day: no sign-in outlives one."""
        counts: dict[str, int] = {}
        for _, of_day in groupby(visits, key=lambda visit: visit.at.astimezone(crowd.timezone).date()):
            for key, n in self._play_day(crowd, list(of_day)).items():
                counts[key] = counts.get(key, 0) + n
        return counts

    def _play_day(self, crowd: Crowd, visits: Sequence[Visit]) -> dict[str, int]:
        crowd.clock.reach(visits[0].at)
        crowd.browser = Browser(self.url, self.pin)
        try:
            for form_id in sorted({visit.form_id for visit in visits}):
                crowd.browser.open(form_id)
            return crowd.play(visits)
        finally:
            crowd.browser.close()
            crowd.browser = None


def _tell(mission: Mission, crowd: Crowd, room: Room, done: Done) -> Report:
    started_at = mission.clock()
    counts: dict[str, int] = {}
    findings: list[Finding] = []

    def step(name: str, act: Callable[[], Report | dict[str, int]]) -> None:
        began = perf_counter()
        result = act()
        if isinstance(result, Report):
            findings.extend(result.findings)
            counts.update({f"{name}.{key}": n for key, n in result.counts.items()})
        else:
            for key, n in result.items():
                counts[key] = counts.get(key, 0) + n
        done(name, perf_counter() - began, result if isinstance(result, Report) else None)

    is_training = not mission.config.is_survey
    step("deploy", lambda: deploy(mission))
    if registrations := crowd.story.registrations():
        step("registrations", lambda: crowd.play(registrations))
        step("first pull", lambda: pull(mission))
    if mission.config.roster:
        step("roster", lambda: refresh_roster(mission))
    step("station pair", lambda: pair_station(mission, room.station))
    in_room, elsewhere = _of_first_zone(mission, crowd.story.training_days())
    if in_room:
        step("room_day" if is_training else "room_interviews", lambda: room.play(crowd, in_room))
        step("relay", lambda: relay(mission))
    step("training days" if is_training else "interviews", lambda: crowd.play(elsewhere))
    crowd.clock.reach(crowd.clock.now + timedelta(hours=2))

    def ended(report: Report) -> None:
        if report.step != "roster" or mission.config.roster:
            done(f"  {report.step}", (report.ended_at - report.started_at).total_seconds(), report)

    step("run", lambda: run(mission, done=ended))
    findings = list(dict.fromkeys(findings))
    lines = [str(path.relative_to(mission.workspace.out)) for path in _written(mission.workspace.out)]
    return mission.report("demo", started_at, counts, findings, lines)


def _of_first_zone(mission: Mission, visits: Sequence[Visit]) -> tuple[list[Visit], list[Visit]]:
    """What is filled on the first zone's day, and all the rest; corrections are made on the server."""
    first = next((zone.code for zone in mission.config.zones), "")
    here: list[Visit] = []
    elsewhere: list[Visit] = []
    for visit in visits:
        question = mission.config.forms[visit.form_id].fields.get("zone", "")
        is_here = visit.inputs.get(question) == first and not (visit.edits or visit.deletes)
        (here if is_here else elsewhere).append(visit)
    return here, elsewhere


def _fresh(workspace: Workspace, output: Path) -> Workspace:
    """An empty *output*, made or emptied; a folder that no demo made is never emptied."""
    output = output.resolve()
    state = output / STATE
    if output.exists() and any(output.iterdir()):
        if not (state / MARK).exists():
            raise ConfigError(
                "the folder holds something that no demo made", file=str(output), hint="give --output an empty folder"
            )
        shutil.rmtree(output)
    state.mkdir(parents=True, mode=0o700)
    write_atomic(state / MARK, b"made by kobo-sync demo; safe to delete\n", private=True)
    return Workspace(workspace.root, state, output)


def _written(out: Path) -> list[Path]:
    return sorted(path for path in out.rglob("*") if path.is_file() and STATE not in path.parts)


def _asset_uids(mission: Mission) -> dict[str, str]:
    return {form_id: deployment.asset_uid for form_id, deployment in mission.store.deployments().items()}


def _token(rng: Random) -> str:
    return hashlib.sha256(rng.randbytes(16)).hexdigest()[:40]


def _uuid(rng: Random) -> str:
    return str(uuid.UUID(bytes=rng.randbytes(16), version=4))


def _uid(rng: Random, prefix: str) -> str:
    return prefix + "".join(rng.choice(ALPHABET) for _ in range(22 - len(prefix)))

"""Deliverables from the mirror: one folder per zone and one for the mission, each replaced whole or not at all."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import NamedTuple

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import forget
from kobo_sync.analysis.people import names_of
from kobo_sync.analysis.persons import bearers_of, forget_bearers, registered
from kobo_sync.checks import ordered
from kobo_sync.config.files import ZONES_FILE
from kobo_sync.deliverables import deliverable
from kobo_sync.documents.memory import give_back
from kobo_sync.errors import ConfigError, DocumentError, FormError, RunStopped, StoreError, place_of
from kobo_sync.language.speaking import speaking
from kobo_sync.lazy import cached_property
from kobo_sync.mission.facts import facts_of_zone, gather_facts, gather_marks
from kobo_sync.mission.findings import findings_by_zone, n_to_check, with_states
from kobo_sync.mission.inputs_hash import Inputs
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.own_modules import let_import_own_modules
from kobo_sync.mission.zone_figures import figures_of_zone
from kobo_sync.model import Document, Finding, Manifest, Report, Zone
from kobo_sync.steps import build_worker, zone_worker
from kobo_sync.steps.analyse import figures_of, then_figures
from kobo_sync.steps.report_pdf import late_pdf, report_pdf
from kobo_sync.steps.sets import MISSION_FOLDER, NOT_BUILT, counted, manifest_of_set, put_set
from kobo_sync.steps.zone_worker import Looked, ZoneSet
from kobo_sync.workspace.manifests import PreviousSet
from kobo_sync.workspace.result_cache import hashed

_MANY = 8  # zones made anew in one run


@contextmanager
def _frozen() -> Iterator[None]:
    """What is there already is never looked through for circles again: that was a fifth of a large build.

    What a paper leaves is taken away at its end; how often Python looks in between, the command says.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@_frozen()
def build(
    mission: Mission,
    *,
    zones: Sequence[str] = (),
    fresh: bool = False,
    pdf: bool = False,
    figures: bool = False,
) -> Report:
    """Make the deliverables of *zones* (all of them when empty) that changed, and those of the mission.

    A set whose data, templates, settings and program are those of its last build is left as it is. *fresh*
    starts a new final report beside the old one; *pdf* makes the PDF of the report with LibreOffice; *figures* brings those of
    the pages up to date as well (`analyse`), from what the build has read.
    Zones are read one by one: memory does not grow with them. Many are made by a process of their own, which ends
    before the mission's set is begun (`zone_worker`).
    Raises: ConfigError for an unknown zone or deliverable, DocumentError, StoreError, FormError.
    """
    started_at = mission.clock()
    let_import_own_modules(mission)
    config = mission.config
    chosen = [_zone(mission, code) for code in zones] if zones else config.zones
    with_mission = bool(config.mission_papers) and not zones
    if (pdf or fresh) and not with_mission:
        raise _no_report("config/mission.toml", 'add "final_report", and build without --zone')
    with speaking(config.mission.document_language):
        n_sets = len(chosen) + with_mission
        run = _Run(mission, lambda: mission.progress("build", 0, n_sets))
        n_passed = run.make_apart(chosen, n_sets)
        run.prepare(chosen)
        for done, zone in enumerate(chosen):
            if done >= n_passed:
                mission.progress("build", done, n_sets)
            run.zone(zone)
        if figures and len(run.changes) >= build_worker.WORTH:  # before the mission's set takes memory
            build_worker.look_ahead(mission, "figures", lambda: mission.progress("build", len(chosen), n_sets))
        if with_mission:
            mission.progress("build", len(chosen), n_sets)
            run.mission_set(fresh, pdf)
        mission.progress("build", n_sets, n_sets)
    report = mission.report("build", started_at, run.counts, run.findings, run.lines)
    if figures:
        report = then_figures(
            mission, report, lambda: figures_of(mission, run.marks, run.whole, lambda: run.compared, run.inputs)
        )
    forget()
    return report


@_frozen()
def build_zones(mission: Mission, codes: Sequence[str], state: str, tell: Callable[[Looked | ZoneSet], None]) -> None:
    """Make the sets of those of the zones *codes* that changed, for a `build` that waits for them in another process.

    *tell* is given what they were, then each set that is in place. Nothing is done where the mission is not in *state* (`_Run.state`).
    Raises: as `build`.
    """
    let_import_own_modules(mission)
    with speaking(mission.config.mission.document_language):
        run = _Run(mission)
        if run.state != state:
            return
        zones = [_zone(mission, code) for code in codes]
        run.look_at(zones)
        tell(Looked(run.sets, run.inputs_hashes, run.previous_findings))
        run.prepare(zones)
        for zone in zones:
            if zone.code not in run.previous_findings:
                tell(run.make(zone))


class _Change(NamedTuple):
    """A zone's manifest as it was (None for a first build) and is, see `changes.Change`."""

    zone: str
    before: Manifest | None
    now: Manifest


def changed_zones(mission: Mission) -> list[str]:
    """The codes of the zones whose sets `build` would make anew, in the mission's order; what all share is kept for them.

    Raises: as `build`.
    """
    let_import_own_modules(mission)
    run = _Run(mission)
    run.look_at(mission.config.zones)
    changed = [zone.code for zone in mission.config.zones if zone.code not in run.previous_findings]
    if changed:
        names_of(run.whole)  # kept: else the first pieces of each worker would read all rows for them
    return changed


class _Run:
    """One build: what all sets share, and what was done so far.

    *waiting*, of whoever makes the sets, is called while processes look ahead for it; of others none does.
    """

    def __init__(self, mission: Mission, waiting: Callable[[], None] | None = None) -> None:
        self.mission, self.workspace = mission, mission.workspace
        self.marks = gather_marks(mission)
        self.facts = gather_facts(mission, marks=self.marks)  # without findings; tables are read when asked for
        if (
            waiting
            and len(self.marks.zones) > build_worker.WORTH
            and n_to_check(mission, self.facts, self.marks) >= build_worker.WORTH
        ):
            for task in build_worker.FIRST:
                build_worker.look_ahead(mission, task, waiting)
        self.inputs = Inputs(mission, self.facts)
        self.findings: list[Finding] = []
        self.lines: list[str] = []
        self.counts = {"files": 0, "bytes": 0, "unchanged": 0}
        self.changes: list[_Change] = []
        self.sets: dict[str, Manifest] = {}
        self.inputs_hashes: dict[str, str] = {}
        self.previous_findings: dict[str, list[Finding]] = {}
        self.made_apart: dict[str, ZoneSet] = {}
        self.has_looked = False
        self.n_made = 0  # zones' sets, in this process

    @cached_property
    def whole(self) -> Facts:
        """The whole mission's facts with the findings; its tables are read only where nothing less will do."""
        findings = findings_by_zone(self.mission, lambda: self.compared, self.facts, self.marks)
        return with_states(self.mission, self.facts, findings)

    @cached_property
    def by_zone(self) -> dict[str, list[Finding]]:
        """The findings of each zone; of none: those of the mission."""
        by_zone: dict[str, list[Finding]] = {}
        for finding in self.whole.findings:
            by_zone.setdefault(finding.zone, []).append(finding)
        return by_zone

    @property
    def state(self) -> str:
        """A hash of all rows and of what all sets share."""
        return hashed([self.inputs.shared, self.marks.whole.state])

    @cached_property
    def compared(self) -> Facts:
        """The whole mission's facts with the columns that zones are compared by."""
        compared = gather_facts(self.mission, marks=self.marks, named_only=True)
        return replace(compared, names=self.facts.names, registered=self.facts.registered)

    def make_apart(self, zones: Sequence[Zone], n_sets: int) -> int:
        """Where many of *zones* are to be made anew, have a process make them; returns how many it has passed, of *n_sets*.

        Raises: RunStopped, once the process has ended.
        """
        n_passed, at_work = 0, {zone.code: n for n, zone in enumerate(zones, 1)}
        if not self._are_many(zones):
            return 0

        def show() -> None:
            self.mission.progress("build", n_passed, n_sets)

        show()
        with closing(zone_worker.made_apart(self.mission, list(at_work), self.state, show)) as messages:
            for message in messages:
                if isinstance(message, Looked):
                    self.sets, self.inputs_hashes = message.sets, message.inputs_hashes
                    self.previous_findings, self.has_looked = message.previous_findings, True
                else:
                    self.made_apart[message.zone], n_passed = message, at_work[message.zone]
                show()
        return n_passed

    def _are_many(self, zones: Sequence[Zone]) -> bool:
        """Whether many of *zones* are surely to be made anew, as far as can be told without a look at what people say and find."""
        if len(zones) < build_worker.WORTH or self.mission.store.is_past:
            return False
        due = (
            not self.inputs.is_kept(zone, self.marks.zones[zone.code])
            or self.workspace.previous_set(zone.code).manifest is None
            for zone in zones
        )
        return sum(due) >= build_worker.WORTH

    def prepare(self, zones: Sequence[Zone]) -> None:
        """Look at *zones*, unless that was done, and ask what each zone that is made asks: its look for circles is not to go through it."""
        if not self.has_looked:
            self.look_at(zones)
        if any(zone.code not in self.previous_findings and zone.code not in self.made_apart for zone in zones):
            names_of(self.whole)
            bearers_of(registered(self.whole))
        gc.freeze()

    def look_at(self, zones: Sequence[Zone]) -> None:
        """Tell the zones whose sets are as they should be from those to make; *previous_findings* are the former's."""
        for zone in zones:
            code, previous = zone.code, self.workspace.previous_set(zone.code)
            if previous.manifest is None:
                continue  # it is made in any case, and its rows are read for that once
            inputs_hash = self.inputs.of_zone(zone, self.marks.zones[code], self.whole, self._concern(code))
            self.inputs_hashes[code] = inputs_hash
            self.sets[code] = _compared(previous.manifest)
            if previous.manifest.inputs_hash == inputs_hash and previous.complete:
                self.previous_findings[code] = list(previous.manifest.findings)
        if len(zones) - len(self.previous_findings) >= _MANY:
            self.__dict__.pop("compared", None)  # read again for the mission's set: not to be held beside all zones
            forget()
            gc.collect()

    def _concern(self, code: str) -> tuple[Finding, ...]:
        return ordered([*self.by_zone.get("", ()), *self.by_zone.get(code, ())])

    def zone(self, zone: Zone) -> None:
        """Make the zone's set anew, if what it is made from changed."""
        code = zone.code
        if code in self.previous_findings:
            self.counts["unchanged"] += 1
            self.findings += self.previous_findings[code]
            self.lines.append(f"{code}: unchanged")
            return
        made = self.made_apart.pop(code, None) or self.make(zone)
        self.changes.append(_Change(code, self.sets.get(code), made.manifest))
        self.sets[code] = made.manifest
        self.findings += made.findings
        self.counts["files"] += made.n_files
        self.counts["bytes"] += made.n_bytes
        self.lines.append(made.line)

    def make(self, zone: Zone) -> ZoneSet:
        """Put a new set of *zone* in place."""
        code = zone.code
        previous = self.workspace.previous_set(code)
        facts = replace(facts_of_zone(self.mission, self.whole, zone, self.marks), findings=self._concern(code))
        from kobo_sync.deliverables.live_values import live_values

        failures: list[Finding] = []
        documents = _documents(self.mission.config.deliverables.zone, facts, failures)
        inputs_hash = self.inputs_hashes.get(code) or self.inputs.of_zone(
            zone, self.marks.zones[code], self.whole, self._concern(code), facts
        )
        manifest = manifest_of_set(facts, documents, inputs_hash, live_values(facts), failures)
        figures_of_zone(self.mission, self.whole, zone, self.marks, self.inputs, facts)  # kept: its rows are here now
        counts = {"files": 0, "bytes": 0}
        findings = [*put_set(self.mission, code, previous, documents, manifest), *failures]
        line = counted(code, documents, counts)
        self.n_made += 1
        forget()
        gc.collect()
        if self.n_made % _MANY == 0:
            give_back()
        return ZoneSet(code, _compared(manifest), findings, line, counts["files"], counts["bytes"])

    def mission_set(self, fresh: bool, pdf: bool) -> None:
        """Make what concerns the mission as a whole; the report is patched where it lies."""
        if self.n_made >= _MANY:
            self._give_up_zones()
        previous = self.workspace.previous_set(MISSION_FOLDER)
        names = self.mission.config.mission_papers
        inputs_hash = self.inputs.of_mission(self.whole, self.marks.whole)
        before = previous.manifest
        is_same = not fresh and before is not None and before.inputs_hash == inputs_hash and previous.complete
        untold, told = self._untold()
        if before and is_same and not pdf and not untold and self._stays(before, previous):
            return
        from kobo_sync.deliverables import changes, final_report  # here: a build of what is unchanged loads no Word
        from kobo_sync.deliverables.live_values import live_values

        only_report = set(names) <= {final_report.NAME}
        facts = replace(
            self.whole,
            tables=self.compared.tables if only_report else self.whole.tables,
            previous_files={path: read() for path, read in previous.files.items() if path.endswith(".docx")},
            fresh=fresh,
            unchanged=is_same,
            zone_sets=self.sets,
        )
        findings: list[Finding] = []
        documents = _documents(names, facts, findings)
        if untold:
            documents.append((changes.NAME, changes.changes_paper(facts, [changes.Change(*each) for each in untold])))
        elif path := changes.PATH.among(previous.files, facts.config):
            told_last = Document(changes.PATH.of(facts.config), previous.files[path](), changes.CLASS)
            documents.append((changes.NAME, told_last))
        report_path = final_report.PATH.of(facts.config)
        report = next((document for _, document in documents if document.path == report_path), None)
        if report is None and (pdf or fresh):
            raise _no_report("config/mission.toml", 'add "final_report"')
        if report is not None:
            made_pdf = report_pdf(previous, report, pdf)
            if made_pdf is not None:
                documents.append(("final_report", made_pdf))
            elif path := final_report.PDF_PATH.among(previous.files, facts.config):
                findings.append(late_pdf(MISSION_FOLDER, path))
        figures = before.figures if before and is_same else live_values(facts)
        manifest = manifest_of_set(facts, documents, inputs_hash, figures, findings)
        self.findings += [
            *put_set(self.mission, MISSION_FOLDER, previous, documents, manifest, living=tuple(final_report.PATH)),
            *findings,
        ]
        if untold:
            self.workspace.put_told_sets(told)
        self.lines.append(counted(MISSION_FOLDER, documents, self.counts))

    def _give_up_zones(self) -> None:
        """Hold nothing any more that zones asked for: the mission's figures are kept, and its tables need the memory."""
        self.facts = fresh = gather_facts(self.mission, marks=self.marks)
        self.whole = replace(self.whole, tables=fresh.tables, names=fresh.names, registered=fresh.registered)
        self.__dict__.pop("compared", None)
        forget_bearers()
        forget()
        gc.unfreeze()
        gc.collect()
        from kobo_sync.documents.pdf import typeset

        typeset.forget()

    def _stays(self, manifest: Manifest, previous: PreviousSet) -> bool:
        """Leave the mission's set, made from what it would be made from now, as it is, unless somebody changed a file of it."""
        if set(previous.files) != set(manifest.files) or any(map(previous.is_edited, manifest.files)):
            return False
        self.counts["files"] += len(manifest.files)
        self.counts["bytes"] += sum(file.n_bytes for file in manifest.files.values())
        self.findings += manifest.findings
        self.lines.append(f"{MISSION_FOLDER}: {', '.join(sorted(manifest.files))}")
        return True

    def _untold(self) -> tuple[list[_Change], dict[str, Manifest]]:
        """What changed in each zone since it was last told, whichever run made its set; and what is told with that."""
        built = {change.zone: change for change in self.changes}
        before = self.workspace.told_sets()
        never_told = not before and self.workspace.previous_set(MISSION_FOLDER).manifest is None
        untold = []
        for code, now in self.sets.items():
            change = built.get(code)
            # Sets of an older program were told, each by the run that made it.
            told = before.get(code) if before or never_told else change.before if change else now
            if change and change.before is None:
                told = None
            if change or told is None or _differ(told, now):
                untold.append(_Change(code, told, now))
        return untold, {code: replace(now, inputs_hash="") for code, now in self.sets.items()}


def _differ(told: Manifest, now: Manifest) -> bool:
    """`changes.differs`, where it must be asked."""
    says = [(each.fingerprint, each.figures, each.submissions, each.form_versions) for each in (told, now)]
    if says[0] == says[1]:
        return False
    from kobo_sync.deliverables.changes import differs

    return differs(told, now)


def _compared(manifest: Manifest) -> Manifest:
    """What the mission's papers read of a zone's manifest: of hundreds, the rest is not to be kept in memory."""
    return replace(manifest, findings=(), files={})


def _documents(names: Iterable[str], facts: Facts, failures: list[Finding]) -> list[tuple[str, Document]]:
    """What the deliverables called *names* make; one that cannot be made is told in *failures* and stops none of the others.

    Raises: what concerns them all (a setting, the disk, a run that is to stop).
    """
    documents = []
    for name in names:
        try:
            documents += [(name, document) for document in deliverable(name).build(facts)]
        except (ConfigError, FormError, StoreError, RunStopped, OSError, MemoryError):
            raise
        except Exception as error:
            if os.environ.get("KOBO_SYNC_DEBUG") and not isinstance(error, DocumentError):
                raise
            failures.append(_not_built(facts.zone.code if facts.zone else "", name, error))
        gc.collect(0)  # what the paper leaves is young
    return documents


def _not_built(zone: str, name: str, error: Exception) -> Finding:
    where = f"{zone or MISSION_FOLDER}/{name}"
    if isinstance(error, DocumentError):
        message, hint = error.message, error.hint
    else:  # its own words may quote an answer: its kind and its place do not
        message = f"the program itself is at fault ({type(error).__name__}, {place_of(error)})"
        hint = "run KOBO_SYNC_DEBUG=1 kobo-sync build, and report what it shows"
    return Finding(NOT_BUILT, "error", where, message, hint, zone=zone)


def _no_report(file: str, hint: str) -> ConfigError:
    return ConfigError("there is no final report to make", file=file, key="deliverables.mission", hint=hint)


def _zone(mission: Mission, code: str) -> Zone:
    zone = mission.config.zone(code)
    if zone is None:
        codes = ", ".join(zone.code for zone in mission.config.zones)
        hint = f"the zones are: {codes}" if codes else "this mission has no zones: build without naming one"
        raise ConfigError(f"there is no zone {code!r}", file=ZONES_FILE, key="code", hint=hint)
    return zone

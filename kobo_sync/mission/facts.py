"""What deliverables and checks see: the mirror's tables, findings and counts, for the mission or one zone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial

from kobo_sync.analysis.everybody import everybody_in
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.people import Names, asked_of_people, common_words, names_in, names_of, together
from kobo_sync.analysis.persons import keys_seen, registered
from kobo_sync.forms.sheets import Book
from kobo_sync.lazy import cached_property, pd
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import check
from kobo_sync.mission.tables import KeptTables, Tables
from kobo_sync.model import ELSEWHERE, Zone
from kobo_sync.store.approval import reworked
from kobo_sync.store.history import store_as_of
from kobo_sync.store.labels import earlier_choices
from kobo_sync.store.zones import Mark, marks
from kobo_sync.workspace.attachment_files import AttachmentFiles
from kobo_sync.workspace.result_cache import AnalysisCache, hashed

_ONE_BY_ONE = 200  # files
_AT_ONCE = 8  # zones read together: one by one costs three times as much, all at once memory
_MANY = 20  # zones from which on the rows that compare them are kept beside the database
_TYPED = frozenset("text hidden string calculate".split())
_TELLING = frozenset("integer decimal range start end today username".split())


@contextmanager
def seen_by(mission: Mission, moment: datetime) -> Iterator[Mission]:
    """The same mission with the mirror as it was at *moment*, rebuilt in memory from the revisions."""
    past = replace(mission, zone_answers={}, _clients={})
    past.__dict__["store"] = store_as_of(mission.store, mission.forms, moment)
    try:
        yield past
    finally:
        past.close()


@dataclass(frozen=True)
class Marks:
    """What the rows look like: of the mission as a *whole*, and of each zone by its code (`ELSEWHERE`: the rest)."""

    whole: Mark
    zones: Mapping[str, Mark]


def gather_marks(mission: Mission) -> Marks:
    """The marks of the mission as the mirror is now. Raises: StoreError, ConfigError, FormError."""
    mission.zone_answers.clear()  # rows may say now what none said before
    return Marks(*marks(mission.store, mission.zone_columns, [zone.code for zone in mission.config.zones]))


def gather_facts(
    mission: Mission, *, as_of: datetime | None = None, marks: Marks | None = None, named_only: bool = False
) -> Facts:
    """The whole mission's facts, read from the mirror alone; with *as_of* as it had seen the data by then.

    ``as_of`` is the newest submission or validation held; ``fingerprint`` a hash of all contents, so
    that equal data give equal stamps whichever server, machine or day they come from. Tables are read when first
    asked for; with *named_only* just the columns that the config names, that are numbers, or that say who and when:
    what compares zones needs no others. *marks* spares looking at the marks again.
    Raises: StoreError, ConfigError, FormError.
    """
    if as_of is not None:
        with seen_by(mission, as_of) as past:
            facts_then = gather_facts(past)
            files_then = dict(facts_then.file_digests or {})
            names_then, registered_then = names_of(facts_then), registered(facts_then)
            return replace(
                facts_then,
                tables=dict(facts_then.tables),
                file_digests=files_then,
                names=lambda: names_then,
                registered=lambda: registered_then,
            )
    check(mission)
    marks = marks or gather_marks(mission)
    here = marks.whole
    files = _Files(mission)
    facts = Facts(
        config=mission.config,
        zone=None,
        as_of=here.seen_at,
        forms=mission.forms,
        tables={},
        attachment=partial(_attachment, files, mission.files),
        catalogues=mission.workspace.lists(mission.config, mission.forms),
        earlier_choices=earlier_choices(mission.store, mission.forms),
        counts=here.counts,
        form_versions={form_id: form.version for form_id, form in mission.forms.items()},
        fingerprint=here.fingerprint,
        templates=mission.workspace.templates(mission.config.mission.document_language.code),
        annexes=mission.workspace.annexes(),
        books=_Books(mission),
        file_digests=files,
        versions={
            form_id: (deployed.version_id, deployed.deployed_at)
            for form_id, deployed in mission.store.deployments().items()
            if deployed.version_id and deployed.deployed_at
        },
        reworked=reworked(mission.store),
        pseudonym_key=cache(mission.pseudonym_key),
    )
    return _with_memory(mission, facts, marks, named_only)


def _with_memory(mission: Mission, facts: Facts, marks: Marks, named_only: bool) -> Facts:
    """*facts* whose tables know what earlier runs found in them, and which tell of everybody."""
    shared, results = rests_on(mission, facts), mission.workspace.cache
    tables, lists = Tables(mission, _named(mission) if named_only else None), Tables(mission, _registering(mission))
    zones = {code: mark.states for code, mark in marks.zones.items() if any(mark.counts.values())}
    read_together = batches(marks)
    some: Callable[[Sequence[str]], Tables] = partial(Tables, mission, _named(mission))
    if named_only and len(marks.zones) > _MANY:
        pieces = {tuple(batch): _keys(marks, batch, shared) for batch in read_together}
        tables = KeptTables(mission, _named(mission), results, list(pieces.items()))

        def some(codes: Sequence[str]) -> Tables:
            own = [(batch, keys) for batch, keys in pieces.items() if not set(codes).isdisjoint(batch)]
            if sum(len(batch) for batch, _ in own) == len(codes):
                return KeptTables(mission, _named(mission), results, own, codes)
            return Tables(mission, _named(mission), codes)

    tables.memory = lists.memory = AnalysisCache(results, shared, marks.whole.states, zones, some, read_together)
    return replace(
        facts,
        tables=tables,
        names=cache(lambda: _names_by_zone(mission, facts, marks, shared)),
        registered=cache(lambda: everybody_in(replace(facts, tables=lists, as_of=None))),
    )


def _names_by_zone(mission: Mission, facts: Facts, marks: Marks, shared: str) -> Names:
    """Everybody whom the mission's rows name, a few zones at a time: those of zones that are as they were are kept."""
    common = common_words(facts)

    def part_of(batch: Sequence[str]) -> Names:
        name, key = f"names-{batch[0]}", hashed([shared, state_of(marks, batch)])
        part = mission.workspace.cache.get(name, key, Names)
        if part is None:
            tables = Tables(mission, _naming(mission), batch)
            part = names_in(replace(facts, tables=tables, as_of=None), common)
            mission.workspace.cache.put(name, key, part)
        return part

    return together(map(part_of, batches(marks)), common)


def batches(marks: Marks) -> list[list[str]]:
    """The zones that are read together; those that no zone of the mission has by themselves."""
    codes = [code for code in marks.zones if code != ELSEWHERE]
    return [*(codes[at : at + _AT_ONCE] for at in range(0, len(codes), _AT_ONCE)), [ELSEWHERE]]


def state_of(marks: Marks, batch: Sequence[str]) -> str:
    """A hash of what the rows of these zones look like."""
    return hashed(f"{code} {marks.zones[code].state}" for code in batch)


def _keys(marks: Marks, batch: Sequence[str], shared: str) -> dict[str, str]:
    """Per form a hash of what the rows of these zones look like, and of all else that their cells rest on; empty where there are none."""
    zones = [marks.zones[code] for code in batch]
    return {
        form_id: hashed([shared, *(zone.states[form_id] for zone in zones)])
        if any(zone.counts[form_id] for zone in zones)
        else ""
        for form_id in marks.whole.counts
    }


def rests_on(mission: Mission, facts: Facts) -> str:
    """A hash of what checks and analyses rest on besides rows: `what_is_read`, what phones get, which approvals are stale."""
    others = (facts.versions, facts.reworked)
    return hashed([what_is_read(mission, facts), *(repr(sorted(other.items())) for other in others)])


def what_is_read(mission: Mission, facts: Facts, unseen: Collection[str] = ()) -> str:
    """A hash of what every result is made from besides rows: the one place that lists it.

    Settings (those called *unseen* aside, and secrets), forms, the tables' columns (those of questions asked no more are
    told by the mirror alone), lists and their labels, earlier choices.
    """
    settings = facts.config.model_dump_json(exclude={"secrets", *unseen})
    forms = [f"{form_id} {form.sha256}" for form_id, form in sorted(facts.forms.items())]
    lists = (facts.catalogues, facts.earlier_choices)
    return hashed([settings, *forms, repr(sorted(mission.tables.items())), *(repr(sorted(o.items())) for o in lists)])


def facts_of_zone(mission: Mission, whole: Facts, zone: Zone | None, marks: Marks) -> Facts:
    """The rows of *zone*, read when first asked for: forms by their zone question, repeats by their submission.

    None: the rows that are in no zone of the mission. ``as_of`` is the zone's own, so that its papers do not change
    when another zone's data do. Findings are those of *whole* that concern the zone or the mission.
    """
    code = zone.code if zone else ELSEWHERE
    here = marks.zones[code]
    tables = Tables(mission, None, [code])
    files = _files_of(mission, tables)
    return replace(
        whole,
        zone=zone,
        as_of=here.seen_at,
        tables=tables,
        attachment=partial(_attachment, files, mission.files),
        file_digests=files,
        findings=tuple(finding for finding in whole.findings if finding.zone in ("", code)),
        triage={place: counts for place, counts in whole.triage.items() if place in ("", code)},
        counts=here.counts,
        fingerprint=here.fingerprint,
    )


def texts_of_zone(mission: Mission, zone: Zone, own: Facts | None = None) -> Iterator[str]:
    """What people typed in the rows of *zone*, each text once; answers that name people aside: their zone has those.

    *own* are the zone's facts where somebody has them.
    """
    named = _naming(mission)
    typed = {question.name for form in mission.forms.values() for question in form.questions if question.kind in _TYPED}
    tables = own.tables if own else Tables(mission, typed - named, [zone.code])
    for table in tables.values():
        for column in table.columns:
            if column in typed and column not in named:
                yield from (text for text in table[column].dropna().unique() if isinstance(text, str))


def people_seen(mission: Mission, whole: Facts, zone: Zone, own: Facts | None = None) -> frozenset[str]:
    """The codes and names by which the rows of *zone* may mean somebody registered in another (`persons.keys_seen`).

    *own* are the zone's facts where somebody has them.
    """
    facts = own or replace(whole, zone=zone, tables=Tables(mission, _registering(mission), [zone.code]))
    return frozenset(key for keys in keys_seen(facts).values() for key in keys)


def facts_of_zones(mission: Mission, whole: Facts, codes: Sequence[str]) -> Facts:
    """The rows of some zones together (`ELSEWHERE`: of those that are in none), as checks see them."""
    tables = Tables(mission, None, codes)
    return replace(whole, tables=tables, file_digests=_files_of(mission, tables))


def _files_of(mission: Mission, tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], str]:
    files: dict[tuple[str, str], str] = {}
    for form_id in mission.forms:
        files |= mission.store.attachment_index(form_id, tables[form_id]["root_uuid"])
    return files


class _Books(Mapping[str, Book]):
    """The sheets of the mission's XLSForms, read when asked for: only the printed questionnaires need them."""

    def __init__(self, mission: Mission) -> None:
        self._files = [settings.file for settings in mission.config.forms.values()]
        self._read = mission.workspace.book

    def __getitem__(self, file: str) -> Book:
        if file not in self._files:
            raise KeyError(file)
        return self._read(file)

    def __contains__(self, file: object) -> bool:
        return file in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


class _Files(Mapping[tuple[str, str], str]):
    """(root_uuid, file name) → SHA-256 of the mission's files: a few are looked up one by one, for more all are read."""

    def __init__(self, mission: Mission) -> None:
        self._store, self._forms = mission.store, list(mission.forms)
        self._asked = 0

    @cached_property
    def _index(self) -> dict[tuple[str, str], str]:
        return self._store.attachment_index()

    def __getitem__(self, key: tuple[str, str]) -> str:
        self._asked += 1
        if self._asked > _ONE_BY_ONE or "_index" in self.__dict__:
            return self._index[key]
        for form_id in self._forms:
            digests = self._store.attachment_index(form_id, [key[0]])
            if key in digests:
                return digests[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)


def _attachment(
    index: Mapping[tuple[str, str], str], place: AttachmentFiles, root_uuid: str, filename: str
) -> bytes | None:
    digest = index.get((root_uuid, filename))
    if digest is None:
        return None
    try:
        content = place.read(digest)
    except OSError:
        return None
    # A file that the disk has damaged is as good as missing: the document says so.
    return content if hashlib.sha256(content).hexdigest() == digest else None


def _named(mission: Mission) -> frozenset[str]:
    """The questions that the config names, and those that say a number, a moment or who asked."""
    names: set[str] = set()
    for form_id, settings in mission.config.forms.items():
        names |= {*settings.fields.values(), *settings.likert, *settings.open_questions, *settings.items}
        names |= {question.name for question in mission.forms[form_id].questions if question.kind in _TELLING}
    return frozenset(names)


def _naming(mission: Mission) -> frozenset[str]:
    """The questions whose answers name people."""
    return frozenset(name for form in mission.forms.values() for name in asked_of_people(mission.config, form))


def _registering(mission: Mission) -> frozenset[str]:
    """The questions of registrations and attendance that the config names."""
    forms = (settings for settings in mission.config.forms.values() if settings.role in ("registration", "attendance"))
    return frozenset(name for settings in forms for name in settings.fields.values())

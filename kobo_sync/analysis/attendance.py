"""Who was present, and the quota: per zone, group, sex, age band, commune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_over_runs
from kobo_sync.model import Zone

TRAITS = (*meaning.IDENTITY, "age_band", "function")


@dataclass(frozen=True)
class Signature:
    """Where a signature lies: `Facts.attachment` takes both."""

    root_uuid: str
    filename: str


@dataclass(frozen=True)
class Person:
    """One person of a zone, registered or not. *key* is unique within the mission.

    *code* is the participant code, empty for a walk-in; *traits* maps `TRAITS` to text, empty when
    missing; *signatures* maps a session's code to its signature.
    """

    key: str
    zone: str
    code: str
    registered: bool
    traits: Mapping[str, str]
    signatures: Mapping[str, Signature]

    @property
    def present(self) -> bool:
        """At least one signed half-day."""
        return bool(self.signatures)

    @property
    def name(self) -> str:
        """``FAMILY Given``; the Arabic name, or the code, where there is no other."""
        latin = " ".join(filter(None, (self.traits["family_name"].upper(), self.traits["given_name"])))
        return latin or self.traits["name_ar"] or self.code or "sans nom"


@dataclass(frozen=True)
class Attendance:
    """The persons of a zone or of the mission, by zone then name; walk-ins last in each zone.

    *n_unsigned* counts attendance rows without signature or known half-day: they make nobody present.
    *n_refused*: registrations without consent. Source: mission's definition of « présent ».
    """

    people: tuple[Person, ...]
    sessions: tuple[str, ...]
    n_rows: int
    n_unsigned: int
    n_refused: int

    @cached_property
    def present(self) -> tuple[Person, ...]:
        """Persons with at least one signed half-day, one entry per zone they came to."""
        return tuple(person for person in self.people if person.present)

    @cached_property
    def distinct(self) -> tuple[Person, ...]:
        """The persons present, each once, in the first of the zones they came to."""
        persons: dict[str, Person] = {}
        for person in self.present:
            persons.setdefault(person.key, person)
        return tuple(persons.values())

    @cached_property
    def full_day(self) -> tuple[Person, ...]:
        """Persons who signed every half-day."""
        return tuple(p for p in self.people if self.sessions and set(self.sessions) <= set(p.signatures))

    @property
    def n_present(self) -> int:
        """Distinct persons present; one who came to two zones counts once in the mission."""
        return len({person.key for person in self.present})

    def counts(self, trait: str) -> dict[str, int]:
        """Persons present by *trait* (``sex``, ``group``, …), each once; per ``zone`` all who came there. Missing under an empty code."""
        counts: dict[str, int] = {}
        for person in self.present if trait == "zone" else self.distinct:
            code = person.zone if trait == "zone" else person.traits[trait]
            counts[code] = counts.get(code, 0) + 1
        return dict(sorted(counts.items()))


@dataclass(frozen=True)
class Completion:
    """Quota completion: *share* = Σ min(present, quota) / Σ quota over cells; None without quota.

    *n_present* and *quota* are persons. Over one zone the total uses the zone's target (nᵢ / quota,
    which may exceed 1); over several, and per group, each cell is capped so that an overfull zone
    never hides an empty one.
    """

    n_present: int
    quota: int
    share: float | None


@memo_over_runs
def attendance(facts: Facts) -> Attendance:
    """Who is registered, who signed what. Raises: nothing; no rows give nobody."""
    registrations = meaning.rows(facts, "registration")
    signed = meaning.rows(facts, "attendance")
    people = _registered(registrations.table)
    by_name = _unique_names(people)
    sessions = tuple(session.code for session in facts.config.sessions)
    signatures: dict[tuple[str, str], dict[str, Signature]] = {}
    walk_ins: dict[tuple[str, str], Person] = {}
    n_unsigned = 0
    cells = {str(name): signed.table[name].tolist() for name in signed.table}
    columns = (map(meaning.text, cells[name]) for name in ("zone", "person", "session", "signature", "root_uuid"))
    for at, (zone, code, half_day, filename, root) in enumerate(zip(*columns, strict=True)):
        person_of_code = people.get(code) if code != facts.config.codes.not_listed else None
        if person_of_code is not None and zone in ("", person_of_code.zone):  # nearly everybody
            place = (person_of_code.zone, person_of_code.key)
        else:
            row = {name: column[at] for name, column in cells.items()}
            person = _identify(row, facts, people, by_name)
            place = (person.zone, person.key)
            if person.key not in people or people[person.key].zone != person.zone:
                walk_ins[place] = _fuller(walk_ins.get(place), person)
        if filename and (not sessions or half_day in sessions):
            signatures.setdefault(place, {})[half_day] = Signature(root, filename)
        else:
            n_unsigned += 1
    registered = [_signed(person, signatures) for person in people.values()]
    others = [_signed(person, signatures) for person in walk_ins.values()]
    everyone = sorted(registered + [p for p in others if p.present], key=_order)
    return Attendance(tuple(everyone), sessions, len(signed.table), n_unsigned, registrations.n_refused)


def walk_in_keys(facts: Facts) -> dict[str, str]:
    """Who an attendance row of a person not on the list is: root_uuid → the participant code where the name is that of one
    registered person, else a text that is the same for the same person, and may hold their name.
    """
    people = _registered(meaning.rows(facts, "registration").table)
    by_name = _unique_names(people)
    return {
        meaning.text(row["root_uuid"]): _identify(row, facts, people, by_name).key
        for row in meaning.records(meaning.rows(facts, "attendance").table)
        if meaning.text(row["person"]) in ("", facts.config.codes.not_listed)
    }


def completion(present: Attendance, zones: Sequence[Zone]) -> Completion:
    """Quota completion of *zones* together: one zone nᵢ / quota, several Σ min(nᵢ, quotaᵢ) / Σ quota."""
    counts = present.counts("zone")
    pairs = [(counts.get(zone.code, 0), zone.target) for zone in zones]
    return _completion(pairs, capped=len(pairs) > 1)


def completion_by_group(present: Attendance, zones: Sequence[Zone], groups: Sequence[str]) -> dict[str, Completion]:
    """The same per group: each zone's group is a cell; persons without known group are in none."""
    cells: dict[tuple[str, str], int] = {}
    for person in present.present:
        place = (person.zone, person.traits["group"])
        cells[place] = cells.get(place, 0) + 1
    completions = {}
    for group in groups:
        pairs = [(cells.get((zone.code, group), 0), zone.quotas.get(group, 0)) for zone in zones]
        completions[group] = _completion(pairs, capped=len(pairs) > 1)
    return completions


def zones_of(facts: Facts) -> list[Zone]:
    """The zone of *facts*, or all zones of the mission."""
    return [facts.zone] if facts.zone else list(facts.config.zones)


def response_rate(n_answers: int, n_present: int) -> float | None:
    """Answers over persons present; None when nobody is present. It may exceed 1: say so rather than cap."""
    return n_answers / n_present if n_present else None


def _completion(pairs: list[tuple[int, int]], *, capped: bool) -> Completion:
    n_present, quota = sum(n for n, _ in pairs), sum(q for _, q in pairs)
    reached = sum(min(n, q) for n, q in pairs) if capped else n_present
    return Completion(n_present, quota, reached / quota if quota else None)


def _registered(table: pd.DataFrame) -> dict[str, Person]:
    """Registered persons by key; the first registration of a code stays, as in the roster that phones show."""
    people: dict[str, Person] = {}
    for row in meaning.records(table):
        code = meaning.text(row["person"])
        key = code or f"inscription:{meaning.text(row['root_uuid'])}"
        traits = {trait: meaning.text(row[trait]) for trait in TRAITS}
        people.setdefault(key, Person(key, meaning.text(row["zone"]), code, True, traits, {}))
    return people


def _unique_names(people: Mapping[str, Person]) -> dict[tuple[str, str], str]:
    """(zone, normalised name) → key, for names that one registered person alone bears in the zone."""
    keys: dict[tuple[str, str], list[str]] = {}
    for person in people.values():
        for name in _names(person.traits):
            keys.setdefault((person.zone, name), []).append(person.key)
    return {place: codes[0] for place, codes in keys.items() if len(set(codes)) == 1}


def _names(traits: Mapping[str, str]) -> list[str]:
    latin = meaning.normal_name(traits["family_name"], traits["given_name"])
    return [name for name in (latin, meaning.normal_name(traits["name_ar"])) if name]


def _identify(
    row: Mapping[Any, Any], facts: Facts, people: Mapping[str, Person], by_name: Mapping[tuple[str, str], str]
) -> Person:
    """The person of an attendance row: the one picked, else the registered bearer of the name, else a walk-in."""
    zone, code = meaning.text(row["zone"]), meaning.text(row["person"])
    traits = {trait: meaning.text(row.get(trait)) for trait in TRAITS}
    if code and code != facts.config.codes.not_listed:
        registered = people.get(code)
        return Person(
            code,
            zone or (registered.zone if registered else ""),
            code,
            False,
            registered.traits if registered else traits,
            {},
        )
    for name in _names(traits):
        key = by_name.get((zone, name))
        if key is not None:
            return people[key]
    names = _names(traits)
    key = f"hors-liste:{zone}:{names[0]}" if names else f"hors-liste:{meaning.text(row['root_uuid'])}"
    return Person(key, zone, "", False, traits, {})


def _fuller(before: Person | None, now: Person) -> Person:
    """The walk-in with what either row says; the newer wins."""
    if before is None:
        return now
    traits = {trait: now.traits[trait] or before.traits[trait] for trait in TRAITS}
    return Person(now.key, now.zone, now.code, now.registered, traits, {})


def _signed(person: Person, by_person: Mapping[tuple[str, str], Mapping[str, Signature]]) -> Person:
    signatures = by_person.get((person.zone, person.key), {})
    return Person(person.key, person.zone, person.code, person.registered, person.traits, signatures)


def _order(person: Person) -> tuple[str, bool, str, str, str]:
    family = meaning.sort_key(person.traits["family_name"])
    given_name = meaning.sort_key(person.traits["given_name"])
    return (person.zone, not person.registered, family or "\uffff", given_name, person.key)

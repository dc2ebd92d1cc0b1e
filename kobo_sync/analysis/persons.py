"""Who a row is about: the persons registered anywhere in the mission, and how those who are not on a zone's list are told apart.

A person is one wherever they come:

* One who picked a code is the person of that code, whichever zone the row or the registration is of.
* One who is not on the list is the registered bearer of the name (Latin or Arabic, `meaning.normal_name`) in the row's zone,
  when one person alone bears it there; else the one bearer in another zone who is the same by `likeness`; else a walk-in,
  one per name and zone.
* Walk-ins of two zones who bear one name are one person where `likeness` says so. Where it is unsure they count as two, and
  check DATA005 says it.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from kobo_sync.analysis import meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_by_zone, memo_in_process, memo_over_runs, note
from kobo_sync.analysis.names import phone_key
from kobo_sync.config.config import Role
from kobo_sync.language.catalogue import t
from kobo_sync.lazy import cached_property

_OWN_TEXTS = ("key", "zone", "code", "home")
TRAITS = (*meaning.IDENTITY, "age_band", "function")
_PLACES = {trait: at for at, trait in enumerate(TRAITS)}


@dataclass(frozen=True)
class Signature:
    """What proves presence: the file of a signature (`Facts.attachment` takes both), else the *row*, an answer or itself.

    *filename* is empty where the form asks for no signature; *answered*: the row says that the person is there; *begun_at*: the local
    ``HH:MM`` at which the phone began a row that is the proof itself, empty where it does not say.
    """

    root_uuid: str
    filename: str
    answered: bool = False
    begun_at: str = ""


_NONE: Mapping[str, Signature] = {}


@dataclass(frozen=True)
class Person:
    """One person of a zone. *key* is unique within the mission.

    *code* is the participant code, empty for a walk-in; *registered*: in this very zone; *home*: the zone they are registered
    in (empty: their registration says none), None for who is registered nowhere; *traits* maps `TRAITS` to text, empty when
    missing; *signatures* maps a half-day's key (`half_days.HalfDay`) to its signature.
    """

    key: str
    zone: str
    code: str
    registered: bool
    traits: Mapping[str, str]
    signatures: Mapping[str, Signature]
    home: str | None = None

    @cached_property
    def names(self) -> list[str]:
        """The Latin and the Arabic name, made comparable: `names` of the traits, once."""
        return names(self.traits)

    @property
    def present(self) -> bool:
        """At least one half-day."""
        return bool(self.signatures)

    @property
    def is_visitor(self) -> bool:
        """Registered in another zone."""
        return self.home is not None and not self.registered

    @property
    def name(self) -> str:
        """``FAMILY Given``; the Arabic name, or the code, where there is no other."""
        latin = " ".join(filter(None, (self.traits["family_name"].upper(), self.traits["given_name"])))
        return latin or self.traits["name_ar"] or self.code or t("without a name")


def registered(facts: Facts) -> Mapping[str, Person]:
    """Everybody registered in the mission, by key, whichever zone *facts* are of."""
    note(*facts.config.forms_with_role("registration"))
    return facts.registered() if facts.registered else registered_in(facts)


@memo_in_process
def registered_in(facts: Facts) -> Mapping[str, Person]:
    """Registered persons of these rows by key; the first registration of a code stays, as in the roster that phones show."""
    people: dict[str, Person] = {}
    rows = (row for rows in registrations_by_zone(facts).values() for row in rows)
    for _, person in sorted(rows, key=lambda row: row[0]):
        people.setdefault(person.key, person)
    return people


@memo_by_zone
def registrations_by_zone(facts: Facts) -> Mapping[str, tuple[tuple[meaning.Order, Person], ...]]:
    """Whom each registration registers, with its place among all, by zone."""
    table = meaning.rows(facts, "registration").table
    zones: dict[str, list[tuple[meaning.Order, Person]]] = {}
    for order, row in zip(meaning.orders(table), meaning.records(table), strict=True):
        code, zone = meaning.text(row["person"]), meaning.text(row["zone"])
        key = code or f"inscription:{meaning.text(row['root_uuid'])}"
        zones.setdefault(zone, []).append((order, Person(key, zone, code, True, _traits(row), {}, zone)))
    return {zone: tuple(mine) for zone, mine in zones.items()}


class _Traits(Mapping[str, str]):
    """The `TRAITS` of one of many persons, in a fifth of a dictionary's memory."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)

    def __getitem__(self, trait: str) -> str:
        return self._texts[_PLACES[trait]]

    def __iter__(self) -> Iterator[str]:
        return iter(TRAITS)

    def __len__(self) -> int:
        return len(TRAITS)

    def __repr__(self) -> str:
        return repr(dict(self))


class Small:
    """Makes small what is held of many persons: of equal texts one is held, and traits lie in tuples."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def person(self, person: Person) -> Person:
        """The person with the same texts."""
        traits = _Traits(self._text(person.traits[trait]) for trait in TRAITS)
        return replace(person, **self._own(person), traits=traits, signatures=person.signatures or _NONE)

    def _own(self, person: Person) -> dict[str, Any]:
        texts = {name: getattr(person, name) for name in _OWN_TEXTS}
        return {name: None if text is None else self._text(text) for name, text in texts.items()}

    def _text(self, text: str) -> str:
        return self._texts.setdefault(text, text)


def listed(facts: Facts) -> dict[str, Person]:
    """The persons on the list of the zone (or mission) of *facts*: registered there first, if they are in several zones."""
    everybody, own = registered(facts), registered_in(facts)
    return {key: person for key, person in own.items() if everybody.get(key, person).zone == person.zone}


def set_aside(facts: Facts) -> Mapping[str, str]:
    """The registrations that make nobody: root_uuid → ``repeated`` (their code was registered before, here or in another zone)."""
    own, seen = listed(facts), set[str]()
    aside: dict[str, str] = {}
    for row in meaning.records(meaning.rows(facts, "registration").table):
        code, root = meaning.text(row["person"]), meaning.text(row["root_uuid"])
        key = code or f"inscription:{root}"
        if key in seen or key not in own:
            aside[root] = "repeated"
        seen.add(key)
    return aside


@memo_by_zone
def keys_seen(facts: Facts) -> Mapping[str, tuple[str, ...]]:
    """By zone the codes of its registrations, and the codes and names in its attendance: all by which its rows may mean who is registered elsewhere."""
    zones: dict[str, set[str]] = {}
    roles: tuple[Role, ...] = ("registration", "attendance")
    for role in roles:
        for row in meaning.records(meaning.rows(facts, role).table):
            keys = zones.setdefault(meaning.text(row["zone"]), set())
            keys |= {meaning.text(row["person"]), *(names(_traits(row)) if role == "attendance" else ())}
    nobody = {"", facts.config.codes.not_listed}
    return {zone: tuple(sorted(keys - nobody)) for zone, keys in zones.items()}


def from_elsewhere(everybody: Mapping[str, Person], zone: str, keys: Iterable[str]) -> list[Person]:
    """Who of *everybody* is registered in another zone than the one whose rows have these *keys* (`keys_seen`), by key."""
    bearers = bearers_of(everybody)
    seen = {person.key: person for key in keys for person in bearers.of(key)}
    seen |= {key: everybody[key] for key in keys if key in everybody}
    return [person for _, person in sorted(seen.items()) if person.zone != zone]


@memo_over_runs
def told_elsewhere(facts: Facts) -> Mapping[str, str]:
    """By zone a hash of what other zones' registrations say of whom its rows mean."""
    everybody, hashes = registered(facts), {}
    for zone, keys in keys_seen(facts).items():
        if people := from_elsewhere(everybody, zone, keys):
            hashes[zone] = hashlib.sha256("\n".join(map(repr, people)).encode("utf-8", "surrogatepass")).hexdigest()
    return hashes


def names(traits: Mapping[str, str]) -> list[str]:
    """The Latin and the Arabic name, made comparable."""
    latin = meaning.normal_name(traits["family_name"], traits["given_name"])
    return [name for name in (latin, meaning.normal_name(traits["name_ar"])) if name]


def likeness(one: Mapping[str, str], other: Mapping[str, str]) -> Literal["same", "other", "unsure"]:
    """Whether two bearers of one name who were seen in two zones are one person.

    Their phones decide where both are there. Else another sex is another person; a name of one word, another group, or
    neither sex nor group to compare leaves it open.
    """
    phones = [phone_key(traits["phone"]) for traits in (one, other)]
    if all(phones):
        return "same" if phones[0] == phones[1] else "other"
    pairs = {trait: (one[trait], other[trait]) for trait in ("sex", "group") if one[trait] and other[trait]}
    if "sex" in pairs and len(set(pairs["sex"])) > 1:
        return "other"
    shared = set(names(one)) & set(names(other))
    alike = all(a == b for a, b in pairs.values())
    return "same" if pairs and alike and any(" " in name for name in shared) else "unsure"


# Holding the people keeps their id from being given to others.
_last_bearers: list[tuple[Mapping[str, Person], Bearers]] = []
Place = tuple[str, str]  # a zone and the key of a person in it


@dataclass(frozen=True)
class Identified:
    """Who the attendance rows are about: *rows* has the place of each row, by root_uuid, *people* each once, in the order of their first rows."""

    rows: Mapping[str, Place]
    people: Mapping[Place, Person]

    @property
    def walk_ins(self) -> list[Person]:
        """The persons who are registered nowhere and have no code, in the order of their first rows."""
        return [person for person in self.people.values() if not person.code and person.home is None]


@dataclass(frozen=True)
class ZoneIdentified:
    """`Identified` of one zone: root_uuid → key; the persons with the place of their first rows among all."""

    rows: Mapping[str, str]
    people: tuple[tuple[meaning.Order, Person], ...]


@memo_in_process
def identified(facts: Facts) -> Identified:
    """The persons of the attendance rows of *facts*, walk-ins zone by zone (`keys_over_zones` for the mission)."""
    rows: dict[str, Place] = {}
    people: list[tuple[meaning.Order, Person]] = []
    small = Small()
    for zone, mine in identified_by_zone(facts).items():
        people += ((order, small.person(person)) for order, person in mine.people)
        places = {key: (zone, key) for key in mine.rows.values()}
        rows |= {root: places[key] for root, key in mine.rows.items()}
    people.sort(key=lambda each: each[0])
    return Identified(rows, {(person.zone, person.key): person for _, person in people})


@partial(memo_by_zone, others=told_elsewhere)
def identified_by_zone(facts: Facts) -> Mapping[str, ZoneIdentified]:
    """`identified`, by the zone that the rows say."""
    table = meaning.rows(facts, "attendance").table
    everybody, not_listed = registered(facts), facts.config.codes.not_listed
    bearers = bearers_of(everybody)
    rows: list[Place] = []
    first: dict[Place, meaning.Order] = {}
    orders = meaning.orders(table)
    people: dict[Place, Person] = {}
    walk_in_names: dict[Place, str] = {}  # (zone, name) → key
    cells = {str(name): table[name].tolist() for name in table}
    zones, codes = ([*map(meaning.text, cells[name])] for name in ("zone", "person"))
    picked = {code: everybody[code] for code in {*codes} - {not_listed} if code in everybody}
    for at, (zone, code) in enumerate(zip(zones, codes, strict=True)):
        person = picked.get(code)
        if person is None:
            row = {name: column[at] for name, column in cells.items()}
            person = _stranger(row, zone, "" if code == not_listed else code, bearers, walk_in_names)
        place = (zone, person.key)
        rows.append(place)
        if place not in people:
            people[place], first[place] = in_zone(person, zone), orders[at]
        elif person.home is None:
            traits = fuller(people[place].traits, person.traits)
            people[place] = replace(people[place], traits=traits)
    moved = {place: _registered_elsewhere(person, bearers) for place, person in people.items() if not person.code}
    own_place = {place: (place[0], person.key) if person else place for place, person in moved.items()}
    first = {own_place.get(place, place): first[place] for place in reversed(people)}
    people = {
        own_place.get(place, place): in_zone(moved.get(place) or person, place[0]) for place, person in people.items()
    }
    by_zone: dict[str, tuple[dict[str, str], list[tuple[meaning.Order, Person]]]] = {}
    for root, place in zip(map(meaning.text, table["root_uuid"].tolist()), rows, strict=True):
        zone, key = own_place.get(place, place)
        by_zone.setdefault(zone, ({}, []))[0][root] = key
    for place, person in people.items():
        by_zone[place[0]][1].append((first[place], person))
    return {zone: ZoneIdentified(keys, tuple(mine)) for zone, (keys, mine) in by_zone.items()}


class Bearers:
    """Who bears a name among *everybody*: looked up by a number for each name of each person, in a tenth of a dictionary's memory."""

    def __init__(self, everybody: Mapping[str, Person]) -> None:
        self._everybody, self._keys = everybody, tuple(everybody)
        people = enumerate(everybody.values())
        self._numbers = array("Q", sorted(_first(name) + at for at, person in people for name in person.names))

    def of(self, name: str) -> list[Person]:
        """The bearers of *name*, in the order of everybody."""
        first = _first(name)
        here = slice(*(bisect_left(self._numbers, end) for end in (first, first + len(self._keys))))
        bearers = []
        for number in dict.fromkeys(self._numbers[here]):
            person = self._everybody[self._keys[number - first]]
            bearers += [person] * person.names.count(name)  # other names may have the same number
        return bearers


def _first(name: str) -> int:
    """The number of *name*, with room after it for that of a person; within this process alone."""
    return (hash(name) & 0xFFFFFFFF) << 32


def bearers_of(everybody: Mapping[str, Person]) -> Bearers:
    """The bearers of names among *everybody*; worked out once for the zones that ask for the same people in turn."""
    latest = _last_bearers[0] if _last_bearers else None
    if latest is None or latest[0] is not everybody:
        latest = (everybody, Bearers(everybody))
        _last_bearers[:] = [latest]
    return latest[1]


def forget_bearers() -> None:
    """Give up whom `bearers_of` was asked for last: nobody asks for zone after zone any more."""
    _last_bearers.clear()


def _stranger(row: Mapping[Any, Any], zone: str, code: str, bearers: Bearers, walk_ins: dict[Place, str]) -> Person:
    """The person of a row that picked nobody who is registered: with an unknown code, the bearer of the name here, or a walk-in."""
    traits = _traits(row)
    if code:
        return Person(code, zone, code, False, traits, {})
    own = names(traits)
    for name in own:
        here = [person for person in bearers.of(name) if person.zone == zone]
        if here:
            if len(here) == 1:
                return here[0]
            break
    earlier = (walk_ins[zone, name] for name in own if (zone, name) in walk_ins)
    root_uuid = meaning.text(row["root_uuid"])
    key = next(earlier, f"hors-liste:{zone}:{own[0]}" if own else f"hors-liste:{root_uuid}")
    walk_ins |= {(zone, name): walk_ins.get((zone, name), key) for name in own}
    return Person(key, zone, "", False, traits, {})


def _registered_elsewhere(person: Person, bearers: Bearers) -> Person | None:
    """The one person registered in another zone who is this walk-in."""
    if person.home is not None:
        return None
    bearing = {other.key: other for name in person.names for other in bearers.of(name)}
    same = [
        other
        for other in bearing.values()
        if other.zone != person.zone and likeness(other.traits, person.traits) == "same"
    ]
    return same[0] if len(same) == 1 else None


def in_zone(person: Person, zone: str) -> Person:
    """A person as the list of *zone* has them."""
    here = person.registered and zone == person.zone
    return replace(person, zone=zone, registered=here, traits=dict(person.traits))


def fuller(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The traits that either says; the newer wins."""
    return {trait: now[trait] or before[trait] for trait in TRAITS}


def keys_over_zones(walk_ins: Iterable[Person]) -> dict[str, str]:
    """The key of each walk-in of the zones' lists → the key under which the mission counts them: that of their first zone."""
    keys: dict[str, str] = {}
    members: dict[str, list[Person]] = {}  # by the mission's key
    bearers: dict[str, dict[str, None]] = {}  # name → the mission's keys
    for person in walk_ins:
        own = person.names
        candidates = (key for name in own for key in bearers.get(name, ()))
        keys[person.key] = next((key for key in candidates if _is_another_of(person, members[key])), person.key)
        members.setdefault(keys[person.key], []).append(person)
        for name in own:
            bearers.setdefault(name, {})[keys[person.key]] = None
    return keys


def _is_another_of(person: Person, members: Iterable[Person]) -> bool:
    """Whether all *members*, of other zones, are this person."""
    return all(p.zone != person.zone and likeness(p.traits, person.traits) == "same" for p in members)


def _traits(row: Mapping[Any, Any]) -> dict[str, str]:
    return {trait: meaning.text(row.get(trait)) for trait in TRAITS}

"""Who was present, and the quota: per zone, group, sex, age band, commune. Who a person is, `persons` says; which half-day, `half_days`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Literal, NamedTuple

from kobo_sync.analysis import days, half_days, meaning
from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.half_days import HalfDay, Mark
from kobo_sync.analysis.memo import memo_by_zone, memo_in_process, memo_of_lists
from kobo_sync.analysis.persons import (
    TRAITS,
    Person,
    Signature,
    ZoneIdentified,
    fuller,
    identified,
    identified_by_zone,
    keys_over_zones,
    listed,
    names,
    registered,
    told_elsewhere,
)
from kobo_sync.config.config import Config, FormSettings, Proof
from kobo_sync.lazy import cached_property
from kobo_sync.model import Zone

__all__ = ["TRAITS", "Attendance", "HalfDay", "Person", "Signature", "names", "registered"]

Whole = Literal["day", "sessions", "days"]
_WHO = ("person", "family_name", "given_name", "name_ar", "phone")  # meanings that tell one person from another


@dataclass(frozen=True)
class Attendance:
    """The persons of a zone or of the mission, by zone then name; who is not on the zone's list comes last in each zone.

    *sessions* are the config's, *half_days* those that were signed or are due, with their day where a zone has several.
    Attendance rows add up: *n_rows* = *n_counted* (one per person and half-day) + *n_absent* (their answer says so) +
    *n_unanswered* (no answer where one proves presence) + *n_unsigned* (no signature, where it does) + *n_no_session* (an unknown
    half-day) + *n_repeated* (a half-day that the person signed before: the first counts). *n_declared* of those counted have no
    signature because it is not what proves presence (`FormSettings.proof`): whoever kept the list says that the person was there.
    *n_refused*: registrations without consent. *due*: of the zones of several days, the keys of all their half-days.
    Source: mission's definition of « présent ».
    """

    people: tuple[Person, ...]
    sessions: tuple[str, ...]
    half_days: tuple[HalfDay, ...]
    n_rows: int
    n_counted: int
    n_absent: int
    n_unanswered: int
    n_unsigned: int
    n_no_session: int
    n_repeated: int
    n_declared: int
    n_refused: int
    due: Mapping[str, frozenset[str]]

    @cached_property
    def present(self) -> tuple[Person, ...]:
        """Persons with at least one half-day, one entry per zone they came to."""
        return tuple(person for person in self.people if person.present)

    @cached_property
    def distinct(self) -> tuple[Person, ...]:
        """The persons present, each once, in the first of the zones they came to: every count of a mission's persons is made of these."""
        persons: dict[str, Person] = {}
        for person in self.present:
            first = persons.setdefault(person.key, person)
            if first is not person:
                persons[person.key] = replace(first, traits=fuller(person.traits, first.traits))
        return tuple(persons.values())

    @cached_property
    def full_day(self) -> tuple[Person, ...]:
        """Persons who were there at every session of all days of their zone; of a zone of one day, or none in the config, of one day at least."""
        return tuple(person for person in self.people if self.stayed(person))

    def stayed(self, person: Person) -> bool:
        """Whether *person* is one of `full_day`."""
        if due := self.due.get(person.zone):
            return person.signatures.keys() >= due
        if not any(each.session for each in self.half_days):  # no form asks which: the one day that its zone has
            return person.present
        signed = {each.day: set[str]() for each in self.half_days}
        for each in self.half_days:
            if each.key in person.signatures:
                signed[each.day].add(each.session)
        return any(sessions >= set(self.sessions) for sessions in signed.values())

    @property
    def n_present(self) -> int:
        """Distinct persons present; one who came to two zones counts once in the mission."""
        return len(self.distinct)

    @property
    def n_full_day(self) -> int:
        """Distinct persons who were there for a full day."""
        return len({person.key for person in self.full_day})

    @property
    def n_registered(self) -> int:
        """Persons registered, each once."""
        return sum(person.registered for person in self.people)

    def counts(self, trait: str) -> dict[str, int]:
        """Persons present by *trait* (``sex``, ``group``, …), each once; per ``zone`` all who came there. Missing under an empty code."""
        if trait not in self._counts:
            people = self.present if trait == "zone" else self.distinct
            counts = Counter(person.zone if trait == "zone" else person.traits[trait] for person in people)
            self._counts[trait] = dict(sorted(counts.items()))
        return dict(self._counts[trait])

    @cached_property
    def _counts(self) -> dict[str, dict[str, int]]:
        """`counts` by trait, once each."""
        return {}


@memo_in_process
def attendance(facts: Facts) -> Attendance:
    """Who is registered, who signed what. Raises: nothing; no rows give nobody.

    What proves presence, the form's settings say (`FormSettings.proof`). Where a form asks for no half-day (or the config has none)
    no half-day is asked of its rows.
    """
    return replace(listing(facts), people=tuple(people_in_turn(facts)))


def people_in_turn(facts: Facts) -> Iterator[Person]:
    """The people of `attendance` one by one, in order: who only counts a mission's need not hold them all."""
    zones = signed_by_zone(facts)
    walk_ins = sorted((each for signed in zones.values() for each in signed.walk_ins), key=lambda each: each[0])
    merged = keys_over_zones(person for _, person in walk_ins)
    del walk_ins
    for signed in zones.values():  # each is made anew when it is asked for
        mine = [
            replace(person, key=merged[person.key]) if merged.get(person.key, person.key) != person.key else person
            for person in signed.people
        ]
        yield from mine if mine == list(signed.people) else sorted(mine, key=_order)


def listing(facts: Facts) -> Attendance:
    """`attendance` without its people."""
    config = facts.config
    sessions = tuple(session.code for session in config.sessions)
    reasons, halves, n_rows, n_declared = Counter[str](), dict[str, HalfDay](), 0, 0
    for signed in signed_by_zone(facts).values():
        halves |= {half.key: half for half in signed.half_days}
        reasons.update(signed.set_aside.values())
        n_rows += signed.n_rows
        n_declared += sum(not each.filename for person in signed.people for each in person.signatures.values())
    by_session = is_by_half_day(facts)
    due = {
        zone.code: half_days.due(config, zone, by_session=by_session) for zone in zones_of(facts) if len(zone.days) > 1
    }
    planned = {half.key: half for mine in due.values() for half in mine}
    days_due = {half.day for half in planned.values()}
    others = {half.day for half in halves.values()} - days_due or ({""} if not planned else set())
    planned |= {half.key: half for day in others for half in _due(day, sessions if by_session else ())}
    return Attendance(
        people=(),
        sessions=sessions,
        half_days=half_days.ordered(halves | planned, sessions),
        n_rows=n_rows,
        n_counted=n_rows - reasons.total(),
        n_absent=reasons["absent"],
        n_unanswered=reasons["unanswered"],
        n_unsigned=reasons["unsigned"],
        n_no_session=reasons["no_session"],
        n_repeated=reasons["repeated"],
        n_declared=n_declared,
        n_refused=sum(meaning.refused_by_zone(facts, "registration").values()),
        due={zone: frozenset(half.key for half in mine) for zone, mine in due.items()},
    )


def set_aside(facts: Facts) -> Mapping[str, str]:
    """The attendance rows that count for nothing: root_uuid → ``absent``, ``unanswered``, ``unsigned``, ``no_session`` or ``repeated``."""
    return {root: reason for signed in signed_by_zone(facts).values() for root, reason in signed.set_aside.items()}


def _due(day: str, sessions: Sequence[str]) -> list[HalfDay]:
    return [HalfDay(day, session) for session in sessions]


@dataclass(frozen=True)
class ZoneSigned:
    """`Attendance` of one zone: its *people* in order, the *walk_ins* among all attendance rows with the place of their first, the rows that count for nothing."""

    people: tuple[Person, ...]
    walk_ins: tuple[tuple[meaning.Order, Person], ...]
    half_days: tuple[HalfDay, ...]
    set_aside: Mapping[str, str]
    n_rows: int


@partial(memo_by_zone, others=told_elsewhere)
def signed_by_zone(facts: Facts) -> Mapping[str, ZoneSigned]:
    """Who is registered and who signed what, by the zone that the rows say."""
    came, own = identified_by_zone(facts), listed(facts)
    registrations: dict[str, list[Person]] = {}
    for person in own.values():
        registrations.setdefault(person.zone, []).append(person)
    rows: dict[str, list[tuple[str, _Row]]] = {}
    key_of = {root: (zone, key) for zone, mine in came.items() for root, key in mine.rows.items()}
    for row in _rows(facts):
        zone, key = key_of[row.root_uuid]
        rows.setdefault(zone, []).append((key, row))
    nobody = ZoneIdentified({}, ())
    return {
        zone: _signed(facts, zone, registrations.get(zone, []), came.get(zone, nobody), rows.get(zone, []))
        for zone in {*registrations, *rows}
    }


def _signed(
    facts: Facts, zone: str, own: Sequence[Person], came: ZoneIdentified, rows: Sequence[tuple[str, _Row]]
) -> ZoneSigned:
    """One zone: who is on its list, who its rows are about, and the rows, each with its person's key."""
    sessions = {session.code for session in facts.config.sessions}
    aside: dict[str, str] = {}
    signing: list[tuple[str, _Row]] = []
    for key, row in rows:
        if reason := row.disproved:
            aside[row.root_uuid] = reason
        elif row.asks_session and row.session not in sessions:
            aside[row.root_uuid] = "no_session"
        else:
            signing.append((key, row))
    signatures: dict[str, dict[str, Signature]] = {}
    halves: dict[str, HalfDay] = {}
    marks = [Mark(key, row.session, row.day, row.own_day) for key, row in signing]
    for (key, row), half in zip(signing, half_days.half_days(facts, zone, marks), strict=True):
        halves[half.key] = half
        if half.key in signatures.setdefault(key, {}):
            aside[row.root_uuid] = "repeated"
        signatures[key].setdefault(half.key, row.signature)
    mine = {person.key for person in own}
    people = [replace(person, signatures=signatures.get(person.key, {})) for person in own]
    for _, person in came.people:
        if person.key in signatures and person.key not in mine:
            people.append(replace(person, signatures=signatures[person.key]))
    walk_ins = tuple((order, person) for order, person in came.people if not person.code and person.home is None)
    return ZoneSigned(tuple(sorted(people, key=_order)), walk_ins, tuple(halves.values()), aside, len(rows))


class _Row(NamedTuple):
    """One attendance row: the *signature* that proves presence, or why it proves none (*disproved*)."""

    signature: Signature
    disproved: str
    session: str
    day: date | None
    own_day: bool
    asks_session: bool

    @property
    def root_uuid(self) -> str:
        """The submission's."""
        return self.signature.root_uuid


def _rows(facts: Facts) -> Iterator[_Row]:
    """The attendance rows in the order of `meaning.rows`."""
    config = facts.config
    table = meaning.rows(facts, "attendance").table
    when: dict[tuple[str, str], tuple[date | None, bool]] = {}
    begun: dict[tuple[str, str], str] = {}
    for form_id in config.forms_with_role("attendance"):
        raw = facts.tables.get(form_id)
        if raw is not None and len(raw):
            question = config.forms[form_id].fields.get("day", "")
            told = days.row_days(raw, facts.forms.get(form_id), question, config)
            roots = [meaning.text(root) for root in raw["root_uuid"].tolist()]
            dates = told.days.astype("datetime64[D]").tolist()  # None where nothing tells it
            when |= {
                (form_id, root): (day, own) for root, day, own in zip(roots, dates, told.own.tolist(), strict=True)
            }
            if config.forms[form_id].proof == "row":
                hours = days.begun_at(raw, facts.forms.get(form_id), config)
                begun |= {(form_id, root): hour for root, hour in zip(roots, hours, strict=True)}
    asks_session = {form_id: _asks_session(facts, form_id) for form_id in config.forms_with_role("attendance")}
    columns = (table[name].tolist() for name in ("form_id", "root_uuid", "signature", "present", "session"))
    for form_id, *cells in zip(*columns, strict=True):
        root, filename, answer, session = map(meaning.text, cells)
        disproved = disproof(config, config.forms[form_id], filename, answer)
        answered = config.forms[form_id].proof == "answer"
        signature = Signature(root, filename, answered, begun.get((form_id, root), ""))
        yield _Row(signature, disproved, session, *when.get((form_id, root), (None, False)), asks_session[form_id])


def disproof(config: Config, form: FormSettings, signature: str, answer: str) -> str:
    """Why a row of an attendance form proves nobody's presence (``unsigned``, ``absent``, ``unanswered``); empty where it does."""
    if form.proof == "signature":
        return "" if signature else "unsigned"
    if form.proof == "row" or answer in config.present_codes:
        return ""
    return "absent" if answer else "unanswered"


def walk_in_keys(facts: Facts) -> dict[str, str]:
    """Who an attendance row of a person not on the list is: root_uuid → the participant code where the name is that of one
    registered person, else a text that is the same for the same person in their zone, and may hold their name.
    """
    table = meaning.rows(facts, "attendance").table
    places = identified(facts).rows
    return {
        meaning.text(root): places[meaning.text(root)][1]
        for root, code in zip(table["root_uuid"], table["person"], strict=True)
        if meaning.text(code) in ("", facts.config.codes.not_listed)
    }


def proof_of(facts: Facts) -> Proof:
    """What proves presence in all attendance forms: the least of what one of them takes; whoever keeps the list says it where none is a signature."""
    proofs = {facts.config.forms[form_id].proof for form_id in facts.config.forms_with_role("attendance")}
    return "row" if "row" in proofs else "answer" if "answer" in proofs else "signature"


def is_signed(facts: Facts) -> bool:
    """Whether presence is a signature in every attendance form."""
    return proof_of(facts) == "signature"


def is_by_half_day(facts: Facts) -> bool:
    """Whether presence is of a half-day: every attendance form asks which one."""
    return all(_asks_session(facts, form_id) for form_id in facts.config.forms_with_role("attendance"))


@memo_of_lists
def are_half_days(facts: Facts) -> bool:
    """Whether the sessions are half-days: two a day; other numbers are called sessions."""
    config = facts.config
    days = range(1, max((len(zone.days) for zone in config.zones), default=0) + 1) or range(1, 2)
    return all(len(config.sessions_on(day)) == 2 for day in days)


def n_due(facts: Facts) -> int:
    """How many sessions (or days, where no session is asked) the zone of *facts*, or each of the mission's at most, has in all."""
    by_session = is_by_half_day(facts)
    of_one_day = len(facts.config.sessions_on(1)) if by_session else 0
    zones = zones_of(facts)
    return max((len(half_days.due(facts.config, zone, by_session=by_session)) for zone in zones), default=of_one_day)


def has_full_day(facts: Facts) -> bool:
    """Whether it can be said who was there from beginning to end: there are several sessions, or days, and the forms say who came."""
    return facts.config.has_role("attendance") and n_due(facts) > 1 and _says_who_came(facts)


def _says_who_came(facts: Facts) -> bool:
    """Whether every attendance form asks who somebody is: else each row is a person more, and nobody came twice."""
    config = facts.config
    return all(
        any(config.forms[form_id].fields.get(name) for name in _WHO) for form_id in config.forms_with_role("attendance")
    )


def whole(facts: Facts) -> Whole:
    """What somebody attends who is there from beginning to end: the day, all sessions of several days, or every day."""
    if not spans_days(facts):
        return "day"
    return "sessions" if is_by_half_day(facts) else "days"


def spans_days(facts: Facts) -> bool:
    """Whether the zone of *facts*, or one of the mission's, has several days."""
    return any(len(zone.days) > 1 for zone in zones_of(facts))


def asks(facts: Facts, trait: str) -> bool:
    """Whether the mission asks this of those who register or come; a group also must be one of the config's."""
    return facts.config.asks(trait, "registration", "attendance") and (trait != "group" or bool(facts.config.groups))


def group_codes(facts: Facts) -> tuple[str, ...]:
    """The groups by which persons are counted: the config's, where they are asked for theirs."""
    return tuple(group.code for group in facts.config.groups) if asks(facts, "group") else ()


def _asks_session(facts: Facts, form_id: str) -> bool:
    """Whether the form asks for the half-day."""
    return bool(facts.config.forms[form_id].fields.get("session") and facts.config.sessions)


def zones_of(facts: Facts) -> list[Zone]:
    """The zone of *facts*, or all zones of the mission."""
    return [facts.zone] if facts.zone else list(facts.config.zones)


def response_rate(n_answers: int, n_present: int) -> float | None:
    """Answers over persons present; None when nobody is present. It may exceed 1: say so rather than cap."""
    return n_answers / n_present if n_present else None


def _order(person: Person) -> tuple[str, bool, str, str, str]:
    family = meaning.sort_key(person.traits["family_name"])
    given_name = meaning.sort_key(person.traits["given_name"])
    return (person.zone, not person.registered, family or "\uffff", given_name, person.key)

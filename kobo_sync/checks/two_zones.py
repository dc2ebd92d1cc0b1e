"""A person who appears in two zones: by code, by phone, or by the same full name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.names import phone_key
from kobo_sync.analysis.persons import Person, Place, bearers_of, identified, keys_over_zones, likeness, registered
from kobo_sync.checks.duplicates import identities_by_zone
from kobo_sync.checks.sheet import Sheet, digest, registrations, sheets
from kobo_sync.checks.sheet import sheet as sheet_of
from kobo_sync.config.config import Role
from kobo_sync.model import Finding, Severity

CODE = "DATA005"
TITLE = "Person in two zones"
ALIKE = {
    ("code",): "same participant code",
    ("phone",): "same phone",
    ("name",): "same full name",
    ("phone", "name"): "same phone and same full name",
}
# What digests of evidence are made of: it never changes.
STORED = {"code": "même code de participant", "phone": "même téléphone", "name": "même nom complet"}
WITH_PERSON: tuple[Role, ...] = ("registration", "attendance", "test", "satisfaction", "needs", "other")


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row whose person was seen in another zone before."""
    homes: dict[str, tuple[str, Sheet, int]] = {}
    nobody = {"", facts.config.codes.not_listed}
    first_forms = {sheet.form_id: sheet for sheet in registrations(facts)}
    others = [form for form in facts.config.forms if form not in first_forms and _names_persons(facts, form)]
    for sheet in [*first_forms.values(), *filter(len, (sheet_of(facts, form) for form in others))]:
        codes = sheet.answers("person")
        for at, (code, zone) in enumerate(zip(codes, sheet.zones, strict=True)):
            if code in nobody or not zone or not sheet.consented[at]:
                continue
            home, first_sheet, first = homes.setdefault(code, (zone, sheet, at))
            if home != zone:
                yield _finding(sheet, at, ["code"], (first_sheet, first), home, "code")
    for sheet in registrations(facts):
        zones = identities_by_zone(facts, sheet.form_id).values()
        yield from _same_identity(sheet, {root: each for zone in zones for root, each in zone.full_names.items()})
    yield from _not_listed(facts)


def _not_listed(facts: Facts) -> Iterator[Finding]:
    """Persons on no list of their zone who bear the name of somebody of another: whether they count as one (`persons`) or as two."""
    known = identified(facts)
    bearers = bearers_of(registered(facts))
    walk_ins: dict[str, list[Person]] = {}
    for person in known.walk_ins:
        for name in person.names:
            walk_ins.setdefault(name, []).append(person)
    merged = keys_over_zones(known.walk_ins)
    told: set[Place] = set()
    nobody = {"", facts.config.codes.not_listed}
    for sheet in sheets(facts, "attendance"):
        for at, (root, code) in enumerate(zip(sheet.roots, sheet.answers("person"), strict=True)):
            place = known.rows.get(root)
            if place is None or place in told or code not in nobody:
                continue
            told.add(place)
            person = known.people[place]
            others = {p.key: p for name in person.names for p in (*bearers.of(name), *walk_ins.get(name, ()))}
            for other in others.values():
                is_earlier = other.home is not None or (other.zone, other.key) in told
                if other.zone != person.zone and is_earlier:
                    yield from _namesakes(sheet, at, person, other, merged)


def _namesakes(sheet: Sheet, at: int, person: Person, other: Person, merged: Mapping[str, str]) -> Iterator[Finding]:
    is_one = person.key == other.key or (person.key in merged and merged[person.key] == merged.get(other.key))
    if is_one and (person.home is not None or merged[person.key] != person.key):
        message = (
            f"on no list, recognised by name and answers: the same person as in the zone “{other.zone[:40]}”; "
            "they count once in the mission"
        )
        severity: Severity = "info"
    elif not is_one and person.home is None and likeness(person.traits, other.traits) == "unsure":
        message = (
            f"on no list, the same name as in the zone “{other.zone[:40]}”; "
            "they count twice in the mission: nothing tells that it is one person"
        )
        severity = "warning"
    else:
        return
    yield sheet.finding(
        at,
        CODE,
        severity,
        message,
        why="a person who came in two zones counts in each, and once in the mission",
        hint="check who they are; register them, or complete phone, sex and group of the submission on the server",
        subject=f"name {digest(other.key)}",
        evidence=[is_one, other.zone, person.zone],
    )


def _names_persons(facts: Facts, form_id: str) -> bool:
    settings = facts.config.forms[form_id]
    return settings.role in WITH_PERSON and bool(settings.fields.get("person"))


def _same_identity(sheet: Sheet, full_names: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Registrations of two zones with one phone, or one full name (of a row by its root uuid) letter by letter."""
    first: dict[tuple[str, str], int] = {}
    phones = sheet.answers("phone")
    for at, zone in enumerate(sheet.zones):
        if not zone or not sheet.consented[at]:
            continue
        reasons: dict[int, list[str]] = {}
        keys = [("phone", phone_key(phones[at]) if phones[at] else "")]
        keys += [("name", key) for key in full_names[sheet.roots[at]]]
        for reason, key in keys:
            if not key:
                continue
            earlier = first.setdefault((reason, key), at)
            if sheet.zones[earlier] != zone and reason not in reasons.get(earlier, []):
                reasons.setdefault(earlier, []).append(reason)
        for earlier, pair_reasons in reasons.items():
            home = sheet.zones[earlier]
            yield _finding(sheet, at, pair_reasons, (sheet, earlier), home, sheet.roots[earlier])


def _finding(sheet: Sheet, at: int, reasons: list[str], other: tuple[Sheet, int], home: str, subject: str) -> Finding:
    other_sheet, earlier = other
    zone = sheet.config.zone(home)
    where = f"submission {other_sheet.ids[earlier]}"
    if other_sheet.form_id != sheet.form_id:
        where = f"{other_sheet.form_id}, {where}"
    return sheet.finding(
        at,
        CODE,
        "info" if reasons == ["name"] else "warning",
        f"{ALIKE[tuple(reasons)]} in the zone “{zone.name if zone else home[:40]}” ({where})",
        why="a person trained in two zones counts in two quotas",
        hint="check zone and identity; correct the wrong submission on the server, or accept the finding",
        subject=subject,
        evidence=[" et ".join(STORED[reason] for reason in reasons), home, sheet.zones[at]],
        other=other,
    )

"""The same person registered twice: same phone, or names that are likely one person's in one zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_by_zone
from kobo_sync.analysis.names import is_likely_same, name_key, phone_key, sound_key
from kobo_sync.checks.sheet import Sheet, registrations
from kobo_sync.checks.sheet import sheet as sheet_of
from kobo_sync.lazy import np
from kobo_sync.model import Finding

CODE = "DATA002"
TITLE = "Duplicate person"
ALIKE = {
    ("phone",): "same phone",
    ("name",): "same name",
    ("near",): "very similar name",
    ("phone", "name"): "same phone and same name",
    ("phone", "near"): "same phone and very similar name",
}
# What digests of evidence are made of: it never changes.
STORED = {"phone": "même téléphone", "name": "même nom", "near": "nom très proche"}
MOST_SPELLINGS = 12  # that one name is compared with: keeps the time linear where thousands sound alike


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per registration that repeats an earlier one; it names submissions, never persons."""
    for sheet in registrations(facts):
        reasons: dict[tuple[int, int], list[str]] = {}
        for at, earlier in same_phone(sheet):
            reasons.setdefault((at, earlier), []).append("phone")
        for identities in identities_by_zone(facts, sheet.form_id).values():
            for root, other, exact in identities.alike:
                pair = (sheet.places[root], sheet.places[other])
                reasons.setdefault(pair, []).append("name" if exact else "near")
        for (at, earlier), pair_reasons in sorted(reasons.items()):
            yield _finding(sheet, at, earlier, pair_reasons)


@dataclass(frozen=True)
class Identities:
    """What the registrations of a zone say of who is who.

    *full_names*: the row's root uuid → its names of several words, made comparable; *alike*: a row, an earlier one that bears
    its name, and whether letter by letter.
    """

    full_names: Mapping[str, tuple[str, ...]]
    alike: tuple[tuple[str, str, bool], ...]


@memo_by_zone
def identities_by_zone(facts: Facts, form_id: str) -> Mapping[str, Identities]:
    """Who is who in the registrations of a form, by zone: names are compared within a zone alone."""
    sheet = sheet_of(facts, form_id)
    full_names: dict[str, dict[str, tuple[str, ...]]] = {zone: {} for zone in sheet.zones}
    alike: dict[str, list[tuple[str, str, bool]]] = {zone: [] for zone in sheet.zones}
    for root, zone, spellings in zip(sheet.roots, sheet.zones, names(sheet), strict=True):
        full_names[zone][root] = tuple(key for name in spellings if " " in (key := name_key(name)))
    for at, earlier, exact in same_name(sheet):
        alike[sheet.zones[at]].append((sheet.roots[at], sheet.roots[earlier], exact))
    return {zone: Identities(mine, tuple(alike[zone])) for zone, mine in full_names.items()}


def same_phone(sheet: Sheet) -> Iterator[tuple[int, int]]:
    """(place, place of the first row with the same phone), over all zones."""
    first: dict[str, int] = {}
    for at, phone in enumerate(sheet.answers("phone")):
        key = phone_key(phone) if phone else ""
        if key and sheet.consented[at] and first.setdefault(key, at) != at:
            yield at, first[key]


def names(sheet: Sheet) -> list[tuple[str, str]]:
    """(Latin, Arabic) full name of each row; empty where there is none."""
    latin = zip(sheet.answers("family_name"), sheet.answers("given_name"), strict=True)
    return [
        (" ".join(filter(None, parts)), arabic) for parts, arabic in zip(latin, sheet.answers("name_ar"), strict=True)
    ]


def same_name(sheet: Sheet) -> Iterator[tuple[int, int, bool]]:
    """(place, place of an earlier row of the zone that bears the name, whether letter by letter).

    Names are compared within blocks of one zone and one sound, so the time grows with the rows, not with
    their square.
    """
    first: dict[tuple[str, str], int] = {}
    blocks: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for at, spellings in enumerate(names(sheet)):
        if not sheet.consented[at]:
            continue
        zone = sheet.zones[at]
        last, near = -1, -1
        for name in filter(None, spellings):
            key = (zone, name_key(name))
            if not key[1]:
                continue
            if first.setdefault(key, at) != at:
                last = first[key]
                continue
            block = blocks.setdefault((zone, sound_key(name)), [])
            alike = (place for other, place in block if place != at and is_likely_same(name, other))
            near = next(alike, near)
            if len(block) < MOST_SPELLINGS:
                block.append((name, at))
        if last >= 0:
            yield at, last, True
        elif near >= 0:
            yield at, near, False


def _finding(sheet: Sheet, at: int, earlier: int, reasons: list[str]) -> Finding:
    days = sheet.days
    both_dated = not (np.isnat(days[at]) or np.isnat(days[earlier]))
    other_day = bool(both_dated and days[at] != days[earlier])
    same_day = ", on the same day" if both_dated and not other_day else ""
    return sheet.finding(
        at,
        CODE,
        "info" if reasons == ["near"] and other_day else "warning",
        f"{ALIKE[tuple(reasons)]} in submission {sheet.ids[earlier]}{same_day}: one person registered twice?",
        why="counted twice, the person distorts quota and attendance",
        hint="compare the two; delete one on the server, or mark a “false alarm” if they are two persons",
        subject=sheet.roots[earlier],
        evidence=[STORED[reason] for reason in reasons],
        other=(sheet, earlier),
    )

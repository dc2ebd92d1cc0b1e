"""Persons who were there at some of the half-days (sessions) only, once somebody of the zone was at the others."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.names import name_key
from kobo_sync.checks.duplicates import names
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.model import Finding

CODE = "DATA009"
TITLE = "One half-day only"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per person, on their first row; it waits until the other half-day was held. Where the zone has several days, over all of them."""
    config = facts.config
    sessions = {session.code: next(iter(session.label.values()), session.code) for session in config.sessions}
    of_days = {zone.code for zone in config.zones if len(zone.days) > 1}
    if len(sessions) < (1 if of_days else 2):
        return
    for sheet in sheets(facts, "attendance"):
        if not sheet.has("session"):
            continue
        held: dict[tuple[object, ...], set[tuple[str, str]]] = {}
        signed: dict[tuple[object, ...], dict[tuple[str, str], int]] = {}
        whose = persons(sheet)
        for at, session in enumerate(sheet.answers("session")):
            if session in sessions and sheet.consented[at] and sheet.proved[at]:
                zone, day = sheet.zones[at], str(sheet.days[at])
                place, occasion = ((zone,), (day, session)) if zone in of_days else ((zone, day), ("", session))
                held.setdefault(place, set()).add(occasion)
                if whose[at]:
                    signed.setdefault((*place, whose[at]), {}).setdefault(occasion, at)
        order = list(sessions)
        for (*where, _), signatures in signed.items():
            missing = sorted(held[tuple(where)] - signatures.keys(), key=lambda each: (each[0], order.index(each[1])))
            if missing:
                names = [f"{sessions[code]} {day}".strip() for day, code in missing]
                yield _finding(sheet, min(signatures.values()), names)


def persons(sheet: Sheet) -> list[str]:
    """Who each row is about: the participant code, else the name of a person not on the list; empty for nobody."""
    spelt = names(sheet)
    nobody = {"", sheet.config.codes.not_listed}
    return [
        code if code not in nobody else next((f"~{key}" for name in spelt[at] if (key := name_key(name))), "")
        for at, code in enumerate(sheet.answers("person"))
    ]


def _finding(sheet: Sheet, at: int, missing: list[str]) -> Finding:
    return sheet.finding(
        at,
        CODE,
        "info",
        f"this person did not sign: {', '.join(missing)}"
        if sheet.settings.proof == "signature"
        else f"this person was not there: {', '.join(missing)}",
        why="they count as present, but not for the whole day",
        hint="nothing to do if they left; else find the sheet and enter the half-day that is missing",
        evidence=missing,
    )

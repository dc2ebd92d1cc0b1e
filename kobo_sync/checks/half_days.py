"""Persons who signed some of the half-days only, once the others were signed by somebody in the zone."""

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
    """A finding per person, on the row that was signed; it waits until the other half-day was held."""
    sessions = {session.code: next(iter(session.label.values()), session.code) for session in facts.config.sessions}
    if len(sessions) < 2:
        return
    for sheet in sheets(facts, "attendance"):
        if not sheet.has("session"):
            continue
        sessions_by_day: dict[tuple[object, ...], set[str]] = {}
        signed: dict[tuple[object, ...], dict[str, int]] = {}
        whose = persons(sheet)
        for at, session in enumerate(sheet.answers("session")):
            if session in sessions and sheet.consented[at]:
                place = (sheet.zones[at], sheet.days[at])
                sessions_by_day.setdefault(place, set()).add(session)
                if whose[at]:
                    signed.setdefault((*place, whose[at]), {}).setdefault(session, at)
        for (zone, day, _), signatures in signed.items():
            missing = [code for code in sessions if code in sessions_by_day[zone, day] and code not in signatures]
            if missing:
                yield _finding(sheet, min(signatures.values()), [sessions[code] for code in missing])


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
        f"this person did not sign: {', '.join(missing)}",
        why="they count as present, but not for the whole day",
        hint="nothing to do if they left; else find the sheet and enter the half-day that is missing",
        evidence=missing,
    )

"""Tests that cannot be paired: before without after, after without before, or a code that nobody registered."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import Sheet, registrations, sheets
from kobo_sync.model import Finding

CODE = "DATA018"
TITLE = "Test without its counterpart"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per test; "after" is missed only in zones where an after-test was held."""
    codes = facts.config.codes
    registered = {code for sheet in registrations(facts) for code in sheet.answers("person") if code}
    for sheet in sheets(facts, "test"):
        if not (sheet.has("person") and sheet.has("moment")):
            continue
        persons, moments = sheet.answers("person"), sheet.answers("moment")
        tests = {(sheet.zones[at], moments[at], persons[at]) for at in range(len(sheet)) if sheet.consented[at]}
        moments_tested = {(zone, moment) for zone, moment, _ in tests}
        other = {codes.before: codes.after, codes.after: codes.before}
        for at, (person, moment) in enumerate(zip(persons, moments, strict=True)):
            zone = sheet.zones[at]
            if not sheet.consented[at]:
                continue
            if person in ("", codes.not_listed):
                yield _finding(sheet, at, "a test without a participant code: it cannot be paired")
            elif registered and person not in registered:
                yield _finding(sheet, at, "the test's code is that of no registration")
            elif (
                moment in other
                and (zone, other[moment], person) not in tests
                and (zone, other[moment]) in moments_tested
            ):
                message = (
                    "a test after without a test before"
                    if moment == codes.after
                    else "a test before without a test after"
                )
                yield _finding(sheet, at, message)


def _finding(sheet: Sheet, at: int, message: str) -> Finding:
    return sheet.finding(
        at,
        CODE,
        "info",
        message,
        why="only paired tests measure the change; this one is not among them",
        hint="check the code; correct the submission if the person took both tests",
        evidence=[message],
    )

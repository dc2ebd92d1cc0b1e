"""One person twice where once is due: the same half-day, the same test, the same participant code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.memo import memo_by_zone
from kobo_sync.checks.sheet import Sheet, sheets
from kobo_sync.checks.sheet import sheet as sheet_of
from kobo_sync.config.config import Role
from kobo_sync.model import Finding

CODE = "DATA006"
TITLE = "Same person twice for one half-day, test or code"
ONCE_PER: dict[Role, tuple[str, str]] = {  # role → the meaning that tells occasions apart, what it is called
    "registration": ("", "the same participant code"),
    "attendance": ("session", "the same person at the same half-day"),
    "test": ("moment", "the same person in the same round of the test"),
}


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per row that repeats an earlier one of the same person and occasion."""
    for role in ONCE_PER:
        for sheet in sheets(facts, role):
            yield from in_form(facts, sheet)


def in_form(facts: Facts, sheet: Sheet) -> Iterator[Finding]:
    """The findings of one form: a code is one over all zones, an occasion is one of its zone."""
    if sheet.settings.role == "registration":
        yield from _in_sheet(sheet)
    else:
        for findings in in_form_by_zone(facts, sheet.form_id).values():
            yield from findings


@memo_by_zone
def in_form_by_zone(facts: Facts, form_id: str) -> Mapping[str, tuple[Finding, ...]]:
    """The findings of a form that looks for nobody in two zones, by zone."""
    sheet = sheet_of(facts, form_id)
    zones: dict[str, list[Finding]] = {}
    for finding in _in_sheet(sheet):
        zones.setdefault(sheet.zones[sheet.places[finding.root_uuid]], []).append(finding)
    return {zone: tuple(findings) for zone, findings in zones.items()}


def _in_sheet(sheet: Sheet) -> Iterator[Finding]:
    role = sheet.settings.role
    occasion, called = ONCE_PER.get(role, ("", ""))
    if called and sheet.has("person") and (not occasion or sheet.has(occasion)):
        yield from _repeated(sheet, role, occasion, called)


def _repeated(sheet: Sheet, role: Role, occasion: str, called: str) -> Iterator[Finding]:
    nobody = {"", sheet.config.codes.not_listed}
    first: dict[tuple[object, ...], int] = {}
    occasions = sheet.answers(occasion)
    told = sheet.proved if role == "attendance" else sheet.consented
    for at, code in enumerate(sheet.answers("person")):
        if code in nobody or not sheet.consented[at] or not told[at] or (occasion and not occasions[at]):
            continue
        day = sheet.days[at] if role == "attendance" else ""
        zone = "" if role == "registration" else sheet.zones[at]
        earlier = first.setdefault((code, occasions[at], zone, day), at)
        if earlier != at:
            yield sheet.finding(
                at,
                CODE,
                "warning",
                f"{called} in submission {sheet.ids[earlier]}",
                why="only the first counts; if this is another person, they vanish from the lists",
                hint="compare the two; delete the repetition, or correct the code on the server",
                subject=sheet.roots[earlier],
                evidence=[code, occasions[at]],
                other=(sheet, earlier),
            )

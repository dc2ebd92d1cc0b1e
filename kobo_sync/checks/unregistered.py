"""Presence without registration: a code that no accepted registration has, or a person not on the list."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.persons import identified
from kobo_sync.checks.sheet import sheets
from kobo_sync.model import Finding

CODE = "DATA010"
TITLE = "Presence without registration"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per attendance row whose person is registered nowhere."""
    if not facts.config.forms_with_role("registration"):
        return
    known = identified(facts)
    for sheet in sheets(facts, "attendance"):
        if not sheet.has("person"):
            continue
        for at, code in enumerate(sheet.answers("person")):
            place = known.rows.get(sheet.roots[at])
            if not sheet.consented[at] or not sheet.proved[at] or place is None or known.people[place].home is not None:
                continue
            not_listed = code in ("", facts.config.codes.not_listed)
            yield sheet.finding(
                at,
                CODE,
                "info" if not_listed else "warning",
                "a person present who is on no list and not registered"
                if not_listed
                else "the participant's code is that of no accepted registration",
                why="the person is present, but the numbers by group lack what is known of them",
                hint="register them (with their consent), or correct the code on the server",
                evidence=[code],
            )

"""Presence without registration: a code that no accepted registration has, or a person not on the list."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.names import name_key
from kobo_sync.checks.duplicates import names
from kobo_sync.checks.sheet import registrations, sheets
from kobo_sync.model import Finding

CODE = "DATA010"
TITLE = "Presence without registration"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per attendance row whose person is registered nowhere."""
    registered = registrations(facts)
    if not registered and not facts.config.forms_with_role("registration"):
        return
    codes = {
        code for sheet in registered for at, code in enumerate(sheet.answers("person")) if code and sheet.consented[at]
    }
    spelt = {
        (sheet.zones[at], name_key(name))
        for sheet in registered
        for at, both in enumerate(names(sheet))
        for name in filter(None, both)
    }
    for sheet in sheets(facts, "attendance"):
        if not sheet.has("person"):
            continue
        walk_ins = names(sheet)
        for at, code in enumerate(sheet.answers("person")):
            if not sheet.consented[at] or code in codes:
                continue
            not_listed = code in ("", facts.config.codes.not_listed)
            if not_listed and any((sheet.zones[at], name_key(name)) in spelt for name in filter(None, walk_ins[at])):
                continue
            yield sheet.finding(
                at,
                CODE,
                "info" if not_listed else "warning",
                "personne présente hors liste, sans inscription"
                if not_listed
                else "le code du participant n’est celui d’aucune inscription acceptée",
                why="la personne est présente mais ses informations manquent aux effectifs par groupe",
                hint="l’inscrire (avec son accord), ou corriger le code sur le serveur",
                evidence=[code],
            )

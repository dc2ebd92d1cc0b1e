"""Presence without a signature question: whoever keeps the list says that the person was there."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.receipts import receipts_of
from kobo_sync.checks.sheet import Sheet, digest, sheets
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.model import Finding

CODE = "DATA026"
TITLE = "Presence declared without signature"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per attendance form that has rows, and whose config says nowhere what proves presence: then every row does."""
    for sheet in sheets(facts, "attendance"):
        yield from in_form(facts, sheet)


def in_form(facts: Facts, sheet: Sheet) -> Iterator[Finding]:
    """The finding of one form."""
    settings = sheet.settings
    if settings.role != "attendance" or settings.proof != "row" or settings.presence_by:
        return
    if n := sum(each.used for each in receipts_of(facts, sheet.form_id)):
        yield Finding(
            CODE,
            "warning",
            f"{MISSION_FILE}, forms.{sheet.form_id}.fields.signature",
            f"presence without a signature: declared ({n} record{'s' * (n > 1)} without a signature)",
            "name the question of the signature, or the one that says who is there (`present`); if the row itself is the proof, "
            f'write `presence_by = "row"` in forms.{sheet.form_id}, and attach the signed sheet',
            form_id=sheet.form_id,
            why="a donor asks for a signed list; here the enumerator alone attests who was present",
            evidence=digest("declared"),
        )

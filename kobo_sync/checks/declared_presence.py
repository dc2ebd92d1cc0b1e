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
    """A finding per attendance form that has rows and whose config names no signature question."""
    for sheet in sheets(facts, "attendance"):
        yield from in_form(facts, sheet)


def in_form(facts: Facts, sheet: Sheet) -> Iterator[Finding]:
    """The finding of one form."""
    settings = sheet.settings
    if settings.role != "attendance" or settings.fields.get("signature"):
        return
    if n := sum(each.used for each in receipts_of(facts, sheet.form_id)):
        yield Finding(
            CODE,
            "warning",
            f"{MISSION_FILE}, forms.{sheet.form_id}.fields.signature",
            f"présence sans signature : déclarée ({n} passage{'s' * (n > 1)} sans signature)",
            "nommer la question de la signature si le formulaire en a une ; sinon joindre la feuille signée, et accepter le constat",
            form_id=sheet.form_id,
            why="un bailleur demande une liste signée ; ici l’enquêteur atteste seul la présence",
            evidence=digest("declared"),
        )

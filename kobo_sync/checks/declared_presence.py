"""Presence without a signature question: whoever keeps the list says that the person was there."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.receipts import receipts
from kobo_sync.checks.sheet import digest
from kobo_sync.config.files import MISSION_FILE
from kobo_sync.model import Finding

CODE = "DATA026"
TITLE = "Presence declared without signature"


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per attendance form that has rows and whose config names no signature question."""
    used = {each.table: each.used for each in receipts(facts)}
    for form_id in facts.config.forms_with_role("attendance"):
        if used.get(form_id) and not facts.config.forms[form_id].fields.get("signature"):
            yield Finding(
                CODE,
                "warning",
                f"{MISSION_FILE}, forms.{form_id}.fields.signature",
                f"présence sans signature : déclarée ({used[form_id]} passages, aucun n’est signé)",
                "nommer la question de la signature si le formulaire en a une ; sinon joindre la feuille signée, et accepter le constat",
                form_id=form_id,
                why="un bailleur demande une liste signée ; ici l’enquêteur atteste seul la présence",
                evidence=digest("declared"),
            )

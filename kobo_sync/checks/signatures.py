"""Attendance without a signature, or whose signature has not arrived."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import sheets
from kobo_sync.model import Finding

CODE = "DATA007"
TITLE = "Signature missing"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """A finding per attendance row that names no signature, or one that is not here yet."""
    for sheet in sheets(facts, "attendance"):
        if not sheet.has("signature"):
            continue
        for at, name in enumerate(sheet.answers("signature")):
            if not sheet.consented[at]:
                continue
            if not name:
                yield sheet.finding(
                    at,
                    CODE,
                    "warning",
                    "la signature manque",
                    why="sans signature, la demi-journée ne compte pas comme présence",
                    hint="faire signer la personne et modifier la soumission, ou la supprimer",
                    evidence=["none"],
                )
            elif facts.file_digests is not None and (sheet.roots[at], name) not in facts.file_digests:
                yield sheet.finding(
                    at,
                    CODE,
                    "info",
                    "la signature est annoncée mais son fichier n’est pas encore reçu",
                    why="la liste d’émargement reste sans l’image",
                    hint="laisser le téléphone envoyer ses fichiers ; la synchronisation suivante la prendra",
                    evidence=["late"],
                )

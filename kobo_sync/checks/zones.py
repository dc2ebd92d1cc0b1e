"""Rows whose zone the config does not know: they reach no zone's deliverables."""

from __future__ import annotations

from collections.abc import Iterator

from kobo_sync.analysis.facts import Facts
from kobo_sync.checks.sheet import sheets
from kobo_sync.model import Finding

CODE = "DATA003"
TITLE = "Zone unknown to the config"
ALONE = True


def check(facts: Facts) -> Iterator[Finding]:
    """One finding per row, naming the submission and the unknown code."""
    codes = {zone.code for zone in facts.config.zones}
    for sheet in sheets(facts):
        if not sheet.has("zone"):
            continue
        for at, zone in enumerate(sheet.zones):
            if zone in codes:
                continue
            yield sheet.finding(
                at,
                CODE,
                "warning",
                f"la zone « {zone[:40]} » n’est pas dans config/zones.csv" if zone else "la zone manque",
                why="sans zone connue, la soumission n’entre dans les livrables d’aucune zone",
                hint="corriger la réponse sur le serveur, ou ajouter la zone à config/zones.csv",
                evidence=[zone],
            )

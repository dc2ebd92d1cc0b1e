"""What the pages show of each zone, kept until something that it rests on changes: those of a mission are made of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.overview import FormPart, collected, place
from kobo_sync.mission.facts import Marks, facts_of_zone
from kobo_sync.mission.inputs_hash import Inputs
from kobo_sync.mission.mission import Mission
from kobo_sync.model import ELSEWHERE, Zone


@dataclass(frozen=True)
class ZoneFigures:
    """*place*: a zone's line of the dashboard (empty for the rows of no zone); *forms*: its part of the collection, form by form."""

    place: dict[str, Any]
    forms: dict[str, FormPart]


def figures_of_zone(
    mission: Mission, whole: Facts, zone: Zone | None, marks: Marks, inputs: Inputs, own: Facts | None = None
) -> ZoneFigures:
    """The figures of *zone* (None: of the rows in no zone), read where they are kept; else worked out, and kept.

    *own* are the zone's facts where somebody has them. Raises: StoreError.
    """
    code = zone.code if zone else ELSEWHERE
    key = inputs.of_figures(zone, marks.zones[code], whole)
    kept = mission.workspace.cache.get(f"figures-{code}", key, ZoneFigures)
    if kept is not None:
        return kept
    facts = own or facts_of_zone(mission, whole, zone, marks)
    figures = ZoneFigures(place(facts) if zone else {}, collected(facts))
    mission.workspace.cache.put(f"figures-{code}", key, figures)
    return figures

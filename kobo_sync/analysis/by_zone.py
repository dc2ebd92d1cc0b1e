"""The mission's rows zone by zone: grouped once, however many zones there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from kobo_sync.model import Facts, Zone


def tables_by_zone(facts: Facts, zones: Sequence[Zone]) -> Iterator[dict[str, pd.DataFrame]]:
    """The tables of each of *zones* in turn: forms by their zone question, repeats by their submission."""
    places: dict[str, dict[str, npt.NDArray[np.intp]]] = {}
    owners: dict[str, str] = {}
    for form_id in facts.config.forms:
        column = facts.config.forms[form_id].fields.get("zone", "")
        table = facts.tables.get(form_id)
        if table is not None and column in table and "root_uuid" in table:
            owners |= dict(zip(table["root_uuid"], table[column], strict=True))
            places[form_id] = _places(table[column])
    for name, table in facts.tables.items():
        if name not in facts.config.forms and "root_uuid" in table:
            places[name] = _places(table["root_uuid"].map(owners))
    nothing = np.array([], dtype=np.intp)
    for zone in zones:
        yield {
            name: table.iloc[places.get(name, {}).get(zone.code, nothing)].reset_index(drop=True)
            for name, table in facts.tables.items()
        }


def zone_views(facts: Facts) -> dict[str, Facts]:
    """The facts of each zone of the mission, for what compares zones; date and fingerprint stay the mission's."""
    zones = facts.config.zones
    return {
        zone.code: replace(
            facts, zone=zone, tables=tables, counts={name: len(tables.get(name, ())) for name in facts.counts}
        )
        for zone, tables in zip(zones, tables_by_zone(facts, zones), strict=True)
    }


def _places(column: pd.Series) -> dict[str, npt.NDArray[np.intp]]:
    """Value → row numbers, in order."""
    return {str(code): np.asarray(rows) for code, rows in column.groupby(column, sort=False).indices.items()}

"""The mission's rows zone by zone: grouped once, cut out when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.persons import registered_in
from kobo_sync.analysis.row_zones import row_zones, says_zone
from kobo_sync.lazy import np, pd
from kobo_sync.model import Zone

if TYPE_CHECKING:
    import numpy.typing as npt

_Places: TypeAlias = "Mapping[str, npt.NDArray[np.intp]]"  # zone → row numbers, in order


class ZoneTables(Mapping[str, pd.DataFrame]):
    """The tables of one zone: forms by their zone question, repeats by their submission; each cut out when first asked for."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], places: Mapping[str, _Places], zone: str) -> None:
        self._tables, self._places, self._zone = tables, places, zone
        self._cut: dict[str, pd.DataFrame] = {}

    def rows(self, name: str) -> npt.NDArray[np.intp]:
        """The row numbers of the zone in the mission's table *name*."""
        return self._places.get(name, {}).get(self._zone, np.array([], dtype=np.intp))

    def roots(self, name: str) -> list[str]:
        """The root uuids of the zone's rows of table *name*."""
        table = self._tables[name]
        return [str(root) for root in table["root_uuid"].to_numpy()[self.rows(name)]] if "root_uuid" in table else []

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._cut:
            self._cut[name] = self._tables[name].iloc[self.rows(name)].reset_index(drop=True)
        return self._cut[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def tables_by_zone(facts: Facts, zones: Sequence[Zone]) -> Iterator[ZoneTables]:
    """The tables of each of *zones* in turn."""
    places: dict[str, _Places] = {}
    owners: dict[str, str] = {}
    for form_id in facts.config.forms:
        table = facts.tables.get(form_id)
        if table is not None and says_zone(facts, form_id) and "root_uuid" in table:
            said = row_zones(facts, form_id)
            owners |= dict(zip(table["root_uuid"], said, strict=True))
            places[form_id] = _places(said)
    for name, table in facts.tables.items():
        if name not in facts.config.forms and "root_uuid" in table:
            places[name] = _places(table["root_uuid"].map(owners))
    for zone in zones:
        yield ZoneTables(facts.tables, places, zone.code)


def zone_views(facts: Facts) -> dict[str, Facts]:
    """The facts of each zone of the mission, for what compares zones; date and fingerprint stay the mission's."""
    zones = facts.config.zones
    everybody = facts.registered or partial(registered_in, facts)
    return {
        zone.code: replace(
            facts,
            zone=zone,
            tables=tables,
            counts={name: len(tables.rows(name)) for name in facts.counts},
            registered=everybody,
        )
        for zone, tables in zip(zones, tables_by_zone(facts, zones), strict=True)
    }


def _places(column: pd.Series) -> _Places:
    return {str(code): np.asarray(rows) for code, rows in column.groupby(column, sort=False).indices.items()}

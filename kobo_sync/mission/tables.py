"""The mirror's flat tables as facts read them: each when it is first asked for."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from kobo_sync.analysis.memo import note
from kobo_sync.lazy import pd
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.zone_columns import answers_of
from kobo_sync.store.reading import EVERYWHERE, Where
from kobo_sync.store.tables.layout import FlatTable
from kobo_sync.store.zones import condition
from kobo_sync.workspace.result_cache import AnalysisCache, ResultCache, digest

_Cells = dict[str, list[Any]]
_HELD = 3  # tables of all rows: a form's, and its repeats'


class Tables(Mapping[str, "pd.DataFrame"]):
    """The flat tables of the mission, or of some of its *zones*; of *only* some questions, where they are given.

    *memory* is what earlier runs found in them, where that is known.
    """

    memory: AnalysisCache | None = None

    def __init__(self, mission: Mission, only: Container[str] | None, zones: Sequence[str] = ()) -> None:
        self._mission, self._store, self._only = mission, mission.store, only
        self._flat = {
            table.name: (table, form_id) for form_id, form in mission.forms.items() for table in mission.tables[form_id]
        }
        self._zones, self._all = zones, [each.code for each in mission.config.zones]
        self._tables: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        table, form_id = self._flat[name]
        note(form_id)
        if name not in self._tables:
            self._tables[name] = self._read(table, form_id)
        return self._tables[name]

    def _read(self, table: FlatTable, form_id: str) -> pd.DataFrame:
        where = self._where(form_id, self._zones) if self._zones else EVERYWHERE
        return self._store.read_table(table, only=self._only, where=where)

    def _where(self, form_id: str, zones: Sequence[str]) -> Where:
        column = self._mission.zone_columns[form_id]
        return condition(self._flat[form_id][0], column, zones, self._all, answers_of(self._mission, form_id))

    def __contains__(self, name: object) -> bool:
        return name in self._flat

    def __iter__(self) -> Iterator[str]:
        return iter(self._flat)

    def __len__(self) -> int:
        return len(self._flat)


class KeptTables(Tables):
    """Those of a whole mission, or of *zones*, whose cells are kept a few zones at a time: the database takes many times as long to give them.

    *pieces*: the zones of each, all of them together those of the tables, and per form the key of what their rows look like
    (empty: there are none). Those that were asked for last are held.
    """

    def __init__(
        self,
        mission: Mission,
        only: Container[str],
        cache: ResultCache,
        pieces: Sequence[tuple[Sequence[str], Mapping[str, str]]],
        zones: Sequence[str] = (),
    ) -> None:
        super().__init__(mission, only, zones)
        self._cache, self._pieces = cache, pieces

    def __getitem__(self, name: str) -> pd.DataFrame:
        frame = super().__getitem__(name)
        self._tables[name] = self._tables.pop(name)
        if len(self._tables) > _HELD:
            del self._tables[next(iter(self._tables))]
        return frame

    def _read(self, table: FlatTable, form_id: str) -> pd.DataFrame:
        texts: dict[Any, Any] = {}  # equal texts are held once
        numbers = {"submission_id", *(column.name for column in table.columns if column.kind != "text")}
        columns: _Cells = {}
        for zones, keys in self._pieces:
            if keys[form_id]:
                for name, cells in self._piece(table, form_id, zones, keys[form_id]).items():
                    mine = cells if name in numbers else map(texts.setdefault, cells, cells)
                    columns.setdefault(name, []).extend(mine)
        if not columns:
            return super()._read(table, form_id)
        place = columns["root_uuid" if table.repeat else "submission_id"]
        order = sorted(range(len(place)), key=place.__getitem__)
        for name, cells in columns.items():
            columns[name] = [cells[at] for at in order]
        return self._store.frame(table, columns)

    def _piece(self, table: FlatTable, form_id: str, zones: Sequence[str], key: str) -> _Cells:
        name = f"rows-{digest(table.name.encode())[:12]}-{zones[0]}"
        cells = self._cache.get(name, key, _Cells)
        if cells is None:
            cells = self._store.read_cells(table, only=self._only, where=self._where(form_id, zones))
            self._cache.put(name, key, cells)
        return cells

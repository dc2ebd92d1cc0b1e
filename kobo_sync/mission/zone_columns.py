"""Where each form's rows say their zone, and what they say there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kobo_sync.forms.zone_answers import zone_reader
from kobo_sync.store.zones import Answers, ZoneColumn, answers

if TYPE_CHECKING:
    from kobo_sync.mission.mission import Mission


def zone_columns(mission: Mission) -> dict[str, ZoneColumn | None]:
    """Per form the column of its own table, else of a repeat's; None where no table has it. Raises: StoreError, ConfigError, FormError."""
    lists = mission.workspace.lists(mission.config, mission.forms)
    columns: dict[str, ZoneColumn | None] = {}
    for form_id, tables in mission.tables.items():
        reader = zone_reader(mission.config, form_id, mission.forms[form_id], lists)
        named = ((table, column) for table in tables for column in table.columns if column.question == reader.question)
        code = None if reader.is_plain else reader.code
        columns[form_id] = next((ZoneColumn(table, column.name, code) for table, column in named), None)
    return columns


def answers_of(mission: Mission, form_id: str) -> Answers | None:
    """The answers that mean each zone, as the rows had them when the mission's marks were gathered; None where they are the zones' codes.

    Raises: StoreError.
    """
    column = mission.zone_columns[form_id]
    if column is None or column.code is None:
        return None
    if form_id not in mission.zone_answers:
        mission.zone_answers[form_id] = answers(mission.store, form_id, column)
    return mission.zone_answers[form_id]

"""The classes of the mission's questions (`forms.classes`), with the lists that its folders hold; names that do not exist refused."""

from __future__ import annotations

from kobo_sync.config.config import Config
from kobo_sync.forms.chosen import chosen_questions
from kobo_sync.forms.classes import Asked, check_names, check_questions, classes, lists_of
from kobo_sync.mission.mission import Mission


def classes_of_mission(mission: Mission) -> dict[str, dict[str, Asked]]:
    """form_id → path → class. Raises: FormError, ConfigError."""
    lists = mission.workspace.lists(mission.config, mission.forms)
    columns = {file: {name for choice in choices for name in choice.extra} for file, choices in lists.items()}
    known = lists_of(mission.forms.values(), columns)
    return {form_id: classes(form, mission.config, known) for form_id, form in mission.forms.items()}


def check(mission: Mission) -> None:
    """Refuse settings that name a question which no form asks, and of which the mirror holds nothing, or that no sheet can show.

    Raises: ConfigError, StoreError.
    """
    check_names(mission.config, mission.forms, _retired(mission))
    if mission.config.zone_sheet.questions:
        chosen_questions(mission.config, mission.forms, classes_of_mission(mission))


def check_retention(mission: Mission, config: Config) -> None:
    """Refuse `check`'s questions of a *config* that the mission is to have, where it names some to be erased. Raises: ConfigError, StoreError."""
    if config.retention and config.retention.personal:
        check_questions(config, mission.forms, _retired(mission))


def _retired(mission: Mission) -> dict[str, set[str]]:
    """form_id → names of the columns that the mirror holds, those of earlier versions too."""
    return {
        form_id: {name for table in tables for column in table.columns for name in (column.name, column.question)}
        for form_id, tables in mission.tables.items()
    }

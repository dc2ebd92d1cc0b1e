"""A person erased at this workspace's own field station: their rows, relayed or waiting, the list that phones show, and the room's mirror."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from contextlib import closing

from kobo_sync.mission.mission import Mission
from kobo_sync.mission.question_classes import classes_of_mission
from kobo_sync.rows.instance import Malformed, TooMuch, local, read_instance
from kobo_sync.station.erasure import Change, StationRow, change_lists, change_texts, erase_rows, rows_of
from kobo_sync.station.outbox import Outbox
from kobo_sync.steps.personal.holdings import Holdings, Masks, person_questions
from kobo_sync.workspace.folders import ROOM


def at_station(mission: Mission, held: Holdings) -> set[int]:
    """The numbers of the station's rows that are theirs: those that the mirror has as theirs, and those with their code. Raises: StoreError."""
    if not mission.workspace.station_database.is_file():
        return set()
    with closing(Outbox(mission.workspace.station_database, mission.server_id)) as outbox:
        return _theirs(mission, held, outbox)


def erase_at_station(mission: Mission, held: Holdings, masks: Masks) -> tuple[int, int]:
    """Erase their rows there, whether they were relayed or wait, and take them out of the rows of others and the phones' list.

    Returns: how many rows went, and how many of others named them. Raises: Busy while a relay is at work; StoreError.
    """
    workspace = mission.workspace
    if not workspace.station_database.is_file():
        return 0, 0
    at_work = "a relay is at work: it reads the rows of the field station"
    with (
        workspace.exclusive("relay.lock", at_work),
        closing(Outbox(workspace.station_database, mission.server_id)) as outbox,
    ):
        theirs, form_ids = _theirs(mission, held, outbox), outbox.form_ids()
        changes = {uid: _change(mission, form_id, masks) for uid, form_id in form_ids.items()}
        others = {
            row.number: changes[row.asset]
            for row in rows_of(outbox.database)
            if row.number not in theirs and row.asset in changes and _names(row, changes[row.asset])
        }
        erase_rows(outbox.database, theirs, mission.clock())
        for number, change in others.items():
            change_texts(outbox.database, number, change)
        if mission.config.roster:
            change_lists(outbox.database, mission.config.roster.file, lambda content: _without(content, held.code))
        outbox.shrink()
    forget_room(mission)
    return len(theirs), len(others)


def forget_room(mission: Mission) -> None:
    """Remove the room's mirror: the station's next look makes it again of what lies there still."""
    shutil.rmtree(mission.workspace.state / ROOM, ignore_errors=True)


def _theirs(mission: Mission, held: Holdings, outbox: Outbox) -> set[int]:
    keys = {form_id: person_questions(mission, form) for form_id, form in mission.forms.items()}
    form_ids = outbox.form_ids()
    return {
        row.number
        for row in rows_of(outbox.database)
        if row.root_uuid in held.root_uuids or _has_code(row, held.code, keys.get(form_ids.get(row.asset, ""), ()))
    }


def _has_code(row: StationRow, code: str, keys: Collection[str]) -> bool:
    """Whether the newest version says that it is theirs."""
    return any(name in keys and text == code for name, text in _answers(row.versions[0]))


def _change(mission: Mission, form_id: str, masks: Masks) -> Change:
    """What is kept of an answer of others: as of the rows of the mirror (`change_of`)."""
    if form_id not in mission.forms:
        return lambda _name, text: text
    classes = classes_of_mission(mission)[form_id].values()
    naming = {each.name for each in classes if each.privacy == "nominative"}
    asked = {question.name for question in mission.forms[form_id].questions}

    def change(name: str, text: str) -> str:
        if name not in asked:  # ids and versions
            return text
        return masks.of_others(text) if name in naming else masks(text)

    return change


def _names(row: StationRow, change: Change) -> bool:
    return any(change(name, text) != text for version in row.versions for name, text in _answers(version))


def _answers(xml: bytes) -> list[tuple[str, str]]:
    """Question → answer, each leaf of the instance."""
    try:
        root = read_instance(xml).root
    except (Malformed, TooMuch):
        return [("", xml.decode("utf-8", "replace"))]
    return [(local(each.tag), each.text.strip()) for each in root.iter() if len(each) == 0 and each.text]


def _without(content: bytes, code: str) -> bytes:
    """The list of participants without one; other lists, and lists without them, as they are."""
    lines = content.decode("utf-8-sig", "replace").splitlines(keepends=True)  # a row each: labels are of one line
    told = re.compile(rf"(?<![\w-]){re.escape(code)}(?![\w-])")
    kept = [line for at, line in enumerate(lines) if at == 0 or not told.search(line)]
    return content if len(kept) == len(lines) else "".join(kept).encode()

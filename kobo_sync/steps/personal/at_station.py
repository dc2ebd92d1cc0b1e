"""A person erased at this workspace's own field station: their rows, relayed or waiting, the list that phones show, and the room's mirror."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from contextlib import closing

from kobo_sync.mission.mission import Mission
from kobo_sync.rows.instance import Malformed, TooMuch, local, read_instance
from kobo_sync.station.erasure import StationRow, change_lists, erase_rows, rows_of
from kobo_sync.station.outbox import Outbox
from kobo_sync.steps.personal.holdings import Holdings, Masks, person_questions
from kobo_sync.store.erased_rows import newest
from kobo_sync.workspace.folders import ROOM


def at_station(mission: Mission, held: Holdings) -> set[int]:
    """The numbers of the station's rows that are theirs: those that the mirror has as theirs, and those with their code. Raises: StoreError."""
    if not mission.workspace.station_database.is_file():
        return set()
    with closing(Outbox(mission.workspace.station_database, mission.server_id)) as outbox:
        return _theirs(mission, held, outbox)


def erase_at_station(mission: Mission, held: Holdings, masks: Masks) -> tuple[int, int]:
    """Erase their rows there, whether they were relayed or wait, and rows of others that name them and lie in the mirror by now.

    Returns: how many rows went, and how many of others, which name them, have to stay because no server has them yet.
    Raises: Busy while a relay is at work; StoreError.
    """
    workspace = mission.workspace
    if not workspace.station_database.is_file():
        return 0, 0
    at_work = "a relay is at work: it reads the rows of the field station"
    with (
        workspace.exclusive("relay.lock", at_work),
        closing(Outbox(workspace.station_database, mission.server_id)) as outbox,
    ):
        theirs = _theirs(mission, held, outbox)
        pulled = _pulled(mission)
        n_left = 0
        for row in rows_of(outbox.database):
            if row.number in theirs or not _names(row, masks):
                continue
            if row.is_relayed and row.root_uuid in pulled:
                theirs.add(row.number)
            else:
                n_left += 1
        erase_rows(outbox.database, theirs, mission.clock())
        if mission.config.roster:
            change_lists(outbox.database, mission.config.roster.file, lambda content: _without(content, held.code))
        outbox.shrink()
    forget_room(mission)
    return len(theirs), n_left


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


def _names(row: StationRow, masks: Masks) -> bool:
    return any(masks(text) != text for version in row.versions for _, text in _answers(version))


def _answers(xml: bytes) -> list[tuple[str, str]]:
    """Question → answer, each leaf of the instance."""
    try:
        root = read_instance(xml).root
    except (Malformed, TooMuch):
        return [("", xml.decode("utf-8", "replace"))]
    return [(local(each.tag), each.text.strip()) for each in root.iter() if len(each) == 0 and each.text]


def _pulled(mission: Mission) -> set[str]:
    with mission.store.read() as connection:
        return {root for form_id in mission.forms for root, _raw in newest(connection, form_id)}


def _without(content: bytes, code: str) -> bytes:
    """The list of participants without one; other lists, and lists without them, as they are."""
    lines = content.decode("utf-8-sig", "replace").splitlines(keepends=True)  # a row each: labels are of one line
    told = re.compile(rf"(?<![\w-]){re.escape(code)}(?![\w-])")
    kept = [line for at, line in enumerate(lines) if at == 0 or not told.search(line)]
    return content if len(kept) == len(lines) else "".join(kept).encode()

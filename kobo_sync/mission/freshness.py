"""How fresh this machine's mirror is: several machines may share the desk, and each have a mirror of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kobo_sync.desk.runs import COLLECTING, last_success
from kobo_sync.mission.mission import Mission
from kobo_sync.store.form_status import ReadingMark, reading_marks

CHECKED = "checked-mirror"  # the snapshot of the desk that says which mirror its worklist was made from
CLOCKS = timedelta(minutes=10)  # two machines' clocks may differ by so much


def has_own_mirror(mission: Mission) -> bool:
    """Whether the desk is shared with machines that have mirrors of their own."""
    shared = mission.shared_databases
    return "desk" in shared and "mirror" not in shared


def last_collected(mission: Mission, jobs: Sequence[str] = COLLECTING) -> datetime | None:
    """When this machine's mirror was last brought up to date, or None; another's success says nothing of it. Raises: StoreError."""
    if not has_own_mirror(mission):
        return last_success(mission.desk, jobs)
    moments = [
        mark.pulled_at for form_id, mark in reading_marks(mission.store).items() if form_id in mission.config.forms
    ]
    return min((moment for moment in moments if moment), default=None) if all(moments) else None


def forms_behind(mission: Mission) -> list[str]:
    """The forms of which the worklist was made from a newer reading than this mirror's, sorted. Raises: StoreError."""
    if not has_own_mirror(mission):
        return []
    row = mission.desk.snapshot(CHECKED)
    own = reading_marks(mission.store)
    return sorted(form_id for form_id, mark in (row[0] if row else {}).items() if _is_behind(own.get(form_id), mark))


def note_checked(mission: Mission) -> None:
    """Remember what the worklist was made from. Raises: StoreError."""
    if has_own_mirror(mission):
        marks: Mapping[str, Any] = {
            form_id: [*mark.content, mark.read_at.isoformat()]
            for form_id, mark in reading_marks(mission.store).items()
            if mark.read_at
        }
        mission.desk.put_snapshot(CHECKED, json.loads(json.dumps(marks)), "", mission.clock())


def _is_behind(own: ReadingMark | None, checked: Sequence[Any]) -> bool:
    if own is None or own.read_at is None:
        return True
    return list(own.content) != list(checked[:-1]) and own.read_at + CLOCKS < datetime.fromisoformat(checked[-1])

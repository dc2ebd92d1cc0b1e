"""As which form of the mission a project is taken: a server of projects lets two share an id, or have one that is no key."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import count

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.errors import FormError
from kobo_sync.forms.guessing import folded
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, Form

_FORM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST = 60  # of one that is made: a number still fits behind it


def id_in_mission(mission: Mission, uids: Mapping[str, str], asset: Asset, form: Form, taken: Collection[str]) -> str:
    """The id of *form*, the form of the project *asset*, in the mission: neither one of its forms nor one of *taken*.

    *uids*: form_id → asset uid of the projects that the mission knows. Where a server calls a form by its own id, that is the one.
    Raises: FormError when the mission has the project already, or has a form of that id whose project nobody knows.
    """
    has_own_id, here = mission.features.forms_have_own_ids, {*mission.config.forms, *taken}
    same = next((form_id for form_id, uid in uids.items() if uid == asset.asset_uid), form.form_id)
    if has_own_id and not _FORM_ID.fullmatch(form.form_id):
        raise FormError(
            f"the form id {form.form_id!r} cannot be a key of the settings",
            form=asset.name,
            hint="give the form an id of a-z, 0-9, _ and - on the server (settings sheet, form_id), then adopt it",
        )
    is_project = uids.get(same, asset.asset_uid) == asset.asset_uid
    if (has_own_id and form.form_id in here) or (is_project and same in mission.config.forms):
        raise FormError(
            f"the mission has a form {same!r} already",
            form=asset.name,
            hint="if it is the same, nothing is to be done: `kobo-sync pull` reads it; else take that form out of the mission first"
            if has_own_id or same in uids
            else f"if it is the same, name its project in [server.assets] of {MISSION_FILE}; else take that form out first",
        )
    if has_own_id:
        return form.form_id
    stem = form.form_id if _FORM_ID.fullmatch(form.form_id) else as_key(form.form_id) or asset.asset_uid
    numbered = (stem if n == 1 else f"{stem[:_LONGEST]}_{n}" for n in count(1))
    return next(form_id for form_id in numbered if form_id not in here)


def as_key(text: str) -> str:
    """*text* as a key of the settings can be; empty when nothing of it can."""
    return folded(text)[:_LONGEST].encode("ascii", "ignore").decode().strip("_")

"""What the server's refusals mean, and what to do about each."""

from __future__ import annotations

from kobo_sync.model import Finding
from kobo_sync.station.outbox import Record

REFUSAL, UNPAIRED, AWAY, UNBALANCED, LOST = (f"RELAY{n:03}" for n in range(1, 6))
_AGAIN = "then run: kobo-sync relay --again"


def _refusals(server: str) -> dict[int, tuple[str, str]]:
    """Status → what it means on a server of that name, and what to do."""
    return {
        400: (
            f"{server} cannot read it (400)",
            "the station keeps it: enter its answers anew on a phone, then delete it there",
        ),
        402: (
            "the project's owner has used up what the plan allows (402)",
            f"let the owner make room or take a larger plan, {_AGAIN}",
        ),
        403: (
            "this account may not submit it (403)",
            f"let the owner give it the rights to add and, for corrections, to change submissions, {_AGAIN}",
        ),
        404: (
            f"{server} has no such form (404)",
            "pair the station again (kobo-sync station pair), then run: kobo-sync relay --readdress, with the form's name",
        ),
        405: ("the project is archived and takes nothing (405)", f"let the owner activate it, {_AGAIN}"),
        409: (
            f"{server} has another submission, or another file, under its name (409)",
            f"compare both; delete the one that is wrong, there or on the station, {_AGAIN}",
        ),
        410: (
            f"somebody has corrected it on {server} in the meantime (410)",
            "compare both; correct it there by hand, then delete it on the station",
        ),
        413: (f"it is larger than {server} lets in (413)", f"have its administrator raise the limit, {_AGAIN}"),
    }


def _by_code(server: str) -> dict[str, tuple[str, str]]:
    """The server's own code → what it means on a server of that name, and what to do: where its status says several things."""
    return {
        "409.2": (
            "the form is closed and takes nothing (409.2)",
            f"let a manager of the project open it there (the form's settings, state: open), {_AGAIN}",
        ),
        "409.9": _refusals(server)[410],
        "409.18": (
            f"it was deleted on {server} (409.18)",
            f"restore it there (the form's submissions, deleted ones), {_AGAIN}; if that was right, delete it on the station too",
        ),
        "trash": (
            f"the form was deleted on {server}: it lies in the trash (404)",
            f"restore it there (Project → Forms → trash), within 30 days, {_AGAIN}",
        ),
    }


def _original_gone(server: str) -> tuple[str, str]:
    return (
        f"what it corrects is not on {server}: it was deleted there (404)",
        "if that was right, delete it on the station too; else enter it anew on a phone",
    )


def refusal(record: Record, form_id: str, n_edits: int, server: str) -> Finding:
    """A refused record, with the words of the *server* of that name and what waits for it."""
    status = record.status or 0
    what, cure = _refusals(server).get(status, (f"{server} refuses it ({status})", f"do what it says, {_AGAIN}"))
    what, cure = _by_code(server).get(record.code, (what, cure))
    if status == 404 and record.kind != "new" and "deprecatedID" in record.message:
        what, cure = _original_gone(server)
    message = f"{what}: {record.message}" if record.message else what
    if n_edits:
        message += f"; {n_edits} corrections of it wait with it"
    return Finding(
        REFUSAL, "error", f"{form_id}, {record.uuid}", message, cure, form_id=form_id, root_uuid=record.root_uuid
    )


def unpaired(form_id: str, n: int, server: str, *, is_paired: bool) -> Finding:
    """Records of a form that is not the mission's on the *server* of that name: the station's own, or of a project before this one."""
    message = f"{n} submissions were filled before the station was paired: {server} does not know their form"
    if is_paired:
        message = f"{n} submissions were filled with a form of before the pairing: its project is another on {server}"
    cure = f"run: kobo-sync relay --readdress {form_id}"
    if not is_paired:
        cure = f"run: kobo-sync station pair; then: kobo-sync relay --readdress {form_id}"
    return Finding(UNPAIRED, "error", form_id, message, cure, form_id=form_id)


def of_another_project(form_id: str, n: int, there: str, here: str) -> Finding:
    """Records of a form that the station has from *there*, and the settings name *here*; *there* is empty where nobody noted it."""
    message = f"{n} submissions are kept: the station is paired with {there}, and the settings name {here}"
    cure = (
        "put server.project right in config/mission.toml; if the mission has moved there, run: kobo-sync station pair"
    )
    if not there:
        message = f"{n} submissions are kept: an older program paired the station, and did not note with which project"
        cure = f"if {here} is the mission's, run: kobo-sync station pair"
    return Finding(UNPAIRED, "error", form_id, message, cure, form_id=form_id)


def not_there(form_id: str, n: int, server: str) -> Finding:
    """Rows that were relayed to a form of the *server* of that name, which does not have them any more, or never had."""
    return Finding(
        LOST,
        "error",
        form_id,
        f"{n} submissions count as relayed, and {server} does not have them: they are kept here",
        "have them restored there; if they were deleted on purpose, delete them on the station too;"
        " else read them from the station (server.kf is its address), and back them up",
        form_id=form_id,
    )


def relayed_elsewhere(form_id: str, n: int, there: str, here: str) -> Finding:
    """Rows that were relayed to the project *there*, which is not asked while the settings name *here*."""
    return Finding(
        LOST,
        "error",
        form_id,
        f"{n} submissions were relayed to {there}, and the settings name {here}: they are kept here",
        "run it with the settings of that project: what it has is erased then",
        form_id=form_id,
    )


def lost(form_id: str, uid: str, n: int, server: str) -> Finding:
    """Rows that were relayed to a project that the *server* of that name has no more: the station's are the last."""
    return Finding(
        LOST,
        "error",
        form_id,
        f"{n} submissions were relayed to {uid}, which {server} does not have any more: they are kept here",
        "have the owner restore the project; or read them from the station (server.kf is its address), and back them up",
        form_id=form_id,
    )

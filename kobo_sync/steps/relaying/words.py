"""What the server's refusals mean, and what to do about each."""

from __future__ import annotations

from kobo_sync.model import Finding
from kobo_sync.station.outbox import Record

REFUSAL, UNPAIRED, AWAY, UNBALANCED, LOST = (f"RELAY{n:03}" for n in range(1, 6))
_AGAIN = "then run: kobo-sync relay --again"
_REFUSALS = {
    400: (
        "KoboToolbox cannot read it (400)",
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
        "KoboToolbox has no such form (404)",
        "pair the station again (kobo-sync station pair), then run: kobo-sync relay --readdress, with the form's name",
    ),
    405: ("the project is archived and takes nothing (405)", f"let the owner activate it, {_AGAIN}"),
    409: (
        "KoboToolbox has another submission, or another file, under its name (409)",
        f"compare both; delete the one that is wrong, there or on the station, {_AGAIN}",
    ),
    410: (
        "somebody has corrected it on KoboToolbox in the meantime (410)",
        "compare both; correct it there by hand, then delete it on the station",
    ),
    413: ("it is larger than KoboToolbox lets in (413)", f"have its administrator raise the limit, {_AGAIN}"),
}
_ORIGINAL_GONE = (
    "what it corrects is not on KoboToolbox: it was deleted there (404)",
    "if that was right, delete it on the station too; else enter it anew on a phone",
)


def refusal(record: Record, form_id: str, n_edits: int) -> Finding:
    """A refused record, with the server's own words and what waits for it."""
    status = record.status or 0
    what, cure = _REFUSALS.get(status, (f"KoboToolbox refuses it ({status})", f"do what it says, {_AGAIN}"))
    if status == 404 and record.kind != "new" and "deprecatedID" in record.message:
        what, cure = _ORIGINAL_GONE
    message = f"{what}: {record.message}" if record.message else what
    if n_edits:
        message += f"; {n_edits} corrections of it wait with it"
    return Finding(
        REFUSAL, "error", f"{form_id}, {record.uuid}", message, cure, form_id=form_id, root_uuid=record.root_uuid
    )


def unpaired(form_id: str, n: int, *, is_paired: bool) -> Finding:
    """Records of a form that is not the mission's on KoboToolbox: the station's own, or of a project before this one."""
    message = f"{n} submissions were filled before the station was paired: KoboToolbox does not know their form"
    if is_paired:
        message = (
            f"{n} submissions were filled with a form of before the pairing: its project is another on KoboToolbox"
        )
    cure = f"run: kobo-sync relay --readdress {form_id}"
    if not is_paired:
        cure = f"run: kobo-sync station pair; then: kobo-sync relay --readdress {form_id}"
    return Finding(UNPAIRED, "error", form_id, message, cure, form_id=form_id)


def lost(form_id: str, uid: str, n: int) -> Finding:
    """Rows that were relayed to a project that KoboToolbox has no more: the station's are the last."""
    return Finding(
        LOST,
        "error",
        form_id,
        f"{n} submissions were relayed to {uid}, which KoboToolbox does not have any more: they are kept here",
        "have the owner restore the project; or read them from the station (server.kf is its address), and back them up",
        form_id=form_id,
    )

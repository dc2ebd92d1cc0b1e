"""Whether the list of participants that this machine makes may replace the one that phones have."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from kobo_sync.errors import KoboError
from kobo_sync.form_server import FormServer
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding
from kobo_sync.steps.form_faults import is_of_one_form
from kobo_sync.store.reconcile import n_unlike

BEHIND, SHRINKS = "DEPLOY010", "DEPLOY011"
FEW = 5  # so few people may leave the list without a word of consent, whatever their share
FRESH = timedelta(minutes=15)  # a mirror pulled within it may lack those who register meanwhile


@dataclass(frozen=True)
class Verdict:
    """Whether the new list may go, and what is to be told of it."""

    may_go: bool
    finding: Finding | None = None


def judge(
    mission: Mission, client: FormServer, form_id: str, assets: Mapping[str, str], despite: Collection[str]
) -> Verdict:
    """Compare the list made here with that of the project of *form_id*; both differ. *assets*: form_id → asset uid.

    A list made from a mirror that lacks registrations never replaces one that has them; one that loses people for good
    says so, and many only when *despite* names `SHRINKS`. Raises: KoboError.
    """
    roster = mission.config.roster
    assert roster is not None
    published = _codes_on_phones(client, assets[form_id], roster.file)
    return judge_codes(mission, client, form_id, published, assets.get(roster.form, ""), despite)


def judge_codes(
    mission: Mission,
    client: FormServer,
    form_id: str,
    published: set[str] | None,
    registrations: str,
    despite: Collection[str],
) -> Verdict:
    """The same of the codes that phones have (*published*, None when they cannot be had); *registrations* is their form's asset uid."""
    roster = mission.config.roster
    assert roster is not None
    codes = {row["name"] for row in mission.participants().rows}
    lost = published - codes if published is not None else set()
    behind = _behind(mission, client, roster.form, registrations, is_losing=bool(lost))
    if behind and (lost or published is None or not _is_fresh(mission, roster.form)):
        told = f"; {len(lost)} of the {len(published)} people on it are not here" if lost and published else ""
        return Verdict(
            False,
            Finding(
                BEHIND,
                "warning",
                form_id,
                f"the list of participants stays as phones have it: {behind}{told}",
                "run `kobo-sync pull`, then `kobo-sync roster`",
                form_id=form_id,
            ),
        )
    if not lost or published is None:
        return Verdict(True)
    is_much = len(lost) > max(FEW, int(len(published) * mission.config.pull.max_gone_share))
    may_go = not is_much or SHRINKS in despite
    message = f"{len(lost)} of the {len(published)} people on the list that phones have are on the new one no longer"
    cure = "look whether their registrations were deleted on purpose"
    more = "" if may_go else f"; the list stays as it is until `kobo-sync deploy --despite {SHRINKS}`"
    severity = "warning" if may_go else "error"
    return Verdict(may_go, Finding(SHRINKS, severity, form_id, message + more, cure, form_id=form_id))  # type: ignore[arg-type]


def _codes_on_phones(client: FormServer, asset_uid: str, file: str) -> set[str] | None:
    """The codes of the list that phones download now; None when it cannot be had."""
    try:
        content = client.phone_file(asset_uid, file)
    except KoboError:
        return None
    if content is None:
        return None
    return {
        row.get("code") or row.get("name") or ""
        for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace")))
    } - {""}


def _behind(mission: Mission, client: FormServer, form_id: str, asset_uid: str, *, is_losing: bool) -> str:
    """What the mirror lacks of the registrations; empty when it holds all, or there are none on the server.

    A form that is not seen there, in the trash perhaps, tells of none: *is_losing* a list that has people by other means.
    """
    (holding,) = mission.store.holdings([form_id])
    if not asset_uid:
        is_unknown = is_losing and holding.reconciled_at is None
        return "the registrations are not seen on the server, and were never pulled here" if is_unknown else ""
    try:
        listed = [row for page in client.light_pages(asset_uid) for row in page]
    except KoboError as error:
        if not is_of_one_form(error, client):
            raise
        return "the registrations on the server cannot be read"
    if listed and holding.reconciled_at is None:
        return f"the {len(listed)} registrations on the server were never pulled here completely"
    here = holding.n_live + holding.n_quarantined
    if len(listed) > here:
        return f"the server lists {len(listed)} registrations, {here} are here"
    # As many rows are not the same rows: an edit, or a deletion and a new person, make a list that is behind.
    n = n_unlike(mission.store, form_id, listed)
    return f"{n} registrations are not here as the server has them" if n else ""


def _is_fresh(mission: Mission, form_id: str) -> bool:
    (holding,) = mission.store.holdings([form_id])
    return (
        holding.reconciled_at is not None
        and holding.pulled_at is not None
        and mission.clock() - holding.pulled_at < FRESH
    )

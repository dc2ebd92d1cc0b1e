"""The phones that may submit, on a server that knows each by itself: listed, and revoked when one is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kobo_sync.config.files import MISSION_FILE
from kobo_sync.desk import journal
from kobo_sync.errors import ConfigError
from kobo_sync.form_server import FormServer
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding, Phone, Report

SHOWN = 5  # phones that a finding names; the others are counted
REVOKE = "revoke_phone"  # as the journal calls it


def phones(mission: Mission, *, revoke: Sequence[str] = ()) -> Report:
    """The phones of the project; those named in *revoke* may submit no more from now on, and what they sent stays.

    Raises: ConfigError for a server that does not know phones, and for a name that no phone has; KoboError.
    """
    started_at = mission.clock()
    server = server_of_phones(mission)
    there = server.phones()
    unknown = sorted(set(revoke) - {phone.name for phone in there})
    if unknown:
        names = ", ".join(phone.name for phone in there) or "none"
        raise ConfigError(
            f"there is no phone called {unknown[0]!r}", file="the project", key="--revoke", hint=f"there are: {names}"
        )
    lines = []
    left = [phone for phone in there if phone.name not in revoke]
    for phone in there:
        if phone.name in revoke:
            server.revoke_phone(phone.key)
            journal.note(mission.desk, REVOKE, phone.key, by=mission.doer, now=mission.clock())
            lines.append(f"{phone.name}: revoked; what it sent stays")
        else:
            lines.append(_line(mission, phone))
    n_revoked = sum(phone.name in revoke for phone in there)
    counts = {"phones": len(there) - n_revoked, "revoked": n_revoked}
    return mission.report(
        "phones", started_at, counts, [*of_no_zone(mission, left)], lines or ["no phone is enrolled yet"]
    )


def goes_by_zone(mission: Mission) -> bool:
    """Whether each phone gets the participants of its own zone."""
    roster = mission.config.roster
    return bool(roster and roster.by_zone)


def without_zone(mission: Mission, there: Sequence[Phone]) -> list[str]:
    """The names of those that get an empty list: they have no zone of the mission, and the list goes by zone."""
    if not goes_by_zone(mission):
        return []
    return [phone.name for phone in there if mission.config.zone(phone.zone) is None]


def of_no_zone(mission: Mission, there: Sequence[Phone]) -> Iterator[Finding]:
    """A finding when phones get an empty list, with the first of them."""
    if names := without_zone(mission, there):
        shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
        message = f"{len(names)} phones have no zone of the mission and show an empty list of participants: {shown}"
        hint = (
            "give each its zone: `kobo-sync enrol NAME --zone CODE`; its code stays the same, nothing is scanned anew"
        )
        yield Finding("PHONE001", "warning", "roster.by_zone", message, hint)


def server_of_phones(mission: Mission) -> FormServer:
    """The server, where it knows each phone by itself. Raises: ConfigError."""
    server = mission.deployer()
    if not server.features.knows_phones:
        raise ConfigError(
            f"{server.features.name} knows accounts, not phones",
            file=MISSION_FILE,
            key="server.kind",
            hint="close the account there; the station's accounts are those of `kobo-sync station accounts`",
        )
    return server


def _line(mission: Mission, phone: Phone) -> str:
    added = mission.local(phone.added)
    name = f"{phone.name} ({phone.zone or '–'})" if phone.zone or goes_by_zone(mission) else phone.name
    if phone.last_used:
        return f"{name}: since {added}, last used {mission.local(phone.last_used)}"
    return f"{name}: since {added}, not used yet"

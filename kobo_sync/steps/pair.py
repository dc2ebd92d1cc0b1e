"""The station paired with KoboToolbox: it serves the deployed forms byte for byte, so that phones send what the server expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kobo_sync.databases.inspection import read_only
from kobo_sync.errors import ConfigError, KoboError, KoboRejected, KoboSyncError
from kobo_sync.form_server import TRASHED, FormServer
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Asset, BlankForm, Finding, Report
from kobo_sync.station import Station
from kobo_sync.station.accounts import ADMINISTRATION
from kobo_sync.station.pairing import PairedForm, Pairing, pair, pairings
from kobo_sync.steps.form_faults import is_of_one_form
from kobo_sync.steps.projects import Projects, uid_or_finding

PAIR = "PAIR001"


def pair_station(mission: Mission, station: Station, *, form_ids: Sequence[str] = ()) -> Report:
    """Download the mission's deployed forms and media, and have *station* serve them from now on.

    Each form whole or not at all; one that cannot be had is a finding, and the others go on. Safe to repeat: what is
    as before is not touched, and what phones sent is kept whatever is downloaded.
    Raises: KoboUnreachable, KoboRefused, ConfigError.
    """
    started_at = mission.clock()
    client = mission.reader()
    findings: list[Finding] = []
    lines: list[str] = []
    counts = {"paired": 0, "updated": 0, "unchanged": 0, "failed": 0}
    offered = client.blank_forms()
    projects = Projects(mission, client)
    to_pair = list(form_ids or mission.config.forms)
    for done, form_id in enumerate(to_pair):
        mission.progress("pair", done, len(to_pair))
        n_findings = len(findings)
        try:
            uid = uid_or_finding(projects, form_id, findings)
            if not uid:
                if len(findings) == n_findings:
                    findings.append(_absent(client, form_id, projects.absence(form_id)))
                counts["failed"] += 1
                continue
            form = _downloaded(mission, client, form_id, uid, offered)
            outcome = pair(station, form, mission.kc, ADMINISTRATION, mission.server_id)
        except KoboSyncError as error:
            # No server, or a token that is wrong for every form alike, ends it; a right that lacks is one form's.
            if isinstance(error, KoboError) and not is_of_one_form(error, client):
                raise
            counts["failed"] += 1
            hint = error.hint or "try again; what was paired before is still served"
            findings.append(Finding(PAIR, "error", form_id, f"not paired: {error.message}", hint, form_id=form_id))
            continue
        counts[outcome] += 1
        lines.append(f"{form_id}: {outcome} ({uid}, version {offered[uid].version})")
    mission.progress("pair", len(to_pair), len(to_pair))
    return mission.report("station pair", started_at, counts, findings, lines)


def _absent(client: FormServer, form_id: str, reason: str) -> Finding:
    hint = "deploy it, or have the owner share it with this account; until then the station serves the local form"
    if client.features.forms_have_own_ids:
        try:
            client.asset(form_id)
        except KoboRejected as error:  # it says when it lies in the trash
            hint = error.hint if error.code == TRASHED else hint
    return Finding(PAIR, "error", form_id, f"not paired: {reason}", hint, form_id=form_id)


def _downloaded(
    mission: Mission, client: FormServer, form_id: str, uid: str, offered: Mapping[str, BlankForm]
) -> PairedForm:
    """Raises: ConfigError when phones are not offered it; KoboError."""
    blank = offered.get(uid)
    if blank is None and client.features.forms_have_own_ids:
        client.asset(uid)  # says when it lies in the trash
        raise ConfigError(
            "phones are not offered it: it is closed, or this account may not submit to it",
            file=client.features.name,
            key=uid,
            hint="have a manager of the project open it there (the form's settings, state: open), and give this account the right to submit",
        )
    if blank is None:
        raise ConfigError(
            "phones are not offered it: it is archived, or this account may not submit to it",
            file=client.features.name,
            key=uid,
            hint="have the owner deploy it, and share it with this account (add submissions)",
        )
    downloaded = client.download_form(blank)
    asset, _ = client.asset(uid)
    return PairedForm(
        form_id=form_id,
        asset_uid=uid,
        name=blank.name or asset.name,
        version=blank.version,
        hash=blank.hash,
        form_uuid=downloaded.form_uuid,
        version_uid=downloaded.version_uid or asset.deployed_version,
        xform=downloaded.xform,
        media=downloaded.media,
        workbook=client.workbook(uid),
        mark=_mark(mission, form_id, asset),
    )


def _mark(mission: Mission, form_id: str, asset: Asset) -> dict[str, str]:
    """Our mark, also on a project that was adopted: by it the station's API says which form it is."""
    config = mission.config.mission
    mark = {"mission": config.code, "workspace": config.id, "asset": asset.asset_uid, "form_id": form_id}
    return {**asset.fingerprint, **mark, "version_id": asset.version_id}


# ── what became of it ──


@dataclass(frozen=True)
class PairState:
    """A paired form beside what the server offers now; *reason* is empty when both are the same.

    *is_offered*: phones get it there; of one that they do not get, no pairing anew can help.
    """

    pairing: Pairing
    reason: str = ""
    is_offered: bool = True


def pair_states(client: FormServer, paired: Mapping[str, Pairing], server: str) -> Iterator[PairState]:
    """Each pairing, and in what the *server* and project of the settings have gone on since. Raises: KoboError."""
    offered = client.blank_forms()
    for each in paired.values():
        blank = offered.get(each.asset_uid)
        if client.features.forms_have_own_ids and each.server != server:
            yield PairState(each, f"the station has it from another project than {server}")
        elif blank is None:
            yield PairState(each, "the server offers it to phones no more", is_offered=False)
        elif (blank.hash, blank.version) != (each.hash, each.version):
            yield PairState(each, f"the server has version {blank.version}, the station {each.version}")
        elif blank.manifest and (client.manifest(each.asset_uid) or {}) != dict(each.media):
            yield PairState(each, "its lists or pictures have changed on the server")
        else:
            yield PairState(each)


def paired_forms(mission: Mission) -> dict[str, Pairing]:
    """form_id → pairing of this workspace's station; none without a station. Nothing is brought up or changed."""
    import sqlite3

    path = mission.workspace.state / "station.sqlite"
    if not path.is_file():
        return {}
    try:
        with read_only(path) as connection:
            connection.row_factory = sqlite3.Row
            return pairings(connection)
    except sqlite3.Error:  # from before there were pairings; or damaged, which the look at the databases says
        return {}
